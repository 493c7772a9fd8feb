package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/hfwatch/hfwatch/config"
	"github.com/hfwatch/hfwatch/history"
	"github.com/hfwatch/hfwatch/hub"
	"github.com/hfwatch/hfwatch/probe"
)

// The pace at which the router's list is read. The router checks its providers
// every six hours and measures them all the time (hub-docs, hub-api.md).
const (
	listEvery = 15 * time.Minute
	// listAgain is the wait after a first failure; it doubles with each.
	listAgain = time.Minute
)

// listingName is the file in the data directory that keeps the list over a
// restart, and maxListing its bound.
const (
	listingName = "router.json"
	maxListing  = 16 << 20
)

// listWait returns how long to wait before the list is read again.
func listWait(failures int) time.Duration {
	if failures == 0 {
		return listEvery
	}
	return min(listEvery, listAgain<<min(failures-1, 10))
}

// catalog is what is known of the router's list. It is safe for concurrent use.
type catalog struct {
	mu     sync.Mutex
	list   *listing
	failed string
	// unpriced are the targets that were told of for want of a price.
	unpriced string
	// wake holds a token when the list is wanted before its time.
	wake chan struct{}
}

// newCatalog returns what is known at first: what a file keeps, or nothing.
func newCatalog(kept *listing) *catalog {
	return &catalog{list: kept, wake: make(chan struct{}, 1)}
}

// known returns the list and why the last attempt to read it failed.
func (c *catalog) known() (*listing, string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.list, c.failed
}

// set puts a list in place and returns the one before.
func (c *catalog) set(l *listing) (before *listing) {
	c.mu.Lock()
	defer c.mu.Unlock()
	before = c.list
	c.list, c.failed = l, ""
	return before
}

// fail notes why the list could not be read, and reports whether that is news.
func (c *catalog) fail(why string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	news := c.failed != why
	c.failed = why
	return news
}

// lacks notes of which targets no price is known, and reports whether that is
// news.
func (c *catalog) lacks(names string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	news := c.unpriced != names
	c.unpriced = names
	return news && names != ""
}

// want asks for the list before its time.
func (c *catalog) want() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// routing returns what a configuration is expanded by: with what is watched
// already, or without.
func (c *catalog) routing(held map[string][]string) routing {
	l, failed := c.known()
	return routing{listing: l, held: held, failed: failed}
}

// keptListing is the form of the file.
type keptListing struct {
	At     time.Time              `json:"at"`
	Models map[string][]hub.Offer `json:"models"`
}

// readListing returns what a file keeps; where there is none that can be read,
// nothing is known.
func readListing(dir string) (*listing, error) {
	none := &listing{}
	f, err := os.Open(filepath.Join(dir, listingName))
	if errors.Is(err, fs.ErrNotExist) {
		return none, nil
	}
	if err != nil {
		return none, err
	}
	data, err := io.ReadAll(io.LimitReader(f, maxListing))
	if err := errors.Join(err, f.Close()); err != nil {
		return none, err
	}
	var kept keptListing
	if err := json.Unmarshal(data, &kept); err != nil {
		return none, fmt.Errorf("%s: %w", listingName, err)
	}
	return &listing{at: kept.At, models: kept.Models}, nil
}

// keepListing writes what the list says of the models of those ids.
func keepListing(dir string, l *listing, ids []string) error {
	kept := keptListing{At: l.at, Models: map[string][]hub.Offer{}}
	for _, id := range ids {
		if offers, ok := l.models[id]; ok {
			kept.Models[id] = offers
		}
	}
	data, err := json.Marshal(kept)
	if err != nil {
		return err
	}
	return replaceFile(filepath.Join(dir, listingName), data)
}

// routerList starts the loop that reads the router's list.
func (d *Daemon) routerList(ctx context.Context) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		d.readRouter(ctx)
	}()
	d.undo.add("router's list", func(context.Context) error {
		cancel()
		<-ended
		return nil
	})
}

// readRouter reads the list at its pace, while the configuration has anything of
// which it speaks.
func (d *Daemon) readRouter(ctx context.Context) {
	failures := 0
	for {
		if asksRouter(d.now.Load().source) {
			if err := d.askRouter(ctx); err != nil {
				failures++
			} else {
				failures = 0
			}
		}
		again := time.NewTimer(listWait(failures))
		select {
		case <-ctx.Done():
			again.Stop()
			return
		case <-again.C:
		case <-d.catalog.wake:
			again.Stop()
		}
	}
}

