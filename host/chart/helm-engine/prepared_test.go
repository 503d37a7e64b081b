package main

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

func outcome(done *result, err error) string {
	if err != nil {
		// Helm writes what is wrong with values in any order.
		lines := strings.Split(err.Error(), "\n")
		slices.Sort(lines)
		return "error: " + strings.Join(lines, "\n")
	}
	var hooks []string
	for _, hook := range done.hooks {
		hooks = append(hooks, hook.Path, hook.Manifest)
	}
	return strings.Join(append(hooks, done.manifest, done.notes), "\n")
}

func TestPreparedChartsRenderAsOthers(t *testing.T) {
	prepared := 0
	for _, example := range exampleRenders(t) {
		if strings.Contains(example.name, "/sprig/") {
			continue // Certificates and random numbers.
		}
		expected := outcome(wholeRender(t, example))
		// Twice, since nothing of a render may be left in the next.
		for range 2 {
			if actual := outcome(renderChart(example.loaded, example.wanted())); actual != expected {
				t.Errorf("%s: expected\n%s\nbut was\n%s", example.name, expected, actual)
			}
		}
		if example.loaded.prepared != nil {
			prepared++
		}
	}
	if prepared < 50 {
		t.Errorf("only %d renders had a prepared chart", prepared)
	}
}

func TestTheProjectsChartsArePrepared(t *testing.T) {
	for _, example := range exampleRenders(t) {
		if strings.Contains(example.name, "/plugins/") && example.loaded.ready(example.wanted().Values) == nil {
			t.Errorf("%s is not", example.name)
		}
	}
}

// BenchmarkRender renders JuiceFS' chart as the host asks for it. `go test -bench . -benchtime 500x -cpuprofile FILE` says where the time goes.
func BenchmarkRender(b *testing.B) {
	for _, example := range exampleRenders(b) {
		if !strings.HasSuffix(example.name, "juicefs/tests/cases/golden/cache-directories.values.yaml") {
			continue
		}
		asked, err := json.Marshal(example.wanted())
		if err != nil {
			b.Fatal(err)
		}
		run := func(name string, loaded *loadedChart) {
			b.Run(name, func(b *testing.B) {
				for b.Loop() {
					var wanted request
					if err := json.Unmarshal(asked, &wanted); err != nil {
						b.Fatal(err)
					}
					done, err := renderChart(loaded, &wanted)
					if err != nil {
						b.Fatal(err)
					}
					answer(done.frames()...)
				}
			})
		}
		run("prepared", example.loaded)
		run("whole", &loadedChart{Chart: example.loaded.Chart, schemas: schemas{}, wasPrepared: true})
	}
}
