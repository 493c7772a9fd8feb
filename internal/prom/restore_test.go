package prom

import (
	"testing"
	"time"
)

// reborn restarts a bench after a pause and gives the new rules what the old
// ones last found.
func (b *bench) reborn(down time.Duration, list ...Rule) {
	b.t.Helper()
	was := b.rules.Alerts()
	b.restart(down, list...)
	b.rules.Restore(was)
}

// only returns the one alert there is.
func (b *bench) only(what string, alerts []Alert, state State) Alert {
	b.t.Helper()
	b.want(what, alerts, state)
	return alerts[0]
}

// TestARestartEndsAndBeginsNothing: an alert whose condition holds all the time
// fires on with the times that it had, be its `for` too short for Prometheus to
// take up again, and be the outage too long.
func TestARestartEndsAndBeginsNothing(t *testing.T) {
	for _, down := range []time.Duration{time.Second, 10 * time.Minute, 3 * time.Hour} {
		rule := Rule{Name: "High", Expr: "g > 1", For: 5 * time.Minute}
		onBench(t, func(t *testing.T, b *bench) {
			b.g.WithLabelValues("a").Set(2)
			b.tick()
			fired := b.only("before", b.after(10*time.Minute), StateFiring)
			for range 3 {
				b.reborn(down, rule)
				if got := b.only("before the first evaluation", b.rules.Alerts(), StateFiring); !got.FiredAt.Equal(fired.FiredAt) {
					t.Errorf("fired at %v, want %v", got.FiredAt, fired.FiredAt)
				}
				for range 30 {
					got := b.only("after", b.after(15*time.Second), StateFiring)
					if !got.FiredAt.Equal(fired.FiredAt) || !got.ActiveAt.Equal(fired.ActiveAt) {
						t.Fatalf("down for %v: began at %v, fired at %v, want %v and %v", down, got.ActiveAt, got.FiredAt, fired.ActiveAt, fired.FiredAt)
					}
				}
			}
			b.g.WithLabelValues("a").Set(0)
			b.only("it ends like any other", b.after(15*time.Second), StateResolved)
		}, rule)
	}
}

// TestWhatEndedWhileNobodyLookedIsResolved by the first evaluation, and told for
// as long as any other.
func TestWhatEndedWhileNobodyLookedIsResolved(t *testing.T) {
	rule := Rule{Name: "High", Expr: "g > 1", Annotations: map[string]string{"summary": "it is high"}}
	onBench(t, func(t *testing.T, b *bench) {
		b.g.WithLabelValues("a").Set(2)
		fired := b.only("before", b.after(time.Minute), StateFiring)
		b.g.WithLabelValues("a").Set(0)
		b.reborn(10*time.Minute, rule)
		got := b.only("after", b.tick(), StateResolved)
		if !got.ResolvedAt.Equal(time.Now()) || !got.FiredAt.Equal(fired.FiredAt) || got.Annotations["summary"] != "it is high" {
			t.Errorf("resolved at %v, fired at %v, annotations %v", got.ResolvedAt, got.FiredAt, got.Annotations)
		}
		b.reborn(time.Minute, rule)
		b.only("another start", b.after(13*time.Minute), StateResolved)
		b.want("a quarter of an hour later", b.after(2*time.Minute))
	}, rule)
}

// TestAResolveKeepsItsTimesOverARestart: what fired before a start bears the
// times of its firing, to the fraction of a second, for as long as its end is
// told.
func TestAResolveKeepsItsTimesOverARestart(t *testing.T) {
	rule := Rule{Name: "High", Expr: "g > 1"}
	onBench(t, func(t *testing.T, b *bench) {
		time.Sleep(300 * time.Millisecond)
		b.g.WithLabelValues("a").Set(2)
		fired := b.only("before", b.after(time.Minute), StateFiring)
		b.reborn(10*time.Second, rule)
		b.only("after", b.after(15*time.Second), StateFiring)
		b.g.WithLabelValues("a").Set(0)
		ended := b.only("its end", b.after(15*time.Second), StateResolved)
		for range 10 {
			got := b.only("told again", b.after(15*time.Second), StateResolved)
			if !got.FiredAt.Equal(fired.FiredAt) || !got.ActiveAt.Equal(fired.ActiveAt) || !got.ResolvedAt.Equal(ended.ResolvedAt) {
				t.Fatalf("active at %v, fired at %v, resolved at %v, want %v, %v and %v",
					got.ActiveAt, got.FiredAt, got.ResolvedAt, fired.ActiveAt, fired.FiredAt, ended.ResolvedAt)
			}
		}
	}, rule)
}

// TestKeepFiringForGoesOnOverARestart where it was, and not from the beginning.
func TestKeepFiringForGoesOnOverARestart(t *testing.T) {
	rule := Rule{Name: "High", Expr: "g > 1", KeepFiringFor: 10 * time.Minute}
	onBench(t, func(t *testing.T, b *bench) {
		b.g.WithLabelValues("a").Set(2)
		b.only("before", b.after(time.Minute), StateFiring)
		b.g.WithLabelValues("a").Set(0)
		b.only("kept", b.after(4*time.Minute), StateFiring)
		b.reborn(time.Minute, rule)
		b.only("kept still", b.after(5*time.Minute), StateFiring)
		b.only("and no longer", b.after(15*time.Second), StateResolved)
	}, rule)
	onBench(t, func(t *testing.T, b *bench) {
		b.g.WithLabelValues("a").Set(2)
		b.only("before", b.after(time.Minute), StateFiring)
		b.g.WithLabelValues("a").Set(0)
		b.reborn(time.Minute, rule)
		b.only("kept from the first evaluation", b.after(10*time.Minute), StateFiring)
		b.only("and no longer", b.after(15*time.Second), StateResolved)
	}, rule)
}

// TestNothingEndsUnknown: neither where the rule cannot be evaluated, nor where
// Known says that nothing can be known yet.
func TestNothingEndsUnknown(t *testing.T) {
	rule := Rule{Name: "High", Expr: "g > 1"}
	onBench(t, func(t *testing.T, b *bench) {
		b.g.WithLabelValues("a").Set(2)
		b.only("before", b.after(time.Minute), StateFiring)
		b.g.WithLabelValues("a").Set(0)
		known := false
		b.opts.Known = func(a Alert) bool { return known && a.Labels["target"] == "a" }
		b.reborn(10*time.Minute, rule)
		b.only("not known", b.after(time.Hour), StateFiring)
		known = true
		b.only("known", b.after(15*time.Second), StateResolved)
	}, rule)
	onBench(t, func(t *testing.T, b *bench) {
		b.g.WithLabelValues("a").Set(2)
		b.only("before", b.after(time.Minute), StateFiring)
		// Two series of one label set after the join cannot be matched.
		b.g.WithLabelValues("b").Set(2)
		broken := Rule{Name: "High", Expr: "g > 1 and on () (g * on () group_left g)"}
		b.reborn(10*time.Minute, broken)
		add(t, b.db, time.Now(), b.reg)
		alerts, err := b.rules.Eval(t.Context(), time.Now())
		if err == nil {
			t.Fatal("Eval() of a rule that cannot be evaluated = nil")
		}
		b.only("not evaluated", alerts, StateFiring)
	}, rule)
	onBench(t, func(t *testing.T, b *bench) {
		b.g.WithLabelValues("a").Set(2)
		b.only("before", b.after(time.Minute), StateFiring)
		b.reborn(10*time.Minute, Rule{Name: "Other", Expr: "g > 100"})
		b.only("a rule that is gone", b.tick(), StateResolved)
	}, rule)
}
