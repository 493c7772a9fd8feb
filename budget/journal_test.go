package budget

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hfwatch/hfwatch/internal/disk"
)

// faultyFS is the machine's file system with room for so many more bytes, and
// with faults. It counts calls.
type faultyFS struct {
	disk.OS
	mu       sync.Mutex
	room     int
	syncErr  error
	denied   error
	writes   int
	syncs    int
	replaced int
}

func (f *faultyFS) OpenFile(name string, flag int, perm os.FileMode) (disk.File, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.denied != nil && flag&os.O_CREATE != 0 {
		return nil, f.denied
	}
	file, err := f.OS.OpenFile(name, flag, perm)
	if err != nil {
		return nil, err
	}
	return &faultyFile{file, f}, nil
}

func (f *faultyFS) Rename(from, to string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.replaced++
	return f.OS.Rename(from, to)
}

// set changes the faults.
func (f *faultyFS) set(room int, syncErr, denied error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.room, f.syncErr, f.denied = room, syncErr, denied
}

// counts returns writes, syncs and renames.
func (f *faultyFS) counts() (writes, syncs, replaced int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.writes, f.syncs, f.replaced
}

type faultyFile struct {
	disk.File
	on *faultyFS
}

func (f *faultyFile) Write(p []byte) (int, error) {
	f.on.mu.Lock()
	defer f.on.mu.Unlock()
	f.on.writes++
	n, err := f.File.Write(p[:min(len(p), f.on.room)])
	f.on.room -= n
	if err == nil && n < len(p) {
		err = syscall.ENOSPC
	}
	return n, err
}

func (f *faultyFile) Sync() error {
	f.on.mu.Lock()
	defer f.on.mu.Unlock()
	f.on.syncs++
	if f.on.syncErr != nil {
		return f.on.syncErr
	}
	return f.File.Sync()
}

// plenty is more room than a test writes.
const plenty = 1 << 30

// TestDiskFull fills the disk in the middle of a line, frees it, and expects
// that nothing was forgotten and nothing limited was granted meanwhile.
func TestDiskFull(t *testing.T) {
	for room := 0; room <= 400; room += 40 {
		dir := t.TempDir()
		synctest.Test(t, func(t *testing.T) {
			var said bytes.Buffer
			disk := &faultyFS{room: plenty}
			l, err := Open(t.Context(), Options{Dir: dir, FS: disk, Logger: slog.New(slog.NewTextHandler(&said, nil))})
			if err != nil {
				t.Fatal(err)
			}
			l.SetLimits(Limits{}, map[string]Limits{"paid": {RequestsPerDay: 100}})
			paid := reserve(t, l, noon, "paid", Baseline, one)
			disk.set(room, nil, nil)
			granted := int64(1)
			for {
				_, err := l.Reserve(noon, "paid", Baseline, one)
				if err == nil {
					granted++
					continue
				}
				if !errors.Is(err, ErrUnknown) || !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), journalName) {
					t.Fatalf("Reserve on a full disk = %v, want ErrUnknown with its cause and the file", err)
				}
				break
			}
			for range 3 {
				reserve(t, l, noon, "free", Baseline, one)
			}
			l.Settle(paid, Amount{Requests: 1})
			for range 5 {
				time.Sleep(time.Second)
				synctest.Wait()
				if _, err := l.Reserve(noon, "paid", Baseline, one); !errors.Is(err, ErrUnknown) {
					t.Fatalf("Reserve while the disk is full = %v, want ErrUnknown", err)
				}
			}
			if l.Err() == nil {
				t.Error("Err() = nil while the disk is full")
			}
			if n := strings.Count(said.String(), "level=ERROR"); n != 1 {
				t.Errorf("%d errors logged, want one:\n%s", n, said.String())
			}
			if _, err := os.Stat(filepath.Join(dir, journalName+".new")); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("a failed rewrite left its file: %v", err)
			}

			disk.set(plenty, nil, nil)
			time.Sleep(time.Second)
			synctest.Wait()
			if err := l.Err(); err != nil {
				t.Errorf("Err() a second after the disk was freed = %v, want nil", err)
			}
			reserve(t, l, noon, "paid", Baseline, one)
			if n := strings.Count(said.String(), "can be written again"); n != 1 {
				t.Errorf("the recovery was logged %d times, want once:\n%s", n, said.String())
			}
			want := one.times(int(granted)).plus(Amount{Requests: 1})
			wantSpent(t, l, "paid", noon, spending{want, want})
			shut(t, l)
			again, err := Open(t.Context(), Options{Dir: dir})
			if err != nil {
				t.Fatal(err)
			}
			wantSpent(t, again, "paid", noon, spending{want, want})
			wantSpent(t, again, "free", noon, spending{one.times(3), one.times(3)})
			if again.Corrupt() != 0 {
				t.Errorf("Corrupt() = %d after a full disk, want 0", again.Corrupt())
			}
			shut(t, again)
		})
	}
}

