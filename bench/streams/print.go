package main

import (
	"fmt"
	"runtime"
	"slices"
	"time"

	"github.com/hfwatch/hfwatch/bench/internal/measure"
)

// header prints what is about to be measured.
func (b *comparison) header(p plan) {
	fmt.Fprintf(b.stdout, "%s, %s, %d cores; %d streams of %d tokens at %d/s, started over %s, %d repeats\n\n",
		time.Now().UTC().Format(time.DateTime), runtime.Version(), runtime.NumCPU(), p.streams, p.tokens, p.rate, p.spread, b.repeats)
	fmt.Fprintln(b.stdout, "| run | reader | first token error p50 / p99 ms | first token received after p50 / p99 ms"+
		" | token lag p50 / p99 µs | CPU s per 1,000 tokens | cores busy with others |")
	fmt.Fprintln(b.stdout, "| --- | --- | --- | --- | --- | --- | --- |")
}

// row prints one run. The cost of a run that reads stamps is not the reader's.
func (b *comparison) row(i int, f figures, stamps bool) {
	lag, cpu := "–", fmt.Sprintf("%.4f", f.cpu)
	if stamps {
		lag, cpu = fmt.Sprintf("%.0f / %.0f", f.lagP50, f.lagP99), "–"
	}
	fmt.Fprintf(b.stdout, "| %d | %s | %.2f / %.2f | %.2f / %.2f | %s | %s | %.2f |\n", i, f.reader,
		f.firstErrorP50, f.firstErrorP99, f.receiveP50, f.receiveP99, lag, cpu, f.others)
}

// summary prints the medians and the ratio of the costs.
func (b *comparison) summary(cost, lag map[string][]figures) {
	fmt.Fprintln(b.stdout)
	median := func(of []figures, value func(figures) float64) float64 {
		var values []float64
		for _, f := range of {
			values = append(values, value(f))
		}
		return measure.Median(values)
	}
	for _, reader := range []string{readerHFWatch, readerNaive} {
		both := append(append([]figures{}, cost[reader]...), lag[reader]...)
		fmt.Fprintf(b.stdout, "median %s: first token error %.2f / %.2f ms, received after %.2f / %.2f ms, token lag %.0f / %.0f µs, %.4f CPU s per 1,000 tokens\n",
			reader,
			median(both, func(f figures) float64 { return f.firstErrorP50 }), median(both, func(f figures) float64 { return f.firstErrorP99 }),
			median(both, func(f figures) float64 { return f.receiveP50 }), median(both, func(f figures) float64 { return f.receiveP99 }),
			median(lag[reader], func(f figures) float64 { return f.lagP50 }), median(lag[reader], func(f figures) float64 { return f.lagP99 }),
			median(cost[reader], func(f figures) float64 { return f.cpu }))
	}
	var ratios []float64
	for i := range cost[readerHFWatch] {
		ratios = append(ratios, cost[readerHFWatch][i].cpu/cost[readerNaive][i].cpu)
	}
	fmt.Fprintf(b.stdout, "CPU ratio, median of %d pairs' own: %.3f (%.3f to %.3f)\n", len(ratios), measure.Median(ratios), slices.Min(ratios), slices.Max(ratios))
}
