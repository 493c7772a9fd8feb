package task_test

import (
	"encoding/json"
	"testing"

	"github.com/hfwatch/hfwatch/probe"
)

// mustJSON returns a text as JSON.
func mustJSON(text string) json.RawMessage {
	data, err := json.Marshal(text)
	if err != nil {
		panic(err)
	}
	return data
}

// TestEvents reads one event of every kind that section 6 of the wire knows.
func TestEvents(t *testing.T) {
	out := func(n int) probe.Opt[int] { return probe.Some(n) }
	text := probe.Event{Token: true, Answer: true, Model: "served"}
	for _, tt := range []struct {
		why, task, data string
		want            probe.Event
	}{
		{"text", "chat-completion", say("Hi"), text},
		{"text that speaks of errors", "chat-completion", say(`{"error": "x"}, "finish_reason": "stop", "usage": {"completion_tokens": 9}`), text},
		{"a role alone", "chat-completion", delta(`{"role":"assistant"}`), probe.Event{Model: "served"}},
		{"a role with empty text", "chat-completion", delta(`{"role":"assistant","content":""}`), probe.Event{Model: "served"}},
		{"null text", "chat-completion", delta(`{"content":null}`), probe.Event{Model: "served"}},
		{"an empty reasoning beside text", "chat-completion", delta(`{"content":"a","reasoning_content":null,"tool_calls":null}`), text},
		{"reasoning_content", "chat-completion", delta(`{"content":"","reasoning_content":"hm"}`), probe.Event{Token: true, Model: "served"}},
		{"reasoning", "chat-completion", delta(`{"reasoning":"hm"}`), probe.Event{Token: true, Model: "served"}},
		{"a refusal", "chat-completion", delta(`{"refusal":"no"}`), probe.Event{Token: true, Model: "served"}},
		{"text in parts", "chat-completion", delta(`{"content":[{"type":"text","text":"a"}]}`), text},
		{"thoughts in parts", "chat-completion", delta(`{"content":[{"type":"thinking","thinking":[{"type":"text","text":"hm"}]}]}`), probe.Event{Token: true, Model: "served"}},
		{"a tool's name", "chat-completion", delta(`{"tool_calls":[{"function":{"name":"f","arguments":""}}]}`), probe.Event{Token: true, Model: "served"}},
		{"a tool's arguments", "chat-completion", delta(`{"tool_calls":[{"function":{"arguments":"{"}}]}`), text},
		{"a tool of early TGI", "chat-completion", delta(`{"tool_calls":{"function":{"name":"f","arguments":{"a":1}}}}`), text},
		{"logprobs have content too", "chat-completion", `{"choices":[{"delta":{"content":""},"logprobs":{"content":[{"token":"x","logprob":-1e-7}]}}]}`, probe.Event{}},
		{"the end of a choice", "chat-completion", finish("stop"), probe.Event{Finish: "stop"}},
		{"an unknown end", "chat-completion", finish("eos"), probe.Event{Finish: "eos"}},
		{"an empty end", "chat-completion", finish(""), probe.Event{}},
		{"the last text with the end", "chat-completion", `{"choices":[{"delta":{"content":"a"},"finish_reason":"length"}],"usage":{"prompt_tokens":3,"completion_tokens":4}}`, probe.Event{Token: true, Answer: true, Finish: "length", TokensIn: out(3), TokensOut: out(4)}},
		{"usage alone", "chat-completion", `{"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":0}}`, probe.Event{TokensIn: out(3), TokensOut: out(0)}},
		{"usage without choices", "chat-completion", `{"usage":{"completion_tokens":4}}`, probe.Event{TokensOut: out(4)}},
		{"no choices", "chat-completion", `{"choices":[],"prompt_filter_results":[]}`, probe.Event{}},
		{"the end mark", "chat-completion", `[DONE]`, probe.Event{End: true}},
		{"the end mark with a blank", "chat-completion", ` [DONE] `, probe.Event{End: true}},
		{"nothing", "chat-completion", ``, probe.Event{}},
		{"TGI's error", "text-generation", `{"error":"Model is overloaded","error_type":"overloaded"}`, probe.Event{Failed: true}},
		{"TGI's error in a chat", "chat-completion", `{"error":{"message":"x","http_status_code":422}}`, probe.Event{Failed: true}},
		{"an error beside choices", "chat-completion", `{"choices":[{"delta":{"content":"a"}}],"error":{"message":"x"}}`, probe.Event{Failed: true}},
		{"older vLLM's error", "chat-completion", `{"object":"error","message":"x","code":400}`, probe.Event{Failed: true}},
		{"FastAPI's error", "chat-completion", `{"detail":"x"}`, probe.Event{Failed: true}},
		{"TEI's error", "chat-completion", `{"message":"x","code":429,"type":"Overloaded"}`, probe.Event{Failed: true}},
		{"no error", "chat-completion", `{"choices":[{"delta":{"content":"a"}}],"error":null}`, probe.Event{Token: true, Answer: true}},
		{"an error in words for custom", "custom", `{"error":"x"}`, probe.Event{Failed: true}},
		{"a message is no error for custom", "custom", `{"message":"x"}`, probe.Event{}},
		{"noise is none for custom", "custom", `x`, probe.Event{}},
		{"a chat for custom", "custom", say("a"), text},
		{"an error for a task without streams", "fill-mask", `{"error":"x"}`, probe.Event{Failed: true}},
		{"noise", "chat-completion", `x`, probe.Event{Malformed: true}},
		{"half an event", "chat-completion", `{"choices":[{"delta":{"content":"a"`, probe.Event{Malformed: true}},
		{"an object of something else", "chat-completion", `{"a":1}`, probe.Event{Malformed: true}},
		{"a list", "chat-completion", `[]`, probe.Event{Malformed: true}},
		{"a delta of text", "chat-completion", `{"choices":[{"delta":"a"}]}`, probe.Event{Malformed: true}},
		{"a choice of text", "chat-completion", `{"choices":["a"]}`, probe.Event{Malformed: true}},
		{"TGI's own form in a chat", "chat-completion", `{"token":{"text":"a","special":false},"generated_text":null}`, probe.Event{Malformed: true}},
		{"TGI's own form", "text-generation", `{"token":{"text":"a","special":false},"generated_text":null,"details":null}`, probe.Event{Token: true, Answer: true}},
		{"TGI's special token", "text-generation", `{"token":{"text":"</s>","special":true},"generated_text":null,"details":null}`, probe.Event{}},
		{"TGI's end", "text-generation", `{"token":{"text":"a","special":false},"generated_text":"a","details":{"finish_reason":"eos_token","generated_tokens":7,"input_length":5}}`, probe.Event{Token: true, Answer: true, End: true, Finish: "eos_token", TokensIn: out(5), TokensOut: out(7)}},
		{"TGI's end in a special token", "text-generation", `{"token":{"text":"</s>","special":true},"generated_text":"","details":null}`, probe.Event{End: true}},
		{"a completion", "text-generation", `{"choices":[{"text":"a","finish_reason":null}]}`, probe.Event{Token: true, Answer: true}},
		{"Together repeats the text", "chat-completion", `{"choices":[{"text":"a","delta":{"content":"a","tool_calls":null}}]}`, probe.Event{Token: true, Answer: true}},
		{"an escaped key", "chat-completion", `{"choices":[{"delta":{"cont\u0065nt":"a"}}]}`, probe.Event{Token: true, Answer: true}},
		{"a key twice, of which the last counts", "chat-completion", `{"choices":[{"delta":{"content":"a","content":""}}]}`, probe.Event{}},
	} {
		for _, seen := range []probe.Progress{{}, {Events: 9, Tokens: 9, Answers: 9}} {
			if got := must(t, tt.task).Event([]byte(tt.data), seen); got != tt.want {
				t.Errorf("%s: Event(%s) = %+v, want %+v", tt.why, tt.data, got, tt.want)
			}
		}
	}
}

