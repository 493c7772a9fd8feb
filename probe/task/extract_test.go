package task_test

import (
	"errors"
	"regexp"
	"testing"

	"github.com/hfwatch/hfwatch/probe"
)

func questionAnsweringRules(t *testing.T, b *rulebook) {
	one := in(`{"question":"Where?","context":"Ünder the old bridge, they say."}`)
	top := in(`{"question":"Where?","context":"under the bridge"}`, `{"top_k":2}`)
	impossible := in(`{"question":"Where?","context":"under the bridge"}`, `{"handle_impossible_answer":true}`)
	marked := in(`{"question":"What?","context":"42"}`)
	marked.Nonce = "0a1b2c3d"
	b.rows(t, "question-answering", []row{
		{"one answer, offsets count characters", one, `{"score":0.9,"start":6,"end":20,"answer":"the old bridge"}`, "", "obj{answer}", "", nil},
		{"several", top, `[{"score":0.9,"start":10,"end":16,"answer":"bridge"},{"score":0.05,"start":0,"end":16,"answer":"under the bridge"}]`, "", "list<obj{answer}>", "", nil},
		{"a list where one was asked for", one, `[{"score":0.9,"start":6,"end":20,"answer":"the old bridge"}]`, "", "list<obj{answer}>", "", nil},
		{"aligned to words", one, `{"score":0.9,"start":7,"end":18,"answer":"the old bridge,"}`, "", "obj{answer}", "", nil},
		{"another case and blanks", one, `{"score":0.9,"start":6,"end":20,"answer":"The  old bridge"}`, "", "obj{answer}", "", nil},
		{"whole numbers", one, `{"score":1,"start":6.0,"end":20,"answer":"the old bridge"}`, "", "obj{answer}", "", nil},
		{"no answer where that is allowed", impossible, `{"score":0.9,"start":0,"end":0,"answer":""}`, "", "obj{answer}", "", nil},
		{"the nonce as part of it", marked, `{"score":0.9,"start":0,"end":13,"answer":"42 (0a1b2c3d)"}`, "", "obj{answer}", "", nil},

		{"no answer", one, `{"score":0.9,"start":0,"end":0,"answer":""}`, "", "obj{answer}", "answer: blank, which only parameters.handle_impossible_answer allows", nil},
		{"an absent answer", one, `{"score":0.9,"start":0,"end":0}`, "", "obj{answer}", "answer: absent", nil},
		{"an answer of number", one, `{"score":0.9,"start":0,"end":2,"answer":42}`, "", "obj{answer}", "answer: a number, want a text", nil},
		{"no score", one, `{"start":6,"end":20,"answer":"the old bridge"}`, "", "obj{answer}", "score: absent", nil},
		{"a score of 3", one, `{"score":3,"start":6,"end":20,"answer":"the old bridge"}`, "", "obj{answer}", "score: 3 is not in 0..1", nil},
		{"no start", one, `{"score":0.9,"end":20,"answer":"the old bridge"}`, "", "obj{answer}", "start: absent", nil},
		{"half an offset", one, `{"score":0.9,"start":6.5,"end":20,"answer":"the old bridge"}`, "", "obj{answer}", "start: 6.5, want a whole number of at least 0", nil},
		{"a negative offset", one, `{"score":0.9,"start":-1,"end":20,"answer":"the old bridge"}`, "", "obj{answer}", "start: -1, want a whole number of at least 0", nil},
		{"the end before the start", one, `{"score":0.9,"start":20,"end":6,"answer":"the old bridge"}`, "", "obj{answer}", "end: 6 is before start 20", nil},
		{"beyond the context", one, `{"score":0.9,"start":6,"end":99,"answer":"the old bridge"}`, "", "obj{answer}", "end: 99 is beyond the text, which has 31 characters", nil},
		{"words that are not there", one, `{"score":0.9,"start":6,"end":20,"answer":"over the moon"}`, "", "obj{answer}", `answer: "over the moon" does not stand in the context at 6..20`, nil},
		{"the second of a list", top, `[{"score":0.9,"start":10,"end":16,"answer":"bridge"},{"score":0.05,"start":0,"end":5,"answer":"above"}]`, "", "list<obj{answer}>", `[1].answer: "above" does not stand in the context at 0..5`, nil},
		{"an empty list", one, `[]`, "", "", "the answer: an empty list, want at least one answer", nil},

		{"what is expected", with(marked, probe.Expect{Equals: js(`"42"`), MinScore: probe.Some(0.5)}), `{"score":0.9,"start":0,"end":13,"answer":"42 (0a1b2c3d)"}`, "", "obj{answer}", "", nil},
		{"another answer", with(one, probe.Expect{Contains: []string{"new bridge"}}), `{"score":0.9,"start":6,"end":20,"answer":"the old bridge"}`, probe.WrongAnswer, "obj{answer}", `expect.contains: "new bridge" is not in "the old bridge"`, nil},
		{"an unsure answer", with(one, probe.Expect{MinScore: probe.Some(0.5)}), `{"score":0.1,"start":6,"end":20,"answer":"the old bridge"}`, probe.WrongAnswer, "obj{answer}", `expect.min_score: "the old bridge" has 0.1, want at least 0.5`, nil},
	})
}

