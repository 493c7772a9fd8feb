package daemon

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/hfwatch/hfwatch/budget"
	"github.com/hfwatch/hfwatch/probe"
	"github.com/hfwatch/hfwatch/schedule"
)

// entries returns the lanes of the configuration in force.
func (d *Daemon) entries() []schedule.Entry {
	w := d.now.Load()
	var out []schedule.Entry
	for _, m := range w.cfg.Models {
		if m.Baseline == nil {
			continue
		}
		name, b := m.Target.Name, m.Baseline
		out = append(out, schedule.Entry{
			Target: name, Lane: probe.LaneBaseline, Schedule: b.Schedule,
			Offset: schedule.Offset(name, w.cfg.Location, b.Schedule.Gap(time.Now(), 50), min(b.Jitter, schedule.MaxSpread)),
			Skip: func(due time.Time) bool {
				w := d.now.Load()
				return w.maintenance.StopsProbing(w.identity(name), due)
			},
			Job: func(ctx context.Context, slot schedule.Slot) bool { return d.baseline(ctx, name, slot) },
		})
	}
	out = append(out, d.experiments(w)...)
	out = append(out, d.windowEntries(w)...)
	for i := range out {
		name := out[i].Target
		out[i].Held = func(now time.Time) bool { return d.held(name, now) }
	}
	return out
}

// baseline probes a target for a slot. It reports whether it sent anything.
func (d *Daemon) baseline(ctx context.Context, name string, slot schedule.Slot) bool {
	m, ok := d.now.Load().models[name]
	if !ok {
		// Removed by a reload between the slot and its run.
		return true
	}
	if slot.Boosted {
		return d.raised(ctx, m, slot)
	}
	shot := probe.Shot{
		Target: m.Target, Kind: d.windows.kind(m.Target, time.Now()), Lane: probe.LaneBaseline, Due: slot.Due, Seq: slot.Seq, Timeout: m.Baseline.Timeout,
		Reuse: m.Connection == "reuse",
	}
	if m.Vacant != nil {
		d.vacant(shot)
		return true
	}
	if leave := d.leave(ctx, m, false); !leave.Send {
		d.unsent(shot, leave)
		return true
	}
	res, err := d.shoot(ctx, shot, budget.Baseline)
	if err == nil {
		d.health(ctx, m, res)
	}
	return err == nil
}

// shoot reserves, sends, settles and hands on. An error says that nothing was
// sent because the budget did not allow it.
func (d *Daemon) shoot(ctx context.Context, shot probe.Shot, class budget.Class) (probe.Result, error) {
	return d.shootAfter(ctx, shot, class, func() {})
}

// shootAfter is shoot with something to be done once the budget has allowed the
// request, and before it is sent.
func (d *Daemon) shootAfter(ctx context.Context, shot probe.Shot, class budget.Class, before func()) (probe.Result, error) {
	call, err := d.runner.Prepare(shot)
	if err != nil {
		res := d.runner.Failed(call, err)
		d.hand(res)
		return res, nil
	}
	most := ceiling(shot.Target, call.Request.TokensIn, call.Request.TokensOut)
	lease, err := d.ledger.Reserve(time.Now(), shot.Target.Name, class, most)
	if err != nil {
		d.withheld(shot.Target.Name, err)
		return probe.Result{}, err
	}
	before()
	res := d.run(ctx, call)
	settle(d.ledger, lease, res, most)
	if warning := d.healths.warning(res); warning != "" {
		res.Warnings = append(res.Warnings, warning)
	}
	d.hand(res)
	return res, nil
}

// ceiling returns the most that one request of a target can take, given the
// most tokens of its request and of its answer.
func ceiling(t *probe.Target, in, out int) budget.Amount {
	usd, _ := t.Price.Cost(probe.Some(in), probe.Some(out)).Get()
	return budget.Amount{Requests: 1, Tokens: int64(in + out), MicroUSD: int64(math.Ceil(usd * 1e6))}
}

// settle books what a request took.
func settle(l *budget.Ledger, lease budget.Lease, res probe.Result, most budget.Amount) {
	// Of a panic nobody knows whether it came before or after the sending.
	if res.Sent.IsZero() && res.Outcome != probe.Internal {
		l.Release(lease)
		return
	}
	l.Settle(lease, spent(res, most))
}

