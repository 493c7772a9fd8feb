package hub

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/hfwatch/hfwatch/probe"
)

// Listed is a model of the router's list. (hub-docs, inference-providers,
// hub-api.md: GET /v1/models.)
type Listed struct {
	ID        string
	Input     []string // modalities
	Output    []string
	Providers []Offer
}

// Offer is what one provider offers of a model. What the router does not say is
// absent.
type Offer struct {
	Provider string
	// Status is "live" or "error", or another word that the router has come to
	// use.
	Status  string
	Context probe.Opt[int] // tokens
	// USDPerMTokInput and USDPerMTokOutput are in US dollars a million tokens.
	USDPerMTokInput, USDPerMTokOutput probe.Opt[float64]
	Free                              probe.Opt[bool]
	Tools, Structured                 probe.Opt[bool]
	// FirstToken and Throughput are the router's own figures: seconds, and tokens
	// a second.
	FirstToken  probe.Seconds
	Throughput  probe.Opt[float64]
	ModelAuthor bool
}

// Live reports whether the router would send requests there.
func (o Offer) Live() bool { return o.Status == "live" || o.Status == "" }

// Models returns the router's whole list. It needs no token.
func (c *Client) Models(ctx context.Context) ([]Listed, error) {
	reply, err := c.Do(ctx, Request{Base: c.router, Path: "/v1/models"})
	if err != nil {
		return nil, err
	}
	all, err := ParseModels(reply.Body)
	if err != nil {
		return nil, fmt.Errorf("the router's list of models: %w", err)
	}
	return all, nil
}

// Listing returns what the router says of one model. The error is a
// *StatusError with the status 404 where it has no such model.
func (c *Client) Listing(ctx context.Context, id string) (Listed, error) {
	if !plainID(id) {
		return Listed{}, fmt.Errorf("%q is not a model's id; write it as on the Hub, such as org/name", id)
	}
	reply, err := c.Do(ctx, Request{Base: c.router, Path: "/v1/models/" + id})
	if err != nil {
		return Listed{}, err
	}
	m, err := ParseModel(reply.Body)
	if err != nil {
		return Listed{}, fmt.Errorf("the router's entry of %s: %w", id, err)
	}
	return m, nil
}

// rawListed is a model on the wire.
type rawListed struct {
	ID           text `json:"id"`
	Architecture struct {
		Input  list[text] `json:"input_modalities"`
		Output list[text] `json:"output_modalities"`
	} `json:"architecture"`
	Providers list[rawOffer] `json:"providers"`
}

// rawOffer is an offer on the wire.
type rawOffer struct {
	Provider text   `json:"provider"`
	Status   text   `json:"status"`
	Context  number `json:"context_length"`
	Pricing  struct {
		Input  number `json:"input"`
		Output number `json:"output"`
	} `json:"pricing"`
	Free       flag   `json:"is_free"`
	Tools      flag   `json:"supports_tools"`
	Structured flag   `json:"supports_structured_output"`
	FirstToken number `json:"first_token_latency_ms"`
	Throughput number `json:"throughput"`
	Author     flag   `json:"is_model_author"`
}

// ParseModels reads the router's list of models. Entries without an id are left
// out; an answer that is no such list is an error.
func ParseModels(body []byte) ([]Listed, error) {
	var raw struct {
		Data *list[json.RawMessage] `json:"data"`
	}
	if err := decode(body, &raw); err != nil {
		return nil, err
	}
	if raw.Data == nil {
		return nil, errors.New("the answer has no list under data")
	}
	out := make([]Listed, 0, len(*raw.Data))
	for _, item := range *raw.Data {
		var one rawListed
		if json.Unmarshal(item, &one) == nil && plainID(string(one.ID)) {
			out = append(out, one.listed())
		}
	}
	return out, nil
}

// ParseModel reads one model, as it is or under data.
func ParseModel(body []byte) (Listed, error) {
	var raw struct {
		rawListed
		Data json.RawMessage `json:"data"`
	}
	if err := decode(body, &raw); err != nil {
		return Listed{}, err
	}
	one := raw.rawListed
	if one.ID == "" && len(raw.Data) > 0 {
		if err := decode(raw.Data, &one); err != nil {
			return Listed{}, err
		}
	}
	if !plainID(string(one.ID)) {
		return Listed{}, errors.New("the answer names no model")
	}
	return one.listed(), nil
}

// listed returns the model as a value.
func (r rawListed) listed() Listed {
	m := Listed{ID: string(r.ID), Input: texts(r.Architecture.Input), Output: texts(r.Architecture.Output)}
	for _, o := range r.Providers {
		if plainProvider(string(o.Provider)) && !slices.ContainsFunc(m.Providers, func(have Offer) bool { return have.Provider == string(o.Provider) }) {
			m.Providers = append(m.Providers, o.offer())
		}
	}
	return m
}

// offer returns the offer as a value.
func (r rawOffer) offer() Offer {
	o := Offer{
		Provider: string(r.Provider), Status: string(r.Status), USDPerMTokInput: r.Pricing.Input.Opt,
		USDPerMTokOutput: r.Pricing.Output.Opt, Free: r.Free.Opt, Tools: r.Tools.Opt, Structured: r.Structured.Opt,
		Throughput: r.Throughput.Opt,
	}
	o.ModelAuthor, _ = r.Author.Get()
	if n, ok := r.Context.Get(); ok && n >= 1 && n <= 1<<40 {
		o.Context = probe.Some(int(n))
	}
	if ms, ok := r.FirstToken.Get(); ok {
		o.FirstToken = milliseconds(ms)
	}
	return o
}

// texts returns the words of a list, without empty ones.
func texts(l list[text]) []string {
	var out []string
	for _, t := range l {
		if t != "" {
			out = append(out, string(t))
		}
	}
	return out
}

// plainID reports whether id can stand in an address as a model's id.
func plainID(id string) bool {
	if id == "" || len(id) > maxName || strings.Contains(id, "..") || strings.HasPrefix(id, "/") || strings.HasSuffix(id, "/") {
		return false
	}
	return strings.Count(id, "/") <= 1 && url.PathEscape(strings.ReplaceAll(id, "/", "")) == strings.ReplaceAll(id, "/", "")
}

// plainProvider reports whether name can be a provider's.
func plainProvider(name string) bool {
	return name != "" && len(name) <= 64 && strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}
