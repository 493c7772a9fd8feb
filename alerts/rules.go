package alerts

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/hfwatch/hfwatch/internal/prom"
	"github.com/hfwatch/hfwatch/probe"
	"github.com/hfwatch/hfwatch/series"
)

// Severity is how much an alert matters.
type Severity string

// The severities.
const (
	Critical Severity = "critical"
	Warning  Severity = "warning"
	Info     Severity = "info"
)

// Severities returns the closed list, worst first.
func Severities() []Severity { return []Severity{Critical, Warning, Info} }

// Rule is one alert as configured or shipped.
type Rule struct {
	Name  string
	Match probe.Match
	// When is the condition; it is not used where Expr is set.
	When When
	// Expr is a PromQL expression in place of a condition.
	Expr string
	// Global rules are about hfwatch or the account and not about one target:
	// the target's labels are not joined to them.
	Global bool

	For           time.Duration
	KeepFiringFor time.Duration
	Severity      Severity
	Labels        map[string]string
	Annotations   map[string]string
	RunbookURL    string
	// Notify names the receivers; none is every receiver whose match selects the
	// alert.
	Notify []string

	// shipped marks the rules of Shipped, which have a runbook page.
	shipped bool
	// or is an expression by target that makes the alert of a condition fire too.
	or string
}

// targets returns the part of the rule's match that targets have.
func (r Rule) targets() probe.Match {
	m := r.Match
	m.Severity = ""
	return m
}

// ReservedLabel reports whether hfwatch, or Prometheus, uses the label itself,
// so that the user's may not bear its name.
func ReservedLabel(name string) bool {
	return series.ReservedLabel(series.LabelName(name))
}

// joined are the labels that a target's alert takes from its info series.
func joined(userLabels []string) string {
	names := append([]string{"model", "task", "provider", "url_host"}, userLabels...)
	return strings.Join(names, ", ")
}

// Compile returns the rules as the engine takes them. userLabels are the names
// of the labels that targets bear by configuration; in series they stand under
// names that Prometheus allows.
func Compile(rules []Rule, userLabels []string) []prom.Rule {
	return CompileFor(rules, userLabels, NativeHistograms)
}

// CompileFor is Compile for an engine that has histograms of that form.
func CompileFor(rules []Rule, userLabels []string, h Histograms) []prom.Rule {
	out := make([]prom.Rule, 0, len(rules))
	var names []string
	for _, name := range userLabels {
		names = append(names, series.LabelName(name))
	}
	slices.Sort(names)
	names = slices.Compact(names)
	for _, r := range rules {
		out = append(out, prom.Rule{
			Name: r.Name, Expr: r.expression(names, h), For: r.For, KeepFiringFor: r.KeepFiringFor,
			Labels: r.labels(), Annotations: r.annotations(),
		})
	}
	return out
}

// labels returns the rule's static labels.
func (r Rule) labels() map[string]string {
	labels := map[string]string{"severity": string(r.Severity)}
	maps.Copy(labels, r.Labels)
	return labels
}

// annotations returns the rule's annotations, with the ones that every alert
// has. What the user wrote wins.
func (r Rule) annotations() map[string]string {
	a := map[string]string{}
	if r.Expr != "" {
		a["summary"] = r.Name + "{{ with $labels.target }} on {{ . }}{{ end }}"
		a["description"] = "The expression of the alert is true; its value is {{ $value | humanize }}."
	} else {
		a["summary"] = r.Name + " on {{ $labels.target }}: " + r.When.Text
		a["description"] = "The condition " + r.When.Text + " holds for {{ $labels.target }}; " + r.When.meaning() + "."
	}
	if r.shipped {
		a["runbook_url"] = RunbookBase + r.Name + ".md"
	}
	if r.RunbookURL != "" {
		a["runbook_url"] = r.RunbookURL
	}
	maps.Copy(a, r.Annotations)
	return a
}

// meaning says in words what the value of an alert's expression is.
func (w When) meaning() string {
	switch w.Form {
	case FormLast:
		what := map[Signal]string{ColdStart: "cold starts", WarmUp: "warm-ups"}[w.Signal]
		return fmt.Sprintf("{{ $value }} of the last %d %s meet it", w.N, cmp.Or(what, "results"))
	case FormAbsent:
		return "no baseline result has come"
	case FormQuantile, FormRelative:
		return "the value is {{ $value | humanizeDuration }}"
	case FormRatio, FormLevel:
		if w.Signal == Stale {
			return "the last good result was {{ $value | humanizeDuration }} ago"
		}
		if !w.Signal.Ratio() {
			return "the value is {{ $value | humanize }}"
		}
		return "the value is {{ $value | humanizePercentage }}"
	default:
		return "the value is {{ $value | humanize }}"
	}
}

// expression returns the PromQL of the rule.
func (r Rule) expression(userLabels []string, h Histograms) string {
	expr := r.Expr
	if expr == "" {
		expr = r.When.expression(r.Name, h)
	}
	if r.or != "" {
		expr += "\nor on (target, location) " + r.or
	}
	own := r.Expr != "" && !r.shipped
	// The global budget has no target to be joined to.
	everyBudget := r.Expr == "" && r.When.Signal == BudgetUsed && matchers(r.targets()) == ""
	switch {
	case r.Name == WatchdogName:
		return expr
	case own || r.Global || everyBudget:
		return bare(expr)
	}
	return bare(fmt.Sprintf("(%s)\n* on (target, location) group_left (%s)\nhfwatch_target_info%s",
		expr, joined(userLabels), matchers(r.targets())))
}

// bare returns the expression without the labels that a scrape adds, so that an
// alert has the same labels here and in a Prometheus.
func bare(expr string) string {
	return "max without (instance, job) (\n" + expr + "\n)"
}

// matchers returns the selector of the targets that m selects.
func matchers(m probe.Match) string {
	var parts []string
	switch {
	case m.Fan:
		parts = append(parts, fmt.Sprintf("target=~%q", regexp.QuoteMeta(m.Name)+"(:[^:]+)?"))
	case m.Name != "":
		parts = append(parts, fmt.Sprintf("target=%q", m.Name))
	}
	for _, p := range [][2]string{{"task", m.Task}, {"model", m.Model}, {"location", m.Location}} {
		if p[1] != "" {
			parts = append(parts, fmt.Sprintf("%s=%q", p[0], p[1]))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(m.Labels)) {
		parts = append(parts, fmt.Sprintf("%s=%q", series.LabelName(name), m.Labels[name]))
	}
	if len(parts) == 0 {
		return ""
	}
	return "{" + strings.Join(parts, ",") + "}"
}

// promDuration writes a duration as PromQL does.
func promDuration(d time.Duration) string {
	if d%time.Second == 0 {
		return fmt.Sprintf("%ds", d/time.Second)
	}
	return fmt.Sprintf("%dms", d/time.Millisecond)
}
