package prom

import (
	"context"
	"errors"
	"fmt"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
)

// recorded runs a database for some hours with a histogram of two targets, the
// hourly rules evaluated at every append, and returns both.
func recorded(t *testing.T, opts Options, hours int) (*DB, *Hourly) {
	t.Helper()
	db := open(t, opts)
	hourly, err := NewHourly(db, []Recording{
		{"h_seconds:increase1h", `sum by (target) (increase(h_seconds[1h]))`},
		{"h_seconds:p95_1h", `histogram_quantile(0.95, h_seconds:increase1h)`},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	reg := prometheus.NewRegistry()
	vec := prometheus.NewHistogramVec(native("h_seconds"), []string{"target"})
	reg.MustRegister(vec)
	for range hours * 12 {
		time.Sleep(5 * time.Minute)
		vec.WithLabelValues("a").Observe(1)
		vec.WithLabelValues("b").Observe(4)
		add(t, db, time.Now(), reg)
		if _, err := hourly.Eval(t.Context(), time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	return db, hourly
}

// points returns how many points each series of a result has, by target.
func points(res Result) map[string]int {
	out := map[string]int{}
	for _, s := range res.Series() {
		out[s.Labels["target"]] += len(s.Points)
	}
	return out
}

func TestQueryHourlyHasOnePointForEachHourRecorded(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		db, _ := recorded(t, Options{Dir: dir}, 8)
		for name, ask := range map[string]func() (Result, error){
			"quantile": func() (Result, error) { return db.QueryHourly(t.Context(), "h_seconds:p95_1h", begin, time.Now()) },
			"histogram": func() (Result, error) {
				return db.QuantileHourly(t.Context(), 0.95, "h_seconds:increase1h", begin, time.Now())
			},
		} {
			res, err := ask()
			if err != nil {
				t.Fatal(err)
			}
			// The hour that ended as samples began holds none.
			if diff := cmp.Diff(map[string]int{"a": 8, "b": 8}, points(res)); diff != "" {
				t.Errorf("%s: points (-want +got):\n%s", name, diff)
			}
			for _, s := range res.Series() {
				for _, p := range s.Points {
					want := map[string]float64{"a": 1, "b": 4}[s.Labels["target"]]
					if p.Value < want*0.91 || p.Value > want*1.1 || p.At.Minute() != 0 {
						t.Errorf("%s: %v at %v, want %v within a bucket, at a full hour", name, p.Value, p.At, want)
					}
				}
			}
		}
		// One model's, and a part of the time.
		res, err := db.QueryHourly(t.Context(), `h_seconds:p95_1h{target="b"}`, begin.Add(90*time.Minute), begin.Add(5*time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(map[string]int{"b": 4}, points(res)); diff != "" {
			t.Errorf("points from 01:30 to 05:00 (-want +got):\n%s", diff)
		}
		// What it is for: a plain query on the same hours would do by luck alone.
		if res, err = db.QueryRange(t.Context(), "h_seconds:p95_1h", begin.Add(30*time.Minute), time.Now(), time.Hour); err != nil || len(res.Series()) != 0 {
			t.Errorf("a plain query at half past has %d series, %v; want none", len(res.Series()), err)
		}
		if _, err := db.QueryHourly(t.Context(), "h_seconds:p95_1h", begin.Add(time.Minute), begin.Add(2*time.Minute)); err == nil {
			t.Error("a time without a full hour is not refused")
		}
	})
}

// Hours add up to weeks as histograms do.
func TestHourlyHistogramsAddUp(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		db, _ := recorded(t, Options{Dir: dir}, 10)
		got := one(t, db, `histogram_count(sum_over_time(h_seconds:increase1h{target="a"}[10h]))`, time.Now())
		if got < 119 || got > 121 {
			t.Errorf("%v observations in ten hours, want 120 within rounding", got)
		}
	})
}

// Other rules take effect at the next hour; rules with a mistake change nothing.
func TestHourlyRulesAreReplaced(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		db, hourly := recorded(t, Options{Dir: dir}, 2)
		if err := hourly.Replace([]Recording{{"broken", "sum("}}); err == nil {
			t.Fatal("a rule with a mistake is taken")
		}
		for range 2 {
			time.Sleep(time.Hour)
			if n, err := hourly.Eval(t.Context(), time.Now()); n != 1 || err != nil {
				t.Fatalf("Eval() = %d, %v, want 1, nil", n, err)
			}
			if err := hourly.Replace([]Recording{{"other:ratio1h", `vector(7)`}}); err != nil {
				t.Fatal(err)
			}
		}
		for name, want := range map[string]int{"h_seconds:p95_1h": 2, "other:ratio1h": 1} {
			res, err := db.QueryHourly(t.Context(), name, begin, time.Now())
			if err != nil {
				t.Fatal(err)
			}
			got := 0
			for _, s := range res.Series() {
				if s.Labels["target"] != "b" {
					got += len(s.Points)
				}
			}
			if got != want {
				t.Errorf("%s has %d points, want %d", name, got, want)
			}
		}
	})
}

