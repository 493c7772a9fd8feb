package daemon

import (
	"context"
	"encoding/json"
	"net"
	"strconv"
	"time"

	"github.com/hfwatch/hfwatch/alerts"
	"github.com/hfwatch/hfwatch/budget"
	"github.com/hfwatch/hfwatch/coldstart"
	"github.com/hfwatch/hfwatch/config"
	"github.com/hfwatch/hfwatch/history"
	"github.com/hfwatch/hfwatch/hub"
	"github.com/hfwatch/hfwatch/probe"
	"github.com/hfwatch/hfwatch/schedule"
	"github.com/hfwatch/hfwatch/stats"
)

// boosting is the reason of a boost that a natural cold start asks for.
const boosting = "cold start"

// facts returns what the tracker of states is told of each model.
func facts(cfg *config.Config) map[string]coldstart.Facts {
	out := map[string]coldstart.Facts{}
	for _, m := range cfg.Models {
		f := coldstart.Facts{Location: cfg.Location, Wake: m.Target.Wake, GiveUp: m.Target.GiveUp}
		if m.Managed != nil {
			f.Idle = m.Managed.Idle
		}
		if x := m.ColdStart; x != nil {
			f.Idle, f.Requests = x.Idle, x.Requests
		}
		out[m.Target.Name] = f
	}
	return out
}

// managementOf returns the client of the management API as the configuration has it.
func managementOf(cfg *config.Config, version string, dial func(context.Context, string, string) (net.Conn, error)) *hub.Client {
	return hub.New(hub.Options{
		Version: version, Token: cfg.Hub.Token, API: cfg.Hub.APIURL, Router: cfg.Hub.URL, Endpoints: cfg.Hub.EndpointsURL, Dial: dial,
	})
}

// read reads the management API's word on a model, and lets the tracker see it.
func (d *Daemon) read(ctx context.Context, m config.Model) (hub.Endpoint, error) {
	began := time.Now()
	e, err := d.now.Load().manager.Endpoint(ctx, m.Managed.Namespace, m.Managed.Name, m.Managed.Token)
	if err != nil {
		return hub.Endpoint{}, err
	}
	d.follow(d.tracker.See(m.Target.Name, managed(began, e)))
	return e, nil
}

// look reads the management API beside a load window.
func (d *Daemon) look(ctx context.Context, m config.Model) (coldstart.Reading, error) {
	e, err := d.read(ctx, m)
	return readingOf(e), err
}

// readingOf returns what an endpoint says of states and replicas.
func readingOf(e hub.Endpoint) coldstart.Reading {
	return coldstart.Reading{State: e.State, Ready: e.Ready, Target: e.Target}
}

// managed returns a reading as evidence.
func managed(began time.Time, e hub.Endpoint) coldstart.Evidence {
	return coldstart.Evidence{Source: coldstart.FromManagement, Began: began, At: time.Now(), Reading: readingOf(e)}
}

// leave returns what the wake policy allows of a probe that is due: the state is
// read first where the policy rests on it.
func (d *Daemon) leave(ctx context.Context, m config.Model, boosted bool) coldstart.Leave {
	policy := m.Target.Wake
	if m.Managed == nil || !coldstart.MustRead(policy) && !boosted {
		return coldstart.May(probe.KeepWarm, coldstart.Reading{}, nil)
	}
	e, err := d.read(ctx, m)
	return coldstart.May(policy, readingOf(e), err)
}

// unsent hands on the result of a probe that the wake policy did not allow.
func (d *Daemon) unsent(shot probe.Shot, leave coldstart.Leave) probe.Result {
	res := unsent(d.runner, shot, leave)
	d.hand(res)
	return res
}

// unsent returns the result of a probe that the wake policy did not allow.
func unsent(r probe.Runner, shot probe.Shot, leave coldstart.Leave) probe.Result {
	call, err := r.Prepare(shot)
	if err != nil {
		return r.Failed(call, err)
	}
	return r.Unsent(call, leave.Outcome, leave.Why)
}

