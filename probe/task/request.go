package task

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/hfwatch/hfwatch/probe"
)

// The media types, in the exact spelling that the inference toolkit matches: it
// refuses any other form of Content-Type and every compound Accept
// (huggingface-inference-toolkit, ContentType in its base.py).
const (
	typeJSON   = "application/json"
	typeStream = "text/event-stream"
)

// body writes a JSON object with its fields in the order in which they are
// added: the router reads the model from the first bytes of a body.
type body struct {
	buf bytes.Buffer
	err error
}

// raw adds a field that is JSON already.
func (b *body) raw(name string, value json.RawMessage) {
	if b.buf.Len() == 0 {
		b.buf.WriteByte('{')
	} else {
		b.buf.WriteByte(',')
	}
	b.buf.Write(encode(name))
	b.buf.WriteByte(':')
	if err := json.Compact(&b.buf, value); err != nil && b.err == nil {
		b.err = fmt.Errorf("%s: %w", name, err)
	}
}

// value adds a field.
func (b *body) value(name string, v any) { b.raw(name, encode(v)) }

// fields adds those fields that are not null: a null takes a default away.
func (b *body) fields(p params) {
	for _, f := range p {
		if !isNull(f.value) {
			b.raw(f.name, f.value)
		}
	}
}

// bytes returns the object.
func (b *body) bytes() (json.RawMessage, error) {
	if b.buf.Len() == 0 {
		b.buf.WriteByte('{')
	}
	b.buf.WriteByte('}')
	return b.buf.Bytes(), b.err
}

// encode returns v as JSON without HTML escapes, so that a mask token stays
// readable. v is a text, a number, a boolean or a list of them, which cannot
// fail.
func encode(v any) json.RawMessage {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(v)
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n"))
}

// joined returns a JSON list of the items.
func joined(items []json.RawMessage) json.RawMessage {
	var buf bytes.Buffer
	buf.WriteByte('[')
	for i, item := range items {
		if i > 0 {
			buf.WriteByte(',')
		}
		buf.Write(item)
	}
	buf.WriteByte(']')
	return buf.Bytes()
}

// post returns the request of a task that has no stream: the inputs, and the
// parameters under their own key.
func post(ask probe.Ask, name string, inputs json.RawMessage, p params) (probe.Request, error) {
	var under body
	under.fields(p)
	parameters, err := under.bytes()
	if err != nil {
		return probe.Request{}, fmt.Errorf("parameters.%w", err)
	}
	var b body
	b.raw("inputs", inputs)
	if len(parameters) > len("{}") {
		b.raw("parameters", parameters)
	}
	return request(ask, name, &b)
}

// request returns the request with the body, refusing what the task cannot do.
func request(ask probe.Ask, name string, b *body) (probe.Request, error) {
	if ask.Route == probe.RouteRouter {
		return probe.Request{}, fmt.Errorf("%s is not part of the router's /v1, which serves chat-completion alone; leave provider out, or give a url", name)
	}
	if ask.Route == probe.RouteProvider && len(PassedThrough(name)) == 0 {
		return probe.Request{}, fmt.Errorf("%s is not passed through to any provider; leave provider out, or give a url", name)
	}
	if ask.Stream && !Streams(name) {
		return probe.Request{}, fmt.Errorf("%s has no stream; leave stream out", name)
	}
	data, err := b.bytes()
	if err != nil {
		return probe.Request{}, err
	}
	accept := typeJSON
	if ask.Stream {
		accept = typeStream
	}
	return probe.Request{ContentType: typeJSON, Accept: accept, Body: data, TokensIn: tokensIn(data)}, nil
}

// tokensIn returns the bound on the tokens of a body that a budget reserves: in
// the tokenizers of today written text has seldom less than two bytes a token,
// and a chat template adds a few tokens of its own.
func tokensIn(data []byte) int { return len(data)/2 + 32 }
