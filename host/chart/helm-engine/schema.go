package main

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chartutil"
)

const schemaURL = "file:///values.schema.json"

// schemas keeps compiled schemas by the address of their text, which all copies of a chart share. Compiling one takes longer than rendering.
// What does not compile is nil: then Helm itself says why.
type schemas map[*byte]*jsonschema.Schema

// check does what chartutil.ValidateAgainstSchema does, with the same words.
func (known schemas) check(c *chart.Chart, values map[string]interface{}) error {
	if found := known.problems(c, values); found != "" {
		return fmt.Errorf("values don't meet the specifications of the schema(s) in the following chart(s):\n%s", found)
	}
	return nil
}

func (known schemas) problems(c *chart.Chart, values map[string]interface{}) string {
	var found strings.Builder
	if len(c.Schema) > 0 {
		if err := known.validate(c.Schema, values); err != nil {
			fmt.Fprintf(&found, "%s:\n%s", c.Name(), err)
		}
	}
	for _, subchart := range c.Dependencies() {
		own, _ := values[subchart.Name()].(map[string]interface{})
		found.WriteString(known.problems(subchart, own))
	}
	return found.String()
}

func (known schemas) validate(text []byte, values map[string]interface{}) error {
	schema, ok := known[&text[0]]
	if !ok {
		schema = compile(text)
		known[&text[0]] = schema
	}
	if schema != nil && schema.Validate(values) == nil {
		return nil
	}
	return chartutil.ValidateAgainstSingleSchema(values, text)
}

func compile(text []byte) *jsonschema.Schema {
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return nil
	}
	compiler := jsonschema.NewCompiler()
	// There is nowhere to load others from.
	compiler.UseLoader(jsonschema.SchemeURLLoader{})
	if err := compiler.AddResource(schemaURL, document); err != nil {
		return nil
	}
	schema, err := compiler.Compile(schemaURL)
	if err != nil {
		return nil
	}
	return schema
}
