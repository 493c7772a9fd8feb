package config

import (
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/hfwatch/hfwatch/probe"
	"github.com/hfwatch/hfwatch/probe/task"
)

// Bounds of files that expect names, in bytes.
const (
	maxSchema = 1 << 20
	maxVector = 4 << 20
)

// expects checks what the answer must be.
func (m *modelCheck) expects() {
	raw := m.raw.Expect
	if raw == nil {
		return
	}
	fit := task.Expects(m.task)
	for _, e := range raw.n.entries {
		if fit != nil && !slices.Contains(fit, e.key) && slices.ContainsFunc(fieldsOf(reflect.TypeFor[rawExpect]()), func(f field) bool { return f.key == e.key }) {
			m.problem(spot{e.place, e.value.path}, "does not fit the task "+m.task, "expect of this task knows "+or(strings.Join(fit, ", "), "nothing"))
		}
	}
	x := &m.target.Expect
	x.Label, x.Contains = raw.Label, raw.Contains
	if raw.MinScore != nil {
		x.MinScore = probe.Some(float64(*raw.MinScore))
	}
	if raw.has("matches") {
		re, err := regexp.Compile(raw.Matches)
		if err != nil {
			m.problem(raw.at("matches"), "is not a regular expression: "+strings.TrimPrefix(err.Error(), "error parsing regexp: "), "write RE2, in single quotes")
		}
		x.Matches = re
	}
	if raw.Equals != nil {
		x.Equals = m.json(raw.Equals)
		m.fixed(raw)
	}
	m.lengths(raw, x)
	if raw.JSONSchema != nil {
		x.Schema = m.jsonSchema(raw.JSONSchema)
	}
	if raw.SimilarTo != nil {
		x.Similar = m.similar(raw.SimilarTo)
	}
}

// fixed checks that an answer which must always be the same is not drawn by
// chance.
func (m *modelCheck) fixed(raw *rawExpect) {
	if !task.Streams(m.task) || m.target.Parameters == nil {
		return
	}
	var p struct {
		Temperature *float64 `json:"temperature"`
		DoSample    bool     `json:"do_sample"`
	}
	if json.Unmarshal(m.target.Parameters, &p) == nil && (p.DoSample || p.Temperature != nil && *p.Temperature > 0) {
		m.problem(raw.at("equals"), "the answer is drawn by chance, and is not the same twice", "set parameters.temperature to 0, or expect contains or matches")
	}
}

// lengths checks dimension, min_length and max_length.
func (m *modelCheck) lengths(raw *rawExpect, x *probe.Expect) {
	positive := func(key string, v *int) (int, bool) {
		if v != nil && *v < 1 {
			m.problem(raw.at(key), fmt.Sprintf("%d is not above 0", *v), "write a whole number above 0")
		}
		if v == nil {
			return 0, false
		}
		return *v, true
	}
	if n, ok := positive("dimension", raw.Dimension); ok {
		x.Dimension = n
	}
	least, hasLeast := positive("min_length", raw.MinLength)
	most, hasMost := positive("max_length", raw.MaxLength)
	if hasLeast {
		x.MinLength = probe.Some(least)
	}
	if hasMost {
		x.MaxLength = probe.Some(most)
	}
	if hasLeast && hasMost && most < least {
		m.problem(raw.at("max_length"), fmt.Sprintf("%d is less than min_length", most), "write a greater number")
	}
}

// jsonSchema compiles a schema that stands in the file, or in one of its own.
func (m *modelCheck) jsonSchema(n *node) probe.Validator {
	at, raw := n.spot(), json.RawMessage(nil)
	switch n.kind {
	case mapping:
		raw = m.json(n)
	case scalar:
		if !n.broken {
			raw, _ = m.file(at, n.text, maxSchema)
		}
	default:
		m.d.wrongKind(n, mapping)
	}
	if raw == nil {
		return nil
	}
	compiled, err := task.CompileSchema(raw)
	if err != nil {
		remedy := "correct the schema"
		if !json.Valid(raw) {
			remedy = "write a schema, or the name of a file that holds one"
		}
		m.problem(at, "is not a JSON Schema: "+err.Error(), remedy)
		return nil
	}
	return compiled
}

// similar reads the vector that an answer must be near.
func (m *modelCheck) similar(raw *rawSimilar) *probe.Similar {
	if !raw.has("vector_file") {
		m.problem(raw.at("vector_file"), "is missing", "name a file with a JSON list of numbers")
	}
	if raw.Min == nil && !raw.has("min") {
		m.problem(raw.at("min"), "is missing", "write the least cosine similarity, such as 0.95")
	}
	if raw.VectorFile == "" || raw.Min == nil {
		return nil
	}
	data, ok := m.file(raw.at("vector_file"), raw.VectorFile, maxVector)
	if !ok {
		return nil
	}
	s := &probe.Similar{Min: float64(*raw.Min)}
	if s.Vector = vectorIn(data); len(s.Vector) == 0 {
		m.problem(raw.at("vector_file"), quote(raw.VectorFile)+" is not a JSON list of numbers", "write [0.1, -0.2, …]")
		return nil
	}
	if d := m.target.Expect.Dimension; d > 0 && d != len(s.Vector) {
		m.problem(raw.at("vector_file"), fmt.Sprintf("the vector has %d numbers and dimension is %d", len(s.Vector), d), "make them agree")
	}
	return s
}

// vectorIn returns the vector of a file: a list of numbers, or an engine's answer
// for one text that was kept as it came, a list of one such list or OpenAI's
// {"data": [{"embedding": …}]}. Nil is none.
func vectorIn(data []byte) []float64 {
	var flat []float64
	if json.Unmarshal(data, &flat) == nil {
		return flat
	}
	var nested [][]float64
	if json.Unmarshal(data, &nested) == nil && len(nested) == 1 {
		return nested[0]
	}
	var openAI struct {
		Data []struct {
			Embedding []float64 `json:"embedding"`
		} `json:"data"`
	}
	if json.Unmarshal(data, &openAI) == nil && len(openAI.Data) == 1 {
		return openAI.Data[0].Embedding
	}
	return nil
}
