package report

import (
	"fmt"
	"strings"
	"time"

	"github.com/hfwatch/hfwatch/probe"
)

// block is one part of a report as every form shows it: exactly one field is
// set.
type block struct {
	title   string // of the report
	heading string // of a section
	text    string
	table   *table
	chart   *Target // drawn by HTML alone
}

// table has a row of headings; cells are plain text.
type table struct {
	head []string
	rows [][]string
}

// document returns a report as blocks: first what moved, then each target.
func document(r Report) []block {
	out := []block{
		{title: "hfwatch report: " + r.Location},
		{text: fmt.Sprintf("%s to %s UTC. %s; called slower or faster where the whole 95 %% interval lies beyond %.0f %% and the false discovery rate is below %.0f %%.",
			stamp(r.From), stamp(r.To), plural(r.Compared, "comparison"), 100*r.Margin, 100*r.FalseDiscoveryRate)},
	}
	for _, n := range r.Notes {
		out = append(out, block{text: "Note: " + n})
	}
	if len(r.Targets) == 0 {
		return append(out, block{text: "There are no targets."})
	}
	overview := &table{head: []string{"target", "availability", "median", "p95", "what matters"}}
	for _, t := range r.Targets {
		overview.rows = append(overview.rows, []string{t.Name, share(t.Errors.ThisWeek.Availability), short(t, func(x Tails) *Bounded { return x.P50 }), short(t, func(x Tails) *Bounded { return x.P95 }), t.Headline})
	}
	out = append(out, block{heading: "This week"}, block{table: overview})
	out = append(out, providers(r.Targets)...)
	for i := range r.Targets {
		out = append(out, section(&r.Targets[i])...)
	}
	out = append(out, block{heading: "Money"}, block{text: r.Money.String()})
	return out
}

// section returns the blocks of one target.
func section(t *Target) []block {
	facts := []string{}
	for _, fact := range []string{t.Model, t.Task, t.Provider} {
		if fact != "" {
			facts = append(facts, fact)
		}
	}
	out := []block{{heading: t.Name}}
	if len(facts) > 0 {
		out = append(out, block{text: strings.Join(facts, ", ")})
	}
	out = append(out, block{chart: t})
	if len(t.Signals) > 0 {
		out = append(out, block{table: percentiles(t.Signals)})
	}
	for _, s := range t.Signals {
		out = append(out, block{text: Sentence(s, "last week", s.WeekAgo) + "."}, block{text: Sentence(s, "the same hours of past weeks", s.PastWeeks) + "."})
	}
	out = append(out, block{text: t.Errors.String()})
	if len(t.Errors.Causes) > 0 {
		causes := &table{head: []string{"outcome", "fault", "this week", "last week"}}
		for _, c := range t.Errors.Causes {
			causes.rows = append(causes.rows, []string{string(c.Outcome), string(c.Fault), thousands(c.N), thousands(c.LastWeek)})
		}
		out = append(out, block{table: causes})
	}
	if t.ColdStarts != nil {
		out = append(out, block{text: t.ColdStarts.String()})
	}
	if len(t.Capacity) > 0 {
		out = append(out, block{table: windows(t.Capacity)})
	}
	if len(t.Changes) > 0 {
		changed := &table{head: []string{"changed", "before", "after", "when"}}
		for _, c := range t.Changes {
			changed.rows = append(changed.rows, []string{c.What, c.Before, c.After, stamp(c.At)})
		}
		out = append(out, block{table: changed})
	}
	return append(out, block{text: t.Money.String()})
}

// percentiles is the table of a target's tails.
func percentiles(signals []SignalReport) *table {
	t := &table{head: []string{"signal", "week", "results", "worth", "p50", "p90", "p95", "p99", "max"}}
	for _, s := range signals {
		for _, week := range []struct {
			name  string
			tails Tails
		}{{"this", s.ThisWeek}, {"last", s.LastWeek}} {
			largest := "–"
			if v, ok := week.tails.Max.Get(); ok {
				largest = latency(v)
			}
			t.rows = append(t.rows, []string{
				s.Signal.Title(), week.name, thousands(week.tails.N), thousands(int64(week.tails.Effective)), ranged(week.tails.P50),
				ranged(week.tails.P90), ranged(week.tails.P95), ranged(week.tails.P99), largest,
			})
		}
	}
	return t
}

