package main

import (
	"os"
	"testing"

	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
)

func TestRecordsHaveOfAChartWhatHelmReads(t *testing.T) {
	loaded, err := loader.LoadDir("../../../charts/juicefs")
	if err != nil {
		t.Fatal(err)
	}
	path, err := chartutil.Save(loaded, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	archive, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	kept, err := loadChart(0, archive)
	if err != nil {
		t.Fatal(err)
	}
	if kept.Metadata.Name != "juicefs" || len(kept.Values) == 0 {
		t.Errorf("%v has no name or no values", kept)
	}
	if len(kept.Schema)+len(kept.Templates)+len(kept.Files) > 0 {
		t.Errorf("%d bytes of schema, %d templates and %d files are kept", len(kept.Schema), len(kept.Templates), len(kept.Files))
	}
}