func tableQuestionAnsweringRules(t *testing.T, b *rulebook) {
	one := in(`{"query":"q","table":{"a":["1","2"],"b":["3","4"]}}`)
	b.rows(t, "table-question-answering", []row{
		{"with an aggregator", one, `{"answer":"SUM > 3, 4","coordinates":[[0,1],[1,1]],"cells":["3","4"],"aggregator":"SUM"}`, "", "obj{answer}", "", nil},
		{"without", one, `{"answer":"3","coordinates":[[0,1]],"cells":["3"]}`, "", "obj{answer}", "", nil},
		{"a model that writes", one, `{"answer":"3"}`, "", "obj{answer}", "", nil},
		{"the published schema's list", one, `[{"answer":"3","coordinates":[[0,1]],"cells":["3"],"aggregator":null}]`, "", "list<obj{answer}>", "", nil},
		{"no answer", one, `{"coordinates":[[0,1]],"cells":["3"]}`, "", "obj{answer}", "answer: absent", nil},
		{"a blank answer", one, `{"answer":"","coordinates":[],"cells":[]}`, "", "obj{answer}", "answer: blank", nil},
		{"outside the table", one, `{"answer":"3","coordinates":[[0,2]],"cells":["3"]}`, "", "obj{answer}", "coordinates[0][1]: 2 is outside the table of 2 rows and 2 columns", nil},
		{"a row outside", one, `[{"answer":"3","coordinates":[[2,0]],"cells":["3"]}]`, "", "list<obj{answer}>", "[0].coordinates[0][0]: 2 is outside the table of 2 rows and 2 columns", nil},
		{"coordinates of text", one, `{"answer":"3","coordinates":[["0",1]],"cells":["3"]}`, "", "obj{answer}", "coordinates[0][0]: want a whole number of at least 0", nil},
		{"coordinates of one", one, `{"answer":"3","coordinates":[[0]],"cells":["3"]}`, "", "obj{answer}", "coordinates[0]: want [row, column]", nil},
		{"coordinates that are no list", one, `{"answer":"3","coordinates":{}}`, "", "obj{answer}", "coordinates: an object, want a list", nil},
		{"cells of numbers", one, `{"answer":"3","coordinates":[[0,1]],"cells":[3]}`, "", "obj{answer}", "cells[0]: a number, want a text", nil},
		{"fewer cells", one, `{"answer":"3","coordinates":[[0,1]],"cells":[]}`, "", "obj{answer}", "cells: 0 cells for 1 coordinate", nil},
		{"an aggregator of number", one, `{"answer":"3","aggregator":1}`, "", "obj{answer}", "aggregator: a number, want a text", nil},
		{"another answer", with(one, probe.Expect{Equals: js(`"4"`)}), `{"answer":"3"}`, probe.WrongAnswer, "obj{answer}", `expect.equals: the text is "3", want "4"`, nil},
	})
}

