// Package budget decides whether a request may be sent: it reserves the most
// that the request can take from the limits on requests, tokens and money, per
// target and in all, per UTC day and month, and books what it took.
//
// What is reserved counts as spent at its ceiling until it is settled, also
// after a crash: every reservation stands in a journal before Reserve returns.
// The package does not decide when to send, does not know prices, and never
// estimates: callers bring ceilings and amounts.
//
// All methods of a Ledger may be called from several goroutines. Reserve makes
// one write and never waits for a disk to sync; one goroutine syncs each second.
package budget

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/hfwatch/hfwatch/internal/disk"
)

// Errors of a Ledger, to be told apart with errors.Is.
var (
	// ErrUnknown is that the journal cannot be written for a target with limits of
	// its own, or with a price: what would be spent could be forgotten, so it is
	// not spent.
	ErrUnknown = errors.New("budget unknown")
	// ErrLocked is that another process has the folder open.
	ErrLocked = errors.New("another hfwatch has it open")
	// ErrClosed is that the ledger was closed.
	ErrClosed = errors.New("the budget ledger is closed")
)

// The files in a ledger's folder.
const (
	journalName = "budget.journal"
	lockName    = "budget.lock"
)

const (
	// defaultMaxBytes is the size at which the journal is compacted.
	defaultMaxBytes = 8 << 20
	// syncEvery is how often the journal is made safe from a loss of power.
	syncEvery = time.Second
)

// Options are what a ledger is opened with.
type Options struct {
	// Dir is the folder of the journal. It is created if it is missing.
	Dir string
	// Logger says what went wrong with the journal. Nil says nothing.
	Logger *slog.Logger
	// FS is the file system of the journal; nil is the machine's own. The lock
	// is always on the machine's own.
	FS disk.FS
	// MaxBytes is the size at which the journal is compacted; 0 is 8 MiB.
	MaxBytes int64
}

// NeedFunc returns what the baselines that remain from now to the period's end
// need, those of one target, or with an empty target those of all. It is
// called without locks and may not block.
type NeedFunc func(target string, now, periodEnd time.Time) Amount

// Ledger holds what was spent, and admits what may be.
type Ledger struct {
	log     *slog.Logger
	lock    *os.File
	journal *journal
	corrupt int
	epoch   string
	stop    chan struct{}
	stopped sync.WaitGroup
	closing sync.Once
	closed  error

	mu      sync.Mutex
	done    bool
	next    uint64
	global  Limits
	targets map[string]Limits
	need    NeedFunc
	books   *books
	// pending are lines that go with the next write. To lose them only makes
	// leases count at their ceilings.
	pending []byte
	// rewrite asks the syncing goroutine to compact.
	rewrite bool
}

// Open reads the journal in a folder, or begins one, and locks the folder. A
// journal that cannot be written does not fail it: Err says so then, and
// paid targets are withheld until it can be. The context ends the reading;
// Close ends the ledger. The error wraps ErrLocked if another process has the
// folder.
func Open(ctx context.Context, o Options) (*Ledger, error) {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.FS == nil {
		o.FS = disk.OS{}
	}
	if o.MaxBytes <= 0 {
		o.MaxBytes = defaultMaxBytes
	}
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("budget: %w", err)
	}
	held, err := lock(o.Dir)
	if err != nil {
		return nil, fmt.Errorf("budget: %w", err)
	}
	j := newJournal(o.FS, filepath.Join(o.Dir, journalName), o.MaxBytes)
	said, err := j.read(ctx)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("budget: %s: %w", j.path, err), unlock(held))
	}
	l := &Ledger{
		log: o.Logger, lock: held, journal: j, corrupt: said.corrupt, epoch: rand.Text(), stop: make(chan struct{}),
		targets: map[string]Limits{}, books: said.books,
	}
	if said.torn {
		l.log.Warn("the budget journal's last line was cut off and is left out", "path", j.path)
	}
	if said.corrupt > 0 {
		l.log.Error("the budget journal has corrupt lines, what they said is not counted",
			"path", j.path, "lines", said.corrupt, "first", said.firstCorrupt)
	}
	// Writing it anew gives a clean end to append to.
	l.compact()
	l.stopped.Go(l.run)
	return l, nil
}

