package prom

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"sync"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/tsdb"
)

// futureLimit is how far ahead of the clock an instant may be appended. The
// storage itself takes any future sample and then refuses all later ones that
// are more than OutOfOrderWindow older.
const futureLimit = 10 * time.Minute

// DB is the embedded time series database with its query engine. Open makes
// it, Close releases it.
type DB struct {
	store  *tsdb.DB
	held   *held // what store could not write, and the way to it
	engine *promql.Engine
	// parts evaluates parts of range queries, with a part of the bound on samples.
	parts   *promql.Engine
	timeout time.Duration
	found   time.Time     // the newest sample at Open; zero if there was none
	slots   chan struct{} // one token a running query

	feedMu   sync.Mutex // guards what follows, and serialises appends
	feed     *feed
	anchor   time.Time // the newest instant known, and
	anchored time.Time // when it was, with a monotonic reading

	mu      sync.Mutex // guards what follows
	closed  bool
	nextID  uint64
	running map[uint64]func() // cancels each call in progress
	calls   sync.WaitGroup

	closing  sync.Once
	closeErr error
}

// Append is AppendSkewed without a skew: at is what the wall clock says.
func (db *DB) Append(ctx context.Context, at time.Time, families []*dto.MetricFamily) (Appended, error) {
	return db.AppendSkewed(ctx, at, 0, families)
}

// AppendSkewed writes one sample of every series in families at the instant at, in
// milliseconds; timestamps inside the families are ignored. Histograms that
// have a native form are stored in it alone, others and summaries as their
// classic series. A counter or histogram that appeared since the last Append
// starts from zero at its created timestamp, so that its first value counts as
// an increase.
//
// Zero counters are written: which exist from the start is the registry's
// decision and rules such as `increase(x[1h]) == 0` need them. A native
// histogram without observations is not written before its first one.
//
// Series that the last Append had and this one has not are ended with stale
// markers. An instant before the last Append's is a late batch: it is written
// up to OutOfOrderWindow back, and ends no series.
//
// The skew is at less the reading of the wall clock, while a Clock holds the
// two apart. It is added to start times and to the gauges whose name ends in
// _timestamp_seconds, so that `time() - x` stays the age of x.
//
// A sample that the storage refuses is counted by reason in Appended and is
// not an error. The error says that nothing was written: the context was done,
// the DB closed, the instant in the future (ErrFuture), or the log not
// writable, where the samples are held in memory (ErrHeld). Writing the same values at the same instant again changes nothing.
func (db *DB) AppendSkewed(ctx context.Context, at time.Time, skew time.Duration, families []*dto.MetricFamily) (Appended, error) {
	ctx, end, err := db.begin(ctx)
	if err != nil {
		return Appended{}, err
	}
	defer end()
	db.feedMu.Lock()
	defer db.feedMu.Unlock()

	if err := context.Cause(ctx); err != nil {
		return Appended{}, fmt.Errorf("append: %w", err)
	}
	if err := db.guard(at); err != nil {
		n := 0
		for _, f := range families {
			n += len(f.GetMetric())
		}
		return Appended{Refused: map[Reason]int{ReasonFuture: n}}, err
	}
	// What was held is written first, so that its series go on in order. Where
	// that fails, so does what follows.
	_ = db.held.flush(ctx)
	app := db.held.appender(ctx)
	out, err := db.feed.append(app, at.UnixMilli(), skew, families)
	if err != nil {
		return out, fmt.Errorf("append: %w", err)
	}
	if at.After(db.anchor) {
		db.anchor, db.anchored = at, time.Now()
	}
	if app.err != nil {
		return out, fmt.Errorf("append: %w: %w", ErrHeld, app.err)
	}
	return out, nil
}

// ErrFuture is returned by Append for an instant too far ahead of the clock.
var ErrFuture = errors.New("instant lies in the future")

// guard refuses instants that are ahead both of the wall clock and of the
// newest instant plus what has elapsed since. The second lets a Clock go on
// from where it was after the wall clock was set back.
func (db *DB) guard(at time.Time) error {
	now := time.Now()
	limit := now
	if projected := db.anchor.Add(now.Sub(db.anchored)); projected.After(limit) {
		limit = projected
	}
	if ahead := at.Sub(limit); ahead > futureLimit {
		return fmt.Errorf("append: %w: %s is %s ahead of the clock", ErrFuture, at.UTC().Format(time.RFC3339), ahead.Round(time.Second))
	}
	return nil
}

// Newest returns the time of the newest sample that a live Append wrote or
// that Open found, or the zero time of an empty database.
func (db *DB) Newest() time.Time {
	db.feedMu.Lock()
	defer db.feedMu.Unlock()
	if db.feed.last == math.MinInt64 {
		return time.Time{}
	}
	return time.UnixMilli(db.feed.last).UTC()
}

// Compact does at once what the database does by itself within minutes: samples
// older than three hours move from memory and log to blocks, and blocks are
// merged. Whoever appends faster than time passes calls it.
func (db *DB) Compact(ctx context.Context) error {
	ctx, end, err := db.begin(ctx)
	if err != nil {
		return err
	}
	defer end()
	if err := db.store.Compact(ctx); err != nil {
		return fmt.Errorf("compacting the time series database: %w", err)
	}
	return nil
}

// Close cancels what is running, waits for it, and closes the files. It writes
// no stale markers: after a restart every series goes on where it was. Later
// calls return what the first did.
func (db *DB) Close() error {
	db.closing.Do(func() {
		db.mu.Lock()
		db.closed = true
		for _, cancel := range db.running {
			cancel()
		}
		db.mu.Unlock()
		db.calls.Wait()
		if err := db.store.Close(); err != nil {
			db.closeErr = fmt.Errorf("closing the time series database: %w", err)
		}
	})
	return db.closeErr
}

// begin admits one call and returns the function that ends it. The storage
// unmaps its files on Close, so that no call may outlive it.
func (db *DB) begin(parent context.Context) (context.Context, func(), error) {
	db.mu.Lock()
	defer db.mu.Unlock()
	if db.closed {
		return nil, nil, ErrClosed
	}
	ctx, cancel := context.WithCancelCause(parent)
	id := db.nextID
	db.nextID++
	db.running[id] = func() { cancel(ErrClosed) }
	db.calls.Add(1)
	return ctx, func() {
		cancel(nil)
		db.mu.Lock()
		delete(db.running, id)
		db.mu.Unlock()
		db.calls.Done()
	}, nil
}

// demote is a slog handler that passes records up to level on as debug
// records, since Prometheus reports routine work at info.
type demote struct {
	slog.Handler
	upTo slog.Level
}

func (d demote) Enabled(ctx context.Context, level slog.Level) bool {
	if level <= d.upTo {
		level = min(level, slog.LevelDebug)
	}
	return d.Handler.Enabled(ctx, level)
}

func (d demote) Handle(ctx context.Context, r slog.Record) error {
	if r.Level <= d.upTo {
		r.Level = min(r.Level, slog.LevelDebug)
	}
	return d.Handler.Handle(ctx, r)
}

func (d demote) WithAttrs(attrs []slog.Attr) slog.Handler {
	return demote{d.Handler.WithAttrs(attrs), d.upTo}
}

func (d demote) WithGroup(name string) slog.Handler {
	return demote{d.Handler.WithGroup(name), d.upTo}
}
