package task

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/hfwatch/hfwatch/probe"
)

// offer is what a chat's request asks of the form of its answer: the tools that
// may be called, and the JSON that the text must be.
type offer struct {
	tools map[string]probe.Validator
	// must is true where a tool has to be called, named which one.
	must  bool
	named string
	// json is true where the text must be JSON; schema judges it, nil is any
	// object.
	json   bool
	schema probe.Validator
}

// none reports that anything may be answered.
func (o offer) none() bool { return o.tools == nil && !o.json }

// readOffer reads tools, tool_choice and response_format.
func readOffer(p params) (o offer, err error) {
	if err := o.readTools(p); err != nil {
		return o, err
	}
	return o, o.readFormat(p)
}

// offered returns the offer of parameters that Build has accepted.
func offered(ask probe.Ask) offer {
	o, err := readOffer(lenient(ask.Parameters))
	if err != nil {
		return offer{}
	}
	return o
}

// readTools reads the tools, in the form of chats or of /v1/responses, which has
// name and parameters at the top.
func (o *offer) readTools(p params) error {
	raw, _ := p.get("tools")
	if raw == nil || isNull(raw) {
		return nil
	}
	type function struct {
		Name       string          `json:"name"`
		Parameters json.RawMessage `json:"parameters"`
	}
	var tools []struct {
		Type     string    `json:"type"`
		Function *function `json:"function"`
		function
	}
	const want = `want a list of {"type": "function", "function": {"name": …, "parameters": {…}}}`
	if json.Unmarshal(raw, &tools) != nil || len(tools) == 0 {
		return fmt.Errorf("parameters.tools: %s", want)
	}
	o.tools = map[string]probe.Validator{}
	for i, tool := range tools {
		f := tool.function
		if tool.Function != nil {
			f = *tool.Function
		}
		if tool.Type != "function" && tool.Type != "" {
			// The Responses API has tools that the server runs itself.
			continue
		}
		if tool.Type == "" || f.Name == "" {
			return fmt.Errorf("parameters.tools: [%d]: %s", i, want)
		}
		var schema probe.Validator
		if f.Parameters != nil && !isNull(f.Parameters) {
			var err error
			if schema, err = CompileSchema(f.Parameters); err != nil {
				return fmt.Errorf("parameters.tools: [%d]: the parameters of %s are not a JSON Schema: %w", i, quote(f.Name), err)
			}
		}
		o.tools[f.Name] = schema
	}
	return o.readChoice(p)
}

// readChoice reads tool_choice.
func (o *offer) readChoice(p params) error {
	raw, _ := p.get("tool_choice")
	if rawKind(raw) == "an object" {
		var choice struct {
			Name     string `json:"name"`
			Function struct {
				Name string `json:"name"`
			} `json:"function"`
		}
		if err := json.Unmarshal(raw, &choice); err != nil {
			return fmt.Errorf("parameters.tool_choice: %w", err)
		}
		o.named, o.must = or(choice.Function.Name, choice.Name), true
		if _, offers := o.tools[o.named]; !offers {
			return fmt.Errorf("parameters.tool_choice: %s is not among parameters.tools", quote(o.named))
		}
		return nil
	}
	o.must = p.word("tool_choice") == "required"
	return nil
}

// readFormat reads response_format in its forms: OpenAI's, that of
// text-generation-inference, and the format within text of /v1/responses.
func (o *offer) readFormat(p params) error {
	name := "response_format"
	raw, given := p.get(name)
	if !given {
		name = "text"
		text, _ := p.get(name)
		var within struct {
			Format json.RawMessage `json:"format"`
		}
		if rawKind(text) == "an object" && json.Unmarshal(text, &within) == nil {
			raw = within.Format
		}
	}
	if raw == nil || isNull(raw) {
		return nil
	}
	var format struct {
		Type   string `json:"type"`
		Schema struct {
			Schema json.RawMessage `json:"schema"`
		} `json:"json_schema"`
		Within json.RawMessage `json:"schema"`
		Value  json.RawMessage `json:"value"`
	}
	if err := json.Unmarshal(raw, &format); err != nil {
		return fmt.Errorf(`parameters.%s: want an object such as {"type": "json_object"}: %w`, name, err)
	}
	schema := format.Schema.Schema
	for _, other := range []json.RawMessage{format.Within, format.Value} {
		if schema == nil {
			schema = other
		}
	}
	switch format.Type {
	case "json_object", "json":
	case "json_schema":
		if schema == nil {
			return fmt.Errorf("parameters.%s: there is no schema in it", name)
		}
	default: // Text, or a grammar that nobody here knows.
		return nil
	}
	o.json = true
	if schema == nil {
		return nil
	}
	var err error
	if o.schema, err = CompileSchema(schema); err != nil {
		return fmt.Errorf("parameters.%s: its schema is not a JSON Schema: %w", name, err)
	}
	return nil
}

