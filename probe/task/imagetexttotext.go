package task

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/hfwatch/hfwatch/probe"
)

// imageTextToText answers a question about a picture, as a chat with a part of
// the type image_url.
//
// The nonce is a part of text before the picture, as for any chat.
type imageTextToText struct{ chatCompletion }

// Name returns the Hub's name of the task.
func (imageTextToText) Name() string { return "image-text-to-text" }

const (
	wantPicture = `image-text-to-text wants {"image": base64 or an https address, "text": …}, messages with a part of the type image_url, or input_file`
	// describePicture is asked where no question is given.
	describePicture = "Describe this picture in one sentence."
	// tokensOfPicture bounds what a picture costs: engines of today make some
	// hundreds to a few thousand tokens of one.
	tokensOfPicture = 4096
)

// Build returns a chat. An input is a picture in base64, a picture with a text,
// or messages.
func (t imageTextToText) Build(ask probe.Ask) (probe.Request, error) {
	messages, pictures, bytes, err := t.messages(ask.Input)
	if err != nil {
		return probe.Request{}, err
	}
	ask.Input = messages
	r, err := t.chatCompletion.Build(ask)
	if r.TokensIn > 0 {
		// A picture in base64 is not read as text.
		r.TokensIn = max(0, r.TokensIn-bytes/2) + pictures*tokensOfPicture
	}
	return r, err
}

// messages returns the messages of an input, how many pictures they hold, and
// how many bytes of the messages these take.
func (t imageTextToText) messages(raw json.RawMessage) (messages json.RawMessage, pictures, bytes int, err error) {
	switch rawKind(raw) {
	case "a list":
		pictures, bytes = picturesIn(raw)
		if pictures == 0 {
			return nil, 0, 0, fmt.Errorf("%s, got messages without a picture", wantPicture)
		}
		return raw, pictures, bytes, nil
	case "a text":
		address, err := pictureAddress(raw)
		return pictureMessages(address, describePicture), 1, len(address), err
	case "an object":
		var in struct {
			Image json.RawMessage `json:"image"`
			Text  json.RawMessage `json:"text"`
		}
		if err := json.Unmarshal(raw, &in); err != nil {
			return nil, 0, 0, fmt.Errorf("%s: %w", wantPicture, err)
		}
		question := describePicture
		if in.Text != nil {
			if question, err = readText(wantPicture+": text", in.Text); err != nil {
				return nil, 0, 0, err
			}
		}
		address, err := pictureAddress(in.Image)
		return pictureMessages(address, question), 1, len(address), err
	}
	return nil, 0, 0, fmt.Errorf("%s, got %s", wantPicture, rawKind(raw))
}

// pictureAddress returns the address of a picture: one on the web as given, base64
// as a data: URL.
func pictureAddress(raw json.RawMessage) (string, error) {
	var s string
	if json.Unmarshal(raw, &s) == nil && (strings.HasPrefix(s, "https://") || strings.HasPrefix(s, "http://")) {
		return s, nil
	}
	m, err := readMedium("image-text-to-text", raw, true)
	if err != nil {
		return "", err
	}
	return "data:" + m.info.Format.Type() + ";base64," + base64.StdEncoding.EncodeToString(m.data), nil
}

// pictureMessages returns one message of the user's with a picture and a
// question.
func pictureMessages(address, question string) json.RawMessage {
	return json.RawMessage(`[{"role":"user","content":[{"type":"image_url","image_url":{"url":` + string(encode(address)) +
		`}},{"type":"text","text":` + string(encode(question)) + `}]}]`)
}

// picturesIn counts the pictures in messages and the bytes of their addresses.
func picturesIn(raw json.RawMessage) (pictures, bytes int) {
	var messages []struct {
		Content json.RawMessage `json:"content"`
	}
	if json.Unmarshal(raw, &messages) != nil {
		return 0, 0
	}
	for _, m := range messages {
		var parts []struct {
			Type  string          `json:"type"`
			Image json.RawMessage `json:"image_url"`
		}
		if json.Unmarshal(m.Content, &parts) != nil {
			continue
		}
		for _, p := range parts {
			if p.Type == "image_url" {
				pictures++
				bytes += len(p.Image)
			}
		}
	}
	return pictures, bytes
}
