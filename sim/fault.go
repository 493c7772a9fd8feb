package sim

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// The classes of faults.
const (
	// ClassStatus answers with a status and an error envelope instead.
	ClassStatus = "status"
	// ClassStream spoils an event stream; other answers stay good.
	ClassStream = "stream"
	// ClassAnswer spoils what the answer says.
	ClassAnswer = "answer"
	// ClassConnection spoils the connection or the bytes on it.
	ClassConnection = "connection"
)

// Fault is something that goes wrong. The zero Fault is none.
type Fault struct {
	// Kind is a name of FaultKinds.
	Kind string `json:"kind,omitempty"`
	// Ratio is the share of requests it strikes, drawn by the seed; 0 is all.
	Ratio float64 `json:"ratio,omitempty"`
	// Delay has a meaning of its own for each kind: the time before a status,
	// the gap between bytes of a slow body, the length of a stall.
	Delay Duration `json:"delay,omitempty"`

	// Status, Envelope (see Envelopes), Message, ErrorType, Code, EstimatedTime
	// and Headers replace what a fault of class status has by itself.
	Status        int               `json:"status,omitempty"`
	Envelope      string            `json:"envelope,omitempty"`
	Message       string            `json:"message,omitempty"`
	ErrorType     string            `json:"error_type,omitempty"`
	Code          string            `json:"code,omitempty"`
	EstimatedTime *float64          `json:"estimated_time,omitempty"`
	Headers       map[string]string `json:"headers,omitempty"`

	// At is how many tokens of a stream come before a fault of class stream.
	At int `json:"at,omitempty"`
	// Form is that of a stream's error event: e (error and error_type), f (the
	// OpenAI object) or g (TGI's chat object); empty is the backend's own.
	Form string `json:"form,omitempty"`
	// Done says whether [DONE] follows an error event; absent is as the form
	// has it: after f and g, not after e.
	Done *bool `json:"done,omitempty"`
	// Comments keeps a stalled stream alive with comments.
	Comments bool `json:"comments,omitempty"`
	// Variant is which bad shape a bad_shape is; see BadShapes.
	Variant string `json:"variant,omitempty"`
	// Bytes bounds an endless_body, a long_line and what a gzip_bomb unpacks
	// to; 0 is 1 GiB, 100 MB and 1 GiB.
	Bytes int64 `json:"bytes,omitempty"`
}

// FaultKind describes one kind of fault.
type FaultKind struct {
	Name  string `json:"name"`
	Class string `json:"class"`
	About string `json:"about"`
}

// FaultKinds returns every kind of fault that a scenario can ask for.
func FaultKinds() []FaultKind {
	var all []FaultKind
	for _, p := range presets() {
		all = append(all, FaultKind{p.kind, ClassStatus, p.about})
	}
	return append(all,
		FaultKind{"status", ClassStatus, "any status in any envelope"},

		FaultKind{"stream_error", ClassStream, "an error event after `at` tokens, in `form`"},
		FaultKind{"stream_eof", ClassStream, "the stream ends after `at` tokens as if it were complete, with no finish reason and no [DONE]"},
		FaultKind{"stream_cut", ClassStream, "the connection closes after `at` tokens, within the chunked body"},
		FaultKind{"stream_reset", ClassStream, "the connection is reset after `at` tokens"},
		FaultKind{"stream_stall", ClassStream, "nothing comes after `at` tokens, for `delay` or for ever, with or without `comments`"},
		FaultKind{"empty_stream", ClassStream, "200, text/event-stream, no event at all"},
		FaultKind{"malformed_event", ClassStream, "the event after `at` tokens is no JSON; the stream goes on"},
		FaultKind{"no_done", ClassStream, "all is well, but [DONE] never comes"},
		FaultKind{"no_finish", ClassStream, "[DONE] comes, but no finish reason does"},
		FaultKind{"json_for_stream", ClassStream, "a plain JSON answer to a request for a stream"},

		FaultKind{"wrong_answer", ClassAnswer, "valid, but wrong: the other label, another text"},
		FaultKind{"empty_text", ClassAnswer, "the generated text is empty"},
		FaultKind{"blank_text", ClassAnswer, "the generated text is white space"},
		FaultKind{"bad_shape", ClassAnswer, "a 200 of the wrong shape, as `variant` says"},
		FaultKind{"thinking_only", ClassAnswer, "a reasoning model spends its tokens before it answers"},
		FaultKind{"content_filter", ClassAnswer, "a content filter stops the answer after `at` tokens"},
		FaultKind{"error_in_200", ClassAnswer, "the body is an error envelope, the status 200"},
		FaultKind{"html_in_200", ClassAnswer, "the body is an HTML page, the status 200"},
		FaultKind{"empty_body", ClassAnswer, "the body is empty, the status 200"},
		FaultKind{"job_failed", ClassAnswer, "a provider that is polled says that it failed"},
		FaultKind{"job_stuck", ClassAnswer, "a provider that is polled is never done"},
		FaultKind{"not_json", ClassAnswer, "the body is cut JSON, though complete by its length"},

		FaultKind{"reset_before_headers", ClassConnection, "the connection is reset instead of an answer"},
		FaultKind{"close_before_headers", ClassConnection, "the connection closes instead of an answer"},
		FaultKind{"reset_mid_body", ClassConnection, "the connection is reset half way through the body"},
		FaultKind{"truncated_body", ClassConnection, "the connection closes half way through the body"},
		FaultKind{"never_answer", ClassConnection, "nothing ever comes"},
		FaultKind{"slow_headers", ClassConnection, "the status line comes, then one header each `delay`, then the answer"},
		FaultKind{"slow_body", ClassConnection, "one byte of the body each `delay`"},
		FaultKind{"close_after_response", ClassConnection, "the connection closes after a good answer, unannounced"},
		FaultKind{"stale_connection", ClassConnection, "a second request on one connection is reset"},
		FaultKind{"endless_body", ClassConnection, "a body, or a stream, that does not end"},
		FaultKind{"long_line", ClassConnection, "a body of one line, or one event, of 100 MB"},
		FaultKind{"gzip_bomb", ClassConnection, "a small gzip body that unpacks to 1 GiB"},
		FaultKind{"gzip", ClassConnection, "a good answer, compressed though nobody asked"},
	)
}

