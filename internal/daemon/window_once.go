package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/hfwatch/hfwatch/budget"
	"github.com/hfwatch/hfwatch/coldstart"
	"github.com/hfwatch/hfwatch/config"
	"github.com/hfwatch/hfwatch/history"
	"github.com/hfwatch/hfwatch/load"
	"github.com/hfwatch/hfwatch/probe"
	"github.com/hfwatch/hfwatch/probe/hf"
	"github.com/hfwatch/hfwatch/schedule"
)

// Errors of windows by hand.
var (
	// ErrNoWindow is that nothing of that name can be put under load.
	ErrNoWindow = errors.New("there is no such target or mix")
	// ErrNoRecord is that no window of that name is recorded.
	ErrNoRecord = errors.New("no such window is recorded")
	// ErrBusy is that a window runs on the same account or target, or an experiment
	// that lets it sleep.
	ErrBusy = errors.New("a window or an experiment runs on the same target or account")
	// ErrUnaffordable is that a window does not fit a budget.
	ErrUnaffordable = errors.New("a budget has no room for it")
	// ErrCutOff is that the daemon which carried out a window ended before it did.
	ErrCutOff = errors.New("it ended before the window did")
)

// Shape is the load of a window by hand; what is zero stays as configured.
type Shape struct {
	Stages             []config.Stage `json:"stages,omitempty"`
	Users              int            `json:"users,omitempty"`
	ThinkMin, ThinkMax time.Duration  `json:",omitempty"`
	For                time.Duration  `json:",omitempty"`
	Find               string         `json:"find,omitempty"`
	MaxInFlight        int            `json:"max_in_flight,omitempty"`
	Seed               *int64         `json:"seed,omitempty"`
}

// byHand returns the window of a name in a shape.
func byHand(cfg *config.Config, name string, s Shape) (planned, error) {
	p, ok := plannedOf(cfg)[name]
	if !ok {
		for _, m := range cfg.Models {
			if m.Target.Name == name {
				p, ok = planned{name: name, models: []config.Model{m}, Window: config.Window{
					Timeout: m.Target.Timeout, Arrival: config.Arrival{Process: string(load.Constant), Burstiness: 1, TimeScale: 1},
					Abort: config.Abort{ErrorRatio: 0.2, MinRequests: 20, On: []int{402, 429}},
				}}, true
			}
		}
	}
	if !ok {
		return planned{}, fmt.Errorf("%q: %w", name, ErrNoWindow)
	}
	if len(s.Stages) > 0 || s.Users > 0 || s.Find != "" {
		p.Stages, p.Users, p.Find, p.For = s.Stages, s.Users, s.Find, s.For
		p.ThinkMin, p.ThinkMax = s.ThinkMin, s.ThinkMax
		if p.Arrival.Process == string(load.Trace) {
			p.Arrival.Process, p.Arrival.TraceRequests = string(load.Constant), 0
		}
	}
	if s.MaxInFlight > 0 {
		p.MaxInFlight = s.MaxInFlight
	}
	if s.Seed != nil {
		p.Arrival.Seed = probe.Some(*s.Seed)
	}
	if p.MaxInFlight == 0 {
		p.MaxInFlight = max(32, p.Users)
	}
	if len(p.Stages) == 0 && p.Users == 0 && p.Find == "" && p.Arrival.Process != string(load.Trace) {
		return planned{}, fmt.Errorf("%s has no window in the configuration; say which load: --rate and --for, --users and --for, or --find", name)
	}
	return p, nil
}

// Load carries out one window by hand, of a target or mix of the configuration
// in a shape. Where a daemon holds the data directory, it does so in its place
// and books what that costs; else the budget's journal and the records are
// opened for the time. It ends in order, with its record, when ctx does.
func (o Once) Load(ctx context.Context, cfg *config.Config, name string, s Shape, progress func(load.Snapshot)) (load.Window, error) {
	ledger, err := o.ledger(context.WithoutCancel(ctx), cfg)
	if errors.Is(err, budget.ErrLocked) {
		return loadThrough(ctx, cfg.Data.Dir, name, s, progress)
	}
	if err != nil {
		return load.Window{}, err
	}
	client := hf.New(hf.Options{Version: o.Version, Dial: o.Dial})
	defer client.Close()
	if ledger != nil {
		defer func() { _ = ledger.Close() }()
	}
	p, err := byHand(cfg, name, s)
	if err != nil {
		return load.Window{}, err
	}
	if ledger != nil {
		if err := poor(ledger, p); err != nil {
			return load.Window{}, err
		}
	}
	manage := managementOf(cfg, o.Version, o.Dial)
	c := carrier{
		runner: probe.Runner{Exchanger: client, Location: cfg.Location, Version: o.Version}, ledger: ledger, class: budget.Manual,
		trigger: triggerManual, progress: progress, precise: o.Dial == nil,
		look: func(ctx context.Context, m config.Model) (coldstart.Reading, error) {
			e, err := manage.Endpoint(ctx, m.Managed.Namespace, m.Managed.Name, m.Managed.Token)
			return readingOf(e), err
		},
	}
	w, err := c.carry(ctx, p, probe.ID(cfg.Location, name, probe.LaneWindow, time.Now(), 0))
	if err != nil || ledger == nil || !cfg.History {
		return w, err
	}
	return w, o.record(context.WithoutCancel(ctx), cfg, w)
}

