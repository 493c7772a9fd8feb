package task

import (
	"encoding/json"
	"fmt"
)

// wantMessages says what a chat's input is.
const wantMessages = `chat-completion wants a text or a list of messages {"role": …, "content": …}`

// readMessages returns the messages of a chat's input: a text is one message of
// the user's. Unknown keys stay; the nonce goes before the first message's text.
func readMessages(raw json.RawMessage, nonce string) (json.RawMessage, error) {
	if rawKind(raw) == "a text" {
		s, err := readText(wantMessages, raw)
		if err != nil {
			return nil, err
		}
		var b body
		b.value("role", "user")
		b.value("content", prefix(s, nonce))
		message, err := b.bytes()
		return json.RawMessage("[" + string(message) + "]"), err
	}
	var items []json.RawMessage
	if rawKind(raw) != "a list" || json.Unmarshal(raw, &items) != nil {
		return nil, fmt.Errorf("%s, got %s", wantMessages, rawKind(raw))
	}
	if len(items) == 0 {
		return nil, fmt.Errorf("%s, got an empty list", wantMessages)
	}
	for i, item := range items {
		mark := ""
		if i == 0 {
			mark = nonce
		}
		message, err := readMessage(item, mark)
		if err != nil {
			return nil, fmt.Errorf("%s: [%d]%w", wantMessages, i, err)
		}
		items[i] = message
	}
	return joined(items), nil
}

// readMessage returns a message with the nonce before its text. The error
// begins with a place in the message.
func readMessage(raw json.RawMessage, nonce string) (json.RawMessage, error) {
	if rawKind(raw) != "an object" {
		return nil, fmt.Errorf(", got %s", rawKind(raw))
	}
	fields, err := readFields(raw)
	if err != nil {
		return nil, fmt.Errorf(": %w", err)
	}
	m := params(fields)
	if m.word("role") == "" {
		return nil, fmt.Errorf(".role, got none")
	}
	said, given := m.get("content")
	if !given || isNull(said) {
		if !m.set("tool_calls") {
			return nil, fmt.Errorf(".content, got none")
		}
		if nonce != "" {
			return nil, fmt.Errorf(".content, got none in the first message, where the nonce belongs; give it a text or set cache: allow")
		}
	} else if said, err = readContent(said, nonce); err != nil {
		return nil, err
	}
	var b body
	for _, f := range fields {
		if f.name == "content" {
			f.value = said
		}
		b.raw(f.name, f.value)
	}
	return b.bytes()
}

// readContent returns a message's content with the nonce before its text: a
// text, or a list of parts, the first of which becomes the nonce where it is no
// text itself.
func readContent(raw json.RawMessage, nonce string) (json.RawMessage, error) {
	switch rawKind(raw) {
	case "a text":
		s, err := readText(".content", raw)
		if err != nil {
			return nil, err
		}
		return encode(prefix(s, nonce)), nil
	case "a list":
	default:
		return nil, fmt.Errorf(".content, got %s", rawKind(raw))
	}
	var parts []json.RawMessage
	if err := json.Unmarshal(raw, &parts); err != nil {
		return nil, fmt.Errorf(".content: %w", err)
	}
	if len(parts) == 0 {
		return nil, fmt.Errorf(".content, got an empty list")
	}
	for i, part := range parts {
		var p struct {
			Type string `json:"type"`
		}
		if rawKind(part) != "an object" || json.Unmarshal(part, &p) != nil || p.Type == "" {
			return nil, fmt.Errorf(".content[%d], got something without a type", i)
		}
	}
	if nonce != "" {
		var b body
		b.value("type", "text")
		b.value("text", "("+nonce+")")
		mark, err := b.bytes()
		if err != nil {
			return nil, err
		}
		parts = append([]json.RawMessage{mark}, parts...)
	}
	return joined(parts), nil
}
