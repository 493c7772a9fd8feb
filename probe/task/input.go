package task

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/hfwatch/hfwatch/probe"
)

// texts are an input of one text or a list of texts.
type texts struct {
	list   []string
	single bool
}

// readTexts reads such an input.
func readTexts(name string, raw json.RawMessage) (texts, error) {
	want := name + " wants a text or a list of texts"
	if rawKind(raw) == "a text" {
		s, err := readText(want, raw)
		return texts{list: []string{s}, single: true}, err
	}
	var items []json.RawMessage
	if rawKind(raw) != "a list" || json.Unmarshal(raw, &items) != nil {
		return texts{}, fmt.Errorf("%s, got %s", want, rawKind(raw))
	}
	if len(items) == 0 {
		return texts{}, fmt.Errorf("%s, got an empty list", want)
	}
	all := texts{list: make([]string, len(items))}
	for i, item := range items {
		s, err := readText(fmt.Sprintf("%s: [%d]", want, i), item)
		if err != nil {
			return texts{}, err
		}
		all.list[i] = s
	}
	return all, nil
}

// readText reads a text that is not blank.
func readText(want string, raw json.RawMessage) (string, error) {
	var s string
	if rawKind(raw) != "a text" || json.Unmarshal(raw, &s) != nil {
		return "", fmt.Errorf("%s, got %s", want, rawKind(raw))
	}
	if blank(s) {
		return "", fmt.Errorf("%s, got a blank one", want)
	}
	return s, nil
}

// marked returns the texts with the nonce at the end of the last one: the others,
// and so their answers, stay as they are.
func (t texts) marked(nonce string) texts {
	list := append([]string(nil), t.list...)
	if n := len(list); n > 0 {
		list[n-1] = suffix(list[n-1], nonce)
	}
	return texts{list: list, single: t.single}
}

// json returns the texts in the form in which they were given.
func (t texts) json() json.RawMessage {
	if t.single {
		return encode(t.list[0])
	}
	return encode(t.list)
}

// asked returns the texts of a request that Build has made, nonce included, and
// no texts where it could not have.
func asked(name string, ask probe.Ask) texts {
	t, err := readTexts(name, ask.Input)
	if err != nil {
		return texts{}
	}
	return t.marked(ask.Nonce)
}

// suffix returns s with the nonce behind it, in brackets, which models read as
// an aside, and so that offsets into s stay true.
func suffix(s, nonce string) string {
	if nonce == "" {
		return s
	}
	return s + " (" + nonce + ")"
}

// prefix returns s with the nonce on a line before it: only a difference in the
// first tokens defeats a cache of prefixes.
func prefix(s, nonce string) string {
	if nonce == "" {
		return s
	}
	return "(" + nonce + ")\n" + s
}

// unmark returns an answer's text without the nonce, which translations and
// summaries carry over, so that what is expected need not allow for it.
func unmark(s, nonce string) string {
	if nonce == "" || !strings.Contains(s, nonce) {
		return s
	}
	for _, form := range []string{" (" + nonce + ")", "(" + nonce + ")", nonce} {
		s = strings.ReplaceAll(s, form, "")
	}
	return s
}

// blank reports whether s has nothing that can be seen.
func blank(s string) bool { return strings.TrimSpace(s) == "" }
