package prom

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
)

// bench is a database with one gauge by target, its rules, and a tick.
type bench struct {
	t     *testing.T
	dir   string
	db    *DB
	rules *Rules
	reg   *prometheus.Registry
	g     *prometheus.GaugeVec
	opts  RulesOptions
}

// onBench runs f in a bubble.
func onBench(t *testing.T, f func(t *testing.T, b *bench), list ...Rule) {
	t.Helper()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		b := &bench{t: t, dir: dir, reg: prometheus.NewRegistry(), opts: RulesOptions{ExternalURL: "http://hfwatch.example:9876"}}
		b.g = prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "g", Help: "h"}, []string{"target"})
		b.reg.MustRegister(b.g)
		b.start(list...)
		f(t, b)
	})
}

func (b *bench) start(list ...Rule) {
	b.t.Helper()
	b.db = open(b.t, Options{Dir: b.dir})
	rules, err := NewRules(b.db, list, b.opts)
	if err != nil {
		b.t.Fatal(err)
	}
	b.rules = rules
}

// restart closes everything, waits, and opens it again.
func (b *bench) restart(down time.Duration, list ...Rule) {
	b.t.Helper()
	if err := b.db.Close(); err != nil {
		b.t.Fatal(err)
	}
	time.Sleep(down)
	b.start(list...)
}

// tick appends and evaluates now.
func (b *bench) tick() []Alert {
	b.t.Helper()
	add(b.t, b.db, time.Now(), b.reg)
	alerts, err := b.rules.Eval(b.t.Context(), time.Now())
	if err != nil {
		b.t.Fatalf("Eval() = %v, want no error", err)
	}
	return alerts
}

// after waits, ticking every 15 s, and returns what the last tick found.
func (b *bench) after(d time.Duration) []Alert {
	b.t.Helper()
	var alerts []Alert
	for end := time.Now().Add(d); time.Now().Before(end); {
		time.Sleep(min(15*time.Second, time.Until(end)))
		alerts = b.tick()
	}
	return alerts
}

// want fails unless alerts are in exactly the given states.
func (b *bench) want(what string, alerts []Alert, states ...State) {
	b.t.Helper()
	var got []State
	for _, a := range alerts {
		got = append(got, a.State)
	}
	if diff := cmp.Diff(states, got); diff != "" {
		b.t.Fatalf("%s (-want +got):\n%s%v", what, diff, alerts)
	}
}

func TestForHoldsAnAlertBackExactlyAsLong(t *testing.T) {
	rule := Rule{
		Name: "High", Expr: "g > 1", For: time.Minute,
		Labels:      map[string]string{"severity": "critical", "of": "{{ $labels.target }}"},
		Annotations: map[string]string{"summary": `{{ $labels.target }} is {{ $value | printf "%.1f" }}, {{ humanizeDuration 90.0 }}, {{ externalURL }}, {{ with query "count(g)" }}{{ . | first | value }}{{ end }}`},
	}
	onBench(t, func(t *testing.T, b *bench) {
		b.g.WithLabelValues("a").Set(0)
		b.want("nothing holds", b.tick())
		b.g.WithLabelValues("a").Set(2.25)
		b.want("it begins to hold", b.after(15*time.Second), StatePending)
		began := time.Now().UTC()
		b.want("just before a minute", b.after(45*time.Second), StatePending)
		if got := count(t, b.db, `ALERTS{alertname="High",alertstate="pending"}`, time.Now()); got != 1 {
			t.Errorf("%d series of ALERTS are pending, want 1", got)
		}
		b.g.WithLabelValues("a").Set(3.5)
		alerts := b.after(15 * time.Second)
		want := []Alert{{
			Rule: "High", State: StateFiring,
			Labels:      map[string]string{"alertname": "High", "target": "a", "severity": "critical", "of": "a"},
			Annotations: map[string]string{"summary": "a is 3.5, 1m 30s, http://hfwatch.example:9876, 1"},
			ActiveAt:    began, FiredAt: began.Add(time.Minute), Value: 3.5,
			GeneratorURL: "http://hfwatch.example:9876/graph?g0.expr=g+%3E+1&g0.tab=1",
		}}
		for i := range alerts {
			alerts[i].ActiveAt, alerts[i].FiredAt = alerts[i].ActiveAt.UTC(), alerts[i].FiredAt.UTC()
		}
		if diff := cmp.Diff(want, alerts); diff != "" {
			t.Fatalf("at a minute (-want +got):\n%s", diff)
		}
		for expr, n := range map[string]int{
			`ALERTS{alertname="High",alertstate="firing",severity="critical",target="a"} == 1`: 1,
			`ALERTS{alertstate="pending"}`: 0,
		} {
			if got := count(t, b.db, expr, time.Now()); got != n {
				t.Errorf("%s has %d series, want %d", expr, got, n)
			}
		}
		if got := one(t, b.db, "ALERTS_FOR_STATE", time.Now()); got != float64(began.Unix()) {
			t.Errorf("ALERTS_FOR_STATE = %v, want %d", got, began.Unix())
		}
		if diff := cmp.Diff(len(alerts), len(b.rules.Alerts())); diff != "" {
			t.Errorf("Alerts() differs from what Eval returned:\n%s", diff)
		}
	}, rule)
}

