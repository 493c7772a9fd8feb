package config

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
)

// Bounds of what a file may hold.
const (
	// MaxFileSize is the largest configuration file, in bytes.
	MaxFileSize = 4 << 20
	// maxNodes bounds the values of all files together, aliases carried out, so
	// that a few lines of aliases cannot grow without end.
	maxNodes = 200_000
	// maxDepth bounds how deep values nest.
	maxDepth = 64
)

// reader turns the bytes of files into nodes. One YAML dialect judges them: the
// nodes are built from go.yaml.in/yaml's own, and every later step reads those.
type reader struct {
	problems *collector
	lookup   func(name string) (string, bool)
	nodes    int
	// used are the variables that some value names.
	used map[string]bool
}

// read returns the one document that data holds, or nil with a problem.
func (r *reader) read(file string, data []byte) *node {
	start := Place{File: file, Line: 1, Col: 1}
	if what, remedy := unfit(data); what != "" {
		r.report(start, "file", what, remedy)
		return nil
	}
	if i := badByte(data); i >= 0 {
		r.report(textPlace(file, data[:i]), "file", fmt.Sprintf("is not UTF-8 text: the byte 0x%02x stands here", data[i]), "save it as UTF-8, or name another file")
		return nil
	}
	var doc yaml.Node
	if err := yaml.Load(data, &doc); err != nil && strings.Contains(err.Error(), "no documents") {
		r.report(start, "file", "holds no configuration", "write at least one model under models:")
		return nil
	} else if err != nil {
		if strings.Contains(err.Error(), "found multiple") {
			start.Line = secondDocument(data)
		}
		r.report(syntaxPlace(start, err), "file", "is not valid YAML: "+syntaxText(err), syntaxRemedy(err))
		return nil
	}
	root := &doc
	for root.Kind == yaml.DocumentNode && len(root.Content) == 1 {
		root = root.Content[0]
	}
	b := builder{reader: r, file: file, open: map[*yaml.Node]bool{}}
	n := b.build(root, step{})
	switch {
	case b.full:
		return nil
	case n == nil || n.null():
		r.report(start, "file", "holds no configuration", "write at least one model under models:")
		return nil
	case n.kind != mapping:
		r.report(n.place, "file", "holds "+n.kind.String()+" where keys are expected", "write key: value lines, such as models:")
		return nil
	}
	return n
}

// report adds a problem.
func (r *reader) report(at Place, path, what, remedy string) {
	r.problems.wrongValue(Problem{Place: at, Path: path, What: what, Remedy: remedy})
}

// secondDocument returns the line of the mark between two documents.
func secondDocument(data []byte) int {
	begun := false
	for i, line := range bytes.Split(data, []byte("\n")) {
		mark := bytes.HasPrefix(line, []byte("---"))
		if mark && begun {
			return i + 1
		}
		text := bytes.TrimSpace(line)
		begun = begun || mark || (len(text) > 0 && text[0] != '#')
	}
	return 1
}

// unfit says why data cannot be a configuration at all, or nothing.
func unfit(data []byte) (what, remedy string) {
	switch {
	case len(data) > MaxFileSize:
		return fmt.Sprintf("is larger than %d MiB", MaxFileSize>>20), "move inputs into inputs_file, models into include"
	case len(bytes.TrimSpace(data)) == 0:
		return "is empty", "write at least one model under models:"
	}
	return "", ""
}

// badByte returns the index of the first byte that is NUL or no part of UTF-8,
// or -1.
func badByte(data []byte) int {
	for i := 0; i < len(data); {
		r, n := utf8.DecodeRune(data[i:])
		if data[i] == 0 || r == utf8.RuneError && n == 1 {
			return i
		}
		i += n
	}
	return -1
}

// textPlace returns the place behind the text before it, its column in letters.
func textPlace(file string, before []byte) Place {
	last := before[bytes.LastIndexByte(before, '\n')+1:]
	return Place{File: file, Line: bytes.Count(before, []byte("\n")) + 1, Col: utf8.RuneCount(last) + 1}
}

// syntaxPlace returns where the YAML parser stopped.
func syntaxPlace(start Place, err error) Place {
	var load *yaml.LoadError
	if errors.As(err, &load) && load.Mark.Line > 0 {
		start.Line, start.Col = load.Mark.Line, max(1, load.Mark.Column)
	}
	return start
}

// syntaxText returns what the YAML parser says, without its own position.
func syntaxText(err error) string {
	var load *yaml.LoadError
	if errors.As(err, &load) && load.Message != "" {
		return strings.TrimPrefix(load.Message, "yaml: ")
	}
	return strings.TrimPrefix(err.Error(), "yaml: ")
}

// syntaxRemedy returns the likely cure of what the YAML parser says.
func syntaxRemedy(err error) string {
	text := err.Error()
	switch {
	case strings.Contains(text, "tab") || strings.Contains(text, "cannot start any token"):
		return "indent with spaces, and quote texts that begin with a sign"
	case strings.Contains(text, "found multiple"):
		return "remove the --- line: one file holds one document"
	case strings.Contains(text, "anchor"):
		return "define the anchor with & before it is used with *"
	case strings.Contains(text, "depth"):
		return "nest less deeply"
	default:
		return "check indentation, quotes and brackets up to this line; the file may have been cut off"
	}
}

