package task

import (
	"github.com/hfwatch/hfwatch/probe"
)

// scan reads an event without allocating and without decoding its text. It
// walks the whole of the JSON, so that a word such as "error" inside a text is
// never taken for a key. It is not sure, and the event must be decoded, of
// anything unusual: errors, tool calls, unknown finish reasons, duplicate or
// escaped keys, broken JSON. A test holds it to what decoding says.
func scan(data []byte, seen *probe.Progress, d dialect) (e probe.Event, sure bool) {
	s := scanner{data: data}
	var keys uint8
	for first := true; ; first = false {
		key, more, ok := s.key(first)
		if !ok {
			return e, false
		}
		if !more {
			break
		}
		var bit uint8
		switch string(key) {
		case "choices":
			bit, ok = 1, s.choices(&e)
		case "token":
			if d == chatDialect {
				return e, false
			}
			bit, ok = 2, s.token(&e)
		case "usage":
			bit, ok = 4, s.usage(&e)
		case "model":
			bit, ok = 8, s.model(&e, seen)
		case "error":
			bit, ok = 16, s.null()
		case "generated_text":
			bit, ok = 32, s.null()
		case "details":
			bit, ok = 64, s.null()
		default:
			ok = s.skip(0)
		}
		if !ok || keys&bit != 0 {
			return e, false
		}
		keys |= bit
	}
	// One form exactly, and nothing behind the object.
	return e, (keys&3 == 1 || keys&3 == 2) && s.end()
}

// choices reads a list of choices.
func (s *scanner) choices(e *probe.Event) bool {
	if !s.take('[') {
		return false
	}
	if s.take(']') {
		return true
	}
	for {
		if !s.choice(e) {
			return false
		}
		if s.take(',') {
			continue
		}
		return s.take(']')
	}
}

// choice reads one choice. Its text counts only where it has no delta.
func (s *scanner) choice(e *probe.Event) bool {
	var keys uint8
	var delta, text bool
	for first := true; ; first = false {
		key, more, ok := s.key(first)
		if !ok {
			return false
		}
		if !more {
			break
		}
		var bit uint8
		switch string(key) {
		case "delta":
			bit = 1
			if ok = s.null(); !ok {
				delta, ok = true, s.delta(e)
			}
		case "text":
			bit = 2
			text, ok = s.said()
		case "finish_reason":
			bit = 4
			ok = s.finish(e)
		default:
			ok = s.skip(0)
		}
		if !ok || keys&bit != 0 {
			return false
		}
		keys |= bit
	}
	if text && !delta {
		e.Token, e.Answer = true, true
	}
	return true
}

// delta reads what a choice adds.
func (s *scanner) delta(e *probe.Event) bool {
	var keys uint8
	for first := true; ; first = false {
		key, more, ok := s.key(first)
		if !ok {
			return false
		}
		if !more {
			return true
		}
		var bit uint8
		var said bool
		switch string(key) {
		case "content":
			bit = 1
			said, ok = s.said()
			e.Answer = e.Answer || said
		case "reasoning_content":
			bit = 2
			said, ok = s.said()
		case "reasoning":
			bit = 4
			said, ok = s.said()
		case "refusal":
			bit = 8
			said, ok = s.said()
		case "tool_calls":
			bit = 16
			ok = s.null() || s.take('[') && s.take(']')
		default:
			ok = s.skip(0)
		}
		if !ok || keys&bit != 0 {
			return false
		}
		keys |= bit
		e.Token = e.Token || said
	}
}

// token reads the token of an event of text-generation-inference's own routes.
func (s *scanner) token(e *probe.Event) bool {
	var keys uint8
	var text, special bool
	for first := true; ; first = false {
		key, more, ok := s.key(first)
		if !ok {
			return false
		}
		if !more {
			break
		}
		var bit uint8
		switch string(key) {
		case "text":
			bit = 1
			text, ok = s.said()
		case "special":
			bit = 2
			special = s.word("true")
			ok = special || s.word("false")
		default:
			ok = s.skip(0)
		}
		if !ok || keys&bit != 0 {
			return false
		}
		keys |= bit
	}
	if text && !special {
		e.Token, e.Answer = true, true
	}
	return true
}

// usage reads null, or an object's counts.
func (s *scanner) usage(e *probe.Event) bool {
	if s.null() {
		return true
	}
	var keys uint8
	for first := true; ; first = false {
		key, more, ok := s.key(first)
		if !ok {
			return false
		}
		if !more {
			return true
		}
		var bit uint8
		var n int
		switch string(key) {
		case "prompt_tokens":
			bit = 1
			n, ok = s.count()
			e.TokensIn = probe.Some(n)
		case "completion_tokens":
			bit = 2
			n, ok = s.count()
			e.TokensOut = probe.Some(n)
		default:
			ok = s.skip(0)
		}
		if !ok || keys&bit != 0 {
			return false
		}
		keys |= bit
	}
}

// model reads the model's name, which is kept only where it is a new one.
func (s *scanner) model(e *probe.Event, seen *probe.Progress) bool {
	name, plain, ok := s.text()
	if !ok || !plain || len(name) > longestName {
		return false
	}
	if string(name) != seen.Model {
		e.Model = string(name)
	}
	return true
}

// finish reads null or one of the usual finish reasons.
func (s *scanner) finish(e *probe.Event) bool {
	if s.null() {
		return true
	}
	reason, _, ok := s.text()
	if !ok {
		return false
	}
	switch string(reason) {
	case "":
	case "stop":
		e.Finish = "stop"
	case "length":
		e.Finish = "length"
	case "eos_token":
		e.Finish = "eos_token"
	case "tool_calls":
		e.Finish = "tool_calls"
	default:
		return false
	}
	return true
}

// said reads a text or null, and reports whether there is any text.
func (s *scanner) said() (some, ok bool) {
	if s.null() {
		return false, true
	}
	text, _, ok := s.text()
	return len(text) > 0, ok
}
