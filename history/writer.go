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

// Records is a file of records and its writer.
type Records struct {
	opts Options

	mu      sync.Mutex
	queue   []entry // oldest first, bounded by opts.Queue and queueBytes
	seq     uint64  // of the last entry
	waiting int     // bytes of text in the queue
	sampler sampler
	closed  bool    // nothing more is recorded
	gone    bool    // the file is closed and must not be opened any more
	db      *sql.DB // nil while the file is not open
	why     error   // why db is nil

	// These are the writer's, and Open's before it starts.
	uncounted recent    // sampled results that were committed
	spoilt    error     // the file is to be set aside, and why
	aside     time.Time // when one was last
	unrolled  bool      // results may await their hours

	turned chan struct{} // closed at the end of each of the writer's rounds
	failed error         // why the last round failed

	wake  chan struct{} // holds one token when there is something to write
	hurry chan struct{} // holds one token when somebody waits for it
	stop  chan struct{}
	done  chan struct{}
	once  sync.Once
}

// Open opens the records, makes them where there are none, and starts the
// writer, which works until Close. It fails where the directory does not exist,
// where a newer hfwatch wrote the file, and where ctx is done; the error names
// the file. A file that cannot be opened otherwise is logged, and opened by the
// writer as soon as it can be.
func Open(ctx context.Context, opts Options) (*Records, error) {
	if opts.Queue == 0 {
		opts.Queue = DefaultQueue
	}
	if opts.Observer == nil {
		opts.Observer = nobody{}
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if err := checkDir(opts.Path); err != nil {
		return nil, fmt.Errorf("records: %w", err)
	}
	r := &Records{
		opts: opts, why: errors.New("not opened yet"), unrolled: true,
		turned: make(chan struct{}), hurry: make(chan struct{}, 1),
		wake: make(chan struct{}, 1), stop: make(chan struct{}), done: make(chan struct{}),
	}
	_, err := r.connect(ctx)
	if err != nil {
		if errors.Is(err, errNewer) || ctx.Err() != nil {
			return nil, fmt.Errorf("records: %w", err)
		}
		opts.Logger.Error("records cannot be opened; results wait in memory", "path", opts.Path, "err", err)
	}
	go r.run(context.WithoutCancel(ctx), err != nil)
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
	r.enqueue(e)
}

// enqueue puts an entry into the queue without waiting.
func (r *Records) enqueue(e entry) {
	r.mu.Lock()
	if r.closed {
		r.mu.Unlock()
		r.opts.Observer.RecordsDropped(1, DropStopped)
		return
	}
	n, left := 0, r.waiting+len(e.text)
	for n < len(r.queue) && (len(r.queue)-n >= r.opts.Queue || left > queueBytes) {
		left -= len(r.queue[n].text)
		n++
	}
	if n > 0 {
		r.queue = append(r.queue[:0], r.queue[n:]...)
		r.opts.Observer.RecordsDropped(n, DropQueueFull)
	}
	e.sampled = e.event == nil && r.sampler.sampled(e.result, time.Now())
	r.seq++
	e.seq = r.seq
	r.queue, r.waiting = append(r.queue, e), left
	r.mu.Unlock()
	r.signal()
}

// Waiting returns how many results and events wait to be written.
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
	db := r.db
	r.db, r.gone = nil, true
	r.mu.Unlock()
	if left > 0 {
		r.opts.Observer.RecordsDropped(left, DropStopped)
		err = errors.Join(err, fmt.Errorf("records: %d results were not written", left))
	}
	if db != nil {
		err = errors.Join(err, db.Close())
	}
	return err
}

// run is the writer: it waits for results, lets them gather for a moment, and
// writes them; after a failure it waits before it tries again. It is failing
// from the start where the file could not be opened.
func (r *Records) run(ctx context.Context, failing bool) {
	defer close(r.done)
	retention := time.NewTicker(retainEvery)
	defer retention.Stop()
	rolling := time.NewTicker(rollEvery)
	defer rolling.Stop()
	pause := time.NewTimer(every)
	defer pause.Stop()
	for {
		select {
		case <-r.stop:
			r.finish(ctx)
			return
		case <-retention.C:
			r.retain(ctx)
			continue
		case <-rolling.C:
			r.roll(ctx)
			continue
		case <-r.wake:
		}
		pause.Reset(every)
		select {
		case <-r.stop:
			r.finish(ctx)
			return
		case <-r.hurry:
		case <-pause.C:
		}
		err := r.flush(ctx, failing)
		r.turn(err)
		r.unrolled = true
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

// finish writes what waits at the end, in one attempt.
func (r *Records) finish(ctx context.Context) {
	err := r.flush(ctx, false)
	r.turn(err)
	if err != nil {
		r.opts.Logger.Error("records cannot be written at the end", "path", r.opts.Path, "err", err)
		return
	}
	r.unrolled = true
	r.roll(ctx)
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
		if err := r.commit(ctx, entries); err != nil {
			r.opts.Observer.RecordsFailed()
			return fmt.Errorf("records: %w", err)
		}
		for _, e := range entries {
			if e.sampled {
				r.uncounted.add(e.result.ID)
			}
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

// commit writes one batch, into a file opened now where it was not.
func (r *Records) commit(ctx context.Context, entries []entry) error {
	db, err := r.connect(ctx)
	if err != nil {
		return err
	}
	err = write(ctx, db, entries, r.uncounted.has)
	if corrupt(err) {
		err = errors.Join(err, r.part(ctx, db, err))
	}
	return err
}

// forget takes the written entries off the queue; some of them may have been
// dropped in the meantime.
func (r *Records) forget(written []entry) {
	last := written[len(written)-1].seq
	n := 0
	for n < len(r.queue) && r.queue[n].seq <= last {
		r.waiting -= len(r.queue[n].text)
		n++
	}
	r.queue = append(r.queue[:0], r.queue[n:]...)
}
