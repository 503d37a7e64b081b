package main

import (
	"encoding/json"
	"math/rand"
	"os"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"helm.sh/helm/v3/pkg/releaseutil"
	"sigs.k8s.io/yaml"
)

// checkPlain compares with Helm's parser what is read of a document, and returns whether it is plain.
func checkPlain(t *testing.T, document string) bool {
	t.Helper()
	object, head, ok := plainObject(document)
	if !ok {
		return false
	}
	helms, err := yaml.YAMLToJSON([]byte(document))
	if err != nil {
		t.Fatalf("Helm refuses %q: %s", document, err)
	}
	var actual, expected interface{}
	if err := json.Unmarshal(object, &actual); err != nil {
		t.Fatalf("%q became %s: %s", document, object, err)
	}
	if err := json.Unmarshal(helms, &expected); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(actual, expected) {
		t.Fatalf("%q became %s, and Helm makes %s of it", document, object, helms)
	}
	var helmsMap map[string]interface{}
	if err := yaml.Unmarshal([]byte(document), &helmsMap); err != nil || !reflect.DeepEqual(fromYAML(document), helmsMap) {
		t.Fatalf("the template function makes %v of %q, and Helm's %v, %v", fromYAML(document), document, helmsMap, err)
	}
	var helmsHead releaseutil.SimpleHead
	if err := json.Unmarshal(helms, &helmsHead); err != nil || !reflect.DeepEqual(head, helmsHead) {
		t.Fatalf("the head of %q is %v, and for Helm %v, %v", document, head, helmsHead, err)
	}
	return true
}

func exampleDocuments(t testing.TB) (own, others []string) {
	t.Helper()
	for _, example := range exampleRenders(t) {
		done, err := wholeRender(t, example)
		if err != nil {
			continue
		}
		for _, m := range done.manifests {
			if strings.Contains(example.name, "/plugins/") {
				own = append(own, m.Content)
			} else {
				others = append(others, m.Content)
			}
		}
	}
	return own, others
}

func TestPlainDocumentsAreReadAsHelmReadsThem(t *testing.T) {
	own, others := exampleDocuments(t)
	plain := 0
	for _, document := range append(own, others...) {
		if checkPlain(t, document) {
			plain++
		}
	}
	if all := len(own) + len(others); plain < all/2 {
		t.Errorf("only %d of %d documents are plain", plain, all)
	}
	for _, document := range own {
		if _, _, ok := plainObject(document); !ok && isASCII(document) {
			t.Errorf("a document of an own chart is not plain:\n%s", document)
		}
	}
}

func isASCII(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r > 126 })
}

var plainTexts = []string{
	"a: 1", "a:\n- b\n- c: d\n  e: f\n-   g: h\n    i: 1\nj: k", "a:\n  - b", "a: |\n  b\n   c\n\n  d\ne: |-\n  f\n\ng: |\n  h\n", "a: |\n  b",
	`a: "b\n\u00e9" `, "a: 'it''s'", `a: {"b": [1, -2, true, null, "x: #y"], "c": {}}`, "a:\nb:", "# c\na: b\n   # c\nc: d", "a: http://b:1/c?d#e",
	"kind: A\napiVersion: v1\nmetadata:\n  name: b\n  annotations:\n    c: d", "a: -1\nb: 0\nc: 123456789012345678", "- a: b", "a: 0755\nb: 00", "a:\n-\n- b", "a: {b: c, d:   [e, -f, /g, 1]}", "a: -b",
}

func TestPlainTexts(t *testing.T) {
	for _, text := range plainTexts {
		if !checkPlain(t, text) && text[0] != '-' {
			t.Errorf("%q is not plain", text)
		}
	}
}

