package alerts_test

import (
	"flag"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/hfwatch/hfwatch/alerts"
	"github.com/hfwatch/hfwatch/internal/prom"
	"github.com/hfwatch/hfwatch/probe"
)

// world is a registry, a database and rules, driven tick by tick.
type world struct {
	t        *testing.T
	registry *prometheus.Registry
	db       *prom.DB
	rules    *prom.Rules
	gauges   map[string]*prometheus.GaugeVec
	counters map[string]*prometheus.CounterVec
}

func newWorld(t *testing.T, rules []alerts.Rule) *world {
	t.Helper()
	db, err := prom.Open(prom.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	compiled, err := prom.NewRules(db, alerts.Compile(rules, []string{"team"}), prom.RulesOptions{})
	if err != nil {
		t.Fatal(err)
	}
	w := &world{
		t: t, registry: prometheus.NewRegistry(), db: db, rules: compiled,
		gauges: map[string]*prometheus.GaugeVec{}, counters: map[string]*prometheus.CounterVec{},
	}
	w.gauge("hfwatch_target_info", 1, "target", "a", "location", "l", "model", "org/m", "task", "custom", "provider", "p", "url_host", "h", "team", "x")
	return w
}

func pairs(labels []string) (names []string, values prometheus.Labels) {
	values = prometheus.Labels{}
	for i := 0; i < len(labels); i += 2 {
		names = append(names, labels[i])
		values[labels[i]] = labels[i+1]
	}
	return names, values
}

func (w *world) gauge(name string, v float64, labels ...string) {
	names, values := pairs(labels)
	if w.gauges[name] == nil {
		w.gauges[name] = prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: name}, names)
		w.registry.MustRegister(w.gauges[name])
	}
	w.gauges[name].With(values).Set(v)
}

func (w *world) count(name string, v float64, labels ...string) {
	names, values := pairs(labels)
	if w.counters[name] == nil {
		w.counters[name] = prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: name}, names)
		w.registry.MustRegister(w.counters[name])
	}
	w.counters[name].With(values).Add(v)
}

// tick gathers, appends and evaluates, and returns what fires by name.
func (w *world) tick() map[string]prom.Alert {
	w.t.Helper()
	time.Sleep(15 * time.Second)
	families, err := w.registry.Gather()
	if err != nil {
		w.t.Fatal(err)
	}
	if _, err := w.db.Append(w.t.Context(), time.Now(), families); err != nil {
		w.t.Fatal(err)
	}
	found, err := w.rules.Eval(w.t.Context(), time.Now())
	if err != nil {
		w.t.Fatal(err)
	}
	firing := map[string]prom.Alert{}
	for _, a := range found {
		if a.State == prom.StateFiring {
			firing[a.Rule] = a
		}
	}
	return firing
}

func (w *world) close() {
	if err := w.db.Close(); err != nil {
		w.t.Error(err)
	}
}

var target = []string{"target", "a", "location", "l"}

// with returns the target's labels and more.
func with(more ...string) []string { return append(slices.Clone(target), more...) }

