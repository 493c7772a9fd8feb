package task_test

import (
	"errors"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hfwatch/hfwatch/probe"
)

const noAnswer = "the model spent its 64 tokens before it answered; raise parameters.max_tokens"

func textGenerationRules(t *testing.T, b *rulebook) {
	one := in(`"Once upon"`)
	marked := in(`"Once upon"`)
	marked.Nonce = "0a1b2c3d"
	single := in(`"Once upon"`, `{"max_new_tokens":1}`)
	stream := one
	stream.Stream = true
	const blankOnce = "the one token that was allowed is blank; more of them would prove more"
	b.rows(t, "text-generation", []row{
		{"hf-inference, TGI's root", one, `[{"generated_text":" a time"}]`, "", "list<generated_text>", "", nil},
		{"TGI's /generate", one, `{"generated_text":" a time"}`, "", "obj{generated_text}", "", nil},
		{"with details", one, `{"generated_text":" a time","details":{"finish_reason":"length","generated_tokens":2,"seed":null,"prefill":[],"tokens":[]}}`, "", "obj{generated_text}", "", nil},
		{"OpenAI's completions", one, `{"choices":[{"text":" a time","finish_reason":"length","index":0}],"usage":{"prompt_tokens":2,"completion_tokens":2}}`, "", "obj{choices}", "", nil},
		{"a provider's chat", one, `{"choices":[{"message":{"content":"a"},"finish_reason":"stop"}]}`, "", "obj{choices}", "", nil},
		{"the prompt before it", one, `[{"generated_text":"Once upon a time"}]`, "", "list<generated_text>", "", nil},
		{"one blank token", single, `[{"generated_text":""}]`, "", "list<generated_text>", "", []string{blankOnce}},
		{"one blank token by its own account", one, `[{"generated_text":"","details":{"finish_reason":"length","generated_tokens":1}}]`, "", "list<generated_text>", "", []string{blankOnce}},
		{"a stream was asked for", stream, `[{"generated_text":" a time"}]`, "", "list<generated_text>", "", []string{"a stream was asked for, and one JSON body came"}},

		{"blank", one, `[{"generated_text":" \n"}]`, "", "list<generated_text>", "[0].generated_text: blank once the prompt is taken off", nil},
		{"the prompt alone", one, `{"generated_text":"Once upon"}`, "", "obj{generated_text}", "generated_text: blank once the prompt is taken off", nil},
		{"the prompt alone, with the nonce", marked, `{"generated_text":"(0a1b2c3d)\nOnce upon"}`, "", "obj{generated_text}", "generated_text: blank once the prompt is taken off", nil},
		{"the second of two", one, `[{"generated_text":"a"},{"generated_text":""}]`, "", "list<generated_text>", "[1].generated_text: blank once the prompt is taken off", nil},
		{"no text", one, `[{"text":"a"}]`, "", "", "[0].generated_text: absent", nil},
		{"a text of number", one, `{"generated_text":1}`, "", "", "generated_text: a number, want a text", nil},
		{"an empty list", one, `[]`, "", "", "the answer: an empty list, want at least one object", nil},
		{"no choices", one, `{"choices":[]}`, "", "", "choices: an empty list, want at least one choice", nil},
		{"a blank choice", one, `{"choices":[{"text":"","finish_reason":"stop"}]}`, "", "obj{choices}", "choices[0].text: blank once the prompt is taken off", nil},
		{"a choice without an end", one, `{"choices":[{"text":"a","finish_reason":null}]}`, "", "obj{choices}", "choices[0].finish_reason: null in a final answer", nil},
		{"a choice of neither text nor message", one, `{"choices":[{"finish_reason":"stop"}]}`, "", "obj{choices}", "choices[0].text: absent", nil},

		{"the prompt is not the answer", with(one, probe.Expect{Contains: []string{"upon"}}), `[{"generated_text":"Once upon a time"}]`, probe.WrongAnswer, "list<generated_text>", `expect.contains: "upon" is not in "a time"`, nil},
		{"what is expected", with(marked, probe.Expect{Equals: js(`"a time"`)}), `[{"generated_text":"(0a1b2c3d)\nOnce upon a time"}]`, "", "list<generated_text>", "", nil},
	})
	v := must(t, "text-generation").Check(one, answer(`{"generated_text":"a","details":{"finish_reason":"eos_token","generated_tokens":3}}`))
	if v.TokensOut != probe.Some(3) || v.TokensSource != probe.TokensUsage || v.Finish != "eos_token" {
		t.Errorf("Check() with details = %v, %s, %s, want 3, usage, eos_token", v.TokensOut, v.TokensSource, v.Finish)
	}
}

