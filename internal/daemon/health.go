package daemon

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/hfwatch/hfwatch/budget"
	"github.com/hfwatch/hfwatch/config"
	"github.com/hfwatch/hfwatch/history"
	"github.com/hfwatch/hfwatch/probe"
	"github.com/hfwatch/hfwatch/probe/hf"
)

// How health is told from readiness.
const (
	// healthAfter is how many bad results in a row make it worth asking.
	healthAfter = 2
	// healthEvery is how seldom it is asked while a target goes on failing.
	healthEvery = 5 * time.Minute
	// healthLimit bounds one question.
	healthLimit = 5 * time.Second
)

// healthState is what is known of one target's health.
type healthState struct {
	bad   int
	asked time.Time
	lies  bool
	path  string
}

// healths is what is known of every target's health. It is safe for concurrent
// use.
type healths struct {
	mu  sync.Mutex
	all map[string]*healthState
}

// of returns the state of a target. The caller holds the lock.
func (h *healths) of(target string) *healthState {
	if h.all == nil {
		h.all = map[string]*healthState{}
	}
	if h.all[target] == nil {
		h.all[target] = &healthState{}
	}
	return h.all[target]
}

// see takes a baseline result, and reports whether the engine should be asked
// how it is, and whether a lie has come to its end.
func (h *healths) see(res probe.Result, now time.Time) (ask, ended bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	s := h.of(res.Target)
	switch {
	case res.Counts == probe.Good:
		ended = s.lies
		s.bad, s.lies = 0, false
		return false, ended
	case res.Counts != probe.Bad || !unready(res.Outcome):
		return false, false
	}
	s.bad++
	return s.bad >= healthAfter && (s.asked.IsZero() || now.Sub(s.asked) >= healthEvery), false
}

// told takes what the engine said, and reports whether it lies only now, or no
// more.
func (h *healths) told(target string, health hf.Health, now time.Time) (began, ended bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	s := h.of(target)
	before := s.lies
	s.asked, s.lies, s.path = now, health.State == hf.Healthy, health.Path
	return s.lies && !before, before && !s.lies
}

// warning returns what a bad result of a target should say of its health.
func (h *healths) warning(res probe.Result) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	if s := h.of(res.Target); res.Counts == probe.Bad && s.lies {
		return fmt.Sprintf("health_lies: GET %s says healthy while the probes fail", s.path)
	}
	return ""
}

// keep forgets every target that is not among those given.
func (h *healths) keep(targets map[string]config.Model) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for name := range h.all {
		if _, ok := targets[name]; !ok {
			delete(h.all, name)
		}
	}
}

// unready reports whether an outcome is one that a healthy engine should not
// give: the connection came about, and the model did not do its work. One that is
// overloaded says so rightly, and is healthy.
func unready(o probe.Outcome) bool {
	switch o {
	case probe.ServerError, probe.GatewayTimeout, probe.Timeout, probe.Stalled, probe.StreamError, probe.Truncated,
		probe.InvalidOutput, probe.Reset:
		return true
	default:
		return false
	}
}

// mayAsk reports whether the engine behind a target may be asked how it is: one
// at an address of its own, which nothing of ours could wake. Of a custom target
// nobody knows that there is an engine at all.
func mayAsk(t *probe.Target) bool {
	return t.Endpoint.Route == probe.RouteURL && t.Task.Name() != "custom" && (t.Wake == "" || t.Wake == probe.KeepWarm)
}

// health follows up a baseline result: after failures in a row, the engine is
// asked how it is, within its budget and within the time that is left of the
// slot. One that says healthy is a finding: health_lies.
func (d *Daemon) health(ctx context.Context, m config.Model, res probe.Result) {
	name := m.Target.Name
	now := time.Now()
	if !mayAsk(m.Target) || res.ID == "" {
		return
	}
	ask, ended := d.healths.see(res, now)
	if ended {
		d.exporter.HealthLies(name, false)
		d.healthEvent(name, res, hf.Health{State: hf.Healthy}, "ended")
	}
	limit := min(healthLimit, m.Baseline.Schedule.Gap(now, 50)-now.Sub(res.Due))
	if !ask || limit < time.Second || ctx.Err() != nil {
		return
	}
	lease, err := d.ledger.Reserve(now, name, budget.Baseline, budget.Amount{Requests: 1})
	if err != nil {
		return
	}
	got := d.client.Health(ctx, m.Target, res.ID, limit)
	if got.Path == "" {
		d.ledger.Release(lease)
		return
	}
	d.ledger.Settle(lease, budget.Amount{Requests: 1})
	d.handing.RLock()
	defer d.handing.RUnlock()
	if _, still := d.now.Load().models[name]; !still {
		return
	}
	began, over := d.healths.told(name, got, now)
	d.exporter.HealthChecked(name, string(got.State), got.State == hf.Healthy)
	switch {
	case began:
		d.healthEvent(name, res, got, "began")
		d.logger.Warn("health_lies: the engine says healthy and its probes fail", "target", name, "path", got.Path, "status", got.Status,
			"outcome", string(res.Outcome), "err", res.Error)
	case over:
		d.healthEvent(name, res, got, "ended")
	}
}

// healthEvent records that a lie began or ended.
func (d *Daemon) healthEvent(name string, res probe.Result, got hf.Health, state string) {
	d.targetEvent(history.KindDrift, "health-"+res.ID, time.Now(), name, struct {
		What    string         `json:"what"`
		State   string         `json:"state"`
		Health  hf.HealthState `json:"health"`
		Path    string         `json:"path,omitempty"`
		Status  int            `json:"status,omitempty"`
		Result  string         `json:"result"`
		Outcome probe.Outcome  `json:"outcome"`
	}{"health_lies", state, got.State, got.Path, got.Status, res.ID, res.Outcome})
}
