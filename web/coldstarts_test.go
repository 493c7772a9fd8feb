package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/hfwatch/hfwatch/coldstart"
	"github.com/hfwatch/hfwatch/history"
	"github.com/hfwatch/hfwatch/probe"
	"github.com/hfwatch/hfwatch/stats"
)

// kept are the events of each target, newest first.
type kept map[string][]history.Event

func (k kept) Events(_ context.Context, q history.EventQuery) ([]history.Event, error) {
	all, ok := k[q.Target]
	if !ok {
		return nil, errors.New("the file is closed")
	}
	var out []history.Event
	for _, e := range all {
		if !e.At.Before(q.From) && len(out) < q.Limit && e.Location == q.Location {
			out = append(out, e)
		}
	}
	return out, nil
}

// asleep is when the episodes of these tests begin.
var asleep = time.Date(2026, 11, 2, 5, 0, 0, 0, time.UTC)

// episode is one whose model had a cold request, four slow ones and twenty steady
// ones.
func episode(n int, began time.Time) coldstart.Episode {
	ms := func(v float64) probe.Seconds { return probe.Measured(time.Duration(v * float64(time.Millisecond))) }
	e := coldstart.Episode{
		ID: fmt.Sprintf("e%d", n), Target: "writer", Location: "here", Cause: coldstart.CauseExperiment, Method: coldstart.Hold, Began: began, End: coldstart.EndSteady,
		FirstSign: ms(5000), Running: ms(15_000), FirstAnswer: ms(20_000 + 1000*float64(n)), Words: "1 cold request (5.0 s), then 4 requests, 4.0 s; steady 500 ms [490, 510]",
		WarmUp: &coldstart.Settled{
			Answer: stats.SteadyFound, N: 25, Cold: 1, Requests: 4, Median: ms(500), MedianLow: ms(490), MedianHigh: ms(510),
		},
		WarmUpTokens: &coldstart.Settled{Answer: stats.SteadyUnknown, N: 25},
	}
	for i := range 25 {
		p := coldstart.Point{After: ms(1000 * float64(i)), Latency: ms(500), FirstToken: ms(100)}
		switch {
		case i == 0:
			p.Latency = ms(5000)
		case i < 5:
			p.Latency = ms(1000)
		}
		e.Curve = append(e.Curve, p)
	}
	return e
}

// recordOf returns episodes as events, newest first.
func recordOf(t *testing.T, es ...coldstart.Episode) []history.Event {
	t.Helper()
	var out []history.Event
	for i := len(es) - 1; i >= 0; i-- {
		data, err := json.Marshal(es[i])
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, history.Event{ID: es[i].ID, Kind: history.KindEpisode, At: es[i].Began, Target: es[i].Target, Location: es[i].Location, Data: data})
	}
	return out
}

// weeksAsleep are seven episodes of "writer", a day apart: the fifth without an
// answer, the sixth begun by somebody else, and the last still under way.
func weeksAsleep(t *testing.T) (kept, ColdStartsQuery) {
	t.Helper()
	var all []coldstart.Episode
	for n := range 6 {
		all = append(all, episode(n, asleep.AddDate(0, 0, n)))
	}
	all[4].FirstAnswer, all[4].Curve, all[4].WarmUp, all[4].End, all[4].Words = probe.Seconds{}, nil, nil, coldstart.EndGaveUp, "3 requests refused, no valid answer within 15 min"
	all[4].EstimateStuck = true
	all[5].FirstAnswer, all[5].Late, all[5].Words = probe.Seconds{}, true, ""
	open := episode(6, asleep.AddDate(0, 0, 6))
	open.End, open.FirstAnswer, open.Curve, open.Refused, open.Cause, open.Method, open.WokenBy = "", probe.Seconds{}, nil, 2, coldstart.CauseNatural, "", probe.Baseline
	q := ColdStartsQuery{
		Version: "v1", Location: "here", To: asleep.AddDate(0, 0, 7), Since: 4 * Week,
		Sleepers: []Sleeper{
			{
				Subject: Subject{Name: "writer", Model: "org/<writer>"}, Policy: "observe_cold", State: "asleep", Since: asleep,
				Seconds: map[coldstart.State]float64{coldstart.Unknown: 1000, coldstart.Asleep: 60, coldstart.Loading: 30, coldstart.Warm: 10}, Open: &open,
			},
			{Subject: Subject{Name: "steady"}, State: "warm"},
		},
	}
	// The record of the one that goes on is its beginning.
	return kept{"writer": recordOf(t, append(all, open)...), "steady": nil}, q
}

