package history_test

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hfwatch/hfwatch/history"
	"github.com/hfwatch/hfwatch/probe"
)

// TestFlush does not wait for the batch's second, and what was recorded before it
// is committed.
func TestFlush(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		seen := &counts{}
		r := open(t, history.Options{Path: dir + "/records.db", Observer: seen})
		begun := time.Now()
		for n := range 600 {
			r.Record(result(n, "a", probe.Good))
		}
		if err := r.Flush(t.Context()); err != nil || time.Since(begun) != 0 {
			t.Errorf("Flush() = %v after %v, want nil at once", err, time.Since(begun))
		}
		if written, _, _, _ := seen.get(); written != 600 {
			t.Errorf("%d results were written, want 600", written)
		}
		if err := r.Flush(t.Context()); err != nil {
			t.Errorf("Flush() of nothing = %v", err)
		}
		if err := r.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		r.Record(result(0, "late", probe.Good))
		if err := r.Flush(t.Context()); err != nil {
			t.Errorf("Flush() after Close, where nothing waits, = %v", err)
		}
	})
}

// TestFlushOfADiskThatFails says so at once, or when the time it is given is
// over; what waited is there once the disk works again.
func TestFlushOfADiskThatFails(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		r := open(t, history.Options{Path: dir + "/records.db"})
		other, err := sql.Open("sqlite3", "file:"+dir+"/records.db")
		if err != nil {
			t.Fatal(err)
		}
		// Waiting for a lock would take real time, a trigger that refuses takes none.
		if _, err := other.ExecContext(t.Context(), "CREATE TRIGGER full BEFORE INSERT ON results BEGIN SELECT RAISE(ABORT, 'the disk is full'); END"); err != nil {
			t.Fatal(err)
		}
		r.Record(result(0, "a", probe.Good))
		for range 2 {
			if err := r.Flush(t.Context()); err == nil || !strings.Contains(err.Error(), "the disk is full") {
				t.Errorf("Flush() = %v, want why it cannot be written", err)
			}
		}
		if _, err := other.ExecContext(t.Context(), "DROP TRIGGER full"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		last, err := r.Last(t.Context(), "a", "l", probe.Baseline, 10)
		if err != nil || len(last) != 1 {
			t.Errorf("%d results are there, %v, want the one that waited", len(last), err)
		}
		if err := r.Flush(t.Context()); err != nil {
			t.Errorf("Flush() of a disk that works again = %v", err)
		}
		over, cancel := context.WithCancelCause(t.Context())
		noTime := errors.New("no time")
		cancel(noTime)
		r.Record(result(1, "a", probe.Good))
		if err := r.Flush(over); !errors.Is(err, noTime) {
			t.Errorf("Flush() without time = %v, want %v", err, noTime)
		}
		if err := errors.Join(other.Close(), r.Close(t.Context())); err != nil {
			t.Fatal(err)
		}
	})
}
