package history

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/hfwatch/hfwatch/probe"
)

// Records is an open file of records and its writer.
type Records struct {
	opts Options
	db   *sql.DB

	mu     sync.Mutex
	queue  []entry // oldest first, bounded by opts.Queue
	closed bool

	wake chan struct{} // holds one token when there is something to write
	stop chan struct{}
	done chan struct{}
	once sync.Once
}

// Open opens the records, makes them where there are none, and starts the
// writer, which works until Close. The error names the file.
func Open(ctx context.Context, opts Options) (*Records, error) {
	if opts.Queue == 0 {
		opts.Queue = DefaultQueue
	}
	if opts.Observer == nil {
		opts.Observer = nobody{}
	}
	db, err := openDB(ctx, opts.Path)
	if err != nil {
		return nil, fmt.Errorf("records: %w", err)
	}
	r := &Records{
		opts: opts, db: db,
		wake: make(chan struct{}, 1), stop: make(chan struct{}), done: make(chan struct{}),
	}
	go r.run(context.WithoutCancel(ctx))
	return r, nil
}

// Record hands a result to the writer. It never waits: where the queue is
// full, the oldest result that waits is dropped and counted.
func (r *Records) Record(res probe.Result) {
	e, err := encode(res)
	if err != nil {
		r.opts.Observer.RecordsDropped(1, DropInvalid)
		r.opts.Logger.Error("result cannot be recorded", "err", err)
		return
	}
	r.mu.Lock()
	switch {
	case r.closed:
		r.mu.Unlock()
		r.opts.Observer.RecordsDropped(1, DropStopped)
		return
	case len(r.queue) >= r.opts.Queue:
		r.queue = append(r.queue[:0], r.queue[1:]...)
		r.opts.Observer.RecordsDropped(1, DropQueueFull)
	}
	r.queue = append(r.queue, e)
	r.mu.Unlock()
	r.signal()
}

// Waiting returns how many results wait to be written.
func (r *Records) Waiting() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.queue)
}

// Close writes what waits, for as long as ctx allows, and closes the file. What
// could not be written is counted as dropped. It may be called again.
func (r *Records) Close(ctx context.Context) error {
	r.mu.Lock()
	r.closed = true
	r.mu.Unlock()
	r.once.Do(func() { close(r.stop) })
	var err error
	select {
	case <-r.done:
	case <-ctx.Done():
		err = fmt.Errorf("records: %w", ctx.Err())
	}
	r.mu.Lock()
	left := len(r.queue)
	r.queue = nil
	r.mu.Unlock()
	if left > 0 {
		r.opts.Observer.RecordsDropped(left, DropStopped)
		err = errors.Join(err, fmt.Errorf("records: %d results were not written", left))
	}
	return errors.Join(err, r.db.Close())
}

// run is the writer: it waits for results, lets them gather for a moment, and
// writes them; after a failure it waits before it tries again.
func (r *Records) run(ctx context.Context) {
	defer close(r.done)
	failing := false
	retention := time.NewTicker(retainEvery)
	defer retention.Stop()
	pause := time.NewTimer(every)
	defer pause.Stop()
	for {
		select {
		case <-r.stop:
			if err := r.flush(ctx, false); err != nil {
				r.opts.Logger.Error("records cannot be written at the end", "path", r.opts.Path, "err", err)
			}
			return
		case <-retention.C:
			r.retain(ctx)
			continue
		case <-r.wake:
		}
		pause.Reset(every)
		select {
		case <-r.stop:
		case <-pause.C:
		}
		err := r.flush(ctx, failing)
		if (err != nil) != failing {
			failing = err != nil
			if failing {
				r.opts.Logger.Error("records cannot be written; results wait in memory", "path", r.opts.Path, "err", err)
			} else {
				r.opts.Logger.Info("records are written again", "path", r.opts.Path)
			}
		}
		if r.Waiting() > 0 {
			r.signal()
		}
	}
}

// signal tells the writer that there is something to write.
func (r *Records) signal() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// flush writes what waits, batch by batch, until nothing does or one fails.
func (r *Records) flush(ctx context.Context, failing bool) error {
	for {
		r.mu.Lock()
		n := min(len(r.queue), batch)
		entries := append([]entry(nil), r.queue[:n]...)
		r.mu.Unlock()
		if n == 0 {
			return nil
		}
		if err := write(ctx, r.db, entries); err != nil {
			r.opts.Observer.RecordsFailed()
			return fmt.Errorf("records: %w", err)
		}
		r.mu.Lock()
		r.forget(entries)
		r.mu.Unlock()
		r.opts.Observer.RecordsWritten(n)
		if failing {
			// One batch at a time after a failure, so that its end is said early.
			return nil
		}
	}
}

// forget takes the written entries off the queue; some of them may have been
// dropped in the meantime.
func (r *Records) forget(written []entry) {
	last := written[len(written)-1].result.ID
	for i := range min(len(r.queue), len(written)) {
		if r.queue[i].result.ID == last {
			r.queue = append(r.queue[:0], r.queue[i+1:]...)
			return
		}
	}
}

// retain deletes what is too old or too much, in small transactions.
func (r *Records) retain(ctx context.Context) {
	if r.opts.Retention == 0 && r.opts.MaxBytes == 0 {
		return
	}
	before := time.Unix(0, 0)
	if r.opts.Retention > 0 {
		before = time.Now().Add(-r.opts.Retention)
	}
	for range 1000 {
		more, err := retain(ctx, r.db, before, r.opts.MaxBytes)
		if err != nil {
			r.opts.Logger.Error("old records cannot be deleted", "path", r.opts.Path, "err", err)
			return
		}
		if !more {
			return
		}
	}
}
