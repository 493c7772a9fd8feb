package prom

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// keep is a database that has run for the time given, with a sample of g and
// an increase of c every five minutes.
func keep(t *testing.T, opts Options, d time.Duration) (*DB, int) {
	t.Helper()
	db := open(t, opts)
	reg := prometheus.NewRegistry()
	c := counter("c_total")
	reg.MustRegister(gauge("g"), c)
	n := 0
	for end := time.Now().Add(d); time.Now().Before(end); n++ {
		time.Sleep(5 * time.Minute)
		c.Inc()
		add(t, db, time.Now(), reg)
	}
	return db, n
}

func TestNothingIsLostInCompaction(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		db, n := keep(t, Options{Dir: dir}, 26*time.Hour)
		synctest.Wait()
		// Of 26 hours the last two or three are in memory; the rest is in
		// blocks of 2, 6 and 18 hours, or would be in 12 of 2.
		if blocks := len(db.store.Blocks()); blocks < 2 || blocks > 6 {
			t.Fatalf("%d blocks after 26 hours, want the head compacted and its blocks merged", blocks)
		}
		if got := one(t, db, "count_over_time(g[27h])", time.Now()); got != float64(n) {
			t.Errorf("%v samples, want %d", got, n)
		}
		if got := one(t, db, "increase(c_total[26h])", time.Now()); got < float64(n)-1 || got > float64(n)+1 {
			t.Errorf("increase = %v, want %d within an interval", got, n)
		}
		late := prometheus.NewRegistry()
		late.MustRegister(gauge("late"))
		back := time.Now().Add(-23 * time.Hour)
		add(t, db, back, late)
		if got := count(t, db, "late", back); got != 1 {
			t.Errorf("a batch for a compacted time has %d series, want 1", got)
		}
	})
}

func TestRetentionDropsTheOldest(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		db, _ := keep(t, Options{Dir: dir, Retention: 12 * time.Hour}, 30*time.Hour)
		// Blocks are dropped whole, when they are reloaded.
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		got := one(t, db, "count_over_time(g[30h])", time.Now())
		if got < 12*12 || got > 17*12 {
			t.Errorf("%v samples kept, want those of 12 hours and of the blocks they reach into", got)
		}
	})
}

func TestWrongClockForHoursLosesNoHistory(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		origin := time.Now()
		db, before := keep(t, Options{Dir: dir}, 26*time.Hour)
		reg := prometheus.NewRegistry()
		reg.MustRegister(gauge("g"))
		clock := NewClock(db.Newest())
		hours := 0
		for i := range 12 * 10 {
			r := Read(origin)
			// From the first hour to the sixth the clock is 90 days ahead,
			// while a Date header says what it is.
			hint := Hint{r.Wall, r.Mono}
			if i >= 12 && i < 12*6 {
				r.Wall = r.Wall.Add(90 * 24 * time.Hour)
				hours++
			}
			var at time.Time
			at, clock, _ = clock.Stamp(r, hint)
			add(t, db, at, reg)
			time.Sleep(5 * time.Minute)
		}
		if hours != 60 {
			t.Fatalf("the clock was wrong at %d ticks, want 60", hours)
		}
		synctest.Wait()
		// The first tick of the second loop is the instant of the first's last.
		if got, want := one(t, db, "count_over_time(g[37h])", time.Now()), before+12*10-1; got != float64(want) {
			t.Errorf("%v samples, want all %d", got, want)
		}
	})
}
