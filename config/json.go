package config

import (
	"bytes"
	"encoding/json"
	"math"

	"go.yaml.in/yaml/v4"
)

// json returns a node's value as JSON, or nil with a problem.
func (m *modelCheck) json(n *node) json.RawMessage {
	v, bad := m.plain(n)
	if bad {
		return nil
	}
	raw, err := marshal(v)
	if err != nil {
		m.problem(n.spot(), "cannot be written as JSON", "write texts, numbers, lists and mappings only")
		return nil
	}
	if len(raw) > maxInput {
		m.problem(n.spot(), "is larger than "+size(maxInput).String(), "shorten it")
		return nil
	}
	return raw
}

// marshal returns v as JSON without escapes for HTML.
func marshal(v any) (json.RawMessage, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return bytes.TrimSpace(buf.Bytes()), err
}

// plain returns a node's value as plain Go values, and whether it has none.
func (m *modelCheck) plain(n *node) (v any, bad bool) {
	switch n.kind {
	case list:
		out := make([]any, len(n.items))
		for i, item := range n.items {
			v, wrong := m.plain(item)
			out[i], bad = v, bad || wrong
		}
		return out, bad
	case mapping:
		out := make(object, len(n.entries))
		for i, e := range n.entries {
			v, wrong := m.plain(e.value)
			out[i], bad = member{e.key, v}, bad || wrong
		}
		return out, bad
	default:
		return m.plainScalar(n)
	}
}

// plainScalar returns a scalar's value by its YAML type.
func (m *modelCheck) plainScalar(n *node) (any, bool) {
	if n.broken {
		return nil, true
	}
	switch n.tag {
	case "!!null":
		return nil, false
	case "!!str", "!!timestamp", "!!merge":
		return n.text, false
	case "!!bool", "!!int", "!!float":
		var v any
		err := (&yaml.Node{Kind: yaml.ScalarNode, Tag: n.tag, Value: n.text}).Decode(&v)
		f, isFloat := v.(float64)
		if err == nil && (!isFloat || (!math.IsNaN(f) && !math.IsInf(f, 0))) {
			return v, false
		}
	}
	m.problem(n.spot(), quote(n.text)+" cannot be written as JSON", "put it in quotes")
	return nil, true
}

// object is a JSON object that keeps the order of its keys.
type object []member

type member struct {
	key   string
	value any
}

// MarshalJSON writes the members in their order.
func (o object) MarshalJSON() ([]byte, error) {
	var buf bytes.Buffer
	buf.WriteByte('{')
	for i, f := range o {
		key, err := marshal(f.key)
		if err != nil {
			return nil, err
		}
		value, err := marshal(f.value)
		if err != nil {
			return nil, err
		}
		if i > 0 {
			buf.WriteByte(',')
		}
		buf.Write(key)
		buf.WriteByte(':')
		buf.Write(value)
	}
	buf.WriteByte('}')
	return buf.Bytes(), nil
}
