package task_test

import (
	"encoding/json"
	"flag"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hfwatch/hfwatch/probe"
	"github.com/hfwatch/hfwatch/probe/task"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// must returns the task of that name.
func must(t testing.TB, name string) probe.Task {
	t.Helper()
	got, ok := task.ByName(name)
	if !ok {
		t.Fatalf("ByName(%s) = none, want the task", name)
	}
	return got
}

// js returns text as raw JSON.
func js(text string) json.RawMessage { return json.RawMessage(text) }

// TestNames holds the closed list, and that each task bears its own name.
func TestNames(t *testing.T) {
	want := []string{
		"text-classification", "zero-shot-classification", "summarization", "translation", "feature-extraction",
		"sentence-similarity", "text-generation", "chat-completion", "question-answering",
		"table-question-answering", "fill-mask", "token-classification", "text-ranking",
		"automatic-speech-recognition", "audio-classification", "image-classification", "zero-shot-image-classification",
		"object-detection", "image-to-text", "image-text-to-text", "text-to-image", "text-to-speech", "custom",
	}
	if diff := cmp.Diff(want, task.Names()); diff != "" {
		t.Errorf("Names() (-want +got):\n%s", diff)
	}
	for _, name := range want {
		if got := must(t, name).Name(); got != name {
			t.Errorf("ByName(%s).Name() = %s, want the same", name, got)
		}
		makes := name == "text-to-image" || name == "text-to-speech"
		if task.Expects(name) == nil || len(task.Expects(name)) == 0 != makes || len(task.Example(name)) == 0 {
			t.Errorf("Expects(%s) = %v, Example = %s, want some of each", name, task.Expects(name), task.Example(name))
		}
	}
	if got, ok := task.ByName("sentiment"); ok {
		t.Errorf("ByName(sentiment) = %v, want none", got)
	}
	if task.Expects("x") != nil || task.Example("x") != nil {
		t.Error("an unknown task has expectations or examples, want none")
	}
}

// TestExamplesBuild asks every task with its own examples, on every route that
// it has.
func TestExamplesBuild(t *testing.T) {
	for _, name := range task.Names() {
		for _, input := range task.Example(name) {
			ask := probe.Ask{Route: probe.RouteHFInference, Model: "org/model", Input: input, Parameters: task.ExampleParameters(name), Nonce: "0a1b2c3d"}
			if _, err := must(t, name).Build(ask); err != nil {
				t.Errorf("%s: Build(%s) = %v, want a request", name, input, err)
			}
		}
	}
}

// asks are requests whose whole form is held in a golden file.
func asks() []struct {
	why, task string
	ask       probe.Ask
} {
	hf, url, router := probe.RouteHFInference, probe.RouteURL, probe.RouteRouter
	return []struct {
		why, task string
		ask       probe.Ask
	}{
		{"a text", "text-classification", probe.Ask{Route: hf, Input: js(`"a <b> & c"`)}},
		{"parameters go under their key, nulls go away", "text-classification", probe.Ask{Route: hf, Input: js(`"a"`), Parameters: js(`{"top_k": null, "function_to_apply": "none"}`), Nonce: "n1"}},
		{"only the last text of a batch carries the nonce", "text-classification", probe.Ask{Route: url, Input: js(`["a", "b"]`), Nonce: "n1"}},
		{"pairs", "text-classification", probe.Ask{Route: url, Input: js(`[["a"], ["b", "c"]]`), Nonce: "n1"}},
		{"labels stay as they are", "zero-shot-classification", probe.Ask{Route: hf, Input: js(`"a"`), Parameters: js(`{"candidate_labels": ["x", "y"], "multi_label": true}`), Nonce: "n1"}},
		{"a summary", "summarization", probe.Ask{Route: hf, Input: js(`"a"`), Parameters: js(`{"truncation": "do_not_truncate"}`), Nonce: "n1"}},
		{"a translation", "translation", probe.Ask{Route: hf, Input: js(`"a"`), Parameters: js(`{"src_lang": "en_XX", "tgt_lang": "fr_XX"}`)}},
		{"parameters stand beside the inputs, and the pipeline in the path", "feature-extraction", probe.Ask{Route: hf, Input: js(`"a"`), Parameters: js(`{"normalize": true}`), Nonce: "n1"}},
		{"an address is used as it is", "feature-extraction", probe.Ask{Route: url, Input: js(`["a", "b"]`), Nonce: "n1"}},
		{"under inputs, and the pipeline in the path", "sentence-similarity", probe.Ask{Route: hf, Input: js(`{"sentences": ["a", "b"], "source_sentence": "s"}`), Nonce: "n1"}},
		{"greedy by default", "text-generation", probe.Ask{Route: hf, Input: js(`"a"`), Nonce: "n1"}},
		{"streamed", "text-generation", probe.Ask{Route: url, Input: js(`"a"`), Parameters: js(`{"max_new_tokens": 5, "temperature": 0.7, "seed": 1}`), Stream: true}},
		{"a temperature of 0 is greedy, and max_tokens has the engine's name", "text-generation", probe.Ask{Route: url, Input: js(`"a"`), Parameters: js(`{"temperature": 0.0, "max_tokens": 7}`)}},
		{"several sequences", "text-generation", probe.Ask{Route: url, Input: js(`"a"`), Parameters: js(`{"best_of": 2}`), Reasoning: true}},
		{"a text is one message", "chat-completion", probe.Ask{Route: router, Model: "org/model", Provider: "cerebras", Input: js(`"a"`), Nonce: "n1"}},
		{"a stream asks for usage", "chat-completion", probe.Ask{Route: hf, Model: "org/model", Input: js(`"a"`), Stream: true}},
		{"the user's parameters win", "chat-completion", probe.Ask{Route: url, Model: "org/model", Input: js(`"a"`), Parameters: js(`{"temperature": 0.5, "max_completion_tokens": 9, "stream_options": {}, "n": 2}`), Stream: true}},
		{"null takes a default away", "chat-completion", probe.Ask{Route: url, Input: js(`"a"`), Parameters: js(`{"temperature": null, "seed": null}`), Reasoning: true}},
		{"messages keep their unknown keys", "chat-completion", probe.Ask{Route: url, Input: js(`[{"role": "system", "content": "s", "name": "x"}, {"role": "user", "content": "u"}]`), Nonce: "n1"}},
		{"parts get one of their own", "chat-completion", probe.Ask{Route: url, Input: js(`[{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:,"}}]}]`), Nonce: "n1"}},
		{"hf-inference has its own word for a schema", "chat-completion", probe.Ask{Route: hf, Model: "org/model", Input: js(`"a"`), Parameters: js(`{"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object"}}}, "seed": 1}`)}},
		{"and nobody else", "chat-completion", probe.Ask{Route: url, Model: "org/model", Input: js(`"a"`), Parameters: js(`{"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object"}}}}`)}},
		{"the Responses API, by its path", "chat-completion", probe.Ask{Route: url, Path: "/v1/responses", Model: "org/model", Input: js(`"a"`), Parameters: js(`{"max_tokens": 9}`), Stream: true, Nonce: "n1"}},
		{"completions, by their path", "text-generation", probe.Ask{Route: url, Path: "/v1/completions", Model: "org/model", Input: js(`"a"`), Parameters: js(`{"max_new_tokens": 9, "n": 2}`), Stream: true, Nonce: "n1"}},
		{"embeddings, by their path", "feature-extraction", probe.Ask{Route: url, Path: "/v1/embeddings", Model: "org/model", Input: js(`["a", "b"]`), Parameters: js(`{"dimensions": 4}`), Nonce: "n1"}},
		{"behind the context", "question-answering", probe.Ask{Route: hf, Input: js(`{"context": "c", "question": "q"}`), Parameters: js(`{"top_k": 2}`), Nonce: "n1"}},
		{"question is sent as query, columns keep their order", "table-question-answering", probe.Ask{Route: hf, Input: js(`{"question": "q", "table": {"b": ["1"], "a": ["2"]}}`), Nonce: "n1"}},
		{"outside the mask", "fill-mask", probe.Ask{Route: hf, Input: js(`"a <mask>."`), Parameters: js(`{"top_k": 3}`), Nonce: "n1"}},
		{"behind the text", "token-classification", probe.Ask{Route: hf, Input: js(`"a"`), Parameters: js(`{"aggregation_strategy": "simple"}`), Nonce: "n1"}},
		{"the toolkit's ranking", "text-ranking", probe.Ask{Route: url, Input: js(`{"texts": ["a", "b"], "query": "q"}`), Parameters: js(`{"return_documents": true}`), Nonce: "n1"}},
		{"TEI's ranking, by its path", "text-ranking", probe.Ask{Route: url, Path: "/rerank", Input: js(`{"texts": ["a", "b"], "query": "q"}`), Parameters: js(`{"raw_scores": true}`), Nonce: "n1"}},
		{"vLLM's ranking, by its path", "text-ranking", probe.Ask{Route: url, Path: "/v1/rerank", Model: "org/model", Input: js(`{"texts": ["a"], "query": "q"}`), Parameters: js(`{"top_n": 1}`), Nonce: "n1"}},
		{"pairs of sentences", "text-ranking", probe.Ask{Route: url, Input: js(`{"sentences": [["a", "b"], ["c", "d"]]}`), Nonce: "n1"}},
		{"a picture is asked for in words", "text-to-image", probe.Ask{Route: hf, Input: js(`"a boat"`), Parameters: js(`{"width": 512}`), Nonce: "n1"}},
		{"and as OpenAI has it, by its path", "text-to-image", probe.Ask{Route: url, Path: "/v1/images/generations", Model: "org/model", Input: js(`"a boat"`), Nonce: "n1"}},
		{"few digits are spoken", "text-to-speech", probe.Ask{Route: hf, Input: js(`"Hello."`), Nonce: "0a1b2c3d"}},
		{"speech as OpenAI has it, by its path", "text-to-speech", probe.Ask{Route: url, Path: "/v1/audio/speech", Model: "org/model", Input: js(`"Hello."`), Parameters: js(`{"voice": "tara"}`)}},
		{"a picture and a question", "image-text-to-text", probe.Ask{Route: url, Input: js(`{"image": "https://example.org/a.png", "text": "What is it?"}`), Nonce: "n1"}},
		{"byte for byte", "custom", probe.Ask{Route: url, Input: js(`{"x":  [1, "a"]}`), Nonce: "n1"}},
		{"and streamed", "custom", probe.Ask{Route: url, Input: js(`{"stream":true}`), Stream: true}},
	}
}

// TestRequestsGolden holds the wire form of requests.
func TestRequestsGolden(t *testing.T) {
	type wire struct {
		Task, Why, Path, ContentType, Accept, Body string
		TokensIn, TokensOut                        int
	}
	var all []wire
	for _, a := range asks() {
		r, err := must(t, a.task).Build(a.ask)
		if err != nil {
			t.Errorf("%s, %s: Build() = %v, want a request", a.task, a.why, err)
			continue
		}
		all = append(all, wire{a.task, a.why, r.Path, r.ContentType, r.Accept, string(r.Body), r.TokensIn, r.TokensOut})
		if want := len(r.Body)/2 + 32; r.TokensIn != want && a.task != "custom" && a.task != "image-text-to-text" {
			t.Errorf("%s, %s: TokensIn = %d, want %d", a.task, a.why, r.TokensIn, want)
		}
		if !json.Valid(r.Body) {
			t.Errorf("%s, %s: the body is not JSON: %s", a.task, a.why, r.Body)
		}
	}
	var buf strings.Builder
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(all); err != nil {
		t.Fatal(err)
	}
	const path = "testdata/requests.golden.json"
	if *update {
		if err := os.WriteFile(path, []byte(buf.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), buf.String()); diff != "" {
		t.Errorf("requests changed (-want +got):\n%s", diff)
	}
}

// TestNonceChangesEveryBody asks twice with different nonces, and without.
func TestNonceChangesEveryBody(t *testing.T) {
	for _, a := range asks() {
		seen := map[string]bool{}
		for _, nonce := range []string{"", "aaaaaaaa", "bbbbbbbb"} {
			a.ask.Nonce = nonce
			r, err := must(t, a.task).Build(a.ask)
			if err != nil {
				t.Fatalf("%s, %s: Build() = %v", a.task, a.why, err)
			}
			if a.task == "text-to-speech" {
				nonce = nonce[:min(4, len(nonce))]
			}
			if strings.Count(string(r.Body), nonce) != 1 && nonce != "" && a.task != "custom" {
				t.Errorf("%s, %s: the body has the nonce %d times, want once: %s", a.task, a.why, strings.Count(string(r.Body), nonce), r.Body)
			}
			seen[string(r.Body)] = true
		}
		want := 3
		if a.task == "custom" {
			want = 1
		}
		if len(seen) != want {
			t.Errorf("%s, %s: three nonces gave %d bodies, want %d", a.task, a.why, len(seen), want)
		}
	}
}

// TestModelComesFirst in a chat's body.
func TestModelComesFirst(t *testing.T) {
	ask := probe.Ask{Route: probe.RouteURL, Model: "org/model", Input: js(`"a"`), Parameters: js(`{"a": 1}`), Stream: true}
	r, err := must(t, "chat-completion").Build(ask)
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"model":"org/model",`; !strings.HasPrefix(string(r.Body), want) {
		t.Errorf("Build() = %s, want it to begin with %s", r.Body, want)
	}
}

// TestBuildRefuses names what is wanted, for every wrong input.
func TestBuildRefuses(t *testing.T) {
	const (
		qa    = `question-answering wants {"question": …, "context": …}`
		sim   = `sentence-similarity wants {"source_sentence": …, "sentences": […]}`
		tab   = `table-question-answering wants {"query": …, "table": {"column": ["cell", …], …}}`
		chat  = `chat-completion wants a text or a list of messages {"role": …, "content": …}`
		zero  = `parameters.candidate_labels: zero-shot-classification wants a list of different labels, such as ["refund", "legal"]`
		abc   = `{"candidate_labels": ["a", "b"]}`
		table = `{"query": "q", "table": {"a": ["1", "2"]}}`
	)
	for _, tt := range []struct {
		why, task, input, parameters, want string
	}{
		{"an object", "text-classification", `{}`, ``, `text-classification wants a text or a list of texts, got an object`},
		{"a number in a list", "summarization", `["a", 1]`, ``, `summarization wants a text or a list of texts: [1], got a number`},
		{"nothing", "translation", `[]`, ``, `translation wants a text or a list of texts, got an empty list`},
		{"a blank text", "fill-mask", `" "`, ``, `fill-mask wants a text or a list of texts, got a blank one`},
		{"a null", "token-classification", `null`, ``, `token-classification wants a text or a list of texts, got null`},
		{"a boolean", "feature-extraction", `true`, ``, `feature-extraction wants a text or a list of texts, got a boolean`},
		{"an empty value", "feature-extraction", ``, ``, `feature-extraction wants a text or a list of texts, got nothing`},
		{"inputs among the parameters", "feature-extraction", `"a"`, `{"inputs": "b"}`, "parameters.inputs: the inputs stand in `inputs`"},
		{"a triple", "text-classification", `[["a", "b", "c"]]`, ``, `text-classification wants a list of lists of one or two texts: [0] is something else`},
		{"a number in a pair", "text-classification", `[["a"], [1]]`, ``, `[1]: text-classification wants a text or a list of texts: [0], got a number`},
		{"no labels", "zero-shot-classification", `"a"`, ``, zero},
		{"labels of another kind", "zero-shot-classification", `"a"`, `{"candidate_labels": 1}`, zero + `, got a number`},
		{"an empty list of labels", "zero-shot-classification", `"a"`, `{"candidate_labels": []}`, zero + `, got none`},
		{"a label twice", "zero-shot-classification", `"a"`, `{"candidate_labels": "a, a"}`, zero + `, got "a" twice`},
		{"a blank label", "zero-shot-classification", `"a"`, `{"candidate_labels": ["a", " "]}`, zero + `, got a blank one`},
		{"labels but no text", "zero-shot-classification", `1`, abc, `zero-shot-classification wants a text or a list of texts, got a number`},
		{"a text", "sentence-similarity", `"a"`, ``, sim + `, got a text`},
		{"no source", "sentence-similarity", `{"sentences": ["a"]}`, ``, sim + `: source_sentence, got nothing`},
		{"one sentence that is no list", "sentence-similarity", `{"source_sentence": "a", "sentences": "b"}`, ``, sim + `: sentences, got a text`},
		{"no sentences", "sentence-similarity", `{"source_sentence": "a", "sentences": []}`, ``, `sentences: sentence-similarity wants a text or a list of texts, got an empty list`},
		{"a list of prompts", "text-generation", `["a"]`, ``, `text-generation wants a text, got a list`},
		{"no bound", "text-generation", `"a"`, `{"max_new_tokens": null}`, `parameters.max_new_tokens: null takes away the bound on tokens; give a whole number above 0, or leave it out for 64`},
		{"two bounds", "text-generation", `"a"`, `{"max_new_tokens": 1, "max_tokens": 2}`, `parameters.max_tokens: max_new_tokens is given too, and is the same`},
		{"no bound", "chat-completion", `"a"`, `{"max_tokens": null}`, `parameters.max_tokens: null takes away the bound on tokens; give a whole number above 0, or leave it out for 64`},
		{"a bound of nothing", "chat-completion", `"a"`, `{"max_tokens": 0}`, `parameters.max_tokens: 0, want a whole number above 0`},
		{"a bound of text", "chat-completion", `"a"`, `{"max_completion_tokens": "9"}`, `parameters.max_completion_tokens: "9", want a whole number above 0`},
		{"the model among the parameters", "chat-completion", `"a"`, `{"model": "x"}`, `parameters.model: hfwatch sets it from the model's own keys`},
		{"an object", "chat-completion", `{}`, ``, chat + `, got an object`},
		{"no messages", "chat-completion", `[]`, ``, chat + `, got an empty list`},
		{"a message of text", "chat-completion", `["a"]`, ``, chat + `: [0], got a text`},
		{"a message from nobody", "chat-completion", `[{"content": "a"}]`, ``, chat + `: [0].role, got none`},
		{"a message of nothing", "chat-completion", `[{"role": "user", "content": "a"}, {"role": "user"}]`, ``, chat + `: [1].content, got none`},
		{"a message of a number", "chat-completion", `[{"role": "user", "content": 1}]`, ``, chat + `: [0].content, got a number`},
		{"a part without a type", "chat-completion", `[{"role": "user", "content": [{"text": "a"}]}]`, ``, chat + `: [0].content[0], got something without a type`},
		{"no parts", "chat-completion", `[{"role": "user", "content": []}]`, ``, chat + `: [0].content, got an empty list`},
		{"a key twice", "chat-completion", `[{"role": "user", "role": "system", "content": "a"}]`, ``, chat + `: [0]: role is given twice`},
		{"a text", "question-answering", `"a"`, ``, qa + `, got a text`},
		{"no context", "question-answering", `{"question": "a"}`, ``, qa + `: context, got nothing`},
		{"a blank question", "question-answering", `{"question": "", "context": "c"}`, ``, qa + `: question, got a blank one`},
		{"no table", "table-question-answering", `{"query": "q"}`, ``, tab + `: table, got nothing`},
		{"no query", "table-question-answering", `{"table": {}}`, ``, tab + `: query, got nothing`},
		{"no columns", "table-question-answering", `{"query": "q", "table": {}}`, ``, tab + `: table, got no columns`},
		{"no rows", "table-question-answering", `{"query": "q", "table": {"a": []}}`, ``, tab + `: table, got no rows`},
		{"unequal columns", "table-question-answering", `{"query": "q", "table": {"a": ["1", "2"], "b": ["1"]}}`, ``, tab + `: table.b has 1 cell, the first column 2`},
		{"cells of numbers", "table-question-answering", `{"query": "q", "table": {"a": ["1", 2]}}`, ``, tab + `: table.a[1], got a number; write numbers as texts`},
		{"a column of text", "table-question-answering", `{"query": "q", "table": {"a": "1"}}`, ``, tab + `: table.a, got a text`},
		{"parameters of another kind", "table-question-answering", table, `[1]`, `parameters: want an object: got a list`},
		{"a parameter twice", "fill-mask", `"a"`, `{"top_k": 1, "top_k": 2}`, `parameters: want an object: top_k is given twice`},
		{"parameters", "custom", `{}`, `{"a": 1}`, `parameters.a: custom posts its input exactly as given; put it into the input`},
		{"no JSON", "custom", `{`, ``, `custom wants a JSON value`},
	} {
		ask := probe.Ask{Route: probe.RouteURL, Model: "m", Input: js(tt.input), Parameters: js(tt.parameters), Nonce: "n1"}
		_, err := must(t, tt.task).Build(ask)
		if err == nil || err.Error() != tt.want {
			t.Errorf("%s, %s: Build() = %v\nwant %s", tt.task, tt.why, err, tt.want)
		}
	}
}

// TestBuildRefusesRoutes names what a route cannot do, and the remedy.
func TestBuildRefusesRoutes(t *testing.T) {
	for _, tt := range []struct {
		why, task, want string
		ask             probe.Ask
	}{
		{"a router without a provider", "chat-completion", "chat-completion on the router wants a provider, or its choice would change from call to call; set provider, or a url", probe.Ask{Route: probe.RouteRouter, Model: "m"}},
		{"a router without a model", "chat-completion", "chat-completion on the router wants a model", probe.Ask{Route: probe.RouteRouter, Provider: "p"}},
		{"hf-inference without a model", "chat-completion", "chat-completion on hf-inference wants a model", probe.Ask{Route: probe.RouteHFInference}},
		{"another task on the router", "summarization", "summarization is not part of the router's /v1, which serves chat-completion alone; leave provider out, or give a url", probe.Ask{Route: probe.RouteRouter, Model: "m", Provider: "p"}},
		{"a stream of no tokens", "fill-mask", "fill-mask has no stream; leave stream out", probe.Ask{Route: probe.RouteURL, Stream: true}},
		{"a first message that cannot carry the nonce", "chat-completion", `chat-completion wants a text or a list of messages {"role": …, "content": …}: [0].content, got none in the first message, where the nonce belongs; give it a text or set cache: allow`, probe.Ask{Route: probe.RouteURL, Nonce: "n", Input: js(`[{"role": "assistant", "tool_calls": [{}]}]`)}},
	} {
		if tt.ask.Input == nil {
			tt.ask.Input = js(`"a"`)
		}
		_, err := must(t, tt.task).Build(tt.ask)
		if err == nil || err.Error() != tt.want {
			t.Errorf("%s, %s: Build() = %v\nwant %s", tt.task, tt.why, err, tt.want)
		}
	}
	pinned := probe.Ask{Route: probe.RouteRouter, Model: "org/m:groq", Input: js(`"a"`)}
	if r, err := must(t, "chat-completion").Build(pinned); err != nil || !strings.Contains(string(r.Body), `"org/m:groq"`) {
		t.Errorf("Build() of a pinned model = %s, %v, want the name as it is", r.Body, err)
	}
}

// TestStreams says which tasks have a stream.
func TestStreams(t *testing.T) {
	got := slices.DeleteFunc(task.Names(), func(name string) bool { return !task.Streams(name) })
	if diff := cmp.Diff([]string{"text-generation", "chat-completion", "image-text-to-text", "custom"}, got); diff != "" {
		t.Errorf("tasks with a stream (-want +got):\n%s", diff)
	}
}
