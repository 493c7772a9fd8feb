package history_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/hfwatch/hfwatch/history"
	"github.com/hfwatch/hfwatch/probe"
)

// timed returns a result with everything that an hour adds up.
func timed(n int, c probe.Counts, took time.Duration) probe.Result {
	r := result(n, "a", c)
	r.ParamsHash, r.Provider, r.TokensSource = "p", "cerebras", probe.TokensUsage
	r.Response, r.Service, r.FirstToken = probe.Measured(took), probe.Measured(took-time.Millisecond), probe.Measured(took/2)
	r.TokensIn, r.TokensOut, r.CostUSD = probe.Some(3), probe.Some(7), probe.Some(0.25)
	r.Outcome, r.Fault = probe.OK, probe.FaultNone
	if c == probe.Bad {
		r.Outcome, r.Fault, r.Censored = probe.ServerError, probe.FaultTarget, true
	}
	return r
}

// TestHoursAddUp: an hour holds every result once, and both clocks apart for
// good and bad ones.
func TestHoursAddUp(t *testing.T) {
	path := filepath.Join(t.TempDir(), "r.db")
	r := open(t, history.Options{Path: path})
	for n := range 60 {
		r.Record(timed(n, probe.Good, time.Duration(100+n)*time.Millisecond))
	}
	r.Record(timed(7, probe.Good, 107*time.Millisecond)) // Again.
	if err := r.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	// Another process goes on with the same hour, and begins the next.
	r = open(t, history.Options{Path: path})
	defer func() { _ = r.Close(t.Context()) }()
	bad := timed(30, probe.Bad, 30*time.Second)
	bad.ID = "bad"
	r.Record(bad)
	apart := timed(31, probe.Apart, time.Second)
	apart.ID, apart.Outcome, apart.Fault = "apart", probe.Billing, probe.FaultAccount
	r.Record(apart)
	r.Record(timed(59, probe.Good, 159*time.Millisecond)) // Again, after a restart.
	r.Record(timed(60, probe.Good, time.Second))
	waitWritten(t, r)
	got, err := r.Hours(t.Context(), history.HourQuery{Target: "a", Location: "l", Kinds: []probe.Kind{probe.Baseline}})
	if err != nil || len(got) != 2 {
		t.Fatalf("Hours() gave %d hours, %v, want 2", len(got), err)
	}
	want := history.Hour{
		Target: "a", Location: "l", Kind: probe.Baseline, Start: time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC), Params: "p",
		Results: 62, Priced: 62, TokensIn: 3 * 62, TokensOut: 7 * 62, CostUSD: 15.5,
		Causes: []history.Cause{
			{Outcome: probe.Billing, Fault: probe.FaultAccount, Counts: probe.Apart, N: 1},
			{Outcome: probe.OK, Fault: probe.FaultNone, Counts: probe.Good, N: 60},
			{Outcome: probe.ServerError, Fault: probe.FaultTarget, Counts: probe.Bad, N: 1},
		},
		Facets: map[string]map[string]int64{"provider": {"cerebras": 62}, "tokens_source": {"usage": 62}},
	}
	if diff := cmp.Diff(want, got[0], cmpopts.IgnoreFields(history.Hour{}, "Spreads")); diff != "" {
		t.Errorf("the hour (-want +got):\n%s", diff)
	}
	response := got[0].Spreads[history.SignalResponse]
	for _, q := range []struct {
		percent float64
		want    time.Duration
	}{{50, 129 * time.Millisecond}, {95, 156 * time.Millisecond}, {100, 159 * time.Millisecond}} {
		value := time.Duration(response.OK.ValueAtPercentile(q.percent)) * time.Microsecond
		if diff := value - q.want; diff < 0 || diff > q.want/1000 {
			t.Errorf("p%v of response = %v, want %v and a thousandth at most", q.percent, value, q.want)
		}
	}
	if response.OK.TotalCount() != 60 || response.Failed.TotalCount() != 1 || response.Failed.Max() < 30_000_000 {
		t.Errorf("response has %d good and %d bad, want 60 and 1", response.OK.TotalCount(), response.Failed.TotalCount())
	}
	if n := got[0].Spreads[history.SignalService].OK.TotalCount(); n != 60 {
		t.Errorf("service has %d, want 60", n)
	}
	if _, ok := got[0].Spreads[history.SignalTPOT]; ok {
		t.Error("TPOT is there and was not measured")
	}
	only, err := r.Hours(t.Context(), history.HourQuery{From: got[1].Start, Signals: []history.Signal{history.SignalFirstToken}})
	if err != nil || len(only) != 1 || len(only[0].Spreads) != 1 || only[0].Results != 1 {
		t.Errorf("Hours() from the second on gave %+v, %v, want one with one spread", only, err)
	}
	if err := got[0].Merge(got[1]); err != nil {
		t.Fatal(err)
	}
	if n := got[0].Spreads[history.SignalResponse].OK.TotalCount(); n != 61 || got[0].Results != 63 || got[0].Causes[1].N != 61 {
		t.Errorf("merged: %d values, %d results, %v", n, got[0].Results, got[0].Causes)
	}
}

