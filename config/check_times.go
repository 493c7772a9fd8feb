package config

import (
	"fmt"
	"strings"
	"time"

	"github.com/hfwatch/hfwatch/probe"
)

// Default time limits of a probe.
const (
	defaultTimeout         = 30 * time.Second
	defaultGenerateTimeout = 90 * time.Second
	// hoursAMonth is 365.25 days over twelve.
	hoursAMonth = 730.5
)

// split parts an error's text at its first semicolon into what is wrong and the
// remedy.
func split(err error) (what, remedy string) {
	what, remedy, _ = strings.Cut(err.Error(), "; ")
	return what, remedy
}

// sleeps reports whether the policy lets the model sleep.
func (m *modelCheck) sleeps() bool {
	return m.target.Wake == probe.ObserveCold || m.target.Wake == probe.NeverWake
}

// wakes checks the wake policy against the endpoint.
func (m *modelCheck) wakes() {
	m.managed()
	at := m.raw.at("wake")
	switch {
	case m.router && m.raw.has("wake"):
		m.problem(at, "the router's models do not sleep by themselves", "remove wake")
		m.target.Wake = ""
		return
	case m.dedicated && !m.raw.has("wake"):
		m.problem(at, "is missing: a dedicated endpoint may scale to zero",
			"write keep_warm (probes keep it awake), observe_cold (only experiments wake it) or never_wake")
		return
	case m.target.Wake == probe.NeverWake && !m.raw.has("endpoint"):
		m.problem(at, "never_wake needs endpoint: without it the state could not be read, and any request wakes the model",
			"write endpoint: {namespace: …, name: …}")
	case m.target.Wake == probe.KeepWarm && m.dedicated:
		m.warnAwake(at)
	}
	if m.sleeps() {
		m.need(FeatureColdStart, at, "write wake: keep_warm, or remove the model")
	}
}

// warnAwake says what an endpoint costs that probes keep awake.
func (m *modelCheck) warnAwake(at spot) {
	cost := "its price by the hour is not known"
	if p := m.raw.Price; p != nil && p.USDPerHour != nil {
		cost = fmt.Sprintf("%.2f USD a month at %g an hour for each replica", *p.USDPerHour*hoursAMonth, *p.USDPerHour)
	}
	m.warn(at, "probes keep this dedicated endpoint awake: "+cost, "write observe_cold or never_wake to let it sleep")
}

// managed checks which dedicated endpoint the model is.
func (m *modelCheck) managed() {
	raw := m.raw.Endpoint
	if raw == nil {
		return
	}
	m.need(FeatureColdStart, raw.here(), "remove endpoint")
	if m.router {
		m.problem(raw.here(), "the router's models have no endpoint of their own", "remove endpoint, or write the endpoint's url")
	}
	for _, key := range []string{"namespace", "name"} {
		if !raw.has(key) {
			m.problem(raw.at(key), "is missing", "write the endpoint's "+key+" as in its address on endpoints.huggingface.co")
		}
	}
	if raw.Idle < duration(time.Minute) {
		m.problem(raw.at("idle"), short(raw.Idle.get())+" is shorter than an endpoint can be set to", "write at least 1m, such as 1h")
	}
	m.out.Managed = &Managed{Namespace: raw.Namespace, Name: raw.Name, Idle: raw.Idle.get()}
	if raw.has("token_file") {
		m.out.Managed.Token = m.secretFile(raw.at("token_file"), raw.TokenFile)
	}
}

// idle returns the time after which the model falls asleep.
func (m *modelCheck) idle() time.Duration {
	if m.out.Managed != nil {
		return m.out.Managed.Idle
	}
	return time.Hour
}

// baseline checks the scheduled probes.
func (m *modelCheck) baseline() {
	raw := &m.raw.Baseline
	written := m.raw.has("baseline") && m.raw.n.get("baseline").from != "defaults" && !m.raw.n.get("baseline").off()
	if raw.off {
		// Windows and probes by hand have a limit all the same.
		m.target.Timeout = m.timeout(raw, parsed{})
		if m.target.Wake == probe.NeverWake {
			m.problem(raw.here(), "never_wake without a baseline does nothing", "write a baseline, or remove the model")
		}
		return
	}
	s := m.schedule(raw.at("schedule"), raw.Schedule)
	if m.sleeps() && !m.mayProbe(raw, s, written) {
		return
	}
	b := &Baseline{Schedule: s.Schedule, Jitter: raw.Jitter.get(), Timeout: m.timeout(raw, s)}
	if s.ok {
		m.out.Baseline, m.plan = b, &s.plan
	}
	m.target.Timeout = b.Timeout
}

// mayProbe reports whether a baseline of a model that may sleep can run: one
// slower than its idle time can. A faster one is refused where the model or its
// profile asks for it, and left out where only the defaults do, since then
// experiments alone are what was asked for.
func (m *modelCheck) mayProbe(raw *rawBaseline, s parsed, written bool) bool {
	m.target.Timeout = m.timeout(raw, s)
	policy, idle := string(m.target.Wake), m.idle()
	ask := "write a schedule with more than " + short(idle) + " between probes, or baseline: off"
	if m.target.Wake == probe.NeverWake {
		ask = "write a schedule with more than " + short(idle) + " between probes"
	}
	switch {
	case written && !m.raw.has("endpoint") && m.target.Wake == probe.ObserveCold:
		m.problem(raw.here(), "a baseline under observe_cold needs endpoint: without it the state could not be read, and the probe would wake the model",
			"write endpoint: {namespace: …, name: …}, or baseline: off so that only experiments run")
	case !s.ok:
	case s.plan.gap > idle && m.raw.has("endpoint"):
		return true
	case written && m.raw.has("endpoint"):
		m.problem(raw.at("schedule"), fmt.Sprintf("a probe every %s would keep awake what %s lets sleep after %s without a request",
			short(s.plan.gap), policy, short(idle)), ask)
	case m.target.Wake == probe.NeverWake:
		if m.raw.has("endpoint") {
			m.problem(m.raw.at("wake"), fmt.Sprintf("the baseline of the defaults, every %s, would keep awake what never_wake lets sleep after %s without a request, and nothing else runs",
				short(s.plan.gap), short(idle)), "give the model a baseline with more than "+short(idle)+" between probes")
		}
	default:
		m.warn(m.raw.at("wake"), fmt.Sprintf("no baseline runs: every %s would keep the model awake, which sleeps after %s without a request; only experiments do",
			short(s.plan.gap), short(idle)), "give the model a baseline with more than "+short(idle)+" between probes to have one")
	}
	return false
}

