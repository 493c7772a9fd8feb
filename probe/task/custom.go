package task

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/hfwatch/hfwatch/probe"
)

// custom posts its input exactly as given and is judged by status and `expect`
// alone. There is no nonce, since nothing is known of where one could go.
type custom struct{}

// Name returns the name of the task, which is hfwatch's own.
func (custom) Name() string { return "custom" }

// Build returns the input, byte for byte. Its tokens are not counted before.
func (custom) Build(ask probe.Ask) (probe.Request, error) {
	if len(bytes.TrimSpace(ask.Input)) == 0 || !json.Valid(ask.Input) {
		return probe.Request{}, fmt.Errorf("custom wants a JSON value")
	}
	p, err := readParams(ask.Parameters)
	if err != nil {
		return probe.Request{}, err
	}
	if len(p) > 0 {
		return probe.Request{}, fmt.Errorf("parameters.%s: custom posts its input exactly as given; put it into the input", p[0].name)
	}
	r := probe.Request{ContentType: typeJSON, Body: ask.Input}
	if ask.Stream {
		r.Accept = typeStream
	}
	return r, nil
}

// Event reads any stream that chat-completion or text-generation could have. Data
// of another kind is not malformed here.
func (custom) Event(data []byte, seen probe.Progress) probe.Event {
	return readEvent(data, &seen, anyDialect)
}

// Check accepts anything, and judges it by `expect`.
func (custom) Check(ask probe.Ask, a probe.Answer) probe.Verdict {
	if a.Streamed {
		return customStream(ask, a)
	}
	trimmed := bytes.TrimSpace(a.Body)
	v := good("empty")
	if shape := plainShape(trimmed); shape != "" && ask.Expect.IsZero() {
		// Nothing looks at its values: a window has thousands of them.
		v.Shape = shape
		return v
	}
	s := subject{texts: []string{string(trimmed)}, written: true}
	if err := json.Unmarshal(trimmed, &s.value); err == nil {
		v.Shape, s.written = "json<"+strings.TrimPrefix(strings.TrimPrefix(kind(s.value), "a "), "an ")+">", false
	} else if len(trimmed) > 0 {
		v.Shape = "bytes"
		if utf8.Valid(trimmed) {
			v.Shape = "text"
		}
	}
	if o, isObject := s.value.(map[string]any); isObject {
		usage(o, &v)
	}
	return judge(ask, v, s)
}

// plainShape returns the shape of a JSON object or list that counts no tokens, and
// nothing of any other text.
func plainShape(text []byte) string {
	if len(text) == 0 || text[0] != '{' && text[0] != '[' || bytes.Contains(text, []byte("usage")) || !json.Valid(text) {
		return ""
	}
	if text[0] == '{' {
		return "json<object>"
	}
	return "json<list>"
}

// customStream judges a stream by the data of its events, one a line.
func customStream(ask probe.Ask, a probe.Answer) probe.Verdict {
	v := good("stream")
	streamTokens(a.Progress, &v)
	if a.Progress.Events == 0 {
		if ask.Stream {
			v.Outcome, v.Reason = probe.InvalidOutput, "the stream held no events"
			return v
		}
		v.Warnings = append(v.Warnings, "the answer is an event stream without events")
	}
	data := string(bytes.Join(a.Events, []byte("\n")))
	return onKept(a, judge(ask, v, subject{texts: []string{data}, written: true}))
}
