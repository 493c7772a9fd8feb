package alerts

import (
	"fmt"
	"maps"
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
	out := make([]prom.Rule, 0, len(rules))
	var names []string
	for _, name := range userLabels {
		names = append(names, series.LabelName(name))
	}
	slices.Sort(names)
	names = slices.Compact(names)
	for _, r := range rules {
		out = append(out, prom.Rule{
			Name: r.Name, Expr: r.expression(names), For: r.For, KeepFiringFor: r.KeepFiringFor,
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
		return fmt.Sprintf("{{ $value }} of the last %d results meet it", w.N)
	case FormQuantile:
		return "the value is {{ $value | humanizeDuration }}"
	case FormRatio, FormLevel:
		return "the value is {{ $value | humanizePercentage }}"
	default:
		return "the value is {{ $value | humanize }}"
	}
}

// expression returns the PromQL of the rule.
func (r Rule) expression(userLabels []string) string {
	expr := r.Expr
	if expr == "" {
		expr = r.When.expression(r.Name)
	}
	own := r.Expr != "" && !r.shipped
	// The global budget has no target to be joined to.
	everyBudget := r.Expr == "" && r.When.Signal == BudgetUsed && matchers(r.targets()) == ""
	if r.Global || own || everyBudget {
		return expr
	}
	return fmt.Sprintf("(%s)\n* on (target, location) group_left (%s)\nhfwatch_target_info%s",
		expr, joined(userLabels), matchers(r.targets()))
}

// matchers returns the selector of the targets that m selects.
func matchers(m probe.Match) string {
	var parts []string
	for _, p := range [][2]string{{"target", m.Name}, {"task", m.Task}, {"model", m.Model}, {"location", m.Location}} {
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

// expression returns the PromQL of the condition for the rule of that name.
func (w When) expression(name string) string {
	switch w.Form {
	case FormLast:
		return fmt.Sprintf("%s{alertname=%q} >= %d", HitsSeries, name, w.K)
	case FormQuantile:
		h, _ := histogram(w.Signal)
		increase := fmt.Sprintf(`increase(%s{kind="baseline"%s}[%s])`, h.name, h.extra, promDuration(w.Over[0]))
		return fmt.Sprintf("histogram_quantile(%g, sum by (target, location) (%s)) %s %g\n"+
			"and on (target, location) sum by (target, location) (histogram_count(%s)) >= %g",
			w.Quantile, increase, w.Op, w.Threshold, increase, float64(ResultsForQuantile(w.Quantile))-rounding)
	case FormRatio:
		return w.ratio()
	case FormLevel:
		return fmt.Sprintf("hfwatch_budget_used_ratio %s %g", w.Op, w.Threshold)
	default:
		return "vector(0) > 1"
	}
}

// rounding is taken off a least number of results, since increase()
// extrapolates and can give a little less than the whole number that it was.
const rounding = 0.5

// ratio returns the PromQL of a ratio of what counts. The bad are in the
// numerator in both directions, so that a target without one good result has a
// ratio too.
func (w When) ratio() string {
	span := promDuration(w.Over[0])
	bad := fmt.Sprintf(`sum by (target, location) (increase(hfwatch_results_total{kind="baseline",counts="bad"}[%s]))`, span)
	all := fmt.Sprintf(`sum by (target, location) (increase(hfwatch_results_total{kind="baseline",counts=~"good|bad"}[%s]))`, span)
	value := bad + "\n/ " + all
	if w.Signal == Availability {
		value = "1 - " + value
	}
	return fmt.Sprintf("%s %s %g\nand on (target, location) %s >= %g", value, w.Op, w.Threshold, all, MinResults-rounding)
}

// promDuration writes a duration as PromQL does.
func promDuration(d time.Duration) string {
	if d%time.Second == 0 {
		return fmt.Sprintf("%ds", d/time.Second)
	}
	return fmt.Sprintf("%dms", d/time.Millisecond)
}
