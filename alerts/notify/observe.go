package notify

import (
	"time"

	"github.com/prometheus/alertmanager/alert"
)

// Observer is told what becomes of notifications. Its methods are called from
// several goroutines and must not block.
type Observer interface {
	// Attempted is told of every attempt after it ended.
	Attempted(a Attempt)
	// Dropped is told that the receiver will not be told of so many alerts.
	Dropped(receiver string, reason DropReason, alerts int)
}

// Attempt is what came of one attempt to deliver a message.
type Attempt struct {
	Receiver string
	// Action says what follows from it: exactly one of Sent, Refused and GivenUp
	// for each message, unless the daemon stops before.
	Action Action
	// Reason is why it failed; empty if it did not.
	Reason Reason
	// Took is the attempt's own duration.
	Took time.Duration
	// Waited is the time since the oldest alert of the message was first to be
	// told: the delay of the page itself.
	Waited time.Duration
	// News are those alerts, with the states that the message was to tell. They
	// must not be changed.
	News []*alert.Alert
	// Alerts is the number of alerts whose state the message was to tell.
	Alerts int
}

// Action is what follows from an attempt.
type Action string

// The actions.
const (
	// Sent is a message that was delivered.
	Sent Action = "sent"
	// Retry is a message that will be tried again.
	Retry Action = "retry"
	// Refused is a message that the receiver will not take.
	Refused Action = "refused"
	// GivenUp is a message that was tried for as long as one is: a dead letter.
	GivenUp Action = "given_up"
	// Interrupted is a message whose attempt was cut off by the daemon's end.
	Interrupted Action = "interrupted"
)

// Actions returns the closed list of actions.
func Actions() []Action { return []Action{Sent, Retry, Refused, GivenUp, Interrupted} }

// Reason is why an attempt failed.
type Reason string

// The reasons.
const (
	// Network is a failure to connect, to send or to read the answer's head.
	Network Reason = "network"
	// Timeout is an attempt that took too long.
	Timeout Reason = "timeout"
	// ServerError is a status of 500 or above.
	ServerError Reason = "server_error"
	// RateLimited is status 429.
	RateLimited Reason = "rate_limited"
	// AuthError is status 401 or 403.
	AuthError Reason = "auth"
	// ClientError is any other status of 4xx.
	ClientError Reason = "client_error"
	// Redirect is a status of 3xx: a signed message is not taken elsewhere.
	Redirect Reason = "redirect"
	// Canceled is an attempt that our own end cut off.
	Canceled Reason = "canceled"
	// Internal is a fault of hfwatch itself.
	Internal Reason = "internal"
)

// Reasons returns the closed list of reasons.
func Reasons() []Reason {
	return []Reason{
		Network, Timeout, ServerError, RateLimited, AuthError, ClientError, Redirect, Canceled, Internal,
	}
}

// DropReason is why a receiver is not told of an alert.
type DropReason string

// The reasons to drop.
const (
	// DropOverflow is a firing alert for which there was no room.
	DropOverflow DropReason = "overflow"
	// DropResolvedEarly is an alert that resolved before its firing was
	// delivered, and was never attempted or each time refused.
	DropResolvedEarly DropReason = "resolved_early"
	// DropMuted is an alert that fired and resolved while it was muted.
	DropMuted DropReason = "muted"
	// DropRefused is a resolve that the receiver refused for a day.
	DropRefused DropReason = "refused"
	// DropRemoved is an alert whose receiver was taken out of the configuration.
	DropRemoved DropReason = "removed"
	// DropShutdown is an alert that was still to be delivered at the end.
	DropShutdown DropReason = "shutdown"
)

// DropReasons returns the closed list of reasons to drop.
func DropReasons() []DropReason {
	return []DropReason{
		DropOverflow, DropResolvedEarly, DropMuted, DropRefused, DropRemoved, DropShutdown,
	}
}

// nobody is the Observer where none was given.
type nobody struct{}

func (nobody) Attempted(Attempt) {}

func (nobody) Dropped(string, DropReason, int) {}
