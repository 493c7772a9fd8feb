package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hfwatch/hfwatch/alerts"
	"github.com/hfwatch/hfwatch/internal/prom"
	"github.com/hfwatch/hfwatch/probe"
	"github.com/hfwatch/hfwatch/schedule"
)

// match checks a match and returns it. what is "alert", "receiver" or
// "maintenance".
func (c *checker) match(raw *rawMatch, what string) probe.Match {
	if raw == nil {
		return probe.Match{}
	}
	m := probe.Match{
		Name: raw.Name, Task: raw.Task, Model: raw.Model, Location: raw.Location, Severity: raw.Severity, Labels: raw.Labels,
	}
	m.Fan = c.fanNamed(m.Name) != nil
	if raw.has("severity") && what != "receiver" {
		c.problem(raw.at("severity"), "models have no severity", "remove it: it belongs into the match of a receiver")
	}
	models := m
	if what == "receiver" {
		// An alert's own labels are among those that a receiver matches.
		models.Labels = nil
	}
	if len(c.models) > 0 && len(c.selected(models)) == 0 {
		c.problem(raw.here(), "selects no model of this file", c.matchRemedy(models))
	}
	return m
}

// matchRemedy names what a match may have meant.
func (c *checker) matchRemedy(m probe.Match) string {
	var names []string
	for _, model := range c.models {
		names = append(names, model.out.Target.Name)
	}
	if m.Name != "" && !slices.Contains(names, m.Name) {
		return meant(m.Name, names[:min(len(names), 20)])
	}
	return "compare it with name, task, model and labels of the models"
}

// identity returns what a match looks at.
func (m *checked) identity() probe.Identity {
	return probe.Identity{Name: m.out.Target.Name, Task: m.task, Model: m.out.Target.Model, Labels: m.labels}
}

// alerts checks the user's alerts.
func (c *checker) alerts(receivers []string) {
	first := map[string]spot{}
	shipped := alerts.Names(alerts.Shipped())
	for i := range c.raw.Alerts {
		raw := &c.raw.Alerts[i]
		if raw.n == nil {
			continue
		}
		c.unique(raw.where, "alert", raw.Name, first)
		if slices.Contains(shipped, raw.Name) {
			c.warn(raw.at("name"), "replaces the alert of this name that comes with hfwatch", "choose another name to have both")
		}
		r := alerts.Rule{
			Name: raw.Name, Match: c.match(raw.Match, "alert"), Expr: raw.Expr, For: raw.For.get(), KeepFiringFor: raw.KeepFiringFor.get(),
			Severity: alerts.Severity(raw.Severity), Labels: raw.Labels, Annotations: raw.Annotations, Notify: raw.Notify,
		}
		if raw.RunbookURL != nil && c.web(raw.at("runbook_url"), raw.RunbookURL) {
			r.RunbookURL = raw.RunbookURL.u.String()
		}
		c.checkLabels(raw.where, raw.Labels)
		for _, name := range sortedKeys(raw.Annotations) {
			if !labelName.MatchString(name) {
				c.problem(raw.entry("annotations", name), quote(name)+" is not an annotation's name", "use letters, digits and _, beginning with a letter")
			}
		}
		for j, name := range raw.Notify {
			if !slices.Contains(receivers, name) {
				c.problem(raw.item("notify", j), "there is no receiver "+quote(name), meantReceiver(name, receivers))
			}
		}
		if c.condition(raw, &r) {
			c.compiles(raw, r)
		}
		c.cfg.Alerts = append(c.cfg.Alerts, r)
	}
}

// meantReceiver returns the nearest receiver, or where they are defined.
func meantReceiver(name string, receivers []string) string {
	if len(receivers) == 0 {
		return "define it under notify:"
	}
	return meant(name, receivers)
}

// condition checks when or expr and reports whether a rule can be made of it.
func (c *checker) condition(raw *rawAlert, r *alerts.Rule) bool {
	switch {
	case raw.has("when") && raw.has("expr"):
		c.problem(raw.at("expr"), "when and expr are both given", "keep one")
		return false
	case raw.has("expr"):
		return !raw.n.get("expr").broken && c.expression(raw)
	case raw.has("when"):
		return !raw.n.get("when").broken && c.when(raw, r)
	default:
		c.problem(raw.at("when"), "is missing", "write a condition, such as p95(response) > 2s over 6h, or expr")
		return false
	}
}

// expression checks expr.
func (c *checker) expression(raw *rawAlert) bool {
	if raw.Match != nil {
		c.problem(raw.Match.here(), "has no meaning beside expr", "select the targets in the expression")
	}
	err := prom.CheckExpr(raw.Expr)
	if err == nil {
		return true
	}
	what := err.Error()
	var mistake *prom.ExprError
	if errors.As(err, &mistake) {
		what = mistake.Msg
	}
	c.problem(raw.at("expr"), "is not PromQL for a rule: "+what, "correct the expression")
	return false
}

