package report_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hfwatch/hfwatch/probe"
	"github.com/hfwatch/hfwatch/report"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// end is a Wednesday.
var end = time.Date(2026, 11, 25, 0, 0, 0, 0, time.UTC)

const hour = time.Hour

// traffic describes synthetic results: so many an hour, lognormal around a
// level with a daily cycle.
type traffic struct {
	seed    uint64
	hours   int
	each    int
	level   func(at time.Time) float64
	like    func(at time.Time) report.Likeness
	skip    func(at time.Time) bool
	badness float64
}

// rows returns the hours of the traffic, which end at end, and all values.
func (tr traffic) rows() (rows []report.Hour, values map[time.Time][]float64) {
	r := rand.New(rand.NewPCG(tr.seed, 1))
	values = map[time.Time][]float64{}
	for i := range tr.hours {
		at := end.Add(time.Duration(i-tr.hours) * hour)
		if tr.skip != nil && tr.skip(at) {
			continue
		}
		h := report.Hour{Start: at, Causes: map[report.Class]int64{}}
		if tr.like != nil {
			h.Likeness = tr.like(at)
		}
		var all []float64
		for range tr.each {
			cycle := 1 + 0.05*math.Sin(2*math.Pi*float64(at.Hour())/24)
			v := tr.level(at) * cycle * math.Exp(0.2*r.NormFloat64())
			all = append(all, v)
			class := report.Class{Outcome: probe.OK, Fault: probe.FaultNone, Counts: probe.Good}
			if r.Float64() < tr.badness {
				class = report.Class{Outcome: probe.Timeout, Fault: probe.FaultTarget, Counts: probe.Bad}
			}
			h.Causes[class]++
		}
		h.Response = report.NewDistribution(all, slices.Repeat([]int64{1}, len(all)))
		h.FirstToken = report.NewDistribution(scaled(all, 0.4), slices.Repeat([]int64{1}, len(all)))
		values[at] = all
		rows = append(rows, h)
	}
	return rows, values
}

func scaled(xs []float64, by float64) []float64 {
	out := slices.Clone(xs)
	for i := range out {
		out[i] *= by
	}
	return out
}

// flat is a level that never changes, and raised one that is higher from a
// time on.
func flat(time.Time) float64 { return 0.5 }

func raised(from time.Time, by float64) func(time.Time) float64 {
	return func(at time.Time) float64 {
		if at.Before(from) {
			return 0.5
		}
		return 0.5 * by
	}
}

// of builds the report of one target.
func of(t *testing.T, d report.TargetData) report.Target {
	t.Helper()
	d.Name = "assistant"
	r := report.Build(report.Data{Location: "local", To: end.Add(-20 * time.Minute), Since: 28 * 24 * hour, Targets: []report.TargetData{d}})
	return r.Targets[0]
}

// TestSlowerIsSaidAndDated compares a week that is 18 % slower since Saturday
// 05:00 of the week before with what the sentence says.
func TestSlowerIsSaidAndDated(t *testing.T) {
	step := time.Date(2026, 11, 18, 3, 0, 0, 0, time.UTC)
	rows, _ := traffic{seed: 1, hours: 28 * 24, each: 12, level: raised(step, 1.18)}.rows()
	got := of(t, report.TargetData{Hours: rows, Changes: []report.Change{
		{At: step.Add(-2 * hour), What: "revision", Before: "abc", After: "def"},
		{At: step.Add(-9 * 24 * hour), What: "provider", Before: "x", After: "y"},
	}})
	s := got.Signals[0]
	for name, shift := range map[string]report.Shift{"last week": s.WeekAgo, "past weeks": s.PastWeeks} {
		if shift.Verdict != report.Slower || shift.Low > 1.18 || shift.High < 1.18 || shift.Low < 1.1 || shift.High > 1.25 {
			t.Errorf("against %s: %+v, want slower by an interval that holds 1.18", name, shift)
		}
	}
	if s.Step == nil {
		t.Fatal("the step was not located")
	}
	if s.Step.At.Sub(step).Abs() > 6*hour || s.Step.Low.After(step) || s.Step.High.Before(step) {
		t.Errorf("step at %v [%v, %v], want %v", s.Step.At, s.Step.Low, s.Step.High, step)
	}
	if len(s.Step.Beside) != 1 || s.Step.Beside[0].What != "revision" {
		t.Errorf("beside the step stands %v, want the revision alone", s.Step.Beside)
	}
	if !strings.HasPrefix(got.Headline, "median response time +") || !strings.Contains(got.Headline, "step located on ") || !strings.Contains(got.Headline, "revision abc → def") {
		t.Errorf("headline %q", got.Headline)
	}
}