// TestFullDiskStopsOnlyWhatIsPaid says for each kind of target whether it is
// probed while the journal cannot be written, and that limits hold all the same.
func TestFullDiskStopsOnlyWhatIsPaid(t *testing.T) {
	unpriced := Amount{Requests: 1, Tokens: 100}
	synctest.Test(t, func(t *testing.T) {
		disk := &faultyFS{room: plenty}
		l, err := Open(t.Context(), Options{Dir: t.TempDir(), FS: disk})
		if err != nil {
			t.Fatal(err)
		}
		disk.set(0, nil, nil)
		own := map[string]Limits{"limited": {RequestsPerDay: 9}}
		for _, tc := range []struct {
			why, target string
			global      Limits
			ceiling     Amount
			want        error
		}{
			{"no limit at all, though priced", "a", Limits{}, one, nil},
			{"limits of its own", "limited", Limits{}, unpriced, ErrUnknown},
			{"priced under a limit for all", "a", Limits{RequestsPerDay: 9}, one, ErrUnknown},
			{"unpriced under a limit for all: a self-hosted server", "a", Limits{RequestsPerDay: 9, USDPerMonth: 50}, unpriced, nil},
		} {
			l.SetLimits(tc.global, own)
			if _, err := l.Reserve(noon, tc.target, Baseline, tc.ceiling); !errors.Is(err, tc.want) {
				t.Errorf("%s: Reserve = %v, want %v", tc.why, err, tc.want)
			}
		}
		l.SetLimits(Limits{RequestsPerDay: 3}, nil)
		reserve(t, l, noon, "a", Baseline, unpriced)
		if _, err := l.Reserve(noon, "a", Baseline, unpriced); !errors.As(err, new(*Withheld)) {
			t.Errorf("a fourth request of three a day = %v, want it withheld from memory", err)
		}
		disk.set(plenty, nil, nil)
		shut(t, l)
	})
}

// TestOpenOnAFullDisk starts where nothing can be written.
func TestOpenOnAFullDisk(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		for _, tc := range []struct {
			name    string
			room    int
			syncErr error
			denied  error
		}{
			{"no room", 3, nil, nil},
			{"no sync", plenty, syscall.EIO, nil},
			{"read-only", plenty, nil, syscall.EROFS},
		} {
			disk := &faultyFS{}
			disk.set(tc.room, tc.syncErr, tc.denied)
			l, err := Open(t.Context(), Options{Dir: dir, FS: disk})
			if err != nil {
				t.Fatalf("%s: %v", tc.name, err)
			}
			l.SetLimits(Limits{}, map[string]Limits{"paid": {RequestsPerDay: 100}})
			if _, err := l.Reserve(noon, "paid", Baseline, one); !errors.Is(err, ErrUnknown) {
				t.Errorf("%s: Reserve = %v, want ErrUnknown", tc.name, err)
			}
			reserve(t, l, noon, tc.name, Baseline, one)
			disk.set(plenty, nil, nil)
			time.Sleep(time.Second)
			synctest.Wait()
			reserve(t, l, noon, "paid", Baseline, one)
			wantSpent(t, l, tc.name, noon, spending{one, one})
			shut(t, l)
		}
		l, err := Open(t.Context(), Options{Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		wantSpent(t, l, "", noon, spending{one.times(6), one.times(6)})
		shut(t, l)
	})
}

