package task

import (
	"unicode/utf8"

	"github.com/hfwatch/hfwatch/probe"
)

// tokenClassification finds and labels parts of a text, such as names.
//
// The nonce goes behind the text, so that offsets in it stay true. Of a batch
// only the last text carries it.
type tokenClassification struct{ quiet }

// Name returns the Hub's name of the task.
func (tokenClassification) Name() string { return "token-classification" }

// Build returns {"inputs": …, "parameters": …}.
func (t tokenClassification) Build(ask probe.Ask) (probe.Request, error) {
	p, err := readParams(ask.Parameters)
	if err != nil {
		return probe.Request{}, err
	}
	all, err := readTexts(t.Name(), ask.Input)
	if err != nil {
		return probe.Request{}, err
	}
	return post(ask, t.Name(), all.marked(ask.Nonce).json(), p)
}

// Check accepts [{entity_group, score, word, start, end}], with entity in place
// of entity_group where nothing was aggregated, and a list of such lists for a
// batch. A text without any entity has an empty list, which is legal; `expect`
// a label to be sure.
func (t tokenClassification) Check(ask probe.Ask, a probe.Answer) probe.Verdict {
	value, bad := decode(a)
	if bad != nil {
		return *bad
	}
	inputs := asked(t.Name(), ask)
	outer, isList := value.([]any)
	if !isList {
		return reject("", breaks("%s, want a list of entities", kind(value)))
	}
	batch := nested(value)
	if !batch {
		outer = []any{value}
	}
	var found entities
	for i, item := range outer {
		length := -1
		if i < len(inputs.list) {
			length = utf8.RuneCountInString(inputs.list[i])
		}
		if broken := found.read(item, length); broken != nil {
			if batch {
				broken = broken.at(i)
			}
			return reject(found.shape(batch), broken)
		}
	}
	v := good(found.shape(batch))
	if broken := matchesCount(len(outer), len(inputs.list), "list"); broken != nil {
		return reject(v.Shape, broken)
	}
	if len(found.all) == 0 {
		v.Warnings = append(v.Warnings, "nothing was found; an input that names something would prove more")
	}
	return judge(ask, v, subject{labels: found.all, anyLabel: true, texts: found.words, value: value})
}

// entities are what was found so far, and the key that it is labelled by.
type entities struct {
	all   []scored
	words []string
	key   string
}

// shape names the form.
func (e *entities) shape(batch bool) string {
	s := "list<entity>"
	if e.key == "entity_group" {
		s = "list<entity_group>"
	}
	if batch {
		s = "list<" + s + ">"
	}
	return s
}

// read adds the entities of one text of the given length, below 0 not known.
func (e *entities) read(v any, length int) *fault {
	items, isList := v.([]any)
	if !isList {
		return breaks("%s, want a list of entities", kind(v))
	}
	for i, item := range items {
		if bad := e.add(item, length); bad != nil {
			return bad.at(i)
		}
	}
	return nil
}

// add adds one entity.
func (e *entities) add(v any, length int) *fault {
	o, bad := object(v)
	if bad != nil {
		return bad
	}
	_, grouped := o["entity_group"]
	_, single := o["entity"]
	name := "entity"
	switch {
	case grouped && single:
		return breaks("both entity_group and entity, want one of them")
	case grouped:
		name = "entity_group"
	case !single:
		return breaks("neither entity_group nor entity")
	}
	if e.key != "" && e.key != name {
		return breaks("%s, where the first has %s", name, e.key)
	}
	e.key = name
	var s scored
	if s.label, bad = text(o, name); bad != nil {
		return bad
	}
	if s.score, bad = scoreOf(o, unitScale); bad != nil {
		return bad
	}
	word, bad := text(o, "word")
	if bad != nil {
		return bad
	}
	if _, _, bad := span(o, length, true); bad != nil {
		return bad
	}
	e.all, e.words = append(e.all, s), append(e.words, word)
	return nil
}
