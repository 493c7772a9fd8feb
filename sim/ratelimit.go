package sim

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// RateLimit lets so many requests through in each fixed window, counted from
// the server's start, for each token by itself.
type RateLimit struct {
	// Requests is how many a window lets through, Window how long it is.
	Requests int      `json:"requests"`
	Window   Duration `json:"window"`
	// Name is the bucket's, in headers of the form draft; empty is "api".
	Name string `json:"name,omitempty"`
	// Headers is the form in which every answer, good or bad, speaks of the
	// limit; see RateHeaders. Empty is none.
	Headers string `json:"headers,omitempty"`
	// Remaining, where given, is what the headers say is left, whatever the
	// truth.
	Remaining *int `json:"remaining,omitempty"`
	// RetryAfter puts the seconds to the next window on a refusal.
	RetryAfter bool `json:"retry_after,omitempty"`
	// Fault is what is answered beyond the limit, of class status; empty is the
	// bare 429.
	Fault Fault `json:"fault,omitzero"`
}

// AccountLimit is a rate limit of those requests to the router, or to the
// Hub, that match all of what it names.
type AccountLimit struct {
	// Provider and BillTo narrow it; empty matches all. The provider "hub" is
	// the Hub's own API.
	Provider string    `json:"provider,omitempty"`
	BillTo   string    `json:"bill_to,omitempty"`
	Limit    RateLimit `json:"limit"`
}

// RateHeaders returns the forms in which an answer can speak of a rate limit:
//
//	draft     RateLimit and RateLimit-Policy of the IETF's draft 9, as the Hub
//	ietf      ratelimit-limit, -remaining and -reset, in seconds
//	plain     x-ratelimit-limit, -remaining and -reset, in seconds
//	requests  x-ratelimit-limit-requests and so on, the reset as "1m2.5s"
//	minute    x-ratelimit-limit-requests-minute and so on, the reset as 33.93
func RateHeaders() []string { return []string{"draft", "ietf", "plain", "requests", "minute"} }

// validate checks a limit; at is its path.
func (l RateLimit) validate(at string) error {
	if l.Requests < 1 {
		return fmt.Errorf("%s.requests: want at least 1", at)
	}
	if l.Window <= 0 {
		return fmt.Errorf("%s.window: want a duration above 0", at)
	}
	if l.Fault.Kind != "" && kindNamed(l.Fault.Kind).Class != ClassStatus {
		return fmt.Errorf("%s.fault.kind: %q is no fault of class status", at, l.Fault.Kind)
	}
	return first(
		within(at+".requests", l.Requests, 1, 1_000_000_000),
		oneOf(at+".headers", l.Headers, RateHeaders()...),
		l.Fault.validate(at+".fault"),
	)
}

// clone returns a copy that shares nothing.
func (l RateLimit) clone() RateLimit {
	l.Fault = l.Fault.clone()
	if l.Remaining != nil {
		remaining := *l.Remaining
		l.Remaining = &remaining
	}
	return l
}

// spent is how far one window of one token's limit is used.
type spent struct {
	window int64
	used   int
}

// maxMeters bounds how many tokens are told apart.
const maxMeters = 4096

// meters count requests by limit and token.
type meters map[string]spent

// take counts one request of key in the window that now, after the start, is
// in. It returns whether the limit lets it through, what is left, and how long
// the window still lasts.
func (m meters) take(key string, l RateLimit, now time.Duration) (ok bool, left int, reset time.Duration) {
	window := time.Duration(l.Window)
	s := m[key]
	if n := int64(now / window); s.window != n {
		s = spent{window: n}
	}
	reset = window - now%window
	if s.used >= l.Requests {
		return false, 0, reset
	}
	s.used++
	if _, known := m[key]; !known && len(m) >= maxMeters {
		clear(m)
	}
	m[key] = s
	return true, l.Requests - s.used, reset
}

