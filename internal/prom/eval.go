package prom

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/prometheus/prometheus/rules"
)

// RuleError is the failure of one rule's last evaluation. Its alerts are as
// they were.
type RuleError struct {
	Rule string
	Err  error
}

// Error returns the rule's name and what went wrong.
func (e *RuleError) Error() string { return fmt.Sprintf("rule %s: %s", e.Rule, e.Err) }

// Unwrap returns Err.
func (e *RuleError) Unwrap() error { return e.Err }

// EvalError holds the failures of one Eval, one for each rule that failed.
type EvalError []*RuleError

// Error returns every failure, one a line.
func (e EvalError) Error() string { return errors.Join(e.Unwrap()...).Error() }

// Unwrap returns the failures.
func (e EvalError) Unwrap() []error {
	out := make([]error, 0, len(e))
	for _, err := range e {
		out = append(out, err)
	}
	return out
}

// Eval evaluates every rule at exactly the instant at, stores the series
// ALERTS and ALERTS_FOR_STATE as Prometheus does, and returns all alerts in
// order of rule and labels: pending, firing, and those resolved in the last 15
// minutes.
//
// The first evaluation after a start reads the `for` state of before back, so
// that what was firing fires at once, with the time it began.
//
// An EvalError says which rules failed; the alerts are valid beside it, and
// complete but for what those rules would have found. A deadline that passes
// makes the remaining rules fail. With any other error (the context was
// canceled, the DB closed) there are none, and the next Eval makes up for what
// was not evaluated.
func (r *Rules) Eval(ctx context.Context, at time.Time) ([]Alert, error) {
	ctx, end, err := r.db.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer end()
	r.mu.Lock()
	defer r.mu.Unlock()

	r.group.Eval(ctx, at)
	if restored := r.restore(ctx, at); len(restored) > 0 {
		// What was restored changes state by the same rules as ever.
		r.group.Eval(ctx, at)
		backdate(restored, at)
	}
	if ctx.Err() != nil && !errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return nil, fmt.Errorf("evaluating rules: %w", context.Cause(ctx))
	}

	current := map[string]Alert{}
	for i, rule := range r.rules {
		rule.ForEachActiveAlert(func(a *rules.Alert) { merge(current, alertOf(rule, a, r.links[i])) })
	}
	failed := r.failures()
	r.resume(current)
	r.alerts = settle(r.alerts, current, at, func(key string, old, now Alert) (Alert, bool) { return r.stays(key, old, now, at) })
	for key := range r.before {
		if r.alerts[key].State != StateFiring {
			delete(r.before, key)
		}
	}
	kept := sorted(r.alerts)
	r.last.Store(&kept)
	if len(failed) > 0 {
		return cloneAll(kept), failed
	}
	return cloneAll(kept), nil
}

// Alerts returns what the last Eval returned, without waiting for one that is
// in progress; nil before the first.
func (r *Rules) Alerts() []Alert {
	last := r.last.Load()
	if last == nil {
		return nil
	}
	return cloneAll(*last)
}

// restore reads the `for` state back for the rules that await it and were just
// evaluated without an error, and returns them. A rule that failed awaits the
// next Eval.
func (r *Rules) restore(ctx context.Context, at time.Time) []*rules.AlertingRule {
	var due []*rules.AlertingRule
	var generic []rules.Rule
	for _, rule := range r.rules {
		if !rule.Restored() && rule.LastError() == nil {
			due, generic = append(due, rule), append(generic, rule)
		}
	}
	if len(due) == 0 || ctx.Err() != nil {
		return nil
	}
	opts := *r.manager
	opts.Context = ctx
	rules.NewGroup(rules.GroupOptions{Name: groupName, Rules: generic, Opts: &opts}).RestoreForState(at)
	// The group made for the purpose counted itself.
	r.manager.Metrics.GroupRules.WithLabelValues(rules.GroupKey("", groupName)).Set(float64(len(r.rules)))
	return due
}

// backdate gives what a restart found firing again the time it began to,
// where the engine says that it began now.
func backdate(restored []*rules.AlertingRule, at time.Time) {
	for _, rule := range restored {
		rule.ForEachActiveAlert(func(a *rules.Alert) {
			began := a.ActiveAt.Add(rule.HoldDuration())
			if a.State == rules.StateFiring && a.FiredAt.Equal(at) && began.Before(at) {
				a.FiredAt = began
			}
		})
	}
}

// failures returns the rules whose last evaluation failed, and logs those that
// began to and those that recovered.
func (r *Rules) failures() EvalError {
	var out EvalError
	failing := map[string]bool{}
	for _, rule := range r.rules {
		err := rule.LastError()
		if err == nil {
			continue
		}
		out = append(out, &RuleError{rule.Name(), err})
		if !failing[rule.Name()] && !r.failing[rule.Name()] {
			r.logger.Warn("rule evaluation fails", "rule", rule.Name(), "err", err)
		}
		failing[rule.Name()] = true
	}
	for _, name := range slices.Sorted(maps.Keys(r.failing)) {
		if !failing[name] {
			r.logger.Info("rule evaluation recovered", "rule", name)
		}
	}
	r.failing = failing
	return out
}

// discardAlerts stands in for Prometheus's notifier, since Eval returns the
// alerts.
func discardAlerts(context.Context, string, ...*rules.Alert) {}
