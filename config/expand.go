package config

import (
	"regexp"
	"strings"

	"go.yaml.in/yaml/v4"
)

// variable is the name of an environment variable, with or without a default.
var variable = regexp.MustCompile(`^([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?$`)

// sensitive are names of variables whose values are not to be shown.
var sensitive = regexp.MustCompile(`(?i)token|secret|passw|api_?key|credential`)

// expand puts the values of variables into a scalar: ${VAR}, ${VAR:-default}
// where VAR is unset or empty, and $$ for a dollar. A dollar before anything
// else stays. It reports variables that are not set.
func (b *builder) expand(n *node, y *yaml.Node) {
	if !strings.Contains(n.text, "$") {
		return
	}
	var out strings.Builder
	rest, expanded := n.text, false
	for {
		before, after, found := strings.Cut(rest, "$")
		out.WriteString(before)
		if !found {
			break
		}
		switch {
		case strings.HasPrefix(after, "$"):
			out.WriteByte('$')
			rest = after[1:]
		case strings.HasPrefix(after, "{"):
			inner, tail, closed := strings.Cut(after[1:], "}")
			if !closed {
				b.report(n.place, n.path, "${ without its }", "close it, or write $${ for the text itself")
				n.broken = true
				return
			}
			value, secret := b.variable(n, inner)
			out.WriteString(value)
			n.secret = n.secret || secret
			rest, expanded = tail, true
		default:
			out.WriteByte('$')
			rest = after
		}
	}
	n.text = out.String()
	if !expanded {
		return
	}
	// What a variable held has no quotes of its own: its type is read from the
	// text, as if it had been written plainly.
	n.loose = true
	if y.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) == 0 {
		n.tag = plainTag(n.text)
	}
}

// word is a text that may be something else than a text when written plainly.
var word = regexp.MustCompile(`^[A-Za-z0-9~.+-][A-Za-z0-9_.:+-]*$`)

// plainTag returns the tag that YAML gives a text without quotes.
func plainTag(text string) string {
	if text == "" {
		return "!!null"
	}
	var doc yaml.Node
	if !word.MatchString(text) || yaml.Load([]byte(text), &doc) != nil || len(doc.Content) != 1 {
		return "!!str"
	}
	return doc.Content[0].ShortTag()
}

// variable returns the value of what stands between the braces, and whether it
// must not be shown.
func (b *builder) variable(n *node, inner string) (string, bool) {
	m := variable.FindStringSubmatch(inner)
	if m == nil {
		b.report(n.place, n.path, "${"+inner+"} is not a variable",
			"write ${NAME} or ${NAME:-default}, or $${ for the text itself")
		n.broken = true
		return "", false
	}
	name, fallback, hasDefault := m[1], m[2], strings.Contains(inner, ":-")
	b.used[name] = true
	value, ok := b.lookup(name)
	switch {
	case ok && (value != "" || !hasDefault):
		return value, sensitive.MatchString(name)
	case hasDefault:
		n.optional = fallback == ""
		return fallback, false
	default:
		b.report(n.place, n.path, "the environment variable "+name+" is not set", "set it, or write ${"+name+":-default}")
		n.broken = true
		return "", false
	}
}