func TestPendingAlertThatEndsWasNothing(t *testing.T) {
	onBench(t, func(t *testing.T, b *bench) {
		b.g.WithLabelValues("a").Set(2)
		b.want("it holds", b.tick(), StatePending)
		b.g.WithLabelValues("a").Set(0)
		b.want("it ends", b.after(15*time.Second))
	}, Rule{Name: "High", Expr: "g > 1", For: time.Minute})
}

func TestResolvedAlertIsKeptForFifteenMinutes(t *testing.T) {
	onBench(t, func(t *testing.T, b *bench) {
		b.g.WithLabelValues("a").Set(2)
		b.want("it fires at once", b.tick(), StateFiring)
		b.g.WithLabelValues("a").Set(0)
		alerts := b.after(15 * time.Second)
		b.want("it ends", alerts, StateResolved)
		ended := time.Now()
		if a := alerts[0]; !a.ResolvedAt.Equal(ended) || a.Value != 2 || a.Annotations["summary"] != "value 2" {
			t.Errorf("resolved = %+v, want it at %s with its last value and annotations", a, ended)
		}
		alerts = b.after(15 * time.Minute)
		b.want("fifteen minutes later", alerts, StateResolved)
		if !alerts[0].ResolvedAt.Equal(ended) {
			t.Errorf("ResolvedAt = %s, want %s still", alerts[0].ResolvedAt, ended)
		}
		b.want("after that", b.after(15*time.Second))
	}, Rule{Name: "High", Expr: "g > 1", Annotations: map[string]string{"summary": "value {{ $value }}"}})
}

func TestKeepFiringForOutlastsTheCondition(t *testing.T) {
	onBench(t, func(t *testing.T, b *bench) {
		b.g.WithLabelValues("a").Set(2)
		b.want("it fires", b.tick(), StateFiring)
		b.g.WithLabelValues("a").Set(0)
		b.want("the condition ends", b.after(15*time.Second), StateFiring)
		b.want("just before five minutes", b.after(5*time.Minute-15*time.Second), StateFiring)
		b.want("five minutes later", b.after(15*time.Second), StateResolved)
	}, Rule{Name: "High", Expr: "g > 1", KeepFiringFor: 5 * time.Minute})
}

func TestRestartKeepsWhatFired(t *testing.T) {
	rule := Rule{Name: "High", Expr: "g > 1", For: 5 * time.Minute, Labels: map[string]string{"of": "{{ $labels.target }}"}}
	onBench(t, func(t *testing.T, b *bench) {
		b.g.WithLabelValues("a").Set(2)
		began := time.Now()
		b.tick()
		b.want("it fires", b.after(5*time.Minute), StateFiring)
		b.after(time.Hour)
		b.restart(30*time.Minute, rule)
		alerts := b.tick()
		b.want("at the first evaluation after a restart", alerts, StateFiring)
		if a := alerts[0]; !a.ActiveAt.Equal(began) || !a.FiredAt.Equal(began.Add(5*time.Minute)) {
			t.Errorf("active at %s, fired at %s; want %s and five minutes later", a.ActiveAt, a.FiredAt, began)
		}
		b.g.WithLabelValues("a").Set(0)
		b.want("then it ends", b.after(15*time.Second), StateResolved)
	}, rule)
}

