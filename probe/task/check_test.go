package task_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hfwatch/hfwatch/probe"
	"github.com/hfwatch/hfwatch/probe/task"
)

// row is one answer and what becomes of it.
type row struct {
	why string
	ask probe.Ask
	// body is the answer; shape and outcome what is made of it, with the whole
	// reason and the warnings.
	body     string
	outcome  probe.Outcome
	shape    string
	reason   string
	warnings []string
}

// in returns an ask with input and parameters.
func in(input string, parameters ...string) probe.Ask {
	a := probe.Ask{Route: probe.RouteURL, Model: "m", Input: js(input)}
	for _, p := range parameters {
		a.Parameters = js(p)
	}
	return a
}

// with returns a with what is expected.
func with(a probe.Ask, e probe.Expect) probe.Ask {
	a.Expect = &e
	return a
}

// answer returns a 200 with a body that is said to be JSON.
func answer(body string) probe.Answer {
	return probe.Answer{Status: 200, Header: http.Header{"Content-Type": {"application/json"}}, Body: []byte(body)}
}

// rows judges each row.
func (b *rulebook) rows(t *testing.T, name string, all []row) {
	t.Helper()
	tk := must(t, name)
	built := map[string]bool{}
	for _, r := range all {
		if asked := string(r.ask.Input) + string(r.ask.Parameters) + r.ask.Path; !built[asked] {
			built[asked] = true
			if _, err := tk.Build(r.ask); err != nil {
				t.Errorf("%s: Build() = %v, want a row that can be asked", r.why, err)
			}
		}
		if r.outcome == "" {
			r.outcome = probe.OK
			if r.reason != "" {
				r.outcome = probe.InvalidOutput
			}
		}
		got := b.check(tk, r.why, r.ask, answer(r.body))
		type verdict struct {
			Outcome       probe.Outcome
			Reason, Shape string
			Warnings      []string
		}
		want := verdict{r.outcome, r.reason, r.shape, r.warnings}
		if diff := cmp.Diff(want, verdict{got.Outcome, got.Reason, got.Shape, got.Warnings}); diff != "" {
			t.Errorf("%s: Check(%s) (-want +got):\n%s", r.why, r.body, diff)
		}
		metamorphic(t, tk, r, got)
	}
}

// metamorphic holds that neither the order of keys nor unknown keys change a
// verdict.
func metamorphic(t *testing.T, tk probe.Task, r row, want probe.Verdict) {
	t.Helper()
	if tk.Name() == "custom" {
		return
	}
	var value any
	if json.Unmarshal([]byte(r.body), &value) != nil {
		return
	}
	for _, extra := range []string{"", `"zz_unknown":{"a":[1,null]},`} {
		var buf bytes.Buffer
		reversed(&buf, value, extra)
		if !json.Valid(buf.Bytes()) {
			t.Fatalf("reversed(%s) = %s, want JSON", r.body, buf.Bytes())
		}
		got := tk.Check(r.ask, answer(buf.String()))
		if got.Outcome != want.Outcome || got.Shape != want.Shape {
			t.Errorf("%s: Check(%s) = %s, %s (%s), want %s, %s as with the keys in order", r.why, buf.Bytes(), got.Outcome, got.Shape, got.Reason, want.Outcome, want.Shape)
		}
	}
}

// reversed writes value with its keys in reverse order behind extra.
func reversed(w *bytes.Buffer, value any, extra string) {
	switch v := value.(type) {
	case map[string]any:
		keys := slices.Sorted(maps.Keys(v))
		slices.Reverse(keys)
		if len(keys) == 0 {
			extra = strings.TrimSuffix(extra, ",")
		}
		fmt.Fprintf(w, "{%s", extra)
		for i, k := range keys {
			if i > 0 {
				w.WriteByte(',')
			}
			fmt.Fprintf(w, "%q:", k)
			reversed(w, v[k], extra)
		}
		w.WriteByte('}')
	case []any:
		w.WriteByte('[')
		for i, item := range v {
			if i > 0 {
				w.WriteByte(',')
			}
			reversed(w, item, extra)
		}
		w.WriteByte(']')
	default:
		data, _ := json.Marshal(v)
		w.Write(data)
	}
}