// builder carries out aliases and merge keys of one file.
type builder struct {
	*reader
	file string
	// open are the nodes being built, so that an alias inside its own anchor is
	// seen.
	open  map[*yaml.Node]bool
	depth int
	full  bool
}

// step is where in the document a node is built.
type step struct {
	path string
	// literal is true where variables are left as they are.
	literal bool
	// place is the alias's own place, where the node is reached by one.
	place Place
}

// build returns the node of y, or nil where a bound was hit.
func (b *builder) build(y *yaml.Node, s step) *node {
	if b.full {
		return nil
	}
	at := Place{File: b.file, Line: max(1, y.Line), Col: max(1, y.Column)}
	if s.place.Line > 0 {
		at = s.place
	}
	b.nodes++
	if b.depth++; b.nodes > maxNodes || b.depth > maxDepth || b.open[y] {
		b.overfull(y, s, at)
		return nil
	}
	b.open[y] = true
	defer func() { b.depth--; delete(b.open, y) }()
	n := &node{place: at, path: s.path}
	switch y.Kind {
	case yaml.AliasNode:
		s.place = at
		return b.build(y.Alias, s)
	case yaml.ScalarNode:
		n.kind, n.text, n.tag = scalar, y.Value, y.ShortTag()
		if !s.literal {
			b.expand(n, y)
		}
	case yaml.SequenceNode:
		n.kind = list
		for i, item := range y.Content {
			if child := b.build(item, step{path: index(s.path, i), literal: s.literal}); child != nil {
				n.items = append(n.items, child)
			}
		}
	case yaml.MappingNode:
		n.kind = mapping
		b.mapping(n, y, s)
	default:
		n.kind, n.tag = scalar, "!!null"
	}
	return n
}

// overfull reports that a bound was hit and ends the build.
func (b *builder) overfull(y *yaml.Node, s step, at Place) {
	b.full = true
	switch {
	case b.open[y]:
		b.report(at, or(s.path, "file"), "contains itself through an alias", "write the value out")
	case b.depth > maxDepth:
		b.report(at, "file", fmt.Sprintf("nests deeper than %d values", maxDepth), "nest less deeply")
	default:
		b.report(at, "file", fmt.Sprintf("holds more than %d values once aliases are written out", maxNodes),
			"use fewer aliases, and move inputs into inputs_file")
	}
}

// mapping fills n with the keys of y: its own first, then those of its merge
// keys that it does not have.
func (b *builder) mapping(n *node, y *yaml.Node, s step) {
	var merges []*yaml.Node
	for i := 0; i+1 < len(y.Content); i += 2 {
		key, value := y.Content[i], y.Content[i+1]
		at := Place{File: b.file, Line: max(1, key.Line), Col: max(1, key.Column)}
		if key.Kind == yaml.AliasNode {
			key = key.Alias
		}
		if key.Kind != yaml.ScalarNode {
			b.report(at, or(s.path, "file"), "a key must be a text", "check the braces and brackets before it")
			continue
		}
		if key.ShortTag() == "!!merge" {
			merges = append(merges, value)
			continue
		}
		if first, ok := n.keyPlace(key.Value); ok {
			b.report(at, join(s.path, key.Value), fmt.Sprintf("is written twice, first in line %d", first.Line), "remove one of the two")
			continue
		}
		child := b.build(value, step{path: join(s.path, key.Value), literal: s.literal || literalAt(s.path, key.Value)})
		if child == nil {
			return
		}
		n.entries = append(n.entries, entry{key: key.Value, place: at, value: child})
	}
	for _, m := range merges {
		b.merge(n, m, s)
	}
}

// merge adds the keys of a merge key's value that n does not have.
func (b *builder) merge(n *node, m *yaml.Node, s step) {
	at := Place{File: b.file, Line: max(1, m.Line), Col: max(1, m.Column)}
	if m.Kind == yaml.SequenceNode {
		for _, item := range m.Content {
			b.merge(n, item, s)
		}
		return
	}
	from := b.build(m, step{path: s.path, literal: s.literal})
	if from == nil {
		return
	}
	if from.kind != mapping {
		b.report(at, join(s.path, "<<"), "merges "+from.kind.String(), "name the anchor of a mapping: <<: *name")
		return
	}
	for _, e := range from.entries {
		if n.get(e.key) == nil {
			n.entries = append(n.entries, e)
		}
	}
}

// literalPlaces are the mappings whose inputs are never expanded, and the
// anchors, which are expanded where they are used.
var literalPlaces = regexp.MustCompile(`^(models\[\d+\]|defaults|profiles\..+)$`)

// literalAt reports whether the values below a key are left as they are.
func literalAt(parent, key string) bool {
	if parent == "" {
		return strings.HasPrefix(key, "x-")
	}
	return key == "inputs" && literalPlaces.MatchString(parent)
}

// or returns the first text that is not empty.
func or(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return ""
}