// chat returns a chat's answer with a message and a finish reason.
func chat(message, finish string) string {
	return `{"id":"","object":"chat.completion","created":1,"model":"served","system_fingerprint":null,"choices":[{"index":0,"message":` +
		message + `,"logprobs":null,"finish_reason":` + finish + `}],"usage":{"prompt_tokens":3,"completion_tokens":5,"total_tokens":8}}`
}

func chatCompletionRules(t *testing.T, b *rulebook) {
	one := in(`"Hi"`)
	thinker := one
	thinker.Reasoning = true
	stream := one
	stream.Stream = true
	const (
		shape  = "obj{choices}"
		before = "the model spent its 512 tokens before it answered; raise parameters.max_tokens"
		call   = `{"role":"assistant","content":null,"tool_calls":[{"id":"0","type":"function","function":{"name":"f","arguments":`
	)
	b.rows(t, "chat-completion", []row{
		{"a text", one, chat(`{"role":"assistant","content":"Hello"}`, `"stop"`), "", shape, "", nil},
		{"an unknown finish reason", one, chat(`{"role":"assistant","content":"Hello"}`, `"eos"`), "", shape, "", nil},
		{"no usage, no fingerprint", one, `{"choices":[{"message":{"content":"Hello"},"finish_reason":"stop"}]}`, "", shape, "", nil},
		{"parts", one, chat(`{"role":"assistant","content":[{"type":"text","text":"Hello"}]}`, `"stop"`), "", shape, "", nil},
		{"a tool call", one, chat(call+`"{\"a\":1}"}}]}`, `"tool_calls"`), "", shape, "", nil},
		{"a tool call of early TGI", one, chat(call+`{"a":1}}}]}`, `"stop"`), "", shape, "", nil},
		{"a single tool call of early TGI", one, chat(`{"content":null,"tool_calls":{"id":0,"function":{"name":"f","arguments":{"a":1}}}}`, `"stop"`), "", shape, "", nil},
		{"a tool call without arguments", one, chat(call+`""}}]}`, `"stop"`), "", shape, "", nil},
		{"reasoning and an answer", one, chat(`{"content":"Hello","reasoning_content":"hm"}`, `"stop"`), "", shape, "", nil},
		{"reasoning alone", one, chat(`{"content":null,"reasoning":"hm"}`, `"stop"`), "", shape, "", []string{"there is reasoning but no answer"}},
		{"a JSON body for a stream", stream, chat(`{"content":"Hello"}`, `"stop"`), "", shape, "", []string{"a stream was asked for, and one JSON body came"}},
		{"no tokens counted", one, `{"choices":[{"message":{"content":"Hello"},"finish_reason":"stop"}],"usage":{"completion_tokens":0}}`, "", shape, "", []string{"usage counts no tokens for a text that is there"}},
		{"one blank token", in(`"Hi"`, `{"max_tokens":1}`), chat(`{"content":""}`, `"length"`), "", shape, "", []string{"the one token that was allowed is blank; more of them would prove more"}},

		{"a spent budget", one, chat(`{"content":null,"reasoning_content":"hm"}`, `"length"`), probe.NoAnswer, shape, noAnswer, nil},
		{"a spent budget of a model known to think", thinker, chat(`{"content":""}`, `"length"`), probe.NoAnswer, shape, before, nil},
		{"a spent budget by its bill", one, `{"choices":[{"message":{"content":null},"finish_reason":"length"}],"usage":{"completion_tokens":64,"completion_tokens_details":{"reasoning_tokens":64}}}`, probe.NoAnswer, shape, noAnswer, nil},
		{"a filter", one, chat(`{"content":"Hel"}`, `"content_filter"`), probe.Filtered, shape, "a content filter stopped the answer", nil},
		{"a refusal", one, chat(`{"content":null,"refusal":"I will not"}`, `"stop"`), probe.Filtered, shape, `the model refused: "I will not"`, nil},

		{"no choices", one, `{"choices":[]}`, "", "", "choices: an empty list, want at least one choice", nil},
		{"choices of null", one, `{"choices":null}`, "", "", "choices: null, want a list of choices", nil},
		{"a list", one, `[{"generated_text":"a"}]`, "", "", "the answer: a list, want an object", nil},
		{"nothing said", one, chat(`{"content":null}`, `"stop"`), "", shape, "choices[0].message.content: blank, and there is neither a tool call nor reasoning", nil},
		{"blanks", one, chat(`{"content":" \n","tool_calls":[]}`, `"length"`), "", shape, "choices[0].message.content: blank, and there is neither a tool call nor reasoning", nil},
		{"no message", one, `{"choices":[{"text":"a","finish_reason":"stop"}]}`, "", shape, "choices[0].message: null, want an object", nil},
		{"content of number", one, chat(`{"content":1}`, `"stop"`), "", shape, "choices[0].message.content: a number, want a text or null", nil},
		{"no end", one, chat(`{"content":"Hello"}`, `null`), "", shape, "choices[0].finish_reason: null in a final answer", nil},
		{"an end of number", one, chat(`{"content":"Hello"}`, `1`), "", shape, "choices[0].finish_reason: a number, want a text", nil},
		{"an end in error", one, chat(`{"content":"Hello"}`, `"error"`), "", shape, "choices[0].finish_reason: error", nil},
		{"a choice of text", one, `{"choices":["a"]}`, "", shape, "choices[0]: a text, want an object", nil},
		{"the second choice", one, `{"choices":[{"message":{"content":"a"},"finish_reason":"stop"},{"message":{"content":""},"finish_reason":"stop"}]}`, "", shape, "choices[1].message.content: blank, and there is neither a tool call nor reasoning", nil},
		{"a tool without a name", one, chat(`{"content":null,"tool_calls":[{"function":{"name":"","arguments":"{}"}}]}`, `"stop"`), "", shape, "choices[0].message.tool_calls[0].function.name: empty", nil},
		{"a tool without a function", one, chat(`{"content":null,"tool_calls":[{}]}`, `"stop"`), "", shape, "choices[0].message.tool_calls[0]: has no function", nil},
		{"tools that are no list", one, chat(`{"content":null,"tool_calls":"f"}`, `"stop"`), "", shape, "choices[0].message.tool_calls: a text, want a list", nil},
		{"arguments that do not parse", one, chat(call+`"{"}}]}`, `"tool_calls"`), "", shape, `choices[0].message.tool_calls[0].function.arguments: "{" is not a JSON object`, nil},
		{"arguments of number", one, chat(call+`1}}]}`, `"tool_calls"`), "", shape, `choices[0].message.tool_calls[0].function.arguments: a number, want JSON in a text`, nil},
		{"arguments that the bound cut", one, chat(call+`"{"}}]}`, `"length"`), probe.NoAnswer, shape, `the tokens ran out inside the arguments of a tool call; raise parameters.max_tokens`, nil},

		{"what is expected", with(one, probe.Expect{Matches: regexp.MustCompile(`(?i)^hello`), MaxLength: probe.Some(5)}), chat(`{"content":" Hello\n"}`, `"stop"`), "", shape, "", nil},
		{"thoughts are not the answer", with(one, probe.Expect{Equals: js(`"Hello"`)}), chat(`{"content":"<think>Hm, Bye?</think>\n\nHello"}`, `"stop"`), "", shape, "", nil},
		{"thoughts without an end", with(one, probe.Expect{Equals: js(`"Hello"`)}), chat(`{"content":"<think>Hm"}`, `"length"`), probe.NoAnswer, shape, "the model spent its tokens before it answered; raise parameters.max_tokens", nil},
		{"nothing is expected of thoughts", one, chat(`{"content":"<think>Hm"}`, `"length"`), "", shape, "", nil},
		{"JSON in the text", with(one, probe.Expect{Schema: schema(func(v any) error {
			if o, _ := v.(map[string]any); o["a"] == nil {
				return errors.New("no a")
			}
			return nil
		})}), chat(`{"content":"{\"a\":1}"}`, `"stop"`), "", shape, "", nil},
		{"no JSON in the text", with(one, probe.Expect{Schema: schema(func(any) error { return nil })}), chat(`{"content":"Hello"}`, `"stop"`), probe.WrongAnswer, shape, `expect.json_schema: the text is not JSON: "Hello"`, nil},
		{"the arguments of a tool call", with(one, probe.Expect{Equals: js(`{"a":1}`)}), chat(call+`"{\"a\":1}"}}]}`, `"stop"`), "", shape, "", nil},
		{"another answer", with(one, probe.Expect{Contains: []string{"Bye"}}), chat(`{"content":"Hello"}`, `"stop"`), probe.WrongAnswer, shape, `expect.contains: "Bye" is not in "Hello"`, nil},
	})
	v := must(t, "chat-completion").Check(one, answer(chat(`{"content":"Hello"}`, `"stop"`)))
	want := probe.Verdict{Outcome: probe.OK, Shape: shape, TokensIn: probe.Some(3), TokensOut: probe.Some(5), TokensSource: probe.TokensUsage, Finish: "stop", Model: "served"}
	if diff := cmp.Diff(want, v); diff != "" {
		t.Errorf("Check() of a good answer (-want +got):\n%s", diff)
	}
}

