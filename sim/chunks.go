package sim

import (
	"strings"
)

// event is one event of a stream before its time has come.
type event struct {
	// after is the index of the token whose time is the event's; -1 is the
	// beginning.
	after int
	// tokens are how many it brings; answer says that they are no reasoning.
	tokens int
	answer bool
	// name is what an "event:" line calls it; empty is no such line.
	name string
	// data makes what comes after "data: ".
	data func() []byte
}

// events returns the events of g in x's style, without [DONE].
func (x *exchange) events(g *generation) []event {
	switch {
	case g.native:
		return x.nativeEvents(g)
	case g.responses:
		return x.responseEvents(g)
	}
	c := chunker{x: x, g: g, sse: x.b.SSE, created: x.created()}
	return c.events()
}

// nativeEvents returns TGI's own events: one a token, the last with the whole
// text; an end of sequence is a special token, which comes at once.
func (x *exchange) nativeEvents(g *generation) []event {
	var all []event
	add := func(i, tokens int, token object, last bool) {
		index := len(all) + 1
		all = append(all, event{after: i, tokens: tokens, answer: true, data: func() []byte {
			e := object{{"index", index}, {"token", token}, {"generated_text", nil}, {"details", nil}}
			if last {
				e[2].value = g.text()
				if g.details {
					e[3].value = object{
						{"finish_reason", nativeFinish(g.finish)},
						{"generated_tokens", g.tokens()},
						{"seed", nil},
						{"input_length", g.promptTokens},
					}
				}
			}
			if x.b.SSE.Style == "tgi-old" {
				e = e[1:]
			}
			return encode(e)
		}})
	}
	n := len(g.answer)
	for i, t := range g.answer {
		add(i, 1, nativeToken(t, i, false), i == n-1 && g.finish == "length" && x.fault.Kind != "no_finish")
	}
	if (g.finish != "length" || n == 0) && x.fault.Kind != "no_finish" {
		end := nativeToken("</s>", n, true)
		end[0].value = 2
		add(max(0, n-1), 0, end, true)
	}
	return all
}

// chunker makes the events of an OpenAI-style stream.
type chunker struct {
	x   *exchange
	g   *generation
	sse SSE
	all []event
	// created is when the stream began.
	created int64
	// sent counts the tokens of the events so far.
	sent int
}

// events returns them all.
func (c *chunker) events() []event {
	last := c.g.tokens() - 1
	if c.sse.FilterFirst {
		c.add(-1, 0, false, func() any { return c.chunk([]any{}, nil) })
	}
	if c.g.chat {
		switch c.sse.Style {
		case "vllm", "sglang":
			c.delta(0, 0, false, object{{"role", "assistant"}, {"content", ""}}, nil)
		case "llama.cpp":
			c.delta(0, 0, false, object{{"role", "assistant"}, {"content", nil}}, nil)
		case "role-only":
			c.delta(-1, 0, false, object{{"role", "assistant"}}, nil)
		}
	}
	think := c.sse.Reasoning == "think"
	if c.g.tool != "" {
		c.tool()
	} else {
		c.text(0, c.g.reasoning, think, last)
		c.text(len(c.g.reasoning), c.g.answer, true, last)
	}
	c.end(max(0, last))
	return c.all
}

// text adds the events of tokens, the first of which has index from.
func (c *chunker) text(from int, tokens []string, answer bool, last int) {
	inThought := from == 0 && len(c.g.reasoning) > 0
	for i := 0; i < len(tokens); {
		// The first event of all holds one token, so that the first token's time
		// is that of an event.
		n := min(c.sse.TokensPerEvent, len(tokens)-i)
		if c.sent == 0 {
			n = 1
		}
		text := strings.Join(tokens[i:i+n], "")
		if c.sse.Reasoning == "think" && len(c.g.reasoning) > 0 && i == 0 {
			text = map[bool]string{true: "<think>", false: "</think>"}[inThought] + text
		}
		key := "content"
		if inThought && c.sse.Reasoning != "think" {
			key = c.x.reasoningField()
		}
		i += n
		at := from + i - 1
		c.sent += n
		delta := object{{key, text}}
		if c.x.tgiStyle() || (c.sse.Style == "text-first") {
			delta = object{{"role", "assistant"}, {key, text}}
		}
		var finish any
		if at == last && c.finishOnLast() {
			finish = c.g.finish
		}
		c.delta(at, n, answer, delta, finish)
	}
}

// tool adds the events of a tool call: the name with the first token of the
// arguments, since TGI and vLLM hold the name back until it is whole.
func (c *chunker) tool() {
	id := "0"
	if !c.x.tgiStyle() {
		id = "call_" + strings.TrimPrefix(c.g.id, "chatcmpl-")
	}
	for i, t := range c.g.answer {
		call := object{{"index", 0}, {"function", object{{"arguments", t}}}}
		if i == 0 {
			call = object{
				{"index", 0},
				{"id", id},
				{"type", "function"},
				{"function", object{{"name", c.g.tool}, {"arguments", t}}},
			}
		}
		c.sent++
		c.delta(i, 1, true, object{{"role", "assistant"}, {"tool_calls", []any{call}}}, nil)
	}
}

