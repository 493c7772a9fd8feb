package task

import (
	"encoding/json"
	"fmt"

	"github.com/hfwatch/hfwatch/probe"
)

// usage sets the verdict's counts from an answer's usage object, and its model.
func usage(o map[string]any, v *probe.Verdict) {
	if model, _ := o["model"].(string); model != "" {
		v.Model = clip(model, longestName)
	}
	u, isObject := o["usage"].(map[string]any)
	if !isObject {
		return
	}
	v.TokensIn, v.TokensOut = count(u, "prompt_tokens"), count(u, "completion_tokens")
	if !v.TokensIn.IsZero() || !v.TokensOut.IsZero() {
		v.TokensSource = probe.TokensUsage
	}
}

// reasoned reports whether a usage object bills tokens of reasoning.
func reasoned(o map[string]any) bool {
	u, _ := o["usage"].(map[string]any)
	details, _ := u["completion_tokens_details"].(map[string]any)
	n, _ := count(details, "reasoning_tokens").Get()
	return n > 0
}

// reply is one choice of an answer.
type reply struct {
	text, reasoning, refusal, arguments, finish string
	tools                                       int
	called                                      []toolCall
	// cut is true where the tokens ran out inside a tool call's arguments.
	cut bool
	// where is the place of the text in the choice.
	where string
}

// readReply returns a choice of a chat, or of a completion, which has a text of
// its own; providers that serve a completion by their chat send a message there
// too.
func readReply(v any, chat bool) (r reply, bad *fault) {
	choice, bad := object(v)
	if bad != nil {
		return r, bad
	}
	var end *fault
	switch reason := choice["finish_reason"].(type) {
	case string:
		r.finish = clip(reason, longestFinish)
	case nil:
		end = breaks("null in a final answer").in(".finish_reason")
	default:
		end = breaks("%s, want a text", kind(reason)).in(".finish_reason")
	}
	if chat || choice["message"] != nil && choice["text"] == nil {
		bad = r.message(choice["message"])
	} else {
		r.where = ".text"
		r.text, bad = text(choice, "text")
	}
	if bad == nil {
		bad = end
	}
	return r, bad
}

// message reads the message of a chat.
func (r *reply) message(v any) *fault {
	r.where = ".message.content"
	m, isObject := v.(map[string]any)
	if !isObject {
		return breaks("%s, want an object", kind(v)).in(".message")
	}
	switch c := m["content"].(type) {
	case nil, string, []any:
		r.text, r.reasoning = content(c)
	default:
		return breaks("%s, want a text or null", kind(c)).in(r.where)
	}
	for _, name := range []string{"reasoning_content", "reasoning"} {
		if s, _ := m[name].(string); s != "" && r.reasoning == "" {
			r.reasoning = s
		}
	}
	r.refusal, _ = m["refusal"].(string)
	return r.calls(m["tool_calls"])
}

// calls reads tool calls: a list or, from early text-generation-inference, one
// object.
func (r *reply) calls(v any) *fault {
	items, isList := v.([]any)
	one, _ := v.(map[string]any)
	switch {
	case v == nil:
		return nil
	case !isList && one != nil:
		items = []any{one}
	case !isList:
		return breaks("%s, want a list", kind(v)).in(".message.tool_calls")
	}
	for i, item := range items {
		if bad := r.call(item); bad != nil {
			return bad.at(i).in(".message.tool_calls")
		}
	}
	return nil
}

// call reads one tool call, whose arguments are JSON in a text or, from early
// text-generation-inference, an object.
func (r *reply) call(v any) *fault {
	call, _ := v.(map[string]any)
	function, isObject := call["function"].(map[string]any)
	if !isObject {
		return breaks("has no function")
	}
	name, bad := text(function, "name")
	if bad == nil && name == "" {
		bad = breaks("empty").in(".name")
	}
	if bad != nil {
		return bad.in(".function")
	}
	r.tools++
	defer func() { r.called = append(r.called, toolCall{name, r.arguments}) }()
	switch arguments := function["arguments"].(type) {
	case string:
		r.arguments = arguments
		var parsed map[string]any
		if arguments == "" || json.Unmarshal([]byte(arguments), &parsed) == nil {
			return nil
		}
		if r.finish == "length" {
			r.cut = true
			return nil
		}
		return breaks("%s is not a JSON object", quote(arguments)).in(".function.arguments")
	case map[string]any:
		data, err := json.Marshal(arguments)
		if err != nil {
			return breaks("not JSON").in(".function.arguments")
		}
		r.arguments = string(data)
		return nil
	default:
		return breaks("%s, want JSON in a text", kind(arguments)).in(".function.arguments")
	}
}

