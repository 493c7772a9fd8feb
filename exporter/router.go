package exporter

import (
	"time"

	"github.com/hfwatch/hfwatch/probe"
	"github.com/hfwatch/hfwatch/series"
)

// RouterFigures are what the router's list says of a target. What it does not
// say is absent.
type RouterFigures struct {
	// Listed is false where the list was never read; then nothing is published.
	Listed bool
	// Live is true where the list calls the provider live.
	Live bool
	// FirstToken and TokensPerSecond are the router's own measurements.
	FirstToken      probe.Seconds
	TokensPerSecond probe.Opt[float64]
	// Context is in tokens, prices in US dollars a million tokens.
	Context                           probe.Opt[int]
	USDPerMTokInput, USDPerMTokOutput probe.Opt[float64]
}

// routerSeries are the series of what the router's list says of a target.
type routerSeries struct{ live, firstToken, tokens, context, in, out *child }

// RouterSays publishes what the router's list says of a target, in place of what
// it said before.
func (e *Exporter) RouterSays(name string, f RouterFigures) {
	t := e.fleet.Load().targets[name]
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.router == nil && !f.Listed {
		return
	}
	now := time.Now()
	if t.router == nil {
		t.router = &routerSeries{
			live: t.add(series.RouterLive, now), firstToken: t.add(series.RouterFirstToken, now), tokens: t.add(series.RouterTokens, now),
			context: t.add(series.RouterContext, now), in: t.add(series.RouterPrice, now, series.DirectionIn),
			out: t.add(series.RouterPrice, now, series.DirectionOut),
		}
	}
	r, live := t.router, 0.0
	if f.Live {
		live = 1
	}
	r.live.say(live, f.Listed)
	first, known := f.FirstToken.Get()
	r.firstToken.say(first.Seconds(), known)
	context, known := f.Context.Get()
	r.context.say(float64(context), known)
	for _, one := range []struct {
		child *child
		value probe.Opt[float64]
	}{{r.tokens, f.TokensPerSecond}, {r.in, f.USDPerMTokInput}, {r.out, f.USDPerMTokOutput}} {
		value, known := one.value.Get()
		one.child.say(value, known)
	}
}

// say sets a gauge, or takes it away where its value is not known.
func (c *child) say(value float64, known bool) { c.value, c.absent = value, !known }

// RouterListRead counts a request for the router's list, and notes when it was
// last read.
func (e *Exporter) RouterListRead(ok bool, at time.Time) {
	if !ok {
		e.self.routerReads.inc(series.ResultFailed)
		return
	}
	e.self.routerReads.inc(series.ResultOK)
	e.RouterListKept(at)
}

// RouterListKept says when the list that is in force was read, before a restart.
func (e *Exporter) RouterListKept(at time.Time) {
	e.self.mu.Lock()
	defer e.self.mu.Unlock()
	e.self.routerTime.set(timestamp(at))
}
