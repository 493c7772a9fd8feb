package daemon

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/hfwatch/hfwatch/budget"
	"github.com/hfwatch/hfwatch/coldstart"
	"github.com/hfwatch/hfwatch/config"
	"github.com/hfwatch/hfwatch/probe"
	"github.com/hfwatch/hfwatch/probe/hf"
	"github.com/hfwatch/hfwatch/schedule"
)

// standBack is the reason for which other lanes are held during an experiment.
const standBack = "cold-start experiment"

// experiments returns the lanes of scheduled cold starts.
func (d *Daemon) experiments(w *watched) []schedule.Entry {
	var out []schedule.Entry
	for _, m := range w.cfg.Models {
		if m.ColdStart == nil || m.ColdStart.Schedule.IsZero() {
			continue
		}
		name := m.Target.Name
		out = append(out, schedule.Entry{
			Target: name, Lane: probe.LaneColdStart, Schedule: m.ColdStart.Schedule,
			Skip: func(due time.Time) bool {
				w := d.now.Load()
				return w.maintenance.StopsProbing(w.identity(name), due)
			},
			Job: func(ctx context.Context, slot schedule.Slot) bool { return d.experiment(ctx, name, slot) },
		})
	}
	return out
}

// trial is one experiment under way.
type trial struct {
	d     *Daemon
	m     config.Model
	x     *coldstart.Experiment
	slot  schedule.Slot
	asked uint64
	// episode is the id of the one that the first request opened.
	episode string
	// health is where the engine tells its health; empty is not known.
	health string
	// answers has what came of the request under way.
	answers  chan answered
	withheld bool
	// opened is set once the first request has opened the episode.
	opened atomic.Bool
}

// answered is what came of one request.
type answered struct {
	res probe.Result
	err error
}

// experiment lets a model fall asleep, wakes it, and follows it until it is
// warm. It reports whether it sent anything, or ended before for a reason that
// is no lack of budget.
func (d *Daemon) experiment(ctx context.Context, name string, slot schedule.Slot) bool {
	m, ok := d.now.Load().models[name]
	if !ok || m.ColdStart == nil {
		return true
	}
	plan := coldstart.Plan{
		Method: coldstart.Method(m.ColdStart.Method), Idle: m.ColdStart.Idle, GiveUp: m.ColdStart.GiveUp, Requests: m.ColdStart.Requests,
		Managed: m.Managed != nil, Health: m.Managed != nil && hf.EngineURL(&m.Target.Endpoint) != nil,
	}
	until := time.Now().Add(plan.Longest())
	for _, lane := range []probe.Lane{probe.LaneBaseline, probe.LaneWindow} {
		// A lane that the model has not needs no hold.
		if d.scheduler.Hold(name, lane, until, standBack) == nil {
			defer func() { _ = d.scheduler.Release(name, lane, standBack) }()
		}
	}
	d.windows.standBack(name, true)
	defer d.windows.standBack(name, false)
	t := &trial{
		d: d, m: m, slot: slot, answers: make(chan answered, 1),
		x: coldstart.NewExperiment(plan, time.Now(), d.tracker.View(name).LastAsked),
	}
	t.run(ctx)
	return !t.withheld
}

// run does one act after the other.
func (t *trial) run(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for {
		if !t.x.Woken() {
			t.x.Quiet(t.d.tracker.View(t.m.Target.Name).LastAsked)
		}
		move := t.x.Next(time.Now())
		if move.Act == coldstart.Over {
			t.over(cancel, move.Why)
			return
		}
		if !t.until(ctx, move.At) {
			continue
		}
		if why := t.barred(ctx, move.Act); why != "" {
			t.d.logger.Info("a cold-start experiment ends early", "target", t.m.Target.Name, "why", why)
			t.x.Stop()
			continue
		}
		t.do(ctx, move)
	}
}

// barred returns why the next act may not be done; empty where it may.
func (t *trial) barred(ctx context.Context, act coldstart.Act) string {
	w, name := t.d.now.Load(), t.m.Target.Name
	m, ok := w.models[name]
	switch {
	case ctx.Err() != nil:
		return "hfwatch stops"
	case !ok || m.ColdStart == nil:
		return "a reload has taken it out"
	case !sameEndpoint(m, t.m):
		return "a reload has moved the endpoint"
	case act != coldstart.Wake && act != coldstart.Ask:
		return ""
	case t.d.held(name, time.Now()):
		return "the account is held"
	case w.maintenance.StopsProbing(w.identity(name), time.Now()):
		return "a maintenance time has begun"
	}
	return ""
}

// sameEndpoint reports whether two configurations of a model mean the same endpoint.
func sameEndpoint(a, b config.Model) bool {
	if (a.Managed == nil) != (b.Managed == nil) || a.Managed != nil && (a.Managed.Namespace != b.Managed.Namespace || a.Managed.Name != b.Managed.Name) {
		return false
	}
	return a.Target.Endpoint.URL.String() == b.Target.Endpoint.URL.String()
}