func fillMaskRules(t *testing.T, b *rulebook) {
	one, two := in(`"a [MASK]."`), in(`["a [MASK].","b [MASK]."]`)
	const guess = `{"score":0.9,"token":5,"token_str":" cat","sequence":"a cat."}`
	b.rows(t, "fill-mask", []row{
		{"one mask", one, `[` + guess + `]`, "", "list<guess>", "", nil},
		{"several masks", one, `[[` + guess + `],[` + guess + `]]`, "", "list<list<guess>>", "", nil},
		{"a batch", two, `[[` + guess + `],[` + guess + `]]`, "", "list<list<guess>>", "", nil},
		{"the published schema's key", one, `[{"score":0.9,"token":5,"tokenStr":"cat","sequence":"a cat."}]`, "", "", "[0].token_str: absent", nil},
		{"no token", one, `[{"score":0.9,"token_str":"cat","sequence":"a cat."}]`, "", "", "[0].token: absent", nil},
		{"a token of text", one, `[{"score":0.9,"token":"5","token_str":"cat","sequence":"a cat."}]`, "", "", "[0].token: a text, want a number", nil},
		{"no sequence", one, `[[{"score":0.9,"token":5,"token_str":"cat"}]]`, "", "list<list<guess>>", "[0][0].sequence: absent", nil},
		{"a score of 2", one, `[{"score":2,"token":5,"token_str":"cat","sequence":"a cat."}]`, "", "", "[0].score: 2 is not in 0..1", nil},
		{"too few", two, `[[` + guess + `]]`, "", "list<list<guess>>", "the answer: 1 list for 2 inputs", nil},
		{"one list for two texts", two, `[` + guess + `]`, "", "list<guess>", "the answer: 1 list of predictions for 2 inputs", nil},
		{"two lists for three masks", in(`"[MASK] [MASK] [MASK]"`), `[[` + guess + `],[` + guess + `]]`, "", "list<list<guess>>", "the answer: 2 lists for 3 masks", nil},
		{"no guess", one, `[[]]`, "", "list<list<guess>>", "[0]: an empty list, want at least one prediction", nil},
		{"what is expected", with(one, probe.Expect{Label: "cat", Contains: []string{"a cat"}}), `[` + guess + `]`, "", "list<guess>", "", nil},
		{"another word", with(one, probe.Expect{Label: "dog"}), `[` + guess + `]`, probe.WrongAnswer, "list<guess>", `expect.label: the top label is "cat" (0.9), want "dog"`, nil},
	})
}

func tokenClassificationRules(t *testing.T, b *rulebook) {
	one, two := in(`"Anna is in Kiel"`), in(`["Anna","Kiel"]`)
	const anna = `{"entity_group":"PER","score":0.99,"word":"Anna","start":0,"end":4}`
	b.rows(t, "token-classification", []row{
		{"aggregated", one, `[` + anna + `]`, "", "list<entity_group>", "", nil},
		{"not aggregated", one, `[{"entity":"B-PER","index":1,"score":0.99,"word":"Anna","start":0,"end":4}]`, "", "list<entity>", "", nil},
		{"a tokenizer without offsets", one, `[{"entity":"B-PER","score":0.99,"word":"Anna","start":null,"end":null}]`, "", "list<entity>", "", nil},
		{"nothing is legal", one, `[]`, "", "list<entity>", "", []string{"nothing was found; an input that names something would prove more"}},
		{"a batch", two, `[[` + anna + `],[]]`, "", "list<list<entity_group>>", "", nil},
		{"both keys", one, `[{"entity":"B","entity_group":"PER","score":0.9,"word":"Anna","start":0,"end":4}]`, "", "list<entity>", "[0]: both entity_group and entity, want one of them", nil},
		{"neither key", one, `[{"label":"PER","score":0.9,"word":"Anna","start":0,"end":4}]`, "", "list<entity>", "[0]: neither entity_group nor entity", nil},
		{"one key and then the other", one, `[` + anna + `,{"entity":"B","score":0.9,"word":"Kiel","start":11,"end":15}]`, "", "list<entity_group>", "[1]: entity, where the first has entity_group", nil},
		{"a label of number", one, `[{"entity":1,"score":0.9,"word":"Anna","start":0,"end":4}]`, "", "list<entity>", "[0].entity: a number, want a text", nil},
		{"no word", one, `[{"entity":"B","score":0.9,"start":0,"end":4}]`, "", "list<entity>", "[0].word: absent", nil},
		{"a score of 1.5", one, `[{"entity":"B","score":1.5,"word":"Anna","start":0,"end":4}]`, "", "list<entity>", "[0].score: 1.5 is not in 0..1", nil},
		{"the end before the start", one, `[{"entity":"B","score":0.5,"word":"Anna","start":4,"end":0}]`, "", "list<entity>", "[0].end: 0 is before start 4", nil},
		{"beyond the text", one, `[{"entity":"B","score":0.5,"word":"Anna","start":0,"end":16}]`, "", "list<entity>", "[0].end: 16 is beyond the text, which has 15 characters", nil},
		{"beyond the second text", two, `[[` + anna + `],[{"entity_group":"LOC","score":0.5,"word":"Kiel","start":0,"end":5}]]`, "", "list<list<entity_group>>", "[1][0].end: 5 is beyond the text, which has 4 characters", nil},
		{"too few", two, `[[` + anna + `]]`, "", "list<list<entity_group>>", "the answer: 1 list for 2 inputs", nil},
		{"an object", one, `{}`, "", "", "the answer: an object, want a list of entities", nil},

		{"what is expected", with(one, probe.Expect{Label: "PER", MinScore: probe.Some(0.9), Contains: []string{"Anna"}}), `[{"entity_group":"LOC","score":0.9,"word":"Kiel","start":11,"end":15},` + anna + `]`, "", "list<entity_group>", "", nil},
		{"a label that is not there", with(one, probe.Expect{Label: "ORG"}), `[` + anna + `]`, probe.WrongAnswer, "list<entity_group>", `expect.label: "ORG" is not among the 1 label found`, nil},
		{"too unsure", with(one, probe.Expect{Label: "PER", MinScore: probe.Some(0.995)}), `[` + anna + `]`, probe.WrongAnswer, "list<entity_group>", `expect.min_score: "PER" has 0.99, want at least 0.995`, nil},
		{"nothing at all", with(one, probe.Expect{MinScore: probe.Some(0.5)}), `[]`, probe.WrongAnswer, "list<entity>", `expect.min_score: nothing was found that could have a score`, []string{"nothing was found; an input that names something would prove more"}},
	})
}

