package config

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/knadh/koanf/providers/confmap"
	"github.com/knadh/koanf/providers/env/v2"
	"github.com/knadh/koanf/providers/rawbytes"
	"github.com/knadh/koanf/v2"
)

const (
	// delimiter parts the keys of a path inside koanf. No key of the file and no
	// model's id holds it.
	delimiter = "\x1f"
	// envPrefix begins the variables that set keys.
	envPrefix = "HFWATCH_"
)

// ref is a leaf as koanf holds it: the number of a node, so that a value keeps
// its place through the merge.
type ref int

// layers merges file, environment and flags, in rising order, by koanf.
type layers struct {
	opts Options
	r    *reader
	refs []*node
	// maps are the file's mappings by path, for their places and order.
	maps map[string]*node
	// unknown are the variables that begin like a setting and are none.
	unknown []string
}

// Unmarshal makes layers koanf's parser of the file.
func (l *layers) Unmarshal(data []byte) (map[string]any, error) {
	root := l.r.read(l.opts.File, data)
	if root == nil {
		return map[string]any{}, nil
	}
	return l.tree(root, ""), nil
}

// Marshal is part of koanf's parser and not used.
func (*layers) Marshal(map[string]any) ([]byte, error) { return nil, errors.ErrUnsupported }

// merge returns the merged tree of the file's bytes, the environment and the
// flags; nil where the file holds no keys at all.
func (l *layers) merge(data []byte) (*node, error) {
	k := koanf.New(delimiter)
	if err := k.Load(rawbytes.Provider(data), l); err != nil {
		return nil, fmt.Errorf("merging %s: %w", l.opts.File, err)
	}
	if l.maps[""] == nil {
		return nil, nil
	}
	environ := env.Provider(delimiter, env.Opt{
		Prefix: envPrefix, EnvironFunc: func() []string { return l.opts.Environ }, TransformFunc: l.fromEnv,
	})
	if err := k.Load(environ, nil); err != nil {
		return nil, fmt.Errorf("merging the environment: %w", err)
	}
	flags := map[string]any{}
	for _, o := range l.opts.Flags {
		path := strings.Split(o.Path, ".")
		if !settable(reflect.TypeFor[rawConfig](), path) {
			return nil, fmt.Errorf("flag %s: there is no key %s to set", o.Flag, o.Path)
		}
		flags[strings.Join(path, delimiter)] = l.leaf(loose(o.Value, o.Path, Place{Flag: o.Flag}))
	}
	if err := k.Load(confmap.Provider(flags, delimiter), nil); err != nil {
		return nil, fmt.Errorf("merging the flags: %w", err)
	}
	return l.rebuild(k.Raw(), "", ""), nil
}

// loose returns the node of a text whose type is not decided by how it was
// written.
func loose(text, path string, at Place) *node {
	return &node{kind: scalar, text: text, tag: plainTag(text), loose: true, place: at, path: path}
}

// leaf keeps a node and returns its number.
func (l *layers) leaf(n *node) ref {
	l.refs = append(l.refs, n)
	return ref(len(l.refs) - 1)
}

// tree returns a mapping as koanf takes it.
func (l *layers) tree(n *node, path string) map[string]any {
	l.maps[path] = n
	out := make(map[string]any, len(n.entries))
	for _, e := range n.entries {
		if e.value.kind == mapping {
			out[e.key] = l.tree(e.value, path+delimiter+e.key)
		} else {
			out[e.key] = l.leaf(e.value)
		}
	}
	return out
}

// rebuild returns the node of a merged mapping: the file's keys in their
// order, then those that only the environment or the flags have.
func (l *layers) rebuild(m map[string]any, at, path string) *node {
	out := &node{kind: mapping, path: path, place: Place{File: l.opts.File, Line: 1, Col: 1}}
	old := l.maps[at]
	var order []string
	if old != nil {
		out.place = old.place
		order = old.keys()
	}
	for _, key := range sortedKeys(m) {
		if !slices.Contains(order, key) {
			order = append(order, key)
		}
	}
	for _, key := range order {
		e := entry{key: key}
		switch v := m[key].(type) {
		case map[string]any:
			e.value = l.rebuild(v, at+delimiter+key, join(path, key))
		case ref:
			e.value = l.refs[v]
		default:
			continue
		}
		e.place = e.value.place
		if old != nil {
			if p, ok := old.keyPlace(key); ok {
				e.place = p
			}
		}
		out.entries = append(out.entries, e)
	}
	if old == nil && len(out.entries) > 0 {
		out.place = out.entries[0].place
	}
	return out
}

// fromEnv returns the path and the leaf of an environment variable, or an
// empty path where it sets nothing.
func (l *layers) fromEnv(name, text string) (string, any) {
	path := strings.Split(strings.ToLower(strings.TrimPrefix(name, envPrefix)), "__")
	if text == "" {
		return "", nil
	}
	if !settable(reflect.TypeFor[rawConfig](), path) {
		l.unknown = append(l.unknown, name)
		return "", nil
	}
	n := loose(text, strings.Join(path, "."), Place{Env: name})
	n.secret = sensitive.MatchString(name)
	return strings.Join(path, delimiter), l.leaf(n)
}

// settable reports whether path leads to a single value.
func settable(t reflect.Type, path []string) bool {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if _, ok := reflect.New(t).Interface().(value); ok {
		return len(path) == 0
	}
	switch t.Kind() {
	case reflect.Map:
		return len(path) > 0 && path[0] != "" && settable(t.Elem(), path[1:])
	case reflect.Struct:
		if len(path) == 0 {
			return false
		}
		fields := fieldsOf(t)
		i := slices.IndexFunc(fields, func(f field) bool { return f.key == path[0] })
		return i >= 0 && settable(fields[i].typ, path[1:])
	case reflect.String, reflect.Bool, reflect.Int, reflect.Int64, reflect.Float64:
		return len(path) == 0
	default:
		return false
	}
}

// envNames returns the variables that set the keys outside free mappings.
func envNames(t reflect.Type, prefix string) []string {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if settable(t, nil) {
		return []string{prefix}
	}
	if t.Kind() != reflect.Struct || t == reflect.TypeFor[node]() {
		return nil
	}
	var names []string
	for _, f := range fieldsOf(t) {
		sep := "__"
		if prefix == envPrefix {
			sep = ""
		}
		names = append(names, envNames(f.typ, prefix+sep+strings.ToUpper(f.key))...)
	}
	return names
}
