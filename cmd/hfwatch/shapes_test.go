package main

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hfwatch/hfwatch/config"
	"github.com/hfwatch/hfwatch/internal/daemon"
	"github.com/hfwatch/hfwatch/probe"
	"github.com/hfwatch/hfwatch/probe/hf"
	"github.com/hfwatch/hfwatch/probe/media"
	"github.com/hfwatch/hfwatch/probe/task"
	"github.com/hfwatch/hfwatch/sim"
)

// shapeCase is a model of the simulator and how it is asked.
type shapeCase struct {
	task, backend string
	// at is the path behind the endpoint; empty asks hf-inference at the router.
	at         string
	behaviour  sim.Behaviour
	input      string
	parameters string
	expect     string
	stream     bool
	// shape is what the answer's form is called.
	shape string
}

// shapeCases are every task in every shape that the simulator knows.
func shapeCases() []shapeCase {
	hf, tei, tgi, toolkit, vllm := sim.BackendHF, sim.BackendTEI, sim.BackendTGI, sim.BackendToolkit, sim.BackendVLLM
	small := sim.Behaviour{Dimension: 3}
	shaped := func(s string) sim.Behaviour { return sim.Behaviour{Dimension: 3, Shape: s} }
	said := sim.Behaviour{Text: "Hello there."}
	file := func(data []byte) string { return `"` + base64.StdEncoding.EncodeToString(data) + `"` }
	picture, sound := file(media.SamplePicture(media.PNG)), file(media.SampleSound())
	const (
		text, batch = `"I love it."`, `["I love it.","I hate it."]`
		labels      = `{"candidate_labels":["phone","politics"]}`
		dimension   = `{"dimension":3}`
		similarity  = `{"source_sentence":"a cat","sentences":["a cat","a dog"]}`
		rank        = `{"query":"cats","texts":["dogs bark","cats purr"]}`
		qa          = `{"question":"What is the capital of France?","context":"The capital of France is Paris."}`
		table       = `{"query":"How many stars has Transformers?","table":{"Repository":["Transformers","Datasets"],"Stars":["36542","4512"]}}`
		tool        = `{"tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object","properties":{"a":{"type":"string","enum":["b"]},"n":{"type":"number"}},"required":["a"]}}}]}`
	)
	return []shapeCase{
		{"text-classification", hf, "", small, text, "", "", false, "list<list<label>>"},
		{"text-classification", hf, "", small, batch, "", "", false, "list<list<label>>"},
		{"text-classification", hf, "", shaped("new"), text, "", "", false, "list<label>"},
		{"text-classification", tei, "/predict", small, text, "", "", false, "list<label>"},
		{"text-classification", toolkit, "/", small, text, `{"top_k":2}`, "", false, "list<label>"},
		{"zero-shot-classification", hf, "", small, text, labels, "", false, "obj{labels,scores}"},
		{"zero-shot-classification", toolkit, "/", small, text, labels, "", false, "obj{labels,scores}"},
		{"zero-shot-classification", hf, "", small, batch, labels, "", false, "list<obj{labels,scores}>"},
		{"zero-shot-classification", hf, "", shaped("new"), text, labels, "", false, "list<label>"},
		{"summarization", hf, "", small, text, "", "", false, "list<summary_text>"},
		{"summarization", hf, "", shaped("provider"), text, "", "", false, "obj{summary_text}"},
		{"translation", hf, "", small, batch, "", "", false, "list<translation_text>"},
		{"feature-extraction", hf, "", small, text, "", dimension, false, "list<number>"},
		{"feature-extraction", hf, "", small, batch, "", dimension, false, "list<list<number>>"},
		{"feature-extraction", hf, "", sim.Behaviour{Dimension: 3, Unpooled: true}, text, "", dimension, false, "list<list<list<number>>>"},
		{"feature-extraction", hf, "", sim.Behaviour{Dimension: 3, Unpooled: true}, batch, "", dimension, false, "list<list<list<list<number>>>>"},
		{"feature-extraction", hf, "", small, text, `{"normalize":true}`, dimension, false, "list<number>"},
		{"feature-extraction", tei, "/v1/embeddings", small, text, `{"normalize":true}`, dimension, false, "obj{data}"},
		{"feature-extraction", tei, "/embed", small, text, "", dimension, false, "list<list<number>>"},
		{"feature-extraction", tei, "/v1/embeddings", small, batch, "", dimension, false, "obj{data}"},
		{"feature-extraction", tei, "/v1/embeddings", small, text, `{"encoding_format":"base64"}`, dimension, false, "obj{data}"},
		{"feature-extraction", vllm, "/v1/embeddings", small, text, "", dimension, false, "obj{data}"},
		{"sentence-similarity", hf, "", small, similarity, "", "", false, "list<number>"},
		{"sentence-similarity", toolkit, "/", small, similarity, "", "", false, "obj{similarities}"},
		{"text-generation", hf, "", said, text, "", "", false, "list<generated_text>"},
		{"text-generation", tgi, "/generate", said, text, `{"details":true}`, "", false, "obj{generated_text}"},
		{"text-generation", tgi, "/v1/completions", said, text, "", "", false, "obj{choices}"},
		{"text-generation", vllm, "/v1/completions", said, text, "", "", false, "obj{choices}"},
		{"text-generation", vllm, "/v1/completions", said, text, "", "", true, "stream<openai>"},
		{"text-generation", tgi, "/generate_stream", said, text, "", "", true, "stream<tgi>"},
		{"chat-completion", tgi, "", said, text, "", "", false, "obj{choices}"},
		{"chat-completion", vllm, "", said, text, "", "", false, "obj{choices}"},
		{"chat-completion", vllm, "", said, text, tool, "", false, "obj{choices}"},
		{"chat-completion", tgi, "", said, text, tool, "", false, "obj{choices}"},
		{"chat-completion", vllm, "", said, text, tool, "", true, "stream<openai>"},
		{"chat-completion", vllm, "", sim.Behaviour{Text: `{"a":1}`}, text, `{"response_format":{"type":"json_object"}}`, "", false, "obj{choices}"},
		{"chat-completion", vllm, "", sim.Behaviour{Text: "Hi.", SSE: sim.SSE{Reasoning: "reasoning", ReasoningTokens: 2}}, text, "", "", true, "stream<openai>"},
		{"chat-completion", vllm, "/v1/responses", said, text, "", "", false, "obj{output}"},
		{"chat-completion", vllm, "/v1/responses", said, text, "", "", true, "stream<responses>"},
		{"chat-completion", vllm, "/v1/responses", sim.Behaviour{Text: "Hi.", SSE: sim.SSE{Reasoning: "reasoning", ReasoningTokens: 2}}, text, "", "", true, "stream<responses>"},
		{"question-answering", hf, "", small, qa, "", "", false, "obj{answer}"},
		{"question-answering", hf, "", small, qa, `{"top_k":2}`, "", false, "list<obj{answer}>"},
		{"table-question-answering", hf, "", small, table, "", "", false, "obj{answer}"},
		{"fill-mask", hf, "", small, `"A [MASK] day."`, "", "", false, "list<guess>"},
		{"fill-mask", hf, "", small, `"A [MASK] and a [MASK]."`, "", "", false, "list<list<guess>>"},
		{"token-classification", hf, "", small, `"My name is Sarah Jessica Parker and I live in Berlin."`, "", "", false, "list<entity_group>"},
		{"token-classification", toolkit, "/", small, `"I am Ada Lovelace."`, `{"aggregation_strategy":"none"}`, "", false, "list<entity>"},
		{"text-ranking", tei, "/rerank", small, rank, `{"return_text":true}`, "", false, "list<index,score>"},
		{"text-ranking", toolkit, "/", small, rank, "", "", false, "list<index,score>"},
		{"text-ranking", toolkit, "/", small, `{"sentences":[["a","a"],["a","b"]]}`, "", "", false, "obj{scores}"},
		{"automatic-speech-recognition", hf, "", said, sound, "", "", false, "obj{text}"},
		{"automatic-speech-recognition", hf, "", said, sound, `{"return_timestamps":true}`, "", false, "obj{text,chunks}"},
		{"audio-classification", hf, "", small, sound, "", "", false, "list<label>"},
		{"image-classification", hf, "", small, picture, "", "", false, "list<label>"},
		{"image-classification", toolkit, "/", small, picture, `{"top_k":2}`, "", false, "list<label>"},
		{"zero-shot-image-classification", hf, "", small, picture, labels, "", false, "list<label>"},
		{"object-detection", hf, "", small, picture, "", "", false, "list<label,box>"},
		{"image-to-text", toolkit, "/", said, picture, "", "", false, "list<generated_text>"},
		{"image-text-to-text", vllm, "", said, `{"image":` + picture + `,"text":"What is it?"}`, "", "", false, "obj{choices}"},
		{"text-to-image", hf, "", small, `"a boat"`, "", "", false, "bytes<jpeg>"},
		{"text-to-image", hf, "", sim.Behaviour{Media: "png"}, `"a boat"`, "", "", false, "bytes<png>"},
		{"text-to-speech", hf, "", small, `"Hello."`, "", "", false, "bytes<wav>"},
		{"text-to-speech", hf, "", sim.Behaviour{Media: "flac"}, `"Hello."`, "", "", false, "bytes<flac>"},
	}
}