func TestRestartAfterTooLongBeginsAnew(t *testing.T) {
	rule := Rule{Name: "High", Expr: "g > 1", For: 5 * time.Minute}
	onBench(t, func(t *testing.T, b *bench) {
		b.g.WithLabelValues("a").Set(2)
		b.tick()
		b.want("it fires", b.after(5*time.Minute), StateFiring)
		b.restart(61*time.Minute, rule)
		b.want("beyond the tolerance", b.tick(), StatePending)
	}, rule)
}

func TestRestartDoesNotCountTowardsFor(t *testing.T) {
	rule := Rule{Name: "High", Expr: "g > 1", For: 30 * time.Minute}
	onBench(t, func(t *testing.T, b *bench) {
		b.g.WithLabelValues("a").Set(2)
		b.tick()
		b.want("half way", b.after(10*time.Minute), StatePending)
		b.restart(25*time.Minute, rule)
		b.want("after the restart", b.tick(), StatePending)
		b.want("twenty minutes less a tick", b.after(20*time.Minute-15*time.Second), StatePending)
		b.want("twenty minutes", b.after(15*time.Second), StateFiring)
	}, rule)
}

func TestRuleThatFailsAtStartIsRestoredLater(t *testing.T) {
	// Two series of one label set make the division fail.
	rule := Rule{Name: "High", Expr: `sum by (target) (g) > 1 unless on (target) (g / on () group_right () h)`, For: 5 * time.Minute}
	onBench(t, func(t *testing.T, b *bench) {
		b.g.WithLabelValues("a").Set(2)
		began := time.Now()
		b.tick()
		b.want("it fires", b.after(5*time.Minute), StateFiring)
		b.restart(time.Minute, rule)
		b.g.WithLabelValues("b").Set(0)
		h := gauge("h")
		b.reg.MustRegister(h)
		add(t, b.db, time.Now(), b.reg)
		var failed EvalError
		if _, err := b.rules.Eval(t.Context(), time.Now()); !errors.As(err, &failed) || len(failed) != 1 {
			t.Fatalf("Eval() = %v, want the rule to fail", err)
		}
		b.reg.Unregister(h)
		alerts := b.after(15 * time.Second)
		b.want("once it works", alerts, StateFiring)
		if !alerts[0].ActiveAt.Equal(began) {
			t.Errorf("active at %s, want %s", alerts[0].ActiveAt, began)
		}
	}, rule)
}

func TestReplace(t *testing.T) {
	old := Rule{Name: "High", Expr: "g > 1", For: time.Minute, Labels: map[string]string{"severity": "warning"}}
	with := func(change func(*Rule)) Rule {
		r := old
		change(&r)
		return r
	}
	for _, tt := range []struct {
		name  string
		rules []Rule
		want  []State
	}{
		{"an unchanged rule goes on firing", []Rule{old}, []State{StateFiring}},
		{"so it does beside a new one", []Rule{{Name: "Always", Expr: "vector(1)"}, old}, []State{StateFiring, StateFiring}},
		{"a new threshold that is still crossed does not flap", []Rule{with(func(r *Rule) { r.Expr = "g > 1.5" })}, []State{StateFiring}},
		{"one that is not crossed resolves", []Rule{with(func(r *Rule) { r.Expr = "g > 2" })}, []State{StateResolved}},
		{"new annotations are taken over", []Rule{with(func(r *Rule) { r.Annotations = map[string]string{"a": "b"} })}, []State{StateFiring}},
		{"a longer for resolves, since it would fire again", []Rule{with(func(r *Rule) { r.For = time.Hour })}, []State{StateResolved}},
		{"new labels are a new alert, and the old one ends", []Rule{with(func(r *Rule) { r.Labels = map[string]string{"severity": "critical"} })}, []State{StatePending, StateResolved}},
		{"a removed rule's alert ends", nil, []State{StateResolved}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			onBench(t, func(t *testing.T, b *bench) {
				b.g.WithLabelValues("a").Set(2)
				b.tick()
				b.want("it fires", b.after(2*time.Minute), StateFiring)
				if err := b.rules.Replace(tt.rules); err != nil {
					t.Fatal(err)
				}
				alerts := b.after(15 * time.Second)
				b.want("after the change", alerts, tt.want...)
				for _, a := range alerts {
					if a.State == StateResolved && !a.ResolvedAt.Equal(time.Now()) {
						t.Errorf("resolved at %s, want now, %s", a.ResolvedAt, time.Now())
					}
				}
				n := 0
				for _, s := range tt.want {
					if s == StateFiring {
						n++
					}
				}
				if got := count(t, b.db, `ALERTS{alertstate="firing"}`, time.Now()); got != n {
					t.Errorf("%d series of ALERTS fire, want %d", got, n)
				}
			}, old)
		})
	}
}

