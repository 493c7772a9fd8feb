package report

import (
	"cmp"
	"hash/fnv"
	"slices"
	"time"

	"github.com/hfwatch/hfwatch/probe"
	"github.com/hfwatch/hfwatch/stats"
)

// Build makes the report of the data. The same data give the same report.
func Build(d Data) Report {
	// The hour that has begun is told too: in the first hour there would be nothing
	// else.
	to := d.To.UTC().Truncate(time.Hour)
	if to.Before(d.To) {
		to = to.Add(time.Hour)
	}
	from := to.Add(-d.Since).Truncate(time.Hour)
	r := Report{
		Schema: Schema, Location: d.Location, Version: d.Version, From: from, To: to, Notes: d.Notes,
		Margin: margin, FalseDiscoveryRate: discoveries, Targets: make([]Target, 0, len(d.Targets)),
	}
	for _, t := range d.Targets {
		r.Targets = append(r.Targets, target(t, from, to, d.Changes))
		r.Money.add(r.Targets[len(r.Targets)-1].Money)
	}
	var shifts []*Shift
	for i := range r.Targets {
		for k := range r.Targets[i].Signals {
			s := &r.Targets[i].Signals[k]
			shifts = append(shifts, &s.WeekAgo, &s.PastWeeks)
		}
	}
	r.Compared = discover(shifts)
	for i := range r.Targets {
		t := &r.Targets[i]
		t.date(d.Targets[i].Hours, from, to)
		t.Headline = headline(*t)
	}
	return r
}

// target returns what is told of a target, verdicts by their intervals alone.
func target(d TargetData, from, to time.Time, everywhere []Change) Target {
	hours := within(d.Hours, from, to)
	slices.SortStableFunc(hours, func(a, b Hour) int { return a.Start.Compare(b.Start) })
	this, last := to.Add(-week), to.Add(-2*week)
	t := Target{Name: d.Name, Model: d.Model, Task: d.Task, Provider: d.Provider, Days: days(hours)}
	for _, s := range Signals() {
		if merged(hours, s).N == 0 {
			continue
		}
		now, then := within(hours, this, to), within(hours, last, this)
		t.Signals = append(t.Signals, SignalReport{
			Signal: s, N: merged(now, s).N, ThisWeek: tails(now, s), LastWeek: tails(then, s),
			WeekAgo: againstLastWeek(hours, s, this, seed(d.Name, s, 1)), PastWeeks: againstPastWeeks(hours, s, from, this, seed(d.Name, s, 2)),
		})
	}
	t.Errors = errorsOf(within(hours, this, to), within(hours, last, this))
	t.ColdStarts = coldStarts(d.ColdStarts, from, to)
	for _, w := range d.Windows {
		if inside(w.At, from, to) {
			t.Capacity = append(t.Capacity, w)
		}
	}
	for _, c := range slices.Concat(d.Changes, everywhere) {
		if inside(c.At, from, to) {
			t.Changes = append(t.Changes, c)
		}
	}
	slices.SortStableFunc(t.Changes, func(a, b Change) int { return a.At.Compare(b.At) })
	for _, m := range d.Spent {
		if inside(m.Start, from, to) {
			t.Money.add(m.Money)
		}
	}
	return t
}

// date locates the steps of what is called slower or faster.
func (t *Target) date(hours []Hour, from, to time.Time) {
	for i := range t.Signals {
		s := &t.Signals[i]
		for _, shift := range []Shift{s.WeekAgo, s.PastWeeks} {
			if shift.Verdict != Slower && shift.Verdict != Faster || s.Step != nil {
				continue
			}
			length, _ := shift.Bin.Get()
			if s.Step = locate(within(hours, from, to), s.Signal, from, to, length, shift.Verdict); s.Step != nil {
				s.Step.Beside = s.Step.beside(t.Changes)
			}
		}
	}
}

// inside reports whether a time lies in [from, to).
func inside(at, from, to time.Time) bool { return !at.Before(from) && at.Before(to) }

// seed makes a comparison's draws the same in every run.
func seed(name string, s Signal, n byte) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(name))
	_, _ = h.Write([]byte{0, n, 0})
	_, _ = h.Write([]byte(s))
	return h.Sum64()
}

