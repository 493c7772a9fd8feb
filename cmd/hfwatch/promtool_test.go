package main

import (
	"bytes"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/hfwatch/hfwatch/alerts"
)

// promtool runs it in a folder, and wants it to be content.
func promtool(t *testing.T, folder string, stdin []byte, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), binary(t, "HFWATCH_PROMTOOL"), args...)
	cmd.Dir, cmd.Stdin = folder, bytes.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// TestPromtoolChecksMetrics of a daemon that runs.
func TestPromtoolChecksMetrics(t *testing.T) {
	t.Parallel()
	binary(t, "HFWATCH_PROMTOOL")
	page, err := fetch(t.Context(), http.MethodGet, watching(t)+"/metrics")
	if err != nil {
		t.Fatal(err)
	}
	if said := promtool(t, t.TempDir(), page, "check", "metrics"); said != "" {
		t.Errorf("promtool check metrics says:\n%s", said)
	}
}

// rule and ruleFile are what a rule file of Prometheus has.
type (
	rule struct {
		Alert       string            `yaml:"alert"`
		Expr        string            `yaml:"expr"`
		For         string            `yaml:"for"`
		KeepFiring  string            `yaml:"keep_firing_for"`
		Labels      map[string]string `yaml:"labels"`
		Annotations map[string]string `yaml:"annotations"`
	}
	ruleFile struct {
		Groups []ruleGroup `yaml:"groups"`
	}
	ruleGroup struct {
		Name  string `yaml:"name"`
		Rules []rule `yaml:"rules"`
	}
)

// shippedRules writes the shipped alerts as a rule file, and returns their
// number.
func shippedRules(t *testing.T, folder string) int {
	t.Helper()
	group := ruleGroup{Name: "hfwatch"}
	drift, err := alerts.ParseWhen("drift > 0 over 1h")
	if err != nil {
		t.Fatal(err)
	}
	own := []alerts.Rule{
		{Name: "Moved", When: drift, Severity: alerts.Warning},
		// As docs/configuration.md has it.
		{Name: "CapacityFell", Expr: "hfwatch_window_capacity_rate < 0.8 * max_over_time(hfwatch_window_capacity_rate[28d])", Severity: alerts.Warning},
	}
	for _, r := range alerts.Compile(append(alerts.Shipped(), own...), []string{"env"}) {
		group.Rules = append(group.Rules, rule{
			Alert: r.Name, Expr: r.Expr, For: r.For.String(), KeepFiring: r.KeepFiringFor.String(),
			Labels: r.Labels, Annotations: r.Annotations,
		})
	}
	text, err := yaml.Dump(ruleFile{[]ruleGroup{group}})
	if err != nil {
		t.Fatal(err)
	}
	write(t, folder, "rules.yml", string(text))
	return len(group.Rules)
}

// TestPromtoolTestsWeeks holds the comparison with past weeks against
// Prometheus's own evaluation.
func TestPromtoolTestsWeeks(t *testing.T) {
	t.Parallel()
	binary(t, "HFWATCH_PROMTOOL")
	trend, err := alerts.ParseWhen("median(first_token) > 1.3x week")
	if err != nil {
		t.Fatal(err)
	}
	text, err := alerts.RuleFile(alerts.Compile([]alerts.Rule{{Name: "Trend", When: trend, Severity: alerts.Warning}}, nil), 30*time.Minute, nil)
	if err != nil {
		t.Fatal(err)
	}
	cases, err := os.ReadFile("testdata/promtool/weeks.yml")
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	write(t, folder, "rules.yml", string(text))
	write(t, folder, "weeks.yml", string(cases))
	promtool(t, folder, nil, "test", "rules", "weeks.yml")
}

// TestPromtoolChecksRules: the shipped alerts are rules that a Prometheus takes.
func TestPromtoolChecksRules(t *testing.T) {
	t.Parallel()
	binary(t, "HFWATCH_PROMTOOL")
	folder := t.TempDir()
	n := shippedRules(t, folder)
	said := promtool(t, folder, nil, "check", "rules", "rules.yml")
	if want := "SUCCESS: "; !strings.Contains(said, want) || n < 10 {
		t.Errorf("promtool check rules says of %d rules:\n%s", n, said)
	}
}

// TestPromtoolTestsRules holds two shipped alerts against Prometheus's own
// evaluation: when they fire, with which labels, and when they do not.
func TestPromtoolTestsRules(t *testing.T) {
	t.Parallel()
	binary(t, "HFWATCH_PROMTOOL")
	cases, err := os.ReadFile("testdata/promtool/tests.yml")
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	shippedRules(t, folder)
	write(t, folder, "tests.yml", string(cases))
	promtool(t, folder, nil, "test", "rules", "tests.yml")
}
