package task

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"

	"github.com/hfwatch/hfwatch/probe"
	"github.com/hfwatch/hfwatch/probe/media"
)

// The providers that are told apart by name.
const (
	falAI     = "fal-ai"
	replicate = "replicate"
	wavespeed = "wavespeed"
	zaiOrg    = "zai-org"
)

// PassedThrough returns the providers behind the router that are known to take a
// task at a path of their own, sorted; none for a task that no provider is known
// to take so. Chat is not among them: the router's own API has it. (huggingface_hub,
// inference/_providers.)
func PassedThrough(name string) []string {
	switch name {
	case "text-to-image":
		return []string{falAI, "nscale", replicate, "together", wavespeed, zaiOrg}
	case "text-to-speech":
		return []string{falAI, replicate}
	case "automatic-speech-recognition":
		return []string{falAI}
	case "feature-extraction":
		return []string{"deepinfra", "scaleway", "together"}
	case "text-generation":
		return []string{"featherless-ai", "novita", "together"}
	}
	return nil
}

// Polled reports whether a provider works on a task after it has answered, and is
// asked for the result.
func Polled(name, provider string) bool {
	switch provider {
	case replicate, wavespeed, zaiOrg:
		return slices.Contains(PassedThrough(name), provider)
	case falAI:
		return name == "text-to-image"
	}
	return false
}

// passed reports whether ask goes to a path of a provider's own; the error says
// that the provider is not known to take the task.
func passed(ask probe.Ask, name string) (bool, error) {
	if ask.Route != probe.RouteProvider {
		return false, nil
	}
	if known := PassedThrough(name); !slices.Contains(known, ask.Provider) {
		return false, fmt.Errorf("%s at the provider %q is not known; known are %s", name, ask.Provider, or(strings.Join(known, ", "), "none"))
	}
	if !PlainModel(ask.Model) {
		return false, fmt.Errorf("provider_model %s cannot stand in an address; write the provider's own id of the model", quote(clip(ask.Model, 80)))
	}
	return true, nil
}

// plainLetters are what a model's name in a path is made of.
const plainLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-:"

// PlainModel reports whether a provider's id of a model can stand in a path: names
// with slashes between them, and with a version behind a colon.
func PlainModel(id string) bool {
	if id == "" || len(id) > 256 {
		return false
	}
	for part := range strings.SplitSeq(id, "/") {
		if part == "" || part == "." || part == ".." || strings.Trim(part, plainLetters) != "" {
			return false
		}
	}
	return true
}

// pathAt returns the path of a task at a provider, of the OpenAI kind.
func pathAt(name, provider string) string {
	switch {
	case name == "text-to-image":
		return "/v1/images/generations"
	case name == "feature-extraction" && provider == "deepinfra":
		return "/v1/openai/embeddings"
	case name == "feature-extraction":
		return "/v1/embeddings"
	case provider == "novita":
		return "/v3/openai/completions"
	}
	return "/v1/completions"
}

// generateAt returns the request for a picture or a sound of what a text says; key
// is the name of the text, beside the parameters.
func generateAt(ask probe.Ask, name, key, text string, p params) (probe.Request, error) {
	var b body
	r := probe.Request{Path: pathAt(name, ask.Provider)}
	switch ask.Provider {
	case falAI:
		r.Path = "/" + ask.Model
		if Polled(name, falAI) {
			r.Query = falQueue
		}
		b.value(key, text)
		b.fields(p)
	case replicate:
		return replicated(ask, name, key, text, p)
	case wavespeed:
		r.Path = "/api/v3/" + ask.Model
		b.value(key, text)
		b.fields(p)
	default:
		b.value("model", ask.Model)
		b.value(key, text)
		if ask.Provider == zaiOrg {
			r.Path = "/api/paas/v4/async/images/generations"
			r.Header = map[string]string{"Accept-Language": "en-US,en", "X-Source-Channel": "hugging_face"}
		} else if _, given := p.get("response_format"); !given {
			b.value("response_format", pictureForm(ask.Provider))
		}
		b.fields(p)
	}
	return at(ask, name, r, &b)
}

// falQueue is the query by which the router passes on to fal's queue.
const falQueue = "_subdomain=queue"

// pictureForm is the word for a picture within the answer.
func pictureForm(provider string) string {
	if provider == "together" {
		return "base64"
	}
	return "b64_json"
}

// replicated returns the request for a prediction: of a model by its name, or of
// a version of one. The answer is held back until it is there, for a minute at the
// most.
func replicated(ask probe.Ask, name, key, text string, p params) (probe.Request, error) {
	var input, b body
	input.value(key, text)
	input.fields(p)
	inner, err := input.bytes()
	if err != nil {
		return probe.Request{}, fmt.Errorf("parameters.%w", err)
	}
	r := probe.Request{Path: "/v1/models/" + ask.Model + "/predictions", Header: map[string]string{"Prefer": "wait"}}
	if _, version, has := strings.Cut(ask.Model, ":"); has {
		r.Path = "/v1/predictions"
		b.value("version", version)
	}
	b.raw("input", inner)
	return at(ask, name, r, &b)
}

// at completes a request with its body.
func at(ask probe.Ask, name string, r probe.Request, b *body) (probe.Request, error) {
	made, err := request(ask, name, b)
	made.Path, made.Query, made.Header = r.Path, r.Query, r.Header
	return made, err
}

// speechAt returns the request to write down what is said in a sound.
func speechAt(ask probe.Ask, name string, m medium, p params) (probe.Request, error) {
	var b body
	data := media.Mark(m.data, ask.Nonce)
	b.value("audio_url", "data:"+m.info.Format.Type()+";base64,"+base64.StdEncoding.EncodeToString(data))
	b.fields(p)
	r, err := at(ask, name, probe.Request{Path: "/" + ask.Model}, &b)
	r.TokensIn = 0
	return r, err
}