// TestAFloodIsSampled: of more than 20 results a second good ones are counted
// in their hours alone, bad ones are all kept, and baselines do not suffer.
func TestAFloodIsSampled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := open(t, history.Options{})
		const seconds, rate = 120, 100
		n := 0
		flood := func(i int) probe.Result {
			res := result(0, "a", probe.Good)
			res.Kind, res.ID = probe.WindowKind, probe.ID("l", "a", probe.LaneWindow, time.Time{}, uint64(i))
			if i%10 == 0 {
				res.Counts = probe.Bad
			}
			return res
		}
		for range seconds {
			for range rate {
				r.Record(flood(n))
				n++
			}
			r.Record(result(n/rate, "a", probe.Good))
			time.Sleep(time.Second)
		}
		r.Record(flood(n - 1)) // Again: it was sampled, and counts once.
		time.Sleep(2 * time.Second)
		baseline, err := r.Last(t.Context(), "a", "l", probe.Baseline, seconds*2)
		if err != nil || len(baseline) != seconds {
			t.Errorf("%d baselines are kept, %v, want %d", len(baseline), err, seconds)
		}
		kept, err := r.Last(t.Context(), "a", "l", probe.WindowKind, seconds*rate)
		bad := 0
		for _, res := range kept {
			if res.Counts == probe.Bad {
				bad++
			}
		}
		if most := 600 + 20*seconds + seconds*rate/10; err != nil || bad != seconds*rate/10 || len(kept) > most || len(kept) < 2000 {
			t.Errorf("%d results are kept, %d of them bad, %v, want at most %d and %d", len(kept), bad, err, most, seconds*rate/10)
		}
		hours, err := r.Hours(t.Context(), history.HourQuery{Kinds: []probe.Kind{probe.WindowKind}})
		if err != nil || len(hours) != 1 || hours[0].Results != seconds*rate || hours[0].Sampled != int64(seconds*rate-len(kept)) {
			t.Errorf("the hour has %+v, %v, want %d results", hours, err, seconds*rate)
		}
		if err := r.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
}

// TestHoursComeInChunks and none is missing or twice.
func TestHoursComeInChunks(t *testing.T) {
	r := open(t, history.Options{})
	defer func() { _ = r.Close(t.Context()) }()
	const hours = 450
	for n := range hours {
		r.Record(result(n*60, "a", probe.Good))
	}
	waitWritten(t, r)
	last := time.Time{}
	n := 0
	err := r.EachHour(t.Context(), history.HourQuery{}, func(h history.Hour) error {
		if !h.Start.After(last) || h.Results != 1 {
			t.Errorf("hour %d begins at %v with %d results, after %v", n, h.Start, h.Results, last)
		}
		last = h.Start
		n++
		return nil
	})
	if err != nil || n != hours {
		t.Errorf("EachHour() gave %d hours, %v, want %d", n, err, hours)
	}
}

// TestAFullFileLosesGoodResultsFirst: failures outlive them, and hours are
// there to the end.
func TestAFullFileLosesGoodResultsFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := open(t, history.Options{MaxBytes: 1 << 20, Queue: 5000})
		const many = 2000
		begun := time.Now()
		for n := range many {
			res := result(n, "a", probe.Good)
			res.Due = begun.Add(time.Duration(n) * 100 * time.Millisecond)
			res.Excerpt = strings.Repeat("x", 300)
			if n%10 == 0 {
				res.Counts = probe.Bad
			}
			r.Record(res)
			time.Sleep(100 * time.Millisecond)
		}
		time.Sleep(time.Hour)
		left, err := r.Last(t.Context(), "a", "l", probe.Baseline, many)
		bad := 0
		for _, res := range left {
			if res.Counts == probe.Bad {
				bad++
			}
		}
		if err != nil || bad != many/10 || len(left) == many || len(left) == bad {
			t.Errorf("%d results are left, %d of them bad, %v, want some and %d", len(left), bad, err, many/10)
		}
		hours, err := r.Hours(t.Context(), history.HourQuery{})
		if err != nil || len(hours) != 1 || hours[0].Results != many {
			t.Errorf("hours %+v, %v, want one of %d results", hours, err, many)
		}
		if err := r.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
}

// TestHoursAreCompleteAfterACrash: what was committed and not yet added to its
// hour is added after the next start, once, sampled or not.
func TestHoursAreCompleteAfterACrash(t *testing.T) {
	path := filepath.Join(t.TempDir(), "records.db")
	copied := filepath.Join(t.TempDir(), "crashed.db")
	synctest.Test(t, func(t *testing.T) {
		r := open(t, history.Options{Path: path})
		record := func(from, to int) {
			for n := from; n < to; n++ {
				res := result(n%60, "a", probe.Good)
				res.ID = fmt.Sprint(n)
				r.Record(res)
			}
		}
		record(0, 1000)
		time.Sleep(2 * time.Minute) // in their hours, in the part that is sampled too
		record(500, 2000)           // half of them again
		time.Sleep(3 * time.Second) // committed, and in no hour
		execute(t, path, "VACUUM INTO '"+copied+"'")
		if err := r.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, file := range []string{copied, path} {
			r := open(t, history.Options{Path: file})
			hours, err := r.Hours(t.Context(), history.HourQuery{Target: "a"})
			if err != nil || len(hours) != 1 || hours[0].Results != 2000 || hours[0].Sampled == 0 {
				t.Errorf("%s: hours %+v, %v; want one with 2000 results, some sampled", filepath.Base(file), hours, err)
			}
			if err := r.Close(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	})
}
