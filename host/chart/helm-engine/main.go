// Helm's template engine as a WebAssembly reactor: a chart archive and values go in, what `helm template` prints comes out.
//
// The host writes into memory that it got from alloc, calls load once per chart and render as often as it likes. There is one call at a
// time, and what a call returns stays valid until the next.
package main

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"log"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"unsafe"
)

// The two buffers are reachable from here so that the collector keeps them.
var input, output []byte

const (
	// Bytes of memory from which on Go collects garbage all the time; the host allows twice as many.
	softLimit = 256 << 20
	// Bytes in the heap beyond those that are used, as far as is known, that are left alone between renders. Collecting takes longer than rendering, so
	// it has to be worth it.
	allowedGarbage = 10 << 20
)

func main() {}

func init() {
	// The host prefixes what it logs.
	log.SetFlags(0)
	// The host has garbage collected between renders. With these, an ordinary one ends before Go would begin to.
	debug.SetGCPercent(300)
	debug.SetMemoryLimit(softLimit)
}

//go:wasmexport alloc
func alloc(size uint32) uint32 {
	if uint32(cap(input)) < size || size == 0 {
		input = make([]byte, size, size+1)
	}
	input = input[:size]
	return address(input)
}

//go:wasmexport load
func load(number uint32) uint64 {
	loaded, err := loadChart(number, input)
	if err != nil {
		return answer(failure(err))
	}
	encoded, err := json.Marshal(loaded)
	if err != nil {
		return answer(failure(err))
	}
	return answer([]byte("{}"), encoded)
}

//go:wasmexport unload
func unload(number uint32) {
	delete(charts, number)
}

//go:wasmexport render
func render(number uint32) uint64 {
	loaded, ok := charts[number]
	if !ok {
		return answer(failure(fmt.Errorf("chart %d was not loaded", number)))
	}
	var wanted request
	if err := json.Unmarshal(input, &wanted); err != nil {
		return answer(failure(fmt.Errorf("the values cannot be read: %w", err)))
	}
	done, err := renderChart(loaded, &wanted)
	if err != nil {
		return answer(failure(err))
	}
	return answer(done.frames()...)
}

// collect is called when nobody waits for an answer. It returns whether there was enough to collect.
//
//go:wasmexport collect
func collect() uint32 {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/gc/heap/live:bytes"}}
	metrics.Read(sample)
	if sample[0].Value.Uint64() <= sample[1].Value.Uint64()+allowedGarbage {
		return 0
	}
	runtime.GC()
	return 1
}

func failure(err error) []byte {
	encoded, _ := json.Marshal(map[string]string{"error": err.Error()})
	return encoded
}

// answer joins frames, each with its length before it, and returns where they are: address in the upper half, size in the lower.
func answer(frames ...[]byte) uint64 {
	size := 0
	for _, frame := range frames {
		size += 4 + len(frame)
	}
	if cap(output) < size || cap(output) > 4<<20 {
		output = make([]byte, 0, size)
	}
	output = output[:0]
	for _, frame := range frames {
		output = binary.LittleEndian.AppendUint32(output, uint32(len(frame)))
		output = append(output, frame...)
	}
	return uint64(address(output))<<32 | uint64(len(output))
}

func address(buffer []byte) uint32 {
	return uint32(uintptr(unsafe.Pointer(unsafe.SliceData(buffer))))
}