// schema is a Validator made of a function.
type schema func(any) error

func (f schema) Validate(v any) error { return f(v) }

func customRules(t *testing.T, b *rulebook) {
	one := in(`{"x":1}`)
	b.rows(t, "custom", []row{
		{"an object", one, `{"a":1}`, "", "json<object>", "", nil},
		{"a list", one, `[]`, "", "json<list>", "", nil},
		{"a number", one, ` 1 `, "", "json<number>", "", nil},
		{"HTML may be meant", one, `<html>`, "", "text", "", nil},
		{"bytes", one, "\xff\xd8", "", "bytes", "", nil},
		{"nothing", one, ``, "", "empty", "", nil},
		{"what is expected", with(one, probe.Expect{Contains: []string{"a", "1"}, Matches: regexp.MustCompile(`^\{`), Equals: js(`{"a":1.0}`), MinLength: probe.Some(7), MaxLength: probe.Some(7)}), `{"a":1}`, "", "json<object>", "", nil},
		{"words that are not there", with(one, probe.Expect{Contains: []string{"b"}}), `{"a":1}`, probe.WrongAnswer, "json<object>", `expect.contains: "b" is not in "{\"a\":1}"`, nil},
		{"a pattern that does not match", with(one, probe.Expect{Matches: regexp.MustCompile(`^b`)}), `a`, probe.WrongAnswer, "text", `expect.matches: "a" does not match ^b`, nil},
		{"too short", with(one, probe.Expect{MinLength: probe.Some(3)}), `ä`, probe.WrongAnswer, "text", `expect.min_length: the text has 1 character, want at least 3`, nil},
		{"too long", with(one, probe.Expect{MaxLength: probe.Some(1)}), `äö`, probe.WrongAnswer, "text", `expect.max_length: the text has 2 characters, want at most 1`, nil},
		{"another value", with(one, probe.Expect{Equals: js(`{"a":2}`)}), `{"a":1}`, probe.WrongAnswer, "json<object>", `expect.equals: the answer is not {"a":2}`, nil},
		{"no JSON to compare", with(one, probe.Expect{Equals: js(`{"a":2}`)}), `a`, probe.WrongAnswer, "text", `expect.equals: the text is not JSON: "a"`, nil},
		{"against a schema", with(one, probe.Expect{Schema: schema(func(v any) error {
			if v.(map[string]any)["a"] != 1.0 {
				return errors.New("no a")
			}
			return nil
		})}), `{"a":1}`, "", "json<object>", "", nil},
		{"a schema broken", with(one, probe.Expect{Schema: schema(func(any) error { return errors.New("a:\n  is wrong") })}), `{"a":1}`, probe.WrongAnswer, "json<object>", `expect.json_schema: a: is wrong`, nil},
		{"a schema of no JSON", with(one, probe.Expect{Schema: schema(func(any) error { return nil })}), `a`, probe.WrongAnswer, "text", `expect.json_schema: the text is not JSON: "a"`, nil},
	})
	v := must(t, "custom").Check(one, answer(`{"model":"m","usage":{"prompt_tokens":3,"completion_tokens":4}}`))
	if v.Model != "m" || v.TokensIn != probe.Some(3) || v.TokensOut != probe.Some(4) || v.TokensSource != probe.TokensUsage {
		t.Errorf("Check() with usage = %+v, want model m, 3, 4, usage", v)
	}
	var zero probe.Expect
	if v := must(t, "custom").Check(with(one, zero), answer(`x`)); v.Outcome != probe.OK {
		t.Errorf("Check() with an expect of nothing = %+v, want ok", v)
	}
}
