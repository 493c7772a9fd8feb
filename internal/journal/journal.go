// Package journal is a small durable map: keys and JSON values that survive
// kill -9 and, a moment later, a loss of power, in one file.
//
// Every line is a whole state of one key with a checksum, and never a
// difference, so that a line that is torn or damaged takes nothing else with
// it. A put returns at once and waits for no disk: one goroutine writes behind
// it, and keeps trying while the disk fails. Flush waits for what was put
// before it. The package refuses to know what its values mean, to order keys,
// and to hold more than fits in memory: it is for some thousands of alerts, and
// not for results. A Journal may be used from several goroutines at once.
package journal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/hfwatch/hfwatch/internal/disk"
)

const (
	// retryFirst is the wait after a failed write; it doubles up to retryMost.
	retryFirst = time.Second
	retryMost  = 30 * time.Second
)

// ErrClosed is returned by Flush after Close.
var ErrClosed = errors.New("the journal is closed")

// Options say where a Journal lives.
type Options struct {
	// Path is the file's; its folder must be there.
	Path string
	// Logger takes a line when writing begins to fail and when it works again;
	// nil is silence.
	Logger *slog.Logger
	// Failed is told of every failed write; nil is nobody. It must not block.
	Failed func()
	// FS is where the file is; nil is the machine's own file system.
	FS disk.FS
}

// Journal is the map and its file.
type Journal struct {
	opts Options
	wake chan struct{}
	stop chan struct{}
	done chan struct{}

	mu     sync.Mutex
	values map[string]json.RawMessage
	// dirty are the keys that have changed since they were last written.
	dirty map[string]struct{}
	// turned is closed at the end of each of the writer's rounds, and failed is
	// why the last one failed.
	turned chan struct{}
	failed error
	closed bool
	file   *file
}

// Open reads the file, and returns a running Journal, to be ended by Close.
// Damaged lines are skipped and said. It fails where the file cannot be read or
// was written by a newer hfwatch: to begin anew would forget what was told.
func Open(ctx context.Context, o Options) (*Journal, error) {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Failed == nil {
		o.Failed = func() {}
	}
	if o.FS == nil {
		o.FS = disk.OS{}
	}
	f, err := o.FS.OpenFile(o.Path, os.O_RDONLY, 0)
	values := map[string]json.RawMessage{}
	if err == nil {
		var damaged int
		values, damaged, err = read(ctx, f)
		err = errors.Join(err, f.Close())
		if damaged > 0 {
			o.Logger.Warn("damaged lines were skipped", "file", o.Path, "lines", damaged)
		}
	} else if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", o.Path, err)
	}
	j := &Journal{
		opts: o, values: values, dirty: map[string]struct{}{}, turned: make(chan struct{}),
		wake: make(chan struct{}, 1), stop: make(chan struct{}), done: make(chan struct{}),
		file: &file{fs: o.FS, path: o.Path},
	}
	go j.run()
	return j, nil
}

// All returns the values of the keys with the prefix, by what follows it.
func (j *Journal) All(prefix string) map[string]json.RawMessage {
	j.mu.Lock()
	defer j.mu.Unlock()
	out := map[string]json.RawMessage{}
	for key, value := range j.values {
		if rest, ok := strings.CutPrefix(key, prefix); ok {
			out[rest] = value
		}
	}
	return out
}