// replyRules judge the choices of a chat or a completion.
type replyRules struct {
	chat bool
	// bound is on the tokens, 0 is not known.
	bound int
	// said returns the text to be judged of a choice's.
	said func(string) string
	// offer is what the request asks of the answer's form.
	offer offer
}

// check judges an answer with choices.
func (r replyRules) check(ask probe.Ask, o map[string]any) probe.Verdict {
	v := good("obj{choices}")
	usage(o, &v)
	choices, bad := list(o["choices"], "choices")
	if bad != nil {
		return reject("", bad.in(".choices"))
	}
	for i, item := range choices {
		c, bad := readReply(item, r.chat)
		if bad != nil {
			v.Outcome, v.Reason = probe.InvalidOutput, bad.at(i).in(".choices").String()
			return v
		}
		v.Finish = c.finish
		r.judge(ask, &v, c, reasoned(o))
		if v.Outcome == probe.InvalidOutput {
			v.Reason = "choices[" + fmt.Sprint(i) + "]" + v.Reason
		}
		if v.Outcome != probe.OK {
			return v
		}
		if v = r.say(ask, v, c); v.Outcome != probe.OK {
			return v
		}
	}
	if n, counted := v.TokensOut.Get(); counted && n == 0 {
		v.Warnings = append(v.Warnings, "usage counts no tokens for a text that is there")
	}
	if ask.Stream {
		v.Warnings = append(v.Warnings, "a stream was asked for, and one JSON body came")
	}
	return v
}

// say judges what a choice says, by the form that was asked for and by `expect`.
func (r replyRules) say(ask probe.Ask, v probe.Verdict, c reply) probe.Verdict {
	if outcome, reason := r.offer.check(c.called, r.said(c.text), c.finish); outcome != probe.OK {
		v.Outcome, v.Reason = outcome, reason
		return v
	}
	return expectText(ask, v, r.said(c.text), c.arguments, c.finish)
}

// judge judges one choice, thought says whether the usage bills reasoning. The
// reason of an invalid output begins with its place in the choice.
func (r replyRules) judge(ask probe.Ask, v *probe.Verdict, c reply, thought bool) {
	out, counted := v.TokensOut.Get()
	thought = thought || ask.Reasoning || !blank(c.reasoning)
	switch {
	case c.finish == "content_filter":
		v.Outcome, v.Reason = probe.Filtered, "a content filter stopped the answer"
	case c.finish == "error":
		v.Outcome, v.Reason = probe.InvalidOutput, ".finish_reason: error"
	case c.cut:
		v.Outcome, v.Reason = probe.NoAnswer, "the tokens ran out inside the arguments of a tool call; raise parameters.max_tokens"
	case !blank(r.said(c.text)) || c.tools > 0:
	case c.finish == "length" && thought:
		v.Outcome, v.Reason = probe.NoAnswer, thoughtAway(r.bound)
	case !blank(c.refusal):
		v.Outcome, v.Reason = probe.Filtered, "the model refused: "+quote(c.refusal)
	case !blank(c.reasoning):
		v.Warnings = append(v.Warnings, "there is reasoning but no answer")
	case r.bound == 1 || c.finish == "length" && counted && out == 1:
		v.Warnings = append(v.Warnings, blankToken)
	case r.chat:
		v.Outcome, v.Reason = probe.InvalidOutput, c.where+": blank, and there is neither a tool call nor reasoning"
	default:
		v.Outcome, v.Reason = probe.InvalidOutput, c.where+": blank once the prompt is taken off"
	}
}
