// Package probe is the vocabulary of hfwatch: what a target is, what one
// exchange with it measures, and what its outcome means. It also holds the
// Runner, the one way in which a slot becomes a Result.
//
// It refuses to know the network (package probe/hf does), the tasks (package
// probe/task does) and the clock of the schedule (package schedule does). It
// keeps no state: every value here may be copied, and everything but a Runner's
// Exchanger may be used from several goroutines at once.
package probe

import "context"

// Exchanger carries out one exchange.
type Exchanger interface {
	// Do sends the call's request once, and never a second time in secret, and
	// returns what was measured of it: outcome, phase, status, error, times,
	// tokens and evidence. The rest of the Result is the Runner's. It returns
	// by call.Timeout after it was sent at the latest, or soon after ctx ends
	// (outcome canceled), whatever the other side does. It must be safe for
	// concurrent use.
	Do(ctx context.Context, call Call) Result
}

// Sink takes results.
type Sink interface {
	// Record takes one result. It must not wait for anything outside the
	// process, and it may be given the same result twice.
	Record(result Result)
}
