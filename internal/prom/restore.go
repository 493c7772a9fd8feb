package prom

import (
	"maps"
	"slices"
	"time"

	"github.com/prometheus/prometheus/rules"
)

// Restore tells a set of rules that was never evaluated what fired and what had
// resolved when the process before this one ended, as Eval returned it.
// Prometheus's engine knows a part of that alone: it forgets what fires on for
// Rule.KeepFiringFor, and what ended while nobody looked is never said to have.
//
// An alert that fired goes on with the labels and times that it had. It ends
// with the first Eval that finds its condition false, of a rule that could be
// evaluated, once RulesOptions.Known says that this can be known, and after
// Rule.KeepFiringFor.
func (r *Rules) Restore(alerts []Alert) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, a := range cloneAll(alerts) {
		if a.State == StatePending {
			continue
		}
		r.alerts[a.key()] = a
		if a.State == StateFiring {
			r.before[a.key()] = a
		}
	}
	kept := sorted(r.alerts)
	r.last.Store(&kept)
}

// resume gives what the engine found firing the times at which it began before
// the start: an alert's start is the same for all of its life.
func (r *Rules) resume(current map[string]Alert) {
	for key, old := range r.before {
		if now, ok := current[key]; ok && now.State != StatePending {
			now.ActiveAt, now.FiredAt = old.ActiveAt, old.FiredAt
			current[key] = now
		}
	}
}

// stays reports whether an alert that fired, and that the engine does not find
// firing now, goes on, and how it is then.
func (r *Rules) stays(key string, old, now Alert, at time.Time) (Alert, bool) {
	i := slices.IndexFunc(r.rules, func(rule *rules.AlertingRule) bool { return rule.Name() == old.Rule })
	_, before := r.before[key]
	switch {
	case i < 0:
		return old, false
	case r.failing[old.Rule]:
		// Nothing is known of a rule that could not be evaluated.
		return old, true
	case !before:
		return old, false
	case now.State == StatePending:
		// The condition holds; that it fired already is what the engine forgot.
		old.Value, old.Annotations, old.KeptSince = now.Value, maps.Clone(now.Annotations), time.Time{}
		return old, true
	case !r.opts.Known(old):
		return old, true
	case now.State == StateResolved:
		// The engine has kept it as long as the rule says.
		return old, false
	}
	keep := r.rules[i].KeepFiringFor()
	if old.KeptSince.IsZero() {
		old.KeptSince = at
	}
	return old, at.Sub(old.KeptSince) < keep
}