func TestWhatIsNotPlainIsLeftToHelm(t *testing.T) {
	for _, text := range []string{
		"", "a", "# a", "a: b: c", "a: b # c", "a: yes", "on: b", "a: 0o755", "a: 0789", "a: 0_7", "a: 1.5", "a: 1_000", "a: 2001-12-14", "a: .inf", "a: ~", "a: &b c", "a: *b",
		"a: !!str 1", "a: >\n  b", "a: |2\n   b", "a: |\n\n  b", "a: b\n  c", "a: 1\na: 2", `a: {"b": 1, "b": 2}`, `a: {"b": 1.0}`, "a: {b:1}", "a: {b}", "a: [b c]", "a: [b: c]", "a: {yes: 1}", "a: [-_1]", "a: -_1", "a: [1.5]",
		"a: \"b\n  c\"", `a: "\x41"`, `a: "\/"`, `a: "\ud83d\ude00"`, "a: é", "a:\tb", "a: b\r\nc: d", "<<: a", `a: {"<<": {}}`, "a:\n - b\n- c", "a:\n   b: c\n  d: e",
		"- - a", "? a", "a: @b", "a: `b`", "a: %b", "a: 'b' c", "a: 'it's'", "Kind: a", "kind: 1", "metadata: a", "metadata:\n  annotations:\n    a: 1", "a: =",
		"a: 123456789012345678901", "---\na: b", "a: b\n...", "a: {\"b\": 1,}", "a: [1 2]", "a: {\"b\" 1}", "a: {,}",
	} {
		if checkPlain(t, text) {
			t.Errorf("%q is plain", text)
		}
	}
}

// TestNearlyPlainDocumentsAreReadAsHelmReadsThem changes a few characters or lines of each document. WASSER_MUTATIONS is how often.
func TestNearlyPlainDocumentsAreReadAsHelmReadsThem(t *testing.T) {
	times := 20
	if more, err := strconv.Atoi(os.Getenv("WASSER_MUTATIONS")); err == nil {
		times = more
	}
	random := rand.New(rand.NewSource(1))
	own, others := exampleDocuments(t)
	plain := 0
	for _, document := range append(append(own, others...), plainTexts...) {
		for range times {
			if checkPlain(t, strings.TrimSpace(mutated(random, document))) {
				plain++
			}
		}
	}
	if plain < 10*times {
		t.Errorf("only %d documents were plain", plain)
	}
}

func mutated(random *rand.Rand, document string) string {
	pieces := []string{"", " ", "  ", "\n", "\n\n", ":", ": ", "- ", "-", "#", " #", "\"", "'", "''", "{", "}", "[", "]", ",", "|", "|-", ">", "\\", "\\n", "\\u0041",
		"0", "7", "1.5", "~", "null", "yes", "y", "true", "<<", "&a ", "*a", "!", "%", "@", "?", "=", "_", ".", "/", "---", "...", "é", "\t", "kind: ", "Metadata:"}
	for range 1 + random.Intn(3) {
		if document == "" {
			return ""
		}
		at := random.Intn(len(document))
		switch random.Intn(4) {
		case 0:
			document = document[:at] + pieces[random.Intn(len(pieces))] + document[at:]
		case 1:
			document = document[:at] + pieces[random.Intn(len(pieces))] + document[at+1:]
		case 2:
			lines := strings.Split(document, "\n")
			from, to := random.Intn(len(lines)), random.Intn(len(lines))
			lines[to] = lines[from]
			document = strings.Join(lines, "\n")
		case 3:
			lines := strings.Split(document, "\n")
			at := random.Intn(len(lines))
			if random.Intn(2) == 0 {
				lines[at] = strings.TrimPrefix(lines[at], "  ")
			} else {
				lines[at] = " " + lines[at]
			}
			document = strings.Join(lines, "\n")
		}
	}
	return document
}

func FuzzPlainDocuments(f *testing.F) {
	own, others := exampleDocuments(f)
	for _, document := range append(append(own, others...), plainTexts...) {
		f.Add(document)
	}
	f.Fuzz(func(t *testing.T, document string) { checkPlain(t, strings.TrimSpace(document)) })
}
