package config

import "slices"

// rivals are keys of which only one makes sense. The nearer layer's one
// replaces a farther layer's other one: a model with a url is not bound by the
// provider of its profile.
func rivals() [][]string {
	return [][]string{
		{"inputs", "inputs_file", "input_file"},
		{"provider", "url"},
		{"token_file", "header", "none"},
		{"stages", "users", "find"},
	}
}

// overlay returns base with what over holds put over it: mappings merge, all
// else is replaced.
func overlay(base, over *node) *node {
	if base == nil || base.kind != mapping || over.kind != mapping {
		return over
	}
	out := &node{kind: mapping, place: over.place, path: over.path, from: over.from}
	for _, e := range base.entries {
		if over.get(e.key) == nil && !displaced(e.key, over) {
			out.entries = append(out.entries, e)
		}
	}
	for _, e := range over.entries {
		if below := base.get(e.key); below != nil && e.key != "inputs" && e.key != "equals" && e.key != "json_schema" {
			e.value = overlay(below, e.value)
		}
		out.entries = append(out.entries, e)
	}
	return out
}

// displaced reports whether over holds a rival of key.
func displaced(key string, over *node) bool {
	for _, group := range rivals() {
		if !slices.Contains(group, key) {
			continue
		}
		for _, other := range group {
			if other != key && over.get(other) != nil {
				return true
			}
		}
	}
	return false
}

// notInLayers are the keys that only a model itself can have.
func notInLayers() []string { return []string{"name", "profile"} }
