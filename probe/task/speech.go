package task

import (
	"slices"
	"strings"
	"unicode"

	"github.com/hfwatch/hfwatch/probe"
)

// speechRecognition writes down what is said in a sound.
//
// The nonce is a comment in the file, where its format has a place for one.
type speechRecognition struct{ quiet }

// Name returns the Hub's name of the task.
func (speechRecognition) Name() string { return "automatic-speech-recognition" }

// Build returns the bytes of the file, with parameters JSON with base64, and at
// an address that ends in /audio/transcriptions OpenAI's form; at a provider JSON
// with a data: URL.
func (t speechRecognition) Build(ask probe.Ask) (probe.Request, error) {
	there, err := passed(ask, t.Name())
	if err != nil {
		return probe.Request{}, err
	}
	if !there && !asksAt(ask, "/audio/transcriptions") {
		return postMedium(ask, t.Name(), false)
	}
	p, err := readParams(ask.Parameters)
	if err != nil {
		return probe.Request{}, err
	}
	m, err := readMedium(t.Name(), ask.Input, false)
	if err != nil {
		return probe.Request{}, err
	}
	if there {
		return speechAt(ask, t.Name(), m, p)
	}
	return form(ask, m, p)
}

// Check accepts {text}, with or without chunks [{text, timestamp: [a, b]}], of
// which the last may have no end. A blank text is legal for silence; `expect`
// words to be sure. What is expected is compared word by word, without regard to
// case and punctuation, which models set as they like.
func (speechRecognition) Check(ask probe.Ask, a probe.Answer) probe.Verdict {
	value, bad := decode(a)
	if bad != nil {
		return *bad
	}
	o, broken := object(value)
	if broken != nil {
		return reject("", broken)
	}
	said, broken := text(o, "text")
	if broken != nil {
		return reject("", broken)
	}
	v := good("obj{text}")
	if o["chunks"] != nil {
		v.Shape = "obj{text,chunks}"
		if broken := spoken(o["chunks"]); broken != nil {
			return reject(v.Shape, broken.in(".chunks"))
		}
	} else if lenient(ask.Parameters).set("return_timestamps") && !isFalse(lenient(ask.Parameters), "return_timestamps") {
		v.Warnings = append(v.Warnings, "timestamps were asked for, and there are none")
	}
	if blank(said) {
		v.Warnings = append(v.Warnings, "the text is blank; a sound with speech would prove more")
	}
	return judge(ask, v, subject{texts: []string{said}, value: value, heard: true})
}

// isFalse reports whether the parameter is false.
func isFalse(p params, name string) bool {
	v, _ := p.get(name)
	return string(v) == "false"
}

// spoken judges the chunks of a text.
func spoken(v any) *fault {
	items, isList := v.([]any)
	if !isList {
		return breaks("%s, want a list of chunks", kind(v))
	}
	for i, item := range items {
		o, bad := object(item)
		if bad == nil {
			_, bad = text(o, "text")
		}
		if bad == nil {
			bad = timestamp(o["timestamp"], i == len(items)-1).in(".timestamp")
		}
		if bad != nil {
			return bad.at(i)
		}
	}
	return nil
}

// timestamp judges a pair of seconds, of which the last of all may lack its end.
func timestamp(v any, last bool) *fault {
	pair, isList := v.([]any)
	if !isList || len(pair) != 2 {
		return breaks("%s, want a list of two numbers", kind(v))
	}
	start, hasStart := pair[0].(float64)
	end, hasEnd := pair[1].(float64)
	switch {
	case !hasStart || start < 0:
		return breaks("%s, want a number of seconds", describe(pair[0])).at(0)
	case !hasEnd && (pair[1] != nil || !last):
		return breaks("%s, want a number of seconds", kind(pair[1])).at(1)
	case hasEnd && end < start:
		return breaks("%s is before the start %s", short(end), short(start)).at(1)
	}
	return nil
}

// wordsOf returns the words of a text in lower case, without punctuation.
func wordsOf(s string) []string {
	return strings.FieldsFunc(strings.ToLower(s), func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsNumber(r) && !unicode.Is(unicode.Mn, r)
	})
}

// holdsWords reports whether all words of part are among those of all.
func holdsWords(all, part string) bool {
	heard := wordsOf(all)
	return !slices.ContainsFunc(wordsOf(part), func(w string) bool { return !slices.Contains(heard, w) })
}
