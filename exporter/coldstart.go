package exporter

import (
	"time"

	"github.com/hfwatch/hfwatch/series"
)

// coldSeries is the series of cold starts of one target; each begins at its
// first use.
type coldSeries struct {
	states, seconds, starts, phases, wakes map[string]*child
	overdue, stuck, warmSeconds, warmCount *child
}

// cold runs do on a target's series of cold starts, with the group's lock held.
// A target that is not configured has none.
func (e *Exporter) cold(name string, do func(t *target, c *coldSeries, now time.Time)) {
	t := e.fleet.Load().targets[name]
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.cold == nil {
		t.cold = &coldSeries{
			states: map[string]*child{}, seconds: map[string]*child{}, starts: map[string]*child{}, phases: map[string]*child{},
			wakes: map[string]*child{},
		}
	}
	do(t, t.cold, time.Now())
}

// among returns the child of a value of a series, made if need be.
func (t *target) among(known map[string]*child, s series.Series, now time.Time, value string) *child {
	if known[value] == nil {
		known[value] = t.add(s, now, value)
	}
	return known[value]
}

// only returns a child, made if need be.
func (t *target) only(c **child, s series.Series, now time.Time) *child {
	if *c == nil {
		*c = t.add(s, now)
	}
	return *c
}

// ModelState publishes the state of a target's model and how long each state
// has lasted in all; overdue says that a cold start takes longer than it may.
func (e *Exporter) ModelState(name, state string, seconds map[string]float64, overdue bool) {
	e.cold(name, func(t *target, c *coldSeries, now time.Time) {
		for _, v := range e.vocabulary.families[series.ModelState].Values(series.State) {
			is := 0.0
			if v == state {
				is = 1
			}
			t.among(c.states, series.ModelState, now, v).set(is)
			t.among(c.seconds, series.StateSeconds, now, v).value = seconds[v]
		}
		late := 0.0
		if overdue {
			late = 1
		}
		t.only(&c.overdue, series.ColdOverdue, now).set(late)
	})
}

// ColdStarted counts a cold start.
func (e *Exporter) ColdStarted(name, cause string) {
	e.cold(name, func(t *target, c *coldSeries, now time.Time) {
		t.among(c.starts, series.ColdStarts, now, cause).value++
	})
}

// ColdStartTook takes how long one part of a cold start took.
func (e *Exporter) ColdStartTook(name, phase string, took time.Duration) {
	e.cold(name, func(t *target, c *coldSeries, now time.Time) {
		t.among(c.phases, series.ColdStartSeconds, now, phase).hist.observe(took.Seconds(), now)
	})
}

// WokeUp counts a wake-up that a request of hfwatch's caused.
func (e *Exporter) WokeUp(name, kind string) {
	e.cold(name, func(t *target, c *coldSeries, now time.Time) { t.among(c.wakes, series.WakeUps, now, kind).value++ })
}

// EstimateStuck counts a cold start whose estimates did not shrink.
func (e *Exporter) EstimateStuck(name string) {
	e.cold(name, func(t *target, c *coldSeries, now time.Time) { t.only(&c.stuck, series.EstimateStuck, now).value++ })
}

// WarmedUp takes the length of a warm-up: the requests between the cold ones and
// the steady state, and the time that they took.
func (e *Exporter) WarmedUp(name string, requests int, took time.Duration) {
	e.cold(name, func(t *target, c *coldSeries, now time.Time) {
		t.only(&c.warmCount, series.WarmUpRequests, now).hist.observe(float64(requests), now)
		t.only(&c.warmSeconds, series.WarmUpSeconds, now).hist.observe(took.Seconds(), now)
	})
}
