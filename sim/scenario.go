package sim

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"
)

// maxScenario is the largest scenario file that LoadScenario reads, in bytes.
const maxScenario = 8 << 20

// Duration is a time.Duration that JSON writes as "1m30s".
type Duration time.Duration

// MarshalText returns d as time.Duration prints it.
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// UnmarshalText reads what time.ParseDuration reads; a negative one is refused.
func (d *Duration) UnmarshalText(text []byte) error {
	parsed, err := time.ParseDuration(string(text))
	if err != nil {
		return fmt.Errorf("%q is no duration such as 250ms or 1m30s", text)
	}
	if parsed < 0 {
		return fmt.Errorf("%q is negative", text)
	}
	*d = Duration(parsed)
	return nil
}

// Scenario is what a Server simulates.
type Scenario struct {
	// About describes the scenario to a reader; the server ignores it.
	About string `json:"about,omitempty"`
	// Seed decides every random draw: jitter, ratios of faults, identifiers.
	Seed uint64 `json:"seed"`
	// RecordTokens keeps the time of every token in the ground-truth log.
	RecordTokens bool    `json:"record_tokens,omitempty"`
	Account      Account `json:"account,omitzero"`
	Models       []Model `json:"models"`
	// Listeners are further addresses of the server, whose connections and TLS can
	// be at fault.
	Listeners []Listener `json:"listeners,omitempty"`
	Timeline  []Step     `json:"timeline,omitempty"`
}

// Model is one model at one place: behind the router, at a dedicated endpoint,
// or both.
type Model struct {
	About string `json:"about,omitempty"`
	// Name is what the scenario, the admin routes, the log and the path
	// /e/{name}/ call it.
	Name string `json:"name"`
	// ID is the Hub's, "org/name" or "name".
	ID string `json:"model"`
	// Tasks are the Hub's names of what it does, its own pipeline tag first.
	Tasks []string `json:"tasks"`
	// Backend is the software that serves it; see Backends.
	Backend string `json:"backend"`
	// Provider puts it behind the router under that provider's name. A model of
	// backend hf-inference has provider hf-inference by default; of backend
	// provider it must be given; for engines empty means endpoint only.
	Provider string `json:"provider,omitempty"`
	// ProviderModel is the provider's own id for it; the Hub's by default.
	ProviderModel string `json:"provider_model,omitempty"`
	// Hosts are values of the Host header, without port, that select this
	// endpoint, besides the path /e/{name}/.
	Hosts []string `json:"hosts,omitempty"`
	Behaviour
}

