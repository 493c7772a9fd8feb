package main

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	dto "github.com/prometheus/client_model/go"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/hfwatch/hfwatch/series"
)

// The mix of a model's 50 series. It is that of the plain embedding which took
// 4.76 GB, under names of hfwatch's own where it has such a series.
const (
	busyHistograms = 2   // response and first token,
	busyObserved   = 100 // observations a step
	calmHistograms = 8   // one observation a step
	busyCounters   = 15
	rareCounters   = 10
	gauges         = 10 // six digits, another value each step
	constants      = 5
	seriesOfModel  = busyHistograms + calmHistograms + busyCounters + rareCounters + gauges + constants
)

// rareEvery is after how many steps a rare counter moves, on average.
const rareEvery = 500

// fleet makes the families of all models, which it changes in place from step
// to step, as a registry would show them.
type fleet struct {
	rand     *rand.Rand
	families []*dto.MetricFamily
	byName   map[string]*dto.MetricFamily
	moves    []func(step int)
	created  *timestamppb.Timestamp
}

// newFleet returns the fleet of n models that begins at that time.
func newFleet(n int, seed uint64, begin time.Time) *fleet {
	f := &fleet{rand: rand.New(rand.NewPCG(seed, 0)), byName: map[string]*dto.MetricFamily{}, created: timestamppb.New(begin)}
	slow, quick := newDraws(1.2, 0.5), newDraws(0.08, 0.6)
	for i := range n {
		target := fmt.Sprintf("model-%03d", i)
		f.histograms(target, slow, quick)
		f.counters(target)
		f.rest(target)
	}
	return f
}

// step moves every series.
func (f *fleet) step(i int) []*dto.MetricFamily {
	for _, move := range f.moves {
		move(i)
	}
	return f.families
}

// add adds a metric of a target to its family. Labels come in pairs.
func (f *fleet) add(name string, kind dto.MetricType, target string, m *dto.Metric, pairs ...string) {
	family := f.byName[name]
	if family == nil {
		family = &dto.MetricFamily{Name: &name, Type: &kind}
		f.byName[name] = family
		f.families = append(f.families, family)
	}
	pairs = append(pairs, "location", "local", "target", target)
	for i := 0; i < len(pairs); i += 2 {
		m.Label = append(m.Label, &dto.LabelPair{Name: &pairs[i], Value: &pairs[i+1]})
	}
	family.Metric = append(family.Metric, m)
}

func (f *fleet) histograms(target string, slow, quick *draws) {
	one := func(name series.Series, from *draws, n int, pairs ...string) {
		h := newHistogram(f.created)
		f.add(string(name), dto.MetricType_HISTOGRAM, target, &dto.Metric{Histogram: &h.out}, append(pairs, "kind", "baseline")...)
		f.moves = append(f.moves, func(step int) {
			// Slower by day, by up to a fourth of an octave.
			shift := int(math.Round(1 - math.Cos(2*math.Pi*float64(step%stepsOfDay)/stepsOfDay)))
			for range n {
				h.observe(from, f.rand.Uint32(), shift)
			}
			h.seal()
		})
	}
	one(series.Response, slow, busyObserved, "result", "ok")
	one(series.FirstToken, quick, busyObserved, "result", "ok")
	for _, s := range []series.Series{series.FirstByte, series.TPOT, series.FirstAnswer, series.Gap, series.Lag, series.QueueSeconds, series.ServerSeconds} {
		one(s, quick, 1)
	}
	one(series.Response, slow, 1, "result", "failed")
}

func (f *fleet) counters(target string) {
	add := func(name series.Series, move func(v *float64), pairs ...string) {
		v := new(float64)
		f.add(string(name), dto.MetricType_COUNTER, target, &dto.Metric{Counter: &dto.Counter{Value: v, CreatedTimestamp: f.created}}, append(pairs, "kind", "baseline")...)
		f.moves = append(f.moves, func(int) { move(v) })
	}
	phases := []string{"dns", "connect", "tls", "write", "wait", "read", "server", "queue"}
	for _, phase := range phases {
		add(series.PhaseSeconds, func(v *float64) { *v += f.rand.ExpFloat64() / 10 }, "phase", phase)
	}
	for i := range busyCounters - len(phases) {
		add("hfwatch_bench_busy_total", func(v *float64) { *v += float64(1 + f.rand.IntN(100)) }, "n", fmt.Sprint(i))
	}
	rare := func(v *float64) {
		if f.rand.IntN(rareEvery) == 0 {
			*v++
		}
	}
	for _, counts := range []string{"good", "bad"} {
		add(series.Results, rare, "counts", counts)
	}
	for i := range rareCounters - 2 {
		add("hfwatch_bench_rare_total", rare, "n", fmt.Sprint(i))
	}
}

// rest adds the gauges.
func (f *fleet) rest(target string) {
	for i := range gauges {
		v := new(float64)
		f.add("hfwatch_bench_noisy_seconds", dto.MetricType_GAUGE, target, &dto.Metric{Gauge: &dto.Gauge{Value: v}}, "n", fmt.Sprint(i))
		f.moves = append(f.moves, func(int) { *v = float64(100_000+f.rand.IntN(900_000)) / 1e6 })
	}
	for i := range constants {
		v := float64(i) / 3
		f.add("hfwatch_bench_constant", dto.MetricType_GAUGE, target, &dto.Metric{Gauge: &dto.Gauge{Value: &v}}, "n", fmt.Sprint(i))
	}
}