// metered counts the request against limit, whose place in the scenario key
// names, and keeps what the answer will say of it. It returns the refusal where
// the limit is reached.
func (x *exchange) metered(key string, limit RateLimit) *problem {
	s := x.server
	s.mu.Lock()
	ok, left, reset := s.meters.take(key+" "+x.rec.TokenHash, limit, x.rec.Received.Sub(s.start))
	s.mu.Unlock()
	if limit.Remaining != nil {
		left = *limit.Remaining
	}
	x.rate = append(x.rate, rateSaid{limit, left, reset})
	if ok {
		return nil
	}
	f := limit.Fault
	fill(&f.Kind, "rate_limited")
	p := x.statusFault(f)
	if p == nil {
		return nil
	}
	p.did = "rate_limit"
	if limit.RetryAfter {
		headers := map[string]string{"Retry-After": wholeSeconds(reset)}
		for name, value := range p.headers {
			headers[name] = value
		}
		p.headers = headers
	}
	return p
}

// rateSaid is what an answer says of a limit.
type rateSaid struct {
	limit RateLimit
	left  int
	reset time.Duration
}

// wholeSeconds returns d in seconds, rounded up.
func wholeSeconds(d time.Duration) string {
	return strconv.FormatInt(int64((d+time.Second-1)/time.Second), 10)
}

// header writes what is said in the limit's form.
func (r rateSaid) header(h http.Header) {
	limit, left, window := strconv.Itoa(r.limit.Requests), strconv.Itoa(r.left), wholeSeconds(time.Duration(r.limit.Window))
	name := r.limit.Name
	fill(&name, "api")
	set := func(prefix, suffix, reset string) {
		h.Set(prefix+"limit"+suffix, limit)
		h.Set(prefix+"remaining"+suffix, left)
		h.Set(prefix+"reset"+suffix, reset)
	}
	switch r.limit.Headers {
	case "draft":
		h.Add("RateLimit", fmt.Sprintf("%q;r=%s;t=%s", name, left, wholeSeconds(r.reset)))
		h.Add("RateLimit-Policy", fmt.Sprintf("\"fixed window\";%q;q=%s;w=%s", name, limit, window))
	case "ietf":
		set("RateLimit-", "", wholeSeconds(r.reset))
	case "plain":
		set("X-Ratelimit-", "", wholeSeconds(r.reset))
	case "requests":
		set("X-Ratelimit-", "-Requests", r.reset.Round(time.Millisecond).String())
	case "minute":
		set("X-Ratelimit-", "-Requests-Minute", strconv.FormatFloat(r.reset.Seconds(), 'f', 2, 64))
	}
}

// accountLimit counts the request against the account's limits of provider.
func (x *exchange) accountLimit(provider string) *problem {
	s := x.server
	s.mu.Lock()
	limits := s.account.clone().RateLimits
	s.mu.Unlock()
	for i, l := range limits {
		if (l.Provider != "" && l.Provider != provider) || (l.Provider == "" && provider == providerHub) ||
			(l.BillTo != "" && l.BillTo != x.r.Header.Get("X-HF-Bill-To")) {
			continue
		}
		if p := x.metered(fmt.Sprintf("account %d", i), l.Limit); p != nil {
			return p
		}
	}
	return nil
}

// modelLimit counts the request against the limit of its model.
func (x *exchange) modelLimit() *problem {
	if x.b.RateLimit == nil {
		return nil
	}
	return x.metered("model "+x.spec.Name, *x.b.RateLimit)
}

// validateLimits checks an account's limits.
func (a Account) validateLimits(at string) error {
	for i, l := range a.RateLimits {
		if err := l.Limit.validate(fmt.Sprintf("%s.rate_limits[%d].limit", at, i)); err != nil {
			return err
		}
	}
	for i, p := range append(append([]string(nil), a.Disabled...), a.Preferred...) {
		if p == "" {
			return errors.New(at + ": a provider's name is empty, number " + strconv.Itoa(i+1) + " of disabled and preferred")
		}
	}
	return nil
}
