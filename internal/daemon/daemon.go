// Package daemon owns the lifetimes of everything that watches: it builds the
// parts from a configuration, wires each result to whom it concerns, replaces
// the configuration while probing goes on, and stops in order.
//
// It is the only wiring and the only fan-out. It refuses to decide anything
// that a package below can decide from values, and to touch the process:
// signals, exit codes and flags are the command's. A Daemon is used as New,
// Start, any number of Reloads, Stop; its methods may be called from several
// goroutines.
package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hfwatch/hfwatch/alerts"
	"github.com/hfwatch/hfwatch/alerts/notify"
	"github.com/hfwatch/hfwatch/budget"
	"github.com/hfwatch/hfwatch/coldstart"
	"github.com/hfwatch/hfwatch/config"
	"github.com/hfwatch/hfwatch/exporter"
	"github.com/hfwatch/hfwatch/fault"
	"github.com/hfwatch/hfwatch/history"
	"github.com/hfwatch/hfwatch/internal/prom"
	"github.com/hfwatch/hfwatch/probe"
	"github.com/hfwatch/hfwatch/probe/hf"
	"github.com/hfwatch/hfwatch/schedule"
)

// Options are what a Daemon is made of besides its configuration.
type Options struct {
	// Load reads and checks the configuration, at start and at every reload.
	Load func() (*config.Config, error)
	// Version is hfwatch's own.
	Version string
	// Logger must not be nil.
	Logger *slog.Logger
	// Listener serves pages and /metrics; nil serves none.
	Listener net.Listener
	// ExternalURL is where people reach this hfwatch; messages name it.
	ExternalURL string
	// WebConfigFile is exporter-toolkit's file for TLS and passwords; empty is
	// none.
	WebConfigFile string
	// Lifecycle opens /-/reload, and Probe opens /probe, to the network.
	Lifecycle, Probe bool
	// Grace is how long probes in flight may go on when stopping; 0 is 30 s.
	Grace time.Duration
	// Dial makes the connections of probes and notifications; nil is the
	// network's own.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// defaultGrace is how long probes in flight may go on when stopping.
const defaultGrace = 30 * time.Second

// recordsName is the file of records in the data directory.
const recordsName = "records.db"

// Daemon is a running watch.
type Daemon struct {
	opts   Options
	logger *slog.Logger

	exporter *exporter.Exporter
	client   *hf.Client
	runner   probe.Runner
	ledger   *budget.Ledger
	// records is nil where history is off.
	records   *history.Records
	counter   *alerts.Counter
	evidence  *alerts.Evidence
	accounts  *fault.Accounts
	network   fault.Network
	tracker   *coldstart.Tracker
	catalog   *catalog
	scheduler *schedule.Scheduler
	evaluator *evaluator
	trusted   trusted
	// silences are nil where alerting is off; sender then tells of Watchdog alone.
	sender   *notify.Sender
	silences *alerts.Silences
	informed informed
	drills   drills

	// heeding keeps what accounts are told, and what follows, in one order;
	// controlling keeps it to one dial of the control at a time; checking holds a
	// token when the checks of accounts have changed.
	heeding, controlling sync.Mutex
	checking             chan struct{}

	now   atomic.Pointer[watched]
	ready atomic.Bool
	memos memos
	// drifts and healths are what is known of targets' answers and engines.
	drifts  drifts
	healths healths
	// windows are the load windows under way.
	windows *windows

	// handing is held to read while a result is handed on, and to write while
	// another configuration is put in place: a result of a target that is being
	// removed must not bring back what the reload has just forgotten.
	handing   sync.RWMutex
	reloading sync.Mutex
	loading   atomic.Bool
	undo      cleanups
	drainOnce sync.Once
	drained   error
	stopping  atomic.Bool
	// ending is closed when Stop begins.
	ending   chan struct{}
	stopOnce sync.Once
	stopped  error
}

// New builds a daemon from its configuration. Nothing is probed before Start.
// What was built is taken down again where something fails.
func New(ctx context.Context, o Options) (*Daemon, error) {
	if o.Grace <= 0 {
		o.Grace = defaultGrace
	}
	cfg, err := o.Load()
	if err != nil {
		return nil, err
	}
	d := &Daemon{opts: o, logger: o.Logger, accounts: fault.NewAccounts(), checking: make(chan struct{}, 1), ending: make(chan struct{})}
	if err := d.build(ctx, cfg); err != nil {
		return nil, errors.Join(err, d.undo.run(context.WithoutCancel(ctx)))
	}
	return d, nil
}

// build makes the parts, each with what takes it down again.
func (d *Daemon) build(ctx context.Context, cfg *config.Config) error {
	o := d.opts
	d.exporter = exporter.New(exporter.Options{Location: cfg.Location, Version: o.Version, Logger: o.Logger})
	d.client = hf.New(hf.Options{Version: o.Version, Dial: o.Dial})
	d.undo.add("connections", func(context.Context) error { d.client.Close(); return nil })
	d.runner = probe.Runner{Exchanger: d.client, Location: cfg.Location, Version: o.Version}
	d.counter, d.evidence, d.tracker = alerts.NewCounter(), alerts.NewEvidence(), coldstart.NewTracker()
	d.windows = newWindows()
	if err := d.exporter.Registerer().Register(d.counter); err != nil {
		return fmt.Errorf("series of alerts: %w", err)
	}
	if err := d.open(ctx, cfg); err != nil {
		return err
	}
	if err := d.alerting(ctx, cfg); err != nil {
		return err
	}
	d.scheduler = schedule.New(ctx, schedule.Options{Logger: o.Logger, Observer: slots{d.exporter}})
	d.undo.add("scheduler", d.drain)
	kept, err := readListing(cfg.Data.Dir)
	if err != nil {
		d.logger.Warn("what the router's list said before the restart cannot be read", "err", err)
	}
	d.catalog = newCatalog(kept)
	if !kept.at.IsZero() {
		d.exporter.RouterListKept(kept.at)
	}
	if err := d.adopt(ctx, cfg, nil); err != nil {
		return err
	}
	d.exporter.Reloaded(true)
	d.reloaded(nil, true)
	d.restore(ctx, d.now.Load().cfg)
	d.restoreWindows(ctx)
	d.restoreEpisodes(ctx)
	return nil
}

// open opens what is on the disk: budgets, records and series.
func (d *Daemon) open(ctx context.Context, cfg *config.Config) error {
	if err := os.MkdirAll(cfg.Data.Dir, 0o700); err != nil {
		return fmt.Errorf("data.dir: %w", err)
	}
	ledger, err := budget.Open(ctx, budget.Options{Dir: cfg.Data.Dir, Logger: d.logger})
	if err != nil {
		return err
	}
	d.ledger = ledger
	d.undo.add("budget", func(context.Context) error { return ledger.Close() })
	if cfg.History {
		d.records, err = history.Open(ctx, history.Options{
			Path: filepath.Join(cfg.Data.Dir, recordsName), Retention: cfg.Data.Retention,
			MaxBytes: cfg.Data.MaxSize / 4, Now: d.trusted.now, Logger: d.logger, Observer: records{d.exporter},
		})
		if err != nil {
			return err
		}
		d.undo.add("records", within(d.records.Close))
	}
	return nil
}

// alerting opens the series and makes the tick and the sender, with rules where
// alerting is on.
func (d *Daemon) alerting(ctx context.Context, cfg *config.Config) error {
	d.evaluator = &evaluator{
		gatherer: d.exporter.Gatherer(), watch: d.exporter, logger: d.logger, every: cfg.EvaluationInterval,
		location: cfg.Location, origin: time.Now(), trust: &d.trusted, refresh: d.refresh, changed: d.changed, tell: d.evidence.Tell, stepped: d.stepped,
		silenced: d.exporter.SetSilenced,
	}
	if err := d.openSeries(cfg); err != nil {
		return err
	}
	state, err := d.openState(ctx, cfg)
	if err != nil {
		return err
	}
	if cfg.Alerting {
		rules, err := prom.NewRules(d.evaluator.db, compile(cfg), prom.RulesOptions{ExternalURL: d.opts.ExternalURL, Logger: d.logger, Known: d.known})
		if err != nil {
			return fmt.Errorf("alerts: %w", err)
		}
		d.evaluator.table, d.evaluator.rules = alerts.NewTable(state, d.logger), rules
		rules.Restore(d.evaluator.table.Alerts())
		if d.silences, err = alerts.NewSilences(state, d.logger); err != nil {
			return err
		}
	}
	// Where a central Prometheus evaluates the rules, Watchdog alone is told of: a
	// dead man's switch must notice that hfwatch itself is gone.
	o := d.notifyOptions()
	o.Store, o.DeadLetters = state, d.openLetters(cfg)
	if d.sender, err = notify.New(ctx, receivers(cfg), o); err != nil {
		return err
	}
	d.undo.add("notifications", within(d.sender.Stop))
	d.evaluator.sender = d.sender
	return nil
}

// openSeries opens the series, where anything reads them.
func (d *Daemon) openSeries(cfg *config.Config) error {
	if !cfg.Alerting && !cfg.History {
		return nil
	}
	retention, size := cfg.Data.Retention, cfg.Data.MaxSize*3/4
	if !cfg.History {
		retention = longest(cfg.Alerts)
	}
	db, err := prom.Open(prom.Options{Dir: filepath.Join(cfg.Data.Dir, "series"), Retention: retention, MaxBytes: size, Logger: d.logger})
	if err != nil {
		return err
	}
	d.evaluator.db, d.evaluator.clock, d.evaluator.last = db, prom.NewClock(db.Newest()), db.Newest()
	d.undo.add("series", func(context.Context) error { return db.Close() })
	if cfg.History {
		d.evaluator.hourly, err = prom.NewHourly(db, alerts.Hourly(alerts.NativeHistograms, cfg.EvaluationInterval), d.logger)
	}
	return err
}

// Start begins to probe, to evaluate and to serve.
func (d *Daemon) Start(ctx context.Context) error {
	d.evaluator.start(ctx)
	d.undo.add("evaluation", func(ctx context.Context) error { d.evaluator.stop(ctx); return nil })
	d.reporting(ctx)
	if err := d.remotes(ctx); err != nil {
		return err
	}
	d.scheduler.Update(d.entries())
	d.goAccounts(ctx)
	d.routerList(ctx)
	d.goLooks(ctx)
	if err := d.serve(ctx); err != nil {
		return err
	}
	d.ready.Store(true)
	w := d.now.Load()
	d.logger.Info("watching", "targets", len(w.cfg.Models), "location", w.cfg.Location, "version", d.opts.Version)
	return nil
}

// Stop starts no new probes and gives those in flight the grace time, while
// pages still answer and samples are still stored; then it ends everything else
// in the reverse order of its start: pages, a last evaluation, what is left to
// deliver and to write, as long as ctx allows. Its error joins those of all
// parts; a second call returns the same.
func (d *Daemon) Stop(ctx context.Context) error {
	d.stopOnce.Do(func() {
		d.ready.Store(false)
		d.stopping.Store(true)
		close(d.ending)
		d.reloading.Lock()
		defer d.reloading.Unlock()
		d.windows.stopAll("hfwatch was stopped", func(string) bool { return false })
		// The scheduler's own cleanup says how that went.
		_ = d.drain(ctx)
		d.follow(d.tracker.Interrupt(time.Now()))
		d.stopped = d.undo.run(ctx)
	})
	return d.stopped
}

// drain stops the scheduler within the grace time. Later calls return what the
// first did.
func (d *Daemon) drain(ctx context.Context) error {
	d.drainOnce.Do(func() {
		ctx, cancel := context.WithTimeoutCause(ctx, d.opts.Grace, errors.New("the grace time is over"))
		defer cancel()
		d.drained = d.scheduler.Stop(ctx)
	})
	return d.drained
}

// Addr returns where pages are served; nil where none are.
func (d *Daemon) Addr() net.Addr {
	if d.opts.Listener == nil {
		return nil
	}
	return d.opts.Listener.Addr()
}
