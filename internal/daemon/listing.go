package daemon

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hfwatch/hfwatch/config"
	"github.com/hfwatch/hfwatch/exporter"
	"github.com/hfwatch/hfwatch/hub"
	"github.com/hfwatch/hfwatch/probe"
)

// listing is what the router's list of models said at one time. It is never
// changed once made.
type listing struct {
	// at is when it was read; zero is never.
	at     time.Time
	models map[string][]hub.Offer
}

// listingOf returns the router's answer as it is looked up.
func listingOf(all []hub.Listed, at time.Time) *listing {
	l := &listing{at: at, models: make(map[string][]hub.Offer, len(all))}
	for _, m := range all {
		offers := slices.Clone(m.Providers)
		slices.SortFunc(offers, func(a, b hub.Offer) int { return cmp.Compare(a.Provider, b.Provider) })
		l.models[m.ID] = offers
	}
	return l
}

// offer returns what is said of a model at a provider.
func (l *listing) offer(model, provider string) (hub.Offer, bool) {
	offers := l.models[model]
	i := slices.IndexFunc(offers, func(o hub.Offer) bool { return o.Provider == provider })
	if i < 0 {
		return hub.Offer{}, false
	}
	return offers[i], true
}

// routing is what config.Expand asks: the list, and the providers at which
// models with `provider: all` have been watched so far.
type routing struct {
	*listing
	held map[string][]string
	// failed says why the list could not be read, where it never was.
	failed string
}

// Providers returns those that the list calls live, and those that are watched
// already: one that is withdrawn stays until a reload, so that it pages instead
// of vanishing.
func (r routing) Providers(model string) ([]string, config.Vacancy) {
	names := slices.Clone(r.held[model])
	for _, o := range r.models[model] {
		if o.Live() {
			names = append(names, o.Provider)
		}
	}
	slices.Sort(names)
	names = slices.Compact(names)
	switch {
	case len(names) > 0:
		return names, config.Vacancy{}
	case r.at.IsZero():
		why := "the router's list of models was not read yet"
		if r.failed != "" {
			why = "the router's list of models was never read: " + r.failed
		}
		return nil, config.Vacancy{Outcome: probe.Unknown, Why: why}
	case len(r.models[model]) > 0:
		return nil, config.Vacancy{Outcome: probe.Gone, Why: "no provider of " + model + " is live in the router's list of models"}
	}
	return nil, config.Vacancy{Outcome: probe.Gone, Why: "the router's list of models does not name " + model}
}

// Offer returns what the list says of a model at a provider.
func (r routing) Offer(model, provider string) (hub.Offer, bool) { return r.offer(model, provider) }

// heldBy returns the providers at which the models with `provider: all` of a
// configuration are watched, by the model's id.
func heldBy(models map[string]config.Model) map[string][]string {
	held := map[string][]string{}
	for _, m := range models {
		if m.Provided != "" && m.Vacant == nil {
			held[m.Target.Model] = append(held[m.Target.Model], m.Target.Provider)
		}
	}
	return held
}

// asksRouter reports whether a configuration has anything of which the router's
// list speaks.
func asksRouter(source *config.Config) bool {
	return len(source.Fans) > 0 || slices.ContainsFunc(source.Models, func(m config.Model) bool { return config.Listed(m.Target) })
}

// listingChanges returns what of an offer changed between two readings of the
// list: its status, its price, its context.
func listingChanges(was, is *listing, model, provider string) []change {
	before, knew := was.offer(model, provider)
	after, knows := is.offer(model, provider)
	if !knew && !knows {
		return nil
	}
	facts := []struct{ before, after string }{{statusWord(before, knew), statusWord(after, knows)}}
	if knew && knows {
		facts = append(facts, []struct{ before, after string }{
			{priceWords(before), priceWords(after)}, {contextWords(before), contextWords(after)},
		}...)
	}
	var out []change
	for _, f := range facts {
		if f.before != f.after {
			out = append(out, change{What: whatListing, Before: f.before, After: f.after})
		}
	}
	return out
}

// whatListing names a change of what the router's list says.
const whatListing = "listing"

// statusWord returns how the list calls a provider of a model.
func statusWord(o hub.Offer, listed bool) string {
	switch {
	case !listed:
		return "not listed"
	case o.Status == "":
		return "live"
	}
	return o.Status
}

// priceWords returns a price as people read it.
func priceWords(o hub.Offer) string {
	if free, said := o.Free.Get(); said && free {
		return "free"
	}
	word := func(v probe.Opt[float64]) string {
		if usd, ok := v.Get(); ok {
			return strconv.FormatFloat(usd, 'g', -1, 64)
		}
		return "-"
	}
	return fmt.Sprintf("%s in, %s out USD/Mtok", word(o.USDPerMTokInput), word(o.USDPerMTokOutput))
}

// contextWords returns a context as people read it.
func contextWords(o hub.Offer) string {
	if n, ok := o.Context.Get(); ok {
		return fmt.Sprintf("context %d tokens", n)
	}
	return "context not told"
}

// figures returns what is published of an offer; nothing where the list was never
// read.
func (l *listing) figures(model, provider string) exporter.RouterFigures {
	if l.at.IsZero() {
		return exporter.RouterFigures{}
	}
	o, listed := l.offer(model, provider)
	return exporter.RouterFigures{
		Listed: true, Live: listed && o.Live(), FirstToken: o.FirstToken, TokensPerSecond: o.Throughput, Context: o.Context,
		USDPerMTokInput: o.USDPerMTokInput, USDPerMTokOutput: o.USDPerMTokOutput,
	}
}

// listingNames returns the ids of models that a configuration asks the list for.
func listingNames(source *config.Config) []string {
	var ids []string
	for _, f := range source.Fans {
		ids = append(ids, f.Target.Model)
	}
	for _, m := range source.Models {
		if config.Listed(m.Target) {
			ids = append(ids, m.Target.Model)
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// unpriced returns the targets whose cost no budget of money sees, since neither
// the file nor the list has a price.
func unpriced(cfg *config.Config) string {
	var names []string
	for _, m := range cfg.Models {
		limited := m.Budget.USDPerDay > 0 || m.Budget.USDPerMonth > 0 || cfg.Budget.USDPerDay > 0 || cfg.Budget.USDPerMonth > 0
		if limited && m.Vacant == nil && config.Listed(m.Target) && m.Target.Price.Cost(probe.Some(1), probe.Some(1)).IsZero() {
			names = append(names, m.Target.Name)
		}
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}
