package prom

import (
	"errors"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"google.golang.org/protobuf/proto"
)

// native returns the options of a histogram as hfwatch exports it.
func native(name string, buckets ...float64) prometheus.HistogramOpts {
	return prometheus.HistogramOpts{
		Name: name, Help: "h", Buckets: buckets,
		NativeHistogramBucketFactor: 1.1, NativeHistogramMaxBucketNumber: 160,
		NativeHistogramMinResetDuration: time.Hour, NativeHistogramMaxZeroThreshold: 1e-6,
	}
}

func TestCounterFirstSeenAtOneIsAnIncreaseOfOne(t *testing.T) {
	in(t, func(t *testing.T, db *DB) {
		reg := prometheus.NewPedanticRegistry()
		vec := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "c_total", Help: "c"}, []string{"outcome"})
		reg.MustRegister(vec)
		add(t, db, time.Now(), reg)

		time.Sleep(10 * time.Second)
		vec.WithLabelValues("timeout").Inc()
		time.Sleep(5 * time.Second)
		if got := add(t, db, time.Now(), reg); got.Samples != 1 || got.Series != 1 {
			t.Errorf("Append() = %+v, want one sample of one series", got)
		}
		if got := one(t, db, "increase(c_total[5m])", time.Now()); got != 1 {
			t.Errorf("increase of a counter first seen at 1 = %v, want 1", got)
		}
		// The start time is written once: later appends are no resets.
		for range 8 {
			time.Sleep(15 * time.Second)
			add(t, db, time.Now(), reg)
		}
		if got := one(t, db, "increase(c_total[5m])", time.Now()); got != 1 {
			t.Errorf("increase two minutes later = %v, want 1", got)
		}
		if got := one(t, db, "resets(c_total[5m])", time.Now()); got != 0 {
			t.Errorf("resets = %v, want 0", got)
		}
	})
}

func TestZeroCountersAreWritten(t *testing.T) {
	in(t, func(t *testing.T, db *DB) {
		reg := prometheus.NewRegistry()
		vec := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "c_total", Help: "h"}, []string{"outcome"})
		vec.WithLabelValues("ok")
		reg.MustRegister(vec)
		for range 3 {
			add(t, db, time.Now(), reg)
			time.Sleep(15 * time.Second)
		}
		if got := count(t, db, "increase(c_total[1h]) == 0", time.Now()); got != 1 {
			t.Errorf("a rule on no increase sees %d series, want 1", got)
		}
	})
}

func TestNativeHistogramQuantileIsExact(t *testing.T) {
	in(t, func(t *testing.T, db *DB) {
		reg := prometheus.NewPedanticRegistry()
		h := prometheus.NewHistogram(native("h_seconds", 1, 10))
		reg.MustRegister(h)
		if got := add(t, db, time.Now(), reg); got.Idle != 1 || got.Samples != 0 || got.Series != 0 {
			t.Errorf("Append() of a histogram without observations = %+v, want it idle", got)
		}
		time.Sleep(15 * time.Second)
		for range 100 {
			h.Observe(1.5)
		}
		if got := add(t, db, time.Now(), reg); got.Samples != 1 {
			t.Errorf("Append() wrote %d samples, want the native one alone", got.Samples)
		}
		now := time.Now()
		if got := one(t, db, "histogram_count(increase(h_seconds[1m]))", now); got != 100 {
			t.Errorf("increase = %v observations, want 100", got)
		}
		if got := one(t, db, "histogram_sum(increase(h_seconds[1m]))", now); got != 150 {
			t.Errorf("increase = %v seconds, want 150", got)
		}
		// A factor of 1.1 is schema 3: bucket 5 lies between 2^(4/8) and
		// 2^(5/8), and the engine interpolates exponentially within it.
		lower, upper := 1.414213562373095, 1.5422108254079407
		want := lower * math.Pow(upper/lower, 0.5)
		if got := one(t, db, "histogram_quantile(0.5, increase(h_seconds[1m]))", now); math.Abs(got-want) > 1e-12 {
			t.Errorf("median = %v, want %v", got, want)
		}
		if got := count(t, db, `{__name__=~"h_seconds_.+"}`, now); got != 0 {
			t.Errorf("%d classic series beside the native form, want none", got)
		}
		got := ask(t, db, "h_seconds", now)[0].Points[0]
		wantPoint := Point{At: now.UTC(), Histogram: &Histogram{Count: 100, Sum: 150, Buckets: []Bucket{{lower, upper, 100}}}}
		if diff := cmp.Diff(wantPoint, got); diff != "" {
			t.Errorf("the stored histogram (-want +got):\n%s", diff)
		}
	})
}