func TestColdStarts(t *testing.T) {
	from, q := weeksAsleep(t)
	page, err := ReadColdStarts(t.Context(), from, q)
	if err != nil {
		t.Fatal(err)
	}
	if len(page.Rows) != 1 || len(page.Quiet) != 1 || page.Quiet[0].Name != "steady" || page.Since != "4w" {
		t.Fatalf("the page has %d rows and %d targets without: %+v", len(page.Rows), len(page.Quiet), page.Quiet)
	}
	row := page.Rows[0]
	if len(row.All) != 7 || len(row.Episodes) != episodesShown || row.More {
		t.Errorf("%d of %d are shown, more %v; want 5 of 7 and no more", len(row.Episodes), len(row.All), row.More)
	}
	if words := row.Episodes[0].Words; words != "under way: 2 requests refused, no valid answer yet" {
		t.Errorf("the open one says %q", words)
	}
	// Of 20, 21, 22 and 23 s.
	if row.Answered != 4 || row.Median != 21.5 || row.Longest != 23 {
		t.Errorf("%d answered, median %v, longest %v; want 4, 21.5 and 23", row.Answered, row.Median, row.Longest)
	}
	if got := row.ColdShare(); got != 0.9 {
		t.Errorf("a request would have met a cold model %v of the time, want 0.9", got)
	}
	golden(t, "coldstarts.html", func(w *strings.Builder) error { return WriteColdStarts(w, page) })

	q.Whole = true
	q.Sleepers = q.Sleepers[:1]
	if page, err = ReadColdStarts(t.Context(), from, q); err != nil || len(page.Rows[0].Episodes) != 7 {
		t.Fatalf("the page of one target: %v", err)
	}
	golden(t, "coldstart.html", func(w *strings.Builder) error { return WriteColdStarts(w, page) })

	q.Sleepers = []Sleeper{{Subject: Subject{Name: "unknown"}}}
	if _, err := ReadColdStarts(t.Context(), from, q); err == nil || !strings.Contains(err.Error(), "cold starts: the file is closed") {
		t.Errorf("of a closed file: %v", err)
	}
}

// TestColdStartsAreBounded: of many the latest are read, and the page says so.
func TestColdStartsAreBounded(t *testing.T) {
	var all []coldstart.Episode
	for n := range episodesRead + 1 {
		one := episode(0, asleep.Add(time.Duration(n)*time.Minute))
		one.ID = fmt.Sprint(n)
		all = append(all, one)
	}
	q := ColdStartsQuery{Location: "here", To: asleep.AddDate(0, 0, 1), Since: Week, Sleepers: []Sleeper{{Subject: Subject{Name: "writer"}}}, Whole: true}
	page, err := ReadColdStarts(t.Context(), kept{"writer": recordOf(t, all...)}, q)
	if err != nil || len(page.Rows[0].Episodes) != episodesRead || !page.Rows[0].More || page.Rows[0].Episodes[0].ID != fmt.Sprint(episodesRead) {
		t.Errorf("%v with %d episodes, more %v", err, len(page.Rows[0].Episodes), page.Rows[0].More)
	}
	if share := page.Rows[0].ColdShare(); !math.IsNaN(share) {
		t.Errorf("without any state the share is %v, want none", share)
	}
}

// TestCurve has each answer where it belongs: by kind, by seconds and by requests.
func TestCurve(t *testing.T) {
	e := episode(0, asleep)
	svg := string(curve(e, "latency", false))
	for class, want := range map[string]int{"cold": 1, "warming": 4, "steady": 20} {
		if got := strings.Count(svg, `<circle class="`+class+`"`); got != want {
			t.Errorf("%d dots are %s, want %d", got, class, want)
		}
	}
	// The axis has 360 units for 24 s or requests; the fifth answer is the first
	// steady one.
	for _, want := range []string{`<circle class="cold" cx="52.0"`, `class="mark" d="M127.0 8V102"`, `cx="412.0"`, "24 s later", `class="band"`} {
		if !strings.Contains(svg, want) {
			t.Errorf("%s is not in %s", want, svg)
		}
	}
	if svg := string(curve(e, "latency", true)); !strings.Contains(svg, "24 requests later") || !strings.Contains(svg, `class="mark" d="M127.0 8V102"`) {
		t.Errorf("by requests: %s", svg)
	}
	// Without a verdict nothing is called steady.
	if svg := string(curve(e, "first token", false)); strings.Count(svg, `<circle class="warming"`) != 25 || strings.Contains(svg, "band") {
		t.Errorf("first tokens: %s", svg)
	}
	if svg := curve(coldstart.Episode{}, "latency", false); svg != "" {
		t.Errorf("of nothing: %s", svg)
	}
	for _, row := range []struct {
		low, high float64
		want      string
	}{{0.3, 6, "[0.5 1 2 5]"}, {0.9, 1.1, "[1]"}, {0.002, 30, "[0.01 0.1 1 10]"}} {
		if got := fmt.Sprint(ticks(row.low, row.high)); got != row.want {
			t.Errorf("ticks(%v, %v) = %s, want %s", row.low, row.high, got, row.want)
		}
	}
}
