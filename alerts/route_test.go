package alerts_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/hfwatch/hfwatch/alerts"
	"github.com/hfwatch/hfwatch/alerts/notify"
	"github.com/hfwatch/hfwatch/internal/prom"
	"github.com/hfwatch/hfwatch/probe"
)

// result returns a baseline result of target a.
func result(n int, o probe.Outcome, first time.Duration) probe.Result {
	fault, counts := probe.Judge(o, probe.Circumstances{})
	r := probe.Result{
		ID: fmt.Sprint(n), Target: "a", Location: "l", Task: "custom", Kind: probe.Baseline, Outcome: o, Fault: fault, Counts: counts,
		Due: time.Date(2026, 11, 1, 3, n, 0, 0, time.UTC),
	}
	if first > 0 {
		r.FirstToken = probe.Measured(first)
	}
	return r
}

// TestCounterCountsTheLastResults for durations and outcomes, and forgets what
// is gone.
func TestCounterCountsTheLastResults(t *testing.T) {
	rules := []alerts.Rule{
		{Name: "Slow", When: when(t, "first_token > 4s in 3 of 5")},
		{Name: "Cold", When: when(t, "outcome(loading|asleep) in 2 of 3")},
		{Name: "Team", When: when(t, "outcome(ok) in 1 of 2"), Match: probe.Match{Labels: map[string]string{"team": "x"}, Severity: "critical"}},
		{Name: "Ratio", When: when(t, "bad_ratio > 1% over 1h")},
	}
	id := probe.Identity{Name: "a", Task: "custom", Location: "l", Labels: map[string]string{"team": "x"}}
	c := alerts.NewCounter()
	c.SetRules(rules, []probe.Identity{id})
	reg := prometheus.NewPedanticRegistry()
	reg.MustRegister(c)
	check := func(why string, want map[string]int) {
		t.Helper()
		text := ""
		for _, name := range []string{"Cold", "Slow", "Team"} {
			if v, ok := want[name]; ok {
				text += fmt.Sprintf("hfwatch_alert_hits{alertname=%q,location=\"l\",target=\"a\"} %d\n", name, v)
			}
		}
		if text != "" {
			text = "# HELP hfwatch_alert_hits How many of the target's last results meet the condition of the alert, for conditions of the form k of n.\n# TYPE hfwatch_alert_hits gauge\n" + text
		}
		if err := testutil.GatherAndCompare(reg, strings.NewReader(text), alerts.HitsSeries); err != nil {
			t.Errorf("%s: %v", why, err)
		}
	}
	check("before any result", nil)
	c.RecordOf(result(1, probe.OK, 5*time.Second), id.Labels)
	check("one slow good result", map[string]int{"Slow": 1, "Cold": 0, "Team": 1})
	c.Record(result(2, probe.Loading, 30*time.Second))
	check("a cold one, without the label", map[string]int{"Slow": 2, "Cold": 1, "Team": 1})
	c.Record(result(3, probe.Auth, 0))
	check("the account's fault is an outcome and not a duration", map[string]int{"Slow": 2, "Cold": 1, "Team": 1})
	window := result(4, probe.OK, 9*time.Second)
	window.Kind = probe.WindowKind
	c.Record(window)
	check("windows count for nothing", map[string]int{"Slow": 2, "Cold": 1, "Team": 1})
	for n := range 4 {
		c.Record(result(5+n, probe.OK, time.Second))
	}
	check("four fast ones push one slow one out", map[string]int{"Slow": 1, "Cold": 0, "Team": 1})
	c.SetRules([]alerts.Rule{{Name: "Slow", When: when(t, "first_token > 3s in 3 of 5")}, rules[2]}, []probe.Identity{id})
	check("a changed rule begins anew, an unchanged one goes on", map[string]int{"Team": 1})
	c.SetRules(rules, nil)
	check("a removed target has none", nil)
}

