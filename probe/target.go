package probe

import (
	"net/url"
	"time"
)

// Route says how an endpoint's address is made and which dialect it speaks.
type Route string

// The routes.
const (
	// RouteHFInference is the router's own serverless provider:
	// {router}/hf-inference/models/{model}, with a suffix for some tasks.
	RouteHFInference Route = "hf-inference"
	// RouteRouter is the router's OpenAI-compatible API, {router}/v1/…, with
	// the provider pinned in the model's name.
	RouteRouter Route = "router"
	// RouteProvider is a path of a provider's own behind the router:
	// {router}/{provider}/…, with the provider's own id of the model.
	RouteProvider Route = "provider"
	// RouteURL is any address as given: dedicated endpoints, TGI, TEI, the
	// toolkit, vLLM. For chat the address is completed as the official clients
	// complete it.
	RouteURL Route = "url"
)

// Target is a named model at an endpoint: everything that one exchange with it
// needs, and nothing of when to probe it. A Target is never changed once made.
type Target struct {
	Name     string
	Model    string
	Task     Task
	Provider string
	// ProviderModel is the provider's own id of the model, for RouteProvider.
	ProviderModel string
	Location      string
	Endpoint      Endpoint

	Inputs Inputs
	// Parameters is a JSON object that passes through to the task; nil is none.
	Parameters []byte
	Stream     bool
	// Reasoning is true for models known to think before they answer.
	Reasoning bool
	// Timeout bounds the whole exchange, from being sent.
	Timeout time.Duration
	// Stall bounds the time without progress in a stream.
	Stall  time.Duration
	Cache  CachePolicy
	Expect Expect

	Wake WakePolicy
	// GiveUp is how long a cold model may be cold before it is at fault.
	GiveUp       time.Duration
	ExpectPaused bool
	Price        Price
	Labels       map[string]string
}

// Identity returns what a Match looks at.
func (t *Target) Identity() Identity {
	return Identity{Name: t.Name, Task: t.Task.Name(), Model: t.Model, Location: t.Location, Labels: t.Labels}
}

// Endpoint is where a target answers and how it is reached.
type Endpoint struct {
	Route Route
	// URL is the router's base address for the router's routes, and the whole
	// address as given for RouteURL.
	URL *url.URL
	// HubToken is the Hugging Face token. It leaves only over https and only to
	// huggingface.co, its subdomains and *.endpoints.huggingface.cloud; to any
	// other host it is not sent.
	HubToken Secret
	// AuthHeader and AuthValue are the target's own credentials. Where they are
	// set, the hub token is not sent at all.
	AuthHeader string
	AuthValue  Secret
	// NoAuth forbids any credentials.
	NoAuth bool
	// BillTo is the organisation that pays; sent with the hub token only.
	BillTo string
	// Headers are sent as configured, but for those that would make the client
	// send twice or break its framing, which the configuration refuses.
	Headers map[string]string
	HTTP2   bool
	// Proxy is the proxy to go through; nil is none.
	Proxy *url.URL
	TLS   TLSOptions
}

// Path returns the path of an address of one's own, and nothing for the
// router's routes, which complete theirs.
func (e *Endpoint) Path() string {
	if e.Route != RouteURL || e.URL == nil {
		return ""
	}
	return e.URL.Path
}

// TLSOptions are the deviations from the system's own trust.
type TLSOptions struct {
	// CA holds PEM certificates to trust instead of the system's; nil is the
	// system's.
	CA []byte
	// Certificate and Key are a PEM client certificate; nil is none.
	Certificate []byte
	Key         Secret
	ServerName  string
	// Insecure accepts any certificate.
	Insecure bool
}

// CachePolicy says what to do about replayed answers.
type CachePolicy string

// The cache policies.
const (
	// CacheDefeat makes every request unlike the last: a nonce in the input,
	// X-Use-Cache: false where that is known, a unique prefix for chat.
	CacheDefeat CachePolicy = "defeat"
	// CacheAllow lets answers be replayed.
	CacheAllow CachePolicy = "allow"
)

// Price is what a target's tokens and hours cost. Absent is unknown, not free.
type Price struct {
	USDPerMTokInput  Opt[float64]
	USDPerMTokOutput Opt[float64]
	USDPerHour       Opt[float64]
	// Source says whose figures these are: "config" or "router".
	Source string
}

// Cost returns what the tokens cost in US dollars: (in·input + out·output)/10⁶.
// It is absent where a needed price or count is; an hourly price is not spent
// by requests.
func (p Price) Cost(in, out Opt[int]) Opt[float64] {
	var usd float64
	for _, part := range []struct {
		count Opt[int]
		price Opt[float64]
	}{{in, p.USDPerMTokInput}, {out, p.USDPerMTokOutput}} {
		n, counted := part.count.Get()
		price, priced := part.price.Get()
		switch {
		case counted && n == 0:
		case !counted || !priced:
			return Opt[float64]{}
		default:
			usd += float64(n) * price
		}
	}
	return Some(usd / 1e6)
}