// Put sets the value of a key, and deletes the key where the value is nil. A
// value that is no JSON is a mistake of the caller's, and refused. After Close
// it does nothing.
func (j *Journal) Put(key string, value json.RawMessage) error {
	if _, err := appendLine(nil, line{Key: key, Value: value}); err != nil {
		return err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if old, ok := j.values[key]; j.closed || string(old) == string(value) && ok == (value != nil) {
		return nil
	}
	if value == nil {
		delete(j.values, key)
	} else {
		j.values[key] = value
	}
	j.dirty[key] = struct{}{}
	j.nudge()
	return nil
}

// Flush returns once everything that was put before it is with the operating
// system, where no kill -9 can lose it, or why it is not. While the disk fails
// it does not wait for the next attempt.
func (j *Journal) Flush(ctx context.Context) error {
	for {
		j.mu.Lock()
		pending, turned, closed, failed := len(j.dirty) > 0 || j.file.writing, j.turned, j.closed, j.failed
		j.mu.Unlock()
		switch {
		case failed != nil:
			return failed
		case !pending:
			return nil
		case closed:
			return ErrClosed
		}
		j.nudge()
		select {
		case <-turned:
		case <-ctx.Done():
			return fmt.Errorf("writing %s: %w", j.opts.Path, context.Cause(ctx))
		}
	}
}

// Close writes what is left, once, and returns why it could not.
func (j *Journal) Close(ctx context.Context) error {
	j.mu.Lock()
	first := !j.closed
	j.closed = true
	j.mu.Unlock()
	if first {
		close(j.stop)
	}
	select {
	case <-j.done:
		j.mu.Lock()
		defer j.mu.Unlock()
		return j.failed
	case <-ctx.Done():
		return fmt.Errorf("closing %s: %w", j.opts.Path, context.Cause(ctx))
	}
}

// nudge makes the writer look.
func (j *Journal) nudge() {
	select {
	case j.wake <- struct{}{}:
	default:
	}
}

// run writes what changes until Close. While the disk fails it pauses between
// attempts, and what changes meanwhile gathers by key.
func (j *Journal) run() {
	defer close(j.done)
	wait := time.Duration(0)
	for last := false; !last; {
		last = j.await(wait)
		if err := j.round(); err != nil {
			wait = min(max(2*wait, retryFirst), retryMost)
		} else {
			wait = 0
		}
	}
	j.file.close()
}

// await waits for a change, or after a failure for the time, and reports
// whether the journal was closed, so that the next round is the last.
func (j *Journal) await(wait time.Duration) bool {
	wake, due := j.wake, (<-chan time.Time)(nil)
	if wait > 0 {
		pause := time.NewTimer(wait)
		defer pause.Stop()
		wake, due = nil, pause.C
	}
	select {
	case <-wake:
	case <-due:
	case <-j.stop:
		return true
	}
	select {
	case <-j.stop:
		return true
	default:
		return false
	}
}

// round writes what is dirty, and tells how that went.
func (j *Journal) round() error {
	text := j.gather()
	var err error
	if len(text) > 0 || j.file.broken() {
		err = j.file.append(text)
		if err != nil || j.file.full() {
			// A file whose end is not known to be clean is replaced, and so is one
			// that is mostly history.
			err = j.file.replace(j.whole())
		}
	}
	if err != nil {
		_ = j.turn(err)
		return err
	}
	was := j.turn(nil)
	if len(text) > 0 && was == nil {
		// Whoever waits for Flush has gone on: this is for a loss of power. What
		// was just rewritten is synced already.
		if err = j.file.sync(); err != nil {
			_ = j.turn(err)
		}
	}
	return err
}

// turn ends a round, and returns how the one before ended.
func (j *Journal) turn(err error) error {
	j.mu.Lock()
	was := j.failed
	j.failed, j.file.writing = err, false
	close(j.turned)
	j.turned = make(chan struct{})
	j.mu.Unlock()
	if err != nil {
		j.opts.Failed()
	}
	switch {
	case err != nil && was == nil:
		j.opts.Logger.Error("the state of alerts cannot be written; it is tried again", "file", j.opts.Path, "err", err)
	case err == nil && was != nil:
		j.opts.Logger.Info("the state of alerts is written again", "file", j.opts.Path)
	}
	return was
}

// gather returns the lines of what is dirty, which from here on counts as being
// written.
func (j *Journal) gather() []byte {
	j.mu.Lock()
	defer j.mu.Unlock()
	var text []byte
	for key := range j.dirty {
		// It was checked when it was put.
		text, _ = appendLine(text, line{Key: key, Value: j.values[key]})
	}
	j.file.writing = len(j.dirty) > 0
	j.dirty = map[string]struct{}{}
	return text
}

// whole returns a file of everything.
func (j *Journal) whole() []byte {
	j.mu.Lock()
	values := maps.Clone(j.values)
	j.dirty = map[string]struct{}{}
	j.mu.Unlock()
	text, _ := appendLine(nil, line{Schema: schema})
	for key, value := range values {
		text, _ = appendLine(text, line{Key: key, Value: value})
	}
	return text
}
