package load

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/hfwatch/hfwatch/probe"
)

// tick is how often the engine looks at itself.
const tick = time.Second

// engine carries out one share.
type engine struct {
	plan     Plan
	share    Share
	o        Options
	arrivals []Numbered
	timeout  time.Duration
	drain    time.Duration
	stages   []string
	pools    []*Pool
	memos    []*probe.Memo
	rec      *recorder

	// told, where not nil, is told each result and when it was done.
	told func(j job, res *probe.Result, done time.Duration)

	ctx   context.Context //nolint:containedctx // An engine lives as long as its one run.
	start time.Time
	began usage
	pacer pacer
	// quit is closed once nothing more may be sent.
	quit chan struct{}
	wg   sync.WaitGroup

	mu   sync.Mutex
	stop *Stop
	// next is the first arrival that nobody took, due the first that is not due:
	// what lies between waits. idle are workers without work.
	next, due          int
	idle               []*worker
	busy               int
	maxBusy, maxQueued int
	full, readings     int
	// asked counts what users asked.
	asked int
	// settled is closed once the plan is through and nothing waits or flies.
	finished bool
	settled  chan struct{}
}

// worker sends one request at a time.
type worker struct{ work chan int }

// newEngine checks everything that can be wrong before anything is sent.
func newEngine(plan Plan, share Share, o Options) (*engine, error) {
	if err := plan.Validate(); err != nil {
		return nil, err
	}
	steps := 1
	for _, a := range plan.Arrivals {
		steps = max(steps, a.Step+1)
	}
	if plan.Spec != nil {
		steps = max(steps, len(plan.Spec.Steps))
	}
	switch {
	case o.Runner.Exchanger == nil:
		return nil, errors.New("load: the runner has no exchanger")
	case len(o.Targets) < steps:
		return nil, fmt.Errorf("load: %d targets for %d steps; give one for each step", len(o.Targets), steps)
	case o.MaxInFlight < 1:
		return nil, fmt.Errorf("load: max_in_flight %d: a window must have a bound of at least 1", o.MaxInFlight)
	case plan.Users() > o.MaxInFlight:
		return nil, fmt.Errorf("load: %d users and max_in_flight %d: they would wait for each other", plan.Users(), o.MaxInFlight)
	}
	e := &engine{plan: plan, share: share, o: o, quit: make(chan struct{}), settled: make(chan struct{})}
	var err error
	if e.arrivals, err = plan.Take(share); err != nil {
		return nil, err
	}
	for _, t := range o.Targets {
		e.timeout = max(e.timeout, t.Timeout)
		e.pools = append(e.pools, NewPool(t.Inputs.Values))
		e.memos = append(e.memos, probe.NewMemo(t))
	}
	if o.Timeout > 0 {
		e.timeout = o.Timeout
	}
	if e.drain = o.Drain; e.drain <= 0 {
		e.drain = e.timeout
	}
	for i := range plan.Stages {
		e.stages = append(e.stages, strconv.Itoa(i))
	}
	// An exchange may end a little after its deadline.
	e.rec = newRecorder(&plan, plan.Length()+e.drain+e.timeout+5*time.Second, &o)
	e.rec.plan(e.arrivals)
	return e, nil
}

// run carries the share out.
func (e *engine) run(ctx context.Context) Window {
	e.ctx = ctx
	e.warm(ctx)
	e.began = usageNow()
	e.start = time.Now()
	e.rec.start = e.start
	e.pacer = e.newPacer()
	defer e.pacer.close()
	unhook := context.AfterFunc(ctx, func() { e.end(stopOf(context.Cause(ctx))) })
	defer unhook()
	ticking := make(chan struct{})
	go func() {
		defer close(ticking)
		e.watch()
	}()
	if e.plan.Users() > 0 {
		e.users()
	} else {
		e.dispatch()
	}
	e.settle()
	e.wg.Wait()
	e.mu.Lock()
	e.finished = true
	e.mu.Unlock()
	close(e.settled)
	<-ticking
	return e.window()
}

// warmer makes connections before they are needed.
type warmer interface {
	// Warm makes n connections to a target that its next requests take, and sends
	// nothing over them. It returns soon after ctx ends.
	Warm(ctx context.Context, t *probe.Target, n int)
}

// The bounds of what is made ready before a window: connections of each target,
// and the time for all of them.
const (
	mostWarm = 32
	warmTime = 5 * time.Second
)