// plain returns an input that the task takes, with the parameters that it needs.
func plain(name string) probe.Ask {
	return probe.Ask{Route: probe.RouteURL, Model: "m", Input: task.Example(name)[0], Parameters: task.ExampleParameters(name)}
}

// bodiesThatAreNoAnswerRules are the same for every task but custom.
func bodiesThatAreNoAnswerRules(t *testing.T, b *rulebook) {
	for _, name := range task.Names() {
		if name == "custom" {
			continue
		}
		ask, want := plain(name), "JSON"
		switch name {
		case "text-to-image":
			want = "a picture"
		case "text-to-speech":
			want = "a sound"
		}
		b.rows(t, name, []row{
			{"nothing at all", ask, "", "", "", "the body is empty", nil},
			{"blanks alone", ask, " \n", "", "", "the body is empty", nil},
			{"HTML alone", ask, "\n<html><body>busy</body></html>", "", "", "the body is HTML or XML, want " + want, nil},
			{"half of it", ask, `[{"label":"A","sco`, probe.Truncated, "", "the body ends in the middle of its JSON, after 18 bytes", nil},
			{"Python's NaN", ask, `[{"label": "NaN \" NaN", "score": NaN}]`, "", "", "the body holds NaN at byte 34, which is no number", nil},
			{"Python's Infinity", ask, `[-Infinity]`, "", "", "the body holds Infinity at byte 2, which is no number", nil},
			{"a number too large", ask, `[1e999]`, "", "", "the body holds the number 1e999, which is beyond 64 bits", nil},
			{"two values", ask, `{} {}`, "", "", "the body is not JSON: invalid character '{' after top-level value", nil},
			{"an error alone", ask, `{"error":"Model too busy"}`, "", "", `the answer is an error envelope: "Model too busy"`, nil},
			{"a list of errors", ask, `{"error":["a","b"]}`, "", "", `the answer is an error envelope: ["a","b"]`, nil},
		})
		finds := name == "token-classification" || name == "object-detection"
		for _, body := range []string{`tree`, `null`, `1`, `"a"`, `true`, `[]`, `{}`, `[null]`, `[[]]`, `[[[]]]`, `{"a":1}`, `[{}]`, `[[{}]]`, `[{"error":"x"}]`} {
			why := "words"
			if body != "tree" {
				why = "another value"
			}
			got := b.check(must(t, name), why, ask, answer(body))
			legal := finds && body == `[]` || name == "token-classification" && body == `[[]]`
			if (got.Outcome != probe.InvalidOutput || got.Reason == "") && !legal {
				t.Errorf("%s: Check(%s) = %s, %q, want invalid_output and why", name, body, got.Outcome, got.Reason)
			}
		}
		if task.Streams(name) {
			continue
		}
		got := b.check(must(t, name), "a stream", ask, probe.Answer{Status: 200, Streamed: true})
		if reason := "the answer is an event stream, want " + want; got.Outcome != probe.InvalidOutput || got.Reason != reason {
			t.Errorf("%s: Check() of a stream = %s, %q, want invalid_output, %q", name, got.Outcome, got.Reason, reason)
		}
	}
}

// bodiesThatAreToleratedRules have oddities that every decoder takes.
func bodiesThatAreToleratedRules(t *testing.T, b *rulebook) {
	b.rows(t, "text-classification", []row{
		{"a byte order mark", in(`"a"`), "\xef\xbb\xbf[{\"label\":\"A\",\"score\":1}]", "", "list<label>", "", nil},
		{"a key twice, of which the last counts", in(`"a"`), `[{"label":"A","score":7,"score":0.5}]`, "", "list<label>", "", nil},
	})
	b.rows(t, "summarization", []row{
		{"no error", in(`"a"`), `{"summary_text":"s","error":null}`, "", "obj{summary_text}", "", nil},
	})
}

