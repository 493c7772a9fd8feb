package load

import (
	"math/rand/v2"
	"sync"
	"time"

	"github.com/hfwatch/hfwatch/probe"
)

// users runs the closed loops of the share and returns once all have ended. Each
// user has dice of its own, so that a share's users need nobody else, and think
// before they first ask, so that they do not all begin at once.
func (e *engine) users() {
	var loops sync.WaitGroup
	for n := range e.plan.Users() {
		if e.share.Holds(n) {
			loops.Go(func() { e.loop(n) })
		}
	}
	loops.Wait()
}

// loop is one user: think, ask, wait for the answer, and again until the time is
// over. A request is due at the end of the think time.
func (e *engine) loop(n int) {
	spec := e.plan.Spec
	r := dice(e.plan.Seed, streamUser+uint64(n))
	low, high := spec.think()
	end := e.start.Add(e.plan.Length())
	due := e.start
	for k := uint64(0); ; k++ {
		due = due.Add(low + time.Duration(r.Float64()*float64(high-low)))
		if !due.Before(end) {
			return
		}
		if wait := time.Until(due); wait > 0 && !pause(e.ctx, e.quit, wait) {
			return
		}
		if !e.join() {
			return
		}
		j := e.ask(r, spec, due)
		e.rec.due(j.Arrival, j.at)
		e.one(j, uint64(n)<<32|k)
		e.mu.Lock()
		e.busy--
		e.mu.Unlock()
		due = time.Now()
	}
}

// join takes a place for a user, and reports that the window goes on: what a user
// would have asked after its end never came due.
func (e *engine) join() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	// Who notes the stop may come after the users whose requests it cut off.
	if e.stop != nil || e.ctx.Err() != nil {
		return false
	}
	e.busy++
	e.maxBusy = max(e.maxBusy, e.busy)
	return true
}

// ask draws what a user asks.
func (e *engine) ask(r *rand.Rand, spec *Spec, due time.Time) job {
	at := due.Sub(e.start)
	a := Arrival{At: probe.Measured(at), Stage: e.stageAt(at)}
	if len(spec.Steps) > 0 {
		a.Step = pickStep(spec.Steps, r.Float64())
	}
	if !spec.Lengths.IsZero() {
		a.Length = spec.Lengths.draw(r.Float64())
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	number := e.asked
	e.asked++
	return job{Numbered: Numbered{number, a}, at: at}
}

// stageAt returns the stage of a time, the last one after the end.
func (e *engine) stageAt(at time.Duration) int {
	end := time.Duration(0)
	for i, s := range e.plan.Stages {
		if end += lengthOfStage(s); at < end {
			return i
		}
	}
	return len(e.plan.Stages) - 1
}
