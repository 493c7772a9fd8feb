package sim

import (
	"context"
	"sync"
	"time"
)

// gate lets a number of requests compute at once, the others wait in order.
type gate struct {
	mu      sync.Mutex
	permits int
	running int
	waiting []*waiter
	retired bool
}

// waiter is a request in the queue. ready is closed once it holds a permit;
// running is then how many hold one, itself included.
type waiter struct {
	ready   chan struct{}
	running int
	granted bool
}

// newGate returns a gate of so many permits.
func newGate(permits int) *gate { return &gate{permits: permits} }

// load returns how many requests compute and wait.
func (g *gate) load() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.running + len(g.waiting)
}

// enter takes a permit at once, or a place in the queue, or returns nil if limit
// requests wait already.
func (g *gate) enter(limit int) *waiter {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.running >= g.permits && len(g.waiting) >= limit && !g.retired {
		return nil
	}
	w := &waiter{ready: make(chan struct{})}
	g.waiting = append(g.waiting, w)
	g.grant()
	return w
}

// grant gives free permits to those who wait, the first first. The caller
// holds g.mu.
func (g *gate) grant() {
	for len(g.waiting) > 0 && (g.running < g.permits || g.retired) {
		w := g.waiting[0]
		g.waiting = g.waiting[1:]
		g.running++
		w.running, w.granted = g.running, true
		close(w.ready)
	}
}

// leave gives back the permit of w, or its place in the queue.
func (g *gate) leave(w *waiter) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if w.granted {
		g.running--
		g.grant()
		return
	}
	for i := range g.waiting {
		if g.waiting[i] == w {
			g.waiting = append(g.waiting[:i:i], g.waiting[i+1:]...)
			break
		}
	}
}

// resize changes the number of permits; those who compute go on.
func (g *gate) resize(permits int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.permits = permits
	g.grant()
}

// retire lets everybody through, since nobody will come after them.
func (g *gate) retire() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.retired = true
	g.grant()
}

// wait returns once w holds a permit, or with the error of ctx. next is called
// before each wait; it returns how long at most to wait before calling it
// again, 0 being for ever.
func (w *waiter) wait(ctx context.Context, next func() time.Duration) error {
	for {
		select {
		case <-w.ready:
			return nil
		default:
		}
		d := next()
		if d <= 0 {
			d = maxPause
		}
		timer := time.NewTimer(d)
		select {
		case <-w.ready:
			timer.Stop()
			return nil
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case <-timer.C:
		}
	}
}

// sleepUntil returns at t, or earlier with the error of ctx.
func sleepUntil(ctx context.Context, t time.Time) error {
	d := time.Until(t)
	if d <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err()
	case <-ctx.Done():
		return ctx.Err()
	}
}