// streamed returns the answer that hf would hand to Check for the data of
// events, one a line.
func streamed(t testing.TB, name string, lines ...string) probe.Answer {
	t.Helper()
	tk := must(t, name)
	a := probe.Answer{Status: 200, Streamed: true}
	for _, data := range lines {
		a.Events = append(a.Events, []byte(data))
		a.Progress = a.Progress.Add(tk.Event([]byte(data), a.Progress))
	}
	return a
}

// delta returns a chunk of OpenAI's with a delta.
func delta(body string) string {
	return `{"id":"","object":"chat.completion.chunk","created":1,"model":"served","choices":[{"index":0,"delta":` + body + `,"logprobs":null,"finish_reason":null}]}`
}

// finish returns a chunk that ends a choice.
func finish(reason string) string {
	return `{"choices":[{"index":0,"delta":{},"finish_reason":"` + reason + `"}]}`
}

// say returns a chunk with text.
func say(text string) string { return delta(`{"content":` + string(mustJSON(text)) + `}`) }

func chatStreamsRules(t *testing.T, b *rulebook) {
	one := in(`"Hi"`)
	one.Stream = true
	role := delta(`{"role":"assistant","content":""}`)
	thought := delta(`{"reasoning_content":"hm"}`)
	const done = "[DONE]"
	const openai = "stream<openai>"
	for _, tt := range []struct {
		why      string
		ask      probe.Ask
		events   []string
		outcome  probe.Outcome
		shape    string
		reason   string
		warnings []string
	}{
		{"vLLM", one, []string{role, say("Hel"), say("lo"), finish("stop"), `{"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2}}`, done}, probe.OK, openai, "", nil},
		{"a leading filter chunk", one, []string{`{"choices":[]}`, say("Hello"), finish("stop"), done}, probe.OK, openai, "", nil},
		{"no end mark", one, []string{say("Hello"), finish("stop")}, probe.OK, openai, "", []string{"the stream has a finish reason but no end mark"}},
		{"no finish reason", one, []string{say("Hello"), done}, probe.OK, openai, "", []string{"the stream has an end mark but no finish reason"}},
		{"reasoning first", one, []string{thought, say("Hello"), finish("stop"), done}, probe.OK, openai, "", nil},
		{"a tool call", one, []string{delta(`{"tool_calls":[{"function":{"name":"f","arguments":""}}]}`), delta(`{"tool_calls":[{"function":{"arguments":"{}"}}]}`), finish("tool_calls"), done}, probe.OK, openai, "", nil},
		{"a tool call without arguments", one, []string{delta(`{"tool_calls":[{"function":{"name":"f","arguments":""}}]}`), finish("tool_calls"), done}, probe.OK, openai, "", nil},
		{"a broken event among good ones", one, []string{say("Hello"), `{"choices":`, finish("stop"), done}, probe.OK, openai, "", []string{"1 event could not be read"}},
		{"reasoning alone", one, []string{thought, finish("stop"), done}, probe.OK, openai, "", []string{"there is reasoning but no answer"}},
		{"a stream that nobody asked for", in(`"Hi"`), []string{say("Hello"), finish("stop"), done}, probe.OK, openai, "", []string{"the answer is an event stream, though none was asked for"}},
		{"one blank token", in(`"Hi"`, `{"max_tokens":1}`), []string{say(" "), finish("length"), done}, probe.OK, openai, "", []string{"the answer is an event stream, though none was asked for", "the one token that was allowed is blank; more of them would prove more"}},

		{"no events", one, nil, probe.InvalidOutput, "stream", "the stream held no events", nil},
		{"the end alone", one, []string{done}, probe.InvalidOutput, "stream", "the stream held no text in 1 event", nil},
		{"role alone", one, []string{role}, probe.Truncated, openai, "the stream ended after 1 event without text, finish reason or end mark", nil},
		{"cut", one, []string{role, say("Hel"), say("lo")}, probe.Truncated, openai, "the stream ended after 2 events with text, without finish reason or end mark", nil},
		{"no text", one, []string{role, finish("stop"), done}, probe.InvalidOutput, openai, "the stream held no text in 3 events", nil},
		{"blanks", one, []string{say(" "), say("\n"), finish("length"), done}, probe.InvalidOutput, openai, "the text is blank in all of its 2 events", nil},
		{"noise", one, []string{`<html>`, `busy`}, probe.InvalidOutput, "stream", "none of the stream's text could be read: 2 events malformed", []string{"2 events could not be read"}},
		{"TGI's own route", one, []string{`{"token":{"text":"a","special":false},"generated_text":"a"}`}, probe.InvalidOutput, "stream", "none of the stream's text could be read: 1 event malformed", []string{"1 event could not be read"}},
		{"a spent budget", one, []string{thought, finish("length"), done}, probe.NoAnswer, openai, noAnswer, nil},
		{"a spent budget behind a blank", one, []string{thought, say("\n"), finish("length"), done}, probe.NoAnswer, openai, noAnswer, nil},
		{"a filter", one, []string{say("Hel"), finish("content_filter"), done}, probe.Filtered, openai, "a content filter stopped the answer", nil},
		{"a refusal", one, []string{delta(`{"refusal":"I will not"}`), finish("stop"), done}, probe.Filtered, openai, `the model refused: "I will not"`, nil},
		{"an end in error", one, []string{say("Hel"), finish("error"), done}, probe.StreamError, openai, "the stream's finish reason is error", nil},

		{"what is expected", with(one, probe.Expect{Equals: js(`"Hello"`)}), []string{say("Hel"), say("lo"), finish("stop"), done}, probe.OK, openai, "", nil},
		{"another answer", with(one, probe.Expect{Contains: []string{"Bye"}}), []string{say("Hel"), say("lo"), finish("stop"), done}, probe.WrongAnswer, openai, `expect.contains: "Bye" is not in "Hello"`, nil},
		{"thoughts are not the answer", with(one, probe.Expect{Contains: []string{"hm"}}), []string{thought, say("Hello"), finish("stop"), done}, probe.WrongAnswer, openai, `expect.contains: "hm" is not in "Hello"`, nil},
		{"a tool call's arguments", with(one, probe.Expect{Equals: js(`{"a":1}`)}), []string{delta(`{"tool_calls":[{"function":{"name":"f","arguments":"{\"a\""}}]}`), delta(`{"tool_calls":[{"function":{"arguments":":1}"}}]}`), finish("tool_calls"), done}, probe.OK, openai, "", nil},
	} {
		a := streamed(t, "chat-completion", tt.events...)
		got := b.check(must(t, "chat-completion"), "a stream: "+tt.why, tt.ask, a)
		if got.Outcome != tt.outcome || got.Shape != tt.shape || got.Reason != tt.reason || !slices.Equal(got.Warnings, tt.warnings) {
			t.Errorf("%s: Check() = %s, %s, %q, %q\nwant %s, %s, %q, %q", tt.why, got.Outcome, got.Shape, got.Reason, got.Warnings, tt.outcome, tt.shape, tt.reason, tt.warnings)
		}
	}
}

