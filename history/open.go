package history

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/driver"
)

// asideEvery is how often a corrupt file is set aside at most, so that a
// faulty disk is not filled with what it spoils.
const asideEvery = time.Hour

// errNewer is that the form of the file is not known here.
var errNewer = errors.New("it was written by a newer hfwatch")

// checkDir returns an error where the directory of a file certainly is not
// there; one that cannot be told of may come back.
func checkDir(path string) error {
	dir := filepath.Dir(path)
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%s: the directory %s does not exist; make it, or correct data.dir", path, dir)
	case err == nil && !info.IsDir():
		return fmt.Errorf("%s: %s is not a directory; correct data.dir", path, dir)
	}
	return nil
}

// corrupt reports whether an error says that the content of the file, and not
// the way to it, is bad: then no later attempt can do better.
func corrupt(err error) bool {
	return errors.Is(err, sqlite3.NOTADB) || errors.Is(err, sqlite3.CORRUPT)
}

// beside are the suffixes of what SQLite keeps beside a file.
func beside() []string { return []string{"-wal", "-shm", "-journal"} }

// checkHead returns NOTADB for a file that does not begin as one of SQLite does
// (https://sqlite.org/fileformat.html, 1.3). SQLite says the same, but only
// after it removed the log beside the file. Where there is a rollback journal
// the head may come from that, and SQLite has to say.
func checkHead(path string) error {
	if _, err := os.Lstat(path + "-journal"); err == nil {
		return nil
	}
	file, err := os.Open(path)
	if err != nil {
		return nil // There is none yet, or SQLite says what is wrong with it.
	}
	defer func() { _ = file.Close() }()
	const head = "SQLite format 3\x00"
	got := make([]byte, len(head))
	n, err := io.ReadFull(file, got)
	if (err == nil || errors.Is(err, io.ErrUnexpectedEOF)) && string(got[:n]) != head {
		return sqlite3.NOTADB
	}
	return nil
}

// handle returns the open file, or why there is none.
func (r *Records) handle() (*sql.DB, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.gone:
		return nil, ErrClosed
	case r.db == nil:
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, r.why)
	}
	return r.db, nil
}

// connect returns the open file and opens it where it is not. Only Open and
// the writer call it.
func (r *Records) connect(ctx context.Context) (*sql.DB, error) {
	if db, err := r.handle(); err == nil || errors.Is(err, ErrClosed) {
		return db, err
	}
	db, err := r.reach(ctx)
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case err != nil:
		r.why = err
		return nil, err
	case r.gone:
		// Close did not wait for this, and nobody else would close it.
		return nil, errors.Join(ErrClosed, db.Close())
	}
	r.db, r.why = db, nil
	return db, nil
}

// reach opens the file; a corrupt one is set aside and a new one begun.
func (r *Records) reach(ctx context.Context) (*sql.DB, error) {
	cause := r.spoilt
	if cause == nil {
		db, err := openDB(ctx, r.opts.Path)
		if !corrupt(err) {
			return db, err
		}
		cause = err
	}
	r.spoilt = nil
	now := time.Now()
	if !r.aside.IsZero() && now.Sub(r.aside) < asideEvery {
		return nil, cause
	}
	to, err := setAside(r.opts.Path, now)
	if err != nil {
		return nil, errors.Join(cause, err)
	}
	r.aside = now
	r.opts.Logger.Error("the file of records is corrupt; it was renamed and a new one is begun",
		"path", r.opts.Path, "renamed", to, "err", cause)
	return openDB(ctx, r.opts.Path)
}

// part closes the file after its content has proved to be corrupt, so that the
// next attempt to write sets it aside.
func (r *Records) part(ctx context.Context, db *sql.DB, cause error) error {
	r.mu.Lock()
	if r.gone {
		r.mu.Unlock()
		return nil
	}
	r.db, r.why = nil, cause
	r.mu.Unlock()
	r.spoilt = cause
	// Holding the one connection means that no query holds it: a connection
	// which outlived the renaming would remove the log of the new file.
	conn, err := db.Conn(ctx)
	if err != nil {
		return errors.Join(err, db.Close())
	}
	err = conn.Raw(func(c any) error {
		if c, ok := c.(driver.Conn); ok {
			return keepLog(c.Raw(), true)
		}
		return nil
	})
	return errors.Join(err, db.Close(), conn.Close())
}

// setAside renames a file and what SQLite keeps beside it, overwrites nothing,
// and returns the new name.
func setAside(path string, now time.Time) (string, error) {
	to, err := freeName(path + ".corrupt-" + now.UTC().Format("20060102T150405Z"))
	if err != nil {
		return "", err
	}
	// The file itself goes last: a log without its file would be removed by
	// SQLite if this were cut short.
	for _, suffix := range beside() {
		if err := os.Rename(path+suffix, to+suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", fmt.Errorf("corrupt file: %w", err)
		}
	}
	if err := os.Rename(path, to); err != nil {
		return "", fmt.Errorf("corrupt file: %w", err)
	}
	return to, nil
}

// freeName returns the name, or the name with a number, under which there is
// nothing yet.
func freeName(name string) (string, error) {
	for n := range 100 {
		to := name
		if n > 0 {
			to = fmt.Sprintf("%s-%d", name, n)
		}
		_, err := os.Lstat(to)
		free := errors.Is(err, fs.ErrNotExist)
		for _, suffix := range beside() {
			_, err := os.Lstat(to + suffix)
			free = free && errors.Is(err, fs.ErrNotExist)
		}
		if free {
			return to, nil
		}
	}
	return "", fmt.Errorf("corrupt file: there is no free name like %s", name)
}
