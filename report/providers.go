package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// providers returns a table for each model that is watched at several providers,
// with one line for each of them, the quickest first, and their intervals: where
// these overlap, the order says nothing.
func providers(all []Target) []block {
	type asked struct{ model, task string }
	var order []asked
	served := map[asked][]*Target{}
	for i := range all {
		t := &all[i]
		if t.Model == "" || t.Provider == "" {
			continue
		}
		of := asked{t.Model, t.Task}
		if served[of] == nil {
			order = append(order, of)
		}
		served[of] = append(served[of], t)
	}
	var out []block
	for _, of := range order {
		if differ := slices.ContainsFunc(served[of], func(t *Target) bool { return t.Provider != served[of][0].Provider }); differ {
			out = append(out, block{heading: of.model + " by provider"}, block{table: compared(served[of])})
		}
	}
	return out
}

// compared is the table of targets of one model.
func compared(all []*Target) *table {
	all = slices.Clone(all)
	slices.SortStableFunc(all, func(a, b *Target) int { return cmp.Compare(quickness(a), quickness(b)) })
	t := &table{head: []string{"provider", "availability", "response p50", "p95", "TTFT p50", "time per token p50", "USD per 1,000"}}
	for _, target := range all {
		of := func(s Signal) Tails {
			i := slices.IndexFunc(target.Signals, func(r SignalReport) bool { return r.Signal == s })
			if i < 0 {
				return Tails{}
			}
			return target.Signals[i].ThisWeek
		}
		cost := "–"
		if target.Money.Priced > 0 {
			cost = fmt.Sprintf("%.3g", 1000*target.Money.USD/float64(target.Money.Priced))
		}
		t.rows = append(t.rows, []string{
			target.Provider, share(target.Errors.ThisWeek.Availability), ranged(of(Response).P50), ranged(of(Response).P95),
			ranged(of(FirstToken).P50), ranged(of(TPOT).P50), cost,
		})
	}
	return t
}

// quickness is a target's median response of this week in seconds, infinite where
// there is none.
func quickness(t *Target) float64 {
	i := slices.IndexFunc(t.Signals, func(r SignalReport) bool { return r.Signal == Response })
	if i < 0 || t.Signals[i].ThisWeek.P50 == nil {
		return math.Inf(1)
	}
	return t.Signals[i].ThisWeek.P50.Value
}
