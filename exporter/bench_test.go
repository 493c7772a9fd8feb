package exporter

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"

	"github.com/hfwatch/hfwatch/probe"
)

// fill returns an exporter with n targets that have each had so many results
// with times as varied as those of a real service.
func fill(tb testing.TB, n, results int, info func(string) TargetInfo) *Exporter {
	targets := []TargetInfo{}
	for i := range n {
		targets = append(targets, info(fmt.Sprintf("target-%04d", i)))
	}
	e := newTest(tb, targets...)
	r := rand.New(rand.NewPCG(1, 2))
	for _, target := range targets {
		for seq := range results {
			e.Record(varied(r, target, seq))
		}
	}
	return e
}

// varied returns a result with times from a log-normal distribution; one in
// twenty is bad.
func varied(r *rand.Rand, info TargetInfo, seq int) probe.Result {
	sec := func(median float64) probe.Seconds {
		f := 1.0
		for range 4 {
			f *= 0.7 + 0.6*r.Float64()
		}
		return probe.Measured(time.Duration(median * f * float64(time.Second)))
	}
	res := good(info.Name, seq)
	if seq%20 == 19 {
		res = failed(info.Name, seq, probe.Timeout)
	} else {
		res.Response, res.FirstToken, res.TPOT, res.FirstByte = sec(2), sec(0.4), sec(0.02), sec(0.2)
	}
	res.Lag = sec(0.004)
	if !info.Stream {
		res.FirstToken, res.TPOT = probe.Seconds{}, probe.Seconds{}
	}
	return res
}

// heap returns the live bytes of the heap.
func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// BenchmarkMemory reports the live bytes of a target after a thousand results.
func BenchmarkMemory(b *testing.B) {
	for _, c := range []struct {
		name string
		info func(string) TargetInfo
	}{{"streaming", streaming}, {"plain", plain}} {
		b.Run(c.name, func(b *testing.B) {
			const n = 200
			for b.Loop() {
				before := heap()
				e := fill(b, n, 1000, c.info)
				b.ReportMetric(float64(heap()-before)/n, "B/target")
				runtime.KeepAlive(e)
			}
		})
	}
}

// BenchmarkHistograms compares the live bytes of one of our histograms with
// those of one of the client library's, after a thousand values.
func BenchmarkHistograms(b *testing.B) {
	const n = 1000
	s := newShape()
	for _, c := range []struct {
		name string
		fill func(values []float64) any
	}{
		{"ours", func(values []float64) any {
			h := newHistogram(s, true, began())
			for _, v := range values {
				h.observe(v, began())
			}
			return h
		}},
		{"client", func(values []float64) any {
			h := theirs(s, s.MaxBuckets)
			for _, v := range values {
				h.Observe(v)
			}
			return h
		}},
	} {
		b.Run(c.name, func(b *testing.B) {
			r := rand.New(rand.NewPCG(1, 2))
			var values []float64
			for seq := range 1000 {
				d, _ := varied(r, streaming("t"), seq).Response.Get()
				values = append(values, d.Seconds())
			}
			for b.Loop() {
				before := heap()
				all := make([]any, n)
				for i := range all {
					all[i] = c.fill(values)
				}
				b.ReportMetric(float64(heap()-before)/n, "B/histogram")
				runtime.KeepAlive(all)
			}
		})
	}
}

// BenchmarkRecord takes results of known label sets.
func BenchmarkRecord(b *testing.B) {
	e := fill(b, 200, 100, streaming)
	results := make([]probe.Result, 4096)
	r := rand.New(rand.NewPCG(3, 4))
	for i := range results {
		results[i] = varied(r, streaming(fmt.Sprintf("target-%04d", i%200)), i+1000)
	}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		e.Record(results[i%len(results)])
		i++
	}
}

// BenchmarkGather gathers what the embedded database takes at each tick.
func BenchmarkGather(b *testing.B) {
	for _, c := range []struct {
		name string
		n    int
		info func(string) TargetInfo
	}{{"200 streaming", 200, streaming}, {"1000 plain", 1000, plain}} {
		b.Run(c.name, func(b *testing.B) {
			e := fill(b, c.n, 300, c.info)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := e.Gatherer().Gather(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
