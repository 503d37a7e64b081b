package main

import (
	"encoding/json"
	"strconv"
	"strings"

	"helm.sh/helm/v3/pkg/releaseutil"
	"sigs.k8s.io/yaml"
)

const (
	// Keys of one mapping, and levels below each other, up to which a document is plain.
	plainKeys, plainDepth = 100, 50
	// Characters of a key; YAML allows a few more.
	plainKey = 1000
)

// plainYAML reads a document of the YAML that most charts are made of: mappings and sequences in blocks, JSON, scalars on one line, and literal
// text. The answer is nil for everything else, even if it is correct: whatever YAML 1.1, 1.2 and Helm's parser could understand differently
// is left to that parser, which takes ten times as long.
func plainYAML(document string) *plainReader {
	for i := 0; i < len(document); i++ {
		if c := document[i]; (c < ' ' && c != '\n') || c > '~' {
			return nil
		}
	}
	r := &plainReader{text: document, out: make([]byte, 0, len(document)+len(document)/4)}
	if !r.next() || !r.mapping(r.indent) || !r.ended {
		return nil
	}
	return r
}

// plainObject returns a plain document as JSON, and its head.
func plainObject(document string) (object []byte, head releaseutil.SimpleHead, ok bool) {
	r := plainYAML(document)
	if r == nil || json.Unmarshal(r.head(), &head) != nil {
		return nil, releaseutil.SimpleHead{}, false
	}
	return r.out, head, true
}

// fromYAML is the function of that name in templates, which labels and the like pass through.
func fromYAML(text string) map[string]interface{} {
	read := map[string]interface{}{}
	var err error
	if r := plainYAML(text); r != nil {
		err = json.Unmarshal(r.out, &read)
	} else {
		err = yaml.Unmarshal([]byte(text), &read)
	}
	if err != nil {
		read["Error"] = err.Error()
	}
	return read
}

// plainReader is at a line, of which the indentation has been read.
type plainReader struct {
	text, line string
	// Where the next line begins, and the blanks before this one.
	position, indent int
	ended            bool
	out              []byte
	// The keys of the mappings that are open, the innermost last.
	keys  []string
	depth int
	// What the document's own mapping has at the keys that a head is made of.
	version, kind, metadata []byte
}

// next goes to the next line that is neither blank nor a comment, and returns false if there is none.
func (r *plainReader) next() bool {
	for r.position < len(r.text) {
		line, _, _ := strings.Cut(r.text[r.position:], "\n")
		r.position += len(line) + 1
		content := strings.TrimLeft(line, " ")
		if content != "" && content[0] != '#' {
			r.indent, r.line = len(line)-len(content), strings.TrimRight(content, " ")
			return true
		}
	}
	r.line, r.ended = "", true
	return false
}

func (r *plainReader) isAt(indent int) bool { return !r.ended && r.indent == indent }

// isOut returns whether the block with this indentation ends here. Lines that are indented further would go on with a scalar.
func (r *plainReader) isOut(indent int) bool { return r.ended || r.indent < indent }

func isItem(line string) bool { return line == "-" || strings.HasPrefix(line, "- ") }

func (r *plainReader) mapping(indent int) bool {
	if r.depth++; r.depth > plainDepth {
		return false
	}
	known := len(r.keys)
	r.out = append(r.out, '{')
	for r.isAt(indent) {
		key, rest, ok := plainPair(r.line)
		if !ok || !r.key(key, known) {
			return false
		}
		begin := len(r.out)
		if !r.value(rest, indent, true) || !r.keep(key, begin) {
			return false
		}
	}
	r.keys = r.keys[:known]
	r.out = append(r.out, '}')
	r.depth--
	return r.isOut(indent)
}

// key writes a key of the mapping whose keys begin at known. One that is there already is for Helm's parser to judge.
func (r *plainReader) key(key string, known int) bool {
	if len(r.keys)-known >= plainKeys {
		return false
	}
	for _, other := range r.keys[known:] {
		if other == key {
			return false
		}
	}
	if len(r.keys) > known {
		r.out = append(r.out, ',')
	}
	r.keys = append(r.keys, key)
	r.out = append(append(append(r.out, '"'), key...), '"', ':')
	return true
}

// keep remembers what the head is made of. encoding/json would take keys in other cases for the same.
func (r *plainReader) keep(key string, begin int) bool {
	if r.depth != 1 {
		return true
	}
	switch key {
	case "apiVersion":
		r.version = r.out[begin:]
	case "kind":
		r.kind = r.out[begin:]
	case "metadata":
		r.metadata = r.out[begin:]
	default:
		return !strings.EqualFold(key, "apiVersion") && !strings.EqualFold(key, "kind") && !strings.EqualFold(key, "metadata")
	}
	return true
}