func textClassificationRules(t *testing.T, b *rulebook) {
	one, two, three := in(`"a"`), in(`["a","b"]`), in(`["a","b","c"]`)
	raw := in(`"a"`, `{"function_to_apply":"none"}`)
	b.rows(t, "text-classification", []row{
		{"hf-inference", one, `[[{"label":"POSITIVE","score":0.99},{"label":"NEGATIVE","score":0.01}]]`, "", "list<list<label>>", "", nil},
		{"the default container, TEI", one, `[{"label":"POSITIVE","score":0.99},{"label":"NEGATIVE","score":0.01}]`, "", "list<label>", "", nil},
		{"whole numbers", one, `[{"label":"A","score":1},{"label":"B","score":0}]`, "", "list<label>", "", nil},
		{"rounding", one, `[{"label":"A","score":1.00000012}]`, "", "list<label>", "", nil},
		{"a batch", two, `[[{"label":"A","score":0.9}],[{"label":"B","score":0.8}]]`, "", "list<list<label>>", "", nil},
		{"a batch of best labels", three, `[{"label":"A","score":0.9},{"label":"B","score":0.8},{"label":"A","score":0.7}]`, "", "list<label>", "", nil},
		{"TEI reads two texts as a pair", two, `[{"label":"A","score":0.9},{"label":"B","score":0.05},{"label":"C","score":0.05}]`, "", "list<label>", "", nil},
		{"and may nest the answer", two, `[[{"label":"A","score":0.9}]]`, "", "list<list<label>>", "", nil},
		{"logits where they are asked for", raw, `[{"label":"A","score":4.2},{"label":"B","score":-3}]`, "", "list<label>", "", nil},
		{"logits in TEI's words", in(`"a"`, `{"raw_scores":true}`), `[{"label":"A","score":4.2}]`, "", "list<label>", "", nil},

		{"no labels", one, `[]`, "", "", "the answer: an empty list, want at least one label", nil},
		{"no inner labels", one, `[[]]`, "", "list<list<label>>", "[0]: an empty list, want at least one label", nil},
		{"an object", one, `{"label":"A","score":1}`, "", "", "the answer: an object, want a list of labels", nil},
		{"a label of number", one, `[{"label":1,"score":0.5}]`, "", "", "[0].label: a number, want a text", nil},
		{"no label", one, `[[{"score":0.5}]]`, "", "list<list<label>>", "[0][0].label: absent", nil},
		{"an empty label", one, `[{"label":"","score":0.5}]`, "", "", "[0].label: empty", nil},
		{"a score of text", one, `[[{"label":"A","score":1},{"label":"B","score":"0.5"}]]`, "", "list<list<label>>", "[0][1].score: a text, want a number", nil},
		{"a score of null", one, `[{"label":"A","score":null}]`, "", "", "[0].score: null, want a number", nil},
		{"logits where none are meant", one, `[{"label":"A","score":4.2}]`, "", "", "[0].score: 4.2 is not in 0..1; where raw scores are meant, say so with parameters.function_to_apply: none", nil},
		{"a negative score", one, `[{"label":"A","score":-0.1}]`, "", "", "[0].score: -0.1 is not in 0..1; where raw scores are meant, say so with parameters.function_to_apply: none", nil},
		{"two lists for one text", one, `[[{"label":"A","score":0.9}],[{"label":"B","score":0.8}]]`, "", "list<list<label>>", "the answer: 2 lists for 1 input", nil},
		{"two labels for three texts", three, `[{"label":"A","score":0.9},{"label":"B","score":0.8}]`, "", "list<label>", "the answer: 2 labels for 3 inputs", nil},
		{"one list of three", three, `[[{"label":"A","score":0.9}]]`, "", "list<list<label>>", "the answer: 1 list for 3 inputs", nil},
		{"a list among labels", one, `[{"label":"A","score":0.9},[]]`, "", "", "[1]: a list, want an object", nil},
		{"a label among lists", one, `[[{"label":"A","score":0.9}],{}]`, "", "list<list<label>>", "[1]: an object, want a list of labels", nil},

		{"what is expected", with(one, probe.Expect{Label: "A", MinScore: probe.Some(0.9)}), `[[{"label":"B","score":0.05},{"label":"A","score":0.95}]]`, "", "list<list<label>>", "", nil},
		{"another label", with(one, probe.Expect{Label: "A"}), `[[{"label":"B","score":0.95},{"label":"A","score":0.05}]]`, probe.WrongAnswer, "list<list<label>>", `expect.label: the top label is "B" (0.95), want "A"`, nil},
		{"too low a score", with(one, probe.Expect{Label: "A", MinScore: probe.Some(0.9)}), `[{"label":"A","score":0.85}]`, probe.WrongAnswer, "list<label>", `expect.min_score: "A" has 0.85, want at least 0.9`, nil},
		{"the second of a batch", with(two, probe.Expect{Label: "A"}), `[[{"label":"A","score":1}],[{"label":"B","score":1}]]`, probe.WrongAnswer, "list<list<label>>", `expect.label: the top label is "B" (1), want "A", for input 1`, nil},
		{"an expectation that is no JSON", with(one, probe.Expect{Equals: js(`[`)}), `[{"label":"A","score":0.6}]`, probe.WrongAnswer, "list<label>", "expect.equals: not JSON: unexpected end of JSON input", nil},
		{"another value", with(one, probe.Expect{Equals: js(`[{"label":"A","score":0.5}]`)}), `[{"label":"A","score":0.6}]`, probe.WrongAnswer, "list<label>", `expect.equals: the answer is not [{"label":"A","score":0.5}]`, nil},
	})
}