// TestShippedAlertsFire makes each shipped alert's condition true and then
// false again, and nothing else fires.
func TestShippedAlertsFire(t *testing.T) {
	for _, tt := range []struct {
		name     string
		on, off  func(*world)
		own      bool // about the target: bears its labels
		offTicks int
	}{
		{"TargetFailing", func(w *world) { w.gauge("hfwatch_target_bad_of_last_5", 3, target...) }, func(w *world) { w.gauge("hfwatch_target_bad_of_last_5", 2, target...) }, true, 1},
		{"TargetBlind", func(w *world) { w.gauge("hfwatch_target_uncounted_slots", 3, target...) }, func(w *world) { w.gauge("hfwatch_target_uncounted_slots", 0, target...) }, true, 1},
		{"NeverSucceeded", func(w *world) {
			w.gauge("hfwatch_target_first_seen_timestamp_seconds", 100, target...)
			w.gauge("hfwatch_target_last_success_timestamp_seconds", 100, target...)
			w.count("hfwatch_results_total", 3, with("kind", "baseline", "counts", "bad")...)
			w.count("hfwatch_results_total", 2, with("kind", "baseline", "counts", "apart")...)
		}, func(w *world) { w.gauge("hfwatch_target_last_success_timestamp_seconds", 900, target...) }, true, 1},
		{"AccountBlocked", func(w *world) {
			w.gauge("hfwatch_account_suspended", 1, "scope", "token hub.token", "reason", "auth", "location", "l")
		}, func(w *world) {
			w.gauge("hfwatch_account_suspended", 0, "scope", "token hub.token", "reason", "auth", "location", "l")
		}, false, 1},
		{"RateLimited", func(w *world) { w.gauge(alerts.HitsSeries, 3, with("alertname", "RateLimited")...) }, func(w *world) { w.gauge(alerts.HitsSeries, 2, with("alertname", "RateLimited")...) }, true, 1},
		{"LoadingTooLong", func(w *world) { w.gauge(alerts.HitsSeries, 3, with("alertname", "LoadingTooLong")...) }, func(w *world) { w.gauge(alerts.HitsSeries, 2, with("alertname", "LoadingTooLong")...) }, true, 1},
		{"LoadingTooLong", func(w *world) { w.gauge("hfwatch_cold_start_overdue", 1, target...) }, func(w *world) { w.gauge("hfwatch_cold_start_overdue", 0, target...) }, true, 1},
		{"BudgetNear", func(w *world) { w.gauge("hfwatch_budget_used_ratio", 0.8, with("period", "day", "unit", "usd")...) }, func(w *world) { w.gauge("hfwatch_budget_used_ratio", 0.79, with("period", "day", "unit", "usd")...) }, false, 1},
		{"BudgetSpent", func(w *world) {
			w.gauge("hfwatch_budget_used_ratio", 1, "target", "", "location", "l", "period", "day", "unit", "usd")
		}, func(w *world) {
			w.gauge("hfwatch_budget_used_ratio", 0.1, "target", "", "location", "l", "period", "day", "unit", "usd")
		}, false, 1},
		{"BudgetSpent", func(w *world) { w.count("hfwatch_slots_total", 1, with("lane", "baseline", "result", "withheld")...) }, func(*world) {}, false, 45},
		{"SlotsMissed", func(w *world) { w.count("hfwatch_slots_total", 3, with("lane", "baseline", "result", "missed")...) }, func(*world) {}, true, 245},
		{"NotifyFailing", func(w *world) {
			w.count("hfwatch_notifications_failed_total", 3, "receiver", "ops", "location", "l", "reason", "timeout")
		}, func(*world) {}, false, 45},
		{"NotifyFailing", func(w *world) {
			w.count("hfwatch_notifications_failed_total", 1, "receiver", "ops", "location", "l", "reason", "client_error")
			w.count("hfwatch_notifications_total", 1, "receiver", "ops", "location", "l", "action", "refused")
		}, func(*world) {}, false, 45},
		{"ReloadFailed", func(w *world) { w.gauge("hfwatch_config_last_reload_successful", 0, "location", "l") }, func(w *world) { w.gauge("hfwatch_config_last_reload_successful", 1, "location", "l") }, false, 1},
		{"HistoryFailing", func(w *world) {
			w.count("hfwatch_records_dropped_total", 1, "location", "l", "reason", "queue_full")
		}, func(*world) {}, false, 45},
		{"Watchdog", func(*world) {}, nil, false, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, alerts.Shipped())
				defer w.close()
				if got := slices.Sorted(maps.Keys(w.tick())); tt.off != nil && !slices.Equal(got, []string{"Watchdog"}) {
					t.Errorf("before: %v fire, want Watchdog alone", got)
				}
				tt.on(w)
				w.tick()
				firing := w.tick()
				a, ok := firing[tt.name]
				if !ok {
					t.Fatalf("%s does not fire; %v do", tt.name, slices.Sorted(maps.Keys(firing)))
				}
				if n := len(firing); tt.off != nil && n != 2 {
					t.Errorf("%v fire, want Watchdog and %s", slices.Sorted(maps.Keys(firing)), tt.name)
				}
				if tt.own {
					want := map[string]string{"target": "a", "location": "l", "model": "org/m", "task": "custom", "provider": "p", "url_host": "h", "team": "x"}
					for name, value := range want {
						if a.Labels[name] != value {
							t.Errorf("label %s is %q, want %q; all: %v", name, a.Labels[name], value, a.Labels)
						}
					}
				}
				for _, name := range []string{"summary", "description", "runbook_url"} {
					if text := a.Annotations[name]; text == "" || strings.Contains(text, "{{") || strings.Contains(text, "error") {
						t.Errorf("annotation %s is %q, want a filled text", name, text)
					}
				}
				if tt.off == nil {
					return
				}
				tt.off(w)
				for range tt.offTicks {
					firing = w.tick()
				}
				if _, still := firing[tt.name]; still {
					t.Errorf("%s fires after its condition ended", tt.name)
				}
			})
		})
	}
}

