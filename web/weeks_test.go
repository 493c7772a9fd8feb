package web

import (
	"flag"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/hfwatch/hfwatch/alerts"
	"github.com/hfwatch/hfwatch/internal/prom"
	"github.com/hfwatch/hfwatch/series"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// weeks returns a database that holds fifteen days of recorded hours of two
// targets, three results each: "steady" takes 1 s, "slower" 1 s and 4 s for the
// last seven days with one of three results bad; and when the last hour ended.
func weeks(t *testing.T) (*prom.DB, time.Time) {
	t.Helper()
	db, err := prom.Open(prom.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	const days = 15
	at := time.Date(2026, 9, 1, 0, 0, 0, 0, time.UTC)
	for hour := range days * 24 {
		at = at.Add(time.Hour)
		late := hour >= (days-7)*24
		families, err := recorded(map[string]bool{"steady": false, "slower": late}).Gather()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := db.Append(t.Context(), at, families); err != nil {
			t.Fatal(err)
		}
	}
	return db, at
}

// recorded returns what one hour's rules record, where what is slow takes 4 s
// and has failed once. What is of another place is not shown.
func recorded(targets map[string]bool) *prometheus.Registry {
	n := series.Natives()
	response := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: alerts.HourlyResponse, Help: "h", NativeHistogramBucketFactor: n.Factor, NativeHistogramMaxBucketNumber: uint32(n.MaxBuckets),
	}, []string{"target", "location"})
	results := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: alerts.HourlyResults, Help: "h"}, []string{"target", "location", "counts"})
	p95 := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: alerts.HourlyResponseP95, Help: "h"}, []string{"target", "location"})
	bad := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: alerts.HourlyBadRatio, Help: "h"}, []string{"target", "location"})
	reg := prometheus.NewRegistry()
	reg.MustRegister(response, results, p95, bad)
	for name, slow := range targets {
		seconds, failed := 1.0, 0.0
		if slow {
			seconds, failed = 4, 1
		}
		for range 3 {
			response.WithLabelValues(name, "here").Observe(seconds)
			response.WithLabelValues(name, "elsewhere").Observe(60)
		}
		results.WithLabelValues(name, "here", "good").Set(3 - failed)
		results.WithLabelValues(name, "here", "bad").Set(failed)
		results.WithLabelValues(name, "here", "apart").Set(7)
		results.WithLabelValues(name, "elsewhere", "bad").Set(50)
		p95.WithLabelValues(name, "here").Set(seconds)
		p95.WithLabelValues(name, "elsewhere").Set(60)
		bad.WithLabelValues(name, "here").Set(failed / 3)
	}
	return reg
}

func near(t *testing.T, what string, got, want, within float64) {
	t.Helper()
	if math.IsNaN(want) != math.IsNaN(got) || math.Abs(got-want) > within*want {
		t.Errorf("%s is %v, want %v within %v of it", what, got, want, within)
	}
}

func TestWeeks(t *testing.T) {
	db, end := weeks(t)
	q := WeeksQuery{Version: "v1", Location: "here", To: end.Add(17 * time.Minute), Since: 2 * Week}
	for _, name := range []string{"steady", "slower", "gone"} {
		q.Subjects = append(q.Subjects, Subject{Name: name, Model: "org/" + name, Provider: map[string]string{"slower": "cerebras"}[name]})
	}
	page, err := ReadWeeks(t.Context(), db, q)
	if err != nil {
		t.Fatal(err)
	}
	if len(page.Rows) != 3 || !page.To.Equal(end) || page.To.Sub(page.From) != 2*Week {
		t.Fatalf("the page is of %d rows from %s to %s", len(page.Rows), page.From, page.To)
	}
	const bucket = 0.05
	steady, slower, gone := page.Rows[0], page.Rows[1], page.Rows[2]
	near(t, "steady's p50", steady.This.P50, 1, bucket)
	near(t, "slower's p50", slower.This.P50, 4, bucket)
	near(t, "slower's p95", slower.This.P95, 4, bucket)
	near(t, "slower's p50 before", slower.Before.P50, 1, bucket)
	near(t, "slower's results", slower.This.Results(), 7*24*3, 0)
	near(t, "slower's share of bad results", slower.This.BadShare(), 1.0/3, 1e-9)
	near(t, "slower's share before", slower.Before.BadShare(), 0, 0)
	near(t, "gone's p50", gone.This.P50, math.NaN(), 0)
	near(t, "gone's share", gone.This.BadShare(), math.NaN(), 0)
	low, high, ok := slower.Line.Range()
	near(t, "slower's lowest hour", low, 1, 0)
	near(t, "slower's highest hour", high, 4, 0)
	if _, _, some := gone.Line.Range(); !ok || some {
		t.Errorf("slower has a range: %v, gone has one: %v", ok, some)
	}
	// One column an hour: each is there, and the change is where it was.
	for i, got := range slower.Line.columns {
		want := column{1, 1, 0}
		if i >= 7*24 {
			want = column{4, 4, 1.0 / 3}
		}
		if got != want {
			t.Fatalf("hour %d is %+v, want %+v", i, got, want)
		}
	}
	if wrong := strings.Count(string(steady.Line.SVG()), "M"); wrong != 2*7*24 {
		t.Errorf("steady's drawing has %d strokes, want one for each of its hours and none for bad results", wrong)
	}
	golden(t, "weeks.html", func(w *strings.Builder) error { return WriteWeeks(w, page) })
}