func TestHistogramIdleForHoursCountsItsFirstObservation(t *testing.T) {
	in(t, func(t *testing.T, db *DB) {
		reg := prometheus.NewRegistry()
		h := prometheus.NewHistogram(native("h_seconds"))
		// Another series moves the storage's lower bound past the creation.
		reg.MustRegister(h, gauge("g"))
		for range 13 {
			add(t, db, time.Now(), reg)
			time.Sleep(15 * time.Minute)
		}
		h.Observe(2)
		add(t, db, time.Now(), reg)
		if got := one(t, db, "histogram_count(increase(h_seconds[1h]))", time.Now()); got != 1 {
			t.Errorf("increase at the first observation = %v, want 1", got)
		}
	})
}

func TestClassicHistogramsAndSummariesKeepTheirSeries(t *testing.T) {
	in(t, func(t *testing.T, db *DB) {
		reg := prometheus.NewPedanticRegistry()
		h := prometheus.NewHistogram(prometheus.HistogramOpts{Name: "h", Help: "h", Buckets: []float64{0.5, 2}})
		s := prometheus.NewSummary(prometheus.SummaryOpts{Name: "s", Help: "s", Objectives: map[float64]float64{0.5: 0.01}})
		reg.MustRegister(h, s)
		h.Observe(1)
		s.Observe(3)
		now := time.Now()
		add(t, db, now, reg)
		for expr, want := range map[string]float64{
			`h_bucket{le="0.5"}`: 0, `h_bucket{le="2.0"}`: 1, `h_bucket{le="+Inf"}`: 1, `h_sum`: 1, `h_count`: 1,
			`s{quantile="0.5"}`: 3, `s_sum`: 3, `s_count`: 1,
		} {
			if got := one(t, db, expr, now); got != want {
				t.Errorf("%s = %v, want %v", expr, got, want)
			}
		}
	})
}

func TestLateBatches(t *testing.T) {
	for _, tt := range []struct {
		name    string
		back    time.Duration
		samples int
		refused map[Reason]int
	}{
		{"a minute late is written", time.Minute, 1, nil},
		{"two hours late is written", 2 * time.Hour, 1, nil},
		{"twenty-four hours late is written", 24 * time.Hour, 1, nil},
		{"twenty-five hours late is refused and counted", 25 * time.Hour, 0, map[Reason]int{ReasonTooOld: 1}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			in(t, func(t *testing.T, db *DB) {
				live, late := prometheus.NewRegistry(), prometheus.NewRegistry()
				g := prometheus.NewGauge(prometheus.GaugeOpts{Name: "g", Help: "g", ConstLabels: prometheus.Labels{"location": "here"}})
				there := prometheus.NewGauge(prometheus.GaugeOpts{Name: "g", Help: "g", ConstLabels: prometheus.Labels{"location": "there"}})
				live.MustRegister(g)
				late.MustRegister(there)
				there.Set(7)
				now := time.Now()
				add(t, db, now, live)
				got, err := db.Append(t.Context(), now.Add(-tt.back), gather(t, late))
				if err != nil {
					t.Fatal(err)
				}
				if got.Samples != tt.samples || got.Stale != 0 || got.Series != 1 {
					t.Errorf("Append() = %+v, want %d samples, and the live series untouched", got, tt.samples)
				}
				if diff := cmp.Diff(tt.refused, got.Refused); diff != "" {
					t.Errorf("refused (-want +got):\n%s", diff)
				}
				if (got.Example != nil) != (tt.refused != nil) {
					t.Errorf("Example = %v, want one exactly where something was refused", got.Example)
				}
				if n := count(t, db, `g{location="there"} == 7`, now.Add(-tt.back)); n != tt.samples {
					t.Errorf("a query at that time sees %d series, want %d", n, tt.samples)
				}
				// The live series goes on, and the late one is not its business.
				if out := add(t, db, now.Add(15*time.Second), live); out.Stale != 0 || out.Series != 1 {
					t.Errorf("the next Append() = %+v, want nothing ended", out)
				}
			})
		})
	}
}

