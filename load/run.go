package load

import (
	"context"
	"time"

	"github.com/hfwatch/hfwatch/probe"
)

// Admission lets requests be sent.
type Admission interface {
	// Admit is asked before each request is sent, from several goroutines, and
	// must not wait for the network. It returns what to call with the request's
	// result, nil for nothing. An error ends the window: EndBudget.
	Admit(call *probe.Call) (settle func(probe.Result), err error)
}

// Options is what a plan is carried out with.
type Options struct {
	// Runner measures; its Exchanger is used for all requests.
	Runner probe.Runner
	// Targets are those of the plan's steps, in their order: one for a window of
	// one target.
	Targets []*probe.Target
	// Mix is the mix's name; empty for a window of one target.
	Mix string
	// MaxInFlight bounds the requests in flight; at least 1.
	MaxInFlight int
	// Timeout bounds a request, from being sent; 0 is its target's own.
	Timeout time.Duration
	// Drain bounds how long after the plan's end what still waits is sent, and
	// what is in flight then may take its timeout; 0 is the longest timeout.
	Drain time.Duration
	Abort Abort
	// Objectives are what goodput counts by.
	Objectives Objectives
	// Admission is asked before each request; nil admits all.
	Admission Admission
	// Observe is given each result once it is complete, one after the other; nil is
	// nobody. It must not wait.
	Observe func(probe.Result)
	// Progress is given a view each second, and one at the end; nil is nobody. It
	// must not wait.
	Progress func(Snapshot)
	// Precise makes waits for due times end to some ten microseconds where the rate
	// is 50/s or more, and not to the millisecond that timers end to. Leave it off
	// in a synctest bubble, whose clock moves only while everybody waits for timers.
	Precise bool
}

// Abort is when a window stops itself. The zero value never does; see
// DefaultAbort.
type Abort struct {
	// ErrorRatio is the share of bad results among those that count, from
	// MinRequests of them on; 0 is none.
	ErrorRatio  float64 `json:"error_ratio,omitempty"`
	MinRequests int     `json:"min_requests,omitempty"`
	// On are the statuses that end it at once.
	On []int `json:"on,omitempty"`
	// Brake ends it where the number in flight and the time to first token, or
	// without streams the service time, climb together for 30 s.
	Brake bool `json:"brake,omitempty"`
}

// DefaultAbort is a fifth of at least 20 results, 402, 429 and the brake.
func DefaultAbort() Abort {
	return Abort{ErrorRatio: 0.2, MinRequests: 20, On: []int{402, 429}, Brake: true}
}

// Snapshot is a view of a window under way.
type Snapshot struct {
	// Elapsed counts from the start, Left to the plan's end; Draining is true after
	// it, Ended once nothing more will come.
	Elapsed, Left   time.Duration
	Draining, Ended bool
	Stage           int
	// Asked and Rate are arrivals due and requests done for each second of the last
	// one.
	Asked, Rate      float64
	InFlight, Queued int
	// Summary has counts and rates, and no distributions.
	Summary
	// Recent are the response times of what came due in the last ten seconds.
	Recent Points
}

// Run carries out the share of a plan. It returns once nothing is in flight: soon
// after ctx ends, by the plan's length, the drain and the timeout otherwise. The
// window is complete as far as it went; an error says why none could begin.
func Run(ctx context.Context, plan Plan, share Share, o Options) (Window, error) {
	e, err := newEngine(plan, share, o)
	if err != nil {
		return Window{}, err
	}
	return e.run(ctx), nil
}