// golden compares the page with the one that was looked at.
func golden(t *testing.T, name string, write func(*strings.Builder) error) {
	t.Helper()
	var out strings.Builder
	if err := write(&out); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(out.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), out.String()); diff != "" {
		t.Errorf("the page (-want +got; -update rewrites it):\n%s", diff)
	}
}

func TestLine(t *testing.T) {
	begin := time.Date(2026, 9, 1, 0, 0, 0, 0, time.UTC)
	l := newLine(begin, begin.Add(8*Week))
	if len(l.columns) != 336 || l.each != 4*time.Hour {
		t.Fatalf("%d columns of %s, want 336 of 4h", len(l.columns), l.each)
	}
	// Points are at the end of their hour: that of 04:00 belongs to the first
	// column.
	for hour, v := range map[int]float64{1: 2, 4: 1, 5: 3} {
		l.value(begin.Add(time.Duration(hour)*time.Hour), v)
	}
	l.bad(begin.Add(time.Hour), 0.2)
	l.bad(begin.Add(2*time.Hour), 0.1)
	for _, outside := range []time.Time{begin, begin.Add(8*Week + time.Hour)} {
		l.value(outside, 100)
		l.bad(outside, 1)
	}
	l.value(begin.Add(6*time.Hour), math.NaN())
	l.value(begin.Add(6*time.Hour), math.Inf(1))
	l.value(begin.Add(6*time.Hour), 0)
	want := []column{{1, 2, 0.2}, {3, 3, 0}}
	if diff := cmp.Diff(want, l.columns[:2], cmp.AllowUnexported(column{})); diff != "" {
		t.Errorf("columns (-want +got):\n%s", diff)
	}
	if low, high, ok := l.Range(); low != 1 || high != 3 || !ok {
		t.Errorf("Range() = %v, %v, %v, want 1, 3, true", low, high, ok)
	}
	svg := string(l.SVG())
	// The lowest value stands at the bottom, the highest at the top.
	if !strings.Contains(svg, "V30.5") || !strings.Contains(svg, "M1.5 1.5") {
		t.Errorf("the drawing is %s", svg)
	}
	if y := lineY(1.05, 1, 1.05); y < 14 || y > 16 {
		t.Errorf("the higher of two values that differ by 5 %% stands at %v, want near the middle", y)
	}
	if short := newLine(begin, begin); len(short.columns) != 1 {
		t.Errorf("no time at all has %d columns, want one", len(short.columns))
	}
}

func TestWords(t *testing.T) {
	for v, want := range map[float64]string{
		0: "< 1 ms", 0.0004: "< 1 ms", 0.00123: "1.2 ms", 0.0123: "12 ms", 0.0994: "99 ms", 0.0997: "100 ms", 0.512: "510 ms", 0.9949: "990 ms",
		1.04: "1.0 s", 9.94: "9.9 s", 9.96: "10 s", 61.2: "61 s", math.NaN(): "-", math.Inf(1): "-",
	} {
		if got := seconds(v); got != want {
			t.Errorf("seconds(%v) = %q, want %q", v, got, want)
		}
	}
	for v, want := range map[float64]string{0: "0 %", 0.0002: "< 0.1 %", 0.1234: "12.3 %", 1: "100.0 %", math.NaN(): "-"} {
		if got := percent(v); got != want {
			t.Errorf("percent(%v) = %q, want %q", v, got, want)
		}
	}
}
