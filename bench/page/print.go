package main

import (
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/hfwatch/hfwatch/bench/internal/measure"
)

// table prints the delays in seconds, and whether hfwatch's own are within the
// bound: one interval and a second.
func table(w io.Writer, all []delay, p plan) {
	fmt.Fprintf(w, "%d targets probed every %s, evaluations and scrapes every %s, %d runs of %d breaches of each target\n\n",
		p.targets, p.every, p.interval, p.runs, p.cycles)
	fmt.Fprintln(w, "| way | message | messages | median of all | medians of the runs | 95 % | most |")
	fmt.Fprintln(w, "| --- | --- | --- | --- | --- | --- | --- |")
	bound := p.interval + time.Second
	late := 0
	for _, way := range ways() {
		for _, resolved := range []bool{false, true} {
			var took []float64
			byRun := map[int][]float64{}
			for _, d := range all {
				if d.way != way || d.resolved != resolved {
					continue
				}
				took = append(took, d.took.Seconds())
				byRun[d.run] = append(byRun[d.run], d.took.Seconds())
				if way == alone && d.took > bound {
					late++
				}
			}
			var medians []float64
			for _, one := range byRun {
				medians = append(medians, measure.Median(one))
			}
			slices.Sort(medians)
			message := "page"
			if resolved {
				message = "resolve"
			}
			if len(took) == 0 {
				continue
			}
			fmt.Fprintf(w, "| %s | %s | %d | %.1f s | %.1f to %.1f s | %.1f s | %.1f s |\n",
				way, message, len(took), measure.Median(took), medians[0], medians[len(medians)-1], measure.Quantile(took, 0.95), slices.Max(took))
		}
	}
	fmt.Fprintf(w, "\nOf hfwatch's own messages %d took longer than an interval and a second.\n", late)
}