// shapeBench is a case's simulator, and the call that asks it.
type shapeBench struct {
	server *sim.Server
	web    *httptest.Server
	sent   bytes.Buffer
	runner probe.Runner
	call   probe.Call
}

// open starts the case's simulator, whose model is configured as a person would.
func (c shapeCase) open(t *testing.T, client *hf.Client) *shapeBench {
	t.Helper()
	m := sim.Model{Name: "m", ID: "org/m", Tasks: []string{c.task}, Backend: c.backend, Behaviour: c.behaviour}
	if c.task == "image-text-to-text" {
		m.Tasks = []string{"chat-completion"}
	}
	server, err := sim.New(sim.Scenario{Seed: 7, Models: []sim.Model{m}}, sim.Options{})
	if err != nil {
		t.Fatal(err)
	}
	b := &shapeBench{server: server, runner: probe.Runner{Exchanger: client, Location: "here", Version: "test"}}
	b.web = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b.server.Handler().ServeHTTP(tee{w, &b.sent}, r)
	}))
	entry := map[string]any{"name": "m", "model": "org/m", "task": c.task, "inputs": []any{rawJSON(c.input)}, "stream": c.stream}
	if c.at != "" || c.backend != sim.BackendHF {
		entry["url"] = b.web.URL + "/e/m" + c.at
	}
	for key, value := range map[string]string{"parameters": c.parameters, "expect": c.expect} {
		if value != "" {
			entry[key] = rawJSON(value)
		}
	}
	text := raw(map[string]any{"hub": map[string]any{"url": b.web.URL, "token": "hf_x"}, "models": []any{entry}})
	cfg, err := config.Load(config.Options{
		File: "one.yaml", Task: daemon.Task, Available: daemon.Features(),
		Read: func(string, int64) ([]byte, error) { return text, nil },
	})
	if err != nil {
		t.Fatalf("%s of %s: %v", c.task, c.backend, err)
	}
	b.call, err = b.runner.Prepare(probe.Shot{
		Target: cfg.Models[0].Target, Kind: probe.Baseline, Lane: probe.LaneBaseline, Due: time.Unix(1_800_000_000, 0), Reuse: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// ask asks the simulator in the bad shape of that name, or in the good one, and
// returns the result and the body that was sent.
func (b *shapeBench) ask(t *testing.T, variant string) (probe.Result, string) {
	t.Helper()
	b.server.Reset()
	b.sent.Reset()
	if variant != "" {
		if err := b.server.Patch("m", []byte(`{"fault":{"kind":"bad_shape","variant":"`+variant+`"}}`)); err != nil {
			t.Fatal(err)
		}
	}
	return b.runner.Run(t.Context(), b.call, probe.Circumstances{}), b.sent.String()
}

// rawJSON is a text that is JSON.
type rawJSON string

// MarshalJSON returns the text.
func (r rawJSON) MarshalJSON() ([]byte, error) { return []byte(r), nil }

// tee keeps what is written.
type tee struct {
	http.ResponseWriter
	to io.Writer
}

// Write writes to both.
func (t tee) Write(data []byte) (int, error) {
	_, _ = t.to.Write(data)
	return t.ResponseWriter.Write(data)
}

// Unwrap lets a ResponseController find what is below.
func (t tee) Unwrap() http.ResponseWriter { return t.ResponseWriter }

// legal reports whether a change of an answer leaves it a legal one of the task:
// an empty list where nothing need be found, fewer or other labels of a model
// that knows its own, an order that says nothing, an absent usage.
func (c shapeCase) legal(variant string) bool {
	finds := c.task == "token-classification" || c.task == "object-detection"
	classifies := slices.Contains([]string{"text-classification", "image-classification", "audio-classification"}, c.task)
	switch variant {
	case "empty_list":
		return finds
	case "empty_inner_list":
		// It is also a batch of one.
		return c.task == "token-classification"
	case "missing_label":
		one := !strings.HasPrefix(c.input, "[")
		return finds || classifies && one || c.shape == "list<guess>" || c.shape == "list<obj{answer}>" || c.shape == "list<list<list<number>>>"
	case "missing_entry":
		return finds || classifies && c.shape == "list<label>" || c.shape == "list<guess>" || c.shape == "list<obj{answer}>"
	case "extra_entry":
		return finds || classifies && c.shape == "list<label>" && c.parameters == "" || c.shape == "list<guess>" ||
			c.shape == "list<obj{answer}>" || c.shape == "list<generated_text>" && c.task == "text-generation" || c.shape == "list<label>" && c.backend == sim.BackendToolkit && c.task == "text-classification"
	case "unknown_label":
		return finds || classifies
	case "unsorted":
		return c.task != "text-ranking"
	case "duplicate_index":
		return c.task == "token-classification"
	case "score_out_of_range":
		// The toolkit's scores may be raw.
		return c.task == "text-ranking" && c.backend == sim.BackendToolkit
	case "zeros":
		return c.task == "sentence-similarity" || c.shape == "obj{scores}"
	case "scores_halved":
		return c.task != "zero-shot-classification"
	case "duplicate_label":
		return classifies || c.task == "object-detection"
	case "doubled_vector":
		return c.task == "feature-extraction" && !strings.Contains(c.parameters, "normalize")
	case "answer_elsewhere":
		return c.task == "table-question-answering"
	case "missing_key":
		// A tool was called, and nothing said.
		return c.task == "chat-completion" && strings.Contains(c.parameters, "tools")
	case "null_finish":
		return c.shape == "obj{generated_text}"
	}
	return variant == "no_usage"
}

// same reports whether two bodies are the same but for what each answer has of
// its own.
func same(a, b string) bool {
	own := regexp.MustCompile(`"created(?:_at)?":\d+|"id":"[^"]*"|"(?:chatcmpl-tool-|call_)[^"]*"`)
	return own.ReplaceAllString(a, "") == own.ReplaceAllString(b, "")
}

// TestEveryShape: every good shape of every task is accepted and named, and
// every bad one refused with a sentence.
func TestEveryShape(t *testing.T) {
	t.Parallel()
	client := hf.New(hf.Options{Version: "test"})
	defer client.Close()
	good, bad := 0, 0
	tasks, variants := map[string]bool{}, map[string]bool{}
	for _, c := range shapeCases() {
		b := c.open(t, client)
		name := fmt.Sprintf("%s of %s%s", c.task, c.backend, c.at)
		res, body := b.ask(t, "")
		if res.Outcome != probe.OK || res.Shape != c.shape {
			t.Errorf("%s: %s, %s (%s), want ok, %s: %.300s", name, res.Outcome, res.Shape, res.Error, c.shape, body)
		}
		good++
		tasks[c.task] = true
		for _, variant := range sim.BadShapes() {
			if c.stream {
				// A stream that is spoilt is another fault.
				break
			}
			res, spoilt := b.ask(t, variant)
			mistyped := variant == "wrong_media_type" && strings.HasPrefix(c.shape, "bytes<")
			if same(spoilt, body) && !mistyped || c.legal(variant) {
				if res.Outcome != probe.OK {
					t.Errorf("%s, %s: %s (%s), want ok: %.300s", name, variant, res.Outcome, res.Error, spoilt)
				}
				continue
			}
			bad++
			variants[variant] = true
			if res.Counts != probe.Bad || res.Fault != probe.FaultTarget || res.Error == "" {
				t.Errorf("%s, %s: %s, %s, %q, want it refused with a sentence: %.300s", name, variant, res.Outcome, res.Fault, res.Error, spoilt)
			}
		}
		client.Close()
		b.web.Close()
	}
	t.Logf("%d good shapes accepted, %d bad ones refused", good, bad)
	if good < 60 || bad < 750 {
		t.Errorf("%d good and %d bad shapes were judged, want all", good, bad)
	}
	for _, name := range task.Names() {
		if !tasks[name] && name != "custom" {
			t.Errorf("%s was not asked in any shape", name)
		}
	}
	for _, variant := range sim.BadShapes() {
		if !variants[variant] && variant != "no_usage" {
			t.Errorf("%s was refused nowhere", variant)
		}
	}
}