// TestNothingMovedIsSaid of a level that stays, and nothing is dated.
func TestNothingMovedIsSaid(t *testing.T) {
	rows, _ := traffic{seed: 2, hours: 28 * 24, each: 12, level: flat}.rows()
	got := of(t, report.TargetData{Hours: rows})
	s := got.Signals[0]
	if s.WeekAgo.Verdict != report.Same || s.PastWeeks.Verdict != report.Same || s.Step != nil || got.Headline != "as last week" {
		t.Errorf("got %q, %+v, %+v, %v", got.Headline, s.WeekAgo, s.PastWeeks, s.Step)
	}
	if !s.WeekAgo.Paired || s.WeekAgo.Before != 168 || s.WeekAgo.After != 168 || s.WeekAgo.Results != 2*168*12 {
		t.Errorf("compared %+v, want 168 pairs of 4032 results", s.WeekAgo)
	}
}

// TestUnlikeSeriesAreNotCompared where the parameters or the inputs changed.
func TestUnlikeSeriesAreNotCompared(t *testing.T) {
	change := end.Add(-7 * 24 * hour)
	for want, after := range map[string]report.Likeness{
		"the parameters are not those of last week": {Inputs: "i", Params: "q"},
		"the inputs are not those of last week":     {Inputs: "j", Params: "p"},
	} {
		like := func(at time.Time) report.Likeness {
			if at.Before(change) {
				return report.Likeness{Inputs: "i", Params: "p"}
			}
			return after
		}
		rows, _ := traffic{seed: 3, hours: 28 * 24, each: 12, level: flat, like: like}.rows()
		s := of(t, report.TargetData{Hours: rows}).Signals[0]
		if s.WeekAgo.Verdict != report.NotCompared || s.WeekAgo.Why != want {
			t.Errorf("against last week: %+v, want %q", s.WeekAgo, want)
		}
		if s.PastWeeks.Verdict != report.NotCompared || !strings.Contains(s.PastWeeks.Why, "past weeks") {
			t.Errorf("against past weeks: %+v", s.PastWeeks)
		}
	}
}

// TestTooLittleIsNotCompared says what is missing.
func TestTooLittleIsNotCompared(t *testing.T) {
	for _, tt := range []struct {
		hours      int
		week, past string
	}{
		{7 * 24, "there are no results of last week", "there are no results of past weeks"},
		{8 * 24, "a side has results of fewer than 3 days", "a side has results of fewer than 3 days"},
		{14 * 24, "", "there are alike results of 1 past weeks, and 2 are needed"},
	} {
		rows, _ := traffic{seed: 4, hours: tt.hours, each: 12, level: flat}.rows()
		s := of(t, report.TargetData{Hours: rows}).Signals[0]
		if s.WeekAgo.Why != tt.week || s.PastWeeks.Why != tt.past {
			t.Errorf("%d hours: %q and %q, want %q and %q", tt.hours, s.WeekAgo.Why, s.PastWeeks.Why, tt.week, tt.past)
		}
	}
}

// TestSparseTargetsAreComparedInLongerBins where a schedule is slower than an
// hour, or pauses.
func TestSparseTargetsAreComparedInLongerBins(t *testing.T) {
	for name, tt := range map[string]struct {
		skip func(at time.Time) bool
		bin  time.Duration
	}{
		"every hour":      {func(time.Time) bool { return false }, hour},
		"every six hours": {func(at time.Time) bool { return at.Hour()%6 != 0 }, 6 * hour},
		"office hours": {func(at time.Time) bool {
			return at.Hour() < 9 || at.Hour() > 16 || at.Weekday() == time.Saturday || at.Weekday() == time.Sunday
		}, 8 * hour},
	} {
		rows, _ := traffic{seed: 5, hours: 28 * 24, each: 4, level: raised(end.Add(-7*24*hour), 1.4), skip: tt.skip}.rows()
		s := of(t, report.TargetData{Hours: rows}).Signals[0]
		if s.WeekAgo.Verdict != report.Slower || !s.WeekAgo.Bin.Equal(probe.Measured(tt.bin)) {
			t.Errorf("%s: %+v, want slower in bins of %v", name, s.WeekAgo, tt.bin)
		}
	}
}