// raised sends a probe of a natural cold start's raised rate, if that is still
// open. It reports whether the budget allowed it.
func (d *Daemon) raised(ctx context.Context, m config.Model, slot schedule.Slot) bool {
	e := d.tracker.View(m.Target.Name).Episode
	if e == nil || e.Cause != coldstart.CauseNatural || !d.leave(ctx, m, true).Send {
		return true
	}
	_, err := d.shoot(ctx, probe.Shot{
		Target: m.Target, Kind: probe.Episode, Lane: probe.LaneBaseline, Due: slot.Due, Seq: slot.Seq, Timeout: m.Baseline.Timeout, Episode: e.ID,
	}, budget.ColdStart)
	return err == nil
}

// asked tells the tracker that a request is being sent, and returns whether its
// model has been cold for longer than it may.
func (d *Daemon) asked(shot probe.Shot) (gaveUp bool) {
	name, now := shot.Target.Name, time.Now()
	d.tracker.Asked(name, now, shot.Kind)
	v := d.tracker.View(name)
	return v.GaveUp && (v.Episode == nil || now.Sub(v.Episode.Began) >= shot.Target.GiveUp)
}

// witness lets the tracker see a result. Under the load of a window latency
// says nothing of sleep: there only words count.
func (d *Daemon) witness(res probe.Result) {
	ev, ok := coldstart.OfResult(res)
	if !ok {
		return
	}
	if res.Kind == probe.WindowKind && res.Outcome != probe.Loading && res.Outcome != probe.Asleep {
		ev.Outcome = probe.Unknown
	}
	d.follow(d.tracker.See(res.Target, ev))
}

// follow does what events of cold starts ask for: series, records, a raised
// rate of probes.
func (d *Daemon) follow(events []coldstart.Event) {
	for _, e := range events {
		switch e.Kind {
		case coldstart.Changed:
			d.logger.Info("model state", "target", e.Target, "state", string(e.To), "was", string(e.From))
			d.state(e.Target)
		case coldstart.Opened:
			d.exporter.ColdStarted(e.Target, string(e.Episode.Cause))
			d.boost(e.Episode)
			// Open as it is: what a power loss cuts in two is not lost without a word.
			e.Episode.Words = "under way"
			d.keep(e.Episode)
		case coldstart.Woke:
			d.exporter.WokeUp(e.Target, string(e.Episode.WokenBy))
		case coldstart.GaveUp:
			d.logger.Warn("a cold start takes longer than give_up", "target", e.Target, "episode", e.Episode.ID, "so_far", e.Episode.Words)
			d.boostEnds(e.Episode)
			d.keep(e.Episode)
		case coldstart.Stuck:
			d.exporter.EstimateStuck(e.Target)
			d.logger.Warn("a loading model's estimate does not shrink", "target", e.Target, "episode", e.Episode.ID)
		case coldstart.Closed:
			d.closed(e.Episode)
		}
	}
}

// boost raises the rate of probes until a natural cold start is over: for as
// long as it may take, and its warm-up after it.
func (d *Daemon) boost(e *coldstart.Episode) {
	m, ok := d.now.Load().models[e.Target]
	if !ok || m.Baseline == nil || e.Cause != coldstart.CauseNatural || d.scheduler == nil {
		return
	}
	most := m.Target.GiveUp + time.Duration(requestsOf(m))*coldstart.Pace
	// The lane is there as long as the model is; a reload meanwhile takes both.
	_ = d.scheduler.Boost(e.Target, probe.LaneBaseline, coldstart.Pace, time.Now().Add(most), boosting)
}

// requestsOf returns how many answers of a warm-up are followed.
func requestsOf(m config.Model) int {
	if m.ColdStart != nil {
		return m.ColdStart.Requests
	}
	return 60
}