// TestStreamTokensHaveASource takes usage from any chunk, or counts chunks.
func TestStreamTokensHaveASource(t *testing.T) {
	one := in(`"Hi"`)
	one.Stream = true
	got := must(t, "chat-completion").Check(one, streamed(t, "chat-completion", say("a"), say("b"), finish("stop"), "[DONE]"))
	if got.TokensOut != probe.Some(2) || got.TokensSource != probe.TokensChunks || got.Finish != "stop" || got.Model != "served" {
		t.Errorf("Check() without usage = %v, %s, %s, %s, want 2, chunks, stop, served", got.TokensOut, got.TokensSource, got.Finish, got.Model)
	}
	early := strings.Replace(say("a"), `"choices"`, `"usage":{"prompt_tokens":7,"completion_tokens":9},"choices"`, 1)
	got = must(t, "chat-completion").Check(one, streamed(t, "chat-completion", early, finish("stop"), "[DONE]"))
	if got.TokensIn != probe.Some(7) || got.TokensOut != probe.Some(9) || got.TokensSource != probe.TokensUsage {
		t.Errorf("Check() with usage on the first chunk = %v, %v, %s, want 7, 9, usage", got.TokensIn, got.TokensOut, got.TokensSource)
	}
}

// streamsThatWereNotKeptRules are not held to what cannot be known.
func streamsThatWereNotKeptRules(t *testing.T, b *rulebook) {
	one := with(in(`"Hi"`), probe.Expect{Contains: []string{"world"}})
	one.Stream = true
	a := streamed(t, "chat-completion", say("Hello"), say(" world"), finish("stop"), "[DONE]")
	a.Events, a.EventsCut = a.Events[:1], true
	got := b.check(must(t, "chat-completion"), "a stream that was not kept", one, a)
	want := []string{`the stream was not kept whole, and so not held to this: expect.contains: "world" is not in "Hello"`}
	if got.Outcome != probe.OK || !slices.Equal(got.Warnings, want) {
		t.Errorf("Check() of a cut stream = %s, %q, want ok, %q", got.Outcome, got.Warnings, want)
	}
	a.Events = nil
	one.Expect = nil
	if got := must(t, "chat-completion").Check(one, a); got.Outcome != probe.OK || got.Shape != "stream" {
		t.Errorf("Check() of a stream that was not kept = %s, %s, want ok, stream", got.Outcome, got.Shape)
	}
}