// mostWindows is how many of the latest load windows are told of a target.
const mostWindows = 10

// windows is the table of a target's load windows, the latest last.
func windows(all []Capacity) *table {
	t := &table{head: []string{"load window", "verdict", "capacity", "asked", "achieved", "p95"}}
	for _, c := range all[max(0, len(all)-mostWindows):] {
		capacity := "–"
		low, okLow := c.Low.Get()
		high, okHigh := c.High.Get()
		switch {
		case okLow && okHigh:
			capacity = fmt.Sprintf("%.3g to %.3g/s", low, high)
		case okLow:
			capacity = fmt.Sprintf("at least %.3g/s", low)
		case okHigh:
			capacity = fmt.Sprintf("below %.3g/s", high)
		}
		t.rows = append(t.rows, []string{stamp(c.At), c.Verdict, capacity, rate(c.AskedRate), rate(c.AchievedRate), ranged(c.P95)})
	}
	return t
}

// rate returns requests a second as people read them.
func rate(r probe.Opt[float64]) string {
	v, ok := r.Get()
	if !ok {
		return "–"
	}
	return fmt.Sprintf("%.3g/s", v)
}

// String says how many results failed, in words.
func (e Errors) String() string {
	c := e.ThisWeek
	if c.Good+c.Bad == 0 {
		return fmt.Sprintf("Nothing counted this week; %s apart (account, monitor or unknown).", plural(int(c.Apart), "result"))
	}
	text := fmt.Sprintf("Availability %s: %s bad of %s that count", share(c.Availability), thousands(c.Bad), thousands(c.Good+c.Bad))
	if c.Apart > 0 {
		text += fmt.Sprintf(", %s apart", thousands(c.Apart))
	}
	if e.LastWeek.Availability != nil {
		text += "; last week " + share(e.LastWeek.Availability)
	}
	return text + "."
}

// String sums the cold starts up in words.
func (c ColdStarts) String() string {
	text := plural(c.N, "cold start")
	if m, ok := c.Median.Get(); ok {
		longest, _ := c.Max.Get()
		text += fmt.Sprintf(", median %s to the first valid answer, at most %s", latency(m), latency(longest))
	}
	if w, ok := c.WarmUp.Get(); ok {
		text += fmt.Sprintf(", warm-up %s", latency(w))
	}
	if c.GaveUp > 0 {
		text += fmt.Sprintf("; %d without any valid answer", c.GaveUp)
	}
	if c.Last != "" {
		text += ". The last: " + strings.TrimSuffix(c.Last, ".")
	}
	return text + "."
}

// String says what was spent, in words.
func (m Money) String() string {
	text := fmt.Sprintf("Spent over the period: %s, %s tokens in, %s out", plural(int(m.Requests), "request"), thousands(m.TokensIn), thousands(m.TokensOut))
	switch {
	case m.Priced == 0:
		return text + "; no price is known."
	case m.Priced < m.Requests:
		return text + fmt.Sprintf("; %.4f USD for the %s whose price is known.", m.USD, plural(int(m.Priced), "request"))
	default:
		return text + fmt.Sprintf("; %.4f USD.", m.USD)
	}
}

// share returns an availability with its interval.
func share(b *Bounded) string {
	if b == nil {
		return "–"
	}
	return fmt.Sprintf("%s %% [%s, %s]", percent(b.Value), percent(b.Low), percent(b.High))
}

// short returns this week's percentile of a target's first signal, without its
// interval.
func short(t Target, of func(Tails) *Bounded) string {
	if len(t.Signals) == 0 || of(t.Signals[0].ThisWeek) == nil {
		return "–"
	}
	return latency(of(t.Signals[0].ThisWeek).Value)
}

// stamp returns a time in UTC.
func stamp(t time.Time) string { return t.UTC().Format("Mon 2 Jan 2006 15:04") }

// plural returns a number with its noun.
func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return thousands(int64(n)) + " " + noun + "s"
}