// poor returns the first reason why a window does not fit its budgets.
func poor(l *budget.Ledger, p planned) error {
	for name, why := range affordable(l, budget.Manual, p, time.Now()) {
		return fmt.Errorf("%s: %w: %s", name, ErrUnaffordable, why)
	}
	return nil
}

// record writes a window to the records of a configuration.
func (o Once) record(ctx context.Context, cfg *config.Config, w load.Window) error {
	e, err := windowEvent(w)
	if err != nil {
		return err
	}
	r, err := history.Open(ctx, history.Options{Path: filepath.Join(cfg.Data.Dir, "records.db"), Logger: o.Logger})
	if err != nil {
		return err
	}
	r.RecordEvent(e)
	ctx, cancel := context.WithTimeout(ctx, lastWords)
	defer cancel()
	return r.Close(ctx)
}

// Stored returns a recorded window of a target or mix: that of an identity, or
// the last one that was carried out where it is "last". The error is ErrNoRecord
// where there is none.
func (o Once) Stored(ctx context.Context, cfg *config.Config, name, id string) (load.Window, error) {
	ledger, err := o.ledger(ctx, cfg)
	if errors.Is(err, budget.ErrLocked) {
		body, err := inquire(ctx, cfg.Data.Dir, http.MethodGet, "/window?"+url.Values{"name": {name}, "id": {id}}.Encode(), nil)
		if err != nil {
			return load.Window{}, err
		}
		defer func() { _ = body.Close() }()
		var w load.Window
		return w, json.NewDecoder(io.LimitReader(body, 16<<20)).Decode(&w)
	}
	if err != nil {
		return load.Window{}, err
	}
	if ledger == nil {
		return load.Window{}, fmt.Errorf("%s: %w: nothing has been recorded in %s", name, ErrNoRecord, cfg.Data.Dir)
	}
	defer func() { _ = ledger.Close() }()
	path := filepath.Join(cfg.Data.Dir, "records.db")
	if _, err := os.Stat(path); err != nil {
		return load.Window{}, fmt.Errorf("%s: %w: %w", name, ErrNoRecord, err)
	}
	r, err := history.Open(ctx, history.Options{Path: path, Logger: o.Logger})
	if err != nil {
		return load.Window{}, err
	}
	defer func() { _ = r.Close(ctx) }()
	return stored(ctx, r, cfg.Location, name, id)
}

// stored looks a window up in the records.
func stored(ctx context.Context, r *history.Records, location, name, id string) (load.Window, error) {
	events, err := r.Events(ctx, history.EventQuery{Kinds: []history.EventKind{history.KindWindow}, Target: name, Location: location, Limit: 1000})
	if err != nil {
		return load.Window{}, err
	}
	for _, e := range events {
		w, err := windowOf(e)
		if err != nil {
			return w, fmt.Errorf("window %s: %w", e.ID, err)
		}
		if e.ID == id || id == "last" && (w.Verdict == load.Complete || w.Verdict == load.ServerLimited) {
			return w, nil
		}
	}
	return load.Window{}, fmt.Errorf("%s, %s: %w", name, id, ErrNoRecord)
}

// Load carries out one window now, in its lane and from its budget. It refuses
// one beside another on the same target or account, and asks nothing else of
// the target: who loads by hand knows why.
func (d *Daemon) Load(ctx context.Context, name string, s Shape, progress func(load.Snapshot)) (load.Window, error) {
	p, err := byHand(d.now.Load().cfg, name, s)
	if err != nil {
		return load.Window{}, err
	}
	if err := poor(d.ledger, p); err != nil {
		return load.Window{}, err
	}
	var w load.Window
	do := func() {
		id := probe.ID(d.runner.Location, name, probe.LaneWindow, time.Now(), 0)
		w, err = d.carry(ctx, p, id, triggerManual, budget.Manual, progress)
	}
	// A target without a scheduled window has no such lane.
	if refused := d.scheduler.Try(name, probe.LaneWindow, do); errors.Is(refused, schedule.ErrUnknown) {
		do()
	} else if errors.Is(refused, schedule.ErrBusy) {
		return w, fmt.Errorf("%w: %w", ErrBusy, refused)
	} else if refused != nil {
		return w, refused
	}
	return w, err
}