func TestOneBadSampleDoesNotStopTheOthers(t *testing.T) {
	in(t, func(t *testing.T, db *DB) {
		reg := prometheus.NewRegistry()
		a := gauge("a")
		b := gauge("b")
		reg.MustRegister(a, b)
		now := time.Now()
		add(t, db, now, reg)
		a.Set(1)
		families := append(gather(t, reg), &dto.MetricFamily{
			Name: proto.String("broken"), Type: dto.MetricType_HISTOGRAM.Enum(),
			Metric: []*dto.Metric{{Histogram: &dto.Histogram{
				Schema: proto.Int32(3), SampleCount: proto.Uint64(5), ZeroThreshold: proto.Float64(1e-9),
				PositiveSpan: []*dto.BucketSpan{{Offset: proto.Int32(0), Length: proto.Uint32(1)}}, PositiveDelta: []int64{2},
			}}},
		})
		got, err := db.Append(t.Context(), now, families)
		if err != nil {
			t.Fatal(err)
		}
		want := map[Reason]int{ReasonDuplicate: 1, ReasonInvalid: 1}
		if diff := cmp.Diff(want, got.Refused); diff != "" || got.Samples != 1 {
			t.Errorf("Append() = %+v, want b accepted and (-want +got):\n%s", got, diff)
		}
		if v := one(t, db, "a", now); v != 0 {
			t.Errorf("a = %v, want the first value, 0", v)
		}
	})
}

func TestAppendingTheSameTwiceChangesNothing(t *testing.T) {
	in(t, func(t *testing.T, db *DB) {
		reg := prometheus.NewRegistry()
		c := counter("c_total")
		h := prometheus.NewHistogram(native("h"))
		reg.MustRegister(c, h)
		time.Sleep(time.Second)
		c.Add(3)
		h.Observe(1)
		now := time.Now()
		first := add(t, db, now, reg)
		second := add(t, db, now, reg)
		if diff := cmp.Diff(first, second); diff != "" {
			t.Errorf("the second Append (-first +second):\n%s", diff)
		}
		for _, name := range []string{"c_total", "h"} {
			if got := one(t, db, "count_over_time("+name+"[1h])", now); got != 2 {
				t.Errorf("%v samples of %s stored, want 2: a value and a start at zero", got, name)
			}
		}
		if got := one(t, db, "increase(c_total[1h])", now); got != 3 {
			t.Errorf("increase = %v, want 3", got)
		}
	})
}

func TestFutureSamplesAreRefused(t *testing.T) {
	for _, tt := range []struct {
		name  string
		ahead time.Duration
		want  error
	}{
		{"ten minutes ahead is a clock that drifts", 10 * time.Minute, nil},
		{"more is a clock that is wrong", 10*time.Minute + time.Second, ErrFuture},
		{"ninety days ahead would make every later sample too old", 90 * 24 * time.Hour, ErrFuture},
	} {
		t.Run(tt.name, func(t *testing.T) {
			in(t, func(t *testing.T, db *DB) {
				reg := prometheus.NewRegistry()
				reg.MustRegister(gauge("g"))
				got, err := db.Append(t.Context(), time.Now().Add(tt.ahead), gather(t, reg))
				if !errors.Is(err, tt.want) {
					t.Fatalf("Append() = %v, want %v", err, tt.want)
				}
				if tt.want != nil && got.Refused[ReasonFuture] != 1 {
					t.Errorf("refused %v, want one as future", got.Refused)
				}
				add(t, db, time.Now().Add(tt.ahead%time.Minute), prometheus.NewRegistry())
			})
		})
	}
}

func TestStampsOfAClockThatWasSetBackAreAccepted(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		reg := prometheus.NewRegistry()
		reg.MustRegister(gauge("g"))
		db := open(t, Options{Dir: dir})
		db.feedMu.Lock()
		db.anchor = time.Now().Add(5 * time.Hour) // what was stored before the step
		db.feedMu.Unlock()
		time.Sleep(time.Hour)
		add(t, db, time.Now().Add(5*time.Hour), reg)
		if _, err := db.Append(t.Context(), time.Now().Add(5*time.Hour+11*time.Minute), gather(t, reg)); !errors.Is(err, ErrFuture) {
			t.Errorf("Append() = %v, want ErrFuture beyond the projection", err)
		}
	})
}