func zeroShotRules(t *testing.T, b *rulebook) {
	one := in(`"a"`, `{"candidate_labels":["x","y"]}`)
	multi := in(`"a"`, `{"candidate_labels":["x","y"],"multi_label":true}`)
	single := in(`"a"`, `{"candidate_labels":"x"}`)
	batch := in(`["a","b"]`, `{"candidate_labels":"x, y"}`)
	b.rows(t, "zero-shot-classification", []row{
		{"transformers", one, `{"sequence":"a","labels":["y","x"],"scores":[0.7,0.3]}`, "", "obj{labels,scores}", "", nil},
		{"hf-inference today", one, `[{"label":"y","score":0.7},{"label":"x","score":0.3}]`, "", "list<label>", "", nil},
		{"unsorted", one, `[{"label":"x","score":0.3},{"label":"y","score":0.7}]`, "", "list<label>", "", nil},
		{"a batch", batch, `[{"sequence":"a","labels":["y","x"],"scores":[0.7,0.3]},{"sequence":"b","labels":["x","y"],"scores":[0.5,0.5]}]`, "", "list<obj{labels,scores}>", "", nil},
		{"a batch of lists", batch, `[[{"label":"y","score":0.7},{"label":"x","score":0.3}],[{"label":"y","score":0.7},{"label":"x","score":0.3}]]`, "", "list<list<label>>", "", nil},
		{"rounded sum", one, `{"labels":["y","x"],"scores":[0.7,0.315]}`, "", "obj{labels,scores}", "", nil},
		{"several labels at once", multi, `{"labels":["y","x"],"scores":[0.9,0.8]}`, "", "obj{labels,scores}", "", nil},
		{"one label is scored by itself", single, `{"labels":["x"],"scores":[0.2]}`, "", "obj{labels,scores}", "", nil},

		{"a sum of 1.5", one, `{"labels":["y","x"],"scores":[0.9,0.6]}`, "", "obj{labels,scores}", "the answer: the scores sum to 1.5, want 1 within 0.02", nil},
		{"a sum of 0.5 in a list", one, `[{"label":"y","score":0.3},{"label":"x","score":0.2}]`, "", "list<label>", "the answer: the scores sum to 0.5, want 1 within 0.02", nil},
		{"an unknown label", one, `{"labels":["y","z"],"scores":[0.7,0.3]}`, "", "obj{labels,scores}", `the answer: label "z" was not asked for`, nil},
		{"a missing label", one, `[{"label":"y","score":1}]`, "", "list<label>", `the answer: label "x" is missing`, nil},
		{"a label twice", one, `{"labels":["y","y"],"scores":[0.7,0.3]}`, "", "obj{labels,scores}", `the answer: label "y" stands there twice`, nil},
		{"fewer scores", one, `{"labels":["y","x"],"scores":[1]}`, "", "obj{labels,scores}", "scores: 1 score for 2 labels", nil},
		{"no scores", one, `{"labels":["y","x"]}`, "", "obj{labels,scores}", "scores: null, want a list of scores", nil},
		{"a score of text", one, `{"labels":["y","x"],"scores":[1,"0"]}`, "", "obj{labels,scores}", "scores[1]: a text, want a number", nil},
		{"a label of number", one, `{"labels":["y",1],"scores":[1,0]}`, "", "obj{labels,scores}", "labels[1]: a number, want a text", nil},
		{"a score of 2", one, `{"labels":["y","x"],"scores":[2,-1]}`, "", "obj{labels,scores}", "scores[0]: 2 is not in 0..1", nil},
		{"too few", batch, `[{"sequence":"a","labels":["y","x"],"scores":[0.7,0.3]}]`, "", "list<obj{labels,scores}>", "the answer: 1 answer for 2 inputs", nil},
		{"the second of a batch", batch, `[{"labels":["y","x"],"scores":[0.7,0.3]},{"labels":["y"],"scores":[1]}]`, "", "list<obj{labels,scores}>", `[1]: label "x" is missing`, nil},
		{"nothing", one, `[]`, "", "", "the answer: an empty list, want labels with scores", nil},

		{"what is expected", with(one, probe.Expect{Label: "y", MinScore: probe.Some(0.6)}), `{"labels":["y","x"],"scores":[0.7,0.3]}`, "", "obj{labels,scores}", "", nil},
		{"another label", with(one, probe.Expect{Label: "x"}), `[{"label":"y","score":0.7},{"label":"x","score":0.3}]`, probe.WrongAnswer, "list<label>", `expect.label: the top label is "y" (0.7), want "x"`, nil},
	})
}

