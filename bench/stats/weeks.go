package main

import (
	"fmt"
	"io"
	"math"

	"github.com/hfwatch/hfwatch/stats"
)

// comparer says whether the later week is slower than the earlier one, or faster.
type comparer struct {
	name  string
	moved func(earlier, later []float64, seed uint64) bool
}

// comparers are hfwatch's own test and those that it was measured against.
func comparers() []comparer {
	boot := func(margin float64, paired bool) func(a, b []float64, seed uint64) bool {
		return func(a, b []float64, seed uint64) bool {
			o := stats.DefaultCompare(seed)
			o.Margin, o.Paired = margin, paired
			c, ok := stats.Compare(a, b, o)
			return ok && (c.Change == stats.ChangeUp || c.Change == stats.ChangeDown)
		}
	}
	welch := func(effect float64) func(a, b []float64, _ uint64) bool {
		return func(a, b []float64, _ uint64) bool {
			t, ok := stats.Welch(a, b, 0.95)
			m, _ := stats.Mean(a)
			return ok && t.P < 0.001 && math.Abs(t.Difference)/m > effect
		}
	}
	return []comparer{
		{"Welch t, p < 0.001", welch(0)},
		{"Welch t, p < 0.001, effect > 5 %", welch(0.05)},
		{"day-block interval excludes 1", boot(0, false)},
		{"day-block interval beyond 3 %", boot(0.03, false)},
		{"day-block interval beyond 5 %", boot(0.05, false)},
		{"the same, hours paired (Compare)", boot(0.05, true)},
	}
}

// rhos and factors span the table of weeks.
func rhos() []float64 { return []float64{0, 0.5, 0.8, 0.95} }

// factors are the true ratios of the later week.
func factors() []float64 { return []float64{1, 1.05, 1.10, 1.18} }

// moved returns in how many of n pairs of weeks a test sees a change.
func moved(c comparer, rho, factor float64, n int, seed uint64, cell int) int {
	k := 0
	for i := range n {
		h := hours(source(seed, cell, i), 2*week, 0, rho)
		later := h[week:]
		for j := range later {
			later[j] *= factor
		}
		if c.moved(h[:week], later, uint64(i)) {
			k++
		}
	}
	return k
}

// weekend lowers the level of the last two days of each week by a share.
func weekend(h []float64, share float64) {
	for i := range h {
		if i/24%7 >= 5 {
			h[i] *= 1 - share
		}
	}
}

// pairing prints what pairs of hours are good for: weeks with quiet weekends.
func pairing(w io.Writer, n int, seed uint64) {
	fmt.Fprintf(w, "\n### Weeks with quiet weekends\n\nThe same with a level that is 20 %% lower on two days of seven: false alarms, and found of +18 %%.\n\n"+
		"| hours | ρ | false alarms | found |\n| --- | --- | --- | --- |\n")
	for _, paired := range []bool{true, false} {
		for i, rho := range rhos() {
			alarms, found := 0, 0
			for k := range n {
				h := hours(source(seed, 1100+i, k), 2*week, 0, rho)
				weekend(h, 0.2)
				o := stats.DefaultCompare(uint64(k))
				o.Paired = paired
				if c, ok := stats.Compare(h[:week], h[week:], o); ok && (c.Change == stats.ChangeUp || c.Change == stats.ChangeDown) {
					alarms++
				}
				for j := week; j < len(h); j++ {
					h[j] *= 1.18
				}
				if c, ok := stats.Compare(h[:week], h[week:], o); ok && c.Change == stats.ChangeUp {
					found++
				}
			}
			fmt.Fprintf(w, "| %s | %g | %.1f %% | %.1f %% |\n", pairedName(paired), rho, percent(alarms, n), percent(found, n))
		}
	}
}

// pairedName says how hours were compared.
func pairedName(paired bool) string {
	if paired {
		return "paired"
	}
	return "not paired"
}

// weeks prints the table of week-over-week comparisons: n pairs for each cell.
func weeks(w io.Writer, n int, seed uint64) {
	fmt.Fprintf(w, "\n## This week against last\n\n%d pairs of 168 hourly medians in a row for each cell, daily cycle 5 %%, coefficient of variation 8 %%. In percent\n"+
		"of the pairs: called changed. The first column of each group (ratio 1) is the false alarms.\n\n| test |", n)
	for _, rho := range rhos() {
		fmt.Fprintf(w, " ρ=%g: 1 / 1.05 / 1.10 / 1.18 |", rho)
	}
	fmt.Fprintf(w, "\n| --- | --- | --- | --- | --- |\n")
	for _, c := range comparers() {
		fmt.Fprintf(w, "| %s |", c.name)
		for i, rho := range rhos() {
			for j, f := range factors() {
				sep := " /"
				if j == 0 {
					sep = ""
				}
				fmt.Fprintf(w, "%s %.1f", sep, percent(moved(c, rho, f, n, seed, 1000+i), n))
			}
			fmt.Fprint(w, " |")
		}
		fmt.Fprintln(w)
	}
	pairing(w, n, seed)
}
