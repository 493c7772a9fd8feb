package probe

// Outcome is what became of one request: one value of a closed set. Each
// outcome names who is at fault and whether it counts; see Judge.
type Outcome string

// The outcomes. docs/outcomes says for each what it means and what to do.
const (
	// OK is an answer that is checked and complete.
	OK Outcome = "ok"
	// Loading is a cold model: loading, initializing, scaling up.
	Loading Outcome = "loading"
	// Asleep is an endpoint that is scaled to zero.
	Asleep Outcome = "asleep"
	// Paused is an endpoint that a person stopped.
	Paused Outcome = "paused"
	// Overloaded is a target that says it has no capacity.
	Overloaded Outcome = "overloaded"
	// ServerError is another 5xx, a 424, or a 4xx that confesses a server fault.
	ServerError Outcome = "server_error"
	// GatewayTimeout is a 504.
	GatewayTimeout Outcome = "gateway_timeout"
	// Timeout is our deadline passed; the phase says in what.
	Timeout Outcome = "timeout"
	// Stalled is a stream that made no progress for its gap limit.
	Stalled Outcome = "stalled"
	// StreamError is an error event inside a 200 stream.
	StreamError Outcome = "stream_error"
	// Truncated is a stream or body that ended early.
	Truncated Outcome = "truncated"
	// InvalidOutput is a 200 whose body is not the task's answer.
	InvalidOutput Outcome = "invalid_output"
	// WrongAnswer is a valid answer that is not what expect says.
	WrongAnswer Outcome = "wrong_answer"
	// Gone is a model, provider or host that was withdrawn.
	Gone Outcome = "gone"
	// DNS is a name that could not be resolved.
	DNS Outcome = "dns"
	// Connect is a connection that could not be made.
	Connect Outcome = "connect"
	// TLS is a handshake or certificate that failed.
	TLS Outcome = "tls"
	// Reset is a connection that was cut.
	Reset Outcome = "reset"
	// Auth is a 401 or 403.
	Auth Outcome = "auth"
	// Billing is a 402, or a 429 that speaks of credit, plan or billing.
	Billing Outcome = "billing"
	// RateLimited is a 429 that speaks of a rate, a quota or logging in.
	RateLimited Outcome = "rate_limited"
	// BadRequest is an answer that calls our request wrong.
	BadRequest Outcome = "bad_request"
	// NoAnswer is a reasoning model that spent its tokens before it answered.
	NoAnswer Outcome = "no_answer"
	// Filtered is an answer that a content filter stopped.
	Filtered Outcome = "filtered"
	// Cached is a replayed answer in spite of our nonce.
	Cached Outcome = "cached"
	// NotSent is a load arrival that a bound or a brake forced us to drop.
	NotSent Outcome = "not_sent"
	// Unknown is everything else, 3xx included: never green and never red.
	Unknown Outcome = "unknown"
	// Canceled is a probe that our own shutdown ended.
	Canceled Outcome = "canceled"
	// Internal is our own bug.
	Internal Outcome = "internal"
)

// Outcomes returns the closed set, in the order in which it is documented.
func Outcomes() []Outcome {
	return []Outcome{
		OK, Loading, Asleep, Paused, Overloaded, ServerError, GatewayTimeout,
		Timeout, Stalled, StreamError, Truncated, InvalidOutput, WrongAnswer,
		Gone, DNS, Connect, TLS, Reset, Auth, Billing, RateLimited, BadRequest,
		NoAnswer, Filtered, Cached, NotSent, Unknown, Canceled, Internal,
	}
}

// Fault says who is to blame for an outcome.
type Fault string

// The faults.
const (
	FaultNone    Fault = "none"
	FaultTarget  Fault = "target"
	FaultNetwork Fault = "network"
	FaultAccount Fault = "account"
	FaultMonitor Fault = "monitor"
	FaultUnknown Fault = "unknown"
)

// Faults returns the closed set of faults.
func Faults() []Fault {
	return []Fault{FaultNone, FaultTarget, FaultNetwork, FaultAccount, FaultMonitor, FaultUnknown}
}

// Counts says how a result enters ratios: good, bad, or apart, which is in
// neither, though a run of them makes the target blind.
type Counts string

// The three ways to count.
const (
	Good  Counts = "good"
	Bad   Counts = "bad"
	Apart Counts = "apart"
)

// AllCounts returns the closed set of ways to count.
func AllCounts() []Counts { return []Counts{Good, Bad, Apart} }

// Circumstances is what, besides the outcome itself, decides whose fault it
// is.
type Circumstances struct {
	// Wake is the target's policy; empty is judged as KeepWarm.
	Wake WakePolicy
	// GaveUp is true when a cold model has been cold for longer than give_up.
	GaveUp bool
	// ExpectPaused is true when the configuration says the target is paused.
	ExpectPaused bool
	// ControlFails is true while a control fails as well: another host, or
	// most targets of this location; and where it is the proxy that failed.
	ControlFails bool
	// Connecting is true when it failed at the proxy, in the lookup of a name, in
	// connecting or in the TLS handshake.
	Connecting bool
	// FirstByte is true when the failure came after the answer's first byte.
	FirstByte bool
	// OKBefore is true when the same request was answered well before.
	OKBefore bool
}

// Judge returns whose fault an outcome is under the circumstances, and how it
// counts. An outcome outside the closed set is judged as Unknown.
func Judge(o Outcome, c Circumstances) (Fault, Counts) {
	maySleep := c.Wake == ObserveCold || c.Wake == NeverWake
	switch o {
	case OK:
		return FaultNone, Good
	case Loading:
		return unless(maySleep && !c.GaveUp)
	case Asleep:
		return unless(maySleep)
	case Paused:
		return unless(c.ExpectPaused)
	case Timeout:
		// Lost packets show as a connection that is never made.
		return connection(c.ControlFails && c.Connecting, false)
	case Overloaded, ServerError, GatewayTimeout, Stalled, StreamError,
		Truncated, InvalidOutput, WrongAnswer, Gone:
		return FaultTarget, Bad
	case DNS, Connect, TLS, Reset:
		return connection(c.ControlFails, o == Reset && c.FirstByte)
	case Auth, Billing, RateLimited:
		return FaultAccount, Apart
	case BadRequest:
		if c.OKBefore {
			return FaultTarget, Bad
		}
		return FaultMonitor, Apart
	case NoAnswer, Filtered, NotSent, Canceled, Internal:
		return FaultMonitor, Apart
	case Cached:
		return FaultNone, Apart
	default:
		return FaultUnknown, Apart
	}
}

// connection returns whose fault a failed connection is: the network's while a
// control fails too, unless the answer had begun.
func connection(controlFails, answering bool) (Fault, Counts) {
	if controlFails && !answering {
		return FaultNetwork, Apart
	}
	return FaultTarget, Bad
}

// unless returns that nobody is at fault where allowed, and the target where
// not.
func unless(allowed bool) (Fault, Counts) {
	if allowed {
		return FaultNone, Apart
	}
	return FaultTarget, Bad
}
