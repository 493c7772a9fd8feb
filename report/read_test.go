package report_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hfwatch/hfwatch/history"
	"github.com/hfwatch/hfwatch/load"
	"github.com/hfwatch/hfwatch/probe"
	"github.com/hfwatch/hfwatch/report"
)

// TestReadTellsWhatTheRecordsHold, from results and events to a report's
// numbers.
func TestReadTellsWhatTheRecordsHold(t *testing.T) {
	path := filepath.Join(t.TempDir(), "records.db")
	synctest.Test(t, func(t *testing.T) {
		records, err := history.Open(t.Context(), history.Options{Path: path, Logger: slog.New(slog.DiscardHandler), Queue: 100_000})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(61 * time.Second)
		for i := range 336 * 2 {
			due := end.Add(time.Duration(i-672) * 30 * time.Minute)
			records.Record(probe.Result{
				Schema: probe.ResultSchema, ID: fmt.Sprint(i), Target: "a", Location: "here", Kind: probe.Baseline, Due: due, Outcome: probe.OK,
				Fault: probe.FaultNone, Counts: probe.Good, Response: probe.Measured(500 * time.Millisecond), InputSet: "i", ParamsHash: "p",
				TokensIn: probe.Some(1), TokensOut: probe.Some(2), CostUSD: probe.Some(0.5),
			})
		}
		records.Record(probe.Result{
			Schema: probe.ResultSchema, ID: "by hand", Target: "a", Location: "here", Kind: probe.Manual, Due: end.Add(-time.Hour), Outcome: probe.ServerError,
			Fault: probe.FaultTarget, Counts: probe.Bad, Response: probe.Measured(30 * time.Second), TokensIn: probe.Some(1),
		})
		event := func(id string, kind history.EventKind, target string, before time.Duration, data any) {
			text, err := json.Marshal(data)
			if err != nil {
				t.Fatal(err)
			}
			records.RecordEvent(history.Event{ID: id, Kind: kind, At: end.Add(-before), Target: target, Location: "here", Data: text})
		}
		window := load.Window{Schema: load.WindowSchema, Target: "a", Verdict: "complete"}
		window.AskedRate, window.AchievedRate = probe.Some(10.0), probe.Some(9.5)
		window.Capacity = &load.Capacity{RateLow: 6, RateHigh: 7}
		event("w", history.KindWindow, "a", 2*time.Hour, window)
		event("e", history.KindEpisode, "a", 3*time.Hour, map[string]any{"first_answer_seconds": 20, "warm_up": map[string]any{"seconds": 14}, "words": "1 cold request (20 s)"})
		// Whether the model would have answered is known of the first of these alone.
		event("e2", history.KindEpisode, "a", 9*time.Hour, map[string]any{"end": "gave_up", "words": "no valid answer"})
		event("e3", history.KindEpisode, "a", 10*time.Hour, map[string]any{"end": "steady", "late": true})
		event("e4", history.KindEpisode, "a", 11*time.Hour, map[string]any{"end": "interrupted"})
		event("e5", history.KindEpisode, "a", 12*time.Hour, map[string]any{"words": "under way"})
		event("e6", history.KindEpisode, "a", 13*time.Hour, map[string]any{"end": "stopped"})
		event("d", history.KindDrift, "a", 4*time.Hour, map[string]any{"what": "revision", "before": "x", "after": "y"})
		event("bad", history.KindDrift, "a", 5*time.Hour, "no object")
		event("health", history.KindDrift, "a", 3*time.Hour, map[string]any{"what": "health_lies", "state": "began"})
		event("other", history.KindDrift, "b", 4*time.Hour, map[string]any{"what": "shape"})
		for i, v := range []string{"v1", "v1", "v2"} {
			event(fmt.Sprint("r", i), history.KindReload, "", time.Duration(10-i)*time.Hour, map[string]any{"ok": true, "version": v})
		}
		time.Sleep(2 * time.Minute)

		data, err := report.Read(t.Context(), records, report.Query{
			Location: "here", To: end, Since: 28 * 24 * time.Hour, Targets: []report.Subject{{Name: "a", Task: "custom"}},
		})
		if err != nil {
			t.Fatal(err)
		}
		got := report.Build(data).Targets[0]
		if got.Signals[0].N != 336 || got.Signals[0].WeekAgo.Verdict != report.Same {
			t.Errorf("response time: %+v", got.Signals[0])
		}
		if v := got.Signals[0].ThisWeek.P50; v == nil || v.Value < 0.4995 || v.Value > 0.5005 {
			t.Errorf("median %+v, want 0.5 to a bucket's width", v)
		}
		want := report.Money{Requests: 673, TokensIn: 673, TokensOut: 1344, USD: 336, Priced: 672}
		if diff := cmp.Diff(want, got.Money); diff != "" {
			t.Errorf("money (-want +got):\n%s", diff)
		}
		if e := got.Errors.ThisWeek; e.Good != 336 || e.Bad != 0 {
			t.Errorf("this week %+v; a probe by hand must not enter", e)
		}
		if diff := cmp.Diff([]report.Change{
			{At: end.Add(-8 * time.Hour), What: "version of hfwatch", Before: "v1", After: "v2"},
			{At: end.Add(-4 * time.Hour), What: "revision", Before: "x", After: "y"},
			{At: end.Add(-3 * time.Hour), What: "health_lies", After: "began"},
		}, got.Changes); diff != "" {
			t.Errorf("changes (-want +got):\n%s", diff)
		}
		if c := got.ColdStarts; c == nil || c.N != 6 || c.GaveUp != 1 || c.Median != probe.Some(20.0) || c.WarmUp != probe.Some(14.0) || c.Last != "1 cold request (20 s)" {
			t.Errorf("cold starts %+v", c)
		}
		if c := got.Capacity; len(c) != 1 || c[0].Low != probe.Some(6.0) || c[0].High != probe.Some(7.0) || c[0].AchievedRate != probe.Some(9.5) {
			t.Errorf("capacity %+v", c)
		}
		if len(data.Notes) != 1 {
			t.Errorf("notes %q, want one on the record that is no change", data.Notes)
		}
		if err := records.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := report.Read(t.Context(), records, report.Query{To: end}); !errors.Is(err, history.ErrClosed) {
			t.Errorf("of closed records: %v", err)
		}
	})
}

var _ report.Source = (*history.Records)(nil)
