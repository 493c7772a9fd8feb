package task

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/hfwatch/hfwatch/probe"
)

// CompileSchema returns a validator by a JSON Schema. An error says in one line
// why raw is none. Nothing that the schema refers to is fetched.
func CompileSchema(raw json.RawMessage) (probe.Validator, error) {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		return nil, fmt.Errorf("it is not JSON")
	}
	c := jsonschema.NewCompiler()
	c.UseLoader(noLoader{})
	const name = "schema.json"
	if err := c.AddResource(name, doc); err != nil {
		return nil, fmt.Errorf("%s", lastLine(err))
	}
	compiled, err := c.Compile(name)
	if err != nil {
		return nil, fmt.Errorf("%s", lastLine(err))
	}
	return validator{compiled}, nil
}

// validator is a compiled JSON Schema.
type validator struct{ schema *jsonschema.Schema }

// Validate returns what in value breaks the schema, in one line.
func (v validator) Validate(value any) error {
	if err := v.schema.Validate(value); err != nil {
		return fmt.Errorf("%s", lastLine(err))
	}
	return nil
}

// noLoader keeps a schema from reaching for files or the network.
type noLoader struct{}

// Load refuses every address.
func (noLoader) Load(url string) (any, error) { return nil, fmt.Errorf("%s is not loaded", url) }

// lastLine returns the last line of an error's text, which is the cause.
func lastLine(err error) string {
	lines := strings.Split(strings.TrimSpace(err.Error()), "\n")
	return strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(lines[len(lines)-1]), "- "))
}
