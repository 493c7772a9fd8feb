package config

import (
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// where is embedded in every raw type: the mapping that it was read from.
type where struct{ n *node }

// spot is a place in a file and the path of the key that stands there.
type spot struct {
	place Place
	path  string
}

// has reports whether the mapping holds the key.
func (w where) has(key string) bool { return w.n.get(key) != nil }

// at returns the spot of a key's value, or of the mapping that lacks it.
func (w where) at(key string) spot {
	if child := w.n.get(key); child != nil {
		return child.spot()
	}
	return spot{place: w.n.place, path: join(w.n.path, key)}
}

// here returns the spot of the mapping itself.
func (w where) here() spot { return w.n.spot() }

// problem returns a problem of the spot.
func (s spot) problem(what, remedy string) Problem {
	return Problem{Place: s.place, Path: s.path, What: what, Remedy: remedy}
}

// spot returns where the node was written.
func (n *node) spot() spot { return spot{place: n.place, path: or(n.path, "file")} }

// item returns the spot of a list's item below a key.
func (w where) item(key string, i int) spot {
	child := w.n.get(key)
	if child != nil && i < len(child.items) {
		return child.items[i].spot()
	}
	return w.at(key)
}

// entry returns the spot of a mapping's value below a key.
func (w where) entry(key, name string) spot {
	if child := w.n.get(key); child != nil && child.get(name) != nil {
		return child.get(name).spot()
	}
	return w.at(key)
}

// locate sets the mapping.
func (w *where) locate(n *node) { w.n = n }

// located is a raw struct.
type located interface{ locate(n *node) }

// switchable is embedded, beside where, in raw types that the word off may
// stand for.
type switchable struct{ off bool }

// turnOff takes the word off.
func (s *switchable) turnOff() { s.off = true }

// custom is a raw type that reads its node by itself.
type custom interface {
	decode(d *decoder, n *node)
	// forms returns the JSON Schemas of which one must hold.
	forms(s *schemas) []schema
}

// decoder reads nodes into raw types and reports all that does not fit them:
// unknown keys, wrong types, values outside their notation. Keys that are
// absent get the default of their field's tag.
//
// Raw types are structs whose fields bear the tags yaml (the key), doc,
// default, enum (allowed texts) and secret.
type decoder struct{ problems *collector }

// report adds a problem.
func (d *decoder) report(at spot, what, remedy string) {
	d.problems.wrongValue(at.problem(what, remedy))
}

// mapping reads n into the struct that into points to.
func (d *decoder) mapping(n *node, into any) { d.structure(n, reflect.ValueOf(into).Elem()) }

// structure reads n into a struct.
func (d *decoder) structure(n *node, into reflect.Value) {
	raw, _ := into.Addr().Interface().(located)
	if s, ok := raw.(interface{ turnOff() }); ok && n.off() {
		s.turnOff()
		n = &node{kind: mapping, place: n.place, path: n.path}
	}
	if n.kind != mapping {
		d.wrongKind(n, mapping)
		n = &node{kind: mapping, place: n.place, path: n.path}
	}
	raw.locate(n)
	known := fieldsOf(into.Type())
	for _, e := range n.entries {
		i := slices.IndexFunc(known, func(f field) bool { return f.key == e.key })
		if i >= 0 {
			d.field(e.value, known[i], into.Field(known[i].index))
			continue
		}
		if into.Type() == reflect.TypeFor[rawConfig]() && strings.HasPrefix(e.key, "x-") {
			continue
		}
		names := make([]string, len(known))
		for j, f := range known {
			names[j] = f.key
		}
		d.report(spot{e.place, or(e.value.path, join(n.path, e.key))}, "unknown key", meant(e.key, names))
	}
	for _, f := range known {
		if n.get(f.key) == nil {
			d.absent(n, f, into.Field(f.index))
		}
	}
}

// absent gives a field that has no key its default.
func (d *decoder) absent(n *node, f field, into reflect.Value) {
	empty := &node{kind: mapping, place: n.place, path: join(n.path, f.key)}
	switch {
	case f.fallback != "":
		d.scalar(&node{kind: scalar, text: f.fallback, loose: true, place: n.place, path: empty.path}, f, into)
	case into.Kind() == reflect.Struct:
		if _, ok := into.Addr().Interface().(located); ok {
			d.structure(empty, into)
		}
	}
}

// field reads a key's value.
func (d *decoder) field(n *node, f field, into reflect.Value) {
	if into.Type() == reflect.TypeFor[*node]() {
		into.Set(reflect.ValueOf(n))
		return
	}
	if n.null() && !n.loose && !n.broken {
		d.report(n.spot(), "has no value", "give it one, or remove the key")
	}
	if n.broken || n.null() && !n.loose {
		if _, ok := into.Addr().Interface().(located); ok && into.Kind() == reflect.Struct {
			d.structure(&node{kind: mapping, place: n.place, path: n.path}, into)
		}
		return
	}
	if into.Kind() == reflect.Pointer {
		into.Set(reflect.New(into.Type().Elem()))
		into = into.Elem()
	}
	if c, ok := into.Addr().Interface().(custom); ok {
		c.decode(d, n)
		return
	}
	if _, ok := into.Addr().Interface().(value); ok {
		d.scalar(n, f, into)
		return
	}
	switch into.Kind() {
	case reflect.Struct:
		d.structure(n, into)
	case reflect.Slice:
		d.list(n, f, into)
	case reflect.Map:
		d.table(n, f, into)
	default:
		d.scalar(n, f, into)
	}
}

// list reads a list's items.
func (d *decoder) list(n *node, f field, into reflect.Value) {
	if n.kind != list {
		d.wrongKind(n, list)
		return
	}
	out := reflect.MakeSlice(into.Type(), len(n.items), len(n.items))
	for i, item := range n.items {
		d.field(item, f, out.Index(i))
	}
	into.Set(out)
}

// table reads a mapping whose keys are free.
func (d *decoder) table(n *node, f field, into reflect.Value) {
	if n.kind != mapping {
		d.wrongKind(n, mapping)
		return
	}
	out := reflect.MakeMapWithSize(into.Type(), len(n.entries))
	for _, e := range n.entries {
		v := reflect.New(into.Type().Elem()).Elem()
		d.field(e.value, f, v)
		out.SetMapIndex(reflect.ValueOf(e.key), v)
	}
	into.Set(out)
}

// scalar reads a single value.
func (d *decoder) scalar(n *node, f field, into reflect.Value) {
	switch {
	case n.kind != scalar:
		d.wrongKind(n, scalar)
	case n.broken:
	case !n.loose && !slices.Contains([]string{"!!str", "!!int", "!!float", "!!bool", "!!timestamp", "!!merge"}, n.tag):
		d.report(n.spot(), "has the type "+quote(n.tag), "remove the tag before the value")
	default:
		if what, remedy := set(n, f, into); what != "" {
			d.report(n.spot(), what, remedy)
		}
	}
}

// set reads a scalar's text into a field, or returns what is wrong with it.
func set(n *node, f field, into reflect.Value) (what, remedy string) {
	hidden := f.secret || n.secret
	shown := quote(n.text)
	if hidden {
		shown = "the value"
	}
	if v, ok := into.Addr().Interface().(value); ok {
		what, remedy := v.parse(n.text)
		if what != "" && hidden {
			what = "the value is not of the right form"
		}
		return what, remedy
	}
	quoted := n.tag == "!!str" && !n.loose
	switch into.Kind() { //nolint:exhaustive // Raw types have no other kinds.
	case reflect.String:
		if len(f.enum) > 0 && !slices.Contains(f.enum, n.text) {
			return "there is no " + f.key + " " + shown, meant(n.text, f.enum)
		}
		into.SetString(n.text)
	case reflect.Bool:
		b, ok := map[string]bool{"true": true, "on": true, "false": false, "off": false}[n.text]
		if !ok {
			return shown + " is neither true nor false", "write true or false"
		}
		into.SetBool(b)
	case reflect.Int, reflect.Int64:
		i, err := strconv.ParseInt(n.text, 10, 64)
		if err != nil || quoted {
			return shown + " is not a whole number", "write digits without quotes, such as 1000"
		}
		into.SetInt(i)
	case reflect.Float64:
		x, ok := finite(n.text)
		if !ok || quoted {
			return shown + " is not a number", "write a plain number without unit or quotes, such as 0.5"
		}
		into.SetFloat(x)
	}
	return "", ""
}

// wrongKind reports a node of another form than wanted.
func (d *decoder) wrongKind(n *node, want kind) {
	remedy := map[kind]string{
		scalar:  "write one value after the colon",
		list:    "write [a, b], or one value a line after a dash",
		mapping: "write key: value lines below it, or {key: value}",
	}[want]
	d.report(n.spot(), "is "+n.kind.String()+" where "+want.String()+" is expected", remedy)
}
