package hub

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/hfwatch/hfwatch/probe"
)

// said returns the sentence in an error's body: the string, or the message of
// the object, under error, or message or detail beside it. text is what is
// returned where there is none. (huggingface_hub, utils/_http.py.)
func said(body []byte, text string) string {
	var envelope struct {
		Error           json.RawMessage `json:"error"`
		Message, Detail json.RawMessage
	}
	if json.Unmarshal(body, &envelope) != nil {
		return text
	}
	for _, raw := range []json.RawMessage{envelope.Error, envelope.Message, envelope.Detail} {
		var s string
		var object struct{ Message string }
		switch {
		case json.Unmarshal(raw, &s) == nil && s != "":
			return s
		case json.Unmarshal(raw, &object) == nil && object.Message != "":
			return object.Message
		}
	}
	return text
}

// decode reads a JSON value that must be an object or a list.
func decode(body []byte, into any) error {
	body = bytes.TrimSpace(bytes.TrimPrefix(body, []byte("\xef\xbb\xbf")))
	switch {
	case len(body) == 0:
		return errors.New("the answer is empty")
	case body[0] == '<':
		return errors.New("the answer is a page in HTML, not JSON")
	}
	if err := json.Unmarshal(body, into); err != nil {
		return fmt.Errorf("the answer is not what was expected: %w", err)
	}
	return nil
}

// text is a string that may be given as null or as something else; then it is
// empty.
type text string

// UnmarshalJSON never fails.
func (t *text) UnmarshalJSON(data []byte) error {
	var s string
	if json.Unmarshal(data, &s) == nil {
		*t = text(probe.Clean(s, maxName))
	}
	return nil
}

// maxName bounds names that the other side chose.
const maxName = 256

// number is a number, or a text that holds one; anything else, what is below 0
// and what is not finite is absent.
type number struct{ probe.Opt[float64] }

// UnmarshalJSON never fails.
func (n *number) UnmarshalJSON(data []byte) error {
	f, err := strconv.ParseFloat(strings.Trim(string(data), `"`), 64)
	if err == nil && f >= 0 && !math.IsInf(f, 0) && !math.IsNaN(f) {
		n.Opt = probe.Some(f)
	}
	return nil
}

// flag is a boolean; anything else is absent.
type flag struct{ probe.Opt[bool] }

// UnmarshalJSON never fails.
func (f *flag) UnmarshalJSON(data []byte) error {
	switch string(data) {
	case "true":
		f.Opt = probe.Some(true)
	case "false":
		f.Opt = probe.Some(false)
	}
	return nil
}

// list is a list whose unreadable items are left out; anything that is no list
// is empty. It is bounded.
type list[T any] []T

// maxItems bounds the items of one list.
const maxItems = 20_000

// UnmarshalJSON never fails.
func (l *list[T]) UnmarshalJSON(data []byte) error {
	var raw []json.RawMessage
	if json.Unmarshal(data, &raw) != nil {
		return nil //nolint:nilerr // What is of another form is empty.
	}
	for _, item := range raw[:min(len(raw), maxItems)] {
		var v T
		if json.Unmarshal(item, &v) == nil {
			*l = append(*l, v)
		}
	}
	return nil
}
