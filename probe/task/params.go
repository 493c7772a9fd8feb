package task

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Bounds on generated tokens where the configuration gives none. A reasoning
// model needs room to think before its first word of answer.
const (
	defaultTokens          = 64
	defaultReasoningTokens = 512
)

// params are a target's parameters in the order in which they were given.
type params []param

type param struct {
	name  string
	value json.RawMessage
}

// readParams reads a JSON object; nil is none.
func readParams(raw json.RawMessage) (params, error) {
	if len(bytes.TrimSpace(raw)) == 0 {
		return nil, nil
	}
	fields, err := readFields(raw)
	if err != nil {
		return nil, fmt.Errorf("parameters: want an object: %w", err)
	}
	return fields, nil
}

// lenient reads parameters that Build has accepted, for Check.
func lenient(raw json.RawMessage) params {
	p, err := readParams(raw)
	if err != nil {
		return nil
	}
	return p
}

// readFields returns the fields of a JSON object in their order. A key that is
// given twice is an error, since engines differ in which one they take.
func readFields(raw json.RawMessage) ([]param, error) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	open, err := dec.Token()
	if err != nil {
		return nil, err
	}
	if open != json.Delim('{') {
		return nil, fmt.Errorf("got %s", rawKind(raw))
	}
	var fields []param
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return nil, err
		}
		name, _ := key.(string)
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return nil, err
		}
		if _, given := params(fields).get(name); given {
			return nil, fmt.Errorf("%s is given twice", name)
		}
		fields = append(fields, param{name, value})
	}
	if _, err := dec.Token(); err != nil {
		return nil, err
	}
	return fields, nil
}

// get returns the value of name and whether it was given at all, null included.
func (p params) get(name string) (json.RawMessage, bool) {
	if i := slices.IndexFunc(p, func(f param) bool { return f.name == name }); i >= 0 {
		return p[i].value, true
	}
	return nil, false
}

// set reports whether name was given and is not null.
func (p params) set(name string) bool {
	v, ok := p.get(name)
	return ok && !isNull(v)
}

// without returns p less the names.
func (p params) without(names ...string) params {
	return slices.DeleteFunc(slices.Clone(p), func(f param) bool { return slices.Contains(names, f.name) })
}

// flag reports whether name is true.
func (p params) flag(name string) bool {
	v, _ := p.get(name)
	return string(v) == "true"
}

// word returns the text of name, or nothing.
func (p params) word(name string) string {
	v, _ := p.get(name)
	var s string
	if json.Unmarshal(v, &s) != nil {
		return ""
	}
	return s
}

// whole returns the whole number of name, and whether it is one above 0.
func (p params) whole(name string) (int, bool) {
	v, _ := p.get(name)
	var n int
	if json.Unmarshal(v, &n) != nil || n <= 0 {
		return 0, false
	}
	return n, true
}

// most returns the largest of the whole numbers of names, and at least 1.
func (p params) most(names ...string) int {
	most := 1
	for _, name := range names {
		if n, given := p.whole(name); given {
			most = max(most, n)
		}
	}
	return most
}

// refuse returns an error where one of names was given.
func (p params) refuse(remedy string, names ...string) error {
	for _, name := range names {
		if _, given := p.get(name); given {
			return fmt.Errorf("parameters.%s: %s", name, remedy)
		}
	}
	return nil
}

// tokens returns the bound on generated tokens that is in force under any of
// names, the first of which is the one to recommend, and whether it is the
// default, which the request must still carry. It returns an error where the
// bound was taken away.
func (p params) tokens(reasoning bool, names ...string) (bound int, byDefault bool, err error) {
	var given string
	for _, name := range names {
		v, ok := p.get(name)
		if !ok {
			continue
		}
		if given == "" {
			given = name
		}
		if isNull(v) {
			continue
		}
		n, ok := p.whole(name)
		if !ok {
			return 0, false, fmt.Errorf("parameters.%s: %s, want a whole number above 0", name, clip(string(v), 40))
		}
		bound = max(bound, n)
	}
	switch {
	case bound > 0:
		return bound, false, nil
	case given != "":
		return 0, false, fmt.Errorf("parameters.%s: null takes away the bound on tokens; give a whole number above 0, or leave it out for %d",
			given, defaultFor(reasoning))
	default:
		return defaultFor(reasoning), true, nil
	}
}

// defaultFor returns the default bound on generated tokens.
func defaultFor(reasoning bool) int {
	if reasoning {
		return defaultReasoningTokens
	}
	return defaultTokens
}

// isNull reports whether raw is the JSON null.
func isNull(raw json.RawMessage) bool { return string(bytes.TrimSpace(raw)) == "null" }

// rawKind names the JSON type of raw.
func rawKind(raw json.RawMessage) string {
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 {
		return "nothing"
	}
	switch c := raw[0]; {
	case c == '{':
		return "an object"
	case c == '[':
		return "a list"
	case c == '"':
		return "a text"
	case c == 'n':
		return "null"
	case strings.ContainsRune("tf", rune(c)):
		return "a boolean"
	default:
		return "a number"
	}
}
