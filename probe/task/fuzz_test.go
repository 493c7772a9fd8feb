package task

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/hfwatch/hfwatch/probe"
	"github.com/hfwatch/hfwatch/probe/media"
)

// FuzzEvent holds the scan to what decoding says: whatever it is sure of is
// the same.
func FuzzEvent(f *testing.F) {
	for _, seed := range []string{
		`{"id":"","choices":[{"index":0,"delta":{"role":"assistant","content":"a \"error\" \u00e9"},"logprobs":null,"finish_reason":null}],"usage":null,"model":"m"}`,
		`{"choices":[{"delta":{"content":"","reasoning_content":"hm","reasoning":"hm","refusal":null,"tool_calls":[]},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":2}}`,
		`{"choices":[{"delta":{"tool_calls":[{"function":{"name":"f","arguments":"{}"}}]},"finish_reason":"tool_calls"}]}`,
		`{"choices":[{"text":"a","delta":null,"finish_reason":"eos"}],"error":null}`,
		`{"choices":[],"usage":{"prompt_tokens":1.0,"completion_tokens":1e2,"x":[-1.5e-07,true,false,null]}}`,
		`{"index":1,"token":{"id":3,"text":" ","logprob":-2.0078125,"special":false},"generated_text":null,"details":null}`,
		`{"token":{"text":"</s>","special":true},"generated_text":"a","details":{"finish_reason":"length","generated_tokens":1}}`,
		`{"error":"Model is overloaded","error_type":"overloaded"}`,
		`{"choices":[{"delta":{"content":"a","content":""}}],"choices":[]}`,
		`{"choices":[{"delta":{"content":"\ud800\x"}}]}`,
		`[DONE]`, ``, `{`, `{"a":01}`, `{"message":"x"}`, "{\"choices\":[{\"delta\":{\"content\":\"a\nb\"}}]}", `{"choices":[{"delta":{"content":1}}]} x`,
	} {
		f.Add([]byte(seed), "m")
	}
	f.Fuzz(func(t *testing.T, data []byte, model string) {
		seen := probe.Progress{Model: model}
		for _, d := range []dialect{chatDialect, generationDialect, anyDialect} {
			got, sure := scan(data, &seen, d)
			if want := decodeChunk(data, &seen, d).event; sure && got != want {
				t.Errorf("scan(%s) in dialect %d = %+v, want %+v as decoded", data, d, got, want)
			}
		}
	})
}

// checkSeed is a body, or the lines of a stream, for the task of that number.
type checkSeed struct {
	which    uint8
	body     []byte
	streamed bool
}

// checkSeeds returns what FuzzCheck starts from: for each task in its order a good
// answer, and then the forms of some that have several.
func checkSeeds() (all []checkSeed) {
	add := func(which uint8, body []byte, streamed bool) { all = append(all, checkSeed{which, body, streamed}) }
	for i, seed := range []string{
		`[[{"label":"A","score":0.5}]]`, `{"labels":["x","y"],"scores":[0.5,0.5]}`, `[{"summary_text":"a"}]`, `[{"translation_text":"a"}]`,
		`[[[1,2],[3,4]]]`, `{"similarities":[0.5]}`, `[{"generated_text":"a","details":{"finish_reason":"length","generated_tokens":1}}]`,
		`{"choices":[{"message":{"content":"a","tool_calls":[{"function":{"name":"f","arguments":"{}"}}]},"finish_reason":"stop"}]}`,
		`{"answer":"c","score":0.5,"start":0,"end":1}`, `{"answer":"1","coordinates":[[0,0]],"cells":["1"],"aggregator":"NONE"}`,
		`[{"score":0.5,"token":1,"token_str":"a","sequence":"a"}]`, `[{"entity_group":"PER","score":0.5,"word":"a","start":0,"end":1}]`, `[{"index":1,"score":0.9},{"index":0,"score":0.1}]`, `{"text":"a","chunks":[{"text":"a","timestamp":[0,null]}]}`,
		`[{"label":"A","score":1}]`, `[{"label":"A","score":1},{"label":"B","score":0}]`, `[{"label":"x","score":1},{"label":"y","score":0}]`,
		`[{"label":"A","score":0.5,"box":{"xmin":1,"ymin":1,"xmax":2,"ymax":2}}]`, `[{"generated_text":"a"}]`, `{"choices":[{"message":{"content":"a"},"finish_reason":"stop"}]}`,
		`{"images":[{"url":"https://x"}]}`, `{"audio":{"url":"https://x"}}`, `{"x":NaN}`,
	} {
		add(uint8(i), []byte(seed), false)
		add(uint8(i), []byte(`{"choices":[{"delta":{"content":"<think>"},"finish_reason":"length"}]}`), true)
	}
	chat := uint8(slices.Index(Names(), "chat-completion"))
	add(chat, []byte(`{"choices":[{"delta":{"tool_calls":[{"index":1,"function":{"name":"f","arguments":"{\"a\":1}"}}]},"finish_reason":"tool_calls"}]}`), true)
	add(chat, []byte(`{"object":"response","status":"completed","output":[{"type":"message","content":[{"type":"output_text","text":"{}"}]},{"type":"function_call","name":"f","arguments":"{}"}]}`), false)
	add(chat, []byte("{\"type\":\"response.output_text.delta\",\"delta\":\"a\"}\n{\"type\":\"response.completed\",\"response\":{\"usage\":{\"output_tokens\":1}}}"), true)
	names := Names()
	for _, file := range [][]byte{media.SamplePicture(media.PNG), media.SamplePicture(media.JPEG), media.SampleSound()[:400]} {
		add(uint8(slices.Index(names, "text-to-image")), file, false)
		add(uint8(slices.Index(names, "text-to-speech")), file, false)
	}
	for _, head := range []string{"RIFF\x10\x00\x00\x00WEBPVP8 \x04\x00\x00\x00abcd", "GIF89a\x01\x00\x01\x00\x80\x00\x00", "fLaC\x80\x00\x00\x22", "\xff\xfb\x54\xc4", "OggS\x00\x02"} {
		add(uint8(slices.Index(names, "text-to-image")), []byte(head), false)
		add(uint8(slices.Index(names, "text-to-speech")), []byte(head), false)
	}
	for _, answer := range []string{
		`{"status":"IN_QUEUE","request_id":"r","response_url":"https://q/a/requests/r"}`, `{"status":"failed","error":{"message":"m"}}`,
		`{"data":{"status":"created","id":"w"}}`, `{"id":"z","task_status":"SUCCESS","image_result":[{"url":"https://x/a.png"}]}`,
	} {
		add(uint8(slices.Index(names, "text-to-image")), []byte(answer), false)
	}
	return all
}

