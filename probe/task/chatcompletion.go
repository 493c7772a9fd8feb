package task

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/hfwatch/hfwatch/probe"
)

// chatCompletion answers a conversation, in OpenAI's form.
//
// The nonce is a line of its own at the beginning of the first message: engines
// cache prefixes, which only a difference at the front defeats, and a system
// message of ours would be refused by templates that know none.
type chatCompletion struct{}

// Name returns the Hub's name of the task.
func (chatCompletion) Name() string { return "chat-completion" }

// chatBounds returns the names of the bound on tokens, the recommended one first.
func chatBounds() []string { return []string{"max_tokens", "max_completion_tokens"} }

// Build returns {"model": …, "messages": …, …}, at an address that ends in
// /responses {"model": …, "input": …, …}, the model first, since the
// router picks the provider from the first bytes (huggingface_hub issue 4618),
// and the parameters beside them.
func (t chatCompletion) Build(ask probe.Ask) (probe.Request, error) {
	p, err := readParams(ask.Parameters)
	if err != nil {
		return probe.Request{}, err
	}
	if err := p.refuse("hfwatch sets it from the model's own keys", "model", "messages", "stream"); err != nil {
		return probe.Request{}, err
	}
	asked, err := readOffer(p)
	if err != nil {
		return probe.Request{}, err
	}
	if asksAt(ask, responsesPath) {
		r, err := buildResponses(ask, p)
		r.KeepText = !asked.none()
		return r, err
	}
	model, err := chatModel(ask)
	if err != nil {
		return probe.Request{}, err
	}
	messages, err := readMessages(ask.Input, ask.Nonce)
	if err != nil {
		return probe.Request{}, err
	}
	bound, byDefault, err := p.tokens(ask.Reasoning, chatBounds()...)
	if err != nil {
		return probe.Request{}, err
	}
	var b body
	b.value("model", model)
	b.raw("messages", messages)
	if byDefault {
		b.value("max_tokens", bound)
	}
	if _, given := p.get("temperature"); !given {
		b.value("temperature", 0)
	}
	if ask.Route == probe.RouteHFInference {
		p = p.grammar()
	}
	b.fields(p)
	accept := typeJSON
	if ask.Stream {
		accept = typeStream
		b.value("stream", true)
		if _, given := p.get("stream_options"); !given {
			b.raw("stream_options", json.RawMessage(`{"include_usage":true}`))
		}
	}
	data, err := b.bytes()
	if err != nil {
		return probe.Request{}, fmt.Errorf("parameters.%w", err)
	}
	answers := p.most("n")
	return probe.Request{
		Path: "/v1/chat/completions", ContentType: typeJSON, Accept: accept, Body: data,
		TokensIn: tokensIn(data), TokensOut: bound * answers, KeepText: !asked.none(),
	}, nil
}

// chatModel returns the name to ask for. The router takes the provider behind a
// colon; an engine at an address of its own takes any name, and gets the one
// that the official client sends where there is none.
func chatModel(ask probe.Ask) (string, error) {
	switch ask.Route {
	case probe.RouteRouter:
		if ask.Model == "" {
			return "", fmt.Errorf("chat-completion on the router wants a model")
		}
		if strings.Contains(ask.Model, ":") {
			return ask.Model, nil
		}
		if ask.Provider == "" {
			return "", fmt.Errorf("chat-completion on the router wants a provider, or its choice would change from call to call; set provider, or a url")
		}
		return ask.Model + ":" + ask.Provider, nil
	case probe.RouteHFInference:
		if ask.Model == "" {
			return "", fmt.Errorf("chat-completion on hf-inference wants a model")
		}
	case probe.RouteURL:
		if ask.Model == "" {
			return "dummy", nil
		}
	case probe.RouteProvider:
		// A provider's own path wants its own id of the model, as it is given.
	}
	return ask.Model, nil
}

// grammar returns p with a JSON Schema as response_format in the form that
// hf-inference understands, as huggingface_hub sends it there.
func (p params) grammar() params {
	raw, _ := p.get("response_format")
	var format struct {
		Type   string `json:"type"`
		Schema struct {
			Schema json.RawMessage `json:"schema"`
		} `json:"json_schema"`
	}
	if json.Unmarshal(raw, &format) != nil || format.Type != "json_schema" || format.Schema.Schema == nil {
		return p
	}
	var b body
	b.value("type", "json_object")
	b.raw("value", format.Schema.Schema)
	value, err := b.bytes()
	if err != nil {
		return p
	}
	return append(p.without("response_format"), param{"response_format", value})
}

// Event reads a chunk.
func (chatCompletion) Event(data []byte, seen probe.Progress) probe.Event {
	return readEvent(data, &seen, chatDialect)
}

// Check accepts {choices: [{message, finish_reason}]} with text, a tool call or
// reasoning in each, a stream of chunks, and the object and the events of the
// Responses API. Tool calls are held against the tools that were offered, the
// text against response_format.
func (chatCompletion) Check(ask probe.Ask, a probe.Answer) probe.Verdict {
	bound, _, err := lenient(ask.Parameters).tokens(ask.Reasoning, append(chatBounds(), "max_output_tokens")...)
	if err != nil {
		bound = 0
	}
	if a.Streamed {
		said := func(t *transcript) string { return t.text.String() }
		return streamRules{dialect: chatDialect, bound: bound, said: said, offer: offered(ask)}.check(ask, a)
	}
	value, bad := decode(a)
	if bad != nil {
		return *bad
	}
	o, broken := object(value)
	if broken != nil {
		return reject("", broken)
	}
	said := func(s string) string { return s }
	rules := replyRules{chat: true, bound: bound, said: said, offer: offered(ask)}
	if isResponse(o) {
		return rules.checkResponse(ask, o)
	}
	return rules.check(ask, o)
}
