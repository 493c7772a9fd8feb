package sim

import (
	"fmt"
	"strings"
	"time"
)

// generation is what a generating task says, token by token.
type generation struct {
	// native is TGI's own form, chat OpenAI's chat, neither its completions.
	native, chat bool
	// responses is OpenAI's Responses API.
	responses bool
	prompt    string
	// fullText puts the prompt before the text, details adds TGI's, asList
	// wraps the answer in a list.
	fullText, details, asList bool
	reasoning, answer         []string
	finish                    string
	promptTokens              int
	model                     string
	// usage says that the stream's client asked for usage.
	usage bool
	// tool is the name of the function that the answer calls; answer then holds
	// its arguments.
	tool string
	// id is the answer's own.
	id string
}

// tokens returns how many tokens are generated.
func (g *generation) tokens() int { return len(g.reasoning) + len(g.answer) }

// text returns what the answer says.
func (g *generation) text() string { return strings.Join(g.answer, "") }

const (
	// defaultText is what a model says that was told nothing else.
	defaultText = "A good monitor asks little, looks closely and says plainly what it saw."
	// wrongText is what a model says whose answers are wrong.
	wrongText = "I would rather talk about the weather."
	// reasoningText is what a reasoning model thinks.
	reasoningText = "The user wants an answer, so let me think about it."
)

// pieces cuts s into tokens: words with the space before them.
func pieces(s string) []string {
	var all []string
	start := 0
	for i := 1; i < len(s); i++ {
		if s[i] == ' ' && s[i-1] != ' ' {
			all = append(all, s[start:i])
			start = i
		}
	}
	if start < len(s) {
		all = append(all, s[start:])
	}
	return all
}

// cycle returns n tokens of s, from its beginning again whenever it ends.
func cycle(s string, n int) []string {
	words := pieces(s)
	if len(words) == 0 {
		return nil
	}
	all := make([]string, n)
	for i := range all {
		all[i] = words[i%len(words)]
		if i >= len(words) && i%len(words) == 0 && !strings.HasPrefix(all[i], " ") {
			all[i] = " " + all[i]
		}
	}
	return all
}

// generate returns what the model says within limit tokens; 0 is no limit.
func (x *exchange) generate(limit int) *generation {
	text := x.b.Text
	if text == "" {
		text = defaultText
	}
	if x.fault.Kind == "wrong_answer" {
		text = wrongText
		x.rec.Did = x.fault.Kind
	}
	n := x.b.Tokens
	if n == 0 {
		n = len(pieces(text))
	}
	g := &generation{finish: "stop", answer: cycle(text, n), id: x.answerID()}
	if x.b.SSE.Reasoning != "" {
		g.reasoning = cycle(reasoningText, x.b.SSE.ReasoningTokens)
	}
	x.spoilText(g, limit)
	if limit > 0 && g.tokens() > limit {
		g.finish = "length"
		g.reasoning = g.reasoning[:min(limit, len(g.reasoning))]
		g.answer = g.answer[:min(limit-len(g.reasoning), len(g.answer))]
	}
	return g
}

// spoilText applies faults that change what is said.
func (x *exchange) spoilText(g *generation, limit int) {
	switch x.fault.Kind {
	case "empty_text":
		g.answer = nil
	case "blank_text":
		g.answer = []string{" ", "\n"}
	case "thinking_only":
		if limit == 0 {
			limit = max(1, g.tokens())
		}
		g.reasoning, g.answer, g.finish = cycle(reasoningText, limit), nil, "length"
	case "content_filter":
		g.answer, g.finish = g.answer[:min(x.fault.At, len(g.answer))], "content_filter"
	default:
		return
	}
	x.rec.Did = x.fault.Kind
}

// answerID returns the id of an OpenAI-style answer; TGI's is empty.
func (x *exchange) answerID() string {
	switch x.spec.Backend {
	case BackendTGI, BackendHF:
		return ""
	case BackendSGLang:
		return fmt.Sprintf("%016x%016x", x.rng.Uint64(), x.rng.Uint64())
	default:
		return fmt.Sprintf("chatcmpl-%016x%016x", x.rng.Uint64(), x.rng.Uint64())
	}
}

// created returns the time in an OpenAI-style answer.
func (x *exchange) created() int64 { return time.Now().Unix() }

// reasoningField is the key under which reasoning comes.
func (x *exchange) reasoningField() string {
	if x.b.SSE.Reasoning == "reasoning" {
		return "reasoning"
	}
	return "reasoning_content"
}

