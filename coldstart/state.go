package coldstart

// State is what a model is doing: one value of a closed set. What is seen moves
// it so, and what is not in a row leaves it:
//
//	seen        unknown   asleep    loading   warming   warm      degraded
//	----        -------   ------    -------   -------   ----      --------
//	asleep      asleep    asleep    asleep    asleep    asleep    asleep
//	loading     loading   loading   loading   loading   loading   loading
//	running     unknown   loading   loading   warming   warm      degraded
//	held        warming   warming   warming   warming   warming   warming
//	slow        degraded  warming   warming   warming   degraded  degraded
//	quick       warm      warming   warming   warming   warm      warm
//	failing     unknown   asleep    loading   warming   degraded  degraded
//	settled     unknown   asleep    loading   warm      warm      degraded
//	unsettled   unknown   asleep    loading   degraded  warm      degraded
//	stale       unknown   asleep    loading   unknown   unknown   unknown
//	none        unknown   asleep    loading   warming   warm      degraded
//
// Running alone is not ready: the first valid answer is what ends a cold start.
// Paused is asleep, in that a request would meet no replica.
type State string

// The states.
const (
	// Unknown is before there was any evidence of the model itself, and after it
	// is too old to say whether the model sleeps.
	Unknown State = "unknown"
	// Asleep is scaled to zero, or paused.
	Asleep State = "asleep"
	// Loading is on its way: replicas are started, or a replica is not healthy
	// yet. A request is refused or held.
	Loading State = "loading"
	// Warming gives valid answers that have not settled yet.
	Warming State = "warming"
	// Warm answers as it usually does.
	Warm State = "warm"
	// Degraded was warm, and now fails, or is slow without having slept; or its
	// warm-up came to no steady state.
	Degraded State = "degraded"
)

// States returns the closed set.
func States() []State { return []State{Unknown, Asleep, Loading, Warming, Warm, Degraded} }

// Cold reports whether a request would meet a cold model.
func (s State) Cold() bool { return s == Asleep || s == Loading }

// Sign is what an evidence says of a model: one value of a closed set.
type Sign string

// The signs.
const (
	// SignNone says nothing of the model: an account's refusal, a name that is
	// not resolved, our own shutdown.
	SignNone Sign = "none"
	// SignAsleep is scaled to zero or paused.
	SignAsleep Sign = "asleep"
	// SignLoading is a refusal with an estimate or the words of a start, a 503 of
	// the proxy before an endpoint, a state of the management API before
	// running, or a health route that is not well, of a model that has not answered.
	SignLoading Sign = "loading"
	// SignRunning is the management API's running with a replica, a health route
	// that is well, or the Hub's own word that a serverless model is there.
	SignRunning Sign = "running"
	// SignHeld is a valid answer that took long after a time in which the model
	// may have fallen asleep: the request woke it and was held.
	SignHeld Sign = "held"
	// SignSlow is a valid answer beyond what the model usually takes.
	SignSlow Sign = "slow"
	// SignQuick is any other valid answer.
	SignQuick Sign = "quick"
	// SignFailing is a failure of the target that is not a cold model's, or the
	// Hub's word that a provider fails its check.
	SignFailing Sign = "failing"
	// SignSettled and SignUnsettled are conclusions from the warm-up's curve.
	SignSettled   Sign = "settled"
	SignUnsettled Sign = "unsettled"
	// SignStale is that nothing was seen for longer than the model takes to fall
	// asleep.
	SignStale Sign = "stale"
)

// Signs returns the closed set.
func Signs() []Sign {
	return []Sign{
		SignNone, SignAsleep, SignLoading, SignRunning, SignHeld, SignSlow, SignQuick, SignFailing, SignSettled, SignUnsettled,
		SignStale,
	}
}

// Next returns the state after a sign, as the table over State has it.
func Next(from State, seen Sign) State {
	waking := from.Cold() || from == Warming
	switch seen {
	case SignAsleep:
		return Asleep
	case SignLoading:
		return Loading
	case SignRunning:
		return pick(from == Asleep, Loading, from)
	case SignHeld:
		return Warming
	case SignSlow:
		return pick(waking, Warming, Degraded)
	case SignQuick:
		return pick(waking, Warming, Warm)
	case SignFailing:
		return pick(from == Warm, Degraded, from)
	case SignSettled:
		return pick(from == Warming, Warm, from)
	case SignUnsettled:
		return pick(from == Warming, Degraded, from)
	case SignStale:
		return pick(from.Cold(), from, Unknown)
	case SignNone:
		return from
	}
	return from
}

// pick returns a where it holds, and else b.
func pick[T any](holds bool, a, b T) T {
	if holds {
		return a
	}
	return b
}
