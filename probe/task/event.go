package task

import (
	"bytes"
	"encoding/json"
	"strings"

	"github.com/hfwatch/hfwatch/probe"
)

// dialect is what a task allows in its stream.
type dialect uint8

const (
	// chatDialect is OpenAI's chunks.
	chatDialect dialect = iota
	// generationDialect is OpenAI's chunks and those of
	// text-generation-inference's own routes.
	generationDialect
	// anyDialect is both, and anything else without judging it.
	anyDialect
)

// quiet is the stream of tasks that are never asked for one. An engine that
// sends one all the same is read for error envelopes.
type quiet struct{}

// Event reads data as any task's stream could have it.
func (quiet) Event(data []byte, seen probe.Progress) probe.Event {
	return readEvent(data, &seen, anyDialect)
}

// readEvent returns what an event held. The scan reads all that it needs
// without decoding the text, and what it is not sure of is decoded; so the
// first event costs as little as the last, and KeepText changes nothing.
func readEvent(data []byte, seen *probe.Progress, d dialect) probe.Event {
	if e, sure := scan(data, seen, d); sure {
		return e
	}
	return decodeChunk(data, seen, d).event
}

// chunk is an event that was decoded whole.
type chunk struct {
	event probe.Event
	// form is "openai", "tgi" or, where neither shows, empty.
	form                     string
	text, reasoning, refusal string
	// tool is true for any part of a tool call, arguments is the text of it.
	tool      bool
	arguments string
	parts     []callPart
	model     string
	// full is the whole text that ends a stream of text-generation-inference.
	full  string
	whole bool
}

// callPart is a part of the call of a tool: its name, or some of its arguments.
type callPart struct {
	index           int
	name, arguments string
}

// done is the data of the event that ends a stream of OpenAI's chunks.
const done = "[DONE]"

// decodeChunk decodes an event. The model is set only where it differs from the
// one seen last.
func decodeChunk(data []byte, seen *probe.Progress, d dialect) chunk {
	data = bytes.TrimSpace(data)
	if len(data) == 0 {
		return chunk{}
	}
	if string(data) == done {
		return chunk{event: probe.Event{End: true}}
	}
	malformed := chunk{event: probe.Event{Malformed: d != anyDialect}}
	var value any
	if json.Unmarshal(data, &value) != nil {
		return malformed
	}
	o, isObject := value.(map[string]any)
	if !isObject {
		return malformed
	}
	if o["error"] != nil {
		return chunk{event: probe.Event{Failed: true}}
	}
	var c chunk
	named, _ := o["type"].(string)
	choices, isOpenAI := o["choices"].([]any)
	switch {
	case isOpenAI:
		c.form = "openai"
		if !c.choices(choices) {
			return malformed
		}
	case d != chatDialect && native(o):
		c.form = "tgi"
		c.native(o)
	case d != generationDialect && c.responseEvent(named, o):
		if c.model != seen.Model {
			c.event.Model = clip(c.model, longestName)
		}
		return c
	case envelope(o, d):
		return chunk{event: probe.Event{Failed: true}}
	case !isUsage(o):
		return malformed
	}
	c.usage(o)
	if model, _ := o["model"].(string); model != seen.Model {
		c.event.Model = clip(model, longestName)
	}
	return c
}

// usage takes the counts of a usage object where there are some.
func (c *chunk) usage(o map[string]any) {
	u, ok := o["usage"].(map[string]any)
	if !ok {
		return
	}
	if n := count(u, "prompt_tokens"); !n.IsZero() {
		c.event.TokensIn = n
	}
	if n := count(u, "completion_tokens"); !n.IsZero() {
		c.event.TokensOut = n
	}
}

// longestName bounds a model's name, longestFinish a finish reason.
const (
	longestName   = 200
	longestFinish = 40
)

// envelope reports whether an object without an answer is an error by another
// key than error: FastAPI's detail, or the message of older vLLM and of
// text-embeddings-inference.
func envelope(o map[string]any, d dialect) bool {
	if o["object"] == "error" {
		return true
	}
	_, message := o["message"].(string)
	return d != anyDialect && (message || o["detail"] != nil || o["error_type"] != nil)
}

