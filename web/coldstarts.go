package web

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/hfwatch/hfwatch/coldstart"
	"github.com/hfwatch/hfwatch/history"
	"github.com/hfwatch/hfwatch/probe"
	"github.com/hfwatch/hfwatch/stats"
)

// Bounds on what the page of cold starts reads and shows of one target.
const (
	// episodesRead is how many of the latest are drawn over the weeks, and
	// episodesShown how many of those have a curve on the page of all targets.
	episodesRead  = 200
	episodesShown = 5
)

// Events is what has been recorded beside results: history.Records.
type Events interface {
	// Events returns the events that are asked for, newest first.
	Events(ctx context.Context, q history.EventQuery) ([]history.Event, error)
}

// Sleeper is a target that the page of cold starts shows.
type Sleeper struct {
	Subject
	// Policy is its wake policy; empty is none.
	Policy string
	// State is what it does now, since Since.
	State string
	Since time.Time
	// Seconds is how long each state has lasted since hfwatch was started.
	Seconds map[coldstart.State]float64
	// Open is the episode that goes on; nil is none.
	Open *coldstart.Episode
}

// ColdStartsQuery is what a page of cold starts is asked for.
type ColdStartsQuery struct {
	Version, Location string
	// To is the end, and Since how far back the page looks.
	To       time.Time
	Since    time.Duration
	Sleepers []Sleeper
	// Whole shows every episode that is read, with its curve by requests and of
	// first tokens, in place of the latest few.
	Whole bool
}

// ColdStarts is the view over the cold starts of weeks.
type ColdStarts struct {
	Version, Location string
	From, To          time.Time
	Since             string
	Whole             bool
	Rows              []ColdRow
	// Quiet are the targets without one.
	Quiet []Sleeper
}

// ColdRow is one target's.
type ColdRow struct {
	Sleeper
	// Episodes are those that are shown, newest first; All are those that were
	// read, and More is set where there are more than that.
	Episodes, All []coldstart.Episode
	More          bool
	// Answered counts those whose first valid answer was seen, of which Median
	// and Longest are, in seconds; NaN is none.
	Answered        int
	Median, Longest float64
}

// ColdShare returns the share of the time since the start of hfwatch in which a
// request would have met a cold model; NaN where no state is known.
func (s Sleeper) ColdShare() float64 {
	all, cold := 0.0, 0.0
	for state, seconds := range s.Seconds {
		if state == coldstart.Unknown {
			continue
		}
		all += seconds
		if state.Cold() {
			cold += seconds
		}
	}
	return cold / all
}

// ReadColdStarts reads the page of cold starts.
func ReadColdStarts(ctx context.Context, from Events, q ColdStartsQuery) (ColdStarts, error) {
	page := ColdStarts{Version: q.Version, Location: q.Location, From: q.To.Add(-q.Since), To: q.To, Since: weeksOf(q.Since), Whole: q.Whole}
	for _, s := range q.Sleepers {
		events, err := from.Events(ctx, history.EventQuery{
			Kinds: []history.EventKind{history.KindEpisode}, Target: s.Name, Location: q.Location, From: page.From, Limit: episodesRead + 1,
		})
		if err != nil {
			return ColdStarts{}, fmt.Errorf("cold starts: %w", err)
		}
		row := ColdRow{Sleeper: s, More: len(events) > episodesRead, Median: math.NaN(), Longest: math.NaN()}
		if s.Open != nil {
			row.All = append(row.All, *s.Open.Judged())
		}
		for _, e := range events[:min(len(events), episodesRead)] {
			var one coldstart.Episode
			if err := json.Unmarshal(e.Data, &one); err != nil {
				return ColdStarts{}, fmt.Errorf("cold starts: the record %s: %w", e.ID, err)
			}
			if s.Open == nil || one.ID != s.Open.ID {
				row.All = append(row.All, one)
			}
		}
		if len(row.All) == 0 {
			page.Quiet = append(page.Quiet, s)
			continue
		}
		row.sum()
		row.Episodes = row.All
		if !q.Whole {
			row.Episodes = row.All[:min(len(row.All), episodesShown)]
		}
		page.Rows = append(page.Rows, row)
	}
	return page, nil
}

// sum computes the figures over all that were read.
func (r *ColdRow) sum() {
	var took []float64
	for _, e := range r.All {
		if d, ok := e.FirstAnswer.Get(); ok {
			took = append(took, d.Seconds())
		}
	}
	r.Answered = len(took)
	if m, ok := stats.Median(took); ok {
		r.Median, r.Longest = m, slices.Max(took)
	}
}

// weeksOf returns a span as a query has it.
func weeksOf(d time.Duration) string {
	if d%Week == 0 {
		return fmt.Sprintf("%dw", d/Week)
	}
	return fmt.Sprintf("%dh", d/time.Hour)
}

// optional returns seconds as a number; NaN where they are absent.
func optional(s probe.Seconds) float64 {
	d, ok := s.Get()
	if !ok {
		return math.NaN()
	}
	return d.Seconds()
}
