package task

import (
	"bytes"
	"encoding/json"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/hfwatch/hfwatch/probe"
)

// The pace at which the providers' own clients ask for a result. (huggingface_hub,
// inference/_providers.)
const (
	paceFal       = 500 * time.Millisecond
	paceReplicate = time.Second
	paceWavespeed = 500 * time.Millisecond
	paceZai       = 5 * time.Second
)

// job is what the four kinds of providers say of work in progress; the rest of
// their answers is left to Check.
type job struct {
	// Status is fal's and replicate's, TaskStatus zai's; wavespeed's is in Data.
	Status     string          `json:"status"`
	TaskStatus string          `json:"task_status"`
	ID         string          `json:"id"`
	RequestID  string          `json:"request_id"`
	Response   string          `json:"response_url"`
	Output     json.RawMessage `json:"output"`
	Error      json.RawMessage `json:"error"`
	Images     json.RawMessage `json:"images"`
	Audio      json.RawMessage `json:"audio"`
	Result     json.RawMessage `json:"image_result"`
	URLs       struct {
		Get string `json:"get"`
	} `json:"urls"`
	Data json.RawMessage `json:"data"`
}

// inner is wavespeed's data.
type inner struct {
	ID      string          `json:"id"`
	Status  string          `json:"status"`
	Outputs json.RawMessage `json:"outputs"`
	Error   json.RawMessage `json:"error"`
	URLs    struct {
		Get string `json:"get"`
	} `json:"urls"`
}

// Follow asks for the picture until it is there, and fetches it.
func (textToImage) Follow(ask probe.Ask, a probe.Answer) probe.Next { return follow(ask, a) }

// Follow asks for the sound until it is there, and fetches it.
func (textToSpeech) Follow(ask probe.Ask, a probe.Answer) probe.Next { return follow(ask, a) }

// follow says what comes after a provider's answer: a question for the result, its
// file, or nothing. An answer of another form is for Check to judge.
func follow(ask probe.Ask, a probe.Answer) probe.Next {
	var j job
	if body := bytes.TrimSpace(a.Body); len(body) == 0 || body[0] != '{' || json.Unmarshal(body, &j) != nil {
		return probe.Next{}
	}
	switch ask.Provider {
	case falAI:
		return j.fal(ask)
	case replicate:
		return working(j.Status, replicateWords(), errorText(j.Error), firstOf(j.URLs.Get, "/v1/predictions/", j.ID), paceReplicate, j.Output)
	case wavespeed:
		var d inner
		if json.Unmarshal(j.Data, &d) != nil || d.Status == "" {
			return probe.Next{}
		}
		return working(d.Status, wavespeedWords(), errorText(d.Error), firstOf(d.URLs.Get, "/api/v3/predictions/", d.ID+"/result"), paceWavespeed, d.Outputs)
	case zaiOrg:
		return working(j.TaskStatus, zaiWords(), errorText(j.Error), firstOf("", "/api/paas/v4/async-result/", j.ID), paceZai, j.Result)
	}
	return probe.Next{Link: linkIn(j.Data)}
}

// fal follows fal's queue, whose result is asked for by itself, and its files.
func (j *job) fal(ask probe.Ask) probe.Next {
	base := pathOf(j.Response)
	if base == "" {
		base = firstOf("", "/"+ask.Model+"/requests/", j.RequestID)
	}
	switch {
	case j.Status == "" || base == "":
		for _, files := range []json.RawMessage{j.Images, j.Audio} {
			if link := linkIn(files); link != "" {
				return probe.Next{Link: link}
			}
		}
		return probe.Next{}
	case j.Status == "IN_QUEUE" || j.Status == "IN_PROGRESS":
		return probe.Next{Path: base + "/status", Query: falQueue, Wait: paceFal, State: j.Status}
	case j.Status == "COMPLETED" && errorText(j.Error) == "":
		return probe.Next{Path: base, Query: falQueue, State: j.Status}
	}
	return probe.Next{Failed: true, State: j.Status, Reason: errorText(j.Error)}
}

// words are a provider's own for how far its work is.
type words struct{ busy, done []string }

func replicateWords() words {
	return words{busy: []string{"starting", "processing"}, done: []string{"succeeded"}}
}

func wavespeedWords() words {
	return words{busy: []string{"created", "processing"}, done: []string{"completed"}}
}

func zaiWords() words { return words{busy: []string{"PROCESSING"}, done: []string{"SUCCESS"}} }

// working says what comes after a state: a question at path, the file, or the end
// where the provider gave up. Without a state, or a place to ask at, it is nothing.
func working(state string, w words, said, path string, pace time.Duration, output json.RawMessage) probe.Next {
	is := func(names []string) bool {
		for _, name := range names {
			if strings.EqualFold(state, name) {
				return true
			}
		}
		return false
	}
	switch {
	case state == "":
		return probe.Next{}
	case is(w.busy) && path != "":
		return probe.Next{Path: path, Wait: pace, State: state}
	case is(w.done):
		return probe.Next{Link: linkIn(output), State: state}
	case is(w.busy):
		return probe.Next{}
	}
	return probe.Next{Failed: true, State: clip(state, 40), Reason: said}
}

// plainPath is a path that may be asked at a provider.
var plainPath = regexp.MustCompile(`^(/[A-Za-z0-9_~:-][A-Za-z0-9._~:-]*){1,12}$`)

// pathOf returns the path of an address that an answer names. Its host is never
// asked: a question goes where the request went.
func pathOf(address string) string {
	u, err := url.Parse(address)
	if err != nil || len(u.Path) > 512 || !plainPath.MatchString(u.Path) {
		return ""
	}
	return u.Path
}

// firstOf returns the path of an address, or else that of an id below a prefix;
// nothing where neither can be asked.
func firstOf(address, prefix, id string) string {
	if path := pathOf(address); path != "" {
		return path
	}
	if id == "" || strings.HasPrefix(id, "/") || len(id) > 256 || !plainPath.MatchString(prefix+id) {
		return ""
	}
	return prefix + id
}

// linkIn returns the first address in a value: a text, a list, or an object with a
// url.
func linkIn(raw json.RawMessage) string {
	var text string
	var items []json.RawMessage
	var object struct {
		URL string `json:"url"`
	}
	switch {
	case len(raw) == 0:
		return ""
	case json.Unmarshal(raw, &text) == nil:
	case json.Unmarshal(raw, &items) == nil:
		if first := bytes.TrimSpace(firstItem(items)); len(first) > 0 && first[0] != '[' {
			return linkIn(first)
		}
		return ""
	case json.Unmarshal(raw, &object) == nil:
		text = object.URL
	}
	if strings.HasPrefix(text, "https://") || strings.HasPrefix(text, "http://") {
		return text
	}
	return ""
}

// firstItem returns the first item of a list; nil where there is none.
func firstItem(items []json.RawMessage) json.RawMessage {
	if len(items) == 0 {
		return nil
	}
	return items[0]
}

// errorText returns what a provider says of its failure: a text, or the message of
// an object.
func errorText(raw json.RawMessage) string {
	var text string
	var object struct {
		Message string `json:"message"`
	}
	if json.Unmarshal(raw, &text) == nil {
		return text
	}
	_ = json.Unmarshal(raw, &object)
	return object.Message
}