// spent returns what a request that was sent has taken. What the answer does
// not tell is taken to be the ceiling, unless no model can have worked: an
// answer that is no success, or none at all for want of a connection.
func spent(res probe.Result, most budget.Amount) budget.Amount {
	amount := budget.Amount{Requests: 1}
	in, knowsIn := res.TokensIn.Get()
	out, knowsOut := res.TokensOut.Get()
	idle := res.Status >= 300 || res.Outcome == probe.DNS || res.Outcome == probe.Connect || res.Outcome == probe.TLS
	switch {
	case knowsIn && knowsOut:
		amount.Tokens = int64(in + out)
	case !idle:
		amount.Tokens = most.Tokens
	}
	usd, knowsUSD := res.CostUSD.Get()
	switch {
	case knowsUSD:
		amount.MicroUSD = int64(math.Ceil(usd * 1e6))
	case !idle:
		amount.MicroUSD = most.MicroUSD
	}
	return amount
}

// withheld logs the first of a row of withheld probes of a target.
func (d *Daemon) withheld(name string, err error) {
	if d.memos.say(name, "withheld") {
		d.logger.Warn("probes withheld", "target", name, "err", err)
	}
}

// hand gives a result to all whom it concerns, and logs it.
func (d *Daemon) hand(res probe.Result) {
	if d.share(res) {
		d.speak(res)
	}
}

// share gives a result to all whom it concerns. None of them waits for anything
// outside the process. A result of a target that a reload has removed meanwhile
// is recorded, and counted by the exporter as ignored; false says so.
func (d *Daemon) share(res probe.Result) bool {
	d.handing.RLock()
	defer d.handing.RUnlock()
	d.exporter.Record(res)
	d.evaluator.Record(res)
	if d.records != nil {
		d.records.Record(res)
	}
	m, ok := d.now.Load().models[res.Target]
	if !ok {
		return false
	}
	d.counter.RecordOf(res, m.Target.Labels)
	d.informed.record(res)
	d.evidence.Record(res)
	d.memos.remember(res)
	d.drift(res)
	d.windows.note(m.Target, res)
	d.heed(res)
	d.witness(res)
	return true
}

// speak logs a line where the state of a target changes, and each result at
// debug level.
func (d *Daemon) speak(res probe.Result) {
	d.logger.Debug("result", "target", res.Target, "kind", string(res.Kind), "outcome", string(res.Outcome),
		"service", res.Service.String(), "id", res.ID)
	if res.Kind != probe.Baseline || res.Outcome == probe.Canceled || !d.memos.say(res.Target, string(res.Outcome)) {
		return
	}
	say := d.logger.Warn
	if res.Counts == probe.Good {
		say = d.logger.Info
	}
	say("target changed", told(res)...)
}

// told returns what a log line says of a result, without what is empty.
func told(res probe.Result) []any {
	args := []any{"target", res.Target, "outcome", string(res.Outcome)}
	for _, one := range []struct{ key, value string }{
		{"fault", string(res.Fault)}, {"phase", string(res.Phase)}, {"err", res.Error}, {"request_id", evidenceOf(res)},
	} {
		if one.value != "" && one.value != string(probe.FaultNone) {
			args = append(args, one.key, one.value)
		}
	}
	return args
}

// evidenceOf returns the other side's name of a request that was not good.
func evidenceOf(res probe.Result) string {
	if res.Counts == probe.Good {
		return ""
	}
	return res.RequestID
}

// Manual probes a configured target now, in its baseline lane and from its
// budget. The error wraps schedule.ErrBusy or schedule.ErrUnknown, or is the
// budget's.
func (d *Daemon) Manual(ctx context.Context, name string) (probe.Result, error) {
	return d.manual(ctx, name, func(t *probe.Target) *probe.Target { return t })
}

// manual is Manual with a change to what is asked.
func (d *Daemon) manual(ctx context.Context, name string, change func(*probe.Target) *probe.Target) (probe.Result, error) {
	m, ok := d.now.Load().models[name]
	if !ok {
		return probe.Result{}, fmt.Errorf("%q: %w", name, schedule.ErrUnknown)
	}
	var res probe.Result
	var err error
	do := func() {
		shot := probe.Shot{Target: change(m.Target), Kind: probe.Manual, Lane: probe.LaneBaseline, Due: time.Now()}
		if m.Vacant != nil {
			res = d.vacant(shot)
			return
		}
		if leave := d.leave(ctx, m, false); !leave.Send {
			res = d.unsent(shot, leave)
			return
		}
		res, err = d.shoot(ctx, shot, budget.Manual)
		if note := d.warmth(name); note != "" && err == nil {
			res.Warnings = append(res.Warnings, note)
		}
	}
	if m.Baseline == nil {
		do()
		return res, err
	}
	// In two statements: Try sets res and err.
	refused := d.scheduler.Try(name, probe.LaneBaseline, do)
	return res, errors.Join(refused, err)
}
