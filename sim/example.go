package sim

import (
	"bytes"
	_ "embed"
	"fmt"
)

//go:embed scenarios/example.json
var exampleScenario []byte

//go:embed scenarios/demo.json
var demoScenario []byte

// Example returns a scenario file that shows every part, described in its own
// "about" keys.
func Example() []byte { return bytes.Clone(exampleScenario) }

// Demo returns the scenario of `hfwatch run --demo`: six models of different
// tasks and backends, one of which fails from 25 s to 75 s after the start.
func Demo() (Scenario, error) {
	s, err := LoadScenario(bytes.NewReader(demoScenario))
	if err != nil {
		return Scenario{}, fmt.Errorf("demo: %w", err)
	}
	return s, nil
}
