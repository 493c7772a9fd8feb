// Package history keeps records in one SQLite file, through one bounded writer:
// results, and events such as windows, cold starts, alerts and reloads.
//
// Record and RecordEvent never wait: they put a result or an event into a
// queue, and a goroutine writes batches of at most a second. A disk that is full or gone loses nothing that
// was committed and stops nothing else: results wait in the queue, the oldest
// of them are dropped and counted when it is full, and writing goes on by
// itself once the disk allows it. The same holds for a file that cannot be
// opened: opening is tried again with each attempt to write. A corrupt file is
// renamed to its name with ".corrupt-" and the time in UTC, its -wal and -shm
// with it, and a new one begun; nothing is deleted. The package refuses to
// decide anything from what it keeps. Records may be used from several
// goroutines at once.
package history

import (
	"errors"
	"log/slog"
	"time"
)

// Defaults of Options.
const (
	// DefaultQueue is how many results and events may wait to be written.
	DefaultQueue = 4096
	// queueBytes is how many bytes of JSON may wait, whatever their number.
	queueBytes = 64 << 20
	// batch is how many results one transaction holds at most.
	batch = 512
	// every is how long a result waits at most before its batch is written, and
	// how long the writer waits after a failure.
	every = time.Second
	// retainEvery is how often old records are deleted.
	retainEvery = 10 * time.Minute
	// retainChunk is how many records one deletion takes at most, so that
	// writing is never held up for long.
	retainChunk = 2000
	// sizeChunk is the same where the file is too large, and smaller so that
	// little more goes than must.
	sizeChunk = 100
)

// Options say where records are kept and for how long.
type Options struct {
	// Path is the SQLite file; its directory must exist.
	Path string
	// Retention is how long records are kept; 0 is for ever.
	Retention time.Duration
	// Now returns the time that ages are counted from, the zero time where it is
	// not known, so that nothing is deleted; nil is time.Now. A clock that is wrong
	// by more than Retention would delete everything.
	Now func() time.Time
	// MaxBytes bounds the file; 0 is no bound.
	MaxBytes int64
	// Queue bounds the results and events that wait; 0 is DefaultQueue.
	Queue int
	// Logger must not be nil.
	Logger *slog.Logger
	// Observer is told what became of records; nil is nobody.
	Observer Observer
}

// Observer is told what became of records. Its methods must not wait.
type Observer interface {
	// RecordsWritten says that n more results and events are committed.
	RecordsWritten(n int)
	// RecordsDropped says that n results and events were given up, and why.
	RecordsDropped(n int, reason DropReason)
	// RecordsFailed says that an attempt to write failed, the opening of the
	// file included, to be tried again.
	RecordsFailed()
}

// DropReason is why a result or an event was not recorded: a closed set.
type DropReason string

// The reasons to drop.
const (
	// DropQueueFull is that more results waited than the queue holds.
	DropQueueFull DropReason = "queue_full"
	// DropStopped is that the time to stop ran out before they were written.
	DropStopped DropReason = "stopped"
	// DropInvalid is that a result could not be encoded, or an event is not of
	// the form that may be recorded.
	DropInvalid DropReason = "invalid"
)

// DropReasons returns the closed set.
func DropReasons() []DropReason { return []DropReason{DropQueueFull, DropStopped, DropInvalid} }

// Errors of queries.
var (
	// ErrClosed is returned by queries after Close.
	ErrClosed = errors.New("history: closed")
	// ErrUnavailable is returned by queries while the file is not open.
	ErrUnavailable = errors.New("history: the records are not open")
)

// nobody is the Observer of nobody.
type nobody struct{}

func (nobody) RecordsWritten(int)             {}
func (nobody) RecordsDropped(int, DropReason) {}
func (nobody) RecordsFailed()                 {}
