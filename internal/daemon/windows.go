package daemon

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/hfwatch/hfwatch/alerts"
	"github.com/hfwatch/hfwatch/budget"
	"github.com/hfwatch/hfwatch/coldstart"
	"github.com/hfwatch/hfwatch/config"
	"github.com/hfwatch/hfwatch/internal/prom"
	"github.com/hfwatch/hfwatch/load"
	"github.com/hfwatch/hfwatch/probe"
	"github.com/hfwatch/hfwatch/schedule"
	"github.com/hfwatch/hfwatch/series"
)

// windowEntries returns the lanes of windows.
func (d *Daemon) windowEntries(w *watched) []schedule.Entry {
	var out []schedule.Entry
	for name, p := range w.planned {
		if p.Schedule.IsZero() {
			continue
		}
		var groups []schedule.Group
		for _, m := range p.models {
			for _, g := range []string{"window on target " + m.Target.Name, "window on " + account(m.Target)} {
				if one := (schedule.Group{Name: g, Limit: 1}); !slices.Contains(groups, one) {
					groups = append(groups, one)
				}
			}
		}
		out = append(out, schedule.Entry{
			Target: name, Lane: probe.LaneWindow, Schedule: p.Schedule, Groups: groups,
			Skip: func(due time.Time) bool {
				w := d.now.Load()
				return slices.ContainsFunc(w.planned[name].models, func(m config.Model) bool {
					return w.maintenance.SkipsWindows(w.identity(m.Target.Name), due)
				})
			},
			Job: func(ctx context.Context, slot schedule.Slot) bool { return d.window(ctx, name, slot) },
		})
	}
	return out
}

// window runs a scheduled window, if its guards let it. It reports whether it
// did.
func (d *Daemon) window(ctx context.Context, name string, slot schedule.Slot) bool {
	p, ok := d.now.Load().planned[name]
	if !ok {
		return true
	}
	id := probe.ID(d.runner.Location, name, probe.LaneWindow, slot.Due, slot.Seq)
	if s := guard(time.Now(), d.guarded(p, budget.Window)); s.reason != "" {
		d.skipped(p, id, s)
		return false
	}
	_, err := d.carry(ctx, p, id, triggerSchedule, budget.Window, nil)
	switch {
	case errors.Is(err, ErrBusy):
		d.skipped(p, id, skip{series.SkipExcluded, err.Error()})
	case err != nil:
		d.skipped(p, id, skip{series.SkipFailed, err.Error()})
	}
	return err == nil
}

// guarded returns what is known of a window's targets now.
func (d *Daemon) guarded(p planned, class budget.Class) []guarded {
	now := time.Now()
	poor := affordable(d.ledger, class, p, now)
	firing := map[string][]string{}
	if d.evaluator.rules != nil {
		for _, a := range d.evaluator.rules.Alerts() {
			if a.State == prom.StateFiring && a.Rule != alerts.DrillName {
				firing[a.Labels[series.Target]] = append(firing[a.Labels[series.Target]], a.Rule)
			}
		}
	}
	var out []guarded
	for _, m := range p.distinct() {
		t := m.Target
		g := guarded{
			target: t.Name, last: d.windows.last(t.Name), sleeps: t.Wake == probe.ObserveCold || t.Wake == probe.NeverWake,
			firing: firing[t.Name], budget: poor[t.Name],
		}
		if m.Baseline != nil {
			g.probed, g.gap = true, m.Baseline.Schedule.Gap(now, 50)
		}
		if m.Managed != nil {
			g.idle = m.Managed.Idle
		}
		// Whether a degraded one may be pushed is for its baselines to say.
		if state := d.tracker.State(t.Name); state != coldstart.Unknown && state != coldstart.Degraded {
			g.state = string(state)
		}
		out = append(out, g)
	}
	return out
}

// carry carries out one window, tells everybody of it, and returns its record.
func (d *Daemon) carry(ctx context.Context, p planned, id, trigger string, class budget.Class, progress func(load.Snapshot)) (load.Window, error) {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	if err := d.windows.begin(id, p, stop); err != nil {
		return load.Window{}, err
	}
	c := carrier{
		runner: d.runner, ledger: d.ledger, class: class, trigger: trigger, precise: d.opts.Dial == nil,
		began: func(head load.Window) {
			d.recordWindow(head)
			d.logger.Info("window begins", "window", p.name, "id", id, "trigger", trigger, "arrivals", head.Plan.Arrivals)
		},
		observe: d.observed, look: d.look,
		progress: func(s load.Snapshot) {
			d.exporter.WindowProgress(p.name, s)
			if progress != nil {
				progress(s)
			}
		},
	}
	record, err := c.carry(ctx, p, id)
	beside := d.windows.end(id, time.Now())
	if err != nil {
		return record, err
	}
	record.Neighbours = beside
	d.recordWindow(record)
	d.exporter.WindowEnded(record)
	say := d.logger.Info
	if record.Verdict != load.Complete {
		say = d.logger.Warn
	}
	say("window ended", "window", p.name, "id", id, "verdict", string(record.Verdict), "ended_by", string(record.EndedBy),
		"why", record.EndedWhy, "reason", record.Reason, "sent", record.Sent, "bad", record.Bad)
	return record, nil
}

// observed takes one result of a window: the series count it, and no record is
// kept of it alone.
func (d *Daemon) observed(res probe.Result) {
	d.witness(res)
	d.handing.RLock()
	defer d.handing.RUnlock()
	if _, ok := d.now.Load().models[res.Target]; ok {
		d.exporter.Record(res)
	}
}

// skipped tells that a window did not start.
func (d *Daemon) skipped(p planned, id string, s skip) {
	d.exporter.WindowSkipped(p.name, s.reason)
	d.logger.Warn("window skipped", "window", p.name, "reason", s.reason, "why", s.why)
	now := time.Now()
	record := load.Window{
		Schema: load.WindowSchema, ID: id, Trigger: triggerSchedule, Location: d.runner.Location, Version: d.runner.Version, Started: now, Ended: now,
		Verdict: load.Skipped, Reason: s.why, EndedBy: load.EndedBy(s.reason), EndedWhy: s.why,
	}
	if p.mix {
		record.Mix = p.name
	} else {
		record.Target = p.name
	}
	d.recordWindow(record)
}
