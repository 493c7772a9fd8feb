package daemon

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/prometheus/exporter-toolkit/web"

	"github.com/hfwatch/hfwatch/alerts"
	"github.com/hfwatch/hfwatch/config"
	"github.com/hfwatch/hfwatch/exporter"
	"github.com/hfwatch/hfwatch/history"
	"github.com/hfwatch/hfwatch/internal/prom"
	"github.com/hfwatch/hfwatch/probe"
)

// errStopping is returned by Reload once Stop was called.
var errStopping = errors.New("hfwatch is stopping")

// Reload puts the configuration in place that Load returns now. All that can
// fail is done first: on any error the one before goes on as it was. Targets
// whose configuration is unchanged keep their phase and their series.
func (d *Daemon) Reload(ctx context.Context) error {
	// Before the lock, which is held while stopping: a request that waited for
	// it would hold up the end of its own server.
	if d.stopping.Load() {
		return errStopping
	}
	d.reloading.Lock()
	defer d.reloading.Unlock()
	if d.stopping.Load() {
		return errStopping
	}
	err := d.reload(ctx)
	d.exporter.Reloaded(err == nil)
	d.reloaded(err, false)
	if err != nil {
		d.logger.Error("configuration not reloaded; the one before stays in force", "err", err)
		return err
	}
	d.logger.Info("configuration reloaded", "targets", len(d.now.Load().cfg.Models))
	return nil
}

// reload is Reload without its report.
func (d *Daemon) reload(ctx context.Context) error {
	cfg, err := d.load()
	if err != nil {
		return err
	}
	if err := immutable(d.now.Load().cfg, cfg); err != nil {
		return err
	}
	if err := web.Validate(d.opts.WebConfigFile); err != nil {
		return fmt.Errorf("--web.config.file: %w", err)
	}
	if err := d.adopt(ctx, cfg, nil); err != nil {
		return err
	}
	d.scheduler.Update(d.entries())
	if l, _ := d.catalog.known(); l.at.IsZero() && asksRouter(cfg) {
		d.catalog.want()
	}
	d.Resume()
	return nil
}

// loadWithin is how long reading the configuration may take at a reload.
const loadWithin = 10 * time.Second

// load reads the configuration, and gives up on files that do not come, such
// as those of a file system that hangs.
func (d *Daemon) load() (*config.Config, error) {
	if !d.loading.CompareAndSwap(false, true) {
		return nil, errors.New("an earlier reload still waits for the configuration's files")
	}
	type loaded struct {
		cfg *config.Config
		err error
	}
	came := make(chan loaded, 1)
	go func() {
		var l loaded
		defer func() {
			if p := recover(); p != nil {
				l = loaded{nil, fmt.Errorf("reading the configuration panicked: %v", p)}
			}
			// Before it is told, so that the reload after this one finds it so.
			d.loading.Store(false)
			came <- l
		}()
		l.cfg, l.err = d.opts.Load()
	}()
	patience := time.NewTimer(loadWithin)
	defer patience.Stop()
	select {
	case l := <-came:
		return l.cfg, l.err
	case <-patience.C:
		return nil, fmt.Errorf("the configuration's files did not come within %s", loadWithin)
	}
}

