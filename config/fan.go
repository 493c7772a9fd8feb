package config

import (
	"slices"
	"strings"

	"github.com/hfwatch/hfwatch/budget"
	"github.com/hfwatch/hfwatch/hub"
	"github.com/hfwatch/hfwatch/probe"
)

// AllProviders is the provider of a model that is watched at every provider
// which the router's list names for it.
const AllProviders = "all"

// MaxFan bounds the providers of one such model.
const MaxFan = 32

// Fan is a model with `provider: all`. It is no target itself: Expand puts one
// target for each provider in its place.
type Fan struct {
	Model
	// Before counts the models of the file that come before it.
	Before int
}

// FanName returns the name of a fan's target at a provider, as the router names
// a pinned model: NAME:PROVIDER.
func FanName(name, provider string) string { return name + ":" + provider }

// Router is what is known of the router's list.
type Router interface {
	// Providers returns the providers at which a model with `provider: all` is
	// watched, none where no provider is known, and then the reason why.
	Providers(model string) (names []string, why Vacancy)
	// Offer returns what the list says of a model at a provider.
	Offer(model, provider string) (hub.Offer, bool)
}

// Vacancy says why a model with `provider: all` has no provider to be watched at:
// its one target, of the fan's own name, is never asked and has this as its result.
type Vacancy struct {
	Outcome probe.Outcome
	Why     string
}

// Expand returns the configuration as it is watched: in the place of each fan
// its targets, and with the router's prices where the file gives none. The
// configuration itself is not changed.
func (c *Config) Expand(r Router) *Config {
	out := *c
	out.Models, out.Fans = make([]Model, 0, len(c.Models)+len(c.Fans)), nil
	next := 0
	for i, m := range c.Models {
		for ; next < len(c.Fans) && c.Fans[next].Before <= i; next++ {
			out.Models = append(out.Models, c.Fans[next].targets(r)...)
		}
		out.Models = append(out.Models, priced(m, r))
	}
	for ; next < len(c.Fans); next++ {
		out.Models = append(out.Models, c.Fans[next].targets(r)...)
	}
	return &out
}

// Listed reports whether the router's list says anything of a target: it names
// those that its chat API serves.
func Listed(t *probe.Target) bool { return t.Endpoint.Route == probe.RouteRouter }

// targets returns the fan's targets, or the one that says why it has none. Each
// has an equal share of the fan's budget.
func (f Fan) targets(r Router) []Model {
	names, why := r.Providers(f.Target.Model)
	if len(names) == 0 {
		m := f.Model
		m.Vacant, m.Provided = &why, f.Target.Name
		return []Model{m}
	}
	names = names[:min(len(names), MaxFan)]
	out := make([]Model, 0, len(names))
	for _, name := range names {
		m, t := f.Model, *f.Target
		t.Name, t.Provider = FanName(f.Target.Name, name), name
		m.Target, m.Provided, m.Budget = &t, f.Target.Name, share(f.Budget, len(names))
		out = append(out, priced(m, r))
	}
	return out
}

// share returns one of n equal parts of a budget, and at least one request and
// one token of what is limited.
func share(b budget.Limits, n int) budget.Limits {
	whole := func(v int64) int64 {
		if v == 0 {
			return 0
		}
		return max(1, v/int64(n))
	}
	return budget.Limits{
		RequestsPerDay: whole(b.RequestsPerDay), RequestsPerMonth: whole(b.RequestsPerMonth),
		TokensPerDay: whole(b.TokensPerDay), TokensPerMonth: whole(b.TokensPerMonth),
		USDPerDay: b.USDPerDay / float64(n), USDPerMonth: b.USDPerMonth / float64(n),
	}
}

// priced returns the model with the router's price where the file gives none and
// the list has one.
func priced(m Model, r Router) Model {
	if m.Target.Price.Source != "" || !Listed(m.Target) {
		return m
	}
	offer, listed := r.Offer(m.Target.Model, m.Target.Provider)
	if !listed {
		return m
	}
	price := probe.Price{Source: PriceOfRouter, USDPerMTokInput: offer.USDPerMTokInput, USDPerMTokOutput: offer.USDPerMTokOutput}
	if free, said := offer.Free.Get(); said && free {
		price.USDPerMTokInput, price.USDPerMTokOutput = probe.Some(0.0), probe.Some(0.0)
	}
	if price.USDPerMTokInput.IsZero() && price.USDPerMTokOutput.IsZero() {
		return m
	}
	t := *m.Target
	t.Price, m.Target = price, &t
	return m
}

// PriceOfRouter is the source of prices that the router's list gives.
const PriceOfRouter = "router"

// fanOut checks what a model at all providers cannot have.
func (m *modelCheck) fanOut() {
	if !m.fan {
		return
	}
	if w := m.raw.Window; w != nil && !w.off {
		m.problem(w.here(), "would load every provider at once", "write one model for each provider that is to be loaded, or window: off")
	}
	if m.raw.Enabled && m.out.Baseline == nil && m.raw.Baseline.off {
		m.problem(m.raw.Baseline.here(), "nothing is asked of any provider without a baseline", "remove it, or write enabled: false")
	}
}

// fanNames refuses the names that the targets of a fan could take.
func (c *checker) fanNames() {
	for _, m := range c.models {
		name := m.out.Target.Name
		if c.fanOf(name) == nil {
			continue
		}
		at := m.raw.at("name")
		if !m.raw.has("name") {
			at = m.raw.at("model")
		}
		c.problem(at, "the name "+quote(name)+" is one that the targets of the model with provider: all can take", "choose another name")
	}
}

// fanOf returns the fan that a name may be a target's of; nil is none.
func (c *checker) fanOf(name string) *checked {
	i := strings.LastIndex(name, ":")
	if i < 0 || !providerName.MatchString(name[i+1:]) {
		return nil
	}
	return c.fanNamed(name[:i])
}

// fanNamed returns the fan of a name; nil is none.
func (c *checker) fanNamed(name string) *checked {
	i := slices.IndexFunc(c.models, func(m *checked) bool { return m.fan && m.out.Target.Name == name })
	if i < 0 {
		return nil
	}
	return c.models[i]
}