// A span is exactly its hours, whenever in an hour it is asked for, and its
// quantile is that of all their observations.
func TestHoursOfASpan(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		db, _ := recorded(t, Options{Dir: dir}, 10)
		for _, span := range []time.Duration{time.Hour, 3 * time.Hour, 7 * time.Hour} {
			for _, later := range []time.Duration{0, time.Minute, 59 * time.Minute} {
				sum, err := db.SumHours(t.Context(), `h_seconds:increase1h{target="a"}`, span, time.Now().Add(later))
				if err != nil {
					t.Fatal(err)
				}
				want := 12 * span.Hours()
				if got := sum.Series()[0].Points[0].Histogram.Count; math.Abs(got-want) > 0.01*want {
					t.Errorf("%s, %s past the hour: %v observations, want %v", span, later, got, want)
				}
			}
		}
		res, err := db.QuantileHours(t.Context(), 0.5, "h_seconds:increase1h", 7*time.Hour, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range res.Series() {
			if want := map[string]float64{"a": 1, "b": 4}[s.Labels["target"]]; len(s.Points) != 1 || math.Abs(s.Points[0].Value-want) > 0.1*want {
				t.Errorf("%v: %v, want one point of %v within a bucket", s.Labels, s.Points, want)
			}
		}
		for _, span := range []time.Duration{0, -time.Hour, 90 * time.Minute, MaxPoints * time.Hour} {
			if _, err := db.SumHours(t.Context(), "h_seconds:increase1h", span, time.Now()); err == nil {
				t.Errorf("a span of %s is not refused", span)
			}
			if _, err := db.QuantileHours(t.Context(), 0.5, "h_seconds:increase1h", span, time.Now()); err == nil {
				t.Errorf("a quantile over %s is not refused", span)
			}
		}
	})
}

func TestHoursMissedAreMadeUpFor(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		db, _ := recorded(t, Options{Dir: dir}, 3)
		reg := prometheus.NewRegistry()
		vec := prometheus.NewHistogramVec(native("h_seconds"), []string{"target"})
		reg.MustRegister(vec)
		// The fourth hour has twenty minutes, and then nothing runs for two hours.
		for range 4 {
			time.Sleep(5 * time.Minute)
			vec.WithLabelValues("a").Observe(1)
			add(t, db, time.Now(), reg)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Hour)

		db = open(t, Options{Dir: dir})
		hourly, err := NewHourly(db, []Recording{{"h_seconds:increase1h", `sum by (target) (increase(h_seconds[1h]))`}}, nil)
		if err != nil {
			t.Fatal(err)
		}
		// 04:00, 05:00; half of the hour from 05:00 has passed.
		for _, want := range []int{2, 0} {
			if n, err := hourly.Eval(t.Context(), time.Now()); n != want || err != nil {
				t.Errorf("Eval() = %d, %v, want %d hours", n, err, want)
			}
		}
		res, err := db.QueryHourly(t.Context(), `h_seconds:increase1h{target="a"}`, begin, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		// Three whole hours and the one that was begun.
		if got := points(res)["a"]; got != 4 {
			t.Errorf("%d hours, want 4", got)
		}
		// After days, only what the storage still takes.
		time.Sleep(30 * time.Hour)
		if n, err := hourly.Eval(t.Context(), time.Now()); n != 24 || err != nil {
			t.Errorf("Eval() after 30 hours = %d, %v, want 24 hours", n, err)
		}
	})
}

func TestHourlyFailuresNameTheirRule(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		db := open(t, Options{Dir: dir, MaxSamples: 20})
		reg := prometheus.NewRegistry()
		for i := range 30 {
			reg.MustRegister(gauge(fmt.Sprintf("g%d", i)))
		}
		time.Sleep(time.Hour)
		add(t, db, time.Now(), reg)
		hourly, err := NewHourly(db, []Recording{
			{"few", `g0`},
			{"many", `count({__name__=~"g.+"})`},
		}, nil)
		if err != nil {
			t.Fatal(err)
		}
		n, err := hourly.Eval(t.Context(), time.Now())
		var failed EvalError
		if n != 1 || !errors.As(err, &failed) || len(failed) != 1 || failed[0].Rule != "many" {
			t.Errorf("Eval() = %d, %v, want one hour and a failure of many alone", n, err)
		}
		if got := count(t, db, "few", time.Now()); got != 1 {
			t.Errorf("%d series of the rule that did not fail, want 1", got)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		time.Sleep(time.Hour)
		if n, err := hourly.Eval(ctx, time.Now()); n != 0 || !errors.Is(err, context.Canceled) {
			t.Errorf("Eval() of a canceled context = %d, %v", n, err)
		}
		if n, _ := hourly.Eval(t.Context(), time.Now()); n != 1 {
			t.Errorf("the Eval after it recorded %d hours, want the one that was cut off", n)
		}
	})
}

func TestCheckRecordings(t *testing.T) {
	for _, tt := range []struct {
		name string
		list []Recording
		want string
	}{
		{"good ones", []Recording{{"a:b", "sum(x)"}, {"a:c", "a:b"}}, ""},
		{"a broken expression", []Recording{{"a", "sum("}}, "recording 1 (a): could not parse expression: 1:5: parse error: unclosed left parenthesis"},
		{"no name", []Recording{{"", "x"}}, "recording 1 (): one of 'record' or 'alert' must be set"},
		{"a name twice", []Recording{{"a", "x"}, {"a", "y"}}, "recording 2 (a): the name is taken"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := ""
			if err := CheckRecordings(tt.list); err != nil {
				got = err.Error()
			}
			if got != tt.want {
				t.Errorf("CheckRecordings() = %q, want %q", got, tt.want)
			}
		})
	}
}