func TestResolvedByReplaceIsKeptForFifteenMinutes(t *testing.T) {
	onBench(t, func(t *testing.T, b *bench) {
		b.g.WithLabelValues("a").Set(2)
		b.want("it fires", b.tick(), StateFiring)
		if err := b.rules.Replace(nil); err != nil {
			t.Fatal(err)
		}
		b.want("it ends", b.after(15*time.Second), StateResolved)
		b.want("fifteen minutes later", b.after(15*time.Minute), StateResolved)
		b.want("after that", b.after(15*time.Second))
	}, Rule{Name: "High", Expr: "g > 1"})
}

func TestReplaceWithABadRuleChangesNothing(t *testing.T) {
	good := Rule{Name: "High", Expr: "g > 1"}
	onBench(t, func(t *testing.T, b *bench) {
		b.g.WithLabelValues("a").Set(2)
		b.want("it fires", b.tick(), StateFiring)
		if err := b.rules.Replace([]Rule{{Name: "Broken", Expr: "g >"}}); err == nil {
			t.Fatal("Replace() = nil, want an error")
		}
		b.want("it goes on", b.after(15*time.Second), StateFiring)
	}, good)
}

func TestNewRulesListsEveryMistake(t *testing.T) {
	db := open(t, Options{})
	_, err := NewRules(db, []Rule{
		{Name: "Good", Expr: "g > 1"},
		{Expr: "g > 1"},
		{Name: "Expr", Expr: "g >"},
		{Name: "Range", Expr: "g[5m]"},
		{Name: "Times", Expr: "g", For: -time.Second, KeepFiringFor: -time.Minute},
		{Name: "Labels", Expr: "g", Labels: map[string]string{"alertname": "x", "__name__": "x"}},
		{Name: "Templates", Expr: "g", Labels: map[string]string{"l": "{{ nothing }}"}, Annotations: map[string]string{"a": "{{ .Value "}},
		{Name: "Good", Expr: "g > 1"},
	}, RulesOptions{})
	want := []string{
		`rule 2 (): name: missing`,
		`rule 3 (Expr): expr: 1:4: unexpected end of input`,
		`rule 4 (Range): expr: 1:1: a range vector cannot be compared; wrap it in a function such as rate() or last_over_time()`,
		`rule 5 (Times): for: -1s is negative`,
		`rule 5 (Times): keep_firing_for: -1m0s is negative`,
		`rule 6 (Labels): label "alertname": is set by the rule engine`,
		`rule 6 (Labels): invalid label name: __name__`,
		`rule 7 (Templates): annotation "a": template: __alert_rule:1: unclosed action`,
		`rule 7 (Templates): label "l": template: __alert_rule:1: function "nothing" not defined`,
		`rule 8 (Good): same name, labels and expression as rule 1`,
	}
	if err == nil {
		t.Fatal("NewRules() = nil, want every mistake")
	}
	if diff := cmp.Diff(want, strings.Split(err.Error(), "\n")); diff != "" {
		t.Errorf("NewRules() (-want +got):\n%s", diff)
	}
	if _, err := NewRules(db, nil, RulesOptions{ExternalURL: ":"}); err == nil {
		t.Error("NewRules() with a broken external URL = nil, want an error")
	}
}

func TestOneFailingRuleDoesNotStopTheOthers(t *testing.T) {
	var log bytes.Buffer
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		b := &bench{t: t, dir: dir, reg: prometheus.NewRegistry()}
		b.g = prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "g", Help: "h"}, []string{"target"})
		b.reg.MustRegister(b.g)
		b.opts.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		}}))
		b.start(
			Rule{Name: "Broken", Expr: "g / on () g"},
			Rule{Name: "High", Expr: "g > 1"},
		)
		b.g.WithLabelValues("a").Set(2)
		b.want("one series divides", b.tick(), StateFiring, StateFiring)
		b.g.WithLabelValues("b").Set(0)
		for range 3 {
			time.Sleep(15 * time.Second)
			add(t, b.db, time.Now(), b.reg)
			alerts, err := b.rules.Eval(t.Context(), time.Now())
			var failed EvalError
			if !errors.As(err, &failed) || len(failed) != 1 || failed[0].Rule != "Broken" {
				t.Fatalf("Eval() = %v, want Broken alone to fail", err)
			}
			if !strings.HasPrefix(err.Error(), "rule Broken: found duplicate series") {
				t.Errorf("Eval() = %v, want the rule named", err)
			}
			b.want("a failing rule's alert stays", alerts, StateFiring, StateFiring)
		}
		b.g.DeleteLabelValues("b")
		b.want("it works again", b.after(15*time.Second), StateFiring, StateFiring)
	})
	lines := strings.Split(strings.TrimSpace(log.String()), "\n")
	if len(lines) != 2 || !strings.HasPrefix(lines[0], `level=WARN msg="rule evaluation fails" rule=Broken err=`) ||
		lines[1] != `level=INFO msg="rule evaluation recovered" rule=Broken` {
		t.Errorf("log = %q, want one line when it began to fail and one when it recovered", lines)
	}
}

