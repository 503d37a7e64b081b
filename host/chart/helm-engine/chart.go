package main

import (
	"bytes"
	"fmt"
	"strings"

	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chart/loader"
)

// Charts by the number that the host gave them. They are never changed: a render works on a copy.
var charts = map[uint32]*loadedChart{}

type loadedChart struct {
	*chart.Chart
	schemas schemas
	// What renders have in common; nil before the first, and if there is nothing.
	prepared    *prepared
	wasPrepared bool
}

// ready returns what renders with such values have in common.
func (loaded *loadedChart) ready(values map[string]interface{}) *prepared {
	if !loaded.wasPrepared {
		loaded.prepared, loaded.wasPrepared = prepare(loaded.Chart), true
	}
	if loaded.prepared == nil || !loaded.prepared.fits(values) {
		return nil
	}
	return loaded.prepared
}

// forget has the next render begin with templates that nothing was executed of: one that ends within a template may leave Helm's count of nested
// templates as it was.
func (loaded *loadedChart) forget() {
	loaded.prepared, loaded.wasPrepared = nil, false
}

// record is what a release record keeps of a chart: enough for `helm ls`, `get values --all`, `history` and `rollback`. Templates, files and
// the schema are left out, nobody reads them from a record and they are most of its size.
type record struct {
	Metadata  *chart.Metadata        `json:"metadata"`
	Lock      *chart.Lock            `json:"lock"`
	Templates []*chart.File          `json:"templates"`
	Values    map[string]interface{} `json:"values"`
	Schema    []byte                 `json:"schema"`
	Files     []*chart.File          `json:"files"`
}

func loadChart(number uint32, archive []byte) (*record, error) {
	loaded, err := loader.LoadArchive(bytes.NewReader(archive))
	if err != nil {
		return nil, err
	}
	switch loaded.Metadata.Type {
	case "", "application":
	default:
		return nil, fmt.Errorf("%s charts are not installable", loaded.Metadata.Type)
	}
	if err := checkDependencies(loaded); err != nil {
		return nil, err
	}
	charts[number] = &loadedChart{Chart: loaded, schemas: schemas{}}
	return &record{Metadata: loaded.Metadata, Lock: loaded.Lock, Templates: []*chart.File{}, Values: loaded.Values, Files: []*chart.File{}}, nil
}

// checkDependencies refuses a chart whose Chart.yaml names subcharts that are not packed into it, as `helm install` does.
func checkDependencies(c *chart.Chart) error {
	var missing []string
wanted:
	for _, dependency := range c.Metadata.Dependencies {
		for _, present := range c.Dependencies() {
			if present.Name() == dependency.Name {
				continue wanted
			}
		}
		missing = append(missing, dependency.Name)
	}
	if len(missing) > 0 {
		return missingDependencies(missing)
	}
	return nil
}

// fresh copies what Helm changes while it resolves dependencies; the rest is shared.
func fresh(c *chart.Chart) *chart.Chart {
	metadata := *c.Metadata
	if metadata.Dependencies != nil {
		metadata.Dependencies = make([]*chart.Dependency, len(c.Metadata.Dependencies))
		for i, dependency := range c.Metadata.Dependencies {
			if dependency != nil {
				copied := *dependency
				metadata.Dependencies[i] = &copied
			}
		}
	}
	copied := &chart.Chart{Metadata: &metadata, Lock: c.Lock, Templates: c.Templates, Values: c.Values, Schema: c.Schema, Files: c.Files}
	for _, dependency := range c.Dependencies() {
		copied.AddDependency(fresh(dependency))
	}
	return copied
}

func missingDependencies(names []string) error {
	return fmt.Errorf("An error occurred while checking for chart dependencies. You may need to run `helm dependency build` to fetch missing "+
		"dependencies: found in Chart.yaml, but missing in charts/ directory: %s", strings.Join(names, ", "))
}