// checkAsk returns what FuzzCheck asks of a task.
func checkAsk(name string) probe.Ask {
	inputs := map[string]string{
		"sentence-similarity": `{"source_sentence":"a","sentences":["b"]}`, "question-answering": `{"question":"q","context":"c"}`,
		"table-question-answering": `{"query":"q","table":{"a":["1"]}}`, "zero-shot-classification": `["a"]`,
		"text-ranking": `{"query":"q","texts":["a","b"]}`,
	}
	ask := probe.Ask{Input: []byte(`"a"`), Nonce: "0a1b2c3d", Parameters: []byte(`{"candidate_labels":["x","y"],"normalize":true}`)}
	if in := inputs[name]; in != "" {
		ask.Input = []byte(in)
	}
	return ask
}

// TestCheckSeeds holds that FuzzCheck starts from a good answer to each task, and
// from a stream of each that has some.
func TestCheckSeeds(t *testing.T) {
	good, streams := map[string]bool{}, map[string]bool{}
	for _, seed := range checkSeeds() {
		tk := all()[int(seed.which)%len(all())]
		a := probe.Answer{Status: 200, Body: seed.body, Streamed: seed.streamed}
		streams[tk.Name()] = streams[tk.Name()] || seed.streamed
		good[tk.Name()] = good[tk.Name()] || !seed.streamed && tk.Check(checkAsk(tk.Name()), a).Outcome == probe.OK
	}
	for _, name := range Names() {
		if !good[name] || Streams(name) && !streams[name] {
			t.Errorf("FuzzCheck starts %s from a good answer: %v, from a stream: %v", name, good[name], streams[name])
		}
	}
}

// FuzzCheck gives every checker any body, and any stream: none panics, a good
// verdict has a shape and no reason, and any other has a reason.
func FuzzCheck(f *testing.F) {
	for _, seed := range checkSeeds() {
		f.Add(seed.which, seed.body, seed.streamed)
	}
	f.Fuzz(func(t *testing.T, which uint8, body []byte, streamed bool) {
		tk := all()[int(which)%len(all())]
		ask := checkAsk(tk.Name())
		expect := &probe.Expect{Label: "A", Contains: []string{"a"}, MinLength: probe.Some(1), Similar: &probe.Similar{Vector: []float64{1}}}
		a := probe.Answer{Status: 200, Body: body, Streamed: streamed}
		followed(t, tk, a)
		if streamed {
			for line := range bytes.SplitSeq(body, []byte("\n")) {
				a.Events = append(a.Events, line)
				a.Progress = a.Progress.Add(tk.Event(line, a.Progress))
			}
			a.Body = nil
		}
		offers := []byte(`{"candidate_labels":["x","y"],"tools":[{"type":"function","function":{"name":"f","parameters":{"required":["a"]}}}],"response_format":{"type":"json_object"},"encoding_format":"base64"}`)
		for _, variant := range []struct {
			expect     *probe.Expect
			parameters []byte
		}{{nil, ask.Parameters}, {expect, ask.Parameters}, {nil, offers}} {
			ask.Expect, ask.Parameters = variant.expect, variant.parameters
			v := tk.Check(ask, a)
			switch v.Outcome {
			case probe.OK:
				if v.Shape == "" || v.Reason != "" {
					t.Errorf("%s: Check(%q) = %+v, want a shape and no reason with ok", tk.Name(), body, v)
				}
			case probe.InvalidOutput, probe.WrongAnswer, probe.NoAnswer, probe.Filtered, probe.Truncated, probe.StreamError:
				if v.Reason == "" || len(v.Reason) > 2000 {
					t.Errorf("%s: Check(%q) = %s with %d bytes of reason, want a bounded one", tk.Name(), body, v.Outcome, len(v.Reason))
				}
			default:
				t.Errorf("%s: Check(%q) = %s, want an outcome of a valid exchange", tk.Name(), body, v.Outcome)
			}
		}
	})
}

// followed holds what is asked after any answer to paths of the provider's own, to
// links, and to a wait between two questions that are not the last.
func followed(t *testing.T, tk probe.Task, a probe.Answer) {
	t.Helper()
	f, follows := tk.(probe.Follower)
	if !follows {
		return
	}
	for _, provider := range PassedThrough(tk.Name()) {
		next := f.Follow(probe.Ask{Route: probe.RouteProvider, Provider: provider, Model: "o/m"}, a)
		switch {
		case next.Path != "" && (!plainPath.MatchString(next.Path) || next.Link != "" || next.Failed):
			t.Errorf("%s: Follow(%q) = %+v", provider, a.Body, next)
		case next.Link != "" && !strings.HasPrefix(next.Link, "http"):
			t.Errorf("%s: Follow(%q) = %+v", provider, a.Body, next)
		}
	}
}
