package history_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
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

	"github.com/hfwatch/hfwatch/history"
	"github.com/hfwatch/hfwatch/probe"
)

// journal is what was logged.
type journal struct {
	mu   sync.Mutex
	text strings.Builder
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

// logged returns a logger and what it logged, without the time.
func logged() (*slog.Logger, *journal) {
	text := &journal{}
	return slog.New(slog.NewTextHandler(text, &slog.HandlerOptions{
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		},
	})), text
}

// count fails the test where the text does not hold a part so many times.
func count(t *testing.T, text *journal, part string, want int) {
	t.Helper()
	if got := strings.Count(text.String(), part); got != want {
		t.Errorf("%q was logged %d times, want %d:\n%s", part, got, want, text)
	}
}

// filled writes a file of records and returns its bytes.
func filled(t *testing.T, path string) []byte {
	t.Helper()
	r := open(t, history.Options{Path: path})
	for n := range 300 {
		r.Record(result(n, "old", probe.Good))
	}
	if err := r.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// TestFilesOfOthersAreRefused: those are the faults that no waiting mends.
func TestFilesOfOthersAreRefused(t *testing.T) {
	dir := t.TempDir()
	newer := filepath.Join(dir, "newer.db")
	db, err := sql.Open("sqlite3", "file:"+newer)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.ExecContext(t.Context(), "PRAGMA user_version = 99"); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		newer: "newer hfwatch (form 99, this one knows ", filepath.Join(dir, "none", "x.db"): "none does not exist",
		filepath.Join(newer, "x.db"): "is not a directory",
	} {
		_, err := history.Open(t.Context(), history.Options{Path: path, Logger: slog.New(slog.DiscardHandler)})
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), path) {
			t.Errorf("Open(%s) = %v, want %q and the path in it", path, err, want)
		}
	}
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = history.Open(canceled, history.Options{Path: filepath.Join(dir, "x.db"), Logger: slog.New(slog.DiscardHandler)})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("Open() of a canceled context = %v, want its error", err)
	}
}

// TestACorruptFileIsSetAside, with all its bytes, and a new one begun.
func TestACorruptFileIsSetAside(t *testing.T) {
	for _, row := range []struct {
		why      string
		spoil    func(good []byte) []byte
		wal, shm string
		taken    bool
		failed   int
	}{
		{why: "a file that is no database", spoil: func([]byte) []byte {
			return []byte(strings.Repeat("not a database ", 500))
		}},
		{
			why: "such a file with its log and index", wal: "the log", shm: "the index",
			spoil: func([]byte) []byte { return []byte(strings.Repeat("not a database ", 500)) },
		},
		{why: "a name that is taken", taken: true, spoil: func([]byte) []byte {
			return []byte(strings.Repeat("not a database ", 500))
		}},
		{why: "a file cut off", spoil: func(good []byte) []byte { return good[:len(good)/2] }},
		{why: "junk behind a good first page, which only writing finds", failed: 1, spoil: func(good []byte) []byte {
			return append(good[:4096:4096], bytes.Repeat([]byte{0xff}, len(good)-4096)...)
		}},
	} {
		t.Run(row.why, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "records.db")
			spoilt := row.spoil(filled(t, path))
			want := map[string]string{path + ".corrupt-20000101T000000Z": string(spoilt)}
			at := map[string]string{path: string(spoilt)}
			aside := path + ".corrupt-20000101T000000Z"
			switch {
			case row.wal != "":
				at[path+"-wal"], at[path+"-shm"] = row.wal, row.shm
				want[aside+"-wal"], want[aside+"-shm"] = row.wal, row.shm
			case row.taken:
				at[aside] = "an older one"
				want = map[string]string{aside: "an older one", aside + "-1": string(spoilt)}
				aside += "-1"
			case row.failed > 0:
				// The attempt of the first second failed.
				aside = path + ".corrupt-20000101T000002Z"
				want = map[string]string{aside: string(spoilt)}
			}
			for name, text := range at {
				if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			synctest.Test(t, func(t *testing.T) { begunAnew(t, path, aside, row.failed) })
			got := map[string]string{}
			names, err := filepath.Glob(path + ".corrupt-*")
			if err != nil {
				t.Fatal(err)
			}
			for _, name := range names {
				if row.wal == "" && (strings.HasSuffix(name, "-wal") || strings.HasSuffix(name, "-shm")) {
					continue // Those of the attempt to open it.
				}
				text, err := os.ReadFile(name)
				if err != nil {
					t.Fatal(err)
				}
				got[name] = string(text)
			}
			if !cmp.Equal(want, got) {
				for name, text := range got {
					t.Errorf("%s has %d bytes, want %d and the same", name, len(text), len(want[name]))
				}
				t.Errorf("%d files are set aside, want %d", len(got), len(want))
			}
		})
	}
}