// TestPercentilesAreThoseOfAllResults and never of averages: they equal what
// sorting gives, and their interval holds them.
func TestPercentilesAreThoseOfAllResults(t *testing.T) {
	rows, values := traffic{seed: 6, hours: 14 * 24, each: 12, level: flat}.rows()
	var all []float64
	for at, vs := range values {
		if !at.Before(end.Add(-7 * 24 * hour)) {
			all = append(all, vs...)
		}
	}
	slices.Sort(all)
	got := of(t, report.TargetData{Hours: rows}).Signals[0].ThisWeek
	if got.N != int64(len(all)) {
		t.Fatalf("n = %d, want %d", got.N, len(all))
	}
	for _, tt := range []struct {
		p   float64
		got *report.Bounded
	}{{0.5, got.P50}, {0.9, got.P90}, {0.95, got.P95}, {0.99, got.P99}} {
		want := all[int(math.Ceil(tt.p*float64(len(all))))-1]
		if tt.got == nil || tt.got.Value != want || tt.got.Low > want || tt.got.High < want || tt.got.Low == tt.got.High {
			t.Errorf("p%g = %+v, want %g within its interval", 100*tt.p, tt.got, want)
		}
	}
	if v, _ := got.Max.Get(); v != all[len(all)-1] {
		t.Errorf("max = %g, want %g", v, all[len(all)-1])
	}
	if got.Effective < 0.4*float64(got.N) || got.Effective > float64(got.N) {
		t.Errorf("independent results are worth %g of %d", got.Effective, got.N)
	}
}

// TestPercentilesWithoutIntervalAreAbsent rather than guessed.
func TestPercentilesWithoutIntervalAreAbsent(t *testing.T) {
	rows, _ := traffic{seed: 7, hours: 20, each: 2, level: flat}.rows()
	got := of(t, report.TargetData{Hours: rows}).Signals[0].ThisWeek
	if got.P50 == nil || got.P99 != nil {
		t.Errorf("of 40 results: p50 %v, p99 %v; want a median and no p99", got.P50, got.P99)
	}
}

// TestRunsOfSlowResultsAreWorthLess than independent ones.
func TestRunsOfSlowResultsAreWorthLess(t *testing.T) {
	r := rand.New(rand.NewPCG(8, 1))
	wander := 0.0
	rows, _ := traffic{seed: 8, hours: 14 * 24, each: 12, level: func(time.Time) float64 {
		wander = 0.9*wander + 0.2*r.NormFloat64()
		return 0.5 * math.Exp(wander)
	}}.rows()
	got := of(t, report.TargetData{Hours: rows}).Signals[0].ThisWeek
	if got.Effective > 0.15*float64(got.N) {
		t.Errorf("results that wander for hours are worth %.0f of %d", got.Effective, got.N)
	}
}

// TestErrorsAreCountedByCause with the week before beside them.
func TestErrorsAreCountedByCause(t *testing.T) {
	bad := report.Class{Outcome: probe.Timeout, Fault: probe.FaultTarget, Counts: probe.Bad}
	good := report.Class{Outcome: probe.OK, Fault: probe.FaultNone, Counts: probe.Good}
	apart := report.Class{Outcome: probe.Billing, Fault: probe.FaultAccount, Counts: probe.Apart}
	got := of(t, report.TargetData{Hours: []report.Hour{
		{Start: end.Add(-2 * hour), Causes: map[report.Class]int64{good: 95, bad: 5, apart: 3}},
		{Start: end.Add(-3 * hour), Causes: map[report.Class]int64{good: 98, bad: 2}},
		{Start: end.Add(-8 * 24 * hour), Causes: map[report.Class]int64{good: 99, bad: 1}},
		{Start: end.Add(-29 * 24 * hour), Causes: map[report.Class]int64{bad: 1000}},
	}}).Errors
	want := []report.Cause{
		{Outcome: probe.Timeout, Fault: probe.FaultTarget, N: 7, LastWeek: 1},
		{Outcome: probe.Billing, Fault: probe.FaultAccount, N: 3},
	}
	if diff := cmp.Diff(want, got.Causes); diff != "" {
		t.Errorf("causes (-want +got):\n%s", diff)
	}
	if c := got.ThisWeek; c.Good != 193 || c.Bad != 7 || c.Apart != 3 || c.Availability.Value != 0.965 {
		t.Errorf("this week %+v", c)
	}
	// Wilson's interval of 193 of 200, by hand.
	if a := got.ThisWeek.Availability; a == nil || math.Abs(a.Low-0.9296) > 5e-4 || math.Abs(a.High-0.9830) > 5e-4 {
		t.Errorf("availability %+v, want [0.9296, 0.9830]", a)
	}
}

// TestManySeriesRaiseNoFalseAlarm holds the false discovery rate: a whole fleet
// without a change is called changed nowhere.
func TestManySeriesRaiseNoFalseAlarm(t *testing.T) {
	d := report.Data{Location: "local", To: end, Since: 28 * 24 * hour}
	for i := range 40 {
		rows, _ := traffic{seed: uint64(100 + i), hours: 28 * 24, each: 12, level: flat}.rows()
		if i == 0 {
			rows, _ = traffic{seed: 99, hours: 28 * 24, each: 12, level: raised(end.Add(-7*24*hour), 1.18)}.rows()
		}
		d.Targets = append(d.Targets, report.TargetData{Name: string(rune('A' + i)), Hours: rows})
	}
	r := report.Build(d)
	if r.Compared != 160 {
		t.Errorf("compared %d, want 160", r.Compared)
	}
	for i, target := range r.Targets {
		for _, s := range target.Signals {
			for _, shift := range []report.Shift{s.WeekAgo, s.PastWeeks} {
				if called := shift.Verdict == report.Slower || shift.Verdict == report.Faster; called != (i == 0) {
					t.Errorf("target %d, %s: %+v", i, s.Signal, shift)
				}
			}
		}
	}
}

