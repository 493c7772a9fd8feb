package config

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/hfwatch/hfwatch/budget"
	"github.com/hfwatch/hfwatch/probe"
	"github.com/hfwatch/hfwatch/schedule"
)

// Ceiling is the most that one lane of a model, or a mix, can ask and cost in
// the 31 days from a time on.
type Ceiling struct {
	// Name is the model's or the mix's, Lane what it is for.
	Name string
	Lane string
	// Requests, Tokens and USD are absent where nothing but a budget bounds them:
	// a capacity search, users who never think, a price that is not known.
	Requests, Tokens, USD probe.Opt[float64]
	// Limit names the limits of the model's own budget that lie below them.
	Limit string
}

// NextFires is the next fire times of one schedule.
type NextFires struct {
	// Name is the model's, the mix's or the maintenance's, Lane what is started.
	Name, Lane, Spec string
	At               []time.Time
}

// cost is what a number of requests comes to.
type cost struct{ requests, tokens, usd float64 }

// ceilings of a plan.
type ceilings struct{ day, month cost }

// costOf returns what n requests of a model can take at most.
func costOf(m Model, n float64) cost {
	usd, _ := m.Target.Price.Cost(probe.Some(m.TokensIn), probe.Some(m.TokensOut)).Get()
	return cost{n, n * float64(m.TokensIn+m.TokensOut), n * usd}
}

// ceilingOf returns what a model's baselines can take at most.
func ceilingOf(m Model, p plan) ceilings {
	return ceilings{costOf(m, float64(p.perDay)), costOf(m, float64(p.perMonth))}
}

// scheduled is anything that a schedule starts.
type scheduled struct {
	name, lane string
	at         schedule.Schedule
	// requests returns the most requests of one fire, and whether they are
	// bounded.
	requests func() (float64, bool)
	// models are those that are asked, with their shares.
	models []Model
	shares []float64
	// each is true for a model at all providers: it is of one of them.
	each bool
}

// scheduled returns all that schedules start, maintenance last.
func (c *Config) scheduled() []scheduled {
	var all []scheduled
	one := func(n float64) func() (float64, bool) { return func() (float64, bool) { return n, true } }
	for _, m := range c.Models {
		models, shares := []Model{m}, []float64{1}
		if b := m.Baseline; b != nil {
			all = append(all, scheduled{m.Target.Name, "baseline", b.Schedule, one(1), models, shares, false})
		}
		if w := m.Window; w != nil && (w.Location == "" || w.Location == c.Location) {
			all = append(all, scheduled{m.Target.Name, "window", w.Schedule, w.Requests, models, shares, false})
		}
		if x := m.ColdStart; x != nil {
			all = append(all, scheduled{m.Target.Name, "cold start", x.Schedule, one(float64(x.Requests + 1)), models, shares, false})
		}
	}
	for _, f := range c.Fans {
		all = append(all, scheduled{FanName(f.Target.Name, "*"), "baseline", f.Baseline.Schedule, one(1), []Model{f.Model}, []float64{1}, true})
	}
	for _, mix := range c.Mixes {
		s := scheduled{mix.Name, "mix", mix.Schedule, mix.Requests, nil, nil, false}
		for _, step := range mix.Steps {
			for _, m := range c.Models {
				if m.Target.Name == step.Model {
					s.models, s.shares = append(s.models, m), append(s.shares, step.Weight)
				}
			}
		}
		all = append(all, s)
	}
	for _, m := range c.Maintenance {
		all = append(all, scheduled{name: m.Name, lane: "maintenance", at: m.Schedule})
	}
	for _, r := range c.Reports {
		all = append(all, scheduled{name: r.Name, lane: "report", at: r.Schedule})
	}
	return all
}

// Requests returns the most requests of one window, and whether they are
// bounded at all.
func (w Window) Requests() (float64, bool) {
	switch {
	case w.Arrival.TraceRequests > 0:
		return float64(w.Arrival.TraceRequests), true
	case len(w.Stages) > 0:
		total, last := 0.0, 0.0
		for _, s := range w.Stages {
			total += (last+s.Rate)/2*s.Ramp.Seconds() + s.Rate*(s.For-s.Ramp).Seconds()
			last = s.Rate
		}
		return math.Ceil(total), true
	case w.Users > 0 && w.ThinkMin > 0:
		return math.Ceil(float64(w.Users) * (w.For.Seconds()/w.ThinkMin.Seconds() + 1)), true
	default:
		return 0, false
	}
}

