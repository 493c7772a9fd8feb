package prom

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/rules"
)

// resolvedRetention is how long a resolved alert stays in what Eval returns,
// so that a lost notice can be sent again. It is Prometheus's own constant.
const resolvedRetention = 15 * time.Minute

// State is what an alert is in.
type State string

// The states of an alert. An alert that is in none does not exist.
const (
	// StatePending is a condition that has not held for Rule.For yet.
	StatePending State = "pending"
	// StateFiring is a condition to tell people of.
	StateFiring State = "firing"
	// StateResolved was firing and is no more; it is kept for 15 minutes.
	StateResolved State = "resolved"
)

// Alert is one instance of a rule: one label set for which it holds, or held.
// Its maps are the receiver's own. Its times are those of the samples, which
// differ from the wall clock's by a Clock's skew; see Shift.
type Alert struct {
	// Rule is the rule's name, which is also the label alertname.
	Rule  string
	State State
	// Labels identify the alert and never change while it lives.
	Labels map[string]string
	// Annotations are expanded anew at each evaluation. A template that fails
	// says so in its place.
	Annotations map[string]string
	// ActiveAt is when the condition began to hold.
	ActiveAt time.Time
	// FiredAt is when it began to fire; zero while pending.
	FiredAt time.Time
	// ResolvedAt is when it ended; zero before.
	ResolvedAt time.Time
	// KeptSince is since when the condition has not held while the alert fires on
	// for Rule.KeepFiringFor; zero while it holds.
	KeptSince time.Time
	// Value is the expression's at the last evaluation that had one.
	Value float64
	// GeneratorURL leads to the expression.
	GeneratorURL string
}

// Shift returns the alert with its times moved by d. The wall clock less the
// sample time makes them times of day, for receivers that compare them with
// their own clock.
func (a Alert) Shift(d time.Duration) Alert {
	for _, t := range []*time.Time{&a.ActiveAt, &a.FiredAt, &a.ResolvedAt, &a.KeptSince} {
		if !t.IsZero() {
			*t = t.Add(d)
		}
	}
	return a
}

// clone returns a copy that shares no map.
func (a Alert) clone() Alert {
	a.Labels, a.Annotations = maps.Clone(a.Labels), maps.Clone(a.Annotations)
	return a
}

// key identifies an alert by its labels.
func (a Alert) key() string { return labels.FromMap(a.Labels).String() }

// alertOf converts an alert of the rule engine. Inactive ones that the engine
// still keeps were firing.
func alertOf(rule *rules.AlertingRule, a *rules.Alert, link string) Alert {
	out := Alert{
		Rule:         rule.Name(),
		Labels:       a.Labels.Map(),
		Annotations:  a.Annotations.Map(),
		ActiveAt:     a.ActiveAt,
		FiredAt:      a.FiredAt,
		ResolvedAt:   a.ResolvedAt,
		KeptSince:    a.KeepFiringSince,
		Value:        a.Value,
		GeneratorURL: link,
	}
	switch a.State {
	case rules.StatePending:
		out.State = StatePending
	case rules.StateFiring:
		out.State = StateFiring
	default:
		out.State = StateResolved
	}
	return out
}

// rank orders the states by what must reach people: of two rules that make the
// same label set the higher one is shown.
func (s State) rank() int {
	switch s {
	case StateFiring:
		return 3
	case StateResolved:
		return 2
	default:
		return 1
	}
}

// merge puts a into current, unless an alert of the same labels and a higher
// rank is there.
func merge(current map[string]Alert, a Alert) {
	key := a.key()
	if old, ok := current[key]; !ok || a.State.rank() > old.State.rank() {
		current[key] = a
	}
}

// settle completes what the rules hold now with the alerts that they dropped
// without a word: a rule removed, its labels changed, or its For raised above
// what had passed. Whatever fired and neither fires nor is resolved now is
// resolved at the instant at, and shown for as long as any resolved alert.
// But what stays says goes on firing does. It decides from its arguments alone;
// current is changed and returned.
func settle(previous, current map[string]Alert, at time.Time, stays func(key string, old, now Alert) (Alert, bool)) map[string]Alert {
	for key, old := range previous {
		now, ok := current[key]
		if now.State == StateResolved && old.State == StateResolved && now.ResolvedAt.Equal(old.ResolvedAt) {
			// What began before the last start the engine knows to the second alone.
			now.ActiveAt, now.FiredAt = old.ActiveAt, old.FiredAt
			current[key] = now
			continue
		}
		if now.State == StateFiring || ok && now.State == StateResolved && old.State != StateFiring {
			continue
		}
		switch old.State {
		case StateFiring:
			if kept, on := stays(key, old, now); on {
				current[key] = kept
				continue
			}
			if now.State == StateResolved {
				continue
			}
			old.State, old.ResolvedAt = StateResolved, at
			current[key] = old
		case StateResolved:
			// A pending alert replaces the resolved one of the same labels.
			if !ok && at.Sub(old.ResolvedAt) <= resolvedRetention {
				current[key] = old
			}
		case StatePending:
			// Nobody was told of it.
		}
	}
	return current
}

// sorted returns the alerts in order of rule and labels.
func sorted(alerts map[string]Alert) []Alert {
	out := make([]Alert, 0, len(alerts))
	for _, key := range slices.Sorted(maps.Keys(alerts)) {
		out = append(out, alerts[key])
	}
	slices.SortStableFunc(out, func(a, b Alert) int { return cmp.Compare(a.Rule, b.Rule) })
	return out
}

// cloneAll returns copies that share no map with alerts.
func cloneAll(alerts []Alert) []Alert {
	out := make([]Alert, len(alerts))
	for i, a := range alerts {
		out[i] = a.clone()
	}
	return out
}
