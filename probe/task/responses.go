package task

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/hfwatch/hfwatch/probe"
)

// A chat at an address that ends in /responses is asked and read as OpenAI's
// Responses API (https://platform.openai.com/docs/api-reference/responses),
// which the router and vLLM serve too.

// responsesPath is the end of such an address.
const responsesPath = "/responses"

// buildResponses returns {"model": …, "input": …}.
func buildResponses(ask probe.Ask, p params) (probe.Request, error) {
	if err := p.refuse("hfwatch sets it from the model's own keys", "input"); err != nil {
		return probe.Request{}, err
	}
	model, err := chatModel(ask)
	if err != nil {
		return probe.Request{}, err
	}
	messages, err := readMessages(ask.Input, ask.Nonce)
	if err != nil {
		return probe.Request{}, err
	}
	var items []struct {
		Content json.RawMessage `json:"content"`
	}
	if err := json.Unmarshal(messages, &items); err != nil {
		return probe.Request{}, err
	}
	for i, item := range items {
		if rawKind(item.Content) != "a text" {
			return probe.Request{}, fmt.Errorf("%s: [%d].content, got %s; at an address that ends in %s write texts", wantMessages, i, rawKind(item.Content), responsesPath)
		}
	}
	names := append([]string{"max_output_tokens"}, chatBounds()...)
	bound, _, err := p.tokens(ask.Reasoning, names...)
	if err != nil {
		return probe.Request{}, err
	}
	var b body
	b.value("model", model)
	b.raw("input", messages)
	b.value("max_output_tokens", bound)
	if _, given := p.get("temperature"); !given {
		b.value("temperature", 0)
	}
	b.fields(p.without(names...))
	r := probe.Request{ContentType: typeJSON, Accept: typeJSON, TokensOut: bound}
	if ask.Stream {
		r.Accept = typeStream
		b.value("stream", true)
	}
	r.Body, err = b.bytes()
	if err != nil {
		return probe.Request{}, fmt.Errorf("parameters.%w", err)
	}
	r.TokensIn = tokensIn(r.Body)
	return r, nil
}

// readResponse returns the reply in the object of a response.
func readResponse(o map[string]any) (r reply, bad *fault) {
	r.where = ".output"
	items, bad := list(o["output"], "items")
	status, _ := o["status"].(string)
	if bad != nil && status != "incomplete" {
		return r, bad.in(".output")
	}
	for i, item := range items {
		part, bad := object(item)
		if bad == nil {
			bad = r.item(part)
		}
		if bad != nil {
			return r, bad.at(i).in(".output")
		}
	}
	switch status {
	case "completed", "":
		r.finish = "stop"
		if r.tools > 0 {
			r.finish = "tool_calls"
		}
	case "incomplete":
		r.finish = incomplete(o)
	default:
		return r, breaks("%s, want completed", quote(status)).in(".status")
	}
	return r, nil
}

// incomplete returns the finish reason of a response that is not complete.
func incomplete(o map[string]any) string {
	details, _ := o["incomplete_details"].(map[string]any)
	switch reason, _ := details["reason"].(string); reason {
	case "", "max_output_tokens":
		return "length"
	default:
		return clip(reason, longestFinish)
	}
}

// item reads one item of a response's output; those of other types say nothing.
func (r *reply) item(o map[string]any) *fault {
	switch o["type"] {
	case "message":
		parts, bad := list(o["content"], "parts")
		if bad != nil {
			return bad.in(".content")
		}
		for i, v := range parts {
			part, bad := object(v)
			if bad != nil {
				return bad.at(i).in(".content")
			}
			if s, _ := part["refusal"].(string); s != "" {
				r.refusal += s
			} else if s, bad := text(part, "text"); bad != nil {
				return bad.at(i).in(".content")
			} else {
				r.text += s
			}
		}
	case "reasoning":
		for _, key := range []string{"content", "summary"} {
			said, _ := content(o[key])
			r.reasoning += said
		}
	case "function_call":
		name, bad := text(o, "name")
		if bad != nil {
			return bad
		}
		arguments, bad := text(o, "arguments")
		if bad != nil {
			return bad
		}
		r.tools++
		r.arguments = arguments
		r.called = append(r.called, toolCall{name, arguments})
	}
	return nil
}

