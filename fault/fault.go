// Package fault decides from the results of all targets together what no single
// result shows: that an account is blocked or limited, and by which scope; and
// that a connection failed for want of a network and not of a target.
//
// Accounts is a state machine, and Network a memory of the last moments. Both
// are told results with their times and asked what follows: neither reads a
// clock, waits, sends or logs. What they hold is bounded by the targets that
// they were told of. They refuse to know what an error said beyond the words
// that name its scope, and to judge any outcome but those of accounts and of
// connections. Their methods may be called from several goroutines.
package fault

import (
	"strings"
	"time"

	"github.com/hfwatch/hfwatch/probe"
)

// The times of suspension.
const (
	// ConfirmAfter is how long after the first refusal it is confirmed.
	ConfirmAfter = 10 * time.Second
	// CheckEvery is how often a suspended scope is tried.
	CheckEvery = 15 * time.Minute
	// TryAgain is when a check is repeated that showed nothing of the account.
	TryAgain = 5 * time.Minute
	// MaxHold bounds the wait that a server may ask for, MinHold from below.
	MaxHold = time.Hour
	MinHold = time.Second
	// FirstHold is the wait where a rate limit names none; it doubles with each
	// that follows, up to MaxBackOff.
	FirstHold  = time.Minute
	MaxBackOff = 15 * time.Minute
)

// ScopeKind is what a refusal holds for.
type ScopeKind string

// The kinds of scope, from wide to narrow.
const (
	ScopeToken    ScopeKind = "token"
	ScopeBillTo   ScopeKind = "bill_to"
	ScopeProvider ScopeKind = "provider"
	ScopeHost     ScopeKind = "host"
	ScopeTarget   ScopeKind = "target"
)

// Scope is one thing that can be blocked. Its name holds no secret.
type Scope struct {
	Kind ScopeKind `json:"kind"`
	Name string    `json:"name"`
}

// String returns the scope as people read it.
func (s Scope) String() string { return string(s.Kind) + " " + s.Name }

// Member is a target and the scopes in which it stands.
type Member struct {
	Target string
	// Scopes are from the widest to the narrowest, without the target itself.
	Scopes []Scope
	// Cost orders members: a check is sent to the cheapest.
	Cost int64
	// Checkable is false for a target to which no check may be sent, since that
	// could wake it.
	Checkable bool
}

// Phase is what is known of a scope.
type Phase string

// The phases.
const (
	// Suspected is after one refusal, until it is confirmed or not.
	Suspected Phase = "suspected"
	// Suspended is after the confirmation.
	Suspended Phase = "suspended"
	// Limited is a rate limit that is waited out.
	Limited Phase = "limited"
)

// State is a scope that is not clear: plain data that survives JSON.
type State struct {
	Scope Scope `json:"scope"`
	Phase Phase `json:"phase"`
	// Reason is auth, billing or rate_limited.
	Reason probe.Outcome `json:"reason"`
	// Detail is what the first refusal said.
	Detail string    `json:"detail,omitempty"`
	Since  time.Time `json:"since"`
	// First is the target that was refused first.
	First string `json:"first"`
	// Next is when the next check is due; of a limit, when it ends.
	Next   time.Time `json:"next"`
	Checks int       `json:"checks,omitempty"`
	// Checking is set while the answer to a check is awaited.
	Checking bool `json:"checking,omitempty"`
	// Strikes counts limits in a row.
	Strikes int `json:"strikes,omitempty"`
}

// rung returns which of the member's scopes an outcome dooms to begin with: a
// token's refusal the token, unless it names who is to pay or a provider; a
// want of money whoever pays, unless it names the provider; a rate the provider
// or host.
func rung(m Member, res probe.Result) int {
	words := strings.ToLower(res.Error + " " + res.Excerpt)
	has := func(signs ...string) bool {
		for _, sign := range signs {
			if strings.Contains(words, sign) {
				return true
			}
		}
		return false
	}
	narrow := len(m.Scopes) - 1
	switch {
	case res.Outcome == probe.RateLimited:
		return narrow
	case res.Outcome == probe.Billing && has("not_enough_balance", "provider account", "provider's account"):
		return narrow
	case res.Outcome == probe.Auth && has("provider") && has("disabled", "not enabled", "enable it", "not have access to provider"):
		return narrow
	case res.Outcome == probe.Billing || has("on behalf of"):
		return min(1, narrow)
	}
	return 0
}

// refusal reports whether the outcome is one of the account's.
func refusal(o probe.Outcome) bool {
	return o == probe.Auth || o == probe.Billing || o == probe.RateLimited
}

// accepted reports whether a result shows that the account was let in: it was
// answered, or refused for the request itself.
func accepted(res probe.Result) bool {
	return res.Status >= 200 && res.Status < 300 && !refusal(res.Outcome) || res.Counts == probe.Good
}
