package main

import (
	"fmt"
	"log"
	"path"
	"slices"
	"strings"
	"text/template"
	_ "unsafe" // For the functions of Helm's that it exports only together.

	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
)

// prepared is what all renders of a chart have in common, where it does not depend on values: the dependencies, resolved, and the templates,
// parsed. It is what engine.Render does before it executes templates.
type prepared struct {
	chart     *chart.Chart
	templates *template.Template
	// The names of the templates in Helm's order.
	order []string
}

// renderable is engine.renderable.
type renderable struct {
	tpl      string
	vals     chartutil.Values
	basePath string
}

//go:linkname initFunMap helm.sh/helm/v3/pkg/engine.Engine.initFunMap
func initFunMap(engine.Engine, *template.Template)

//go:linkname allTemplates helm.sh/helm/v3/pkg/engine.allTemplates
func allTemplates(*chart.Chart, chartutil.Values) map[string]renderable

//go:linkname sortTemplates helm.sh/helm/v3/pkg/engine.sortTemplates
func sortTemplates(map[string]renderable) []string

//go:linkname cleanupExecError helm.sh/helm/v3/pkg/engine.cleanupExecError
func cleanupExecError(filename string, err error) error

//go:linkname coalesce helm.sh/helm/v3/pkg/chartutil.coalesce
func coalesce(printf func(string, ...interface{}), c *chart.Chart, values map[string]interface{}, prefix string, merge bool) (map[string]interface{}, error)

// prepare returns nil if it depends on values what the chart consists of, or if something is wrong with it: Helm itself then does all of it
// in each render, and says what is wrong.
func prepare(c *chart.Chart) *prepared {
	if dependsOnValues(c) {
		return nil
	}
	resolved := fresh(c)
	if err := chartutil.ProcessDependenciesWithMerge(resolved, map[string]interface{}{}); err != nil {
		return nil
	}
	all := allTemplates(resolved, chartutil.Values{"Values": chartutil.Values{}})
	done := &prepared{chart: resolved, templates: template.New("gotpl"), order: sortTemplates(all)}
	done.templates.Option("missingkey=zero")
	initFunMap(engine.Engine{}, done.templates)
	done.templates.Funcs(template.FuncMap{"fromYaml": fromYAML})
	for _, name := range done.order {
		if _, err := done.templates.New(name).Parse(all[name].tpl); err != nil {
			return nil
		}
	}
	return done
}

// dependsOnValues returns whether values decide which subcharts there are, or go from one into another.
func dependsOnValues(c *chart.Chart) bool {
	for _, dependency := range c.Metadata.Dependencies {
		if dependency == nil || dependency.Condition != "" || dependency.Alias != "" || len(dependency.Tags)+len(dependency.ImportValues) > 0 {
			return true
		}
	}
	return slices.ContainsFunc(c.Dependencies(), dependsOnValues)
}

// fits returns whether Helm could resolve the dependencies with these values: those of a subchart are a table. It looks for those of each chart at
// the root as well.
func (ready *prepared) fits(values map[string]interface{}) bool {
	var all func(*chart.Chart) bool
	all = func(c *chart.Chart) bool {
		return haveTables(c, values) && !slices.ContainsFunc(c.Dependencies(), func(sub *chart.Chart) bool { return !all(sub) })
	}
	return all(ready.chart)
}

func haveTables(c *chart.Chart, values map[string]interface{}) bool {
	for _, subchart := range c.Dependencies() {
		own, present := values[subchart.Name()]
		if !present {
			continue
		}
		if table, ok := own.(map[string]interface{}); !ok || !haveTables(subchart, table) {
			return false
		}
	}
	return true
}

// top does what chartutil.ToRenderValues does, and gives the values away that it would copy.
func (ready *prepared) top(values map[string]interface{}, options chartutil.ReleaseOptions, capabilities *chartutil.Capabilities) (chartutil.Values, error) {
	top, err := chartutil.ToRenderValuesWithSchemaValidation(&chart.Chart{Metadata: ready.chart.Metadata}, nil, options, capabilities, true)
	if err != nil {
		return nil, err
	}
	merged, err := coalesce(log.Printf, ready.chart, values, "", false)
	top["Values"] = chartutil.Values(merged)
	return top, err
}

// render executes the templates as engine.Render does.
func (ready *prepared) render(top chartutil.Values) (files map[string]string, err error) {
	defer func() {
		if caught := recover(); caught != nil {
			err = fmt.Errorf("rendering template failed: %v", caught)
		}
	}()
	all := allTemplates(ready.chart, top)
	files = make(map[string]string, len(ready.order))
	for _, name := range ready.order {
		if strings.HasPrefix(path.Base(name), "_") {
			continue
		}
		values := all[name].vals
		values["Template"] = chartutil.Values{"Name": name, "BasePath": all[name].basePath}
		var text strings.Builder
		if err := ready.templates.ExecuteTemplate(&text, name, values); err != nil {
			return nil, cleanupExecError(name, err)
		}
		files[name] = strings.ReplaceAll(text.String(), "<no value>", "")
	}
	return files, nil
}