// responseUsage sets the verdict's counts, under the names of the Responses API,
// and reports whether reasoning was billed.
func responseUsage(o map[string]any, v *probe.Verdict) (thought bool) {
	if model, _ := o["model"].(string); model != "" {
		v.Model = clip(model, longestName)
	}
	u, _ := o["usage"].(map[string]any)
	v.TokensIn, v.TokensOut = count(u, "input_tokens"), count(u, "output_tokens")
	if !v.TokensIn.IsZero() || !v.TokensOut.IsZero() {
		v.TokensSource = probe.TokensUsage
	}
	details, _ := u["output_tokens_details"].(map[string]any)
	n, _ := count(details, "reasoning_tokens").Get()
	return n > 0
}

// isResponse reports whether o is the object of a response.
func isResponse(o map[string]any) bool {
	_, hasOutput := o["output"].([]any)
	return o["object"] == "response" || hasOutput && o["choices"] == nil
}

// checkResponse judges such an object.
func (r replyRules) checkResponse(ask probe.Ask, o map[string]any) probe.Verdict {
	v := good("obj{output}")
	thought := responseUsage(o, &v)
	c, bad := readResponse(o)
	if bad != nil {
		v.Outcome, v.Reason = probe.InvalidOutput, bad.String()
		return v
	}
	v.Finish = c.finish
	r.judge(ask, &v, c, thought)
	if v.Outcome == probe.InvalidOutput {
		v.Reason = strings.TrimPrefix(v.Reason, ".")
	}
	if v.Outcome == probe.OK {
		v = r.say(ask, v, c)
	}
	if ask.Stream && v.Outcome == probe.OK {
		v.Warnings = append(v.Warnings, "a stream was asked for, and one JSON body came")
	}
	return v
}

// responseEvent reads an event of a response's stream, of the type that its name
// says. It reports false where the type is of none.
func (c *chunk) responseEvent(name string, o map[string]any) bool {
	if !strings.HasPrefix(name, "response.") {
		return false
	}
	c.form = "responses"
	delta, _ := o["delta"].(string)
	switch name {
	case "response.output_text.delta":
		c.say(delta)
	case "response.reasoning_text.delta", "response.reasoning_summary_text.delta", "response.reasoning.delta", "response.reasoning_summary.delta":
		c.think(delta)
	case "response.refusal.delta":
		c.refusal += delta
		c.event.Token = delta != ""
	case "response.output_item.added":
		if item, _ := o["item"].(map[string]any); item["type"] == "function_call" {
			called, _ := item["name"].(string)
			c.tool, c.event.Token = true, true
			c.parts = append(c.parts, callPart{index: place0(o["output_index"]), name: called})
		}
	case "response.function_call_arguments.delta":
		if delta != "" {
			c.tool, c.event.Token, c.event.Answer = true, true, true
			c.arguments += delta
			c.parts = append(c.parts, callPart{index: place0(o["output_index"]), arguments: delta})
		}
	}
	response, _ := o["response"].(map[string]any)
	if response == nil {
		return true
	}
	c.model, _ = response["model"].(string)
	switch name {
	case "response.completed":
		c.event.End, c.event.Finish = true, "stop"
	case "response.incomplete":
		c.event.End, c.event.Finish = true, incomplete(response)
	case "response.failed":
		c.event.Failed = true
	}
	if u, ok := response["usage"].(map[string]any); ok && c.event.End {
		c.event.TokensIn, c.event.TokensOut = count(u, "input_tokens"), count(u, "output_tokens")
	}
	return true
}

// place0 returns a whole number, 0 where v is none.
func place0(v any) int {
	f, _ := v.(float64)
	return int(max(0, min(f, 1<<16)))
}
