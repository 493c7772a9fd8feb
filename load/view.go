package load

import (
	"time"
)

// tick is how often the engine looks at itself.
const tick = time.Second

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

// snapshot returns a view of the window under way.
func (e *engine) snapshot(since time.Duration, ended bool) Snapshot {
	e.mu.Lock()
	inFlight, queued := e.busy, e.due-e.next
	e.mu.Unlock()
	e.rec.mu.Lock()
	defer e.rec.mu.Unlock()
	length := e.plan.Length()
	s := Snapshot{
		Elapsed: since, Left: max(0, length-since), Draining: since > length && !ended, Ended: ended,
		Stage: e.stageAt(since), InFlight: inFlight, Queued: queued,
		Summary: e.rec.whole.counts(spans{plan: min(since, length)}, e.o.Objectives),
		Recent:  e.rec.curve.recent(since - 10*time.Second),
	}
	if last := since - e.rec.curve.step; last >= 0 {
		p := e.rec.curve.at(last)
		seconds := e.rec.curve.step.Seconds()
		s.Asked, s.Rate = float64(p.due)/seconds, float64(p.done)/seconds
	}
	return s
}
