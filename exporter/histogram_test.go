package exporter

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"google.golang.org/protobuf/testing/protocmp"
)

// theirs returns a histogram of the client library with our layout.
func theirs(s *shape, maxBuckets int) prometheus.Histogram {
	return prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "hfwatch_x_seconds", Help: "Is compared with ours.", Buckets: s.bounds, NativeHistogramBucketFactor: s.Factor,
		NativeHistogramMaxBucketNumber: uint32(maxBuckets), NativeHistogramMinResetDuration: s.MinReset,
		NativeHistogramZeroThreshold: s.ZeroThreshold,
	})
}

// TestHistogramIsAsTheClientLibrarys compares what is published with what
// client_golang publishes of the same values: the bounds of buckets, values
// beside them, and everything between a microsecond and an hour.
func TestHistogramIsAsTheClientLibrarys(t *testing.T) {
	values := []float64{0, 1e-9, 1.0 / 1024, math.Nextafter(1.0/1024, 1), 0.5, 1, 2, 900, 3600}
	for i := -80; i <= 80; i++ {
		bound := math.Exp2(float64(i) / 8)
		values = append(values, bound, math.Nextafter(bound, 0), math.Nextafter(bound, math.Inf(1)))
	}
	values = append(values, newShape().bounds...)
	random := rand.New(rand.NewPCG(7, 7))
	for range 2000 {
		values = append(values, math.Exp(random.Float64()*22-14))
	}
	for _, c := range []struct {
		name string
		max  int
		why  string
	}{
		{"all buckets", 100_000, "no bound is reached"},
		{"the bound", 160, "values over more than nine hundred thousand to one make the buckets wider once"},
		{"a low bound", 12, "buckets become wider again and again, to below one for a doubling"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newShape()
				s.MaxBuckets = c.max
				now := time.Now()
				ours, other := newHistogram(s, true, now), theirs(s, c.max)
				for i, v := range values {
					ours.observe(v, now)
					other.Observe(v)
					if i%100 != 0 && i != len(values)-1 {
						continue
					}
					var want dto.Metric
					if err := other.Write(&want); err != nil {
						t.Fatal(err)
					}
					if diff := cmp.Diff(want.GetHistogram(), ours.write(), protocmp.Transform()); diff != "" {
						t.Fatalf("after %d values, the last %g, where %s (-client +ours):\n%s", i+1, v, c.why, diff)
					}
				}
				if c.max == 12 && ours.coarser <= ours.Schema {
					t.Errorf("buckets became wider %d times, which is too few to test schemas below zero", ours.coarser)
				}
			})
		})
	}
}

// TestHistogramBeginsAnew when it holds too many buckets and may, and when its
// resolution has been low for long enough.
func TestHistogramBeginsAnew(t *testing.T) {
	s := newShape()
	s.MaxBuckets = 2
	start := began()
	h := newHistogram(s, true, start)
	for _, v := range []float64{1, 2, 4} {
		h.observe(v, start.Add(59*time.Minute))
	}
	if h.count != 3 || h.coarser == 0 || !h.since.Equal(start) {
		t.Errorf("before an hour: count %d, coarser %d, since %s; want 3, wider buckets and no reset", h.count, h.coarser, h.since)
	}
	at := start.Add(time.Hour)
	h.observe(8, at)
	if h.count != 1 || h.coarser != 0 || !h.created.AsTime().Equal(at) || slices.Max(h.classic) != 1 {
		t.Errorf("after an hour: count %d, coarser %d, created %s, classic %v; want the last value alone, from then",
			h.count, h.coarser, h.created.AsTime(), h.classic)
	}
	for _, v := range []float64{1, 2} {
		h.observe(v, at.Add(time.Hour))
	}
	if h.count != 1 || h.sum != 2 {
		t.Errorf("too many buckets after an hour: count %d, sum %g; want the last value alone", h.count, h.sum)
	}
}

// TestHistogramNeverLosesResolutionInPractice holds that values up to 900 s fit.
func TestHistogramNeverLosesResolutionInPractice(t *testing.T) {
	h := newHistogram(newShape(), false, began())
	for v := 1e-6; v <= 900; v *= 1.01 {
		h.observe(v, began())
	}
	h.observe(900, began())
	if h.coarser != 0 || len(h.buckets) > 160 {
		t.Errorf("schema lowered by %d with %d buckets, want none and at most 160", h.coarser, len(h.buckets))
	}
}

// TestShapeIsOfTheSchema on the list, whose bounds are written out.
func TestShapeIsOfTheSchema(t *testing.T) {
	s := newShape()
	if got, want := len(s.fractions), 1<<s.Schema; got != want {
		t.Fatalf("%d bounds a doubling, want %d for schema %d", got, want, s.Schema)
	}
	for i, got := range s.fractions {
		if want := math.Exp2(float64(i)/8) / 2; math.Abs(got-want) > 1e-15 {
			t.Errorf("bound %d = %g, want %g", i, got, want)
		}
	}
}

// TestHistogramBelowZero counts what no duration is as zero.
func TestHistogramBelowZero(t *testing.T) {
	h := newHistogram(newShape(), true, began())
	h.observe(-1, began())
	if h.zero != 1 || h.sum != 0 || h.count != 1 || h.classic[0] != 1 {
		t.Errorf("zero %d, sum %g, count %d, classic %v; want one value of zero", h.zero, h.sum, h.count, h.classic)
	}
}

// TestWriteSharesNothing that later values change.
func TestWriteSharesNothing(t *testing.T) {
	h := newHistogram(newShape(), true, began())
	for _, v := range []float64{0.0001, 0.3, 0.3, 20, 1000} {
		h.observe(v, began())
	}
	before, copied := h.write(), h.write()
	for _, v := range []float64{0.0001, 0.3, 7, 20} {
		h.observe(v, began())
	}
	h.reset(began())
	if diff := cmp.Diff(copied, before, protocmp.Transform()); diff != "" {
		t.Errorf("what was written changed (-want +got):\n%s", diff)
	}
	if before.GetSampleCount() != 5 || before.GetZeroCount() != 1 || before.GetBucket()[11].GetCumulativeCount() != 4 {
		t.Errorf("written %v, want 5 values, 1 of them zero, 4 up to 600 s", before)
	}
}
