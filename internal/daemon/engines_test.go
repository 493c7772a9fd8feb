package daemon

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/hfwatch/hfwatch/alerts"
	"github.com/hfwatch/hfwatch/budget"
	"github.com/hfwatch/hfwatch/config"
	"github.com/hfwatch/hfwatch/internal/prom"
)

// promtoolSeries, promtoolAlert, promtoolCheck and promtoolFile are a file of
// tests of promtool.
// https://prometheus.io/docs/prometheus/latest/configuration/unit_testing_rules/
type (
	promtoolSeries struct {
		Series string `yaml:"series"`
		Values string `yaml:"values"`
	}
	promtoolAlert struct {
		Labels      map[string]string `yaml:"exp_labels"`
		Annotations map[string]string `yaml:"exp_annotations"`
	}
	promtoolCheck struct {
		At     string          `yaml:"eval_time"`
		Name   string          `yaml:"alertname"`
		Alerts []promtoolAlert `yaml:"exp_alerts"`
	}
	promtoolTest struct {
		Interval string           `yaml:"interval"`
		Series   []promtoolSeries `yaml:"input_series"`
		Checks   []promtoolCheck  `yaml:"alert_rule_test"`
	}
	promtoolFile struct {
		Rules    []string       `yaml:"rule_files"`
		Interval string         `yaml:"evaluation_interval"`
		Tests    []promtoolTest `yaml:"tests"`
	}
)

// TestBothEnginesFireTheSameAtTheSameEvaluation: a daemon goes through faults of
// every kind; the samples that it stored at each evaluation are given to
// Prometheus's own promtool with the printed rules, which must find at each of
// these evaluations exactly the alerts that the daemon found, of every rule, with
// all labels and annotations.
func TestBothEnginesFireTheSameAtTheSameEvaluation(t *testing.T) {
	program := os.Getenv("HFWATCH_PROMTOOL")
	if program == "" {
		t.Skip("HFWATCH_PROMTOOL names no program")
	}
	var rules, tests []byte
	fired := map[string]int{}
	in(t, func(t *testing.T, r *rig) {
		rules, tests = story(t, r, fired)
	})
	for _, name := range []string{
		"TargetFailing", "HostFailing", "NeverSucceeded", "RateLimited", "LoadingTooLong", "AccountBlocked", "BudgetNear", "BudgetSpent", "ReloadFailed",
		"NotifyFailing", "Drifted", "Errors", "Watchdog",
	} {
		if fired[name] == 0 {
			t.Errorf("%s never fires in the story", name)
		}
	}
	dir := t.TempDir()
	for name, text := range map[string][]byte{"rules.yml": rules, "tests.yml": tests} {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), program, "test", "rules", "tests.yml")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("the engines differ over %v: %v\n%.6000s", fired, err, out)
	}
}

// storyTicks is how many evaluations the story has.
const storyTicks = 60

