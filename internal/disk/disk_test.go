package disk

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// TestOS writes, renames and removes, and has no file where there was an error.
func TestOS(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	f, err := OS{}.OpenFile(at("a"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(f, "text"); err != nil || f.Sync() != nil || f.Close() != nil {
		t.Fatal(err)
	}
	if err := (OS{}).Rename(at("a"), at("b")); err != nil {
		t.Error(err)
	}
	if got, err := os.ReadFile(at("b")); err != nil || string(got) != "text" {
		t.Errorf("b has %q, %v", got, err)
	}
	if err := (OS{}).Remove(at("b")); err != nil {
		t.Error(err)
	}
	if f, err := (OS{}).OpenFile(at("b"), os.O_RDWR, 0); f != nil || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file that is gone: %v, %v, want no file at all", f, err)
	}
	if err := SyncDir(OS{}, dir); err != nil {
		t.Error(err)
	}
}

// folders is a file system of folders whose sync fails.
type folders struct {
	OS
	fails error
}

func (f folders) OpenFile(name string, flag int, perm os.FileMode) (File, error) {
	file, err := f.OS.OpenFile(name, flag, perm)
	return folder{file, f.fails}, err
}

type folder struct {
	File
	fails error
}

func (f folder) Sync() error { return f.fails }

// TestSyncDir forgives a file system that cannot sync folders, and nothing else.
func TestSyncDir(t *testing.T) {
	t.Parallel()
	for fails, want := range map[error]error{syscall.EINVAL: nil, syscall.ENOTSUP: nil, syscall.EIO: syscall.EIO} {
		if err := SyncDir(folders{fails: fails}, t.TempDir()); !errors.Is(err, want) || (want == nil) != (err == nil) {
			t.Errorf("a sync that fails with %v: %v, want %v", fails, err, want)
		}
	}
	if err := SyncDir(OS{}, filepath.Join(t.TempDir(), "gone")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a folder that is gone: %v", err)
	}
}