// when checks a condition against the models that it is for.
func (c *checker) when(raw *rawAlert, r *alerts.Rule) bool {
	w, err := alerts.ParseWhen(raw.When)
	if err != nil {
		what, remedy := split(err)
		c.problem(raw.at("when"), what, or(remedy, "write for instance p95(response) > 2s over 6h, or first_token > 4s in 3 of 5"))
		return false
	}
	r.When = w
	if slices.Contains([]alerts.Signal{alerts.FirstToken, alerts.FirstAnswer, alerts.TPOT, alerts.Gap}, w.Signal) {
		c.streams(raw, r)
	}
	c.enough(raw, r)
	return true
}

// streams checks that a condition on a stream is for at least one model that
// streams.
func (c *checker) streams(raw *rawAlert, r *alerts.Rule) {
	selected := 0
	for _, m := range c.selected(r.Match) {
		if m.out.Target.Stream {
			return
		}
		selected++
	}
	if selected > 0 {
		c.problem(raw.at("when"), string(r.When.Signal)+" is measured of streams only, and no model that the alert is for streams",
			"add stream: true to the model, or write response in its place")
	}
}

// selected returns the models that a match selects, whatever its location and
// severity.
func (c *checker) selected(m probe.Match) []*checked {
	m.Severity, m.Location = "", ""
	if fan := c.fanOf(m.Name); fan != nil {
		m.Name = fan.out.Target.Name
	}
	var out []*checked
	for _, model := range c.models {
		if m.Selects(model.identity()) {
			out = append(out, model)
		}
	}
	return out
}

// compiles checks what only the rule engine knows: the templates of labels and
// annotations.
func (c *checker) compiles(raw *rawAlert, r alerts.Rule) {
	if r.Name == "" {
		return
	}
	err := prom.CheckRules(alerts.Compile([]alerts.Rule{r}, c.cfg.UserLabels))
	if err == nil {
		return
	}
	first, _, _ := strings.Cut(err.Error(), "\n")
	if _, what, found := strings.Cut(first, "): "); found {
		first = what
	}
	key := "annotations"
	if strings.HasPrefix(first, "label ") {
		key = "labels"
	}
	c.problem(raw.at(key), "cannot be evaluated: "+first, "correct the template, such as {{ $labels.target }} or {{ $value }}")
}

// enough checks that the schedules of the models can give a condition the
// results that it needs in its time, and names the shortest time that does.
func (c *checker) enough(raw *rawAlert, r *alerts.Rule) {
	needs, over := r.When.Needs()
	if needs < 2 {
		return
	}
	for _, model := range c.selected(r.Match) {
		if model.plan == nil {
			continue
		}
		most := model.plan.most(over)
		if most >= needs {
			continue
		}
		remedy := fmt.Sprintf("probe more often, or write for instance %s", lastForm(r.When))
		if d, ok := model.plan.shortest(needs); ok {
			remedy = fmt.Sprintf("write over %s or longer, or for instance %s", short(d.Round(time.Second)), lastForm(r.When))
		}
		c.problem(raw.at("when"), fmt.Sprintf("needs %d results, and the baseline of %s gives at most %d in %s", needs, model.out.Target.Name, most, short(over)), remedy)
		return
	}
}

// lastForm returns the same condition on the last results.
func lastForm(w alerts.When) string {
	if !w.Signal.Distribution() {
		return "outcome(server_error|timeout) in 3 of 5"
	}
	return fmt.Sprintf("%s %s %s in 3 of 5", w.Signal, w.Op, short(time.Duration(w.Threshold*float64(time.Second))))
}

// maintenance checks the times in which pages are muted.
func (c *checker) maintenance() {
	first := map[string]spot{}
	for i := range c.raw.Maintenance {
		raw := &c.raw.Maintenance[i]
		if raw.n == nil {
			continue
		}
		c.unique(raw.where, "maintenance time", raw.Name, first)
		out := schedule.Maintenance{Name: raw.Name, For: raw.For.get(), Match: c.match(raw.Match, "maintenance"), Mute: raw.Mute, Probe: raw.Probe}
		if !raw.has("for") || out.For <= 0 && !raw.n.get("for").broken {
			c.problem(raw.at("for"), "a maintenance time without an end", "write how long it lasts, such as for: 2h")
		}
		if !raw.has("schedule") {
			c.problem(raw.at("schedule"), "is missing", `write when it begins, such as "0 2 * * 0"`)
			continue
		}
		s := c.schedule(raw.at("schedule"), raw.Schedule)
		out.Schedule = s.Schedule
		if s.ok && s.plan.gap > 0 && out.For >= s.plan.gap {
			c.problem(raw.at("for"), fmt.Sprintf("%s never ends: the next begins %s later", short(out.For), short(s.plan.gap)), "write a shorter time")
		}
		c.cfg.Maintenance = append(c.cfg.Maintenance, out)
	}
}