// whole returns the answer in one piece.
func (x *exchange) whole(g *generation) any {
	switch {
	case g.native:
		return x.wholeNative(g)
	case g.responses:
		return x.response(g, g.finalStatus(), g.text(), x.created())
	}
	usage := object{
		{"prompt_tokens", g.promptTokens}, {"completion_tokens", g.tokens()}, {"total_tokens", g.promptTokens + g.tokens()},
	}
	var finish any = g.finish
	if !g.chat {
		text := g.text()
		choice := object{{"index", 0}, {"text", text}, {"logprobs", nil}, {"finish_reason", finish}}
		return x.signed(g, object{
			{"id", strings.TrimPrefix(g.id, "chat")},
			{"object", "text_completion"},
			{"created", x.created()},
			{"model", g.model},
			{"choices", []any{x.ended(choice, finish)}},
			{"usage", usage},
		})
	}
	message := x.message(g)
	choice := object{{"index", 0}, {"message", message}, {"logprobs", nil}, {"finish_reason", finish}}
	if x.tgiStyle() {
		return object{
			{"object", "chat.completion"},
			{"id", ""},
			{"created", x.created()},
			{"model", g.model},
			{"system_fingerprint", tgiVersion},
			{"choices", []any{choice}},
			{"usage", usage},
		}
	}
	if x.spec.Backend == BackendVLLM {
		choice = append(choice, member{"stop_reason", nil})
	}
	return x.signed(g, object{
		{"id", g.id},
		{"object", "chat.completion"},
		{"created", x.created()},
		{"model", g.model},
		{"choices", []any{x.ended(choice, finish)}},
		{"usage", usage},
	})
}

// ended adds to a choice what the engine says of its end.
func (x *exchange) ended(choice object, finish any) object {
	if x.spec.Backend == BackendSGLang {
		return append(choice, member{"matched_stop", sglangMatched(finish)})
	}
	return choice
}

// signed adds to an answer what the engine puts under each.
func (x *exchange) signed(g *generation, answer object) object {
	switch x.spec.Backend {
	case BackendSGLang:
		return x.sglangWhole(g, answer)
	case BackendLlama:
		return x.llamaWhole(g, answer)
	}
	return answer
}

// message returns the message of a chat answer.
func (x *exchange) message(g *generation) object {
	if g.tool != "" {
		id := "0"
		if !x.tgiStyle() {
			id = "call_" + strings.TrimPrefix(g.id, "chatcmpl-")
		}
		call := object{
			{"id", id},
			{"type", "function"},
			{"function", object{{"name", g.tool}, {"arguments", g.text()}}},
		}
		return object{{"role", "assistant"}, {"content", nil}, {"tool_calls", []any{call}}}
	}
	thought := strings.Join(g.reasoning, "")
	switch {
	case len(g.reasoning) == 0:
		return object{{"role", "assistant"}, {"content", g.text()}}
	case x.b.SSE.Reasoning == "think":
		content := "<think>" + thought
		if len(g.answer) > 0 {
			content += "</think>" + g.text()
		}
		return object{{"role", "assistant"}, {"content", content}}
	case len(g.answer) == 0:
		return object{{"role", "assistant"}, {"content", nil}, {x.reasoningField(), thought}}
	default:
		return object{{"role", "assistant"}, {"content", g.text()}, {x.reasoningField(), thought}}
	}
}

// wholeNative returns an answer in TGI's own form.
func (x *exchange) wholeNative(g *generation) any {
	text := g.text()
	if g.fullText {
		text = g.prompt + text
	}
	answer := object{{"generated_text", text}}
	if g.details {
		tokens := []any{}
		for i, t := range g.answer {
			tokens = append(tokens, nativeToken(t, i, false))
		}
		answer = append(answer, member{"details", object{
			{"finish_reason", nativeFinish(g.finish)},
			{"generated_tokens", g.tokens()},
			{"seed", nil},
			{"prefill", []any{}},
			{"tokens", tokens},
		}})
	}
	if g.asList {
		return []any{answer}
	}
	return answer
}

// nativeToken is a token in TGI's own form.
func nativeToken(text string, i int, special bool) object {
	return object{
		{"id", int(hash64(text)%31_000) + 3}, {"text", text}, {"logprob", -float64(1+i%7) / 16}, {"special", special},
	}
}

// nativeFinish is TGI's name of a finish reason.
func nativeFinish(finish string) string {
	if finish == "stop" {
		return "eos_token"
	}
	return finish
}
