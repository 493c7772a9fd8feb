package task_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hfwatch/hfwatch/probe"
)

const weather = `{"type":"function","function":{"name":"weather","parameters":{"type":"object","properties":{"city":{"type":"string"},"days":{"type":"integer"}},"required":["city"]}}}`

// called returns a chat's answer with one call of a tool.
func called(name, arguments, finish string) string {
	return chat(`{"role":"assistant","content":null,"tool_calls":[{"id":"0","type":"function","function":{"name":"`+name+`","arguments":`+arguments+`}}]}`, finish)
}

func toolsRules(t *testing.T, b *rulebook) {
	const shape = "obj{choices}"
	auto := in(`"Hi"`, `{"tools":[`+weather+`,{"type":"function","function":{"name":"time"}}]}`)
	must := in(`"Hi"`, `{"tools":[`+weather+`],"tool_choice":"required"}`)
	named := in(`"Hi"`, `{"tools":[`+weather+`,{"type":"function","function":{"name":"time"}}],"tool_choice":{"type":"function","function":{"name":"time"}}}`)
	b.rows(t, "chat-completion", []row{
		{"a call", auto, called("weather", `"{\"city\":\"Kiel\"}"`, `"tool_calls"`), "", shape, "", nil},
		{"of early TGI, an object", auto, called("weather", `{"city":"Kiel"}`, `"stop"`), "", shape, "", nil},
		{"of a tool without a schema", auto, called("time", `""`, `"stop"`), "", shape, "", nil},
		{"a text where the choice is free", auto, chat(`{"content":"Fine."}`, `"stop"`), "", shape, "", nil},
		{"the tool that was named", named, called("time", `"{}"`, `"stop"`), "", shape, "", nil},

		{"a tool nobody offered", auto, called("wether", `"{}"`, `"tool_calls"`), "", shape, `tool call 0: "wether" is not among the tools that were offered: time, weather`, nil},
		{"an argument missing", auto, called("weather", `"{\"days\":3}"`, `"tool_calls"`), "", shape, `tool call 0: the arguments of weather break its schema: at '': missing property 'city'`, nil},
		{"an argument of another type", auto, called("weather", `"{\"city\":\"Kiel\",\"days\":\"3\"}"`, `"tool_calls"`), "", shape, `tool call 0: the arguments of weather break its schema: at '/days': got string, want integer`, nil},
		{"no call", must, chat(`{"content":"Fine."}`, `"stop"`), "", shape, "no tool was called, and parameters.tool_choice asks for one", nil},
		{"no call before the tokens ran out", must, chat(`{"content":"Let me see"}`, `"length"`), probe.NoAnswer, shape, "the tokens ran out before a tool was called; raise parameters.max_tokens", nil},
		{"another tool", named, called("weather", `"{\"city\":\"Kiel\"}"`, `"tool_calls"`), "", shape, `tool call 0: "weather" was called, and parameters.tool_choice names "time"`, nil},
		{"arguments that the bound cut", auto, called("weather", `"{\"city"`, `"length"`), probe.NoAnswer, shape, "the tokens ran out inside the arguments of a tool call; raise parameters.max_tokens", nil},
	})
}

func responseFormatRules(t *testing.T, b *rulebook) {
	const shape = "obj{choices}"
	free := in(`"Hi"`, `{"response_format":{"type":"json_object"}}`)
	strict := in(`"Hi"`, `{"response_format":{"type":"json_schema","json_schema":{"name":"x","schema":{"type":"object","required":["a"]}}}}`)
	tgi := in(`"Hi"`, `{"response_format":{"type":"json_object","value":{"type":"object","required":["a"]}}}`)
	b.rows(t, "chat-completion", []row{
		{"an object", free, chat(`{"content":"{\"b\":1}"}`, `"stop"`), "", shape, "", nil},
		{"by its schema", strict, chat(`{"content":" {\"a\":1}\n"}`, `"stop"`), "", shape, "", nil},
		{"behind a thought", strict, chat(`{"content":"<think>hm</think>{\"a\":1}"}`, `"stop"`), "", shape, "", nil},
		{"a form that nobody here knows", in(`"Hi"`, `{"response_format":{"type":"regex","value":"a+"}}`), chat(`{"content":"aaa"}`, `"stop"`), "", shape, "", nil},
		{"no JSON", free, chat(`{"content":"Sure! {}"}`, `"stop"`), "", shape, `the text is not JSON, and parameters.response_format asks for it: "Sure! {}"`, nil},
		{"no object", free, chat(`{"content":"[1]"}`, `"stop"`), "", shape, "the text is a list in JSON, and parameters.response_format asks for an object", nil},
		{"against the schema", strict, chat(`{"content":"{\"b\":1}"}`, `"stop"`), "", shape, `the text breaks the schema of parameters.response_format: at '': missing property 'a'`, nil},
		{"against TGI's", tgi, chat(`{"content":"{\"b\":1}"}`, `"stop"`), "", shape, `the text breaks the schema of parameters.response_format: at '': missing property 'a'`, nil},
		{"cut by the bound", strict, chat(`{"content":"{\"a\":"}`, `"length"`), probe.NoAnswer, shape, "the tokens ran out inside the JSON that parameters.response_format asks for; raise parameters.max_tokens", nil},
	})
}

