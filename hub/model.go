package hub

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/hfwatch/hfwatch/probe"
)

// Model is what the Hub knows of a model. (huggingface_hub, hf_api.py,
// ModelInfo: GET /api/models/{id} with expand.)
type Model struct {
	ID string
	// Task is the pipeline tag; empty where the Hub knows none.
	Task    string
	Library string
	Tags    []string
	// Revision is the commit of the main branch.
	Revision string
	Modified time.Time
	// Warm is true where the Hub says that some provider has it loaded.
	Warm bool
	// Gated is true where the model's author must grant access.
	Gated    bool
	Disabled bool
	Private  bool
	// MaskToken is the token that fill-mask models complete; empty where there is
	// none.
	MaskToken string
	Providers []Mapping
}

// Mapping is one provider's name of a model, and whether it answers.
type Mapping struct {
	Provider   string
	ProviderID string
	// Status is "live", "staging" or "error": the Hub's own check fails.
	Status string
	Task   string
}

// Model returns what the Hub knows of a model. The error is a *StatusError with
// the status 401 or 404 where it has none of that id that this token may see.
func (c *Client) Model(ctx context.Context, id string) (Model, error) {
	if !plainID(id) {
		return Model{}, fmt.Errorf("%q is not a model's id; write it as on the Hub, such as org/name", id)
	}
	expand := []string{
		"pipeline_tag", "library_name", "tags", "sha", "lastModified", "inference", "gated", "disabled", "private",
		"mask_token", "inferenceProviderMapping",
	}
	reply, err := c.Do(ctx, Request{Base: c.api, Path: "/api/models/" + id, Query: url.Values{"expand[]": expand}})
	if err != nil {
		return Model{}, err
	}
	m, err := ParseInfo(reply.Body)
	if err != nil {
		return Model{}, fmt.Errorf("the Hub's entry of %s: %w", id, err)
	}
	return m, nil
}

// rawInfo is a model on the wire.
type rawInfo struct {
	ID        text            `json:"id"`
	ModelID   text            `json:"modelId"`
	Task      text            `json:"pipeline_tag"`
	Library   text            `json:"library_name"`
	Tags      list[text]      `json:"tags"`
	Revision  text            `json:"sha"`
	Modified  text            `json:"lastModified"`
	Inference text            `json:"inference"`
	Gated     json.RawMessage `json:"gated"`
	Disabled  flag            `json:"disabled"`
	Private   flag            `json:"private"`
	MaskToken text            `json:"mask_token"`
	Mapping   mappings        `json:"inferenceProviderMapping"`
}

// ParseInfo reads a model of the Hub.
func ParseInfo(body []byte) (Model, error) {
	var raw rawInfo
	if err := decode(body, &raw); err != nil {
		return Model{}, err
	}
	id := raw.ID
	if id == "" {
		id = raw.ModelID
	}
	if !plainID(string(id)) {
		return Model{}, errors.New("the answer names no model")
	}
	m := Model{
		ID: string(id), Task: string(raw.Task), Library: string(raw.Library), Tags: texts(raw.Tags), Revision: string(raw.Revision),
		Warm: raw.Inference == "warm", MaskToken: string(raw.MaskToken), Providers: raw.Mapping,
	}
	m.Disabled, _ = raw.Disabled.Get()
	m.Private, _ = raw.Private.Get()
	// false, or the word for how access is granted.
	m.Gated = len(raw.Gated) > 0 && string(raw.Gated) != "false" && string(raw.Gated) != "null"
	if at, err := time.Parse(time.RFC3339, string(raw.Modified)); err == nil {
		m.Modified = at
	}
	return m, nil
}

// mappings is the list of providers in either of the Hub's forms: an object by
// provider on a model, a list elsewhere.
type mappings []Mapping

// rawMapping is a mapping on the wire.
type rawMapping struct {
	Provider   text `json:"provider"`
	ProviderID text `json:"providerId"`
	Status     text `json:"status"`
	Task       text `json:"task"`
}

// UnmarshalJSON never fails: what is of neither form is no mapping.
func (m *mappings) UnmarshalJSON(data []byte) error {
	var items list[rawMapping]
	switch data = bytes.TrimSpace(data); {
	case len(data) > 0 && data[0] == '{':
		var object map[string]json.RawMessage
		if json.Unmarshal(data, &object) != nil {
			return nil //nolint:nilerr // What is of another form is empty.
		}
		for name, raw := range object {
			var one rawMapping
			if json.Unmarshal(raw, &one) == nil {
				one.Provider = text(name)
				items = append(items, one)
			}
		}
	default:
		if json.Unmarshal(data, &items) != nil {
			return nil //nolint:nilerr // What is of another form is empty.
		}
	}
	for _, one := range items[:min(len(items), maxProviders)] {
		if plainProvider(string(one.Provider)) {
			*m = append(*m, Mapping{string(one.Provider), string(one.ProviderID), string(one.Status), string(one.Task)})
		}
	}
	slices.SortFunc(*m, func(a, b Mapping) int { return strings.Compare(a.Provider, b.Provider) })
	return nil
}

// maxProviders bounds the providers of one model.
const maxProviders = 256

// milliseconds returns a number of milliseconds as a duration, absent where it
// is beyond an hour.
func milliseconds(ms float64) probe.Seconds {
	if ms > float64(time.Hour/time.Millisecond) {
		return probe.Seconds{}
	}
	return probe.Measured(time.Duration(ms * float64(time.Millisecond)))
}