// isUsage reports whether o carries a usage object.
func isUsage(o map[string]any) bool {
	_, ok := o["usage"].(map[string]any)
	return ok
}

// native reports whether o is an event of text-generation-inference's own
// routes.
func native(o map[string]any) bool {
	_, token := o["token"].(map[string]any)
	_, whole := o["generated_text"].(string)
	return token || whole
}

// native reads such an event. The last one carries the whole text; special
// tokens are no text.
func (c *chunk) native(o map[string]any) {
	if token, ok := o["token"].(map[string]any); ok {
		said, _ := token["text"].(string)
		if special, _ := token["special"].(bool); !special && said != "" {
			c.text = said
			c.event.Token, c.event.Answer = true, true
		}
	}
	if c.full, c.whole = o["generated_text"].(string); c.whole {
		c.event.End = true
	}
	if details, ok := o["details"].(map[string]any); ok {
		c.finish(details["finish_reason"])
		c.event.TokensOut = count(details, "generated_tokens")
		c.event.TokensIn = count(details, "input_length")
	}
}

// finish takes a finish reason where there is one.
func (c *chunk) finish(v any) {
	if s, _ := v.(string); s != "" {
		c.event.Finish = clip(s, longestFinish)
	}
}

// choices reads OpenAI's choices, of which there may be none, and reports
// whether they are well formed.
func (c *chunk) choices(choices []any) bool {
	for _, item := range choices {
		choice, ok := item.(map[string]any)
		if !ok {
			return false
		}
		c.finish(choice["finish_reason"])
		if choice["delta"] == nil {
			said, _ := choice["text"].(string)
			c.say(said)
			continue
		}
		delta, ok := choice["delta"].(map[string]any)
		if !ok {
			return false
		}
		said, thought := content(delta["content"])
		c.say(said)
		c.think(thought)
		for _, name := range []string{"reasoning_content", "reasoning"} {
			if s, _ := delta[name].(string); s != "" {
				c.think(s)
				break
			}
		}
		if s, _ := delta["refusal"].(string); s != "" {
			c.event.Token = true
			c.refusal += s
		}
		c.tools(delta["tool_calls"])
	}
	return true
}

// say adds text of the answer.
func (c *chunk) say(s string) {
	if s != "" {
		c.text += s
		c.event.Token, c.event.Answer = true, true
	}
}

// think adds text of the reasoning.
func (c *chunk) think(s string) {
	if s != "" {
		c.reasoning += s
		c.event.Token = true
	}
}

// tools reads the parts of tool calls: the name is generated text, the
// arguments are the answer. Older text-generation-inference sends one object in
// place of the list, and arguments that are no text yet.
func (c *chunk) tools(v any) {
	calls, isList := v.([]any)
	if one, isObject := v.(map[string]any); isObject && !isList {
		calls = []any{one}
	}
	for _, item := range calls {
		call, _ := item.(map[string]any)
		function, _ := call["function"].(map[string]any)
		part := callPart{index: place0(call["index"])}
		if part.name, _ = function["name"].(string); part.name != "" {
			c.tool, c.event.Token = true, true
		}
		before := len(c.arguments)
		switch arguments := function["arguments"].(type) {
		case string:
			if arguments != "" {
				c.tool, c.event.Token, c.event.Answer = true, true, true
				c.arguments += arguments
			}
		case map[string]any:
			c.tool, c.event.Token, c.event.Answer = true, true, true
			if data, err := json.Marshal(arguments); err == nil {
				c.arguments += string(data)
			}
		}
		if part.arguments = c.arguments[before:]; part.name != "" || part.arguments != "" {
			c.parts = append(c.parts, part)
		}
	}
}

// content returns the text and the reasoning of a message's content: a text, or
// a list of parts.
func content(v any) (said, thought string) {
	switch v := v.(type) {
	case string:
		return v, ""
	case []any:
		var text, thinking strings.Builder
		for _, item := range v {
			part, _ := item.(map[string]any)
			if s, ok := part["text"].(string); ok {
				text.WriteString(s)
			}
			inner, _ := content(part["thinking"])
			thinking.WriteString(inner)
		}
		return text.String(), thinking.String()
	default:
		return "", ""
	}
}
