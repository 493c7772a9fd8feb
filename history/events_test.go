package history_test

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hfwatch/hfwatch/history"
	"github.com/hfwatch/hfwatch/probe"
)

func event(id string, kind history.EventKind, minute int, target string) history.Event {
	return history.Event{
		ID: id, Kind: kind, At: time.Date(2026, 11, 1, 0, minute, 0, 0, time.UTC), Target: target, Location: "l",
		Data: json.RawMessage(fmt.Sprintf(`{"of":%q}`, id)),
	}
}

func ids(events []history.Event) string {
	var out []string
	for _, e := range events {
		out = append(out, e.ID)
	}
	return strings.Join(out, " ")
}

// TestEvents are there after a restart, whole, and found by what is asked for.
func TestEvents(t *testing.T) {
	path := filepath.Join(t.TempDir(), "records.db")
	seen := &counts{}
	r := open(t, history.Options{Path: path, Observer: seen})
	nowhere := event("clock", history.KindClock, 5, "")
	nowhere.Data = nil
	for _, e := range []history.Event{
		event("w1", history.KindWindow, 1, "a"), event("w2", history.KindWindow, 2, "b"), event("e1", history.KindEpisode, 3, "a"),
		event("r1", history.KindReload, 4, ""), nowhere,
	} {
		r.RecordEvent(e)
	}
	if err := r.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if written, _, _, _ := seen.get(); written != 5 {
		t.Errorf("%d events were written, want 5", written)
	}
	r = open(t, history.Options{Path: path})
	defer func() { _ = r.Close(t.Context()) }()
	minute := func(n int) time.Time { return time.Date(2026, 11, 1, 0, n, 0, 0, time.UTC) }
	for _, row := range []struct {
		why  string
		ask  history.EventQuery
		want string
	}{
		{"all", history.EventQuery{}, "clock r1 e1 w2 w1"},
		{"the newest", history.EventQuery{Limit: 2}, "clock r1"},
		{"two kinds", history.EventQuery{Kinds: []history.EventKind{history.KindWindow, history.KindEpisode}}, "e1 w2 w1"},
		{"a target", history.EventQuery{Target: "a"}, "e1 w1"},
		{"a target and a kind", history.EventQuery{Target: "a", Kinds: []history.EventKind{history.KindWindow}}, "w1"},
		{"another location", history.EventQuery{Location: "m"}, ""},
		{"a time, whose end is not in it", history.EventQuery{From: minute(2), To: minute(4)}, "e1 w2"},
	} {
		got, err := r.Events(t.Context(), row.ask)
		if err != nil || ids(got) != row.want {
			t.Errorf("%s: %q, %v, want %q", row.why, ids(got), err, row.want)
		}
	}
	got, err := r.Events(t.Context(), history.EventQuery{Kinds: []history.EventKind{history.KindClock, history.KindEpisode}})
	if diff := cmp.Diff([]history.Event{nowhere, event("e1", history.KindEpisode, 3, "a")}, got); diff != "" || err != nil {
		t.Errorf("Events() %v (-want +got):\n%s", err, diff)
	}
}

// TestTheLastOfAnEventIsKept however many of them wait at once, and each
// writing counts.
func TestTheLastOfAnEventIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		seen := &counts{}
		r := open(t, history.Options{Observer: seen})
		r.RecordEvent(event("w", history.KindWindow, 1, "a"))
		r.RecordEvent(event("x", history.KindWindow, 2, "a"))
		last := event("w", history.KindWindow, 3, "b")
		last.Data = json.RawMessage(`{"ended":true}`)
		r.RecordEvent(last)
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if written, _, _, _ := seen.get(); written != 3 || r.Waiting() != 0 {
			t.Errorf("written %d, waiting %d, want 3 and 0", written, r.Waiting())
		}
		got, err := r.Events(t.Context(), history.EventQuery{})
		if diff := cmp.Diff([]history.Event{last, event("x", history.KindWindow, 2, "a")}, got); diff != "" || err != nil {
			t.Errorf("Events() %v (-want +got):\n%s", err, diff)
		}
		if err := r.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
}