// toolCall is one call of a tool as an answer has it.
type toolCall struct{ name, arguments string }

// check judges the calls and the text of an answer that is whole otherwise.
// NoAnswer says that the tokens ran out.
func (o offer) check(calls []toolCall, said, finish string) (probe.Outcome, string) {
	if outcome, reason := o.calls(calls, finish); outcome != probe.OK {
		return outcome, reason
	}
	if !o.json || len(calls) > 0 && blank(said) {
		return probe.OK, ""
	}
	return o.text(said, finish)
}

// calls judges the calls, where tools were offered.
func (o offer) calls(calls []toolCall, finish string) (probe.Outcome, string) {
	if o.tools == nil {
		return probe.OK, ""
	}
	for i, c := range calls {
		broken := o.call(c)
		switch {
		case broken == "":
		case finish == "length" && !json.Valid([]byte(c.arguments)):
			return probe.NoAnswer, "the tokens ran out inside the arguments of a tool call; raise parameters.max_tokens"
		default:
			return probe.InvalidOutput, fmt.Sprintf("tool call %d: %s", i, broken)
		}
	}
	switch {
	case !o.must || len(calls) > 0:
		return probe.OK, ""
	case finish == "length":
		return probe.NoAnswer, "the tokens ran out before a tool was called; raise parameters.max_tokens"
	default:
		return probe.InvalidOutput, "no tool was called, and parameters.tool_choice asks for one"
	}
}

// call says what is wrong with a call, or nothing.
func (o offer) call(c toolCall) string {
	schema, offers := o.tools[c.name]
	switch {
	case !offers:
		return fmt.Sprintf("%s is not among the tools that were offered: %s", quote(c.name), strings.Join(o.names(), ", "))
	case o.named != "" && c.name != o.named:
		return fmt.Sprintf("%s was called, and parameters.tool_choice names %s", quote(c.name), quote(o.named))
	}
	arguments := or(strings.TrimSpace(c.arguments), "{}")
	var value any
	if json.Unmarshal([]byte(arguments), &value) != nil {
		return fmt.Sprintf("its arguments are not JSON: %s", quote(arguments))
	}
	if _, isObject := value.(map[string]any); !isObject {
		return fmt.Sprintf("its arguments are %s, want an object", kind(value))
	}
	if schema == nil {
		return ""
	}
	if err := schema.Validate(value); err != nil {
		return fmt.Sprintf("the arguments of %s break its schema: %s", c.name, clip(err.Error(), 200))
	}
	return ""
}

// names returns the tools' names, sorted.
func (o offer) names() []string {
	names := make([]string, 0, len(o.tools))
	for name := range o.tools {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// text judges a text that must be JSON. What a model thinks aloud before it is
// not judged.
func (o offer) text(said, finish string) (probe.Outcome, string) {
	after, open := afterThought(said)
	var value any
	if err := json.Unmarshal([]byte(after), &value); err != nil {
		if finish == "length" || open {
			return probe.NoAnswer, "the tokens ran out inside the JSON that parameters.response_format asks for; raise parameters.max_tokens"
		}
		return probe.InvalidOutput, fmt.Sprintf("the text is not JSON, and parameters.response_format asks for it: %s", quote(after))
	}
	if o.schema == nil {
		if _, isObject := value.(map[string]any); !isObject {
			return probe.InvalidOutput, fmt.Sprintf("the text is %s in JSON, and parameters.response_format asks for an object", kind(value))
		}
		return probe.OK, ""
	}
	if err := o.schema.Validate(value); err != nil {
		return probe.InvalidOutput, "the text breaks the schema of parameters.response_format: " + clip(err.Error(), 200)
	}
	return probe.OK, ""
}
