package budget

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/hfwatch/hfwatch/internal/disk"
)

// maxTail bounds what is appended while the journal is being rewritten.
const maxTail = 4 << 20

var (
	errTail     = errors.New("too much was appended while the journal was rewritten")
	errUnopened = errors.New("the journal is not open yet")
	errFull     = errors.New("the journal is too long and could not be rewritten")
)

// journal is the file. Its lock is held for single writes and renames, never
// for a sync.
type journal struct {
	fs       disk.FS
	path     string
	maxBytes int64
	// full asks for a compaction.
	full chan struct{}

	mu   sync.Mutex
	file disk.File
	size int64
	// compactAt is the size that asks for the next compaction.
	compactAt int64
	dirty     bool
	// broken is why nothing may be appended: the end of the file is not known
	// to be clean. Only a rewrite mends it.
	broken error
	// logged is whether a failure has been reported and nothing has succeeded
	// since.
	logged bool
	// tail collects what is appended during a rewrite.
	tail   []byte
	tailed bool
}

func newJournal(on disk.FS, path string, maxBytes int64) *journal {
	return &journal{
		fs: on, path: path, maxBytes: maxBytes, compactAt: maxBytes, full: make(chan struct{}, 1), broken: errUnopened,
	}
}

// read replays the file; one that is missing is empty.
func (j *journal) read(ctx context.Context) (replay, error) {
	f, err := j.fs.OpenFile(j.path, os.O_RDONLY, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return replay{books: newBooks()}, nil
	}
	if err != nil {
		return replay{}, err
	}
	said, err := readJournal(ctx, f)
	return said, errors.Join(err, f.Close())
}

// append writes lines that stand in the books already and one that does not
// yet. During a rewrite they go to the new file as well; a line that must be
// written goes there only if the write succeeded, since otherwise its lease is
// not granted.
func (j *journal) append(settled, line []byte, must bool) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	err := j.write(settled, line)
	if j.tailed {
		j.tail = append(j.tail, settled...)
		if err == nil || !must {
			j.tail = append(j.tail, line...)
		}
	}
	return err
}

// write makes one write of all the lines. A journal that is too long takes only
// what settles: that is bounded by the leases, and may raise what they count
// as. The caller holds the lock.
func (j *journal) write(settled, line []byte) error {
	if j.broken != nil {
		return j.broken
	}
	var refused error
	if len(line) > 0 && j.tooLong() {
		line, refused = nil, errFull
	}
	buf := line
	if len(settled) > 0 {
		buf = slices.Concat(settled, line)
	}
	if len(buf) == 0 {
		return refused
	}
	if _, err := j.file.Write(buf); err != nil {
		j.broken = err
		return err
	}
	j.dirty = true
	j.size += int64(len(buf))
	if j.size > j.compactAt {
		select {
		case j.full <- struct{}{}:
		default:
		}
	}
	return refused
}

// tooLong reports whether the journal has grown far beyond the size at which
// it is compacted. The caller holds the lock.
func (j *journal) tooLong() bool { return j.size > 4*j.compactAt }

// sync makes what was appended outlive a loss of power. After a failure the
// kernel may have forgotten what it could not write, so the file is rewritten.
// Only one goroutine calls it and replace.
func (j *journal) sync() error {
	j.mu.Lock()
	file, dirty, err := j.file, j.dirty, j.broken
	j.dirty = false
	j.mu.Unlock()
	if err != nil || !dirty {
		return err
	}
	if err := file.Sync(); err != nil {
		j.fail(err)
		return err
	}
	return nil
}

// beginTail starts to collect what is appended, for the new file.
func (j *journal) beginTail() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.tail, j.tailed = nil, true
}

// replace puts a new file in the old one's place: written and synced aside,
// completed by what was appended meanwhile, renamed. If it fails the old file
// stays in use.
func (j *journal) replace(text []byte) error {
	aside := j.path + ".new"
	file, err := j.fs.OpenFile(aside, os.O_CREATE|os.O_TRUNC|os.O_WRONLY|os.O_APPEND, 0o600)
	if err == nil {
		_, err = file.Write(text)
		if err == nil {
			err = file.Sync()
		}
	}
	var old disk.File
	if err == nil {
		old, err = j.swap(file, aside, int64(len(text)))
	} else {
		j.mu.Lock()
		j.tail, j.tailed = nil, false
		j.mu.Unlock()
	}
	if err != nil {
		if file != nil {
			// The folder is bounded only if failed attempts leave nothing.
			err = errors.Join(err, file.Close(), j.fs.Remove(aside))
		}
		err = fmt.Errorf("rewriting the journal: %w", err)
		j.mu.Lock()
		defer j.mu.Unlock()
		if j.file == nil {
			// There has never been one to append to.
			j.broken = err
		}
		return err
	}
	if old != nil {
		// Nothing of it is needed any more.
		_ = old.Close()
	}
	if err := disk.SyncDir(j.fs, filepath.Dir(j.path)); err != nil {
		err = fmt.Errorf("syncing the journal's folder: %w", err)
		j.fail(err)
		return err
	}
	return nil
}

// swap completes the new file and takes it into use. It returns the old one.
func (j *journal) swap(file disk.File, aside string, size int64) (disk.File, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	tail := j.tail
	j.tail, j.tailed = nil, false
	if len(tail) > maxTail {
		return nil, errTail
	}
	if len(tail) > 0 {
		if _, err := file.Write(tail); err != nil {
			return nil, err
		}
	}
	if err := j.fs.Rename(aside, j.path); err != nil {
		return nil, err
	}
	old := j.file
	j.file, j.broken, j.logged, j.dirty = file, nil, false, true
	j.size = size + int64(len(tail))
	// Twice the size of what is needed at least, so that a journal of many
	// targets is not rewritten at each line.
	j.compactAt = max(j.maxBytes, 2*j.size)
	return old, nil
}

// fail marks the journal as one that may not be appended to.
func (j *journal) fail(err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.broken = err
}

// failure returns why the journal takes no reservation.
func (j *journal) failure() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.broken == nil && j.tooLong() {
		return errFull
	}
	return j.broken
}

// failing reports whether a failure has been reported and not mended.
func (j *journal) failing() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.logged
}

// first reports whether an error is the first of a row.
func (j *journal) first(err error) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	if err == nil || j.logged {
		return false
	}
	j.logged = true
	return true
}

// close closes the file, if there is one.
func (j *journal) close() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.file == nil {
		return nil
	}
	err := j.file.Close()
	j.file, j.broken = nil, ErrClosed
	return err
}