// warm makes connections, where the exchanger can, for what is due in the first
// second or for each user.
func (e *engine) warm(ctx context.Context) {
	w, ok := e.o.Runner.Exchanger.(warmer)
	if !ok {
		return
	}
	wanted := make([]int, len(e.o.Targets))
	for _, a := range e.arrivals {
		if at, _ := a.At.Get(); at > time.Second {
			break
		}
		wanted[a.Step]++
	}
	ctx, cancel := context.WithTimeout(ctx, warmTime)
	defer cancel()
	for i, t := range e.o.Targets {
		if n := min(max(wanted[i], e.plan.Users()), e.o.MaxInFlight, mostWarm); n > 0 {
			w.Warm(ctx, t, n)
		}
	}
}

// stopOf returns what ended a context as what ends a window.
func stopOf(cause error) *Stop {
	var s *Stop
	if errors.As(cause, &s) {
		return s
	}
	return &Stop{EndInterrupted, "the run was ended: " + cause.Error()}
}

// newPacer returns a precise pacer where the rate is high enough to ask for one.
func (e *engine) newPacer() pacer {
	peak := 0.0
	for _, s := range e.plan.Stages {
		peak = max(peak, s.Rate)
	}
	if e.o.Precise && peak >= preciseRate {
		return newPrecisePacer(e.quit)
	}
	return newTimerPacer(e.quit)
}

// end lets nothing more be sent. The first reason stays.
func (e *engine) end(s *Stop) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.finished || e.stop != nil {
		if !e.finished && e.stop.By == EndPlan && s.By == EndInterrupted {
			// What was in flight at the plan's end is cut as well.
			e.stop = s
		}
		return
	}
	e.stop = s
	close(e.quit)
	e.pacer.wake()
}

// ended returns why the window was ended, nil where it was not.
func (e *engine) ended() *Stop {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.stop
}

// dispatch lets arrivals come due: each goes to an idle worker, to a new one
// while there is room, or waits.
func (e *engine) dispatch() {
	for i := range e.arrivals {
		at, _ := e.arrivals[i].At.Get()
		if !e.pacer.wait(e.start.Add(at)) {
			return
		}
		e.rec.due(e.arrivals[i].Arrival, at)
		e.mu.Lock()
		if e.stop != nil {
			e.mu.Unlock()
			e.rec.unsent(e.arrivals[i].Arrival, at, time.Since(e.start))
			return
		}
		e.due = i + 1
		switch {
		case len(e.idle) > 0:
			w := e.idle[len(e.idle)-1]
			e.idle = e.idle[:len(e.idle)-1]
			e.occupy()
			w.work <- i
		case e.busy < e.o.MaxInFlight:
			w := &worker{work: make(chan int, 1)}
			e.occupy()
			e.wg.Go(func() { e.serve(w, i) })
		default:
			e.maxQueued = max(e.maxQueued, e.due-e.next)
		}
		e.mu.Unlock()
	}
	e.pacer.wait(e.start.Add(e.plan.Length()))
}

// occupy takes the next arrival for a worker. The caller holds e.mu.
func (e *engine) occupy() {
	e.next++
	e.busy++
	e.maxBusy = max(e.maxBusy, e.busy)
}

// serve sends an arrival, then what waits, then what it is given.
func (e *engine) serve(w *worker, i int) {
	late := false
	for {
		e.send(i, late)
		e.mu.Lock()
		e.busy--
		if e.next < e.due && e.stop == nil {
			i, late = e.next, true
			e.occupy()
			e.mu.Unlock()
			continue
		}
		e.idle = append(e.idle, w)
		e.mu.Unlock()
		select {
		case i = <-w.work:
			late = false
		case <-e.quit:
			// What was handed over before the end is still this worker's.
			select {
			case i = <-w.work:
				late = false
				continue
			default:
			}
			return
		case <-e.settled:
			return
		}
	}
}