func generationStreamsRules(t *testing.T, b *rulebook) {
	one := in(`"Once upon"`)
	one.Stream = true
	token := func(text, special, full, details string) string {
		return `{"index":1,"token":{"id":3,"text":` + string(mustJSON(text)) + `,"logprob":-2.01e-05,"special":` + special + `},"generated_text":` + full + `,"details":` + details + `}`
	}
	for _, tt := range []struct {
		why     string
		ask     probe.Ask
		events  []string
		outcome probe.Outcome
		shape   string
		reason  string
	}{
		{"TGI", one, []string{token(" a", "false", "null", "null"), token(" time", "false", "null", "null"), token("</s>", "true", `" a time"`, "null")}, probe.OK, "stream<tgi>", ""},
		{"TGI with the prompt", with(one, probe.Expect{Equals: js(`"a time"`)}), []string{token(" a", "false", "null", "null"), token(" time", "false", `"Once upon a time"`, "null")}, probe.OK, "stream<tgi>", ""},
		{"one blank token", one, []string{token(" ", "false", `""`, `{"finish_reason":"length","generated_tokens":1,"seed":null}`)}, probe.OK, "stream<tgi>", ""},
		{"OpenAI's completions", one, []string{`{"choices":[{"index":0,"text":" a time","finish_reason":null}]}`, `{"choices":[{"text":"","finish_reason":"length"}]}`, "[DONE]"}, probe.OK, "stream<openai>", ""},
		{"cut", one, []string{token(" a", "false", "null", "null")}, probe.Truncated, "stream<tgi>", "the stream ended after 1 event with text, without finish reason or end mark"},
		{"special tokens alone", one, []string{token("</s>", "true", `""`, `{"finish_reason":"eos_token","generated_tokens":1}`)}, probe.InvalidOutput, "stream<tgi>", "the stream held no text in 1 event"},
		{"blanks", one, []string{token(" ", "false", "null", "null"), token("\n", "false", `" \n"`, `{"finish_reason":"length","generated_tokens":2}`)}, probe.InvalidOutput, "stream<tgi>", "the text is blank in all of its 2 events"},
		{"another text", with(one, probe.Expect{Equals: js(`"a time"`)}), []string{token(" a", "false", `" a"`, "null")}, probe.WrongAnswer, "stream<tgi>", `expect.equals: the text is "a", want "a time"`},
	} {
		got := b.check(must(t, "text-generation"), "a stream: "+tt.why, tt.ask, streamed(t, "text-generation", tt.events...))
		if got.Outcome != tt.outcome || got.Shape != tt.shape || got.Reason != tt.reason {
			t.Errorf("%s: Check() = %s, %s, %q\nwant %s, %s, %q", tt.why, got.Outcome, got.Shape, got.Reason, tt.outcome, tt.shape, tt.reason)
		}
	}
}