// when returns the parsed condition.
func when(t *testing.T, text string) alerts.When {
	t.Helper()
	w, err := alerts.ParseWhen(text)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// TestConditionsFireAtTheirThreshold evaluates ratio, quantile and budget
// conditions over real series, with too few results first.
func TestConditionsFireAtTheirThreshold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rules := []alerts.Rule{
			{Name: "Ratio", When: when(t, "bad_ratio > 20% over 30m"), Severity: alerts.Warning},
			{Name: "Availability", When: when(t, "availability < 70% over 30m"), Severity: alerts.Warning, Match: probe.Match{Labels: map[string]string{"team": "x"}}},
			{Name: "Other", When: when(t, "bad_ratio > 20% over 30m"), Severity: alerts.Warning, Match: probe.Match{Labels: map[string]string{"team": "y"}}},
			{Name: "Median", When: when(t, "median(response) > 1s over 30m"), Severity: alerts.Critical, Labels: map[string]string{"page": "yes"}},
			{Name: "Service", When: when(t, "median(service) > 1s over 30m"), Severity: alerts.Critical},
			{Name: "Tail", When: when(t, "p95(response) > 1s over 30m"), Severity: alerts.Critical},
		}
		w := newWorld(t, rules)
		defer w.close()
		h := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "hfwatch_response_seconds", Help: "x", NativeHistogramBucketFactor: 1.1}, []string{"target", "location", "kind", "result"})
		w.registry.MustRegister(h)
		result := func(bad bool, seconds float64) {
			counts, res := "good", "ok"
			if bad {
				counts, res = "bad", "failed"
			}
			w.count("hfwatch_results_total", 1, with("kind", "baseline", "counts", counts)...)
			h.WithLabelValues("a", "l", "baseline", res).Observe(seconds)
		}
		w.count("hfwatch_results_total", 0, with("kind", "baseline", "counts", "good")...)
		w.count("hfwatch_results_total", 0, with("kind", "baseline", "counts", "bad")...)
		w.tick()
		for range 4 {
			result(true, 30)
			if got := w.tick(); len(got) != 0 {
				t.Errorf("with fewer than five results %v fire", slices.Sorted(maps.Keys(got)))
			}
		}
		result(false, 0.1)
		w.tick()
		firing := w.tick()
		if got := slices.Sorted(maps.Keys(firing)); !slices.Equal(got, []string{"Availability", "Ratio"}) {
			t.Errorf("with 4 bad of 5 results %v fire, want Availability and Ratio", got)
		}
		if v := firing["Ratio"].Value; v < 0.79 || v > 0.81 {
			t.Errorf("the ratio is %v, want 0.8", v)
		}
		result(false, 0.1)
		w.tick()
		firing = w.tick()
		if got := slices.Sorted(maps.Keys(firing)); !slices.Equal(got, []string{"Availability", "Median", "Ratio"}) {
			t.Errorf("with six results %v fire, want Median as well, and neither Service nor Tail", got)
		}
		if a := firing["Median"]; a.Labels["page"] != "yes" || a.Labels["severity"] != "critical" || a.Annotations["runbook_url"] != "" {
			t.Errorf("Median has labels %v and annotations %v, want the user's label, its severity and no page of ours", a.Labels, a.Annotations)
		}
		for range 40 {
			result(false, 0.1)
			firing = w.tick()
		}
		if len(firing) != 0 {
			t.Errorf("after 40 good results %v fire", slices.Sorted(maps.Keys(firing)))
		}
	})
}

