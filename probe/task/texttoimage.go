package task

import (
	"fmt"

	"github.com/hfwatch/hfwatch/probe"
)

// textToImage draws a picture of what a text says.
//
// The nonce goes behind the text, which changes the picture a little.
type textToImage struct{ quiet }

// Name returns the Hub's name of the task.
func (textToImage) Name() string { return "text-to-image" }

// Build returns {"inputs": …, "parameters": …}, and at an address that ends in
// /images/generations OpenAI's {"model": …, "prompt": …}, with the picture in
// the answer and not behind a link. At a provider it is that provider's own form.
func (t textToImage) Build(ask probe.Ask) (probe.Request, error) {
	prompt, p, err := promptOf(t.Name(), ask)
	if err != nil {
		return probe.Request{}, err
	}
	there, err := passed(ask, t.Name())
	if err != nil {
		return probe.Request{}, err
	}
	if there {
		return generateAt(ask, t.Name(), "prompt", suffix(prompt, ask.Nonce), p)
	}
	if asksAt(ask, "/images/generations") {
		var b body
		b.value("model", ask.Model)
		b.value("prompt", suffix(prompt, ask.Nonce))
		if _, given := p.get("response_format"); !given {
			b.value("response_format", "b64_json")
		}
		b.fields(p)
		return request(ask, t.Name(), &b)
	}
	r, err := post(ask, t.Name(), encode(suffix(prompt, ask.Nonce)), p)
	// The hf-inference provider sends what it likes all the same.
	r.Accept = "image/png"
	return r, err
}

// promptOf reads a text and parameters beside which none of the request's own
// keys may stand.
func promptOf(name string, ask probe.Ask) (string, params, error) {
	p, err := readParams(ask.Parameters)
	if err != nil {
		return "", nil, err
	}
	if err := p.refuse("hfwatch sets it from the model's own keys", "model", "prompt", "input", "inputs"); err != nil {
		return "", nil, err
	}
	prompt, err := readText(fmt.Sprintf("%s wants a text", name), ask.Input)
	return prompt, p, err
}

// Check accepts a whole PNG, JPEG, WebP or GIF, and a provider's JSON with such
// files in base64 or behind links: {images: […]}, {data: […]}, {output: […]}.
func (textToImage) Check(ask probe.Ask, a probe.Answer) probe.Verdict {
	return mediaRules{picture: true, keys: []string{"images", "data", "output", "image", "url"}}.check(ask, a)
}