func summarizationAndTranslationRules(t *testing.T, b *rulebook) {
	one, two := in(`"a text"`), in(`["a","b"]`)
	for name, key := range map[string]string{"summarization": "summary_text", "translation": "translation_text"} {
		b.rows(t, name, []row{
			{"the wire", one, `[{"` + key + `":"short"}]`, "", "list<" + key + ">", "", nil},
			{"the published schema", one, `{"` + key + `":"short"}`, "", "obj{" + key + "}", "", nil},
			{"a batch", two, `[{"` + key + `":"x"},{"` + key + `":"y"}]`, "", "list<" + key + ">", "", nil},
			{"blank", one, `[{"` + key + `":" \n"}]`, "", "list<" + key + ">", "[0]." + key + ": blank", nil},
			{"a blank object", one, `{"` + key + `":""}`, "", "obj{" + key + "}", key + ": blank", nil},
			{"no key", one, `[{"text":"a"}]`, "", "list<" + key + ">", "[0]." + key + ": absent", nil},
			{"a generator", one, `[{"generated_text":"a"}]`, "", "list<" + key + ">", "[0]." + key + ": absent, but there is a generated_text: the engine serves this model as text-generation", nil},
			{"a number", one, `[{"` + key + `":1}]`, "", "list<" + key + ">", "[0]." + key + ": a number, want a text", nil},
			{"a text", one, `["a"]`, "", "list<" + key + ">", "[0]: a text, want an object", nil},
			{"an empty list", one, `[]`, "", "", "the answer: an empty list, want at least one object", nil},
			{"too many", one, `[{"` + key + `":"a"},{"` + key + `":"b"}]`, "", "list<" + key + ">", "the answer: 2 texts for 1 input", nil},
			{"too few", two, `{"` + key + `":"a"}`, "", "obj{" + key + "}", "the answer: 1 text for 2 inputs", nil},
		})
	}
	marked := one
	marked.Nonce = "0a1b2c3d"
	b.rows(t, "translation", []row{
		{"the wire", one, `[{"translation_text":"ein Text"}]`, "", "list<translation_text>", "", nil},
		{"the input itself", one, `[{"translation_text":"a text"}]`, "", "list<translation_text>", "", []string{"the translation is the input itself"}},
		{"the input itself with the nonce", marked, `[{"translation_text":"a text (0a1b2c3d)"}]`, "", "list<translation_text>", "", []string{"the translation is the input itself"}},
		{"blank", one, `[{"translation_text":""}]`, "", "list<translation_text>", "[0].translation_text: blank", nil},
		{"the nonce is not held against it", with(marked, probe.Expect{Equals: js(`"ein Text"`), MaxLength: probe.Some(8)}), `[{"translation_text":"ein Text (0a1b2c3d)"}]`, "", "list<translation_text>", "", nil},
		{"another text", with(one, probe.Expect{Equals: js(`"ein Text"`)}), `[{"translation_text":"kein Text"}]`, probe.WrongAnswer, "list<translation_text>", `expect.equals: the text is "kein Text", want "ein Text"`, nil},
	})
}