func (r *plainReader) head() []byte {
	head := []byte{'{'}
	for _, field := range []struct {
		name  string
		value []byte
	}{{"apiVersion", r.version}, {"kind", r.kind}, {"metadata", r.metadata}} {
		if field.value != nil {
			head = append(append(append(append(append(head, '"'), field.name...), '"', ':'), field.value...), ',')
		}
	}
	if len(head) > 1 {
		head = head[:len(head)-1]
	}
	return append(head, '}')
}

func (r *plainReader) sequence(indent int) bool {
	if r.depth++; r.depth > plainDepth {
		return false
	}
	r.out = append(r.out, '[')
	for first := true; r.isAt(indent) && isItem(r.line); first = false {
		if !first {
			r.out = append(r.out, ',')
		}
		rest := strings.TrimLeft(r.line[1:], " ")
		ok := false
		if _, _, isPair := plainPair(rest); isPair {
			r.indent, r.line = indent+len(r.line)-len(rest), rest
			ok = r.mapping(r.indent)
		} else {
			ok = r.value(rest, indent, false)
		}
		if !ok {
			return false
		}
	}
	r.out = append(r.out, ']')
	r.depth--
	return r.ended || r.indent <= indent
}

// value reads what a key or an item has: the rest of its line, or the lines after it. A sequence may be as far in as the mapping that has it.
func (r *plainReader) value(rest string, indent int, ofMapping bool) bool {
	if rest == "" {
		switch {
		case !r.next() || r.indent < indent || (r.indent == indent && !(ofMapping && isItem(r.line))):
			r.out = append(r.out, "null"...)
			return true
		case isItem(r.line):
			return r.sequence(r.indent)
		default:
			return r.mapping(r.indent)
		}
	}
	ok := false
	switch rest[0] {
	case '|':
		ok = r.literal(rest, indent)
	case '\'':
		ok = r.single(rest)
	case '"', '{', '[':
		rest, ok = r.json(rest, r.depth)
		ok = ok && rest == ""
	default:
		ok = r.scalar(rest)
	}
	if !ok {
		return false
	}
	r.next()
	return true
}

// literal reads the lines after a `|` that are indented further than the block which it is in.
func (r *plainReader) literal(indicator string, indent int) bool {
	if indicator != "|" && indicator != "|-" {
		return false
	}
	r.out = append(r.out, '"')
	own, breaks, hasBreak := 0, 0, false
	for r.position < len(r.text) {
		line, _, more := strings.Cut(r.text[r.position:], "\n")
		blanks := len(line) - len(strings.TrimLeft(line, " "))
		if own == 0 {
			// Blank lines at the start may say how far in the text is.
			if blanks == len(line) || blanks <= indent {
				return false
			}
			own = blanks
		}
		if blanks == len(line) && blanks <= own {
			breaks++
		} else if blanks < own {
			break
		} else {
			for ; breaks > 0; breaks-- {
				r.out = append(r.out, '\\', 'n')
			}
			r.escaped(line[own:])
			breaks, hasBreak = 1, more
		}
		r.position += len(line) + 1
	}
	if own == 0 {
		return false
	}
	if indicator == "|" && hasBreak {
		r.out = append(r.out, '\\', 'n')
	}
	r.out = append(r.out, '"')
	return true
}

// single reads a text in single quotes.
func (r *plainReader) single(rest string) bool {
	text, ok := strings.CutSuffix(rest[1:], "'")
	if !ok || strings.Contains(strings.ReplaceAll(text, "''", ""), "'") {
		return false
	}
	r.quoted(strings.ReplaceAll(text, "''", "'"))
	return true
}

// scalar reads a scalar without quotes: a text that nothing else could be made of, a whole number, one with octal digits as the modes of files
// have, or one of JSON's words.
func (r *plainReader) scalar(text string) bool {
	if text == "true" || text == "false" || text == "null" || isInteger(text) {
		r.out = append(r.out, text...)
		return true
	}
	if mode, err := strconv.ParseUint(text, 8, 32); err == nil && text[0] == '0' {
		r.out = strconv.AppendUint(r.out, mode, 10)
		return true
	}
	if text == "" || !isPlainStart(text) || isWord(text) || text[len(text)-1] == ':' || strings.Contains(text, ": ") || strings.Contains(text, " #") {
		return false
	}
	r.quoted(text)
	return true
}

// json reads JSON of one line, as far as YAML says the same, and returns what follows. Keys and texts may go without quotes.
func (r *plainReader) json(text string, depth int) (rest string, ok bool) {
	if text == "" || depth > plainDepth {
		return "", false
	}
	switch text[0] {
	case '"':
		return r.double(text)
	case '{', '[':
		return r.collection(text, depth)
	}
	end := strings.IndexAny(text, ",]} ")
	if end < 0 {
		return "", false
	}
	word := text[:end]
	for i := 0; i < end; i++ {
		if !isKeyCharacter(word[i]) {
			return "", false
		}
	}
	return text[end:], r.scalar(word)
}

