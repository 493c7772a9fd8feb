package report

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/hfwatch/hfwatch/coldstart"
	"github.com/hfwatch/hfwatch/history"
	"github.com/hfwatch/hfwatch/load"
	"github.com/hfwatch/hfwatch/probe"
)

// Source is what a report is read from: the records.
type Source interface {
	Hours(ctx context.Context, q history.HourQuery) ([]history.Hour, error)
	Events(ctx context.Context, q history.EventQuery) ([]history.Event, error)
}

// Query says what a report is about.
type Query struct {
	Location, Version string
	To                time.Time
	Since             time.Duration
	// Targets are told in their order.
	Targets []Subject
}

// Subject is a target with its facts.
type Subject struct{ Name, Model, Task, Provider string }

// mostEvents bounds the events of one kind that a report reads of a target.
const mostEvents = 2000

// Read fetches the data of a report. What one target's records say wrong is
// noted, and the rest is told all the same; the error is of records that cannot
// be read at all.
func Read(ctx context.Context, from Source, q Query) (Data, error) {
	begin := q.To.Add(-q.Since).Truncate(time.Hour)
	d := Data{Location: q.Location, Version: q.Version, To: q.To, Since: q.Since}
	var err error
	if d.Changes, err = versions(ctx, from, q, begin); err != nil {
		return d, fmt.Errorf("report: %w", err)
	}
	for _, s := range q.Targets {
		t := TargetData{Name: s.Name, Model: s.Model, Task: s.Task, Provider: s.Provider}
		hours, err := from.Hours(ctx, history.HourQuery{
			Target: s.Name, Location: q.Location, From: begin, To: q.To,
			Signals: []history.Signal{history.SignalResponse, history.SignalFirstToken, history.SignalTPOT},
		})
		if err != nil {
			return d, fmt.Errorf("report: %w", err)
		}
		for _, h := range hours {
			t.Spent = append(t.Spent, Spending{Start: h.Start, Money: Money{
				Requests: sent(h), TokensIn: h.TokensIn, TokensOut: h.TokensOut, USD: h.CostUSD, Priced: h.Priced,
			}})
			if h.Kind == probe.Baseline {
				t.Hours = append(t.Hours, hourOf(h))
			}
		}
		events, err := from.Events(ctx, history.EventQuery{
			Kinds: []history.EventKind{history.KindWindow, history.KindEpisode, history.KindDrift}, Target: s.Name, Location: q.Location,
			From: begin, To: q.To, Limit: mostEvents,
		})
		if err != nil {
			return d, fmt.Errorf("report: %w", err)
		}
		// They come newest first.
		for _, e := range slices.Backward(events) {
			if err := t.event(e); err != nil {
				d.Notes = append(d.Notes, fmt.Sprintf("%s: a record of kind %s of %s cannot be read", s.Name, e.Kind, stamp(e.At)))
			}
		}
		if len(events) == mostEvents {
			d.Notes = append(d.Notes, fmt.Sprintf("%s: only the last %d windows, cold starts and changes are told", s.Name, mostEvents))
		}
		d.Targets = append(d.Targets, t)
	}
	return d, nil
}

// sent counts the results of an hour whose request may have been sent.
func sent(h history.Hour) int64 {
	n := h.Results
	for _, c := range h.Causes {
		switch c.Outcome {
		case probe.Asleep, probe.NotSent, probe.Internal:
			n -= c.N
		default:
		}
	}
	return n
}

// hourOf returns a roll-up as plain numbers.
func hourOf(h history.Hour) Hour {
	out := Hour{
		Start: h.Start, Likeness: Likeness{Inputs: only(h.Facets["input_set"]), Params: h.Params, Tokens: only(h.Facets["tokens_source"])},
		Response: both(h.Spreads[history.SignalResponse]), FirstToken: both(h.Spreads[history.SignalFirstToken]),
		TPOT: distribution(h.Spreads[history.SignalTPOT].OK), Causes: map[Class]int64{},
	}
	for _, c := range h.Causes {
		out.Causes[Class{Outcome: c.Outcome, Fault: c.Fault, Counts: c.Counts}] += c.N
	}
	return out
}

