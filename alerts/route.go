package alerts

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/prometheus/alertmanager/alert"
	"github.com/prometheus/common/model"

	"github.com/hfwatch/hfwatch/alerts/notify"
	"github.com/hfwatch/hfwatch/internal/prom"
	"github.com/hfwatch/hfwatch/probe"
)

// Routing says whom alerts concern.
type Routing struct {
	// Rules are those that are in force.
	Rules []Rule
	// Receivers are the configured ones. An alert of severity info goes only to
	// those that name it in a rule or match that severity, so that Watchdog
	// wakes nobody who did not ask for it.
	Receivers []notify.Receiver
	// Targets are those that are watched. What fires about another is left out:
	// after a restart the engine still sees the last samples of a target that was
	// taken out meanwhile. Nil is no restriction.
	Targets []probe.Identity
	// Muted reports whether a maintenance time holds an alert back; nil mutes
	// nothing.
	Muted func(probe.Identity) bool
	// Silenced reports whether a silence holds back an alert of these labels; nil
	// is no silence.
	Silenced func(context.Context, model.LabelSet) bool
}

// Route returns the alerts that fire or have resolved as values that can be
// delivered. It is a pure function of its arguments; pending alerts are left
// out. The context carries tracing alone.
func Route(ctx context.Context, found []prom.Alert, r Routing) []notify.Routed {
	to := map[string][]string{}
	for _, rule := range r.Rules {
		to[rule.Name] = rule.Notify
	}
	var out []notify.Routed
	for _, a := range found {
		if a.State == prom.StatePending || a.State == prom.StateFiring && !r.watches(a) {
			continue
		}
		routed := notify.Routed{Alert: value(a), To: to[a.Rule]}
		id := notify.Identity(routed.Alert)
		if len(routed.To) == 0 && id.Severity == string(Info) {
			routed.To = asked(r.Receivers, id)
		}
		routed.Silenced = r.Silenced != nil && routed.Alert.EndsAt.IsZero() && r.Silenced(ctx, routed.Alert.Labels)
		routed.Muted = routed.Silenced || r.Muted != nil && r.Muted(id)
		out = append(out, routed)
	}
	holdBack(ctx, out)
	return out
}

// watches reports whether the alert is about no target, or about one that is
// watched.
func (r Routing) watches(a prom.Alert) bool {
	name := a.Labels["target"]
	return name == "" || r.Targets == nil || slices.ContainsFunc(r.Targets, func(id probe.Identity) bool { return id.Name == name })
}

// asked returns the receivers that ask for the severity info and match the
// alert. Before them stands a name that no receiver can have, since an empty
// list would be everybody.
func asked(receivers []notify.Receiver, id probe.Identity) []string {
	names := []string{""}
	for _, r := range receivers {
		if r.Match.Severity == string(Info) && r.Match.Selects(id) {
			names = append(names, r.Name)
		}
	}
	return names
}

// value converts an alert of the rule engine to one of Alertmanager's.
func value(a prom.Alert) *alert.Alert {
	annotations := map[string]string{}
	annotations["value"] = strconv.FormatFloat(a.Value, 'g', -1, 64)
	annotations["since"] = a.ActiveAt.UTC().Format(time.RFC3339)
	maps.Copy(annotations, a.Annotations)
	out := &alert.Alert{Alert: model.Alert{
		Labels: set(a.Labels), Annotations: set(annotations),
		StartsAt: a.FiredAt, EndsAt: a.ResolvedAt, GeneratorURL: a.GeneratorURL,
	}}
	return out
}

// set returns a map as a label set.
func set(m map[string]string) model.LabelSet {
	out := make(model.LabelSet, len(m))
	for name, v := range m {
		out[model.LabelName(name)] = model.LabelValue(v)
	}
	return out
}