// add sums spending up.
func (m *Money) add(o Money) {
	m.Requests += o.Requests
	m.TokensIn += o.TokensIn
	m.TokensOut += o.TokensOut
	m.USD += o.USD
	m.Priced += o.Priced
}

// errorsOf counts the results of this week and of the last.
func errorsOf(now, then []Hour) Errors {
	e := Errors{ThisWeek: sum(now), LastWeek: sum(then)}
	here, before := causes(now), causes(then)
	for cause, n := range here {
		if cause.Outcome != probe.OK {
			e.Causes = append(e.Causes, Cause{Outcome: cause.Outcome, Fault: cause.Fault, N: n, LastWeek: before[cause]})
		}
	}
	for cause, n := range before {
		if _, still := here[cause]; !still && cause.Outcome != probe.OK {
			e.Causes = append(e.Causes, Cause{Outcome: cause.Outcome, Fault: cause.Fault, LastWeek: n})
		}
	}
	slices.SortFunc(e.Causes, func(a, b Cause) int {
		return cmp.Or(cmp.Compare(b.N, a.N), cmp.Compare(b.LastWeek, a.LastWeek), cmp.Compare(a.Outcome, b.Outcome), cmp.Compare(a.Fault, b.Fault))
	})
	return e
}

// causes counts results by outcome and fault, however they counted.
func causes(hours []Hour) map[Class]int64 {
	out := map[Class]int64{}
	for _, h := range hours {
		for class, n := range h.Causes {
			out[Class{Outcome: class.Outcome, Fault: class.Fault}] += n
		}
	}
	return out
}

// sum counts the results of the hours.
func sum(hours []Hour) Counted {
	var total Counted
	for _, h := range hours {
		c := h.counted()
		total.Good, total.Bad, total.Apart = total.Good+c.Good, total.Bad+c.Bad, total.Apart+c.Apart
	}
	total.Availability = availability(hours)
	return total
}

// coldStarts sums up the episodes of the period; nil where there were none.
func coldStarts(all []ColdStart, from, to time.Time) *ColdStarts {
	var c ColdStarts
	var took, warm []float64
	var latest time.Time
	for _, e := range all {
		if !inside(e.At, from, to) {
			continue
		}
		c.N++
		if d, ok := e.Took.Get(); ok {
			took = append(took, d.Seconds())
		}
		if e.GaveUp {
			c.GaveUp++
		}
		if d, ok := e.WarmUp.Get(); ok {
			warm = append(warm, d.Seconds())
		}
		if !e.At.Before(latest) {
			latest, c.Last = e.At, e.Sentence
		}
	}
	if c.N == 0 {
		return nil
	}
	if m, ok := stats.Median(took); ok {
		c.Median, c.Max = probe.Some(m), probe.Some(slices.Max(took))
	}
	if m, ok := stats.Median(warm); ok {
		c.WarmUp = probe.Some(m)
	}
	return &c
}

// days returns the figures of each day of the hours, in order.
func days(hours []Hour) []Day {
	parts := map[time.Time][]Hour{}
	for _, h := range hours {
		at := h.Start.UTC().Truncate(day)
		parts[at] = append(parts[at], h)
	}
	var out []Day
	for at, part := range parts {
		c := sum(part)
		out = append(out, Day{At: at, Good: c.Good, Bad: c.Bad, Response: dayLatency(part, Response), FirstToken: dayLatency(part, FirstToken)})
	}
	slices.SortFunc(out, func(a, b Day) int { return a.At.Compare(b.At) })
	return out
}

// dayLatency returns a day's percentiles of a signal; nil without results. The
// 95th needs the number of results at which its interval exists.
func dayLatency(hours []Hour, s Signal) *DayLatency {
	all := merged(hours, s)
	p50, ok := all.Quantile(0.5)
	if !ok {
		return nil
	}
	out := &DayLatency{P50: p50}
	if _, exists := stats.QuantileRanks(int(all.N), 0.95, confidence); exists {
		p95, _ := all.Quantile(0.95)
		out.P95 = probe.Some(p95)
	}
	return out
}
