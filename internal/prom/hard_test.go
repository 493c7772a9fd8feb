package prom

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sys/unix"
)

// TestADeletedDirectoryIsNoticed at once: files that are open can still be
// written to, and nobody would ever read them.
func TestADeletedDirectoryIsNoticed(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "series")
	db, err := Open(Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	// What is gone cannot be closed in order.
	t.Cleanup(func() { _ = db.Close() })
	reg := prometheus.NewRegistry()
	reg.MustRegister(gauge("g"))
	begin := time.Now().Add(-time.Minute)
	add(t, db, begin, reg)
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	at := begin.Add(15 * time.Second)
	_, err = db.Append(t.Context(), at, gather(t, reg))
	if !errors.Is(err, ErrHeld) || !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), dir) {
		t.Errorf("Append() = %v, want it to say that %s is gone", err, dir)
	}
	if got := one(t, db, "g", at); got != 0 {
		t.Errorf("g = %v from memory, want 0", got)
	}
}

// TestACorruptLogKeepsWhatIsBeforeIt, and is written to again.
func TestACorruptLogKeepsWhatIsBeforeIt(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		db, n := keep(t, Options{Dir: dir}, time.Hour)
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		segment := filepath.Join(dir, "wal", "00000000")
		text, err := os.ReadFile(segment)
		if err != nil {
			t.Fatal(err)
		}
		used := len(strings.TrimRight(string(text), "\x00"))
		for i := used * 3 / 4; i < used*3/4+64; i++ {
			text[i] ^= 0xff
		}
		if err := os.WriteFile(segment, text, 0o600); err != nil {
			t.Fatal(err)
		}
		db = open(t, Options{Dir: dir})
		kept := one(t, db, "count_over_time(g[2h])", begin.Add(time.Hour))
		if kept < float64(n)/2 || kept >= float64(n) {
			t.Errorf("%v samples of %d, want those before the spoilt record", kept, n)
		}
		reg := prometheus.NewRegistry()
		reg.MustRegister(gauge("g"))
		time.Sleep(time.Minute)
		add(t, db, time.Now(), reg)
		if got := one(t, db, "count_over_time(g[2h])", time.Now()); got != kept+1 {
			t.Errorf("%v samples after another one, want %v", got, kept+1)
		}
	})
}

// TestAReadOnlyDirectoryIsNamed.
func TestAReadOnlyDirectoryIsNamed(t *testing.T) {
	dir := small(t, "1m")
	if err := unix.Mount("", dir, "", unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
		t.Skipf("cannot be made read-only here: %v", err)
	}
	_, err := Open(Options{Dir: filepath.Join(dir, "series")})
	if !errors.Is(err, unix.EROFS) || !strings.Contains(err.Error(), dir) {
		t.Errorf("Open() = %v, want it to name the read-only directory", err)
	}
}