func TestSkewMovesTimesOfDay(t *testing.T) {
	in(t, func(t *testing.T, db *DB) {
		reg := prometheus.NewRegistry()
		seen := gauge("last_result_timestamp_seconds")
		reg.MustRegister(seen)
		at := func() time.Time { return time.Now().Add(-8 * time.Hour) }
		skewed := func() {
			t.Helper()
			if _, err := db.AppendSkewed(t.Context(), at(), -8*time.Hour, gather(t, reg)); err != nil {
				t.Fatal(err)
			}
		}
		skewed()
		seen.Set(float64(time.Now().Unix()))
		time.Sleep(30 * time.Second)
		c := counter("c_total")
		reg.MustRegister(c)
		c.Inc()
		time.Sleep(time.Second)
		skewed()
		if got := one(t, db, "time() - last_result_timestamp_seconds", at()); got != 31 {
			t.Errorf("age = %v s, want 31", got)
		}
		if got := one(t, db, "increase(c_total[5m])", at()); got != 1 {
			t.Errorf("increase = %v, want 1: its start time was moved too", got)
		}
	})
}

func TestChangingSkewIsNoReset(t *testing.T) {
	in(t, func(t *testing.T, db *DB) {
		reg := prometheus.NewRegistry()
		c := counter("c_total")
		reg.MustRegister(c)
		c.Add(57)
		time.Sleep(10 * time.Minute)
		add(t, db, time.Now(), reg)
		time.Sleep(15 * time.Second)
		// The created timestamp moves in between the two appends.
		if _, err := db.AppendSkewed(t.Context(), time.Now(), 10*time.Minute+5*time.Second, gather(t, reg)); err != nil {
			t.Fatal(err)
		}
		if got := one(t, db, "increase(c_total[1m])", time.Now()); got != 0 {
			t.Errorf("increase = %v, want 0: the counter did not move", got)
		}
	})
}

func TestExemplarsAreKeptWhereAsked(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		db := open(t, Options{Dir: dir, MaxExemplars: 10})
		reg := prometheus.NewRegistry()
		c := counter("c_total")
		reg.MustRegister(c)
		c.(prometheus.ExemplarAdder).AddWithExemplar(1, prometheus.Labels{"request_id": "r1"})
		time.Sleep(time.Second)
		now := time.Now()
		add(t, db, now, reg)
		q, err := db.store.ExemplarQuerier(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		m := newMatcher(t, "c_total")
		got, err := q.Select(0, now.UnixMilli(), m)
		if err != nil {
			t.Fatal(err)
		}
		if len(got) != 1 || len(got[0].Exemplars) != 1 || got[0].Exemplars[0].Labels.Get("request_id") != "r1" {
			t.Errorf("exemplars = %v, want the one of request r1", got)
		}
	})
}

func TestSecondsAreStoredToAFewMicroseconds(t *testing.T) {
	for _, v := range []float64{0, 1, 0.5, -3.25, 1e300, math.Inf(1)} {
		if onGrid(v) != v || gaugeOnGrid(v) != v {
			t.Errorf("%v is stored as %v and %v", v, onGrid(v), gaugeOnGrid(v))
		}
	}
	for _, v := range []float64{0.1, 12.345678, 98765.4321, 1.7e9 + 0.123} {
		if got := onGrid(v); math.Abs(got-v) > 31e-6 {
			t.Errorf("the sum %v is stored as %v", v, got)
		}
		if got := gaugeOnGrid(v); math.Abs(got-v) > 31e-6 {
			t.Errorf("the gauge %v is stored as %v", v, got)
		}
	}
	if got, want := gaugeOnGrid(3.3e-5), 3.3e-5; math.Abs(got-want)/want > 1e-4 {
		t.Errorf("a gauge of 33 µs is stored as %v, want four digits", got)
	}
	in(t, func(t *testing.T, db *DB) {
		reg := prometheus.NewPedanticRegistry()
		c, g, ratio := counter("c_seconds_total"), gauge("g_seconds"), gauge("g_ratio")
		h := prometheus.NewHistogram(native("h_seconds"))
		reg.MustRegister(c, g, ratio, h)
		c.Add(0.1)
		g.Set(0.1)
		ratio.Set(0.8)
		h.Observe(0.1)
		add(t, db, time.Now(), reg)
		for expr, want := range map[string]float64{
			"c_seconds_total":          1638.0 / 16384,
			"g_seconds":                13107.0 / 16384 / 8,
			"histogram_sum(h_seconds)": 1638.0 / 16384,
			// What is compared with a figure of somebody's choice stays as it is.
			"g_ratio": 0.8,
		} {
			if got := one(t, db, expr, time.Now()); math.Abs(got-want) > 1e-12 {
				t.Errorf("%s = %.16f, want %.16f", expr, got, want)
			}
		}
	})
}