func customStreamsRules(t *testing.T, b *rulebook) {
	if got := b.check(must(t, "custom"), "a stream that nobody asked for", in(`{}`), streamed(t, "custom")); got.Outcome != probe.OK || !slices.Equal(got.Warnings, []string{"the answer is an event stream without events"}) {
		t.Errorf("Check() of an empty stream that nobody asked for = %+v, want ok with a warning", got)
	}
	one := with(in(`{"stream":true}`), probe.Expect{Contains: []string{"lo"}})
	one.Stream = true
	if got := b.check(must(t, "custom"), "a stream", one, streamed(t, "custom", "hel", "lo")); got.Outcome != probe.OK || got.Shape != "stream" || len(got.Warnings) > 0 {
		t.Errorf("Check() = %+v, want ok, stream, no warnings", got)
	}
	if got := b.check(must(t, "custom"), "another stream", one, streamed(t, "custom", "x")); got.Outcome != probe.WrongAnswer {
		t.Errorf("Check() of another stream = %+v, want wrong_answer", got)
	}
	if got := b.check(must(t, "custom"), "an empty stream", one, streamed(t, "custom")); got.Outcome != probe.InvalidOutput || got.Reason != "the stream held no events" {
		t.Errorf("Check() of an empty stream = %+v, want invalid_output", got)
	}
}