// TestEventNamesTheModelOnce so that it is not copied for each token.
func TestEventNamesTheModelOnce(t *testing.T) {
	if got := must(t, "chat-completion").Event([]byte(say("a")), probe.Progress{Model: "served"}); got.Model != "" {
		t.Errorf("Event() of a known model = %+v, want no model", got)
	}
	if got := must(t, "chat-completion").Event([]byte(say("a")), probe.Progress{Model: "other"}); got.Model != "served" {
		t.Errorf("Event() of a changed model = %+v, want served", got)
	}
}

// TestEventDoesNotAllocate for the events that a stream consists of.
func TestEventDoesNotAllocate(t *testing.T) {
	seen := probe.Progress{Events: 5, Tokens: 4, Answers: 4, Model: "served"}
	for name, data := range map[string]string{
		"text":         say("some \"quoted\" text, and \u00fcmlauts"),
		"reasoning":    delta(`{"reasoning_content":"hm"}`),
		"a role":       delta(`{"role":"assistant","content":""}`),
		"an end":       finish("stop"),
		"usage":        `{"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":4,"prompt_tokens_details":{"cached_tokens":0}}}`,
		"a completion": `{"choices":[{"text":"a","finish_reason":null}]}`,
	} {
		tk := must(t, "chat-completion")
		raw := []byte(data)
		if got := testing.AllocsPerRun(100, func() { tk.Event(raw, seen) }); got != 0 {
			t.Errorf("Event() of %s allocates %v times, want never", name, got)
		}
	}
	tk := must(t, "text-generation")
	raw := []byte(`{"index":3,"token":{"id":7,"text":" a","logprob":-0.061,"special":false},"generated_text":null,"details":null}`)
	if got := testing.AllocsPerRun(100, func() { tk.Event(raw, seen) }); got != 0 {
		t.Errorf("Event() of TGI's own form allocates %v times, want never", got)
	}
}

// BenchmarkEvent is the cost of one chunk of a stream.
func BenchmarkEvent(b *testing.B) {
	tk := must(b, "chat-completion")
	seen := probe.Progress{Events: 5, Tokens: 4, Answers: 4, Model: "served"}
	raw := []byte(say(" and then the keeper"))
	b.SetBytes(int64(len(raw)))
	b.ReportAllocs()
	for b.Loop() {
		tk.Event(raw, seen)
	}
}