// finishOnLast reports whether the last token's chunk has the finish reason.
func (c *chunker) finishOnLast() bool {
	switch {
	case c.x.fault.Kind == "no_finish":
		return false
	case c.sse.Style == "tgi":
		return c.g.finish == "length"
	default:
		return c.sse.Style == "text-first"
	}
}

// end adds what comes after the last token.
func (c *chunker) end(last int) {
	sent := len(c.g.answer) + len(c.g.reasoning)
	if !c.finishOnLast() || sent == 0 || c.g.tool != "" {
		delta, finish := object{}, any(c.g.finish)
		switch c.sse.Style {
		case "tgi", "text-first":
			delta = object{{"role", "assistant"}, {"content", ""}}
		case "vllm":
			delta = object{{"content", ""}}
		case "tgi-old":
			if c.g.finish == "stop" {
				finish = "eos_token"
			}
		}
		if c.x.fault.Kind != "no_finish" {
			c.delta(last, 0, false, delta, finish)
		}
	}
	if c.sse.Usage == "asked" && c.g.usage {
		c.add(last, 0, false, func() any { return c.chunk([]any{}, c.usage(c.g.tokens())) })
	}
}

// delta adds a chunk with one choice.
func (c *chunker) delta(after, tokens int, answer bool, delta object, finish any) {
	sent := c.sent
	c.add(after, tokens, answer, func() any {
		choice := object{{"index", 0}, {"delta", delta}, {"logprobs", nil}, {"finish_reason", finish}}
		if !c.g.chat {
			text, _ := delta.get("content").(string)
			choice = object{{"index", 0}, {"text", text}, {"logprobs", nil}, {"finish_reason", finish}}
		}
		switch {
		case c.sse.Style == "vllm" && finish != nil:
			choice = append(choice, member{"stop_reason", nil})
		case c.sse.Style == "sglang":
			choice = append(choice, member{"matched_stop", sglangMatched(finish)})
		}
		var usage any
		if c.sse.Usage == "every" || (c.sse.Usage == "last" && finish != nil) {
			usage = c.usage(sent)
		}
		chunk := c.chunk([]any{choice}, usage)
		if c.sse.Style == "llama.cpp" && finish != nil {
			chunk = append(chunk, member{"timings", c.x.llamaTimings(c.g.promptTokens, sent)})
		}
		return chunk
	})
}

// add adds an event.
func (c *chunker) add(after, tokens int, answer bool, tree func() any) {
	c.all = append(c.all, event{after: after, tokens: tokens, answer: answer, data: func() []byte { return encode(tree()) }})
}

// usage returns the count of tokens so far.
func (c *chunker) usage(sent int) object {
	return object{
		{"prompt_tokens", c.g.promptTokens}, {"completion_tokens", sent}, {"total_tokens", c.g.promptTokens + sent},
	}
}

// chunk returns one chunk of the style.
func (c *chunker) chunk(choices []any, usage any) object {
	kind := "chat.completion.chunk"
	if !c.g.chat || c.sse.Style == "tgi-old" {
		kind = "text_completion"
	}
	id, created, model := c.g.id, c.created, c.g.model
	if !c.g.chat {
		id = strings.TrimPrefix(id, "chat")
	}
	switch c.sse.Style {
	case "tgi":
		// TGI's time is that of the chunk, others' that of the answer.
		created = c.x.created()
		return object{
			{"object", kind},
			{"id", ""},
			{"created", created},
			{"model", model},
			{"system_fingerprint", tgiVersion},
			{"choices", choices},
			{"usage", usage},
		}
	case "tgi-old":
		return object{
			{"id", ""},
			{"object", kind},
			{"created", created},
			{"model", model},
			{"system_fingerprint", "1.4.3-sha-e6bb3ff"},
			{"choices", choices},
		}
	case "llama.cpp":
		o := object{
			{"choices", choices}, {"created", created}, {"id", id}, {"model", model}, {"system_fingerprint", llamaBuild}, {"object", kind},
		}
		if usage != nil {
			o = append(o, member{"usage", usage})
		}
		return o
	case "vllm":
		// vLLM leaves out what is not set.
		o := object{{"id", id}, {"object", kind}, {"created", created}, {"model", model}, {"choices", choices}}
		if usage != nil {
			o = append(o, member{"usage", usage})
		}
		return o
	default:
		return object{
			{"id", id}, {"object", kind}, {"created", created}, {"model", model}, {"choices", choices}, {"usage", usage},
		}
	}
}
