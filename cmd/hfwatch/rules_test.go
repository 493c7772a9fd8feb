package main

import (
	"bytes"
	"errors"
	"os/exec"
	"strings"
	"testing"
)

// everySignal is a configuration with an alert of every form and signal that
// has a series.
const everySignal = `
evaluation_interval: 1s
defaults: {baseline: {schedule: "@every 1s", timeout: 1s}, labels: {env: test}, objectives: {response: 2s, availability: 99%}}
models:
  - {name: bad, task: custom, url: "MODEL/bad", inputs: [{a: 1}]}
  - {name: ok, task: custom, url: "MODEL/ok", inputs: [{a: 1}]}
notify:
  - {name: ops, webhook: {url: "HOOK"}}
alerts:
  - {name: Tail, when: "p95(response) > 1ms over 6h", severity: warning}
  - {name: Own, when: "p50(service) > 100s over 6h", severity: warning}
  - {name: Trend, when: "median(response) > 1.3x week", severity: warning}
  - {name: Burn, when: "burn(availability) > 2 over 1h,5m", severity: critical}
  - {name: Errors, when: "bad_ratio > 20% over 30m", severity: critical, for: 2s, keep_firing_for: 10m}
  - {name: Low, when: "availability < 99% over 1d", severity: warning}
  - {name: Good, when: "goodput < 99% over 1h", severity: warning}
  - {name: Few, when: "rate < 0.0001 over 1h", severity: warning}
  - {name: Slow, when: "tokens_per_second < 1 over 1h", severity: warning}
  - {name: Hits, when: "outcome(server_error) in 2 of 3", severity: warning}
  - {name: Spent, when: "budget_used > 50%", severity: warning}
NATIVE`

// nativeOnly are the alerts that classic histograms cannot say.
const nativeOnly = `  - {name: Queue, when: "p90(queue) > 1s over 6h", severity: warning}
  - {name: Server, when: "p90(server) > 1s over 6h", severity: warning}
  - {name: Lag, when: "p90(lag) > 100s over 6h", severity: warning}
  - {name: First, when: "p90(first_byte) > 100s over 6h", severity: warning}
`

// rulesOf prints the rules of a folder's configuration, and wants an exit code.
func rulesOf(t *testing.T, folder string, want int, args ...string) (stdout, stderr string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "hfwatch", append([]string{"rules"}, args...)...)
	var out, said bytes.Buffer
	cmd.Dir, cmd.Stdout, cmd.Stderr = folder, &out, &said
	err := cmd.Run()
	code := 0
	if e := new(exec.ExitError); errors.As(err, &e) {
		code = e.ExitCode()
	} else if err != nil {
		t.Fatal(err)
	}
	if code != want {
		t.Fatalf("hfwatch rules %v exits with %d, want %d: %s", args, code, want, said.String())
	}
	return out.String(), said.String()
}

// TestRulesForPrometheus: promtool takes them, native and classic; what classic
// histograms cannot say is named and left out.
func TestRulesForPrometheus(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	text := strings.NewReplacer("MODEL", "http://127.0.0.1:1", "HOOK", "http://127.0.0.1:1", "NATIVE", nativeOnly).Replace(everySignal)
	write(t, folder, "config.yaml", text)
	native, _ := rulesOf(t, folder, 0)
	classic, said := rulesOf(t, folder, exitUnsaid, "--histograms", "classic")
	for _, name := range []string{"Queue", "Server", "Lag", "First"} {
		if !strings.Contains(said, name+": ") || strings.Contains(classic, "alert: "+name+"\n") || !strings.Contains(native, "alert: "+name+"\n") {
			t.Errorf("the alert %s is not named as one that classic histograms cannot say: %s", name, said)
		}
	}
	for _, form := range []string{"sloth", "pyrra"} {
		if out, _ := rulesOf(t, folder, 0, "--form", form); !strings.Contains(out, "bad-availability") {
			t.Errorf("%s has no objective of the model bad:\n%s", form, out)
		}
	}
	rulesOf(t, folder, exitUsage, "--form", "nagios")
	rulesOf(t, folder, exitUsage, "--histograms", "none")
	binary(t, "HFWATCH_PROMTOOL")
	write(t, folder, "native.yml", native)
	write(t, folder, "classic.yml", classic)
	for _, file := range []string{"native.yml", "classic.yml"} {
		if out := promtool(t, folder, nil, "check", "rules", file); !strings.Contains(out, "SUCCESS: ") {
			t.Errorf("promtool check rules %s: %s", file, out)
		}
	}
}