// settle waits until nothing waits, for the drain at most, and gives up the rest.
func (e *engine) settle() {
	until := e.start.Add(e.plan.Length() + e.drain)
	for e.ended() == nil && e.waiting() && time.Now().Before(until) {
		pause(e.ctx, e.quit, min(time.Until(until), 10*time.Millisecond))
	}
	e.mu.Lock()
	from, to := e.next, e.due
	e.next = e.due
	if e.stop == nil {
		// Idle workers have nothing to wait for any more.
		e.stop = &Stop{By: EndPlan}
		close(e.quit)
	}
	e.mu.Unlock()
	for i := from; i < to; i++ {
		at, _ := e.arrivals[i].At.Get()
		e.rec.unsent(e.arrivals[i].Arrival, at, time.Since(e.start))
	}
}

// waiting reports that something waits.
func (e *engine) waiting() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.next < e.due
}

// send sends one arrival of an open plan.
func (e *engine) send(i int, late bool) {
	a := e.arrivals[i]
	at, _ := a.At.Get()
	e.one(job{Numbered: a, at: at, late: late}, uint64(a.Number))
}

// one sends one request that is due and records what came of it.
func (e *engine) one(j job, seq uint64) {
	shot := probe.Shot{
		Target: e.o.Targets[j.Step], Kind: probe.WindowKind, Lane: probe.LaneWindow, Due: e.start.Add(j.at), Seq: seq,
		Window: e.plan.Window, Stage: e.stages[j.Stage], Timeout: e.o.Timeout, Reuse: true, Input: e.input(&j), Memo: e.memos[j.Step],
	}
	call, err := e.o.Runner.Prepare(shot)
	if err != nil {
		e.took(j, e.o.Runner.Failed(call, err))
		return
	}
	j.input = len(call.Ask.Input)
	settle, err := e.admit(&call)
	if err != nil {
		e.end(&Stop{EndBudget, err.Error()})
		e.rec.unsent(j.Arrival, j.at, time.Since(e.start))
		return
	}
	res := e.o.Runner.Run(e.ctx, call, probe.Circumstances{})
	if settle != nil {
		settle(res)
	}
	e.took(j, res)
}

// admit asks whether a call may be sent.
func (e *engine) admit(call *probe.Call) (func(probe.Result), error) {
	if e.o.Admission == nil {
		return nil, nil
	}
	return e.o.Admission.Admit(call)
}

// charsPerToken is how many characters stand for a token of a trace where an
// input of such a length is looked for.
const charsPerToken = 4

// input returns the input that an arrival asks for by its length, nil where it
// leaves that to the target.
func (e *engine) input(j *job) []byte {
	length := j.Length
	if length == 0 {
		length = j.TokensIn * charsPerToken
	}
	if length == 0 || e.o.Targets[j.Step].Inputs.SampleMax != 0 {
		return nil
	}
	return e.pools[j.Step].Pick(length, j.Number)
}

// took records a result and acts on what it means.
func (e *engine) took(j job, res probe.Result) {
	done := time.Since(e.start)
	if !res.Sent.IsZero() {
		if took, ok := res.Service.Get(); ok {
			// The exchange's own clock, not ours after it.
			done = res.Sent.Sub(e.start) + took
		}
	}
	stop := e.rec.record(j, &res, done)
	if e.o.Observe != nil {
		e.observe(res)
	}
	if stop != nil {
		e.end(stop)
	}
	if e.told != nil {
		e.told(j, &res, done)
	}
}

// observe hands a result on, one at a time.
func (e *engine) observe(res probe.Result) {
	e.rec.seen.Lock()
	defer e.rec.seen.Unlock()
	e.o.Observe(res)
}

// watch looks at the engine each second: gauges, the brake, progress.
func (e *engine) watch() {
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			since := time.Since(e.start)
			inFlight, queued := e.gauge(since)
			if stop := e.rec.reading(since, inFlight+queued, &e.plan); stop != nil {
				e.end(stop)
			}
			if e.o.Progress != nil {
				e.o.Progress(e.snapshot(since, false))
			}
		case <-e.settled:
			if e.o.Progress != nil {
				e.o.Progress(e.snapshot(time.Since(e.start), true))
			}
			return
		}
	}
}

// gauge notes and returns what is in flight and waits.
func (e *engine) gauge(since time.Duration) (inFlight, queued int) {
	e.mu.Lock()
	inFlight, queued = e.busy, e.due-e.next
	if since <= e.plan.Length() {
		e.readings++
		if e.busy >= e.o.MaxInFlight {
			e.full++
		}
	}
	e.mu.Unlock()
	// A reading at the end of a second belongs to that second.
	e.rec.gauge(since-1, inFlight, queued)
	return inFlight, queued
}
