package alerts

import (
	"fmt"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/hfwatch/hfwatch/internal/prom"
	"github.com/hfwatch/hfwatch/series"
)

// ruleFile, ruleGroup and ruleEntry are Prometheus's rule file.
// https://prometheus.io/docs/prometheus/latest/configuration/recording_rules/
type (
	ruleFile struct {
		Groups []ruleGroup `yaml:"groups"`
	}
	ruleGroup struct {
		Name     string      `yaml:"name"`
		Interval string      `yaml:"interval,omitempty"`
		Rules    []ruleEntry `yaml:"rules"`
	}
	ruleEntry struct {
		Record        string            `yaml:"record,omitempty"`
		Alert         string            `yaml:"alert,omitempty"`
		Expr          string            `yaml:"expr"`
		For           string            `yaml:"for,omitempty"`
		KeepFiringFor string            `yaml:"keep_firing_for,omitempty"`
		Labels        map[string]string `yaml:"labels,omitempty"`
		Annotations   map[string]string `yaml:"annotations,omitempty"`
	}
)

// RuleFile returns the rules as a rule file of Prometheus, to be evaluated at
// that interval, and recordings for once an hour.
func RuleFile(rules []prom.Rule, interval time.Duration, hourly []prom.Recording) ([]byte, error) {
	group := ruleGroup{Name: "hfwatch", Interval: promDuration(interval)}
	for _, r := range rules {
		entry := ruleEntry{Alert: r.Name, Expr: r.Expr, Labels: r.Labels, Annotations: r.Annotations}
		if r.For > 0 {
			entry.For = promDuration(r.For)
		}
		if r.KeepFiringFor > 0 {
			entry.KeepFiringFor = promDuration(r.KeepFiringFor)
		}
		group.Rules = append(group.Rules, entry)
	}
	file := ruleFile{[]ruleGroup{group}}
	if len(hourly) > 0 {
		group := ruleGroup{Name: "hfwatch-hourly", Interval: "1h"}
		for _, r := range hourly {
			group.Rules = append(group.Rules, ruleEntry{Record: r.Name, Expr: r.Expr})
		}
		file.Groups = append(file.Groups, group)
	}
	return yaml.Dump(file)
}

// Objective is what a target's results are to be, for tools that make rules of
// objectives.
type Objective struct {
	Target, Location string
	Labels           map[string]string
	// Availability is the share of good results.
	Availability float64
	// Response is how long that share may take at most; 0 is no such objective.
	Response time.Duration
}

// counted returns the selector of a target's counted results.
func (o Objective) counted(counts string) string {
	return fmt.Sprintf(`%s{target=%q,location=%q,kind="baseline",counts%s}`, series.Results, o.Target, o.Location, counts)
}

// Sloth returns the objectives as a specification of sloth.
// https://sloth.dev/specs/default/
func Sloth(objectives []Objective) ([]byte, error) {
	type sli struct {
		Events map[string]string `yaml:"events"`
	}
	type slo struct {
		Name        string            `yaml:"name"`
		Objective   float64           `yaml:"objective"`
		Description string            `yaml:"description"`
		Labels      map[string]string `yaml:"labels,omitempty"`
		SLI         sli               `yaml:"sli"`
		Alerting    map[string]any    `yaml:"alerting"`
	}
	spec := struct {
		Version string `yaml:"version"`
		Service string `yaml:"service"`
		SLOs    []slo  `yaml:"slos"`
	}{Version: "prometheus/v1", Service: "hfwatch"}
	for _, o := range objectives {
		rate := func(counts string) string { return "sum(rate(" + o.counted(counts) + "[{{.window}}]))" }
		spec.SLOs = append(spec.SLOs, slo{
			Name: o.Target + "-availability", Objective: percent(o.Availability), Labels: o.Labels,
			Description: "Counted baseline results of " + o.Target + " that are good.",
			SLI:         sli{map[string]string{"error_query": rate(countsBad), "total_query": rate(countsAll)}},
			Alerting: map[string]any{
				"name":         "AvailabilityBurns",
				"annotations":  map[string]string{"summary": o.Target + " burns its budget of errors"},
				"page_alert":   map[string]any{"labels": map[string]string{"severity": string(Critical), "target": o.Target}},
				"ticket_alert": map[string]any{"labels": map[string]string{"severity": string(Warning), "target": o.Target}},
			},
		})
	}
	return yaml.Dump(spec)
}

// Pyrra returns the objectives as objects of pyrra, one document each.
// https://github.com/pyrra-dev/pyrra
func Pyrra(objectives []Objective) ([]byte, error) {
	var out []byte
	add := func(name string, target float64, indicator map[string]any) error {
		text, err := yaml.Dump(map[string]any{
			"apiVersion": "pyrra.dev/v1alpha1", "kind": "ServiceLevelObjective",
			"metadata": map[string]any{"name": name, "namespace": "monitoring"},
			"spec":     map[string]any{"target": fmt.Sprint(percent(target)), "window": "4w", "indicator": indicator},
		})
		out = append(append(out, "---\n"...), text...)
		return err
	}
	for _, o := range objectives {
		err := add(o.Target+"-availability", o.Availability, map[string]any{"ratio": map[string]any{
			"errors": map[string]any{"metric": o.counted(countsBad)}, "total": map[string]any{"metric": o.counted(countsAll)},
		}})
		if err == nil && o.Response > 0 {
			err = add(o.Target+"-response", o.Availability, map[string]any{"latencyNative": map[string]any{
				"latency": o.Response.String(),
				"total":   map[string]any{"metric": fmt.Sprintf(`%s{target=%q,location=%q,kind="baseline"}`, series.Response, o.Target, o.Location)},
			}})
		}
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// percent returns a share in percent, without the noise of binary fractions.
func percent(share float64) float64 {
	var p float64
	_, _ = fmt.Sscan(fmt.Sprintf("%.10g", share*100), &p)
	return p
}
