package exporter

import (
	"slices"
	"time"

	"github.com/hfwatch/hfwatch/probe"
	"github.com/hfwatch/hfwatch/series"
)

// Slot counts a slot of a target's lane by what became of it: one of the Slot…
// values of package series, or other.
func (e *Exporter) Slot(name, lane, result string) {
	t := e.fleet.Load().targets[name]
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.slot(lane, result, time.Now()).value++
	if lane == string(probe.LaneBaseline) && lost(result) && (result != series.SlotHeld || !t.blocked()) {
		t.passed()
	}
}

// blocked reports whether the account is refused: hfwatch_account_suspended says
// so, and pages. With the slots that it holds, and the checks that it refuses,
// counted as blind, the target would page beside it, and once more when the account
// is accepted again and before its next slot.
func (t *target) blocked() bool {
	return t.reason == string(probe.Auth) || t.reason == string(probe.Billing)
}

// lost reports whether a slot passes without a result. A run's result tells by
// itself whether it counts, and a maintenance time that stops probing is meant
// to: it must not end in a page of blindness.
func lost(result string) bool {
	return result != series.SlotRun && result != series.SlotLate && result != series.SlotMaintenance
}

// slot returns the counter of slots, made if need be.
func (t *target) slot(lane, result string, now time.Time) *child {
	key := slotKey{lane, result}
	if t.slots[key] == nil {
		def := t.families[series.Slots]
		if !slices.Contains(def.Values(series.Lane), lane) {
			key.lane = series.Other
		}
		if !slices.Contains(def.Values(series.Result), result) {
			key.result = series.Other
		}
	}
	if t.slots[key] == nil {
		t.slots[key] = t.add(series.Slots, now, key.lane, key.result)
	}
	return t.slots[key]
}

// Suspended says why probes of a target are suspended; an empty reason ends it.
func (e *Exporter) Suspended(name, reason string) {
	t := e.fleet.Load().targets[name]
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if reason == t.reason {
		return
	}
	if t.suspend != nil {
		t.drop(t.suspend)
		t.suspend = nil
	}
	if t.reason = reason; reason != "" {
		t.suspend = t.add(series.Suspended, time.Now(), clean(reason))
		t.suspend.set(1)
	}
}

// SchedulerLag notes how long after its time a slot was started.
func (e *Exporter) SchedulerLag(lag time.Duration) { e.self.observe(e.self.schedulerLag, lag) }

// ClockStepped counts one step of the wall clock.
func (e *Exporter) ClockStepped(kind string) { e.self.clockSteps.inc(kind) }

// Budget names a budget. The global one has no target.
type Budget struct {
	Target string
	// Period is day or month.
	Period string
	// Unit is requests, tokens or usd.
	Unit string
}

// values returns the budget's label values in the order of the list.
func (b Budget) values() []string { return []string{b.Target, b.Period, b.Unit} }

// SetBudgets replaces all budgets and how much of each is spent, from 0 to 1.
func (e *Exporter) SetBudgets(used map[Budget]float64) { e.budgets.set(used) }

// SetMaintenance replaces all maintenance times and whether each lasts now.
func (e *Exporter) SetMaintenance(active map[string]bool) {
	values := make(map[string]float64, len(active))
	for name, on := range active {
		values[name] = 0
		if on {
			values[name] = 1
		}
	}
	e.maintenance.set(values)
}

// SetMaintained replaces the targets whose pages a maintenance time mutes.
func (e *Exporter) SetMaintained(targets []string) {
	values := make(map[string]float64, len(targets))
	for _, name := range targets {
		values[name] = 1
	}
	e.maintained.set(values)
}

// Reloaded says whether the configuration could be loaded, at start and at
// every reload.
func (e *Exporter) Reloaded(ok bool) {
	e.self.mu.Lock()
	defer e.self.mu.Unlock()
	e.self.reloadOK.set(0)
	if ok {
		e.self.reloadOK.set(1)
		e.self.reloadTime.set(timestamp(time.Now()))
	}
}

// RecordsWritten counts results that are in the records.
func (e *Exporter) RecordsWritten(n int) { e.self.plus(e.self.written, n) }

// RecordsDropped counts results that could not be written and were given up.
func (e *Exporter) RecordsDropped(n int, reason string) { e.self.dropped.plus(reason, n) }