// Close writes what is pending, syncs and unlocks. It returns what failed; all
// calls after the first return the same. Open leases count at their ceilings.
func (l *Ledger) Close() error {
	l.closing.Do(func() {
		close(l.stop)
		l.stopped.Wait()
		l.mu.Lock()
		rewrite := l.rewrite
		l.mu.Unlock()
		if rewrite || l.Err() != nil {
			l.compact()
		}
		l.mu.Lock()
		l.done = true
		l.flush()
		l.mu.Unlock()
		err := errors.Join(l.journal.sync(), l.journal.close(), unlock(l.lock))
		if err != nil {
			l.closed = fmt.Errorf("budget: closing the journal: %w", err)
		}
	})
	return l.closed
}

// SetLimits replaces all limits: those of all targets together and those of
// each. What was spent stays.
func (l *Ledger) SetLimits(global Limits, targets map[string]Limits) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.global, l.targets = global, maps.Clone(targets)
	delete(l.targets, "")
}

// SetNeed replaces what says what the remaining baselines need. Nil keeps
// nothing for them.
func (l *Ledger) SetNeed(need NeedFunc) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.need = need
}

// Corrupt returns how many lines of the journal could not be read at Open.
func (l *Ledger) Corrupt() int { return l.corrupt }

// Err returns why the journal cannot be written, or nil if it can.
func (l *Ledger) Err() error { return l.journal.failure() }

// limitsOf returns a target's limits, or the global ones for an empty name.
// The caller holds the lock.
func (l *Ledger) limitsOf(target string) Limits {
	if target == "" {
		return l.global
	}
	return l.targets[target]
}

// run syncs the journal each second, and compacts it when asked.
func (l *Ledger) run() {
	tick := time.NewTicker(syncEvery)
	defer tick.Stop()
	for {
		select {
		case <-l.stop:
			return
		case <-l.journal.full:
			l.compact()
		case <-tick.C:
			l.mu.Lock()
			rewrite := l.rewrite
			l.flush()
			l.mu.Unlock()
			if !rewrite {
				l.report(l.journal.sync())
			}
			if rewrite || l.Err() != nil {
				l.compact()
			}
		}
	}
}

// flush writes the pending lines. The caller holds the lock.
func (l *Ledger) flush() {
	if len(l.pending) > 0 {
		l.report(l.commit(nil, false))
	}
}

// commit appends the pending lines and one more in one write. A line that must
// be written is forgotten if it could not be; the others stand in the books,
// from which the journal is rewritten once it can be. The caller holds the lock.
func (l *Ledger) commit(line []byte, must bool) error {
	err := l.journal.append(l.pending, line, must)
	l.pending = l.pending[:0]
	return err
}

// compact rewrites the journal from the books, which also repairs one that
// could not be written. Only one goroutine at a time calls it: Open, then the
// syncing one, then Close.
func (l *Ledger) compact() {
	l.mu.Lock()
	l.flush()
	text, err := l.books.snapshot()
	if err == nil {
		l.rewrite = false
		l.journal.beginTail()
	}
	l.mu.Unlock()
	failed := l.journal.failing()
	if err == nil {
		err = l.journal.replace(text)
	}
	if err != nil {
		l.mu.Lock()
		l.rewrite = true
		l.mu.Unlock()
	} else if failed {
		l.log.Info("the budget journal can be written again", "path", l.journal.path)
	}
	l.report(err)
}

// report logs the first of a row of failures.
func (l *Ledger) report(err error) {
	if l.journal.first(err) {
		l.log.Error("writing the budget journal failed, it is tried again each second",
			"path", l.journal.path, "withholds_paid_targets", l.Err() != nil, "err", err)
	}
}