// until waits for a time, and reports false where something came before it.
func (t *trial) until(ctx context.Context, at time.Time) bool {
	timer := time.NewTimer(time.Until(at))
	defer timer.Stop()
	ending := t.d.ending
	if t.x.Asking() {
		// What is in flight has the grace time.
		ending = nil
	}
	select {
	case <-ctx.Done():
		t.x.Stop()
		return false
	case <-ending:
		t.x.Stop()
		return false
	case a := <-t.answers:
		t.answer(a)
		return false
	case <-timer.C:
		return true
	}
}

// over ends the experiment: what is under way is cut off and waited for.
func (t *trial) over(cancel context.CancelFunc, why string) {
	name := t.m.Target.Name
	if t.x.Asking() {
		cancel()
		<-t.answers
	}
	if why != "" {
		t.d.logger.Warn("no cold start could be measured", "target", name, "why", why)
	}
	if !t.d.stopping.Load() {
		// What hfwatch's end cuts off is interrupted.
		t.d.follow(t.d.tracker.Finish(name, coldstart.EndStopped, time.Now()))
	}
}

// do does one act.
func (t *trial) do(ctx context.Context, move coldstart.Move) {
	now := time.Now()
	t.x.Did(move.Act, now)
	switch move.Act {
	case coldstart.Read:
		t.read(ctx)
	case coldstart.Health:
		t.well(ctx)
	case coldstart.Wake, coldstart.Ask:
		t.ask(ctx, now, move)
	case coldstart.Wait, coldstart.Over:
	}
}

// read reads the management API.
func (t *trial) read(ctx context.Context) {
	ctx, cancel := context.WithTimeoutCause(ctx, coldstart.Pace, errors.New("no answer within the pace of an experiment"))
	defer cancel()
	began := time.Now()
	e, err := t.d.read(ctx, t.m)
	if err != nil {
		t.d.logger.Warn("the management API could not be read", "target", t.m.Target.Name, "err", err)
		return
	}
	t.health = e.HealthRoute
	t.x.See(managed(began, e))
	t.follow()
}

// follow ends the experiment with its episode: warm, given up, or asleep again. One
// more request would wake the model a second time.
func (t *trial) follow() {
	if !t.opened.Load() {
		return
	}
	if e := t.d.tracker.View(t.m.Target.Name).Episode; e == nil || e.ID != t.episode {
		t.x.Stop()
	}
}

// well asks the health route.
func (t *trial) well(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, coldstart.Pace)
	defer cancel()
	began := time.Now()
	well, err := t.d.now.Load().manager.Well(ctx, hf.EngineURL(&t.m.Target.Endpoint), t.health, t.m.Target.Endpoint.HubToken)
	if err != nil {
		t.d.logger.Debug("the health route says nothing", "target", t.m.Target.Name, "err", err)
		return
	}
	ev := coldstart.Evidence{Source: coldstart.FromHealth, Began: began, At: time.Now(), Well: well}
	t.x.See(ev)
	t.d.follow(t.d.tracker.See(t.m.Target.Name, ev))
}

// ask sends a request and does not wait for its answer.
func (t *trial) ask(ctx context.Context, now time.Time, move coldstart.Move) {
	target := t.m.Target
	shot := probe.Shot{
		Target: target, Kind: probe.ColdStart, Lane: probe.LaneColdStart, Due: now, Seq: t.slot.Seq<<16 + t.asked, Episode: t.episode,
		Timeout: target.Timeout + move.Hold, Header: scaleUpTimeout(move.Hold),
	}
	t.asked++
	before := func() {}
	if move.Act == coldstart.Wake {
		t.episode = coldstart.EpisodeID(shot.Target.Location, target.Name, now)
		shot.Episode = t.episode
		before = func() {
			t.d.follow(t.d.tracker.Expect(target.Name, t.episode, coldstart.Method(t.m.ColdStart.Method), now))
			t.opened.Store(true)
		}
	}
	go func() {
		res, err := t.d.shootAfter(ctx, shot, budget.ColdStart, before)
		t.answers <- answered{res, err}
	}()
}

// answer takes what came of a request. The tracker has seen it already.
func (t *trial) answer(a answered) {
	if a.err != nil {
		t.withheld = t.asked == 1
		t.x.See(coldstart.Evidence{Source: coldstart.FromAnswer, Outcome: probe.Canceled})
		return
	}
	ev, sent := coldstart.OfResult(a.res)
	if !sent {
		ev = coldstart.Evidence{Source: coldstart.FromAnswer, Outcome: probe.Canceled}
	}
	t.x.See(ev)
	switch {
	case a.res.Fault == probe.FaultAccount:
		// It says nothing of the model, and more requests would be refused as well.
		t.d.logger.Warn("a cold-start experiment ends early", "target", t.m.Target.Name, "why", "the account was refused", "outcome", string(a.res.Outcome))
		t.x.Stop()
	case !t.opened.Load():
		// The first request could not be made.
		t.x.Stop()
	default:
		t.follow()
	}
}
