package task

import (
	"encoding/json"
	"fmt"
	"math"

	"github.com/hfwatch/hfwatch/probe"
)

// tableQuestionAnswering finds the answer to a question in a table.
//
// The nonce goes behind the question; the table stays as it is, so that the
// coordinates in it stay true.
type tableQuestionAnswering struct{ quiet }

// Name returns the Hub's name of the task.
func (tableQuestionAnswering) Name() string { return "table-question-answering" }

// Build returns {"inputs": {"query": …, "table": …}, "parameters": …}. Of the
// two names for the question, only query is read by every engine. The table's
// columns keep their order, which coordinates count in.
func (t tableQuestionAnswering) Build(ask probe.Ask) (probe.Request, error) {
	p, err := readParams(ask.Parameters)
	if err != nil {
		return probe.Request{}, err
	}
	query, table, err := t.read(ask.Input)
	if err != nil {
		return probe.Request{}, err
	}
	var b body
	b.value("query", suffix(query, ask.Nonce))
	b.raw("table", table.raw)
	inputs, err := b.bytes()
	if err != nil {
		return probe.Request{}, err
	}
	return post(ask, t.Name(), inputs, p)
}

// table is a table of texts by columns.
type table struct {
	raw           json.RawMessage
	rows, columns int
}

// read reads an input.
func (tableQuestionAnswering) read(raw json.RawMessage) (query string, t table, err error) {
	const want = `table-question-answering wants {"query": …, "table": {"column": ["cell", …], …}}`
	var in struct {
		Query    json.RawMessage `json:"query"`
		Question json.RawMessage `json:"question"`
		Table    json.RawMessage `json:"table"`
	}
	if rawKind(raw) != "an object" || json.Unmarshal(raw, &in) != nil {
		return "", table{}, fmt.Errorf("%s, got %s", want, rawKind(raw))
	}
	if in.Query == nil {
		in.Query = in.Question
	}
	if query, err = readText(want+": query", in.Query); err != nil {
		return "", table{}, err
	}
	if rawKind(in.Table) != "an object" {
		return "", table{}, fmt.Errorf("%s: table, got %s", want, rawKind(in.Table))
	}
	columns, err := readFields(in.Table)
	if err != nil {
		return "", table{}, fmt.Errorf("%s: table: %w", want, err)
	}
	if len(columns) == 0 {
		return "", table{}, fmt.Errorf("%s: table, got no columns", want)
	}
	t = table{raw: in.Table, columns: len(columns)}
	for i, c := range columns {
		var cells []json.RawMessage
		if rawKind(c.value) != "a list" || json.Unmarshal(c.value, &cells) != nil {
			return "", table{}, fmt.Errorf("%s: table.%s, got %s", want, c.name, rawKind(c.value))
		}
		for row, cell := range cells {
			if got := rawKind(cell); got != "a text" {
				return "", table{}, fmt.Errorf("%s: table.%s[%d], got %s; write numbers as texts", want, c.name, row, got)
			}
		}
		if i > 0 && len(cells) != t.rows {
			return "", table{}, fmt.Errorf("%s: table.%s has %s, the first column %d", want, c.name, plural(len(cells), "cell"), t.rows)
		}
		t.rows = len(cells)
	}
	if t.rows == 0 {
		return "", table{}, fmt.Errorf("%s: table, got no rows", want)
	}
	return query, t, nil
}

// Check accepts one {answer, coordinates, cells, aggregator} and a list of them;
// models that write their answer send the answer alone.
func (t tableQuestionAnswering) Check(ask probe.Ask, a probe.Answer) probe.Verdict {
	value, bad := decode(a)
	if bad != nil {
		return *bad
	}
	_, tab, err := t.read(ask.Input)
	if err != nil {
		tab = table{}
	}
	if _, isObject := value.(map[string]any); isObject {
		said, broken := tab.answer(value)
		if broken != nil {
			return reject("obj{answer}", broken)
		}
		return judge(ask, good("obj{answer}"), subject{texts: []string{said}, value: value})
	}
	items, broken := list(value, "answers")
	if broken != nil {
		return reject("", broken)
	}
	said := make([]string, len(items))
	for i, item := range items {
		if said[i], broken = tab.answer(item); broken != nil {
			return reject("list<obj{answer}>", broken.at(i))
		}
	}
	return judge(ask, good("list<obj{answer}>"), subject{texts: said, value: value})
}

// answer returns one answer. Coordinates must lie in the table, as many as
// cells; a table without rows is not known.
func (t table) answer(v any) (string, *fault) {
	o, bad := object(v)
	if bad != nil {
		return "", bad
	}
	said, bad := text(o, "answer")
	if bad != nil {
		return "", bad
	}
	if blank(said) {
		return "", breaks("blank").in(".answer")
	}
	coordinates, bad := optionalList(o, "coordinates")
	if bad != nil {
		return "", bad
	}
	for i, c := range coordinates {
		if bad := t.inside(c); bad != nil {
			return "", bad.at(i).in(".coordinates")
		}
	}
	cells, bad := optionalList(o, "cells")
	if bad != nil {
		return "", bad
	}
	for i, c := range cells {
		if _, isText := c.(string); !isText {
			return "", breaks("%s, want a text", kind(c)).at(i).in(".cells")
		}
	}
	if o["cells"] != nil && o["coordinates"] != nil && len(cells) != len(coordinates) {
		return "", breaks("%s for %s", plural(len(cells), "cell"), plural(len(coordinates), "coordinate")).in(".cells")
	}
	if agg := o["aggregator"]; agg != nil {
		if _, isText := agg.(string); !isText {
			return "", breaks("%s, want a text", kind(agg)).in(".aggregator")
		}
	}
	return said, nil
}

// optionalList returns the list under key, or nothing where it is absent or
// null.
func optionalList(o map[string]any, name string) ([]any, *fault) {
	v := o[name]
	if v == nil {
		return nil, nil
	}
	l, isList := v.([]any)
	if !isList {
		return nil, breaks("%s, want a list", kind(v)).in(key(name))
	}
	return l, nil
}

// inside checks one [row, column].
func (t table) inside(v any) *fault {
	pair, isList := v.([]any)
	if !isList || len(pair) != 2 {
		return breaks("want [row, column]")
	}
	for i, most := range []int{t.rows, t.columns} {
		f, isNumber := pair[i].(float64)
		if !isNumber || f != math.Trunc(f) || f < 0 {
			return breaks("want a whole number of at least 0").at(i)
		}
		if t.rows > 0 && f >= float64(most) {
			return breaks("%s is outside the table of %s and %s", short(f), plural(t.rows, "row"), plural(t.columns, "column")).at(i)
		}
	}
	return nil
}
