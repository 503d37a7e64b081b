package main

import (
	"os"
	"path/filepath"
	"testing"

	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
)

// exampleRender is a chart with values that it is rendered with in other tests.
type exampleRender struct {
	name   string
	loaded *loadedChart
	wanted func() *request
}

// exampleRenders returns the renders of the corpus, and those of the project's own charts.
func exampleRenders(t testing.TB) []exampleRender {
	t.Helper()
	var found []exampleRender
	add := func(directory string, values []string) {
		loaded, err := loader.LoadDir(directory)
		if err != nil {
			return
		}
		shared := &loadedChart{Chart: loaded, schemas: schemas{}}
		for _, path := range values {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			wanted := func() *request {
				given, err := chartutil.ReadValues(text)
				if err != nil {
					t.Fatal(path, err)
				}
				return &request{Name: "demo", Namespace: "ns", Revision: 1, KubeVersion: "v1.33.0", Values: given}
			}
			found = append(found, exampleRender{path, shared, wanted})
		}
	}
	for _, directory := range matching(t, "../tests/corpus/*/chart") {
		add(directory, matching(t, filepath.Join(directory, "../cases/*.yaml")))
	}
	for _, directory := range matching(t, "../../../charts/*") {
		name := filepath.Base(directory)
		add(directory, matching(t, filepath.Join("../../../plugins", name, "tests/cases/golden/*.values.yaml")))
	}
	if len(found) < 100 {
		t.Fatalf("there are only %d renders", len(found))
	}
	return found
}

func matching(t testing.TB, pattern string) []string {
	t.Helper()
	found, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// wholeRender has Helm do all of a render.
func wholeRender(t testing.TB, example exampleRender) (*result, error) {
	t.Helper()
	alone := &loadedChart{Chart: example.loaded.Chart, schemas: example.loaded.schemas, wasPrepared: true}
	return renderChart(alone, example.wanted())
}