// TestCloseSaysWhatItCouldNotWrite and still unlocks.
func TestCloseSaysWhatItCouldNotWrite(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	disk := &faultyFS{room: plenty}
	l, err := Open(t.Context(), Options{Dir: dir, FS: disk})
	if err != nil {
		t.Fatal(err)
	}
	disk.set(0, nil, nil)
	reserve(t, l, noon, "free", Baseline, one)
	for range 2 {
		if err := l.Close(); !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("Close() = %v, want the full disk", err)
		}
	}
	open(t, Options{Dir: dir})
}

// TestFailedSyncIsMended expects a rewrite, because the kernel forgets pages
// that it could not write.
func TestFailedSyncIsMended(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		disk := &faultyFS{room: plenty}
		l, err := Open(t.Context(), Options{Dir: dir, FS: disk})
		if err != nil {
			t.Fatal(err)
		}
		l.SetLimits(Limits{RequestsPerDay: 10}, nil)
		reserve(t, l, noon, "a", Baseline, one)
		time.Sleep(2 * time.Second)
		synctest.Wait()
		_, _, before := disk.counts()
		reserve(t, l, noon, "a", Baseline, one)
		disk.set(plenty, syscall.EIO, nil)
		time.Sleep(time.Second)
		synctest.Wait()
		if _, err := l.Reserve(noon, "a", Baseline, one); !errors.Is(err, ErrUnknown) || !errors.Is(err, syscall.EIO) {
			t.Errorf("Reserve after a failed sync = %v, want ErrUnknown and EIO", err)
		}
		disk.set(plenty, nil, nil)
		time.Sleep(time.Second)
		synctest.Wait()
		reserve(t, l, noon, "a", Baseline, one)
		if _, _, after := disk.counts(); after != before+1 {
			t.Errorf("%d rewrites after a failed sync, want 1", after-before)
		}
		wantSpent(t, l, "a", noon, spending{one.times(3), one.times(3)})
		shut(t, l)
	})
}

// TestOneWriteForEachReserve is the cost of 200 requests a second: as many
// writes, and one sync a second.
func TestOneWriteForEachReserve(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		disk := &faultyFS{room: plenty}
		l, err := Open(t.Context(), Options{Dir: dir, FS: disk})
		if err != nil {
			t.Fatal(err)
		}
		// Two milliseconds off the grid of the loop below, so that no tick of the
		// sync falls on one of its steps.
		time.Sleep(2502 * time.Millisecond)
		reserve(t, l, noon, "a", Baseline, one)
		time.Sleep(2 * time.Second)
		synctest.Wait()
		writes, syncs, _ := disk.counts()
		for range 1000 {
			l.Settle(reserve(t, l, noon, "a", Baseline, one), Amount{Requests: 1})
			time.Sleep(5 * time.Millisecond)
		}
		synctest.Wait()
		w, s, _ := disk.counts()
		// The settle that is pending when a second ends takes a write of its own.
		if w-writes != 1005 || s-syncs != 5 {
			t.Errorf("1000 reserves and settles in 5 s made %d writes and %d syncs, want 1005 and 5", w-writes, s-syncs)
		}
		shut(t, l)
	})
}

