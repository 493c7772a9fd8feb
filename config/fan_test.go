package config_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hfwatch/hfwatch/budget"
	"github.com/hfwatch/hfwatch/config"
	"github.com/hfwatch/hfwatch/hub"
	"github.com/hfwatch/hfwatch/probe"
)

// list is a router's list of one model, by provider.
type list map[string]hub.Offer

func (l list) Providers(string) ([]string, config.Vacancy) {
	var names []string
	for name := range l {
		names = append(names, name)
	}
	slices.Sort(names)
	return names, config.Vacancy{Outcome: probe.Gone, Why: "none"}
}

func (l list) Offer(_, provider string) (hub.Offer, bool) {
	o, ok := l[provider]
	return o, ok
}

// fans has a model at all providers between two others.
const fans = `models:
  - {name: first, model: org/a, provider: groq, task: chat-completion, inputs: [x]}
  - {name: fan, model: org/a, provider: all, task: chat-completion, inputs: [x], labels: {team: blue},
     budget: {requests_per_day: 1000, tokens_per_month: 2000001, usd_per_day: 1}}
  - {name: last, model: org/a, provider: groq, task: chat-completion, inputs: [x], price: {usd_per_mtok_input: 1, usd_per_mtok_output: 2}}
alerts:
  - {name: Slow, match: {name: fan}, when: "p95(response) > 2s over 6h", severity: warning}
  - {name: One, match: {name: "fan:groq"}, when: "p95(response) > 2s over 6h", severity: warning}
maintenance:
  - {name: weekly, schedule: "0 2 * * 0", for: 2h, match: {name: fan}}
`

// TestExpand puts the providers in the place of the model, each with its share of
// the budget, and the router's price where the file has none.
func TestExpand(t *testing.T) {
	c := mustLoad(t, fans, nil)
	groq := hub.Offer{Provider: "groq", USDPerMTokInput: probe.Some(0.1), USDPerMTokOutput: probe.Some(0.2)}
	got := c.Expand(list{"groq": groq, "novita": {Provider: "novita", Free: probe.Some(true)}, "new-one": {Provider: "new-one"}})
	type row struct {
		Name, Provider, Source string
		In                     float64
		Requests               int64
		Vacant                 bool
	}
	rows := func(c *config.Config) (out []row) {
		for _, m := range c.Models {
			in, _ := m.Target.Price.USDPerMTokInput.Get()
			out = append(out, row{m.Target.Name, m.Target.Provider, m.Target.Price.Source, in, m.Budget.RequestsPerDay, m.Vacant != nil})
		}
		return out
	}
	want := []row{
		{"first", "groq", "router", 0.1, 0, false},
		{"fan:groq", "groq", "router", 0.1, 333, false},
		{"fan:new-one", "new-one", "", 0, 333, false},
		{"fan:novita", "novita", "router", 0, 333, false},
		{"last", "groq", "config", 1, 0, false},
	}
	if diff := cmp.Diff(want, rows(got)); diff != "" {
		t.Errorf("Expand: -want +got\n%s", diff)
	}
	if b, want := got.Models[1].Budget, (budget.Limits{RequestsPerDay: 333, TokensPerMonth: 666667, USDPerDay: 1.0 / 3}); b != want {
		t.Errorf("a share of the budget is %+v, want %+v", b, want)
	}
	if got.Models[1].Target.Labels["team"] != "blue" || got.Models[1].Target.Endpoint.Route != probe.RouteRouter {
		t.Errorf("a target of the fan is %+v", got.Models[1].Target)
	}
	if len(c.Models) != 2 || len(c.Fans) != 1 || c.Models[0].Target.Price.Source != "" || c.Fans[0].Budget.RequestsPerDay != 1000 {
		t.Error("Expand changed the configuration itself")
	}
	if none := rows(c.Expand(list{})); len(none) != 3 || none[1] != (row{"fan", "all", "", 0, 1000, true}) {
		t.Errorf("without a provider the fan is %+v", none)
	}
}

// TestFanIsSelected: a match of the model's name selects its targets, in the
// daemon and in PromQL.
func TestFanIsSelected(t *testing.T) {
	c := mustLoad(t, fans, nil)
	for _, m := range []probe.Match{c.Alerts[0].Match, c.Maintenance[0].Match} {
		for name, want := range map[string]bool{"fan": true, "fan:groq": true, "fan:a:b": false, "fan:": false, "fancy:groq": false, "first": false} {
			if m.Selects(probe.Identity{Name: name}) != want {
				t.Errorf("%+v selects %s: %t, want %t", m, name, !want, want)
			}
		}
	}
	if m := c.Alerts[1].Match; m.Selects(probe.Identity{Name: "fan"}) || !m.Selects(probe.Identity{Name: "fan:groq"}) {
		t.Errorf("%+v selects another than fan:groq", m)
	}
}

// TestReportOfAFan: what it comes to is told of one provider, and the sum is not
// known.
func TestReportOfAFan(t *testing.T) {
	c := mustLoad(t, fans, nil)
	var out strings.Builder
	if err := c.Report(&out, time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)); err != nil {
		t.Fatal(err)
	}
	var lines []string
	for line := range strings.Lines(out.String()) {
		if strings.HasPrefix(line, "fan:*") || strings.HasPrefix(line, "all ") {
			lines = append(lines, strings.Join(strings.Fields(line), " "))
		}
	}
	want := []string{
		"fan:* baseline */5 * * * * 2026-01-01 00:05:00 UTC 2026-01-01 00:10:00 UTC 2026-01-01 00:15:00 UTC",
		"fan:* baseline 8,928 1,339,200 unknown 1 USD a day", "all unknown unknown unknown",
	}
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Errorf("Report: -want +got\n%s", diff)
	}
}