// only returns the one value of a facet, and all of them where they are
// several: an hour in which they changed is like no other.
func only(values map[string]int64) string {
	return strings.Join(slices.Sorted(maps.Keys(values)), " ")
}

// both returns good and failed values together, as response times are read.
func both(s history.Spread) Distribution { return Merge(distribution(s.OK), distribution(s.Failed)) }

// distribution returns a histogram of microseconds in seconds.
func distribution(p *hdrhistogram.PackedHistogram) Distribution {
	if p == nil {
		return Distribution{}
	}
	var values []float64
	var counts []int64
	p.ForEachBucket(func(value, count int64) bool {
		values, counts = append(values, float64(value)*time.Microsecond.Seconds()), append(counts, count)
		return true
	})
	return NewDistribution(values, counts)
}

// event adds what an event tells.
func (t *TargetData) event(e history.Event) error {
	switch e.Kind {
	case history.KindWindow:
		var w load.Window
		if err := json.Unmarshal(e.Data, &w); err != nil {
			return err
		}
		t.Windows = append(t.Windows, capacityOf(e.At, w))
	case history.KindEpisode:
		var x coldstart.Episode
		if err := json.Unmarshal(e.Data, &x); err != nil {
			return err
		}
		c := ColdStart{At: e.At, Took: x.FirstAnswer, Sentence: x.Words, GaveUp: gaveUp(x)}
		if x.WarmUp != nil {
			c.WarmUp = x.WarmUp.Span
		}
		t.ColdStarts = append(t.ColdStarts, c)
	case history.KindDrift:
		var c struct {
			Change
			// State is of what begins and ends, such as health_lies.
			State string `json:"state"`
		}
		if err := json.Unmarshal(e.Data, &c); err != nil {
			return err
		}
		c.At = e.At
		if c.After == "" {
			c.After = c.State
		}
		t.Changes = append(t.Changes, c.Change)
	case history.KindAlert, history.KindReload, history.KindAccount, history.KindClock, history.KindReport:
	}
	return nil
}

// gaveUp reports an episode in which the model never gave a valid answer. Of one
// that somebody else began, that a restart cut off or that is under way that is
// not known.
func gaveUp(e coldstart.Episode) bool {
	if !e.FirstAnswer.IsZero() || e.Late {
		return false
	}
	switch e.End {
	case coldstart.EndGaveUp, coldstart.EndSlept, coldstart.EndBound:
		return true
	case coldstart.EndSteady, coldstart.EndStopped, coldstart.EndInterrupted:
	}
	return false
}

// capacityOf returns what is told of a load window.
func capacityOf(at time.Time, w load.Window) Capacity {
	c := Capacity{At: at, Verdict: string(w.Verdict), AskedRate: w.AskedRate, AchievedRate: w.AchievedRate}
	if f := w.Capacity; f != nil {
		if f.RateLow > 0 {
			c.Low = probe.Some(f.RateLow)
		}
		if f.RateHigh > 0 {
			c.High = probe.Some(f.RateHigh)
		}
	}
	if q := w.Response.P95; q != nil {
		value, _ := q.Value.Get()
		low, okLow := q.Low.Get()
		high, okHigh := q.High.Get()
		if okLow && okHigh {
			c.P95 = &Bounded{Value: value.Seconds(), Low: low.Seconds(), High: high.Seconds()}
		}
	}
	return c
}

// versions returns when another version of hfwatch began to measure.
func versions(ctx context.Context, from Source, q Query, begin time.Time) ([]Change, error) {
	events, err := from.Events(ctx, history.EventQuery{
		Kinds: []history.EventKind{history.KindReload}, Location: q.Location, From: begin, To: q.To, Limit: mostEvents,
	})
	if err != nil {
		return nil, err
	}
	var changes []Change
	last := ""
	for _, e := range slices.Backward(events) {
		var r struct {
			OK      bool   `json:"ok"`
			Version string `json:"version"`
		}
		if json.Unmarshal(e.Data, &r) != nil || !r.OK || r.Version == "" {
			continue
		}
		if last != "" && r.Version != last {
			changes = append(changes, Change{At: e.At, What: "version of hfwatch", Before: last, After: r.Version})
		}
		last = r.Version
	}
	return changes, nil
}