// TestJournalStaysBounded spends much more than the bound, with leases open.
func TestJournalStaysBounded(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		const bound = 8 << 10
		disk := &faultyFS{room: plenty}
		l, err := Open(t.Context(), Options{Dir: dir, FS: disk, MaxBytes: bound})
		if err != nil {
			t.Fatal(err)
		}
		l.SetLimits(Limits{RequestsPerDay: plenty}, nil)
		longLived, _, err := l.ReserveBlock(noon, "b", Window, one, 100)
		if err != nil {
			t.Fatal(err)
		}
		largest := int64(0)
		for range 1000 {
			l.Settle(reserve(t, l, noon, "a", Baseline, one), Amount{Requests: 1})
			l.SettlePart(longLived, Amount{})
			synctest.Wait()
			info, err := os.Stat(filepath.Join(dir, journalName))
			if err != nil {
				t.Fatal(err)
			}
			largest = max(largest, info.Size())
		}
		if largest > bound+1024 {
			t.Errorf("the journal grew to %d bytes, want about %d", largest, bound)
		}
		shut(t, l)
		again, err := Open(t.Context(), Options{Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		want := Amount{Requests: 1000}
		wantSpent(t, again, "", noon, spending{want, want})
		shut(t, again)
	})
}

// TestJournalThatCannotBeRewritten grows to its last bound, then withholds.
func TestJournalThatCannotBeRewritten(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		const bound = 4 << 10
		disk := &faultyFS{room: plenty}
		l, err := Open(t.Context(), Options{Dir: dir, FS: disk, MaxBytes: bound})
		if err != nil {
			t.Fatal(err)
		}
		l.SetLimits(Limits{RequestsPerDay: plenty}, nil)
		disk.set(plenty, nil, syscall.EACCES)
		dear := reserve(t, l, noon, "b", Baseline, one)
		granted := 0
		for err == nil {
			granted++
			_, err = l.Reserve(noon, "a", Baseline, one)
			synctest.Wait()
		}
		granted--
		if !errors.Is(err, ErrUnknown) || !errors.Is(err, errFull) {
			t.Errorf("Reserve = %v, want ErrUnknown because the journal is full", err)
		}
		if info, err := os.Stat(filepath.Join(dir, journalName)); err != nil || info.Size() > 4*bound+1024 {
			t.Errorf("the journal is %d bytes, %v, want at most about %d", info.Size(), err, 4*bound)
		}
		if !errors.Is(l.Err(), errFull) {
			t.Errorf("Err() = %v, want errFull", l.Err())
		}
		// What takes more than its ceiling is written all the same.
		over := one.times(7)
		l.Settle(dear, over)
		f, err := os.Open(filepath.Join(dir, journalName))
		if err != nil {
			t.Fatal(err)
		}
		if said, err := readJournal(t.Context(), f); err != nil || said.books.account("b").at(noon).day != over {
			t.Errorf("the full journal says that b spent %+v, %v, want %+v", said.books.account("b"), err, over)
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
		disk.set(plenty, nil, nil)
		time.Sleep(time.Second)
		synctest.Wait()
		reserve(t, l, noon, "a", Baseline, one)
		want := one.times(granted + 1)
		wantSpent(t, l, "a", noon, spending{want, want})
		shut(t, l)
	})
}

// TestAppendsDuringARewrite go into both files, except one that failed and was
// not granted.
func TestAppendsDuringARewrite(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), journalName)
	disk := &faultyFS{room: plenty}
	j := newJournal(disk, path, 1<<20)
	j.beginTail()
	if err := j.replace([]byte("old\n")); err != nil {
		t.Fatal(err)
	}
	j.beginTail()
	if err := j.append([]byte("settled\n"), []byte("written\n"), true); err != nil {
		t.Fatal(err)
	}
	disk.set(2, nil, nil)
	if err := j.append([]byte("kept\n"), []byte("refused\n"), true); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("append = %v, want the full disk", err)
	}
	if err := j.append(nil, []byte("free\n"), false); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("append to a broken journal = %v, want its cause", err)
	}
	disk.set(plenty, nil, nil)
	if err := j.replace([]byte("new\n")); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(path)
	if want := "new\nsettled\nwritten\nkept\nfree\n"; err != nil || string(got) != want {
		t.Errorf("the new file holds %q, %v, want %q", got, err, want)
	}
	j.beginTail()
	if err := j.append(nil, bytes.Repeat([]byte("x"), maxTail+1), true); err != nil {
		t.Fatal(err)
	}
	if err := j.replace([]byte("late\n")); !errors.Is(err, errTail) {
		t.Errorf("replace with an endless tail = %v, want errTail", err)
	}
	if err := j.close(); err != nil {
		t.Error(err)
	}
}