// timeout returns the time limit of a probe.
func (m *modelCheck) timeout(raw *rawBaseline, s parsed) time.Duration {
	if raw.Timeout == nil {
		limit := defaultTimeout
		if generates(m.task) {
			limit = defaultGenerateTimeout
		}
		if s.ok && s.plan.gap > 0 {
			limit = min(limit, s.plan.gap)
		}
		return limit
	}
	limit := raw.Timeout.get()
	switch {
	case limit <= 0:
		m.problem(raw.at("timeout"), "allows no time at all", "write a time above 0, such as 30s")
	case limit > time.Hour:
		m.problem(raw.at("timeout"), short(limit)+" is longer than an hour", "write at most 1h")
	case s.ok && s.plan.gap > 0 && limit > s.plan.gap:
		m.problem(raw.at("timeout"), fmt.Sprintf("%s is longer than a slot: %q fires every %s", short(limit), raw.Schedule, short(s.plan.gap)),
			"write at most "+short(s.plan.gap)+", or probe less often")
	case s.ok && s.plan.gap > 0 && limit > s.plan.gap/10*9:
		m.warn(raw.at("timeout"), fmt.Sprintf("%s leaves no room in a slot: %q fires every %s, and a model that hangs makes it miss slots",
			short(limit), raw.Schedule, short(s.plan.gap)), "write at most "+short(tidy(s.plan.gap/10*9))+", or probe less often")
	}
	return limit
}

// tidy returns d without its part of a second, where it has whole ones.
func tidy(d time.Duration) time.Duration {
	if d < time.Second {
		return d
	}
	return d.Truncate(time.Second)
}

// coldStart checks the experiment.
func (m *modelCheck) coldStart() {
	raw := m.raw.ColdStart
	m.target.GiveUp = 15 * time.Minute
	if raw == nil || raw.off {
		return
	}
	m.need(FeatureColdStart, raw.here(), "remove cold_start")
	switch {
	case m.router:
		m.problem(raw.here(), "the router's models do not sleep by themselves", "remove cold_start")
	case m.target.Wake != probe.ObserveCold:
		m.problem(raw.here(), "an experiment wakes the model and lets it sleep again, and wake says "+or(m.raw.Wake, "nothing"), "write wake: observe_cold")
	}
	x := &Experiment{Idle: m.idle(), Method: raw.Method, Requests: raw.Requests, GiveUp: raw.GiveUp.get()}
	if raw.Idle != nil {
		x.Idle = raw.Idle.get()
	}
	if x.GiveUp <= 0 {
		m.problem(raw.at("give_up"), "allows no time at all", "write a time above 0, such as 15m")
	}
	if x.Requests < 1 || x.Requests > 10_000 {
		m.problem(raw.at("requests"), fmt.Sprintf("%d is out of range", x.Requests), "write from 1 to 10000, such as 60")
	}
	m.target.GiveUp, m.out.ColdStart = x.GiveUp, x
	if !raw.has("schedule") {
		m.problem(raw.at("schedule"), "is missing", "write when to run it, such as \"0 5 * * 1-5\"")
		return
	}
	s := m.schedule(raw.at("schedule"), raw.Schedule)
	x.Schedule = s.Schedule
	if s.ok && s.plan.gap > 0 && x.Idle+x.GiveUp > s.plan.gap {
		m.problem(raw.at("schedule"), fmt.Sprintf("fires every %s, and one experiment takes up to %s: %s idle and %s to give up",
			short(s.plan.gap), short(x.Idle+x.GiveUp), short(x.Idle), short(x.GiveUp)), "run it less often")
	}
}

// plannedCost checks the model's baselines against its own budget.
func (m *modelCheck) plannedCost() {
	if m.plan == nil {
		return
	}
	c := ceilingOf(m.out, *m.plan)
	b, raw := m.out.Budget, m.raw.Budget
	for _, l := range []struct {
		key         string
		plan, limit float64
		unit        string
	}{
		{"requests_per_day", c.day.requests, float64(b.RequestsPerDay), "requests a day"},
		{"requests_per_month", c.month.requests, float64(b.RequestsPerMonth), "requests a month"},
		{"tokens_per_day", c.day.tokens, float64(b.TokensPerDay), "tokens a day"},
		{"tokens_per_month", c.month.tokens, float64(b.TokensPerMonth), "tokens a month"},
		{"usd_per_day", c.day.usd, b.USDPerDay, "USD a day"},
		{"usd_per_month", c.month.usd, b.USDPerMonth, "USD a month"},
	} {
		if l.limit > 0 && l.plan > l.limit {
			m.problem(raw.at(l.key), fmt.Sprintf("the baselines alone take up to %s %s, over the limit of %s", number(l.plan), l.unit, number(l.limit)),
				"raise the limit, probe less often, or ask for fewer tokens")
		}
	}
}
