package daemon

import (
	"fmt"
	"maps"
	"net/url"
	"reflect"
	"slices"
	"time"

	"github.com/hfwatch/hfwatch/alerts"
	"github.com/hfwatch/hfwatch/alerts/notify"
	"github.com/hfwatch/hfwatch/budget"
	"github.com/hfwatch/hfwatch/config"
	"github.com/hfwatch/hfwatch/exporter"
	"github.com/hfwatch/hfwatch/hub"
	"github.com/hfwatch/hfwatch/internal/prom"
	"github.com/hfwatch/hfwatch/probe"
	"github.com/hfwatch/hfwatch/probe/task"
	"github.com/hfwatch/hfwatch/schedule"
)

// Task returns the task of a name.
func Task(name string) (probe.Task, bool) { return task.ByName(name) }

// Features returns what this build can do beyond what every configuration may
// ask; keys of anything else are refused as not available yet.
func Features() []config.Feature {
	return []config.Feature{config.FeatureAlertmanager, config.FeatureReceivers, config.FeatureLoad, config.FeatureObjectives, config.FeatureColdStart, config.FeatureProviders}
}

// watched is one configuration as it is in force. It is never changed.
type watched struct {
	// source is the configuration as it was written, cfg as it is watched: with
	// the providers of models that are at all of them, and the router's prices.
	source      *config.Config
	cfg         *config.Config
	models      map[string]config.Model
	identities  []probe.Identity
	rules       []alerts.Rule
	maintenance schedule.Maintenances
	needs       map[string]need
	// planned are the load windows, by the name of their target or mix.
	planned map[string]planned
	// manager asks the management API; nil in what only looks up.
	manager *hub.Client
}

// watch derives from a configuration what is looked up while probing.
func watch(cfg *config.Config, now time.Time) *watched {
	w := &watched{
		cfg: cfg, models: map[string]config.Model{}, rules: rulesOf(cfg), maintenance: cfg.Maintenance,
		needs: map[string]need{}, planned: plannedOf(cfg),
	}
	rates := rates{}
	for _, m := range cfg.Models {
		w.models[m.Target.Name] = m
		w.identities = append(w.identities, w.identity(m.Target.Name))
		w.needs[m.Target.Name] = needOf(m, rates.of(m.Baseline, now))
	}
	return w
}

// identity returns what a Match looks at in the target of that name.
func (w *watched) identity(name string) probe.Identity {
	m, ok := w.models[name]
	if !ok {
		return probe.Identity{Name: name}
	}
	id := m.Target.Identity()
	id.Location = w.cfg.Location
	return id
}

// Rules returns the shipped alerts and those of a configuration, as they are
// evaluated.
func Rules(cfg *config.Config) []alerts.Rule { return rulesOf(cfg) }

// rulesOf returns the shipped alerts and the user's. One of the user's that
// bears the name of a shipped one replaces it.
func rulesOf(cfg *config.Config) []alerts.Rule {
	own := alerts.Names(cfg.Alerts)
	rules := slices.DeleteFunc(alerts.Shipped(), func(r alerts.Rule) bool { return slices.Contains(own, r.Name) })
	return append(rules, cfg.Alerts...)
}

// compile returns the rules as the engine takes them.
func compile(cfg *config.Config) []prom.Rule { return alerts.Compile(rulesOf(cfg), cfg.UserLabels) }

// longest returns how long series must be kept for the rules alone: half as
// long again as the longest time that a rule looks back, and at least a day.
func longest(rules []alerts.Rule) time.Duration {
	over := 16 * time.Hour
	for _, r := range rules {
		over = max(over, r.When.Reach())
	}
	return over * 3 / 2
}

// names returns the receivers' names.
func names(receivers []notify.Receiver) []string {
	out := make([]string, len(receivers))
	for i, r := range receivers {
		out[i] = r.Name
	}
	return out
}

// targets returns what the exporter publishes of each model.
func targets(cfg *config.Config, now time.Time) []exporter.TargetInfo {
	var out []exporter.TargetInfo
	for _, m := range cfg.Models {
		t := m.Target
		info := exporter.TargetInfo{
			Name: t.Name, Model: t.Model, Task: t.Task.Name(), Provider: t.Provider, URLHost: t.Endpoint.URL.Host,
			Stream: t.Stream, Timeout: t.Timeout, Labels: t.Labels, Kinds: []probe.Kind{probe.Baseline},
		}
		if o := m.Objectives; o != nil {
			info.Objectives = exporter.Objectives{Response: o.Response, FirstToken: o.FirstToken, TPOT: o.TPOT, Availability: o.Availability}
		}
		if m.Baseline != nil {
			info.Interval = m.Baseline.Schedule.Gap(now, 50)
			info.Timeout = m.Baseline.Timeout
		}
		out = append(out, info)
	}
	return out
}

