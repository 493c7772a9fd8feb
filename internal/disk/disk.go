// Package disk is the few operations on files that a journal rests on, as an
// interface, so that a test can let each of them fail.
package disk

import (
	"errors"
	"io"
	"os"
	"syscall"
)

// FS is a file system. Its methods do what those of package os of the same names
// do.
type FS interface {
	OpenFile(name string, flag int, perm os.FileMode) (File, error)
	Rename(from, to string) error
	Remove(name string) error
}

// File is an open file or, for Sync alone, a folder.
type File interface {
	io.ReadWriteCloser
	Sync() error
}

// OS is the machine's own file system.
type OS struct{}

// OpenFile is os.OpenFile.
func (OS) OpenFile(name string, flag int, perm os.FileMode) (File, error) {
	f, err := os.OpenFile(name, flag, perm)
	if err != nil {
		// A nil *os.File must not become a File that is not nil.
		return nil, err
	}
	return f, nil
}

// Rename is os.Rename.
func (OS) Rename(from, to string) error { return os.Rename(from, to) }

// Remove is os.Remove.
func (OS) Remove(name string) error { return os.Remove(name) }

// SyncDir makes a rename in a folder outlive a loss of power. File systems that
// cannot sync a folder need not.
func SyncDir(fs FS, dir string) error {
	d, err := fs.OpenFile(dir, os.O_RDONLY, 0)
	if err != nil {
		return err
	}
	err = d.Sync()
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ENOTSUP) {
		err = nil
	}
	return errors.Join(err, d.Close())
}