// Behaviour is what may change about a model while the server runs.
type Behaviour struct {
	// Shape is the personality of answers: legacy, new, tei, toolkit or
	// provider; empty is the backend's own.
	Shape string `json:"shape,omitempty"`
	SSE   SSE    `json:"sse,omitzero"`

	Latency Latency `json:"latency,omitzero"`
	// Permits is how many requests it computes at once; 0 is the backend's own
	// number (TGI 128, TEI 512, toolkit 1, others 256).
	Permits int `json:"permits,omitempty"`
	// Overflow is what happens beyond that: reject (overloaded, at once) or
	// queue (first come, first served, up to QueueLimit, then rejected); empty
	// is the backend's own: TGI and TEI reject, the others queue.
	Overflow string `json:"overflow,omitempty"`
	// QueueLimit bounds the queue; 0 is 1000.
	QueueLimit int `json:"queue_limit,omitempty"`

	// Tokens is how many answer tokens it generates unless the request allows
	// fewer; 0 is as many as Text has.
	Tokens int `json:"tokens,omitempty"`
	// Text is what generating tasks say; empty is a text of the simulator's.
	Text string `json:"text,omitempty"`
	// Labels are those of a classifier, the negative first; NEGATIVE and
	// POSITIVE by default.
	Labels []string `json:"labels,omitempty"`
	// Dimension is that of embeddings; 0 is 384.
	Dimension int `json:"dimension,omitempty"`
	// Unpooled makes feature-extraction answer per token: depth 3 for a string,
	// depth 4 for a list, as bare transformers models do.
	Unpooled bool `json:"unpooled,omitempty"`
	// Media is the format of pictures and sounds: jpeg, png, wav or flac; empty is
	// JPEG and WAV.
	Media string `json:"media,omitempty"`
	// Context bounds prompt and generated tokens together; 0 is 4096.
	Context int `json:"context,omitempty"`

	// SHA is the commit in x-sha; empty is one made from the model's id.
	SHA string `json:"sha,omitempty"`
	// ServedBy is the provider in x-inference-provider; empty is Provider.
	ServedBy string `json:"served_by,omitempty"`
	// EchoModel is the model name in OpenAI-style answers; empty is what the
	// backend really echoes.
	EchoModel string `json:"echo_model,omitempty"`
	// Cache is what hf-inference replays for identical bodies: on, off,
	// stubborn (even where x-use-cache is false) or any (the last answer,
	// whatever the body); empty is on for hf-inference and off elsewhere.
	Cache string `json:"cache,omitempty"`
	// Headers come on every good answer besides the backend's own, such as a
	// retry-after that means nothing.
	Headers map[string]string `json:"headers,omitempty"`
	// RequireAuth makes inference routes answer 401 to requests without an
	// Authorization header.
	RequireAuth bool `json:"require_auth,omitempty"`
	// Health is what health routes say: ok, unhealthy or hang; empty is ok,
	// whatever else is wrong.
	Health string `json:"health,omitempty"`
	// RateLimit bounds the requests to it of each token; absent is no bound.
	RateLimit *RateLimit `json:"rate_limit,omitempty"`
	// Weight is its share of the router's requests that name no provider. While
	// none of a model's providers has one, they go to the fastest.
	Weight float64 `json:"weight,omitempty"`
	// Listing is what the router's list and the Hub say of it.
	Listing Listing `json:"listing,omitzero"`

	// Cold makes it a dedicated endpoint that sleeps; nil is always ready.
	Cold *Cold `json:"cold,omitempty"`

	Fault Fault `json:"fault,omitzero"`
}

// Latency is how long computing takes. A request that holds a permit gives its
// first token (or, without tokens, its answer) after Prefill, and every
// further token PerToken later.
type Latency struct {
	Prefill  Duration `json:"prefill,omitempty"`
	PerToken Duration `json:"per_token,omitempty"`
	// PrefillPerToken is added to Prefill for each token of the input.
	PrefillPerToken Duration `json:"prefill_per_token,omitempty"`
	// Jitter is the distribution by which Prefill and each PerToken vary:
	// uniform (of half-width Spread), normal (of standard deviation Spread, cut
	// at three) or lognormal (of sigma Spread and mean 1); empty is none.
	Jitter string `json:"jitter,omitempty"`
	// Spread is relative: 0.1 is ten per cent.
	Spread float64 `json:"spread,omitempty"`
	// Load slows a request by 1 + Load x (n - 1), n being the requests that
	// hold permits when it gets its own, itself included.
	Load float64 `json:"load,omitempty"`
}

// Account is what is wrong with the caller's account at the router. Listing
// models works all the same, as it does at the real one.
type Account struct {
	// RequireAuth makes the router answer 401 without an Authorization header.
	RequireAuth bool `json:"require_auth,omitempty"`
	// Name is the account's, and Orgs are the organisations that it is in, as
	// whoami tells them; without a name it is "sim".
	Name string   `json:"name,omitempty"`
	Orgs []string `json:"orgs,omitempty"`
	// Disabled are providers that the account has not enabled: to it the router
	// says that no enabled provider has the model.
	Disabled []string `json:"disabled,omitempty"`
	// Preferred is the account's order of providers, for "id:preferred".
	Preferred []string `json:"preferred,omitempty"`
	// Failover makes the router ask the next provider where one that it chose
	// by itself refuses with a 429 or a 5xx.
	Failover   bool           `json:"failover,omitempty"`
	Faults     []AccountFault `json:"faults,omitempty"`
	RateLimits []AccountLimit `json:"rate_limits,omitempty"`
}