// begunAnew opens a spoilt file, writes, and finds what it wrote and the log.
func begunAnew(t *testing.T, path, aside string, failed int) {
	t.Helper()
	logger, text := logged()
	seen := &counts{}
	r := open(t, history.Options{Path: path, Observer: seen, Logger: logger})
	r.Record(result(1, "new", probe.Good))
	time.Sleep(3 * time.Second)
	synctest.Wait()
	if written, fails, _, _ := seen.get(); written != 1 || fails != failed {
		t.Errorf("written %d, failed %d, want 1, %d:\n%s", written, fails, failed, text)
	}
	last, err := r.Last(t.Context(), "new", "l", probe.Baseline, 10)
	if err != nil || len(last) != 1 {
		t.Errorf("Last() gave %d results, %v, want the new one", len(last), err)
	}
	if old, err := r.Times(t.Context(), "old", "l"); err != nil || old != (history.Times{}) {
		t.Errorf("Times() of the old file = %v, %v, want none", old, err)
	}
	if err := r.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	count(t, text, fmt.Sprintf("level=ERROR msg=\"the file of records is corrupt; it was renamed and a new one is begun\" path=%s renamed=%s err=", path, aside), 1)
	count(t, text, "level=ERROR", 1+failed)
	count(t, text, "records are written again", failed)
}

// TestAFileThatCannotBeOpened stops nothing: results wait, the file is tried
// each second while they do, and all are written once it can be.
func TestAFileThatCannotBeOpened(t *testing.T) {
	path := filepath.Join(t.TempDir(), "records.db")
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		logger, text := logged()
		seen := &counts{}
		r := open(t, history.Options{Path: path, Observer: seen, Logger: logger, Queue: 5, Retention: time.Hour})
		time.Sleep(retention)
		if _, failed, _, _ := seen.get(); failed != 0 {
			t.Errorf("with nothing to write %d attempts failed, want 0", failed)
		}
		for n := range 7 {
			r.Record(result(n, "a", probe.Good))
		}
		time.Sleep(10*time.Second + time.Millisecond)
		synctest.Wait()
		written, failed, full, _ := seen.get()
		if written != 0 || failed != 10 || full != 2 || r.Waiting() != 5 {
			t.Errorf("after 10 s: written %d, failed %d, dropped %d, waiting %d, want 0, 10, 2, 5", written, failed, full, r.Waiting())
		}
		if _, err := r.Times(t.Context(), "a", "l"); !errors.Is(err, history.ErrUnavailable) || !strings.Contains(err.Error(), path) {
			t.Errorf("Times() = %v, want ErrUnavailable and the path", err)
		}
		if _, err := r.Last(t.Context(), "a", "l", probe.Baseline, 1); !errors.Is(err, history.ErrUnavailable) {
			t.Errorf("Last() = %v, want ErrUnavailable", err)
		}
		count(t, text, "level=ERROR msg=\"records cannot be opened; results wait in memory\" path="+path, 1)
		count(t, text, "level=", 1)
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if written, failed, _, _ := seen.get(); written != 5 || failed != 10 || r.Waiting() != 0 {
			t.Errorf("afterwards: written %d, failed %d, waiting %d, want 5, 10, 0", written, failed, r.Waiting())
		}
		count(t, text, "level=INFO msg=\"records are written again\" path="+path, 1)
		count(t, text, "level=", 2)
		if last, err := r.Last(t.Context(), "a", "l", probe.Baseline, 10); err != nil || len(last) != 5 {
			t.Errorf("Last() gave %d results, %v, want 5", len(last), err)
		}
		if err := r.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := r.Times(t.Context(), "a", "l"); !errors.Is(err, history.ErrClosed) {
			t.Errorf("Times() after Close() = %v, want ErrClosed", err)
		}
	})
}

// retention is longer than the writer waits until it deletes old records.
const retention = 11 * time.Minute

// TestCloseOfWhatWasNeverOpened counts what is lost, and says it.
func TestCloseOfWhatWasNeverOpened(t *testing.T) {
	seen := &counts{}
	r := open(t, history.Options{Path: t.TempDir(), Observer: seen})
	for n := range 3 {
		r.Record(result(n, "a", probe.Good))
	}
	err := r.Close(t.Context())
	if err == nil || !strings.Contains(err.Error(), "3 results were not written") {
		t.Errorf("Close() = %v, want an error of 3 results", err)
	}
	if written, failed, full, stopped := seen.get(); written != 0 || failed != 1 || full != 0 || stopped != 3 {
		t.Errorf("written %d, failed %d, dropped %d and %d, want 0, 1, 0 and 3", written, failed, full, stopped)
	}
	if err := r.Close(t.Context()); err != nil {
		t.Errorf("the second Close() = %v, want nil", err)
	}
}