// offeredInStreamsRules: the parts of calls are put together by their index.
func offeredInStreamsRules(t *testing.T, b *rulebook) {
	tk := must(t, "chat-completion")
	delta := func(calls string) string {
		return `{"choices":[{"index":0,"delta":{"tool_calls":[` + calls + `]},"finish_reason":null}]}`
	}
	const end = `{"choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]}`
	tools := in(`"Hi"`, `{"tools":[`+weather+`]}`)
	format := in(`"Hi"`, `{"response_format":{"type":"json_object"}}`)
	tools.Stream, format.Stream = true, true
	for _, c := range []struct {
		why    string
		ask    probe.Ask
		events []string
		want   string
	}{
		{"two calls", tools, []string{
			delta(`{"index":0,"id":"a","function":{"name":"weather","arguments":""}}`), delta(`{"index":0,"function":{"arguments":"{\"city\":"}}`),
			delta(`{"index":1,"id":"b","function":{"name":"weather","arguments":"{\"city\":\"Ulm\"}"}}`), delta(`{"index":0,"function":{"arguments":"\"Kiel\"}"}}`), end, "[DONE]",
		}, ""},
		{"an argument missing in the second", tools, []string{
			delta(`{"index":0,"function":{"name":"weather","arguments":"{\"city\":\"Ulm\"}"}}`), delta(`{"index":1,"function":{"name":"weather","arguments":"{}"}}`), end, "[DONE]",
		}, `tool call 1: the arguments of weather break its schema: at '': missing property 'city'`},
		{"arguments that are no JSON", tools, []string{delta(`{"index":0,"function":{"name":"weather","arguments":"{\"city\""}}`), end, "[DONE]"}, `tool call 0: its arguments are not JSON: "{\"city\""`},
		{"arguments that are no object", tools, []string{delta(`{"index":0,"function":{"name":"weather","arguments":"[1]"}}`), end, "[DONE]"}, `tool call 0: its arguments are a list, want an object`},
		{"JSON in parts", format, []string{`{"choices":[{"delta":{"content":"{\"a\""},"finish_reason":null}]}`, `{"choices":[{"delta":{"content":":1}"},"finish_reason":"stop"}]}`, "[DONE]"}, ""},
		{"no JSON", format, []string{`{"choices":[{"delta":{"content":"Sure!"},"finish_reason":"stop"}]}`, "[DONE]"}, `the text is not JSON, and parameters.response_format asks for it: "Sure!"`},
	} {
		v := b.check(tk, "a stream: "+c.why, c.ask, streamed(t, "chat-completion", c.events...))
		if v.Reason != c.want || (v.Outcome == probe.OK) != (c.want == "") {
			t.Errorf("%s: Check() = %s, %q, want %q", c.why, v.Outcome, v.Reason, c.want)
		}
	}
	r, err := tk.Build(tools)
	if err != nil || !r.KeepText {
		t.Errorf("Build() with tools = KeepText %v, %v, want the text kept", r.KeepText, err)
	}
}

// TestOffersRefused: what cannot be offered is refused by name.
func TestOffersRefused(t *testing.T) {
	for parameters, want := range map[string]string{
		`{"tools":[]}`:                    `parameters.tools: want a list of {"type": "function", "function": {"name": …, "parameters": {…}}}`,
		`{"tools":[{"type":"function"}]}`: `parameters.tools: [0]: want a list of {"type": "function", "function": {"name": …, "parameters": {…}}}`,
		`{"tools":[{"type":"function","function":{"name":"f","parameters":{"type":"objekt"}}}]}`:                            `parameters.tools: [0]: the parameters of "f" are not a JSON Schema: at '/type': got string, want array`,
		`{"tools":[{"type":"function","function":{"name":"f"}}],"tool_choice":{"type":"function","function":{"name":"g"}}}`: `parameters.tool_choice: "g" is not among parameters.tools`,
		`{"response_format":{"type":"json_schema"}}`:                                                                        `parameters.response_format: there is no schema in it`,
		`{"response_format":{"type":"json_schema","json_schema":{"schema":{"$ref":"https://example.org/x.json"}}}}`:         `parameters.response_format: its schema is not a JSON Schema: `,
	} {
		_, err := must(t, "chat-completion").Build(in(`"Hi"`, parameters))
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("Build(%s) = %v\nwant %s", parameters, err, want)
		}
	}
}