// AccountFault is a fault of those requests that match all of what it names.
type AccountFault struct {
	// Provider, BillTo and Token (as TokenHash gives it) narrow it; empty
	// matches all.
	Provider string `json:"provider,omitempty"`
	BillTo   string `json:"bill_to,omitempty"`
	Token    string `json:"token,omitempty"`
	Fault    Fault  `json:"fault"`
}

// Step is a change at a time after the start. It patches one model or one
// listener, replaces the account, or both.
type Step struct {
	About    string          `json:"about,omitempty"`
	At       Duration        `json:"at"`
	Model    string          `json:"model,omitempty"`
	Listener string          `json:"listener,omitempty"`
	Set      json.RawMessage `json:"set,omitempty"`
	Account  *Account        `json:"account,omitempty"`
}

// LoadScenario reads one scenario in JSON. Unknown keys, wrong types and
// values are errors that name their path, such as
// "models[0].latency.prefil: unknown key".
func LoadScenario(r io.Reader) (Scenario, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxScenario+1))
	if err != nil {
		return Scenario{}, fmt.Errorf("scenario: %w", err)
	}
	if len(text) > maxScenario {
		return Scenario{}, fmt.Errorf("scenario: longer than %d bytes", maxScenario)
	}
	var s Scenario
	if err := decodeStrict(text, &s, ""); err != nil {
		return Scenario{}, fmt.Errorf("scenario: %w", err)
	}
	if err := s.Validate(); err != nil {
		return Scenario{}, fmt.Errorf("scenario: %w", err)
	}
	return s, nil
}

// merge replaces what the JSON object set names, as Server.Patch says. b may be
// half changed where it returns an error.
func (b *Behaviour) merge(set []byte) error {
	var keys map[string]json.RawMessage
	if err := json.Unmarshal(set, &keys); err != nil || keys == nil {
		return fmt.Errorf("set: want a JSON object of behaviour")
	}
	if _, given := keys["fault"]; given {
		b.Fault = Fault{}
	}
	return decodeStrict(set, b, "set")
}

// clone returns a copy that shares nothing that decoding or a caller changes.
func (s Scenario) clone() Scenario {
	s.Account = s.Account.clone()
	s.Models = slices.Clone(s.Models)
	for i, m := range s.Models {
		s.Models[i] = m.clone()
	}
	s.Listeners = slices.Clone(s.Listeners)
	for i, l := range s.Listeners {
		s.Listeners[i] = l.clone()
	}
	s.Timeline = slices.Clone(s.Timeline)
	for i, step := range s.Timeline {
		s.Timeline[i].Set = slices.Clone(step.Set)
		if step.Account != nil {
			account := step.Account.clone()
			s.Timeline[i].Account = &account
		}
	}
	return s
}

// clone returns a copy that shares nothing.
func (m Model) clone() Model {
	m.Tasks, m.Hosts, m.Labels = slices.Clone(m.Tasks), slices.Clone(m.Hosts), slices.Clone(m.Labels)
	m.Headers, m.Fault, m.Listing = maps.Clone(m.Headers), m.Fault.clone(), m.Listing.clone()
	m.Cold = m.Cold.clone()
	if m.RateLimit != nil {
		limit := m.RateLimit.clone()
		m.RateLimit = &limit
	}
	return m
}

// clone returns a copy that shares nothing.
func (a Account) clone() Account {
	a.Orgs, a.Disabled, a.Preferred = slices.Clone(a.Orgs), slices.Clone(a.Disabled), slices.Clone(a.Preferred)
	a.Faults, a.RateLimits = slices.Clone(a.Faults), slices.Clone(a.RateLimits)
	for i := range a.Faults {
		a.Faults[i].Fault = a.Faults[i].Fault.clone()
	}
	for i := range a.RateLimits {
		a.RateLimits[i].Limit = a.RateLimits[i].Limit.clone()
	}
	return a
}

// clone returns a copy that shares nothing.
func (f Fault) clone() Fault {
	f.Headers = maps.Clone(f.Headers)
	if f.Done != nil {
		done := *f.Done
		f.Done = &done
	}
	if f.EstimatedTime != nil {
		estimate := *f.EstimatedTime
		f.EstimatedTime = &estimate
	}
	return f
}