// kindNamed returns the kind of that name, or the zero FaultKind.
func kindNamed(name string) FaultKind {
	for _, k := range FaultKinds() {
		if k.Name == name {
			return k
		}
	}
	return FaultKind{}
}

// validate checks a fault; at is its path.
func (f Fault) validate(at string) error {
	if f.Kind == "" {
		if !f.isBare() {
			return fmt.Errorf("%s.kind: is missing", at)
		}
		return nil
	}
	kind := kindNamed(f.Kind)
	if kind.Name == "" {
		return fmt.Errorf("%s.kind: %q is no kind of fault", at, f.Kind)
	}
	if f.Kind == "status" && f.Status == 0 {
		return fmt.Errorf("%s.status: is missing", at)
	}
	if f.Kind == "bad_shape" && f.Variant == "" {
		return fmt.Errorf("%s.variant: is missing; want one of %s", at, strings.Join(BadShapes(), ", "))
	}
	if f.Delay < 0 {
		return fmt.Errorf("%s.delay: is negative", at)
	}
	if f.Status != 0 {
		if err := within(at+".status", f.Status, 200, 599); err != nil {
			return err
		}
	}
	return first(
		within(at+".ratio", f.Ratio, 0.0, 1.0),
		within(at+".at", f.At, 0, 100_000),
		within(at+".bytes", f.Bytes, 0, 64<<30),
		oneOf(at+".envelope", f.Envelope, Envelopes()...),
		oneOf(at+".form", f.Form, "e", "f", "g"),
		oneOf(at+".variant", f.Variant, BadShapes()...),
		validateHeaders(at+".headers", f.Headers),
	)
}

// isBare reports whether nothing is set.
func (f Fault) isBare() bool {
	return len(f.Headers) == 0 && f.Done == nil && f.EstimatedTime == nil && f.Ratio == 0 && f.Delay == 0 && f.Status == 0 &&
		f.Envelope+f.Message+f.ErrorType+f.Code+f.Form+f.Variant == "" && f.At == 0 && !f.Comments && f.Bytes == 0
}

// validateHeaders refuses what would break the framing of the answer.
func validateHeaders(at string, headers map[string]string) error {
	for _, name := range sortedKeys(headers) {
		switch http.CanonicalHeaderKey(name) {
		case "", "Content-Length", "Transfer-Encoding", "Connection":
			return fmt.Errorf("%s.%s: the server's own header", at, name)
		}
		if strings.ContainsAny(name+headers[name], "\r\n") || strings.ContainsAny(name, " :") {
			return errors.New(at + ": a name or value holds what a header cannot")
		}
	}
	return nil
}
