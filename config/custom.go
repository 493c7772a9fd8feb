package config

import "reflect"

// oneOrMore is a text or a list of texts.
type oneOrMore []string

// decode reads a text or a list of texts.
func (o *oneOrMore) decode(d *decoder, n *node) {
	if n.kind == scalar {
		*o = oneOrMore{n.text}
		return
	}
	d.list(n, field{}, reflect.ValueOf((*[]string)(o)).Elem())
}

// forms returns the two forms.
func (*oneOrMore) forms(*schemas) []schema {
	text := schema{"type": "string"}
	return []schema{text, {"type": "array", "items": text}}
}

// decode reads the word none, or the mapping.
func (a *rawAuth) decode(d *decoder, n *node) {
	a.n = n
	if n.kind == scalar {
		if a.None = n.text == "none"; !a.None {
			d.report(n.spot(), quote(n.text)+" is neither none nor a mapping", "write none, token_file: …, or header: {name: …, value_file: …}")
		}
		return
	}
	d.structure(n, reflect.ValueOf(a).Elem())
}

// forms returns the word and the mapping.
func (a *rawAuth) forms(s *schemas) []schema {
	return []schema{{"const": "none"}, s.object(reflect.TypeFor[rawAuth]())}
}

// decode reads a list of values, or the mapping with from.
func (i *rawInputs) decode(d *decoder, n *node) {
	i.n = n
	switch n.kind {
	case list:
		i.values = n.items
	case mapping:
		i.sampled = true
		if n.get("from") == nil {
			d.report(n.spot(), "is a mapping without from", "write a list, inputs: [value, …]; or give sample, join and from")
			return
		}
		d.structure(n, reflect.ValueOf(&i.rule).Elem())
		if i.rule.From.kind != list {
			d.wrongKind(i.rule.From, list)
			return
		}
		i.values = i.rule.From.items
	default:
		d.report(n.spot(), "is a single value where a list is expected", "put it in brackets: inputs: [value]")
	}
}

// forms returns the list and the mapping.
func (i *rawInputs) forms(s *schemas) []schema {
	return []schema{{"type": "array", "minItems": 1}, s.object(reflect.TypeFor[rawSample]())}
}