// RemoteSent counts samples that a remote write receiver took, and those that
// it refused for good.
func (e *Exporter) RemoteSent(samples, dropped int) {
	e.self.plus(e.self.remoteSent, samples)
	e.self.plus(e.self.remoteDropped, dropped)
}

// RemoteFailed counts a failed attempt to send samples.
func (e *Exporter) RemoteFailed() { e.self.plus(e.self.remoteFailures, 1) }

// RecordsFailed counts a failed attempt to write.
func (e *Exporter) RecordsFailed() { e.self.plus(e.self.writeFailures, 1) }

// AlertStateFailed counts one failed attempt to write down what fires and what
// receivers were told.
func (e *Exporter) AlertStateFailed() { e.self.plus(e.self.stateFailures, 1) }

// SetRules replaces the rules whose failures are counted each by its name.
func (e *Exporter) SetRules(names []string) {
	e.self.evaluationFailures.keep(append([]string{"", series.Other}, names...))
}

// ReportMade counts a scheduled report that was delivered everywhere, or was
// not.
func (e *Exporter) ReportMade(delivered bool) {
	if delivered {
		e.self.reports.inc(series.ReportDelivered)
		return
	}
	e.self.reports.inc(series.ReportFailed)
}

// Evaluated says how long an evaluation took, how many samples it stored and
// how many were refused, by reason.
func (e *Exporter) Evaluated(took time.Duration, samples int, refused map[string]int) {
	e.self.observe(e.self.evaluation, took)
	e.self.plus(e.self.appended, samples)
	for reason, n := range refused {
		e.self.refused.plus(reason, n)
	}
}

// EvaluationFailed counts one failure, by rule; the rule is empty where nothing
// could be gathered or stored.
func (e *Exporter) EvaluationFailed(rule string) { e.self.evaluationFailures.inc(rule) }

// plus adds n to a counter; less than one adds nothing.
func (s *self) plus(c *child, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c.value += float64(max(0, n))
}

// observe takes a duration into a histogram.
func (s *self) observe(c *child, d time.Duration) {
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	c.hist.observe(d.Seconds(), now)
}

// receiver is the series of one receiver of notifications.
type receiver struct {
	group
	attempts, failures, drops *counters
	duration, delay           *child
}

// SetReceivers replaces the receivers at start and on reload. Those that stay
// go on counting; the series of others go away.
func (e *Exporter) SetReceivers(names []string) {
	now := time.Now()
	e.setting.Lock()
	defer e.setting.Unlock()
	before, after := *e.receivers.Load(), map[string]*receiver{}
	for _, name := range names {
		if after[name] = before[name]; after[name] == nil {
			after[name] = newReceiver(e.vocabulary, name, now)
		}
	}
	e.receivers.Store(&after)
}

// newReceiver returns the series of a receiver, all at zero.
func newReceiver(v *vocabulary, name string, now time.Time) *receiver {
	r := &receiver{group: group{vocabulary: v}}
	name = clean(name)
	set := func(id series.Series, label string) *counters {
		return newCounters(&r.group, id, v.families[id].Values(label), now, name)
	}
	r.attempts = set(series.Notifications, series.Action)
	r.failures = set(series.NotificationsFailed, series.Reason)
	r.drops = set(series.NotificationsDropped, series.Reason)
	r.duration = r.add(series.NotificationSeconds, now, name)
	r.delay = r.add(series.NotificationDelay, now, name)
	return r
}

// NotificationAttempted takes one attempt to deliver to a receiver: what
// follows from it, why it failed (empty if it did not), how long it took, and
// how long the oldest alert in it had waited.
func (e *Exporter) NotificationAttempted(name, action, reason string, took, waited time.Duration) {
	r := (*e.receivers.Load())[name]
	if r == nil {
		return
	}
	r.attempts.inc(action)
	if reason != "" {
		r.failures.inc(reason)
	}
	now := time.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.duration.hist.observe(took.Seconds(), now)
	if action == "sent" {
		r.delay.hist.observe(waited.Seconds(), now)
	}
}

// NotificationsDropped counts alerts of which a receiver will not be told.
func (e *Exporter) NotificationsDropped(name, reason string, alerts int) {
	if r := (*e.receivers.Load())[name]; r != nil {
		r.drops.plus(reason, alerts)
	}
}