func TestTwoRulesOfOneLabelSetAreOneAlert(t *testing.T) {
	onBench(t, func(t *testing.T, b *bench) {
		b.g.WithLabelValues("a").Set(2)
		alerts := b.tick()
		b.want("the one that fires is shown", alerts, StateFiring)
		if alerts[0].Value != 2 {
			t.Errorf("Value = %v, want 2", alerts[0].Value)
		}
	},
		Rule{Name: "High", Expr: "g * 10 > 1", For: time.Minute},
		Rule{Name: "High", Expr: "g > 1"},
	)
}

func TestCanceledEvalIsMadeUpForByTheNext(t *testing.T) {
	rule := Rule{Name: "High", Expr: "g > 1", For: time.Minute}
	onBench(t, func(t *testing.T, b *bench) {
		b.g.WithLabelValues("a").Set(2)
		b.tick()
		b.want("it fires", b.after(time.Minute), StateFiring)
		b.restart(time.Minute, rule)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if alerts, err := b.rules.Eval(ctx, time.Now()); alerts != nil || !errors.Is(err, context.Canceled) {
			t.Fatalf("Eval() = %v, %v, want nothing and context.Canceled", alerts, err)
		}
		b.want("the next restores", b.tick(), StateFiring)
	}, rule)
}

func TestDeadlineFailsTheRemainingRules(t *testing.T) {
	onBench(t, func(t *testing.T, b *bench) {
		b.g.WithLabelValues("a").Set(2)
		b.want("it fires", b.tick(), StateFiring)
		time.Sleep(15 * time.Second)
		ctx, cancel := context.WithDeadline(t.Context(), time.Now())
		defer cancel()
		alerts, err := b.rules.Eval(ctx, time.Now())
		var failed EvalError
		if !errors.As(err, &failed) || len(failed) != 1 || failed[0].Rule != "High" {
			t.Errorf("Eval() = %v, want High to fail", err)
		}
		b.want("its alert stays", alerts, StateFiring)
	}, Rule{Name: "High", Expr: "g > 1"})
}

func TestAlertsAreTheReceiversOwn(t *testing.T) {
	onBench(t, func(t *testing.T, b *bench) {
		if got := b.rules.Alerts(); got != nil {
			t.Errorf("Alerts() before the first evaluation = %v, want nil", got)
		}
		b.g.WithLabelValues("a").Set(2)
		b.tick()[0].Labels["alertname"] = "spoilt"
		b.rules.Alerts()[0].Labels["alertname"] = "spoilt"
		if got := b.rules.Alerts()[0].Labels["alertname"]; got != "High" {
			t.Errorf("alertname = %q, want High", got)
		}
	}, Rule{Name: "High", Expr: "g > 1"})
}

func TestAbsentNeedsNoSeries(t *testing.T) {
	onBench(t, func(t *testing.T, b *bench) {
		b.want("nothing was ever stored", b.tick(), StateFiring)
		b.g.WithLabelValues("a").Set(1)
		b.want("now there is data", b.after(15*time.Second), StateResolved)
	}, Rule{Name: "NoData", Expr: `absent(g{target="a"})`})
}

func TestShift(t *testing.T) {
	got := Alert{ActiveAt: noon, FiredAt: noon.Add(time.Minute)}.Shift(time.Hour)
	want := Alert{ActiveAt: noon.Add(time.Hour), FiredAt: noon.Add(61 * time.Minute)}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Shift(1h) (-want +got):\n%s", diff)
	}
}
