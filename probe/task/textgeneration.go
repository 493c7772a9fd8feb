package task

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/hfwatch/hfwatch/probe"
)

// textGeneration continues a prompt, in the form of text-generation-inference.
//
// The nonce is a line of its own before the prompt: engines cache prefixes,
// which only a difference at the front defeats, and the end is what a model
// continues.
type textGeneration struct{}

// Name returns the Hub's name of the task.
func (textGeneration) Name() string { return "text-generation" }

// generationBounds returns the names of the bound on tokens. max_tokens is the
// name that chat-completion has for it, and is sent under the engine's own.
func generationBounds() []string { return []string{"max_new_tokens", "max_tokens"} }

// Build returns {"inputs": prompt, "parameters": …, "stream": true}. Greedy
// decoding is asked for with do_sample: false, since engines refuse a
// temperature of 0 (text-generation-inference, router/src/validation.rs); one
// that is given is left out for the same reason.
func (t textGeneration) Build(ask probe.Ask) (probe.Request, error) {
	p, err := readParams(ask.Parameters)
	if err != nil {
		return probe.Request{}, err
	}
	if p.set("max_new_tokens") && p.set("max_tokens") {
		return probe.Request{}, fmt.Errorf("parameters.max_tokens: max_new_tokens is given too, and is the same")
	}
	bound, _, err := p.tokens(ask.Reasoning, generationBounds()...)
	if err != nil {
		return probe.Request{}, err
	}
	prompt, err := readText("text-generation wants a text", ask.Input)
	if err != nil {
		return probe.Request{}, err
	}
	there, err := passed(ask, t.Name())
	if err != nil {
		return probe.Request{}, err
	}
	if there || asksAt(ask, "/completions") {
		r, err := t.completion(ask, prompt, p, bound)
		if there {
			r.Path = pathAt(t.Name(), ask.Provider)
		}
		return r, err
	}
	parameters, err := generationParameters(p, bound)
	if err != nil {
		return probe.Request{}, fmt.Errorf("parameters.%w", err)
	}
	var b body
	b.value("inputs", prefix(prompt, ask.Nonce))
	b.raw("parameters", parameters)
	if ask.Stream {
		b.value("stream", true)
	}
	r, err := request(ask, t.Name(), &b)
	r.TokensOut = bound * p.most("best_of", "num_return_sequences")
	return r, err
}

// completion returns {"model": …, "prompt": …, …}, which OpenAI's /v1/completions
// takes: vLLM, text-generation-inference and some providers have it.
func (t textGeneration) completion(ask probe.Ask, prompt string, p params, bound int) (probe.Request, error) {
	if err := p.refuse("hfwatch sets it from the model's own keys", "model", "prompt", "stream"); err != nil {
		return probe.Request{}, err
	}
	var b body
	b.value("model", or(ask.Model, "dummy"))
	b.value("prompt", prefix(prompt, ask.Nonce))
	b.value("max_tokens", bound)
	if _, given := p.get("temperature"); !given {
		b.value("temperature", 0)
	}
	b.fields(p.without(generationBounds()...))
	if ask.Stream {
		b.value("stream", true)
		if _, given := p.get("stream_options"); !given {
			b.raw("stream_options", json.RawMessage(`{"include_usage":true}`))
		}
	}
	r, err := request(ask, t.Name(), &b)
	r.TokensOut = bound * p.most("best_of", "n")
	return r, err
}

// generationParameters returns the parameters as the engines take them.
func generationParameters(p params, bound int) (json.RawMessage, error) {
	var b body
	b.value("max_new_tokens", bound)
	rest := p.without(generationBounds()...)
	if cold := isZero(rest, "temperature"); cold || !sampled(rest) {
		if cold {
			rest = rest.without("temperature")
		}
		if _, given := rest.get("do_sample"); !given {
			b.value("do_sample", false)
		}
	}
	b.fields(rest)
	return b.bytes()
}

