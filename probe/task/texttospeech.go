package task

import (
	"github.com/hfwatch/hfwatch/probe"
)

// textToSpeech speaks a text.
//
// Of the nonce the first four digits go behind the text, since they are spoken.
type textToSpeech struct{ quiet }

// Name returns the Hub's name of the task.
func (textToSpeech) Name() string { return "text-to-speech" }

// Build returns {"inputs": …, "parameters": …}, and at an address that ends in
// /audio/speech OpenAI's {"model": …, "input": …}; at a provider that provider's
// own form.
func (t textToSpeech) Build(ask probe.Ask) (probe.Request, error) {
	said, p, err := promptOf(t.Name(), ask)
	if err != nil {
		return probe.Request{}, err
	}
	said = suffix(said, clip(ask.Nonce, 4))
	there, err := passed(ask, t.Name())
	if err != nil {
		return probe.Request{}, err
	}
	if there {
		return generateAt(ask, t.Name(), "text", said, p)
	}
	var r probe.Request
	if asksAt(ask, "/audio/speech") {
		var b body
		b.value("model", ask.Model)
		b.value("input", said)
		b.fields(p)
		r, err = request(ask, t.Name(), &b)
	} else {
		r, err = post(ask, t.Name(), encode(said), p)
	}
	// The toolkit knows no list of types, and of any one type an engine may have
	// another.
	r.Accept = "*/*"
	return r, err
}

// Check accepts a whole WAV, FLAC, MP3 or Ogg that lasts, and a provider's JSON
// with such a file in base64 or behind a link: {audio: {url}}, {output: url}.
func (textToSpeech) Check(ask probe.Ask, a probe.Answer) probe.Verdict {
	return mediaRules{keys: []string{"audio", "output", "data", "url"}}.check(ask, a)
}
