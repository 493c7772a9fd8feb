package load

import (
	"context"
	"time"

	"github.com/hfwatch/hfwatch/probe"
)

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
	for i := range e.arrivals.Len() {
		a := e.arrivals.At(i)
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