// sample is a journal of one day's and two leases' lines, and what each of
// its lines counts.
func sample(t testing.TB) (text []byte, counts []int64) {
	t.Helper()
	for _, line := range []struct {
		r      record
		counts int64
	}{
		{record{Op: opJournal, Schema: journalSchema}, 0},
		{record{Op: opSpent, Target: "a", Day: dayOf(noon), Spent: Amount{Requests: 1000}}, 1000},
		{record{Op: opReserve, Lease: &Lease{LeaseSchema, "x", "a", Baseline, Amount{Requests: 100}, noon, 1}}, 100},
		{record{Op: opReserve, Lease: &Lease{LeaseSchema, "y", "b", Window, Amount{Requests: 1}, noon, 10}}, 10},
	} {
		var err error
		if text, err = appendLine(text, line.r); err != nil {
			t.Fatal(err)
		}
		counts = append(counts, line.counts)
	}
	return text, counts
}

// TestTornLine cuts the journal at each byte: what stands before the cut line
// counts.
func TestTornLine(t *testing.T) {
	t.Parallel()
	text, counts := sample(t)
	for cut := range len(text) + 1 {
		said, err := readJournal(t.Context(), bytes.NewReader(text[:cut]))
		if err != nil {
			t.Fatalf("cut at %d: %v", cut, err)
		}
		whole := bytes.Count(text[:cut], []byte("\n"))
		torn := cut > 0 && text[cut-1] != '\n'
		if torn && text[cut] == '\n' {
			// Only the newline is missing: its checksum says that it is whole.
			whole++
			torn = false
		}
		want := int64(0)
		for _, n := range counts[:whole] {
			want += n
		}
		if got := said.books.account("").at(noon).day.Requests; got != want || said.torn != torn || said.corrupt != 0 {
			t.Errorf("cut at %d: %d requests, torn %t, %d corrupt, want %d, %t, 0", cut, got, said.torn, said.corrupt, want, torn)
		}
	}
}

// TestCorruptLine changes each byte: the line is counted as corrupt, and the
// others still count.
func TestCorruptLine(t *testing.T) {
	t.Parallel()
	text, counts := sample(t)
	for at := range len(text) {
		line := bytes.Count(text[:at], []byte("\n"))
		want := int64(0)
		for i, n := range counts {
			if i != line && (text[at] != '\n' || i != line+1) {
				want += n
			}
		}
		bad := bytes.Clone(text)
		bad[at] ^= 0x10
		// A last line without its newline is a torn one.
		last := at == len(text)-1
		said, err := readJournal(t.Context(), bytes.NewReader(bad))
		got := said.books.account("").at(noon).day.Requests
		if err != nil || got != want || (said.corrupt != 1) != last || said.torn != last {
			t.Errorf("byte %d changed: %d requests, %d corrupt, torn %t, %v, want %d and one corrupt line", at, got, said.corrupt, said.torn, err, want)
		}
		if !last && said.firstCorrupt != line+1 {
			t.Errorf("byte %d changed: first corrupt line %d, want %d", at, said.firstCorrupt, line+1)
		}
	}
}

