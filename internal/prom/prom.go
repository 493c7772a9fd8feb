// Package prom is hfwatch's time series database, query engine and rule
// engine: Prometheus's own, embedded. It stores what a registry gathered,
// answers PromQL, and evaluates alerting rules at instants its caller names.
//
// It is the only package that imports prometheus/prometheus, whose Go API
// changes with every release; nothing of that module appears in its exported
// signatures. It refuses to keep a clock or a loop of its own (the daemon's
// tick gathers, appends and evaluates at one instant), to scrape, to send
// notifications, and to know any metric or alert by name.
//
// A DB and a Rules are safe for concurrent use; appends are serialised, and
// so are evaluations of one Rules. A Clock is a plain value.
package prom

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/tsdb"
	"github.com/prometheus/prometheus/util/compression"
)

// OutOfOrderWindow is how much older than the newest sample a late batch may
// be. Older ones are refused and counted as ReasonTooOld.
const OutOfOrderWindow = 24 * time.Hour

// ErrLocked is returned by Open when another process, or another DB of this
// one, holds the directory.
var ErrLocked = errors.New("in use by another process; stop it or choose another directory")

// ErrClosed is returned by every method of a DB after Close.
var ErrClosed = errors.New("the database is closed")

// Options says where a DB lives and how much it may use.
type Options struct {
	// Dir holds the blocks and the write-ahead log; it is created if missing.
	Dir string
	// Retention is how long samples are kept, counted from the newest; 0
	// means 60 days.
	Retention time.Duration
	// MaxBytes bounds the blocks on disk, the write-ahead log apart; 0 means
	// no bound.
	MaxBytes int64
	// MaxExemplars bounds the exemplars kept in memory, over all series; 0
	// stores none.
	MaxExemplars int
	// MaxSamples bounds the samples one query holds in memory, about 16 bytes
	// each; 0 means 5 million.
	MaxSamples int
	// QueryTimeout bounds one query, rule evaluations included; 0 means 30 s.
	QueryTimeout time.Duration
	// MaxQueries bounds the queries that run at once, rules apart; others wait
	// for their turn. 0 means 4.
	MaxQueries int
	// Logger receives the database's warnings; its chatter comes at debug
	// level. Nil discards both.
	Logger *slog.Logger
	// Registerer receives Prometheus's own metrics on its storage and engine;
	// nil means that they are not exported.
	Registerer prometheus.Registerer
}

func (o Options) withDefaults() Options {
	if o.Retention <= 0 {
		o.Retention = 60 * 24 * time.Hour
	}
	if o.MaxSamples <= 0 {
		o.MaxSamples = 5_000_000
	}
	if o.QueryTimeout <= 0 {
		o.QueryTimeout = 30 * time.Second
	}
	if o.MaxQueries <= 0 {
		o.MaxQueries = 4
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

// Open returns the database in opts.Dir after replaying its write-ahead log.
// The error is ErrLocked, wrapped, when the directory is already in use.
func Open(opts Options) (*DB, error) {
	if opts.Dir == "" {
		return nil, errors.New("time series database: no directory given")
	}
	opts = opts.withDefaults()
	logger := slog.New(demote{opts.Logger.Handler(), slog.LevelInfo})

	store, err := tsdb.Open(opts.Dir, logger, opts.Registerer, storeOptions(opts), nil)
	if err != nil {
		// The lock is non-blocking flock(2): EWOULDBLOCK is its "held by
		// somebody else".
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("time series database in %s: %w", opts.Dir, ErrLocked)
		}
		return nil, fmt.Errorf("time series database in %s: %w", opts.Dir, err)
	}
	engine := promql.EngineOpts{
		Logger:               logger,
		MaxSamples:           max(1, opts.MaxSamples/mostParts),
		Timeout:              opts.QueryTimeout,
		LookbackDelta:        5 * time.Minute,
		EnableAtModifier:     true,
		EnableNegativeOffset: true,
		Parser:               newParser(),
	}
	parts := promql.NewEngine(engine)
	engine.MaxSamples, engine.Reg = opts.MaxSamples, opts.Registerer
	db := &DB{
		store:   store,
		held:    &held{store: store},
		engine:  promql.NewEngine(engine),
		parts:   parts,
		timeout: opts.QueryTimeout,
		slots:   make(chan struct{}, opts.MaxQueries),
		running: map[uint64]func(){},
	}
	db.feed = newFeed(newest(store), opts.MaxExemplars > 0)
	db.anchor, db.anchored = time.UnixMilli(db.feed.last), time.Now()
	db.found = db.Newest()
	return db, nil
}

// storeOptions sizes Prometheus's storage, whose defaults are for millions of
// series, for the thousands that hfwatch has.
func storeOptions(opts Options) *tsdb.Options {
	o := tsdb.DefaultOptions()
	o.RetentionDuration = opts.Retention.Milliseconds()
	o.MaxBytes = opts.MaxBytes
	// The default of two hours would make hundreds of blocks; a tenth of the
	// retention is what the Prometheus server uses. Less than
	// MinBlockDuration is raised to it by the storage.
	o.MaxBlockDuration = (opts.Retention / 10).Milliseconds()
	o.WALCompression = compression.Snappy
	// A log is truncated by whole segments. The default of 128 MiB keeps
	// hours of a small log that a restart has to replay.
	o.WALSegmentSize = 16 << 20
	o.StripeSize = 512
	o.HeadChunksWriteBufferSize = 256 << 10
	// Two hours of samples, the range of the smallest block, 30 s apart. Twice the
	// default, each chunk's head and its place in the index are paid for half as
	// often.
	o.SamplesPerChunk = 240
	o.NewCompactorFunc = newCompactor
	// Each look at the blocks reads what all of them say of themselves. The default
	// of a minute is for servers whose blocks others write; a compaction that is due
	// is begun by the samples.
	o.BlockReloadInterval = 5 * time.Minute
	o.OutOfOrderTimeWindow = OutOfOrderWindow.Milliseconds()
	// Without it a counter first seen at 1 is an increase of 0.
	o.EnableSTAsZeroSample = true
	o.EnableExemplarStorage = opts.MaxExemplars > 0
	o.MaxExemplars = int64(opts.MaxExemplars)
	return o
}

// newest returns the time of the newest sample in milliseconds, or
// math.MinInt64 of an empty database.
func newest(store *tsdb.DB) int64 {
	at := int64(math.MinInt64)
	// An uninitialised head has its time bounds inverted.
	if head := store.Head(); head.MinTime() <= head.MaxTime() {
		at = head.MaxTime()
	}
	for _, b := range store.Blocks() {
		// A block's bounds are half-open.
		at = max(at, b.MaxTime()-1)
	}
	return at
}

func newParser() parser.Parser { return parser.NewParser(parser.Options{}) }
