package config

import (
	"slices"
	"strconv"
	"strings"
)

// kind is the form of a node.
type kind int

// The kinds of node.
const (
	scalar kind = iota + 1
	list
	mapping
)

// String returns the word that messages use.
func (k kind) String() string {
	switch k {
	case scalar:
		return "a single value"
	case list:
		return "a list"
	case mapping:
		return "a mapping"
	default:
		return "nothing"
	}
}

// node is one value of the configuration that remembers where it was written.
// Aliases and merge keys are already carried out in it. A node is not changed
// once it is built.
type node struct {
	kind  kind
	place Place
	// path is the key where the value was written: models[3].baseline.timeout.
	path string
	// from names the layer of a model's value that the model itself does not
	// hold: "defaults" or "profile llm".
	from string

	// text is a scalar's value and tag its short YAML tag; loose is true where
	// the type is not decided by how it was written, as of a value that a
	// variable gave. secret is true where such a variable's name speaks of one.
	text   string
	tag    string
	loose  bool
	secret bool
	// broken is true where a variable was not set: that is reported already.
	broken bool
	// optional is true where a variable is not set and its default is empty, as
	// in ${VAR:-}: the value may be missing.
	optional bool

	items   []*node
	entries []entry
}

// entry is one key of a mapping.
type entry struct {
	key   string
	place Place
	value *node
}

// get returns the value of a mapping's key, or nil.
func (n *node) get(key string) *node {
	if n == nil {
		return nil
	}
	for i := range n.entries {
		if n.entries[i].key == key {
			return n.entries[i].value
		}
	}
	return nil
}

// keyPlace returns where a mapping's key was written.
func (n *node) keyPlace(key string) (Place, bool) {
	for i := range n.entries {
		if n.entries[i].key == key {
			return n.entries[i].place, true
		}
	}
	return Place{}, false
}

// keys returns the keys of a mapping in their order.
func (n *node) keys() []string {
	keys := make([]string, len(n.entries))
	for i, e := range n.entries {
		keys[i] = e.key
	}
	return keys
}

// off reports whether the value is the word off, as in `baseline: off`.
func (n *node) off() bool { return n != nil && n.kind == scalar && n.text == "off" }

// null reports whether the value is missing or null.
func (n *node) null() bool { return n.kind == scalar && n.tag == "!!null" }

// with returns a copy of a mapping in which key has the value, at its old
// place or at the end.
func (n *node) with(e entry) *node {
	out := *n
	out.entries = slices.Clone(n.entries)
	for i := range out.entries {
		if out.entries[i].key == e.key {
			out.entries[i] = e
			return &out
		}
	}
	out.entries = append(out.entries, e)
	return &out
}

// marked returns a copy of the tree in which every node says that it came from
// the layer.
func (n *node) marked(from string) *node {
	out := *n
	out.from = from
	out.items = slices.Clone(n.items)
	for i := range out.items {
		out.items[i] = out.items[i].marked(from)
	}
	out.entries = slices.Clone(n.entries)
	for i := range out.entries {
		out.entries[i].value = out.entries[i].value.marked(from)
	}
	return &out
}

// join returns the path of a key below path. A key that is not a plain word is
// quoted.
func join(path, key string) string {
	plain := key != "" && strings.IndexFunc(key, func(r rune) bool {
		return r != '_' && r != '-' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
	}) < 0
	if !plain {
		key = quote(key)
	}
	if path == "" {
		return key
	}
	return path + "." + key
}

// index returns the path of a list's item.
func index(path string, i int) string { return path + "[" + strconv.Itoa(i) + "]" }