var update = flag.Bool("update", false, "rewrite the golden files")

// TestShippedAsPrinted: the rule file of the shipped alerts, in both forms of
// histograms, which users have in their Prometheus.
func TestShippedAsPrinted(t *testing.T) {
	for _, form := range []alerts.Histograms{alerts.NativeHistograms, alerts.ClassicHistograms} {
		got, err := alerts.RuleFile(alerts.CompileFor(alerts.Shipped(), []string{"team"}, form), 15*time.Second, nil)
		if err != nil {
			t.Fatal(err)
		}
		const golden = "testdata/shipped.golden.yml"
		if *update {
			if err := os.WriteFile(golden, got, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), string(got)); diff != "" {
			t.Errorf("%s (-want +got); run with -update if it is meant:\n%s", form, diff)
		}
	}
}

// TestCompile shows the expressions in words that a person can read in
// a review.
func TestCompile(t *testing.T) {
	got := alerts.Compile([]alerts.Rule{
		{Name: "Slow", When: when(t, "first_token > 4s in 3 of 5"), Severity: alerts.Critical, Match: probe.Match{Name: "a", Task: "custom", Model: "m", Location: "l", Severity: "critical", Labels: map[string]string{"team": "x"}}, For: time.Minute, KeepFiringFor: 2 * time.Minute},
		{Name: "Money", When: when(t, "budget_used > 50%"), Severity: alerts.Info},
		{Name: "MoneyOfA", When: when(t, "budget_used > 50%"), Severity: alerts.Info, Match: probe.Match{Name: "a"}, Annotations: map[string]string{"summary": "s", "description": "d"}},
		{Name: "Own", Expr: "up == 0", Severity: alerts.Info, RunbookURL: "https://x"},
	}, []string{"team", "env", "team"})
	want := []prom.Rule{
		{
			Name: "Slow", For: time.Minute, KeepFiringFor: 2 * time.Minute, Labels: map[string]string{"severity": "critical"},
			Expr: "max without (instance, job) (\n(hfwatch_alert_hits{alertname=\"Slow\"} >= 3)\n* on (target, location) group_left (model, task, provider, url_host, env, team)\nhfwatch_target_info{target=\"a\",task=\"custom\",model=\"m\",location=\"l\",team=\"x\"}\n)",
			Annotations: map[string]string{
				"summary":     "Slow on {{ $labels.target }}: first_token > 4s in 3 of 5",
				"description": "The condition first_token > 4s in 3 of 5 holds for {{ $labels.target }}; {{ $value }} of the last 5 results meet it.",
			},
		},
		{
			Name: "Money", Labels: map[string]string{"severity": "info"}, Expr: "max without (instance, job) (\nhfwatch_budget_used_ratio > 0.5\n)",
			Annotations: map[string]string{
				"summary":     "Money on {{ $labels.target }}: budget_used > 50%",
				"description": "The condition budget_used > 50% holds for {{ $labels.target }}; the value is {{ $value | humanizePercentage }}.",
			},
		},
		{
			Name: "MoneyOfA", Labels: map[string]string{"severity": "info"}, Annotations: map[string]string{"summary": "s", "description": "d"},
			Expr: "max without (instance, job) (\n(hfwatch_budget_used_ratio > 0.5)\n* on (target, location) group_left (model, task, provider, url_host, env, team)\nhfwatch_target_info{target=\"a\"}\n)",
		},
		{
			Name: "Own", Labels: map[string]string{"severity": "info"}, Expr: "max without (instance, job) (\nup == 0\n)",
			Annotations: map[string]string{
				"summary":     "Own{{ with $labels.target }} on {{ . }}{{ end }}",
				"description": "The expression of the alert is true; its value is {{ $value | humanize }}.", "runbook_url": "https://x",
			},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Compile() (-want +got):\n%s", diff)
	}
}
