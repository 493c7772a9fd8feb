package config

import (
	"bytes"
	"fmt"
	"io"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/hfwatch/hfwatch/probe"
)

// Bounds of what is printed of a value that is passed on.
const (
	maxShownText  = 500
	maxShownItems = 50
)

// Print writes the merged configuration as YAML, with the origin of each value
// behind it: its place, its variable or flag, the layer that it came from, or
// "default". Secrets stand as "<secret>".
func (c *Config) Print(w io.Writer) error {
	_, err := w.Write(c.render(true))
	return err
}

// Redacted returns the merged configuration as YAML without origins. Secrets
// stand as "<secret>".
func (c *Config) Redacted() []byte { return c.render(false) }

// render writes the merged configuration.
func (c *Config) render(origins bool) []byte {
	p := &printer{origins: origins}
	root := c.root
	if models := root.get("models"); models != nil {
		merged := *models
		merged.items = c.merged
		place, _ := root.keyPlace("models")
		root = root.with(entry{key: "models", place: place, value: &merged})
	}
	p.structure(reflect.TypeFor[rawConfig](), root, 0, []string{"defaults", "profiles", "include"})
	return p.out.Bytes()
}

// printer writes nodes by their raw types.
type printer struct {
	out     bytes.Buffer
	origins bool
}

// line writes one line, with the origin where it has one.
func (p *printer) line(indent int, text, origin string) {
	text = strings.Repeat("  ", indent) + text
	if p.origins && origin != "" {
		text = fmt.Sprintf("%-60s # %s", text, origin)
	}
	p.out.WriteString(text + "\n")
}

// origin says where a node came from.
func origin(n *node) string {
	if n.place == (Place{}) {
		return n.from
	}
	if n.from != "" {
		return n.place.String() + " (" + n.from + ")"
	}
	return n.place.String()
}

// structure writes the keys of a raw struct, absent ones by their defaults.
func (p *printer) structure(t reflect.Type, n *node, indent int, skip []string) {
	for _, f := range fieldsOf(t) {
		if slices.Contains(skip, f.key) {
			continue
		}
		child := n.get(f.key)
		switch {
		case child != nil:
			p.field(f, child, indent)
		case f.fallback != "":
			p.line(indent, f.key+": "+plainDefault(f), "default")
		case f.typ.Kind() == reflect.Struct && hasDefaults(f.typ):
			p.line(indent, f.key+":", "")
			p.structure(f.typ, &node{kind: mapping}, indent+1, nil)
		}
	}
}

// hasDefaults reports whether a raw struct has a key with a default.
func hasDefaults(t reflect.Type) bool {
	return slices.ContainsFunc(fieldsOf(t), func(f field) bool { return f.fallback != "" })
}

// field writes one key.
func (p *printer) field(f field, n *node, indent int) {
	t := f.typ
	for t.Kind() == reflect.Pointer && t != reflect.TypeFor[*node]() {
		t = t.Elem()
	}
	_, own := reflect.New(t).Interface().(custom)
	switch {
	case n.kind == scalar:
		p.line(indent, f.key+": "+shown(f, t, n), origin(n))
	case t.Kind() == reflect.Struct && n.kind == mapping && (!own || t == reflect.TypeFor[rawAuth]()):
		p.line(indent, f.key+":", "")
		p.structure(t, n, indent+1, nil)
	case t.Kind() == reflect.Slice && reflect.PointerTo(t.Elem()).Implements(reflect.TypeFor[located]()) && n.kind == list:
		p.line(indent, f.key+":"+emptyMark(n), origin(n))
		for _, item := range n.items {
			p.line(indent+1, "-", origin(item))
			p.structure(t.Elem(), item, indent+2, nil)
		}
	default:
		p.any(f, t, f.key+":", n, indent)
	}
}

// any writes a value whose form is free.
func (p *printer) any(f field, t reflect.Type, head string, n *node, indent int) {
	if t.Kind() == reflect.Slice || t.Kind() == reflect.Map {
		t = t.Elem()
	}
	switch n.kind {
	case scalar:
		p.line(indent, head+" "+shown(f, t, n), origin(n))
	case list:
		p.line(indent, head+emptyMark(n), origin(n))
		for i, item := range n.items {
			if i == maxShownItems {
				p.line(indent+1, fmt.Sprintf("# and %d more", len(n.items)-i), "")
				break
			}
			p.any(f, t, "-", item, indent+1)
		}
	default:
		p.line(indent, head+emptyMark(n), "")
		for _, e := range n.entries {
			p.any(f, t, plainText(e.key, "!!str")+":", e.value, indent+1)
		}
	}
}

// emptyMark returns how an empty list or mapping is written.
func emptyMark(n *node) string {
	switch {
	case n.kind == list && len(n.items) == 0:
		return " []"
	case n.kind == mapping && len(n.entries) == 0:
		return " {}"
	default:
		return ""
	}
}

// shown returns a scalar as it may be shown.
func shown(f field, t reflect.Type, n *node) string {
	if f.secret || n.secret {
		return probe.Redacted
	}
	if t == reflect.TypeFor[address]() {
		var a address
		if what, _ := a.parse(n.text); what == "" {
			return plainText(a.String(), n.tag)
		}
		return probe.Redacted
	}
	if t.Kind() != reflect.String && n.tag == "!!str" && n.kind == scalar && isWord(n.text) {
		return n.text
	}
	return plainText(n.text, n.tag)
}

// isWord reports whether a text is one of the words that switch something.
func isWord(text string) bool { return text == "on" || text == "off" || text == "none" }

// safe is a text without signs that mean something in YAML.
var safe = regexp.MustCompile(`^[A-Za-z0-9./][A-Za-z0-9_./@%+-]*(:[A-Za-z0-9_./@%+-]+)*$`)

// plainText returns a scalar in YAML, in quotes where it needs them.
func plainText(text, tag string) string {
	if utf8.RuneCountInString(text) > maxShownText {
		text = string([]rune(text)[:maxShownText]) + "…"
	}
	read := plainTag(text)
	yesOrNo := slices.Contains([]string{"yes", "no", "on", "off", "y", "n"}, strings.ToLower(text))
	if safe.MatchString(text) && (read == tag || read == "!!str") && (!yesOrNo || tag != "!!str") {
		return text
	}
	quoted, err := marshal(text)
	if err != nil {
		return probe.Redacted
	}
	return string(quoted)
}

// plainDefault returns the default of a field in YAML.
func plainDefault(f field) string {
	if f.typ.Kind() == reflect.String {
		return plainText(f.fallback, "!!str")
	}
	return f.fallback
}
