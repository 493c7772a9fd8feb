package load

import (
	"time"
)

// worker sends one request at a time.
type worker struct{ work chan int }

// dispatch lets arrivals come due: each goes to an idle worker, to a new one
// while there is room, or waits.
func (e *engine) dispatch() {
	for i := range e.arrivals.Len() {
		a := e.arrivals.At(i).Arrival
		at, _ := a.At.Get()
		if !e.pacer.wait(e.start.Add(at)) {
			return
		}
		e.rec.due(a, at)
		e.mu.Lock()
		if e.stop != nil {
			e.mu.Unlock()
			e.rec.unsent(a, at, time.Since(e.start))
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
		a := e.arrivals.At(i).Arrival
		at, _ := a.At.Get()
		e.rec.unsent(a, at, time.Since(e.start))
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
	a := e.arrivals.At(i)
	at, _ := a.At.Get()
	e.one(job{Numbered: a, at: at, late: late}, uint64(a.Number))
}
