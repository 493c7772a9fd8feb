package prom

import (
	"fmt"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// fleet returns a registry of n targets with 20 series each: 5 native
// histograms, 10 counters and 5 gauges, and a function that makes them move.
func fleet(n int) (*prometheus.Registry, func()) {
	reg := prometheus.NewRegistry()
	var move []func(target string, i int)
	for i := range 5 {
		h := prometheus.NewHistogramVec(native(fmt.Sprintf("h%d_seconds", i)), []string{"target", "location", "kind"})
		g := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: fmt.Sprintf("g%d", i)}, []string{"target", "location"})
		c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: fmt.Sprintf("c%d_total", i)}, []string{"target", "location", "counts"})
		reg.MustRegister(h, g, c)
		move = append(move, func(target string, i int) {
			h.WithLabelValues(target, "local", "baseline").Observe(float64(i%97) / 10)
			g.WithLabelValues(target, "local").Set(float64(i))
			c.WithLabelValues(target, "local", "good").Inc()
			c.WithLabelValues(target, "local", "bad").Add(float64(i % 2))
		})
	}
	targets := make([]string, n)
	for i := range targets {
		targets[i] = fmt.Sprintf("target-%03d", i)
	}
	round := 0
	return reg, func() {
		round++
		for i, target := range targets {
			for _, f := range move {
				f(target, i+round)
			}
		}
	}
}

// BenchmarkAppend is one tick of 200 targets with 20 series each, without and
// with the gathering.
func BenchmarkAppend(b *testing.B) {
	for _, gathering := range []bool{false, true} {
		b.Run(fmt.Sprintf("gather=%t", gathering), func(b *testing.B) {
			db := open(b, Options{})
			reg, move := fleet(200)
			// Stamps that are always in the past and always later.
			at := time.Now().Add(-24 * time.Hour)
			for i := 0; b.Loop(); i++ {
				b.StopTimer()
				move()
				families := gather(b, reg)
				b.StartTimer()
				if gathering {
					families = gather(b, reg)
				}
				out, err := db.Append(b.Context(), at.Add(time.Duration(i)*time.Second), families)
				if err != nil || out.Series != 4000 || len(out.Refused) != 0 {
					b.Fatalf("Append() = %+v, %v, want 4000 series", out, err)
				}
			}
		})
	}
}

// BenchmarkEval is one evaluation of 15 rules over 200 targets with half an
// hour of samples.
func BenchmarkEval(b *testing.B) {
	db := open(b, Options{})
	reg, move := fleet(200)
	at := time.Now().Add(-24 * time.Hour)
	for range 120 {
		move()
		add(b, db, at, reg)
		at = at.Add(15 * time.Second)
	}
	var list []Rule
	for i := range 5 {
		list = append(list,
			Rule{Name: fmt.Sprintf("Gauge%d", i), Expr: fmt.Sprintf("g%d > 1e9", i), For: time.Minute},
			Rule{Name: fmt.Sprintf("Ratio%d", i), Expr: fmt.Sprintf(`sum by (target) (increase(c%d_total{counts="bad"}[30m])) / sum by (target) (increase(c%d_total[30m])) > 0.9`, i, i)},
			Rule{Name: fmt.Sprintf("Tail%d", i), Expr: fmt.Sprintf("histogram_quantile(0.95, increase(h%d_seconds[30m])) > 100", i)},
		)
	}
	rules, err := NewRules(db, list, RulesOptions{})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		at = at.Add(time.Millisecond)
		if _, err := rules.Eval(b.Context(), at); err != nil {
			b.Fatal(err)
		}
	}
}
