package main

import (
	"context"
	"fmt"
	"math"
	"os"
	"runtime"
	"strings"
	"time"

	"github.com/hfwatch/hfwatch/bench/internal/measure"
)

// row is one program in one configuration, with all its repeats.
type row struct {
	name string
	t    test
	p    *program
	all  []outcome
	// lags are the pacing lags that the server saw, p50 and p99 of each repeat.
	lags [][2]float64
}

// median returns the median over the repeats.
func (r *row) median(of func(outcome) float64) float64 {
	var xs []float64
	for _, o := range r.all {
		xs = append(xs, of(o))
	}
	return measure.Median(xs)
}

// rows returns one row of each program for the same test; ours is the first.
func (b *comparison) rows(t test, only func(program) bool) []*row {
	out := []*row{{name: "hfwatch", t: t}}
	for i := range b.found {
		if p := &b.found[i]; only == nil || only(*p) {
			out = append(out, &row{name: p.name, t: t, p: p})
		}
	}
	return out
}

// turns runs all rows in turns, in every second repeat backwards. before prepares
// the server, after may look at it.
func (b *comparison) turns(ctx context.Context, rows []*row, before func(*row) error, after func(*row) error) error {
	for i := range b.repeats {
		for k := range rows {
			r := rows[k]
			if i%2 == 1 {
				r = rows[len(rows)-1-k]
			}
			if before != nil {
				if err := before(r); err != nil {
					return err
				}
			}
			if err := b.once(ctx, r); err != nil {
				return err
			}
			if after != nil {
				if err := after(r); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// once runs a row once.
func (b *comparison) once(ctx context.Context, r *row) error {
	var o outcome
	var err error
	can := true
	if r.p == nil {
		o, err = b.ours(ctx, r.t)
	} else {
		o, can, err = b.peer(ctx, *r.p, r.t)
	}
	if err != nil && r.p != nil && ctx.Err() == nil {
		// What does not run here is left out, and said.
		fmt.Fprintln(b.stderr, "load:", err)
		return nil
	}
	if can && err == nil {
		r.all = append(r.all, o)
	}
	return err
}

// header prints what the tables stand on.
func (b *comparison) header() {
	var names []string
	for _, p := range b.found {
		names = append(names, p.name+" "+p.version)
	}
	load, _ := os.ReadFile("/proc/loadavg")
	fmt.Fprintf(b.stdout, "%s, %s, %d cores, load average %s; beside %s; medians of %d\n", time.Now().UTC().Format(time.DateTime),
		runtime.Version(), runtime.NumCPU(), strings.TrimSpace(string(load)), strings.Join(names, ", "), b.repeats)
}

// paced are the programs that keep a rate.
func paced(p program) bool { return p.paced }

// calm asks for 200/s of a known distribution.
func (b *comparison) calm(ctx context.Context) error {
	length := b.length(10 * time.Second)
	n := int(200 * length.Seconds())
	want := quantiles(truth(phase{table: latencies(n)}, 200, n, 0))
	rows := b.rows(test{path: "/lat", rate: 200, length: length}, paced)
	if err := b.turns(ctx, rows, func(*row) error { return b.reset(ctx, n, phase{}) }, nil); err != nil {
		return err
	}
	fmt.Fprintf(b.stdout, "\n### Calm: 200/s for %v, lognormal\n\n| | requests | p50 ms | p90 ms | p99 ms | CPU s per 1,000 |\n|---|---|---|---|---|---|\n", length)
	fmt.Fprintf(b.stdout, "| truth | %d | %.1f | %.1f | %.1f | |\n", n, want[0], want[1], want[2])
	b.latencies(rows, true)
	ours := rows[0]
	for i, of := range []func(outcome) float64{func(o outcome) float64 { return o.p50 }, func(o outcome) float64 { return o.p90 }, func(o outcome) float64 { return o.p99 }} {
		off := math.Abs(ours.median(of) - want[i])
		b.verdict(off <= max(1, 0.02*want[i]), "p%d is off by %.2f ms; allowed is 1 ms or 2 %%", []int{50, 90, 99}[i], off)
	}
	for _, r := range rows {
		if r.name == "vegeta" && len(r.all) > 0 {
			cpu := func(r *row) float64 { return r.median(func(o outcome) float64 { return o.cpu.Seconds() }) }
			b.verdict(cpu(ours) <= cpu(r), "%.2f s of CPU at 200/s; vegeta's in the same run are %.2f s", cpu(ours), cpu(r))
		}
	}
	return nil
}

// latencies prints rows of quantiles.
func (b *comparison) latencies(rows []*row, cpu bool) {
	for _, r := range rows {
		if len(r.all) == 0 {
			continue
		}
		requests := r.median(func(o outcome) float64 { return float64(o.requests) })
		fmt.Fprintf(b.stdout, "| %s | %.0f | %.1f | %.1f | %.1f |", r.name, requests,
			r.median(func(o outcome) float64 { return o.p50 }), r.median(func(o outcome) float64 { return o.p90 }), r.median(func(o outcome) float64 { return o.p99 }))
		if cpu {
			fmt.Fprintf(b.stdout, " %.3f |", r.median(func(o outcome) float64 { return o.cpu.Seconds() / float64(max(o.requests, 1)) * 1000 }))
		}
		fmt.Fprintln(b.stdout)
	}
}

// verdict notes whether a claim held, for the summary.
func (b *comparison) verdict(held bool, format string, args ...any) {
	b.claims = append(b.claims, claim{b.test, fmt.Sprintf(format, args...), held})
}

// summary prints what became of the claims, and how busy the machine was by then.
func (b *comparison) summary() {
	fmt.Fprint(b.stdout, "\n### Claims\n\n| test | measured and allowed | |\n|---|---|---|\n")
	for _, c := range b.claims {
		word := "held"
		if !c.held {
			word = "**not held**"
		}
		fmt.Fprintf(b.stdout, "| %s | %s | %s |\n", c.test, c.text, word)
	}
	load, _ := os.ReadFile("/proc/loadavg")
	fmt.Fprintf(b.stdout, "\nLoad average at the end %s\n", strings.TrimSpace(string(load)))
}

// stall holds everything for 2 s of 20, with at most 16 in flight and without a
// bound.
func (b *comparison) stall(ctx context.Context) error {
	length := b.length(20 * time.Second)
	n := int(200 * length.Seconds())
	p := phase{table: latencies(n), stallFrom: length * 2 / 5, stallTo: length / 2}
	for _, bound := range []int{16, 0} {
		want := quantiles(truth(p, 200, n, bound))
		name := fmt.Sprintf("at most %d in flight", bound)
		rows := b.rows(test{path: "/lat", rate: 200, length: length, bound: bound}, paced)
		if bound == 0 {
			name = "no bound"
			rows = b.rows(test{path: "/lat", rate: 200, length: length}, func(p program) bool { return p.name == "vegeta" || p.name == "k6" })
		}
		// The others are run once: what they leave out does not vary.
		repeats := b.repeats
		if err := b.stallTurns(ctx, rows, n, p, repeats); err != nil {
			return err
		}
		fmt.Fprintf(b.stdout, "\n### Stall: 200/s for %v, everything held for %v, %s\n\n| | requests | p50 ms | p90 ms | p99 ms |\n|---|---|---|---|---|\n", length, p.stallTo-p.stallFrom, name)
		fmt.Fprintf(b.stdout, "| truth of what was due | %d | %.1f | %.1f | %.1f |\n", n, want[0], want[1], want[2])
		b.latencies(rows, false)
		off := rows[0].median(func(o outcome) float64 { return o.p99 })/want[2] - 1
		b.verdict(math.Abs(off) <= 0.02, "%s: p99 is off by %.2f %%; allowed is 2 %%", name, 100*off)
	}
	return nil
}

// stallTurns runs ours as often as asked for, and the others once.
func (b *comparison) stallTurns(ctx context.Context, rows []*row, n int, p phase, repeats int) error {
	for i := range repeats {
		for _, r := range rows {
			if i > 0 && r.p != nil {
				continue
			}
			if err := b.reset(ctx, n, p); err != nil {
				return err
			}
			if err := b.once(ctx, r); err != nil {
				return err
			}
		}
	}
	return nil
}

// pacing compares arrivals at the server with the ideal grid.
func (b *comparison) pacing(ctx context.Context) error {
	for _, rate := range []float64{500, 2000} {
		length := b.length(5 * time.Second)
		rows := b.rows(test{path: "/pace", rate: rate, length: length}, func(p program) bool { return p.name == "vegeta" || p.name == "k6" })
		err := b.turns(ctx, rows, func(*row) error { return b.reset(ctx, 0, phase{}) }, func(r *row) error {
			var s served
			if err := b.ask(ctx, "/truth", &s); err != nil {
				return err
			}
			r.lags = append(r.lags, gridLag(s.Arrivals, rate))
			return nil
		})
		if err != nil {
			return err
		}
		fmt.Fprintf(b.stdout, "\n### Pacing: %.0f/s for %v, lag of arrivals behind the ideal grid\n\n| | p50 ms | p99 ms |\n|---|---|---|\n", rate, length)
		var p50, p99 = map[string]float64{}, map[string]float64{}
		for _, r := range rows {
			var a, c []float64
			for _, l := range r.lags {
				a, c = append(a, l[0]), append(c, l[1])
			}
			p50[r.name], p99[r.name] = measure.Median(a), measure.Median(c)
			fmt.Fprintf(b.stdout, "| %s | %.3f | %.3f |\n", r.name, p50[r.name], p99[r.name])
		}
		b.verdict(p50["hfwatch"] <= 0.3, "%.0f/s: lag p50 %.3f ms; allowed is 0.3 ms", rate, p50["hfwatch"])
		if v, ok := p99["vegeta"]; ok {
			b.verdict(p99["hfwatch"] <= v, "%.0f/s: lag p99 %.3f ms; vegeta's in the same run is %.3f ms", rate, p99["hfwatch"], v)
		}
	}
	return nil
}

// gridLag returns p50 and p99, in milliseconds, of how far arrivals lie behind
// the grid on which the most punctual of the first hundredth lies.
func gridLag(arrivals []int64, rate float64) [2]float64 {
	if len(arrivals) == 0 {
		return [2]float64{math.NaN(), math.NaN()}
	}
	lags := make([]float64, len(arrivals))
	least := math.Inf(1)
	for i, at := range arrivals {
		lags[i] = float64(at)/1e6 - float64(i)/rate*1e3
		least = min(least, lags[i])
	}
	for i := range lags {
		lags[i] -= least
	}
	return [2]float64{measure.Quantile(lags, 0.5), measure.Quantile(lags, 0.99)}
}

// cost measures the processor time of 16 closed connections as fast as they go.
func (b *comparison) cost(ctx context.Context) error {
	length := b.length(5 * time.Second)
	rows := b.rows(test{path: "/null", bound: 16, length: length}, nil)
	if err := b.turns(ctx, rows, nil, nil); err != nil {
		return err
	}
	fmt.Fprintf(b.stdout, "\n### Cost: 16 closed connections for %v, everything recorded\n\n| | requests/s | requests per client CPU-second | peak MB |\n|---|---|---|---|\n", length)
	per := map[string]float64{}
	for _, r := range rows {
		if len(r.all) == 0 {
			continue
		}
		per[r.name] = r.median(func(o outcome) float64 { return float64(o.requests) / o.cpu.Seconds() })
		fmt.Fprintf(b.stdout, "| %s | %.0f | %.0f | %.0f |\n", r.name, r.median(func(o outcome) float64 { return float64(o.requests) / length.Seconds() }),
			per[r.name], r.median(func(o outcome) float64 { return float64(o.peak) / 1e6 }))
	}
	for _, other := range []struct {
		name  string
		share float64
	}{{"vegeta", 1}, {"k6", 1}, {"hey", 0.95}} {
		if theirs, ok := per[other.name]; ok {
			b.verdict(per["hfwatch"] >= other.share*theirs, "%.2f of %s's requests for a CPU-second; at least %.2f", per["hfwatch"]/theirs, other.name, other.share)
		}
	}
	return nil
}

// memory holds 1,000 requests in flight and compares the peak with that of one.
func (b *comparison) memory(ctx context.Context) error {
	many := b.rows(test{path: "/hold?for=4s", rate: 1000, length: time.Second}, paced)
	few := b.rows(test{path: "/hold?for=1ms", rate: 1000, length: time.Second}, paced)
	for _, r := range many {
		if r.p != nil && r.name != "vegeta" && r.name != "k6" {
			r.t = test{path: r.t.path, bound: 1000, length: 4 * time.Second}
		}
	}
	for i, r := range few {
		if many[i].t.bound > 0 {
			r.t = test{path: r.t.path, rate: 100, bound: 16, length: time.Second}
		}
	}
	if err := b.turns(ctx, many, nil, nil); err != nil {
		return err
	}
	if err := b.turns(ctx, few, nil, nil); err != nil {
		return err
	}
	fmt.Fprint(b.stdout, "\n### Memory: 1,000 in flight for 4 s\n\n| | peak MB | KB for each in flight beyond a run of few |\n|---|---|---|\n")
	for i, r := range many {
		if len(r.all) == 0 || len(few[i].all) == 0 {
			continue
		}
		peak := func(o outcome) float64 { return float64(o.peak) }
		each := (r.median(peak) - few[i].median(peak)) / 1000 / 1e3
		fmt.Fprintf(b.stdout, "| %s | %.0f | %.0f |\n", r.name, r.median(peak)/1e6, each)
		if r.p == nil {
			b.verdict(each <= 55, "%.0f KB each; allowed are 55 KB", each)
		}
	}
	return nil
}

// limit asks for a rate that the client cannot reach.
func (b *comparison) limit(ctx context.Context) error {
	o, err := b.ours(ctx, test{path: "/null", rate: 200_000, bound: 64, length: b.length(5 * time.Second)})
	if err != nil {
		return err
	}
	b.verdict(strings.HasPrefix(o.verdict, "client_limited"), "200,000/s: %s", o.verdict)
	return nil
}

// flat compares the peak of a run with one that is four times as long.
func (b *comparison) flat(ctx context.Context) error {
	var peaks []float64
	for _, length := range []time.Duration{b.length(15 * time.Second), b.length(60 * time.Second)} {
		o, err := b.ours(ctx, test{path: "/null", rate: 200, bound: 16, length: length})
		if err != nil {
			return err
		}
		peaks = append(peaks, float64(o.peak)/1e6)
	}
	b.verdict(peaks[1]-peaks[0] <= 8, "200/s: peak %.0f MB, and %.0f MB after four times as long", peaks[0], peaks[1])
	return nil
}
