package journal

import (
	"errors"
	"os"
	"path/filepath"

	"github.com/hfwatch/hfwatch/internal/disk"
)

// compactBytes is the size at which a file may be rewritten; it is once it has
// doubled since it last was.
const compactBytes = 1 << 20

// file is the file on the disk. It is the writer's alone, but for writing.
type file struct {
	fs   disk.FS
	path string
	f    disk.File
	// size is the file's, and floor what it was when last rewritten.
	size, floor int64
	// writing is that lines were gathered and are not on the file yet. The
	// journal's lock guards it.
	writing bool
}

// errNoFile is a file that is not open for appending, or whose end is not known
// to be clean.
var errNoFile = errors.New("the file must be rewritten first")

// broken reports whether the file must be rewritten.
func (f *file) broken() bool { return f.f == nil }

// full reports whether most of the file is history.
func (f *file) full() bool { return f.size > compactBytes && f.size > 2*f.floor }

// append writes lines in one write.
func (f *file) append(text []byte) error {
	if f.f == nil {
		return errNoFile
	}
	n, err := f.f.Write(text)
	f.size += int64(n)
	if err != nil {
		f.close()
	}
	return err
}

// sync makes what was appended outlive a loss of power. After a failure the
// kernel may have forgotten what it could not write, so the file is rewritten.
func (f *file) sync() error {
	if f.f == nil {
		return errNoFile
	}
	err := f.f.Sync()
	if err != nil {
		f.close()
	}
	return err
}

// close ends appending.
func (f *file) close() {
	if f.f != nil {
		_ = f.f.Close()
		f.f = nil
	}
}

// replace puts a new file in the old one's place: written and synced aside,
// then renamed. If it fails the old one stays.
func (f *file) replace(text []byte) error {
	aside := f.path + ".new"
	next, err := f.fs.OpenFile(aside, os.O_CREATE|os.O_TRUNC|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	if _, err = next.Write(text); err == nil {
		err = next.Sync()
	}
	if err == nil {
		err = f.fs.Rename(aside, f.path)
	}
	if err != nil {
		return errors.Join(err, next.Close(), f.fs.Remove(aside))
	}
	f.close()
	f.f, f.size, f.floor = next, int64(len(text)), int64(len(text))
	return disk.SyncDir(f.fs, filepath.Dir(f.path))
}