func featureExtractionRules(t *testing.T, b *rulebook) {
	one, two := in(`"a"`), in(`["a","b"]`)
	norm, packed := in(`"a"`, `{"normalize":true}`), in(`"a"`, `{"encoding_format":"base64"}`)
	b.rows(t, "feature-extraction", []row{
		{"sentence-transformers", one, `[0.1,-2,3]`, "", "list<number>", "", nil},
		{"TEI", one, `[[0.1,-2,3]]`, "", "list<list<number>>", "", nil},
		{"a batch", two, `[[0.1,-2,3],[1,2,3]]`, "", "list<list<number>>", "", nil},
		{"a vector for each token", one, `[[[1,2],[3,4],[0,0]]]`, "", "list<list<list<number>>>", "", nil},
		{"batches of tokens differ in number", two, `[[[1,2]],[[1,2],[3,4]]]`, "", "list<list<list<number>>>", "", nil},
		{"nested once more", two, `[[[[1,2],[3,4]]],[[[5,6]]]]`, "", "list<list<list<list<number>>>>", "", nil},
		{"OpenAI", two, `{"object":"list","data":[{"embedding":[1,2],"index":0},{"embedding":[3,4],"index":1}],"model":"m","usage":{"prompt_tokens":4,"total_tokens":4}}`, "", "obj{data}", "", nil},
		{"a zero among numbers", one, `[0,0,1e-9]`, "", "list<number>", "", nil},
		{"normalised", norm, `[[0.6,0.8]]`, "", "list<list<number>>", "", nil},
		{"tokens are not normalised", norm, `[[[1,2],[3,4]]]`, "", "list<list<list<number>>>", "", nil},
		{"as long as expected", with(one, probe.Expect{Dimension: 3}), `[1,2,3]`, "", "list<number>", "", nil},
		{"near what is expected", with(one, probe.Expect{Similar: &probe.Similar{Vector: []float64{1, 0}, Min: 0.99}}), `[[2,0.1]]`, "", "list<list<number>>", "", nil},

		{"ragged", two, `[[1,2],[1,2,3]]`, "", "", "[1]: 3 numbers, the first vector has 2", nil},
		{"a null", one, `[[1,null]]`, "", "", "[0][1]: null, want a number", nil},
		{"a text", one, `[1,"2"]`, "", "", "[1]: a text, want a number", nil},
		{"uneven nesting", two, `[[1,2],[[1,2]]]`, "", "", "[1][0]: nested 3 deep, the first vector 2", nil},
		{"a list among numbers", one, `[1,[2]]`, "", "", "[1]: a list, want a number", nil},
		{"an empty vector", one, `[[]]`, "", "", "[0]: an empty list, want at least one number", nil},
		{"too deep", one, `[[[[[1]]]]]`, "", "", "[0][0][0]: a list nested more than 4 deep", nil},
		{"zeros", one, `[0,0,0]`, "", "", "the answer: a vector of zeros alone", nil},
		{"zeros for each token", one, `[[[0,0],[0,0]]]`, "", "list<list<list<number>>>", "the answer: zeros alone", nil},
		{"the second vector", two, `[[1,2],[0,0]]`, "", "", "[1]: a vector of zeros alone", nil},
		{"too many", one, `[[1,2],[3,4]]`, "", "list<list<number>>", "the answer: 2 vectors for 1 input", nil},
		{"too few", two, `[1,2]`, "", "list<number>", "the answer: 1 vector for 2 inputs", nil},
		{"another dimension", with(one, probe.Expect{Dimension: 384}), `[1,2,3]`, "", "list<number>", "the answer: vectors of 3 numbers, want expect.dimension 384", nil},
		{"not normalised", norm, `[3,4]`, "", "list<number>", "the answer: vector 0 has length 5, want 1 within 0.001, since parameters.normalize is set", nil},
		{"OpenAI without data", one, `{"data":[]}`, "", "obj{data}", "data: an empty list, want at least one embedding", nil},
		{"OpenAI without an embedding", one, `{"data":[{"index":0}]}`, "", "obj{data}", "data[0].embedding: null, want a list of numbers", nil},
		{"OpenAI in base64, which was not asked for", one, `{"data":[{"embedding":"AAAA"}]}`, "", "obj{data}", "data[0].embedding: a text, want a list of numbers", nil},
		{"OpenAI in base64", packed, `{"data":[{"embedding":"AACAPwAAAEA="}]}`, "", "obj{data}", "", nil},
		{"OpenAI in cut base64", packed, `{"data":[{"embedding":"AACAPwAA"}]}`, "", "obj{data}", `data[0].embedding: "AACAPwAA", want a list of numbers or base64 of 32-bit floats`, nil},
		{"OpenAI's NaN in base64", packed, `{"data":[{"embedding":"AADAfw=="}]}`, "", "obj{data}", "data[0].embedding[0]: NaN, want a finite number", nil},
		{"OpenAI out of order", two, `{"data":[{"embedding":[1,2],"index":1},{"embedding":[1,3],"index":0}]}`, "", "obj{data}", "data[0].index: 1, want 0: vectors stand in the order of the inputs", nil},
		{"OpenAI with a vector of text", one, `{"data":["a"]}`, "", "obj{data}", "data[0]: a text, want an object", nil},
		{"OpenAI ragged", two, `{"data":[{"embedding":[1,2]},{"embedding":[1]}]}`, "", "obj{data}", "data[1].embedding: 1 number, the first vector has 2", nil},
		{"far from what is expected", with(one, probe.Expect{Similar: &probe.Similar{Vector: []float64{0, 1}, Min: 0.9}}), `[1,0]`, probe.WrongAnswer, "list<number>", "expect.similar_to: the cosine similarity is 0, want at least 0.9", nil},
		{"of another length", with(one, probe.Expect{Similar: &probe.Similar{Vector: []float64{0}, Min: 0.9}}), `[1,0]`, probe.WrongAnswer, "list<number>", "expect.similar_to: the vector has 2 numbers, the stored one 1", nil},
		{"tokens cannot be compared", with(one, probe.Expect{Similar: &probe.Similar{Vector: []float64{0}, Min: 0.9}}), `[[[1]]]`, probe.WrongAnswer, "list<list<list<number>>>", "expect.similar_to: the answer has no single vector for the input", nil},
	})
	v := must(t, "feature-extraction").Check(one, answer(`{"data":[{"embedding":[1]}],"model":"served","usage":{"prompt_tokens":4}}`))
	if v.Model != "served" || v.TokensIn != probe.Some(4) || v.TokensSource != probe.TokensUsage {
		t.Errorf("Check() of OpenAI's form = %s, %v, %s, want served, 4, usage", v.Model, v.TokensIn, v.TokensSource)
	}
}