// askRouter reads the list once and puts it in force.
func (d *Daemon) askRouter(ctx context.Context) error {
	all, err := d.now.Load().manager.Models(ctx)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	d.exporter.RouterListRead(err == nil, time.Now())
	if err != nil {
		if d.catalog.fail(err.Error()) {
			d.logger.Warn("the router's list of models cannot be read; what it said before stays in force", "err", err)
		}
		return err
	}
	d.listed(ctx, listingOf(all, time.Now()))
	return nil
}

// listed puts a list in force: it tells of what changed, watches providers that
// are new, and takes over prices. What a reload has put in place meanwhile is
// what it is put into.
func (d *Daemon) listed(ctx context.Context, l *listing) {
	d.reloading.Lock()
	defer d.reloading.Unlock()
	if d.stopping.Load() {
		return
	}
	before := d.catalog.set(l)
	w := d.now.Load()
	held := heldBy(w.models)
	cfg := w.source.Expand(d.catalog.routing(held))
	if sameTargets(w.cfg, cfg) {
		d.publishListing(w.cfg)
	} else if err := d.adopt(ctx, w.source, held); err != nil {
		d.logger.Error("what the router's list says cannot be put in place", "err", err)
		return
	} else {
		d.scheduler.Update(d.entries())
	}
	if names := unpriced(cfg); d.catalog.lacks(names) {
		d.logger.Warn("money is limited, and neither the file nor the router's list has a price: what these targets cost is not counted", "targets", names)
	}
	if err := keepListing(w.cfg.Data.Dir, l, listingNames(w.source)); err != nil {
		d.logger.Warn("the router's list cannot be kept over a restart", "err", err)
	}
	if before.at.IsZero() {
		return
	}
	for _, m := range d.now.Load().cfg.Models {
		if m.Vacant == nil && config.Listed(m.Target) {
			d.listingChanged(m.Target, listingChanges(before, l, m.Target.Model, m.Target.Provider), l.at)
		}
	}
}

// sameTargets reports whether two expansions of one file are the same: targets,
// and what they cost.
func sameTargets(a, b *config.Config) bool {
	return slices.EqualFunc(a.Models, b.Models, func(x, y config.Model) bool {
		return x.Target.Name == y.Target.Name && x.Target.Price == y.Target.Price && x.Budget == y.Budget && (x.Vacant == nil) == (y.Vacant == nil)
	})
}

// listingChanged tells of changes of what the list says of a target: a counter,
// an event and a line in the log.
func (d *Daemon) listingChanged(t *probe.Target, changes []change, at time.Time) {
	for i, c := range changes {
		d.exporter.Drifted(t.Name, c.What)
		d.targetEvent(history.KindDrift, fmt.Sprintf("listing-%s-%s-%d-%d", t.Location, t.Name, at.UnixNano(), i), at, t.Name, c)
		d.logger.Warn("the router's list changed", "target", t.Name, "before", c.Before, "after", c.After)
	}
}

// vacant hands on the result of a probe of a model that has no provider.
func (d *Daemon) vacant(shot probe.Shot) probe.Result {
	_, v := d.catalog.routing(nil).Providers(shot.Target.Model)
	if v.Outcome == "" {
		v = config.Vacancy{Outcome: probe.Unknown, Why: "the providers of the model are only just known"}
	}
	res := d.runner.Failed(probe.Call{Shot: shot}, errors.New(v.Why))
	call, err := d.runner.Prepare(shot)
	if err == nil {
		res = d.runner.Unsent(call, v.Outcome, v.Why)
	}
	d.hand(res)
	return res
}

// publishListing publishes what the list says of each target.
func (d *Daemon) publishListing(cfg *config.Config) {
	l, _ := d.catalog.known()
	for _, m := range cfg.Models {
		if m.Vacant == nil && config.Listed(m.Target) {
			d.exporter.RouterSays(m.Target.Name, l.figures(m.Target.Model, m.Target.Provider))
		}
	}
}