// story goes through faults, and returns the rules and what promtool must find.
// fired counts the alerts, by name.
func story(t *testing.T, r *rig, fired map[string]int) (rules, tests []byte) {
	t.Helper()
	var minute atomic.Int64
	between := func(from, to int64) bool { m := minute.Load(); return from <= m && m < to }
	r.net.Serve(t, "ops.test:80", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if between(2, 5) {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	fails := func(host string, when func(path string) (int, string)) {
		r.net.Serve(t, host+":80", http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			if code, body := when(req.URL.Path); code != 0 {
				w.WriteHeader(code)
				_, _ = w.Write([]byte(body))
				return
			}
			w.Header().Set("X-Sha", strings.Repeat(strconv.FormatInt(minute.Load()/8, 10), 40))
			good(w, req)
		}))
	}
	fails("m.test", func(path string) (int, string) {
		if path == "/a" && between(1, 6) || path != "/a" && between(3, 8) {
			return http.StatusBadGateway, "broken"
		}
		return 0, ""
	})
	fails("never.test", func(string) (int, string) { return http.StatusInternalServerError, "never" })
	fails("cold.test", func(string) (int, string) {
		if between(4, 9) {
			return http.StatusServiceUnavailable, `{"error":"Model org/m is currently loading","estimated_time":20.0}`
		}
		return 0, ""
	})
	fails("rate.test", func(string) (int, string) { return http.StatusTooManyRequests, "Rate limit reached" })
	fails("paid.test", func(string) (int, string) { return http.StatusPaymentRequired, "pay" })
	text := `notify: [{name: ops, webhook: {url: "http://ops.test/hook"}}]
alerts:
  - {name: Drifted, when: "drift > 0 over 1h", severity: warning}
  - {name: Errors, when: "bad_ratio > 20% over 5m", severity: warning, for: 45s, keep_firing_for: 1m}
models:
`
	for _, name := range []string{"a", "b", "c"} {
		text += model(name, "http://m.test/"+name, "@every 10s", "model: org/"+name, "labels: {team: x}")
	}
	for _, name := range []string{"never", "cold", "rate", "paid"} {
		text += model(name, "http://"+name+".test/", "@every 10s")
	}
	r.net.Serve(t, "dear.test:80", http.HandlerFunc(good))
	text += model("dear", "http://dear.test/", "@every 10s")
	// No file may say that a day's slots exceed their budget.
	r.change = func(cfg *config.Config) {
		for i, m := range cfg.Models {
			if m.Target.Name == "dear" {
				cfg.Models[i].Budget = budget.Limits{RequestsPerDay: 50}
			}
		}
	}
	r.start(text)
	var ticks []time.Time
	var found [][]prom.Alert
	start := time.Now()
	for tick := range storyTicks {
		minute.Store(int64(tick / 4))
		switch tick {
		case 20:
			r.write(configFile, "nonsense")
			_ = r.d.Reload(t.Context())
		case 40:
			r.write(configFile, text)
			if err := r.d.Reload(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Second)
		ticks = append(ticks, start.Add(time.Duration(tick)*15*time.Second))
		found = append(found, slices.Clone(r.d.evaluator.rules.Alerts()))
		time.Sleep(14 * time.Second)
	}
	cfg := r.d.now.Load().cfg
	rules, err := alerts.RuleFile(compile(cfg), cfg.EvaluationInterval, nil)
	if err != nil {
		t.Fatal(err)
	}
	test := promtoolTest{Interval: "15s", Series: samples(t, r, compile(cfg), ticks)}
	for i, all := range found {
		test.Checks = append(test.Checks, checks(i, all, alerts.Names(rulesOf(cfg)), fired)...)
	}
	tests, err = yaml.Dump(promtoolFile{[]string{"rules.yml"}, "15s", []promtoolTest{test}})
	if err != nil {
		t.Fatal(err)
	}
	return rules, tests
}

// checks returns what promtool must find at an evaluation: of each rule the
// alerts that fire, and nothing of those that do not.
func checks(tick int, all []prom.Alert, names []string, fired map[string]int) []promtoolCheck {
	var out []promtoolCheck
	for _, name := range names {
		c := promtoolCheck{At: fmt.Sprintf("%ds", tick*15), Name: name, Alerts: []promtoolAlert{}}
		for _, a := range all {
			if a.Rule != name || a.State != prom.StateFiring {
				continue
			}
			fired[name]++
			labels, words := maps.Clone(a.Labels), maps.Clone(a.Annotations)
			delete(labels, "alertname")
			// Evidence is hfwatch's own.
			for _, own := range []string{"evidence", "fault", "outcomes"} {
				delete(words, own)
			}
			c.Alerts = append(c.Alerts, promtoolAlert{labels, words})
		}
		out = append(out, c)
	}
	return out
}

// samples returns what the daemon stored of the series that the rules read, one
// value for each evaluation.
func samples(t *testing.T, r *rig, rules []prom.Rule, ticks []time.Time) []promtoolSeries {
	t.Helper()
	var names []string
	for _, rule := range rules {
		names = append(names, prom.Metrics(rule.Expr)...)
	}
	slices.Sort(names)
	last := ticks[len(ticks)-1].Add(time.Second)
	query := url.Values{
		"query": {fmt.Sprintf("{__name__=~%q}[%ds]", strings.Join(slices.Compact(names), "|"), len(ticks)*15+60)},
		"time":  {strconv.FormatInt(last.Unix(), 10)},
	}
	code, body := r.ask(http.MethodGet, "/api/v1/query?"+query.Encode(), "")
	var said struct {
		Data struct {
			Result []struct {
				Metric map[string]string
				Values [][2]any
			}
		}
	}
	if err := json.Unmarshal([]byte(body), &said); err != nil || code != http.StatusOK || len(said.Data.Result) == 0 {
		t.Fatalf("/api/v1/query = %d %.300s, %v", code, body, err)
	}
	var out []promtoolSeries
	for _, s := range said.Data.Result {
		values := make([]string, len(ticks))
		for _, v := range s.Values {
			seconds, _ := v[0].(float64)
			// A counter's beginning stands between two evaluations.
			i := int(seconds-float64(ticks[0].Unix())+0.01) / 15
			if i >= 0 && i < len(values) {
				values[i], _ = v[1].(string)
			}
		}
		for i := range values {
			switch {
			case values[i] != "":
			case i > 0 && values[i-1] != "_" && values[i-1] != "stale":
				values[i] = "stale"
			default:
				values[i] = "_"
			}
		}
		var labels []string
		for _, name := range slices.Sorted(maps.Keys(s.Metric)) {
			if name != "__name__" {
				labels = append(labels, fmt.Sprintf("%s=%q", name, s.Metric[name]))
			}
		}
		out = append(out, promtoolSeries{s.Metric["__name__"] + "{" + strings.Join(labels, ",") + "}", strings.Join(values, " ")})
	}
	return out
}