func sentenceSimilarityRules(t *testing.T, b *rulebook) {
	two := in(`{"source_sentence":"s","sentences":["a","b"]}`)
	b.rows(t, "sentence-similarity", []row{
		{"hf-inference, TEI", two, `[0.9,-0.2]`, "", "list<number>", "", nil},
		{"the toolkit", two, `{"similarities":[0.9,1.0000002]}`, "", "obj{similarities}", "", nil},
		{"too few", two, `[0.9]`, "", "list<number>", "the answer: 1 number for 2 sentences", nil},
		{"too many in an object", two, `{"similarities":[0.9,1,1]}`, "", "obj{similarities}", "similarities: 3 numbers for 2 sentences", nil},
		{"out of range", two, `[0.9,1.5]`, "", "list<number>", "[1]: 1.5 is not in -1..1", nil},
		{"a text", two, `{"similarities":[0.9,"1"]}`, "", "", "similarities[1]: a text, want a number", nil},
		{"vectors", two, `[[1,2],[3,4]]`, "", "", "[0]: a list, want a number", nil},
		{"nothing", two, `[]`, "", "", "the answer: an empty list, want at least one number", nil},
		{"too far apart", with(two, probe.Expect{MinScore: probe.Some(0.95)}), `[0.9,-0.2]`, probe.WrongAnswer, "list<number>", `expect.min_score: "sentence 0" has 0.9, want at least 0.95`, nil},
	})
}
