package journal

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/hfwatch/hfwatch/internal/disk"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// open opens a journal that is closed when the test ends.
func open(t *testing.T, o Options) *Journal {
	t.Helper()
	j, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = j.Close(context.WithoutCancel(t.Context())) })
	return j
}

// put puts and wants no error.
func put(t *testing.T, j *Journal, key, value string) {
	t.Helper()
	var raw json.RawMessage
	if value != "" {
		raw = json.RawMessage(value)
	}
	if err := j.Put(key, raw); err != nil {
		t.Fatal(err)
	}
}

// flush flushes and wants no error.
func flush(t *testing.T, j *Journal) {
	t.Helper()
	if err := j.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// want compares all values under a prefix.
func want(t *testing.T, j *Journal, prefix string, values map[string]string) {
	t.Helper()
	got := map[string]string{}
	for key, value := range j.All(prefix) {
		got[key] = string(value)
	}
	if !maps.Equal(got, values) {
		t.Errorf("All(%q) = %v, want %v", prefix, got, values)
	}
}

// TestWhatWasFlushedIsThereAfterAKill: the file is read by another while the
// first is still open, as after a kill -9.
func TestWhatWasFlushedIsThereAfterAKill(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state")
	j := open(t, Options{Path: path})
	put(t, j, "a/1", `{"n":1}`)
	put(t, j, "a/2", `2`)
	put(t, j, "b/1", `3`)
	flush(t, j)
	put(t, j, "a/1", `{"n":2}`)
	put(t, j, "a/2", "")
	flush(t, j)
	after := open(t, Options{Path: path})
	want(t, after, "a/", map[string]string{"1": `{"n":2}`})
	want(t, after, "b/", map[string]string{"1": "3"})
	if err := j.Put("c", json.RawMessage("{")); err == nil {
		t.Error("Put of what is no JSON = nil, want an error")
	}
	if err := j.Put("c", json.RawMessage(`"`+string(bytes.Repeat([]byte("x"), maxLine))+`"`)); err == nil {
		t.Error("Put of a value that is too long = nil, want an error")
	}
}

// TestACutAtAnyByte loses only states that were not whole yet: every prefix of
// the file is a state that once was, key by key.
func TestACutAtAnyByte(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state")
	j := open(t, Options{Path: path})
	for i := range 20 {
		put(t, j, fmt.Sprint("k", i%3), fmt.Sprint(i))
		flush(t, j)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for cut := range len(text) + 1 {
		values, damaged, err := read(t.Context(), bytes.NewReader(text[:cut]))
		if err != nil || damaged > 0 {
			t.Fatalf("cut at %d: %d damaged lines, %v", cut, damaged, err)
		}
		for key, value := range values {
			var n int
			if json.Unmarshal(value, &n) != nil || fmt.Sprint("k", n%3) != key {
				t.Fatalf("cut at %d: %s is %s", cut, key, value)
			}
		}
	}
}

// TestADamagedLineTakesNothingElse, and is said.
func TestADamagedLineTakesNothingElse(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state")
	j := open(t, Options{Path: path})
	for _, key := range []string{"a", "b", "c"} {
		put(t, j, key, `"`+key+`"`)
		flush(t, j)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	damaged := bytes.Replace(text, []byte(`"value":"b"`), []byte(`"value":"x"`), 1)
	if err := os.WriteFile(path, damaged, 0o600); err != nil {
		t.Fatal(err)
	}
	want(t, open(t, Options{Path: path}), "", map[string]string{"a": `"a"`, "c": `"c"`})
	newer, err := appendLine(nil, line{Schema: schema + 1})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, newer, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), Options{Path: path}); !errors.Is(err, errNewer) {
		t.Errorf("Open of a newer form = %v, want %v", err, errNewer)
	}
}

// TestTheFileIsBounded: history is thrown away, the values are kept.
func TestTheFileIsBounded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state")
	j := open(t, Options{Path: path})
	long := string(bytes.Repeat([]byte("x"), 10_000))
	for i := range 400 {
		put(t, j, fmt.Sprint("k", i%2), fmt.Sprintf(`"%d%s"`, i, long))
		flush(t, j)
	}
	if err := j.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Size() > 2*compactBytes {
		t.Errorf("the file has %d bytes, want at most %d", info.Size(), 2*compactBytes)
	}
	after := open(t, Options{Path: path})
	want(t, after, "", map[string]string{"k0": `"398` + long + `"`, "k1": `"399` + long + `"`})
}