// responsesRules: the Responses API by its path.
func responsesRules(t *testing.T, b *rulebook) {
	one := in(`"Hi"`)
	one.Path = "/v1/responses"
	answer := func(status, items string) string {
		return `{"id":"resp_1","object":"response","status":"` + status + `","model":"served","error":null,"output":[` + items + `],"usage":{"input_tokens":3,"output_tokens":5,"total_tokens":8}}`
	}
	const said = `{"type":"message","role":"assistant","content":[{"type":"output_text","text":"Hello","annotations":[]}]}`
	const shape = "obj{output}"
	tools := in(`"Hi"`, `{"tools":[{"type":"function","name":"f","parameters":{"required":["a"]}}]}`)
	tools.Path = one.Path
	b.rows(t, "chat-completion", []row{
		{"a text", one, answer("completed", said), "", shape, "", nil},
		{"reasoning and a text", one, answer("completed", `{"type":"reasoning","content":[{"type":"reasoning_text","text":"hm"}],"summary":[]},`+said), "", shape, "", nil},
		{"a call", tools, answer("completed", `{"type":"function_call","name":"f","arguments":"{\"a\":1}"}`), "", shape, "", nil},
		{"a call against its schema", tools, answer("completed", `{"type":"function_call","name":"f","arguments":"{}"}`), "", shape, "tool call 0: the arguments of f break its schema: at '': missing property 'a'", nil},
		{"a spent budget", one, strings.Replace(answer("incomplete", `{"type":"reasoning","content":[{"type":"reasoning_text","text":"hm"}]}`), `"error"`, `"incomplete_details":{"reason":"max_output_tokens"},"error"`, 1), probe.NoAnswer, shape, noAnswer, nil},
		{"a filter", one, strings.Replace(answer("incomplete", said), `"error"`, `"incomplete_details":{"reason":"content_filter"},"error"`, 1), probe.Filtered, shape, "a content filter stopped the answer", nil},
		{"a refusal", one, answer("completed", `{"type":"message","content":[{"type":"refusal","refusal":"No."}]}`), probe.Filtered, shape, `the model refused: "No."`, nil},
		{"nothing", one, answer("completed", ""), "", shape, "output: an empty list, want at least one item", nil},
		{"blank", one, answer("completed", `{"type":"message","content":[{"type":"output_text","text":" "}]}`), "", shape, "output: blank, and there is neither a tool call nor reasoning", nil},
		{"a part of number", one, answer("completed", `{"type":"message","content":[{"type":"output_text","text":1}]}`), "", shape, "output[0].content[0].text: a number, want a text", nil},
		{"still at it", one, answer("in_progress", said), "", shape, `status: "in_progress", want completed`, nil},
		{"what is expected", with(one, probe.Expect{Equals: js(`"Hello"`)}), answer("completed", said), "", shape, "", nil},
	})
	tk := must(t, "chat-completion")
	stream := one
	stream.Stream = true
	a := streamed(
		t, "chat-completion",
		`{"type":"response.created","response":{"id":"r","status":"in_progress","model":"served","usage":null,"error":null}}`,
		`{"type":"response.output_item.added","output_index":0,"item":{"type":"reasoning"}}`,
		`{"type":"response.reasoning_text.delta","delta":"hm"}`,
		`{"type":"response.output_text.delta","delta":"Hel"}`,
		`{"type":"response.output_text.delta","delta":"lo"}`,
		`{"type":"response.output_text.done","text":"Hello"}`,
		`{"type":"response.completed","response":{"status":"completed","model":"served","usage":{"input_tokens":3,"output_tokens":5}}}`,
	)
	if p := a.Progress; p.Tokens != 3 || p.Answers != 2 || !p.Ended || p.Finish != "stop" || p.Malformed != 0 {
		t.Errorf("the stream shows %+v, want 3 tokens, 2 of the answer, a finish and an end", p)
	}
	want := probe.Verdict{Outcome: probe.OK, Shape: "stream<responses>", TokensIn: probe.Some(3), TokensOut: probe.Some(5), TokensSource: probe.TokensUsage, Finish: "stop", Model: "served"}
	if diff := cmp.Diff(want, tk.Check(with(stream, probe.Expect{Equals: js(`"Hello"`)}), a)); diff != "" {
		t.Errorf("Check() of a stream (-want +got):\n%s", diff)
	}
	if e := tk.Event([]byte(`{"type":"response.failed","response":{"status":"failed","error":{"code":"server_error","message":"x"}}}`), probe.Progress{}); !e.Failed {
		t.Errorf("Event(response.failed) = %+v, want it to have failed", e)
	}
	if e := tk.Event([]byte(`{"type":"error","code":"x","message":"y"}`), probe.Progress{}); !e.Failed {
		t.Errorf("Event(error) = %+v, want it to have failed", e)
	}
}