// limits returns the budgets of the models that have one.
func limits(cfg *config.Config) map[string]budget.Limits {
	out := map[string]budget.Limits{}
	for _, m := range cfg.Models {
		if !m.Budget.IsZero() {
			out[m.Target.Name] = m.Budget
		}
	}
	return out
}

// need is what a target's baselines take in the long run.
type need struct {
	perSecond float64
	ceiling   budget.Amount
}

// needWeek is how far ahead slots are counted.
const needWeek = 7 * 24 * time.Hour

// needOf returns what a model needs whose schedule has so many slots a second.
func needOf(m config.Model, perSecond float64) need {
	if m.Baseline == nil {
		return need{}
	}
	return need{perSecond: perSecond, ceiling: ceiling(m.Target, m.TokensIn, m.TokensOut)}
}

// rates are the slots a second of schedules, by expression and zone: to count
// those of a week takes milliseconds, and thousands of models share a few
// schedules.
type rates map[[2]string]float64

// of returns the slots a second of a baseline; none has none.
func (r rates) of(b *config.Baseline, now time.Time) float64 {
	if b == nil {
		return 0
	}
	key := [2]string{b.Schedule.String(), b.Schedule.Zone()}
	rate, known := r[key]
	if !known {
		rate = perSecond(b.Schedule, now)
		r[key] = rate
	}
	return rate
}

// perSecond returns how many slots a schedule has a second over the week ahead,
// or over its next 10,080 slots where they end sooner.
func perSecond(s schedule.Schedule, now time.Time) float64 {
	const most = 7 * 24 * 60
	at := now
	for count := range most {
		next := s.Next(at)
		if next.IsZero() || next.Sub(now) > needWeek {
			return float64(count) / needWeek.Seconds()
		}
		at = next
	}
	return most / at.Sub(now).Seconds()
}

// until returns what the baselines take from now to end.
func (n need) until(now, end time.Time) budget.Amount {
	slots := int64(n.perSecond*max(0, end.Sub(now).Seconds()) + 0.5)
	return budget.Amount{
		Requests: n.ceiling.Requests * slots, Tokens: n.ceiling.Tokens * slots, MicroUSD: n.ceiling.MicroUSD * slots,
	}
}

// need returns what the baselines of one target, or of all where the name is
// empty, take from now to end.
func (w *watched) need(name string, now, end time.Time) budget.Amount {
	if name != "" {
		return w.needs[name].until(now, end)
	}
	var sum budget.Amount
	for _, n := range w.needs {
		one := n.until(now, end)
		sum.Requests += one.Requests
		sum.Tokens += one.Tokens
		sum.MicroUSD += one.MicroUSD
	}
	return sum
}

// immutable returns what a reload cannot change, or nil where it changes none
// of it.
func immutable(was, is *config.Config) error {
	for _, c := range []struct {
		key     string
		changed bool
	}{
		{"location", was.Location != is.Location},
		{"data", was.Data != is.Data},
		{"alerting", was.Alerting != is.Alerting},
		{"history", was.History != is.History},
		{"remote_write", !reflect.DeepEqual(was.RemoteWrite, is.RemoteWrite)},
	} {
		if c.changed {
			return fmt.Errorf("%s: it cannot change while hfwatch runs; restart it", c.key)
		}
	}
	return nil
}

// notifyOptions returns the settings of delivery.
func (d *Daemon) notifyOptions() notify.Options {
	external, err := url.Parse(d.opts.ExternalURL)
	if err != nil {
		external = nil
	}
	return notify.Options{
		Logger: d.logger, Observer: notifications{d.exporter, &d.drills}, ExternalURL: external, UserAgent: "hfwatch/" + d.opts.Version,
		Dial: d.opts.Dial,
	}
}

// refreshMaintained publishes which targets a maintenance time mutes. What these
// show counts towards no common cause.
func (d *Daemon) refreshMaintained(w *watched, now time.Time) {
	muted := map[string]bool{}
	for _, id := range w.identities {
		if w.maintenance.Muted(id, now) {
			muted[id.Name] = true
		}
	}
	d.exporter.SetMaintained(slices.Collect(maps.Keys(muted)))
	if len(muted) > 0 {
		d.network.Keep(func(target string) bool { return !muted[target] })
	}
}

// maintained returns whether each maintenance time lasts now.
func (w *watched) maintained(now time.Time) map[string]bool {
	out := maps.Collect(func(yield func(string, bool) bool) {
		for _, m := range w.maintenance {
			if !yield(m.Name, m.Active(now)) {
				return
			}
		}
	})
	return out
}

// loadable reports whether a window may go on: by hand every target has one.
func (w *watched) loadable(name string) bool {
	if _, ok := w.planned[name]; ok {
		return true
	}
	_, ok := w.models[name]
	return ok
}