// TestRoute converts what fires and has resolved, with evidence, to whom it
// concerns.
func TestRoute(t *testing.T) {
	e := alerts.NewEvidence()
	for n, o := range []probe.Outcome{probe.OK, probe.OK, probe.Overloaded, probe.Auth, probe.Timeout, probe.OK} {
		r := result(n, o, 0)
		if o == probe.Timeout {
			r.Phase, r.Status, r.Error, r.RequestID = probe.PhaseFirstToken, 200, "no token in 30s", "Root=1"
		}
		e.Record(r)
	}
	at := time.Date(2026, 11, 1, 4, 0, 0, 0, time.UTC)
	alert := func(rule, severity string, s prom.State) prom.Alert {
		return prom.Alert{
			Rule: rule, State: s, Labels: map[string]string{"alertname": rule, "severity": severity, "target": "a", "location": "l"},
			Annotations: map[string]string{"summary": "s"}, ActiveAt: at, FiredAt: at.Add(time.Minute), Value: 3, GeneratorURL: "http://g",
		}
	}
	resolved := alert("Gone", "warning", prom.StateResolved)
	resolved.ResolvedAt = at.Add(time.Hour)
	stranger := alert("Stranger", "critical", prom.StateFiring)
	stranger.Labels["target"] = "taken out"
	routing := alerts.Routing{
		Rules:     []alerts.Rule{{Name: "Named", Notify: []string{"ops"}}, {Name: "Named info", Notify: []string{"ops"}}},
		Receivers: []notify.Receiver{{Name: "ops"}, {Name: "dead", Match: probe.Match{Severity: "info"}}, {Name: "other", Match: probe.Match{Severity: "info", Name: "b"}}},
		Muted:     func(id probe.Identity) bool { return id.Labels["alertname"] == "Muted" },
		Targets:   []probe.Identity{{Name: "a"}},
	}
	found := []prom.Alert{
		alert("Plain", "critical", prom.StateFiring), alert("Early", "critical", prom.StatePending), resolved,
		alert("Named", "critical", prom.StateFiring), alert("Named info", "info", prom.StateFiring),
		alert("Watchdog", "info", prom.StateFiring), alert("Muted", "critical", prom.StateFiring), stranger,
	}
	e.Tell(found)
	got := alerts.Route(t.Context(), found, routing)
	type row struct {
		Name  string
		To    []string
		Muted bool
		Ended bool
	}
	var rows []row
	for _, r := range got {
		rows = append(rows, row{string(r.Alert.Labels["alertname"]), r.To, r.Muted, !r.Alert.EndsAt.IsZero()})
	}
	want := []row{
		{"Plain", nil, false, false},
		{"Gone", nil, false, true},
		{"Named", []string{"ops"}, false, false},
		{"Named info", []string{"ops"}, false, false},
		{"Watchdog", []string{"", "dead"}, false, false},
		{"Muted", nil, true, false},
	}
	if diff := cmp.Diff(want, rows); diff != "" {
		t.Errorf("Route() (-want +got):\n%s", diff)
	}
	annotations := map[string]string{}
	for name, v := range got[0].Alert.Annotations {
		annotations[string(name)] = string(v)
	}
	wantAnnotations := map[string]string{
		"summary": "s", "value": "3", "since": "2026-11-01T04:00:00Z", "fault": "target",
		"outcomes": "ok, overloaded, auth, timeout, ok",
		"evidence": "2026-11-01T03:04:00Z timeout in first_token, status 200: no token in 30s (request Root=1)",
	}
	if diff := cmp.Diff(wantAnnotations, annotations); diff != "" {
		t.Errorf("annotations (-want +got):\n%s", diff)
	}
	if a := got[1].Alert; !a.StartsAt.Equal(at.Add(time.Minute)) || !a.EndsAt.Equal(at.Add(time.Hour)) || a.GeneratorURL != "http://g" || a.Annotations["outcomes"] == "" {
		t.Errorf("the resolved alert is %+v, want its times, link and annotations", a)
	}
	e.Keep(nil)
	if a := alerts.Route(t.Context(), []prom.Alert{alert("Plain", "critical", prom.StateFiring)}, routing)[0].Alert; a.Annotations["outcomes"] != "" {
		t.Errorf("a removed target still has evidence: %v", a.Annotations)
	}
}

// TestReservedLabels are those that hfwatch sets itself.
func TestReservedLabels(t *testing.T) {
	for name, want := range map[string]bool{"target": true, "severity": true, "__name__": true, "le": true, "team": false, "env": false} {
		if got := alerts.ReservedLabel(name); got != want {
			t.Errorf("ReservedLabel(%s) = %v, want %v", name, got, want)
		}
	}
}
