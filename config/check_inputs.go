package config

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/hfwatch/hfwatch/probe"
	"github.com/hfwatch/hfwatch/probe/task"
)

// Bounds of what a model is asked.
const (
	maxInputs     = 10_000
	maxInput      = 2 << 20
	maxInputsFile = 64 << 20
	maxMedia      = 8 << 20
)

// inputs reads the inputs and has the task build a request of each.
func (m *modelCheck) inputs() {
	m.parameters()
	at := m.raw.at("inputs")
	given := 0
	for _, key := range []string{"inputs", "inputs_file", "input_file"} {
		if m.raw.has(key) {
			given++
			at = m.raw.at(key)
		}
	}
	// A picture and the questions about it are one input.
	asked := m.raw.has("inputs") && m.raw.has("input_file") && m.task == "image-text-to-text"
	var spots []spot
	switch {
	case given == 0:
		m.problem(at, "are missing: there is nothing to ask", "write "+m.inputKeys())
		return
	case given > 2 || given == 2 && !asked:
		m.problem(at, "only one of inputs, inputs_file and input_file can be given", "keep one")
		return
	case m.raw.has("input_file"):
		spots = m.inputFile(m.raw.at("input_file"), asked)
	case m.raw.has("inputs_file"):
		spots = m.inputsFile(at)
	default:
		spots = m.inlineInputs(at)
	}
	m.build(spots)
	m.target.Inputs = m.target.Inputs.WithSet()
}

// inputKeys returns how an input of the task is written.
func (m *modelCheck) inputKeys() string {
	if task.Media(m.task) != "" {
		return "input_file: a file"
	}
	return "inputs: [\"…\"], or inputs_file"
}

// inputFile reads a picture or a sound, and with asked the questions about it
// that stand in inputs.
func (m *modelCheck) inputFile(at spot, asked bool) []spot {
	if task.Media(m.task) == "" {
		if m.task != "" && slices.Contains(taskNames(), m.task) {
			m.problem(at, "the task "+m.task+" takes no file", "write inputs: [\"…\"], or inputs_file")
		}
		return nil
	}
	if m.raw.InputFile == "" {
		return nil
	}
	data, ok := m.file(at, m.raw.InputFile, maxMedia)
	if !ok {
		return nil
	}
	file, err := json.Marshal(data)
	if err != nil {
		return nil
	}
	if !asked {
		m.target.Inputs.Values = []json.RawMessage{file}
		return []spot{at}
	}
	if m.raw.Inputs != nil && m.raw.Inputs.sampled {
		m.problem(m.raw.at("inputs"), "questions about a file cannot be sampled and joined", "write inputs as a plain list")
		return nil
	}
	spots := m.inlineInputs(m.raw.at("inputs"))
	if n := len(spots); n > 1 && n*len(file) > maxInputsFile {
		m.problem(at, fmt.Sprintf("%d questions about a file of this size are more than %s together", n, size(maxInputsFile)), "ask fewer, or of a smaller file")
		m.target.Inputs.Values = nil
		return nil
	}
	for i, question := range m.target.Inputs.Values {
		m.target.Inputs.Values[i] = fmt.Appendf(nil, `{"image":%s,"text":%s}`, file, question)
	}
	return spots
}

// parameters reads what passes through to the task.
func (m *modelCheck) parameters() {
	n := m.raw.Parameters
	if n == nil {
		return
	}
	if n.kind != mapping {
		m.d.wrongKind(n, mapping)
		return
	}
	m.target.Parameters = m.json(n)
}

// inlineInputs reads the inputs that the file itself holds.
func (m *modelCheck) inlineInputs(at spot) []spot {
	in := m.raw.Inputs
	if in == nil || (in.n.kind != list && !in.sampled) {
		return nil
	}
	if len(in.values) == 0 && (!in.sampled || in.rule.From != nil) {
		m.problem(at, "the list is empty: there is nothing to ask", "write at least one input")
	}
	if len(in.values) > maxInputs {
		m.problem(at, fmt.Sprintf("%d inputs are more than %d", len(in.values), maxInputs), "remove some")
		return nil
	}
	var spots []spot
	for _, n := range in.values {
		if in.sampled && (n.kind != scalar || n.tag != "!!str") {
			m.problem(n.spot(), "only texts can be sampled and joined", "put it in quotes, or write inputs as a plain list")
			continue
		}
		if raw := m.json(n); raw != nil {
			m.target.Inputs.Values = append(m.target.Inputs.Values, raw)
			spots = append(spots, n.spot())
		}
	}
	if in.sampled {
		s := in.rule.Sample
		if s.max > len(in.values) && len(in.values) > 0 {
			m.problem(in.rule.at("sample"), fmt.Sprintf("%d cannot be drawn from %d texts", s.max, len(in.values)), "write a smaller number, or more texts")
		}
		m.target.Inputs.SampleMin, m.target.Inputs.SampleMax, m.target.Inputs.Join = s.min, s.max, in.rule.Join
	}
	return spots
}

