package task

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"

	"github.com/hfwatch/hfwatch/probe"
)

// decode returns the JSON value of an answer that must be one, or the verdict
// on an answer that is none. Of duplicate keys the last one counts.
func decode(a probe.Answer) (any, *probe.Verdict) {
	bad := func(o probe.Outcome, format string, args ...any) (any, *probe.Verdict) {
		return nil, &probe.Verdict{Outcome: o, Reason: fmt.Sprintf(format, args...)}
	}
	if a.Streamed {
		return bad(probe.InvalidOutput, "the answer is an event stream, want JSON")
	}
	body := bytes.TrimSpace(bytes.TrimPrefix(a.Body, []byte("\xef\xbb\xbf")))
	switch {
	case len(body) == 0:
		return bad(probe.InvalidOutput, "the body is empty")
	case body[0] == '<':
		return bad(probe.InvalidOutput, "the body is HTML or XML, want JSON")
	}
	var value any
	if err := json.Unmarshal(body, &value); err != nil {
		var number *json.UnmarshalTypeError
		if errors.As(err, &number) {
			return bad(probe.InvalidOutput, "the body holds the %s, which is beyond 64 bits", clip(number.Value, 60))
		}
		if word, at := notANumber(body); word != "" {
			return bad(probe.InvalidOutput, "the body holds %s at byte %d, which is no number", word, at)
		}
		var syntax *json.SyntaxError
		if errors.As(err, &syntax) && err.Error() == "unexpected end of JSON input" {
			return bad(probe.Truncated, "the body ends in the middle of its JSON, after %s", plural(len(body), "byte"))
		}
		return bad(probe.InvalidOutput, "the body is not JSON: %v", err)
	}
	if o, ok := value.(map[string]any); ok && o["error"] != nil {
		if said, isText := o["error"].(string); isText {
			return bad(probe.InvalidOutput, "the answer is an error envelope: %s", quote(said))
		}
		data, err := json.Marshal(o["error"])
		if err != nil {
			data = nil
		}
		return bad(probe.InvalidOutput, "the answer is an error envelope: %s", clip(string(data), 120))
	}
	return value, nil
}

// notANumber returns the first NaN or Infinity outside the texts of body, which
// Python's json writes unless told otherwise, and its offset.
func notANumber(body []byte) (word string, at int) {
	inText := false
	for i := 0; i < len(body); i++ {
		switch c := body[i]; {
		case inText && c == '\\':
			i++
		case c == '"':
			inText = !inText
		case inText:
		case bytes.HasPrefix(body[i:], []byte("NaN")):
			return "NaN", i
		case bytes.HasPrefix(body[i:], []byte("Infinity")):
			return "Infinity", i
		}
	}
	return "", 0
}

// list returns v as a list with at least one element.
func list(v any, of string) ([]any, *fault) {
	l, ok := v.([]any)
	switch {
	case !ok:
		return nil, breaks("%s, want a list of %s", kind(v), of)
	case len(l) == 0:
		return nil, breaks("an empty list, want at least one %s", singular(of))
	}
	return l, nil
}

// singular returns the noun of a plural in s.
func singular(of string) string {
	if n := len(of); n > 0 && of[n-1] == 's' {
		return of[:n-1]
	}
	return of
}

// object returns v as an object.
func object(v any) (map[string]any, *fault) {
	o, ok := v.(map[string]any)
	if !ok {
		return nil, breaks("%s, want an object", kind(v))
	}
	return o, nil
}

// text returns the text under key.
func text(o map[string]any, key string) (string, *fault) {
	v, ok := o[key]
	if !ok {
		return "", breaks("absent").in("." + key)
	}
	s, ok := v.(string)
	if !ok {
		return "", breaks("%s, want a text", kind(v)).in("." + key)
	}
	return s, nil
}

// number returns the number under key.
func number(o map[string]any, key string) (float64, *fault) {
	v, ok := o[key]
	if !ok {
		return 0, breaks("absent").in("." + key)
	}
	f, ok := v.(float64)
	if !ok {
		return 0, breaks("%s, want a number", kind(v)).in("." + key)
	}
	return f, nil
}

// integer returns the whole number of at least 0 under key.
func integer(o map[string]any, key string) (int, *fault) {
	f, bad := number(o, key)
	if bad != nil {
		return 0, bad
	}
	if f != math.Trunc(f) || f < 0 || f > math.MaxInt32 {
		return 0, breaks("%s, want a whole number of at least 0", short(f)).in("." + key)
	}
	return int(f), nil
}

// count returns the count under key where it is one, and absent otherwise.
func count(o map[string]any, key string) probe.Opt[int] {
	n, bad := integer(o, key)
	if bad != nil {
		return probe.Opt[int]{}
	}
	return probe.Some(n)
}