// badFS is a file system whose writes fail while bad, after some bytes.
type badFS struct {
	disk.OS
	bad atomic.Bool
}

func (f *badFS) OpenFile(name string, flag int, perm os.FileMode) (disk.File, error) {
	file, err := f.OS.OpenFile(name, flag, perm)
	if err != nil {
		return nil, err
	}
	return &badFile{file, f}, nil
}

type badFile struct {
	disk.File
	fs *badFS
}

var errDisk = errors.New("no space left on device")

func (f *badFile) Write(p []byte) (int, error) {
	if f.fs.bad.Load() {
		n, _ := f.File.Write(p[:len(p)/2])
		return n, errDisk
	}
	return f.File.Write(p)
}

// TestADiskThatFailsIsTriedAgain: nobody waits for it, each failure is counted,
// and what changed meanwhile is written once it works.
func TestADiskThatFailsIsTriedAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state")
	synctest.Test(t, func(t *testing.T) {
		disk, failures := &badFS{}, atomic.Int64{}
		j := open(t, Options{Path: path, FS: disk, Failed: func() { failures.Add(1) }})
		put(t, j, "a", "1")
		flush(t, j)
		disk.bad.Store(true)
		put(t, j, "a", "2")
		if err := j.Flush(t.Context()); !errors.Is(err, errDisk) {
			t.Errorf("Flush() = %v, want %v", err, errDisk)
		}
		put(t, j, "a", "")
		put(t, j, "b", "3")
		begun := time.Now()
		if err := j.Flush(t.Context()); !errors.Is(err, errDisk) || time.Since(begun) > 0 {
			t.Errorf("Flush() of a failing disk = %v after %v, want the failure at once", err, time.Since(begun))
		}
		time.Sleep(10 * time.Second)
		synctest.Wait()
		// At once, and 1, 2, 4 seconds later each.
		if got := failures.Load(); got != 4 {
			t.Errorf("%d failures in ten seconds, want 4", got)
		}
		disk.bad.Store(false)
		time.Sleep(retryMost)
		flush(t, j)
		want(t, open(t, Options{Path: path}), "", map[string]string{"b": "3"})
	})
}

// TestConcurrentPuts end in the last value of each key.
func TestConcurrentPuts(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state")
	j := open(t, Options{Path: path})
	var all sync.WaitGroup
	for g := range 4 {
		all.Go(func() {
			for i := range 200 {
				_ = j.Put(fmt.Sprint(g), json.RawMessage(fmt.Sprint(i)))
				if rand.IntN(20) == 0 {
					_ = j.Flush(t.Context())
				}
			}
		})
	}
	all.Wait()
	if err := j.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := j.Flush(t.Context()); err != nil {
		t.Errorf("Flush() after Close = %v, want nil where nothing is left", err)
	}
	after := open(t, Options{Path: path})
	if got := slices.Sorted(maps.Keys(after.All(""))); len(got) != 4 {
		t.Fatalf("%d keys, want 4", len(got))
	}
	want(t, after, "", map[string]string{"0": "199", "1": "199", "2": "199", "3": "199"})
}

// FuzzRead: no bytes make reading panic or fail, but for a newer form.
func FuzzRead(f *testing.F) {
	text, _ := appendLine(nil, line{Schema: schema})
	text, _ = appendLine(text, line{Key: "a", Value: json.RawMessage("1")})
	f.Add(text)
	f.Add([]byte("00000000 {}\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if _, _, err := read(t.Context(), bytes.NewReader(text)); err != nil && !errors.Is(err, errNewer) {
			t.Error(err)
		}
	})
}