// sample is a report with every part.
func sample() report.Report {
	step := time.Date(2026, 11, 18, 3, 0, 0, 0, time.UTC)
	slow, _ := traffic{seed: 11, hours: 28 * 24, each: 12, level: raised(step, 1.18), badness: 0.01}.rows()
	calm, _ := traffic{seed: 12, hours: 28 * 24, each: 2, level: flat}.rows()
	blind := report.Class{Outcome: probe.Billing, Fault: probe.FaultAccount, Counts: probe.Apart}
	return report.Build(report.Data{
		Location: "local", Version: "v1.2.3", To: end.Add(-25 * time.Minute), Since: 28 * 24 * hour,
		Changes: []report.Change{{At: step.Add(-30 * hour), What: "version", Before: "v1.2.2", After: "v1.2.3"}},
		Notes:   []string{"results before 1 Nov were not kept"},
		Targets: []report.TargetData{
			{
				Name: "assistant", Model: "meta-llama/Llama-3.1-8B-Instruct", Task: "chat-completion", Provider: "cerebras", Hours: slow,
				Changes: []report.Change{{At: step.Add(-time.Hour), What: "revision", Before: "1a2b", After: "<3c4d>"}},
				Spent:   []report.Spending{{Start: step, Money: report.Money{Requests: 8064, TokensIn: 100000, TokensOut: 200000, USD: 0.03, Priced: 8000}}},
				ColdStarts: []report.ColdStart{
					{At: step, Took: probe.Measured(20 * time.Second), WarmUp: probe.Measured(14 * time.Second), Sentence: "1 cold request (19.8 s), then 29 requests, 14 s; steady 512 ms [497, 528]"},
					{At: step.Add(-time.Hour), GaveUp: true},
					{At: step.Add(-2 * time.Hour)},
				},
				Windows: []report.Capacity{{
					At: step, Verdict: "server_limited", Low: probe.Some(6.1), High: probe.Some(6.9), AskedRate: probe.Some(10.0), AchievedRate: probe.Some(6.5),
					P95: &report.Bounded{Value: 2.5, Low: 2.2, High: 2.9},
				}},
			},
			{Name: "sentiment", Task: "text-classification", Hours: calm},
			{Name: "blocked", Hours: []report.Hour{{Start: end.Add(-hour), Causes: map[report.Class]int64{blind: 4}}}},
			{Name: "new"},
		},
	})
}

// TestGolden holds every form of a report.
func TestGolden(t *testing.T) {
	for format, name := range map[report.Format]string{
		report.Text: "report.txt", report.Markdown: "report.md", report.HTML: "report.html", report.JSON: "report.json",
	} {
		var out bytes.Buffer
		if err := report.Write(&out, sample(), format); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join("testdata", name)
		if *update {
			if err := os.WriteFile(path, out.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), out.String()); diff != "" {
			t.Errorf("%s changed (-want +got):\n%s", name, diff)
		}
		if bytes.Contains(out.Bytes(), []byte("<3c4d>")) && format != report.JSON && format != report.Text {
			t.Errorf("%s holds a revision that is not escaped", name)
		}
		if bytes.Contains(out.Bytes(), []byte("NaN")) || bytes.Contains(out.Bytes(), []byte("Inf")) {
			t.Errorf("%s prints what is no number", name)
		}
	}
	if err := report.Write(&bytes.Buffer{}, sample(), "pdf"); err == nil || !strings.Contains(err.Error(), "text, markdown, html and json") {
		t.Errorf("an unknown format: %v", err)
	}
}

// TestJSONSurvives a round trip.
func TestJSONSurvives(t *testing.T) {
	want := sample()
	data, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var got report.Report
	if err := json.Unmarshal(data, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("a report does not survive JSON (-want +got):\n%s", diff)
	}
}

// TestHTMLLoadsNothing from anywhere.
func TestHTMLLoadsNothing(t *testing.T) {
	var out bytes.Buffer
	if err := report.Write(&out, sample(), report.HTML); err != nil {
		t.Fatal(err)
	}
	for _, word := range []string{"http://", "https://", "<script", "@import", "url("} {
		if strings.Contains(out.String(), word) {
			t.Errorf("the page holds %q", word)
		}
	}
	if n := strings.Count(out.String(), "<svg"); n != 3 {
		t.Errorf("the page has %d charts, want 3", n)
	}
}