// NextFires returns the next n fire times of every schedule after now.
func (c *Config) NextFires(now time.Time, n int) []NextFires {
	var out []NextFires
	for _, s := range c.scheduled() {
		out = append(out, NextFires{Name: s.name, Lane: s.lane, Spec: s.at.String(), At: s.at.NextN(now, n)})
	}
	return out
}

// Ceiling returns the most that each schedule can ask and cost in the 31 days
// from now on, and the sum of all. The sum is absent in what one of its parts
// lacks. Of a model at all providers the part is of each of them, and the sum is
// absent.
func (c *Config) Ceiling(now time.Time) (parts []Ceiling, total Ceiling) {
	total = Ceiling{Name: "all", Requests: probe.Some(0.0), Tokens: probe.Some(0.0), USD: probe.Some(0.0)}
	plans := map[string]plan{}
	for _, s := range c.scheduled() {
		if s.requests == nil {
			continue
		}
		key := s.at.Zone() + " " + s.at.String()
		p, known := plans[key]
		if !known {
			p = planOf(s.at, now)
			plans[key] = p
		}
		part := s.ceiling(float64(p.perMonth))
		if len(s.models) == 1 {
			part.Limit = limitsBelow(part, s.models[0].Budget)
		}
		parts = append(parts, part)
		if s.each {
			// How many providers there are only the router's list says.
			part = Ceiling{}
		}
		total.Requests = sum(total.Requests, part.Requests)
		total.Tokens = sum(total.Tokens, part.Tokens)
		total.USD = sum(total.USD, part.USD)
	}
	total.Limit = limitsBelow(total, c.Budget)
	return parts, total
}

// ceiling returns what n fires come to.
func (s scheduled) ceiling(n float64) Ceiling {
	out := Ceiling{Name: s.name, Lane: s.lane}
	each, bounded := s.requests()
	if !bounded {
		return out
	}
	whole := 0.0
	for _, share := range s.shares {
		whole += share
	}
	out.Requests, out.Tokens, out.USD = probe.Some(n*each), probe.Some(0.0), probe.Some(0.0)
	for i, m := range s.models {
		c := costOf(m, n*each*s.shares[i]/whole)
		out.Tokens = sum(out.Tokens, probe.Some(math.Ceil(c.tokens)))
		usd := probe.Some(c.usd)
		// What is not counted in tokens costs something all the same.
		if m.Target.Price.Cost(probe.Some(max(1, m.TokensIn)), probe.Some(m.TokensOut)).IsZero() {
			usd = probe.Opt[float64]{}
		}
		out.USD = sum(out.USD, usd)
	}
	return out
}

// sum adds two numbers; it is absent where one of them is.
func sum(a, b probe.Opt[float64]) probe.Opt[float64] {
	x, okX := a.Get()
	y, okY := b.Get()
	if !okX || !okY {
		return probe.Opt[float64]{}
	}
	return probe.Some(x + y)
}

// limitsBelow names the limits that lie below a ceiling.
func limitsBelow(c Ceiling, b budget.Limits) string {
	const days = float64(month / (24 * time.Hour))
	var out []string
	for _, l := range []struct {
		ceiling probe.Opt[float64]
		limit   float64
		times   float64
		unit    string
	}{
		{c.Requests, float64(b.RequestsPerDay), days, "requests a day"},
		{c.Requests, float64(b.RequestsPerMonth), 1, "requests a month"},
		{c.Tokens, float64(b.TokensPerDay), days, "tokens a day"},
		{c.Tokens, float64(b.TokensPerMonth), 1, "tokens a month"},
		{c.USD, b.USDPerDay, days, "USD a day"},
		{c.USD, b.USDPerMonth, 1, "USD a month"},
	} {
		if v, known := l.ceiling.Get(); l.limit > 0 && (!known || v > l.limit*l.times) {
			out = append(out, number(l.limit)+" "+l.unit)
		}
	}
	return strings.Join(out, ", ")
}

// number returns a number as a person reads it: with two decimals unless it is
// whole, and a comma at each thousand.
func number(v float64) string {
	if v != math.Trunc(v) {
		return fmt.Sprintf("%.2f", v)
	}
	text := fmt.Sprintf("%.0f", v)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}
