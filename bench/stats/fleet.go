package main

import (
	"fmt"
	"io"
	"math"
	"slices"

	"github.com/hfwatch/hfwatch/stats"
)

// The fleet of one report: so many series, so many of which became slower.
const (
	fleetSize  = 50
	fleetMoved = 3
)

// report compares two weeks of a whole fleet as a report does: the interval
// beyond the margin and q < 0.05 over all series.
func report(rho float64, paired bool, seed uint64, run int) (found, wrong int) {
	ps, beyond := make([]float64, fleetSize), make([]bool, fleetSize)
	for i := range fleetSize {
		h := hours(source(seed, 2000+run, i), 2*week, 0, rho)
		later := h[week:]
		for j := range later {
			if i < fleetMoved {
				later[j] *= 1.18
			}
		}
		o := stats.DefaultCompare(uint64(run*fleetSize + i))
		o.Paired = paired
		c, _ := stats.Compare(h[:week], later, o)
		ps[i], beyond[i] = c.P, c.Change == stats.ChangeUp || c.Change == stats.ChangeDown
	}
	for i, q := range stats.BenjaminiHochberg(ps) {
		if q >= 0.05 || !beyond[i] {
			continue
		}
		if i < fleetMoved {
			found++
		} else {
			wrong++
		}
	}
	return found, wrong
}

// fleets prints the table of reports over many series: about n series a cell.
func fleets(w io.Writer, n int, seed uint64) {
	runs := max(1, n/10)
	fmt.Fprintf(w, "\n## A report over %d series\n\n%d reports for each cell; %d of the series became 18 %% slower. Called: the 95 %% interval beyond 5 %% and q < 0.05.\n\n"+
		"| hours | ρ | found of the slower | called of the others |\n| --- | --- | --- | --- |\n", fleetSize, runs, fleetMoved)
	for _, paired := range []bool{true, false} {
		for _, rho := range rhos() {
			found, wrong := 0, 0
			for run := range runs {
				f, x := report(rho, paired, seed, run)
				found, wrong = found+f, wrong+x
			}
			fmt.Fprintf(w, "| %s | %g | %.1f %% | %.2f %% |\n", pairedName(paired), rho, percent(found, runs*fleetMoved), percent(wrong, runs*(fleetSize-fleetMoved)))
		}
	}
}

// stepHour is when the level changes in the series of steps: two weeks and five
// hours into four weeks.
const stepHour = 2*week + 5

// stepsFound is how a step was dated in n series.
type stepsFound struct {
	false28, found28, near int
	range95                int
	widths                 []float64
}

// dates finds steps by daily medians, and their hour by FindBreak.
func dates(rho float64, n int, seed uint64, cell int) stepsFound {
	var s stepsFound
	for i := range n {
		h := hours(source(seed, cell, i), 4*week, 0, rho)
		if len(stats.Changes(daily(h), stats.DefaultChanges())) > 0 {
			s.false28++
		}
		for j := stepHour; j < len(h); j++ {
			h[j] *= 1.18
		}
		if at := stats.Changes(daily(h), stats.DefaultChanges()); len(at) > 0 {
			s.found28++
			if len(at) == 1 && math.Abs(float64(at[0])-float64(stepHour)/24) <= 1 {
				s.near++
			}
		}
		flat, _ := stats.Deseason(logarithms(h), 24)
		if b, ok := stats.FindBreak(flat, 0.95); ok {
			if b.Low <= stepHour && stepHour <= b.High {
				s.range95++
			}
			s.widths = append(s.widths, float64(b.High-b.Low)/2)
		}
	}
	slices.Sort(s.widths)
	return s
}

// daily returns the medians of days.
func daily(hours []float64) []float64 {
	var out []float64
	for d := range slices.Chunk(hours, 24) {
		m, _ := stats.Median(d)
		out = append(out, m)
	}
	return out
}

// steps prints the table of dated steps.
func steps(w io.Writer, n int, seed uint64) {
	fmt.Fprintf(w, "\n## When it changed\n\n%d series of 28 days for each cell, without a step and with one of +18 %% at 05:00 of day 15. Days by Changes on daily\n"+
		"medians, hours by FindBreak on hourly medians without their daily cycle.\n\n"+
		"| ρ | false steps | steps found | one step, within a day | 95 %% range holds the hour | half width p50 / p90, hours |\n| --- | --- | --- | --- | --- | --- |\n", n)
	for i, rho := range rhos() {
		s := dates(rho, n, seed, 3000+i)
		p50, _ := stats.Quantile(s.widths, 0.5)
		p90, _ := stats.Quantile(s.widths, 0.9)
		fmt.Fprintf(w, "| %g | %.1f %% | %.1f %% | %.1f %% | %.1f %% | %g / %g |\n", rho, percent(s.false28, n), percent(s.found28, n), percent(s.near, n), percent(s.range95, n), p50, p90)
	}
}