func TestOpenCountsCorruptLines(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	text, _ := sample(t)
	long := strings.Repeat("x", 3*maxLine)
	text = append(text, "nonsense\n"+long+"\n\n"...)
	more, err := appendLine(nil, record{Op: opSpent, Target: "c", Day: dayOf(noon), Spent: Amount{Requests: 5}})
	if err != nil {
		t.Fatal(err)
	}
	text = append(append(text, more...), more[:20]...)
	if err := os.WriteFile(filepath.Join(dir, journalName), text, 0o600); err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	l := open(t, Options{Dir: dir, Logger: slog.New(slog.NewTextHandler(&said, nil))})
	if l.Corrupt() != 3 {
		t.Errorf("Corrupt() = %d, want 3", l.Corrupt())
	}
	for _, want := range []string{"cut off", "corrupt lines", "lines=3", "first=5"} {
		if !strings.Contains(said.String(), want) {
			t.Errorf("the log does not say %q:\n%s", want, said.String())
		}
	}
	want := Amount{Requests: 1115}
	wantSpent(t, l, "", noon, spending{want, want})
}

func TestJournalOfANewerVersion(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	text, err := appendLine(nil, record{Op: opJournal, Schema: journalSchema + 1})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, journalName), text, 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		// The second time would fail otherwise if the first kept the lock.
		if _, err := Open(t.Context(), Options{Dir: dir}); !errors.Is(err, errNewer) {
			t.Errorf("Open = %v, want errNewer", err)
		}
	}
}

func TestOpenEndsWithItsContext(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	text := bytes.Repeat([]byte("x\n"), 5000)
	if err := os.WriteFile(filepath.Join(dir, journalName), text, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Open(ctx, Options{Dir: dir}); !errors.Is(err, context.Canceled) {
		t.Errorf("Open with an ended context = %v, want context.Canceled", err)
	}
}

// FuzzJournal reads any bytes: it never panics, and never counts less than the
// valid lines say, taken alone.
func FuzzJournal(f *testing.F) {
	text, _ := sample(f)
	settled, err := appendLine(bytes.Clone(text), record{Op: opSettle, ID: "y", Target: "b", Day: dayOf(noon), Spent: Amount{Requests: 4}, Left: Amount{Requests: 2}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add(text[:len(text)-7])
	f.Add(settled)
	f.Add([]byte("00000000 {}\n\n\x00\x00"))
	f.Fuzz(func(t *testing.T, in []byte) {
		// Bytes of any kind stand for a journal's, and are also mixed into a
		// good one, since chance does not find checksums.
		for _, text := range [][]byte{in, append(bytes.Clone(in), settled...), append(append(bytes.Clone(in), '\n'), settled...)} {
			said, err := readJournal(t.Context(), bytes.NewReader(text))
			if err != nil {
				if !errors.Is(err, errNewer) {
					t.Fatalf("readJournal: %v", err)
				}
				continue
			}
			want := countValid(text)
			got := said.books.account("").since(-1 << 40)
			if want.exceeds(got) {
				t.Fatalf("%d lines count %+v, want at least %+v", said.lines, got, want)
			}
			var sum Amount
			for name, a := range said.books.accounts {
				if name != "" {
					sum = sum.plus(a.since(-1 << 40))
				}
			}
			if sum != got {
				t.Fatalf("the targets spent %+v, all of them %+v", sum, got)
			}
			if _, err := said.books.snapshot(); err != nil {
				t.Fatal(fmt.Errorf("snapshot: %w", err))
			}
		}
	})
}

// countValid adds the valid lines up by another way: the last that each lease
// says, and all else.
func countValid(text []byte) Amount {
	last := map[string]Amount{}
	for i, line := range bytes.Split(text, []byte("\n")) {
		r, ok := parseLine(line)
		if !ok || len(line)+1 > maxLine {
			continue
		}
		switch r.Op {
		case opSpent:
			last[fmt.Sprint(i)] = r.Spent
		case opReserve:
			last["lease "+r.Lease.ID] = r.Lease.Ceiling.times(r.Lease.N)
		case opSettle:
			last["lease "+r.ID] = r.Spent.plus(r.Left)
		}
	}
	var sum Amount
	for _, a := range last {
		sum = sum.plus(a)
	}
	return sum
}