func (r *plainReader) collection(text string, depth int) (rest string, ok bool) {
	isMapping, end := text[0] == '{', byte(']')
	if isMapping {
		end = '}'
	}
	known := len(r.keys)
	r.out = append(r.out, text[0])
	rest = strings.TrimLeft(text[1:], " ")
	for first := true; rest == "" || rest[0] != end; first = false {
		if !first {
			if rest == "" || rest[0] != ',' {
				return "", false
			}
			r.out = append(r.out, ',')
			rest = strings.TrimLeft(rest[1:], " ")
		}
		if isMapping {
			if rest, ok = r.jsonKey(rest, known); !ok {
				return "", false
			}
		}
		if rest, ok = r.json(rest, depth+1); !ok {
			return "", false
		}
		rest = strings.TrimLeft(rest, " ")
	}
	r.keys = r.keys[:known]
	r.out = append(r.out, end)
	return rest[1:], true
}

func (r *plainReader) jsonKey(text string, known int) (rest string, ok bool) {
	begin := len(r.out)
	if text != "" && text[0] == '"' {
		if rest, ok = r.double(text); !ok || rest == "" || rest[0] != ':' {
			return "", false
		}
		rest = rest[1:]
	} else {
		plain := ""
		if plain, rest, ok = plainPair(text); !ok {
			return "", false
		}
		r.quoted(plain)
	}
	key := string(r.out[begin:])
	if len(key) > plainKey || len(r.keys)-known >= plainKeys || strings.Contains(key, `\`) || key == `"<<"` {
		return "", false
	}
	for _, other := range r.keys[known:] {
		if other == key {
			return "", false
		}
	}
	r.keys = append(r.keys, key)
	r.out = append(r.out, ':')
	return strings.TrimLeft(rest, " "), true
}

// double reads a text in double quotes with the escapes that JSON and YAML have in common.
func (r *plainReader) double(text string) (rest string, ok bool) {
	for i := 1; i < len(text); i++ {
		switch text[i] {
		case '"':
			r.out = append(r.out, text[:i+1]...)
			return text[i+1:], true
		case '\\':
			if i++; i == len(text) {
				return "", false
			}
			switch text[i] {
			case '"', '\\', 'b', 'f', 'n', 'r', 't':
			case 'u':
				if i += 4; i >= len(text) {
					return "", false
				}
				// Two of them may be one character.
				if code, err := strconv.ParseUint(text[i-3:i+1], 16, 16); err != nil || code >= 0xd800 {
					return "", false
				}
			default:
				return "", false
			}
		}
	}
	return "", false
}

func (r *plainReader) quoted(text string) {
	r.out = append(r.out, '"')
	r.escaped(text)
	r.out = append(r.out, '"')
}

func (r *plainReader) escaped(text string) {
	for i := 0; i < len(text); i++ {
		if text[i] == '"' || text[i] == '\\' {
			r.out = append(r.out, '\\')
		}
		r.out = append(r.out, text[i])
	}
}

// plainPair takes a line apart that begins with a key which can only be a text.
func plainPair(line string) (key, rest string, ok bool) {
	end := 0
	for end < len(line) && isKeyCharacter(line[end]) {
		end++
	}
	if end == 0 || end > plainKey || end == len(line) || line[end] != ':' || !isKeyStart(line[0]) {
		return "", "", false
	}
	key, rest = line[:end], line[end+1:]
	if (rest != "" && rest[0] != ' ') || isWord(key) {
		return "", "", false
	}
	return key, strings.TrimLeft(rest, " "), true
}

func isLetter(c byte) bool { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') }

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isKeyStart(c byte) bool { return isLetter(c) || c == '_' }

func isKeyCharacter(c byte) bool {
	return isLetter(c) || isDigit(c) || c == '_' || c == '-' || c == '.' || c == '/'
}

// isPlainStart returns whether no number, time or mark begins like this text.
func isPlainStart(text string) bool {
	return isKeyStart(text[0]) || text[0] == '/' || (text[0] == '-' && len(text) > 1 && isLetter(text[1]))
}

// isWord returns whether YAML takes a text for a truth value or for nothing, in some case.
func isWord(text string) bool {
	if len(text) > len("false") {
		return false
	}
	switch strings.ToLower(text) {
	case "y", "yes", "n", "no", "on", "off", "true", "false", "null":
		return true
	}
	return false
}

// isInteger returns whether a text is a number that is the same in YAML and JSON, and in 64 bits.
func isInteger(text string) bool {
	digits := strings.TrimPrefix(text, "-")
	if digits == "" || len(digits) > 18 || (digits[0] == '0' && text != "0") {
		return false
	}
	for i := 0; i < len(digits); i++ {
		if !isDigit(digits[i]) {
			return false
		}
	}
	return true
}