// TestAnEventThatCannotBeRecorded is counted and logged, and stops nothing.
func TestAnEventThatCannotBeRecorded(t *testing.T) {
	for _, row := range []struct {
		why   string
		spoil func(*history.Event)
		says  string
	}{
		{"no id", func(e *history.Event) { e.ID = "" }, "it has no id"},
		{"an unknown kind", func(e *history.Event) { e.Kind = "party" }, "none of the closed set"},
		{"no time", func(e *history.Event) { e.At = time.Time{} }, "it has no time"},
		{"no JSON", func(e *history.Event) { e.Data = json.RawMessage("{") }, "not JSON"},
		{"too much", func(e *history.Event) {
			e.Data = json.RawMessage(`"` + strings.Repeat("x", history.MaxEvent) + `"`)
		}, "1048578 bytes and 1048576 are allowed"},
	} {
		logger, text := logged()
		seen := &counts{}
		r := open(t, history.Options{Observer: seen, Logger: logger})
		e := event("e", history.KindDrift, 1, "a")
		row.spoil(&e)
		r.RecordEvent(e)
		r.RecordEvent(event("good", history.KindDrift, 1, "a"))
		if err := r.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		written, _, _, _ := seen.get()
		if dropped := seen.dropped[history.DropInvalid]; written != 1 || dropped != 1 || !strings.Contains(text.String(), row.says) {
			t.Errorf("%s: written %d, dropped %d, logged %s, want 1, 1 and %q", row.why, written, dropped, text, row.says)
		}
	}
}

// TestWhatWaitsIsBoundedInBytes too: the oldest go.
func TestWhatWaitsIsBoundedInBytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		seen := &counts{}
		r := open(t, history.Options{Observer: seen})
		for n := range 70 {
			e := event(fmt.Sprint(n), history.KindWindow, n, "a")
			e.Data = json.RawMessage(`"` + strings.Repeat("x", history.MaxEvent-2) + `"`)
			r.RecordEvent(e)
		}
		if _, _, full, _ := seen.get(); full != 6 || r.Waiting() != 64 {
			t.Errorf("dropped %d, waiting %d, want 6 and 64", full, r.Waiting())
		}
		if err := r.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
}

// TestEventsAreRetained by age.
func TestEventsAreRetained(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := open(t, history.Options{Retention: time.Hour})
		for n := range 4 {
			e := event(fmt.Sprint(n), history.KindAlert, 0, "a")
			e.At = time.Now().Add(time.Duration(n-2) * 30 * time.Minute)
			r.RecordEvent(e)
		}
		time.Sleep(retention)
		left, err := r.Events(t.Context(), history.EventQuery{})
		if err != nil || ids(left) != "3 2 1" {
			t.Errorf("after 11 minutes %q are left, %v, want the 3 of the last hour", ids(left), err)
		}
		if err := r.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
}

// TestAFileOfTheFirstForm is brought up to date, and nothing in it is lost.
func TestAFileOfTheFirstForm(t *testing.T) {
	path := filepath.Join(t.TempDir(), "records.db")
	r := open(t, history.Options{Path: path})
	for n := range 10 {
		r.Record(result(n, "a", probe.Good))
	}
	if err := r.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	execute(t, path, `DROP TABLE events; DROP TABLE hours; DROP INDEX results_by_counts; DROP TABLE unrolled; PRAGMA user_version = 1`)
	r, err := history.Open(t.Context(), history.Options{Path: path, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close(t.Context()) }()
	if last, err := r.Last(t.Context(), "a", "l", probe.Baseline, 20); err != nil || len(last) != 10 {
		t.Errorf("Last() gave %d results, %v, want 10", len(last), err)
	}
	if _, err := r.Events(t.Context(), history.EventQuery{}); err != nil {
		t.Errorf("Events() = %v, want none and no error", err)
	}
	if hours, err := r.Hours(t.Context(), history.HourQuery{Target: "a"}); err != nil || len(hours) != 1 || hours[0].Results != 10 {
		t.Errorf("Hours() = %+v, %v, want one with all 10 results", hours, err)
	}
}

// execute changes a file of records from outside.
func execute(t *testing.T, path, statements string) {
	t.Helper()
	db, err := sql.Open("sqlite3", "file:"+path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	if _, err := db.ExecContext(t.Context(), statements); err != nil {
		t.Fatal(err)
	}
}
