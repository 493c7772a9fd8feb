package exporter

import (
	"slices"
	"time"

	"github.com/hfwatch/hfwatch/series"
)

// factSeries are the series of what a target shows of itself, each made when
// there is something to say. The lock of the target's group guards them.
type factSeries struct {
	drift, checks map[string]*child
	lies          *child
}

// Drifted counts a change of what a target's answers show.
func (e *Exporter) Drifted(name, what string) {
	t := e.fleet.Load().targets[name]
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ofSet(&t.factSeries.drift, series.DriftEvents, series.What, what).value++
}

// HealthChecked counts a question for an engine's health, and says whether the
// engine says that it is healthy while its probes fail.
func (e *Exporter) HealthChecked(name, state string, lies bool) {
	t := e.fleet.Load().targets[name]
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ofSet(&t.factSeries.checks, series.HealthChecks, series.Result, state).value++
	t.lied(lies)
}

// HealthLies says whether the engine says that it is healthy while its probes
// fail. It tells nothing of a target whose health was never asked for.
func (e *Exporter) HealthLies(name string, lies bool) {
	t := e.fleet.Load().targets[name]
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.factSeries.lies != nil {
		t.lied(lies)
	}
}

// lied sets the gauge.
func (t *target) lied(lies bool) {
	if t.factSeries.lies == nil {
		t.factSeries.lies = t.add(series.HealthLies, time.Now())
	}
	value := 0.0
	if lies {
		value = 1
	}
	t.factSeries.lies.set(value)
}

// ofSet returns the counter of a value of a closed set.
func (t *target) ofSet(all *map[string]*child, s series.Series, label, value string) *child {
	if !slices.Contains(t.families[s].Values(label), value) {
		value = series.Other
	}
	if *all == nil {
		*all = map[string]*child{}
	}
	if (*all)[value] == nil {
		(*all)[value] = t.add(s, time.Now(), value)
	}
	return (*all)[value]
}