// adopt puts a configuration in place, all but its slots. Models at all providers
// are watched at those that the router's list calls live, and at those that are
// held, by the model's id. On an error nothing has changed.
func (d *Daemon) adopt(ctx context.Context, source *config.Config, held map[string][]string) error {
	now := time.Now()
	cfg := source.Expand(d.catalog.routing(held))
	infos := targets(cfg, now)
	if err := exporter.CheckTargets(infos); err != nil {
		return err
	}
	rules := compile(cfg)
	if err := prom.CheckRules(rules); err != nil {
		return fmt.Errorf("alerts: %w", err)
	}
	to := receivers(cfg)
	if d.sender != nil {
		if err := d.sender.Update(to); err != nil {
			return err
		}
	}
	d.handing.Lock()
	defer d.handing.Unlock()
	// Nothing from here on can fail: all of it was checked.
	if d.evaluator.rules != nil {
		if err := d.evaluator.rules.Replace(rules); err != nil {
			return fmt.Errorf("alerts: %w", err)
		}
	}
	if err := d.exporter.SetTargets(infos); err != nil {
		return err
	}
	for _, problem := range cfg.Warnings {
		d.logger.Warn("configuration", "problem", problem.String())
	}
	w := watch(cfg, now)
	w.source = source
	d.exporter.SetReceivers(names(to))
	d.exporter.SetRules(alerts.Names(w.rules))
	d.ledger.SetLimits(cfg.Budget, limits(cfg))
	d.ledger.SetNeed(w.need)
	d.counter.SetRules(w.rules, w.identities)
	d.evidence.Keep(w.identities)
	d.memos.keep(w.models)
	d.drifts.keep(w.models)
	d.healths.keep(w.models)
	d.windows.keep(w.models)
	d.exporter.SetWindows(slices.Collect(maps.Keys(w.planned)), slices.Collect(maps.Keys(w.models)))
	d.tracker.Keep(facts(cfg))
	w.manager = managementOf(cfg, d.opts.Version, d.opts.Dial)
	d.now.Store(w)
	d.windows.stopAll("a reload took it out of the configuration", w.loadable)
	d.adoptAccounts(w)
	d.publishListing(cfg)
	// So that the budgets and maintenance times of before are gone at once.
	d.refresh(ctx)
	d.evaluator.configure(cfg.EvaluationInterval, alerts.Routing{
		Rules: w.rules, Receivers: to, Targets: w.identities,
		Muted:    func(id probe.Identity) bool { return w.maintenance.Muted(id, time.Now()) },
		Silenced: d.silenced,
	})
	return nil
}

// restoreLast is how many results of each target are looked at after a start.
const restoreLast = 50

// restore gives what the records know of each target to those that remember
// the last results. What cannot be read is logged and does without.
func (d *Daemon) restore(ctx context.Context, cfg *config.Config) {
	if d.records == nil {
		return
	}
	d.recall(ctx, cfg)
	for _, m := range cfg.Models {
		name := m.Target.Name
		times, err := d.records.Times(ctx, name, cfg.Location)
		if errors.Is(err, history.ErrUnavailable) {
			// The records have said so themselves.
			return
		}
		if err != nil {
			d.logger.Error("what was known of a target cannot be read", "target", name, "err", err)
			continue
		}
		last, err := d.records.Last(ctx, name, cfg.Location, probe.Baseline, restoreLast)
		if err != nil {
			d.logger.Error("the last results of a target cannot be read", "target", name, "err", err)
		}
		state := exporter.State{FirstSeen: times.FirstSeen, LastResult: times.LastResult, LastSuccess: times.LastSuccess}
		labels := m.Target.Labels
		counted := 0
		for _, res := range last {
			if res.Enters() {
				counted++
			}
			state.Recent = append(state.Recent, res.Counts)
			d.counter.RecordOf(res, labels)
			d.evidence.Record(res)
			d.memos.remember(res)
			d.drifts.learn(res)
			d.windows.note(m.Target, res)
		}
		d.exporter.Restore(name, state)
		d.recallState(ctx, name, cfg.Location, last)
		if len(last) > 0 {
			d.informed.restored(name, counted)
		}
	}
}

// refresh brings up to date what is read from clocks and ledgers and not told.
func (d *Daemon) refresh(ctx context.Context) {
	w, now := d.now.Load(), time.Now()
	used := map[exporter.Budget]float64{}
	for _, u := range d.ledger.Usage(now) {
		used[exporter.Budget{Target: u.Target, Period: u.Period, Unit: u.Unit}] = u.Ratio
	}
	d.exporter.SetBudgets(used)
	d.exporter.SetMaintenance(w.maintained(now))
	d.refreshMaintained(w, now)
	d.exporter.SetVantageDown(d.network.Down(now))
	d.refreshSilences(ctx, now)
	d.states(now)
}
