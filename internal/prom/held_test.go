package prom

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sys/unix"
)

// small mounts a file system of a few megabytes, where that is allowed.
func small(t *testing.T, size string) string {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size="+size); err != nil {
		t.Skipf("a small file system cannot be mounted here: %v", err)
	}
	t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
	return dir
}

// TestAFullDiskIsSeenPast: samples that cannot be written are held, queries and
// rules go on with them, and once there is room they are written, none missing.
func TestAFullDiskIsSeenPast(t *testing.T) {
	dir := small(t, "48m")
	db, err := Open(Options{Dir: filepath.Join(dir, "series")})
	if err != nil {
		t.Fatal(err)
	}
	reg := prometheus.NewRegistry()
	c := prometheus.NewCounter(prometheus.CounterOpts{Name: "c_total", Help: "C."})
	g := prometheus.NewGauge(prometheus.GaugeOpts{Name: "g", Help: "G."})
	h := prometheus.NewHistogram(prometheus.HistogramOpts{Name: "h", Help: "H.", NativeHistogramBucketFactor: 1.1})
	reg.MustRegister(c, g, h)
	rules, err := NewRules(db, []Rule{{Name: "High", Expr: "g > 1"}, {Name: "Moving", Expr: "rate(c_total[2m]) > 0"}}, RulesOptions{})
	if err != nil {
		t.Fatal(err)
	}
	begun := time.Now().Add(-30 * time.Minute).Truncate(time.Second)
	n := 0
	tick := func(value float64) error {
		c.Inc()
		g.Set(value)
		h.Observe(value)
		at := begun.Add(time.Duration(n) * 15 * time.Second)
		n++
		_, err := db.Append(t.Context(), at, gather(t, reg))
		found, evalErr := rules.Eval(t.Context(), at)
		if evalErr != nil {
			t.Errorf("tick %d: Eval() = %v", n, evalErr)
		}
		firing := map[string]bool{}
		for _, a := range found {
			firing[a.Rule] = a.State == StateFiring
		}
		if firing["High"] != (value > 1) || firing["Moving"] != (n > 1) {
			t.Errorf("tick %d with %v: firing %v", n, value, firing)
		}
		return err
	}
	for range 4 {
		if err := tick(0); err != nil {
			t.Fatal(err)
		}
	}
	filler := filepath.Join(dir, "filler")
	fill(t, filler)
	failed := 0
	for i := range 60 {
		value := float64(i%2) * 2 // An alert begins and ends while nothing is written.
		if err := tick(value); errors.Is(err, ErrHeld) {
			failed++
		} else if err != nil {
			t.Fatal(err)
		}
	}
	if failed < 30 || db.held.len() == 0 {
		t.Fatalf("%d of 60 ticks failed with %d samples held; the disk is not full", failed, db.held.len())
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	if err := tick(0); err != nil {
		t.Fatalf("with room again: %v", err)
	}
	if held := db.held.len(); held != 0 {
		t.Errorf("%d samples are still held", held)
	}
	want := func(db *DB, when string) {
		res, err := db.Query(t.Context(), "count_over_time(c_total[1h]) + 1000 * count_over_time(h[1h])", begun.Add(time.Duration(n)*15*time.Second))
		if err != nil || len(res.Series()) != 1 || res.Series()[0].Points[0].Value < float64(1001*n) {
			t.Errorf("%s: %v, %v, want %d samples of each", when, res.Series(), err, n)
		}
	}
	want(db, "at once")
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if db, err = Open(Options{Dir: filepath.Join(dir, "series")}); err != nil {
		t.Fatal(err)
	}
	want(db, "after a restart")
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

// fill takes all the room that is left.
func fill(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	for _, size := range []int{1 << 20, 4096, 1} {
		for err == nil {
			_, err = f.Write(make([]byte, size))
		}
		if !errors.Is(err, unix.ENOSPC) {
			t.Fatal(err)
		}
		err = nil
	}
}
