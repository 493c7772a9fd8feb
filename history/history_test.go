package history_test

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/hfwatch/hfwatch/history"
	"github.com/hfwatch/hfwatch/probe"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// counts is an Observer that adds up.
type counts struct {
	mu              sync.Mutex
	written, failed int
	dropped         map[history.DropReason]int
}

func (c *counts) RecordsWritten(n int) { c.mu.Lock(); c.written += n; c.mu.Unlock() }
func (c *counts) RecordsFailed()       { c.mu.Lock(); c.failed++; c.mu.Unlock() }
func (c *counts) RecordsDropped(n int, reason history.DropReason) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.dropped == nil {
		c.dropped = map[history.DropReason]int{}
	}
	c.dropped[reason] += n
}

func (c *counts) get() (written, failed, full, stopped int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.written, c.failed, c.dropped[history.DropQueueFull], c.dropped[history.DropStopped]
}

func open(t *testing.T, o history.Options) *history.Records {
	t.Helper()
	if o.Path == "" {
		o.Path = filepath.Join(t.TempDir(), "records 100%.db")
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	r, err := history.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func result(n int, target string, c probe.Counts) probe.Result {
	due := time.Date(2026, 11, 1, 0, n, 0, 0, time.UTC)
	return probe.Result{
		Schema: 1, ID: probe.ID("l", target, probe.LaneBaseline, due, 0), Target: target, Location: "l", Task: "custom",
		Kind: probe.Baseline, Lane: probe.LaneBaseline, Outcome: probe.OK, Counts: c, Due: due,
		Service: probe.Measured(time.Duration(n) * time.Millisecond),
	}
}

// TestABatchIsWrittenWithinASecond and is there after a restart, once, however
// often it was recorded.
func TestABatchIsWrittenWithinASecond(t *testing.T) {
	path := filepath.Join(t.TempDir(), "records.db")
	synctest.Test(t, func(t *testing.T) {
		seen := &counts{}
		r := open(t, history.Options{Path: path, Observer: seen})
		for n := range 10 {
			r.Record(result(n, "a", probe.Good))
		}
		r.Record(result(3, "a", probe.Good))
		r.Record(result(7, "b", probe.Bad))
		time.Sleep(time.Second)
		synctest.Wait()
		if written, _, _, _ := seen.get(); written != 12 || r.Waiting() != 0 {
			t.Errorf("after a second %d results were written and %d wait, want 12 and 0", written, r.Waiting())
		}
		if err := r.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
	r := open(t, history.Options{Path: path})
	defer func() { _ = r.Close(t.Context()) }()
	got, err := r.Last(t.Context(), "a", "l", probe.Baseline, 3)
	if err != nil {
		t.Fatal(err)
	}
	want := []probe.Result{result(7, "a", probe.Good), result(8, "a", probe.Good), result(9, "a", probe.Good)}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Last(3) (-want +got):\n%s", diff)
	}
	all, err := r.Last(t.Context(), "a", "l", probe.Baseline, 100)
	if err != nil || len(all) != 10 {
		t.Errorf("Last(100) gave %d results, %v, want 10", len(all), err)
	}
}

// TestTimesOutliveResults keeps when a target was first and last seen.
func TestTimesOutliveResults(t *testing.T) {
	r := open(t, history.Options{})
	r.Record(result(1, "a", probe.Apart))
	r.Record(result(2, "a", probe.Good))
	r.Record(result(3, "a", probe.Bad))
	r.Record(result(4, "a", probe.Apart))
	manual := result(9, "a", probe.Good)
	manual.Kind = probe.Manual
	r.Record(manual)
	waitWritten(t, r)
	got, err := r.Times(t.Context(), "a", "l")
	if err != nil {
		t.Fatal(err)
	}
	minute := func(n int) time.Time { return time.Date(2026, 11, 1, 0, n, 0, 0, time.UTC) }
	if diff := cmp.Diff(history.Times{FirstSeen: minute(1), LastResult: minute(4), LastSuccess: minute(2)}, got); diff != "" {
		t.Errorf("Times() (-want +got):\n%s", diff)
	}
	if got, err := r.Times(t.Context(), "new", "l"); err != nil || got != (history.Times{}) {
		t.Errorf("Times() of an unknown target = %v, %v, want none", got, err)
	}
	if err := r.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// waitWritten waits until nothing waits to be written.
func waitWritten(t *testing.T, r *history.Records) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for r.Waiting() > 0 {
		select {
		case <-tick.C:
		case <-t.Context().Done():
			t.Fatal("the results were not written")
		}
	}
}

// TestADiskThatRefusesLosesNothing that fits the queue: results wait, the
// oldest beyond the bound are counted, and writing goes on by itself.
func TestADiskThatRefusesLosesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "records.db")
	synctest.Test(t, func(t *testing.T) {
		seen := &counts{}
		r := open(t, history.Options{Path: path, Observer: seen, Queue: 5})
		other, err := sql.Open("sqlite3", "file:"+path)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = other.Close() }()
		conn, err := other.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := conn.ExecContext(t.Context(), "BEGIN EXCLUSIVE"); err != nil {
			t.Fatal(err)
		}
		for n := range 8 {
			r.Record(result(n, "a", probe.Good))
		}
		time.Sleep(20 * time.Second)
		written, failed, full, _ := seen.get()
		if written != 0 || failed == 0 || full != 3 || r.Waiting() != 5 {
			t.Errorf("while refused: written %d, failed %d, dropped %d, waiting %d, want 0, some, 3, 5", written, failed, full, r.Waiting())
		}
		if _, err := conn.ExecContext(t.Context(), "ROLLBACK"); err != nil {
			t.Fatal(err)
		}
		if err := conn.Close(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(20 * time.Second)
		if written, _, _, _ := seen.get(); written != 5 || r.Waiting() != 0 {
			t.Errorf("afterwards: written %d, waiting %d, want 5, 0", written, r.Waiting())
		}
		if err := r.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
}

// TestCloseCountsWhatIsLost when the time to stop runs out.
func TestCloseCountsWhatIsLost(t *testing.T) {
	seen := &counts{}
	r := open(t, history.Options{Observer: seen})
	r.Record(result(1, "a", probe.Good))
	if err := r.Close(t.Context()); err != nil {
		t.Fatalf("Close() = %v", err)
	}
	if written, _, _, stopped := seen.get(); written != 1 || stopped != 0 {
		t.Errorf("Close() wrote %d and dropped %d, want 1 and 0", written, stopped)
	}
	r.Record(result(2, "a", probe.Good))
	if _, _, _, stopped := seen.get(); stopped != 1 {
		t.Errorf("a result after Close() moved the counter to %d, want 1", stopped)
	}
}

// TestRetention deletes by age and by size, and only what it must.
func TestRetention(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := open(t, history.Options{Retention: time.Hour})
		now := time.Now()
		for n := range 4 {
			res := result(n, "a", probe.Good)
			res.Due = now.Add(time.Duration(n-2) * 30 * time.Minute)
			r.Record(res)
		}
		time.Sleep(11 * time.Minute)
		left, err := r.Last(t.Context(), "a", "l", probe.Baseline, 10)
		if err != nil || len(left) != 3 {
			t.Errorf("after 11 minutes %d results are left, %v, want the 3 of the last hour", len(left), err)
		}
		if err := r.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		const bound = 1 << 20
		path := filepath.Join(t.TempDir(), "r.db")
		r := open(t, history.Options{Path: path, MaxBytes: bound, Queue: 5000})
		for n := range 4000 {
			// Good ones of such a flood would be sampled.
			res := result(n, "a", probe.Bad)
			res.Excerpt = strings.Repeat("x", 1000)
			r.Record(res)
		}
		time.Sleep(time.Hour)
		left, err := r.Last(t.Context(), "a", "l", probe.Baseline, 5000)
		if err != nil || len(left) == 0 || len(left) > 2000 || left[len(left)-1].ID != result(3999, "a", probe.Bad).ID {
			t.Errorf("%d results are left, %v, want some of the newest", len(left), err)
		}
		if err := r.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(path)
		if err != nil || info.Size() > 2*bound {
			t.Errorf("the file has %d bytes, %v, want about %d", info.Size(), err, bound)
		}
	})
}

// BenchmarkRecord is the cost to the probe path.
func BenchmarkRecord(b *testing.B) {
	r, err := history.Open(b.Context(), history.Options{
		Path: filepath.Join(b.TempDir(), "r.db"), Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		b.Fatal(err)
	}
	for n := 0; b.Loop(); n++ {
		res := result(n, fmt.Sprint(n%100), probe.Good)
		r.Record(res)
	}
	if err := r.Close(context.Background()); err != nil {
		b.Fatal(err)
	}
}