// boostEnds lets the rate of probes fall again.
func (d *Daemon) boostEnds(e *coldstart.Episode) {
	if e.Cause == coldstart.CauseNatural && d.scheduler != nil {
		_ = d.scheduler.Boost(e.Target, probe.LaneBaseline, 0, time.Now(), boosting)
	}
}

// closed publishes and records an episode that has ended.
func (d *Daemon) closed(e *coldstart.Episode) {
	d.boostEnds(e)
	for phase, s := range map[string]probe.Seconds{
		coldstart.PhaseSign: e.FirstSign, coldstart.PhaseRunning: e.Running, coldstart.PhaseHealthy: e.Healthy, coldstart.PhaseAnswer: e.FirstAnswer,
	} {
		if took, ok := s.Get(); ok {
			d.exporter.ColdStartTook(e.Target, phase, took)
		}
	}
	if w := e.WarmUp; w != nil && (w.Answer == stats.SteadyFound || w.Answer == stats.SteadyAtLeast) {
		took, _ := w.Span.Get()
		d.exporter.WarmedUp(e.Target, w.Requests, took)
	}
	d.count(e)
	d.logger.Info("cold start", "target", e.Target, "episode", e.ID, "cause", string(e.Cause), "end", string(e.End), "words", e.Words)
	d.keep(e)
}

// count tells the conditions on the last cold starts of one that has ended.
func (d *Daemon) count(e *coldstart.Episode) {
	w := d.now.Load()
	if _, ok := w.models[e.Target]; !ok {
		return
	}
	id := w.identity(e.Target)
	if took, ok := e.FirstAnswer.Get(); ok {
		d.counter.Episode(id, alerts.ColdStart, took)
	}
	if u := e.WarmUp; u != nil && (u.Answer == stats.SteadyFound || u.Answer == stats.SteadyAtLeast) {
		took, _ := u.Span.Get()
		d.counter.Episode(id, alerts.WarmUp, took)
	}
}

// keep records an episode as it stands; a later record of it replaces this one.
func (d *Daemon) keep(e *coldstart.Episode) {
	if d.records == nil {
		return
	}
	data, err := json.Marshal(e)
	if err != nil {
		d.logger.Error("an episode cannot be recorded", "target", e.Target, "err", err)
		return
	}
	d.records.RecordEvent(history.Event{
		ID: e.ID, Kind: history.KindEpisode, At: e.Began, Target: e.Target, Location: e.Location, Data: data,
	})
}

// state publishes the state of a model that can sleep, or that was seen to.
func (d *Daemon) state(name string) {
	m, ok := d.now.Load().models[name]
	v := d.tracker.View(name)
	if !ok || m.Target.Wake == "" && v.Episode == nil && v.Seconds[coldstart.Loading]+v.Seconds[coldstart.Asleep] == 0 {
		return
	}
	seconds := map[string]float64{}
	for state, s := range v.Seconds {
		seconds[string(state)] = s
	}
	d.exporter.ModelState(name, string(v.State), seconds, v.GaveUp)
}

// warmth says in words that a model is not warm; empty where it is, or nothing is
// known of it.
func (d *Daemon) warmth(name string) string {
	v := d.tracker.View(name)
	switch v.State {
	case coldstart.Warming, coldstart.Degraded, coldstart.Loading, coldstart.Asleep:
		return "the model is " + string(v.State) + " since " + moment(v.Since, time.Now()) + " UTC"
	case coldstart.Unknown, coldstart.Warm:
	}
	return ""
}

// states lets time pass for the states of all models.
func (d *Daemon) states(now time.Time) {
	d.follow(d.tracker.Tick(now))
	for name := range d.now.Load().models {
		d.state(name)
	}
}

// scaleUpTimeout is the header by which the proxy before a dedicated endpoint
// holds a request until a replica is ready. (Inference Endpoints,
// guides/autoscaling.)
func scaleUpTimeout(hold time.Duration) map[string]string {
	if hold <= 0 {
		return nil
	}
	return map[string]string{"X-Scale-Up-Timeout": strconv.Itoa(int(hold.Seconds()))}
}