// isZero reports whether the parameter is the number 0.
func isZero(p params, name string) bool {
	v, _ := p.get(name)
	return len(v) > 0 && strings.Trim(string(v), "0.") == "" && v[0] == '0'
}

// sampled reports whether the parameters ask for chance in the text.
func sampled(p params) bool {
	for _, name := range []string{"temperature", "top_p", "top_k", "typical_p", "best_of"} {
		if p.set(name) {
			return true
		}
	}
	return false
}

// Event reads an event of the engine's own stream, or a chunk of OpenAI's.
func (textGeneration) Event(data []byte, seen probe.Progress) probe.Event {
	return readEvent(data, &seen, generationDialect)
}

// Check accepts [{generated_text, details}], a bare object of that kind,
// OpenAI's {choices: [{text, finish_reason}]}, and a stream of either.
func (t textGeneration) Check(ask probe.Ask, a probe.Answer) probe.Verdict {
	bound, _, err := lenient(ask.Parameters).tokens(ask.Reasoning, generationBounds()...)
	if err != nil {
		bound = 0
	}
	prompt, err := readText("", ask.Input)
	if err != nil {
		prompt = ""
	}
	said := func(s string) string { return withoutPrompt(s, prompt, ask.Nonce) }
	if a.Streamed {
		rules := streamRules{dialect: generationDialect, bound: bound, said: func(t *transcript) string {
			if t.whole && !blank(said(t.full)) {
				return said(t.full)
			}
			return t.text.String()
		}}
		return rules.check(ask, a)
	}
	value, bad := decode(a)
	if bad != nil {
		return *bad
	}
	g := generated{ask: ask, bound: bound, said: said}
	o, isObject := value.(map[string]any)
	switch {
	case isObject && o["choices"] != nil:
		return replyRules{bound: bound, said: said}.check(ask, o)
	case isObject:
		v := good("obj{generated_text}")
		return g.check(v, []any{o}, func(f *fault, _ int) *fault { return f })
	}
	items, broken := list(value, "objects")
	if broken != nil {
		return reject("", broken)
	}
	return g.check(good("list<generated_text>"), items, (*fault).at)
}

// withoutPrompt returns a text less the prompt that engines put before it by
// default, with the nonce or, from a cache, without.
func withoutPrompt(s, prompt, nonce string) string {
	for _, echo := range []string{prefix(prompt, nonce), prompt} {
		if rest, cut := strings.CutPrefix(s, echo); cut && echo != "" {
			return rest
		}
	}
	return s
}

// generated judges the form of text-generation-inference.
type generated struct {
	ask   probe.Ask
	bound int
	said  func(string) string
}

// check judges the items; place says where one stands.
func (g generated) check(v probe.Verdict, items []any, place func(*fault, int) *fault) probe.Verdict {
	var all []string
	for i, item := range items {
		o, bad := object(item)
		var s string
		if bad == nil {
			s, bad = text(o, "generated_text")
		}
		if bad != nil {
			return reject("", place(bad, i))
		}
		details, _ := o["details"].(map[string]any)
		if reason, _ := details["finish_reason"].(string); reason != "" {
			v.Finish = clip(reason, longestFinish)
		}
		if n := count(details, "generated_tokens"); !n.IsZero() {
			v.TokensOut, v.TokensSource = n, probe.TokensUsage
		}
		s = g.said(s)
		if blank(s) {
			n, counted := v.TokensOut.Get()
			if g.bound != 1 && (!counted || n != 1 || v.Finish != "length") {
				v.Outcome = probe.InvalidOutput
				v.Reason = place(breaks("blank once the prompt is taken off").in(".generated_text"), i).String()
				return v
			}
			v.Warnings = append(v.Warnings, blankToken)
		}
		all = append(all, s)
	}
	if g.ask.Stream {
		v.Warnings = append(v.Warnings, "a stream was asked for, and one JSON body came")
	}
	return expectText(g.ask, v, strings.Join(all, "\n"), "", v.Finish)
}
