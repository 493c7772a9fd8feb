package task

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"mime/multipart"
	"path"
	"strings"

	"github.com/hfwatch/hfwatch/probe"
	"github.com/hfwatch/hfwatch/probe/media"
)

// medium is a file that is an input.
type medium struct {
	data []byte
	info media.Info
}

// readMedium reads an input that is a file in base64, as a text or a data: URL.
func readMedium(name string, raw json.RawMessage, picture bool) (medium, error) {
	want := name + " wants a sound: base64 of a WAV, FLAC, MP3 or Ogg file, or input_file"
	if picture {
		want = name + " wants a picture: base64 of a PNG, JPEG, WebP or GIF file, or input_file"
	}
	var s string
	if rawKind(raw) != "a text" || json.Unmarshal(raw, &s) != nil {
		return medium{}, fmt.Errorf("%s, got %s", want, rawKind(raw))
	}
	data, err := fromBase64(s)
	if err != nil {
		return medium{}, fmt.Errorf("%s: %w", want, err)
	}
	info, err := media.Read(data)
	switch {
	case info.Format == "":
		// What it begins with stays untold: the file may be another than was meant.
		return medium{}, fmt.Errorf("%s, got a file of none of these", want)
	case err != nil:
		return medium{}, fmt.Errorf("%s, got a broken file: %w", want, err)
	case info.Format.Image() != picture:
		return medium{}, fmt.Errorf("%s, got a %s", want, info)
	}
	return medium{data, info}, nil
}

// fromBase64 returns the bytes of base64, with or without the head of a data:
// URL.
func fromBase64(s string) ([]byte, error) {
	if rest, is := strings.CutPrefix(s, "data:"); is {
		head, body, found := strings.Cut(rest, ",")
		if !found || !strings.HasSuffix(head, ";base64") {
			return nil, fmt.Errorf("the data: URL holds no base64")
		}
		s = body
	}
	data, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		return nil, fmt.Errorf("%s is no base64: %w", quote(clip(s, 40)), err)
	}
	return data, nil
}

// postMedium returns the request of a task whose input is a file: its bytes as
// the body where there are no parameters, and else JSON with base64, which is
// what the engines take (huggingface_hub, inference/_providers/hf_inference.py).
func postMedium(ask probe.Ask, name string, picture bool) (probe.Request, error) {
	p, err := readParams(ask.Parameters)
	if err != nil {
		return probe.Request{}, err
	}
	m, err := readMedium(name, ask.Input, picture)
	if err != nil {
		return probe.Request{}, err
	}
	marked := media.Mark(m.data, ask.Nonce)
	given := len(p) > 0
	if !given {
		r, err := request(ask, name, &body{})
		r.ContentType, r.Body, r.TokensIn = m.info.Format.Type(), marked, 0
		return r, err
	}
	r, err := post(ask, name, encode(base64.StdEncoding.EncodeToString(marked)), p)
	r.TokensIn = 0
	return r, err
}

// form returns the request that OpenAI's routes for sounds take: a form with the
// file and the parameters as fields.
func form(ask probe.Ask, m medium, p params) (probe.Request, error) {
	var buf bytes.Buffer
	w := multipart.NewWriter(&buf)
	if err := w.SetBoundary("hfwatch-" + or(ask.Nonce, "form") + "-boundary"); err != nil {
		return probe.Request{}, err
	}
	fields := append(params{{"model", encode(ask.Model)}}, p.without("model")...)
	for _, f := range fields {
		value := string(f.value)
		if rawKind(f.value) == "a text" {
			value = fields.word(f.name)
		}
		if value == "" || isNull(f.value) {
			continue
		}
		if err := w.WriteField(f.name, value); err != nil {
			return probe.Request{}, err
		}
	}
	part, err := w.CreateFormFile("file", "input."+string(m.info.Format))
	if err == nil {
		_, err = part.Write(media.Mark(m.data, ask.Nonce))
	}
	if err == nil {
		err = w.Close()
	}
	return probe.Request{ContentType: w.FormDataContentType(), Accept: typeJSON, Body: buf.Bytes()}, err
}

// asksAt reports whether the address of one's own ends with a path, which tells
// the dialect of the engine behind it.
func asksAt(ask probe.Ask, ends string) bool {
	return ask.Route == probe.RouteURL && strings.HasSuffix(path.Clean("/"+ask.Path), ends)
}

// or returns s, or another text where it is empty.
func or(s, other string) string {
	if s == "" {
		return other
	}
	return s
}