// inputsFile reads one JSON value a line.
func (m *modelCheck) inputsFile(at spot) []spot {
	if m.raw.InputsFile == "" {
		return nil
	}
	data, ok := m.file(at, m.raw.InputsFile, maxInputsFile)
	if !ok {
		return nil
	}
	var spots []spot
	lines := bufio.NewScanner(bytes.NewReader(data))
	lines.Buffer(nil, maxInput+1)
	number := 0
	for lines.Scan() {
		number++
		line := bytes.TrimSpace(lines.Bytes())
		if len(line) == 0 {
			continue
		}
		there := spot{Place{File: m.resolve(m.raw.InputsFile), Line: number, Col: 1}, at.path}
		if !json.Valid(line) {
			m.problem(there, "is not a JSON value", "write one JSON value a line; texts in double quotes")
			continue
		}
		if len(spots) == maxInputs {
			m.problem(there, fmt.Sprintf("more than %d inputs", maxInputs), "remove some")
			return nil
		}
		m.target.Inputs.Values = append(m.target.Inputs.Values, bytes.Clone(line))
		spots = append(spots, there)
	}
	if lines.Err() != nil {
		m.problem(at, fmt.Sprintf("%s: line %d is longer than %s", quote(m.raw.InputsFile), number+1, size(maxInput)), "shorten it")
	} else if number == 0 || len(m.target.Inputs.Values) == 0 && len(spots) == 0 && len(bytes.TrimSpace(data)) == 0 {
		m.problem(at, quote(m.raw.InputsFile)+" is empty: there is nothing to ask", "write one JSON value a line")
	}
	return spots
}

// build has the task build a request of every input, at its place.
func (m *modelCheck) build(spots []spot) {
	t := m.target
	if _, unknown := t.Task.(noTask); unknown {
		return
	}
	nonce := ""
	if t.Cache != probe.CacheAllow {
		nonce = "00000000"
	}
	route := t.Endpoint.Route
	if m.router && slices.Contains(policies(), m.raw.Provider) {
		route = probe.RouteRouter
	}
	model := t.Model
	if route == probe.RouteProvider {
		model = t.ProviderModel
	}
	for i, input := range t.Inputs.Values {
		req, err := t.Task.Build(probe.Ask{
			Route: route, Model: model, Provider: t.Provider, Input: input, Parameters: t.Parameters,
			Stream: t.Stream && task.Streams(m.task), Reasoning: t.Reasoning, Nonce: nonce, Expect: &t.Expect,
			Path: t.Endpoint.Path(),
		})
		if err != nil {
			m.unbuilt(spots[i], err)
			continue
		}
		m.out.TokensIn, m.out.TokensOut = max(m.out.TokensIn, req.TokensIn), max(m.out.TokensOut, req.TokensOut)
	}
	if n := t.Inputs.SampleMax; n > 1 {
		m.out.TokensIn *= n
	}
}

// unbuilt reports that a request could not be built: at the parameter that the
// error names, or at the input.
func (m *modelCheck) unbuilt(at spot, err error) {
	text := err.Error()
	what, remedy, _ := strings.Cut(text, "; ")
	if rest, ok := strings.CutPrefix(what, "parameters."); ok {
		key, said, _ := strings.Cut(rest, ": ")
		if m.raw.Parameters == nil {
			m.problem(m.raw.at("parameters"), key+" is missing: "+said, "write parameters: {"+key+": …}")
			return
		}
		at = where{m.raw.Parameters}.at(key)
		what, remedy = said, or(remedy, "correct the parameter, or leave it out")
	}
	m.problem(at, what, or(remedy, "write what the task "+m.task+" takes"))
}
