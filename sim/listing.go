package sim

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// The statuses of a provider's model in the lists.
const (
	statusLive    = "live"
	statusStaging = "staging"
	statusError   = "error"
)

// Listing is what the router's list and the Hub say of a model at a provider,
// which need not be true. Figures that are absent come from the behaviour where
// it has them, and are absent from the list else, as they are from the real one.
type Listing struct {
	// Status is live, staging or error; empty is error while a fault of class
	// status strikes every request, and live else.
	Status string `json:"status,omitempty"`
	// Hidden takes it from the lists while it goes on to work.
	Hidden bool `json:"hidden,omitempty"`
	// InputPrice and OutputPrice are in USD for a million tokens.
	InputPrice  *float64 `json:"input_price,omitempty"`
	OutputPrice *float64 `json:"output_price,omitempty"`
	Free        bool     `json:"free,omitempty"`
	// Tools and StructuredOutput say what it supports.
	Tools            *bool `json:"tools,omitempty"`
	StructuredOutput *bool `json:"structured_output,omitempty"`
	// FirstToken and Throughput, in tokens a second, are the router's own
	// measurements.
	FirstToken Duration `json:"first_token,omitempty"`
	Throughput float64  `json:"throughput,omitempty"`
	// Author says that the provider made the model.
	Author bool `json:"author,omitempty"`
	// Images says that it takes images.
	Images bool `json:"images,omitempty"`
	// Gated and Disabled are the Hub's words about the repository.
	Gated    bool `json:"gated,omitempty"`
	Disabled bool `json:"disabled,omitempty"`
	// MaskToken is that of a model for fill-mask; empty is "[MASK]".
	MaskToken string `json:"mask_token,omitempty"`
}

// validate checks a listing.
func (l Listing) validate() error {
	for _, price := range []*float64{l.InputPrice, l.OutputPrice} {
		if price != nil && !(*price >= 0) {
			return errors.New("listing: a price is negative")
		}
	}
	return first(
		oneOf("listing.status", l.Status, statusLive, statusStaging, statusError),
		within("listing.throughput", l.Throughput, 0.0, 1e9),
	)
}

// clone returns a copy that shares nothing.
func (l Listing) clone() Listing {
	l.InputPrice, l.OutputPrice = copied(l.InputPrice), copied(l.OutputPrice)
	l.Tools, l.StructuredOutput = copied(l.Tools), copied(l.StructuredOutput)
	return l
}

// copied returns a pointer to a copy of what p points to, or nil.
func copied[T any](p *T) *T {
	if p == nil {
		return nil
	}
	v := *p
	return &v
}

// cost orders models by price: what is free first, what has no price last.
func (l Listing) cost() float64 {
	switch {
	case l.Free:
		return 0
	case l.OutputPrice != nil:
		return *l.OutputPrice
	case l.InputPrice != nil:
		return *l.InputPrice
	}
	return 1e18
}

// status returns how the lists speak of m.
func (m Model) status() string {
	if m.Listing.Status != "" {
		return m.Listing.Status
	}
	if kindNamed(m.Fault.Kind).Class == ClassStatus && m.Fault.Ratio == 0 {
		return statusError
	}
	return statusLive
}

// routerModels answers the router's list of chat models, or one entry of it.
func (x *exchange) routerModels(id string) *problem {
	x.rec.Route = "router models"
	var ids []string
	entries := map[string][]any{}
	images := map[string]bool{}
	for _, m := range x.server.Scenario().Models {
		if m.provider() == "" || !slices.Contains(m.Tasks, taskChat) || m.Listing.Hidden {
			continue
		}
		if entries[m.ID] == nil {
			ids = append(ids, m.ID)
		}
		entries[m.ID] = append(entries[m.ID], m.routerEntry())
		images[m.ID] = images[m.ID] || m.Listing.Images
	}
	describe := func(id string) object {
		owner, _, _ := strings.Cut(id, "/")
		inputs := []any{"text"}
		if images[id] {
			inputs = append(inputs, "image")
		}
		return object{
			{"id", id},
			{"object", "model"},
			{"created", madeAt},
			{"owned_by", owner},
			{"architecture", object{{"input_modalities", inputs}, {"output_modalities", []any{"text"}}}},
			{"providers", entries[id]},
		}
	}
	if id == "" {
		data := []any{}
		for _, known := range ids {
			data = append(data, describe(known))
		}
		x.sendJSON(object{{"object", "list"}, {"data", data}})
		return nil
	}
	if entries[id] == nil {
		return &problem{
			did: "unknown_model", status: 404, envelope: envOpenAI, message: fmt.Sprintf("Model '%s' not found", id),
			errorType: "invalid_request_error", code: "model_not_found", param: "model",
		}
	}
	x.sendJSON(describe(id))
	return nil
}

// madeAt is when every model was made, in seconds of Unix time.
const madeAt = int64(1_700_000_000)

// routerEntry returns what the router's list says of m's provider.
func (m Model) routerEntry() object {
	b, l := m.effective(), m.Listing
	entry := object{{"provider", m.provider()}, {"status", m.status()}, {"context_length", b.Context}}
	if l.InputPrice != nil || l.OutputPrice != nil {
		pricing := object{}
		if l.InputPrice != nil {
			pricing = append(pricing, member{"input", *l.InputPrice})
		}
		if l.OutputPrice != nil {
			pricing = append(pricing, member{"output", *l.OutputPrice})
		}
		entry = append(entry, member{"pricing", pricing})
	}
	if l.Free {
		entry = append(entry, member{"is_free", true})
	}
	if l.Tools != nil {
		entry = append(entry, member{"supports_tools", *l.Tools})
	}
	if l.StructuredOutput != nil {
		entry = append(entry, member{"supports_structured_output", *l.StructuredOutput})
	}
	if m.status() == statusLive {
		fill(&l.FirstToken, b.Latency.Prefill)
		entry = append(entry, member{"first_token_latency_ms", time.Duration(l.FirstToken).Milliseconds()})
		if b.Latency.PerToken > 0 {
			fill(&l.Throughput, 1/time.Duration(b.Latency.PerToken).Seconds())
		}
		if l.Throughput > 0 {
			entry = append(entry, member{"throughput", l.Throughput})
		}
	}
	return append(entry, member{"is_model_author", l.Author})
}
