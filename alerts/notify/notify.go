// Package notify delivers alerts. Alerts are prometheus/alertmanager's own
// values, and the signed webhook of this package is one of its notifiers.
//
// A Sender is told at every evaluation what fires and what has resolved, and
// owes each receiver the newest state of each alert: a mailbox for every
// receiver, and not a queue of messages, so that an outage of the receiver ends
// with what is true then. Three things hold whatever the receiver does: a
// resolve is delivered if its firing was, or may have been; one receiver delays
// no other; and nobody who calls the Sender waits.
//
// What a receiver was told and is owed is noted in a Store before and after each
// attempt, so that a restart tells nothing twice and loses no resolve.
//
// The package refuses to decide what fires, and to resolve an alert because
// nobody speaks of it any more, but for what was told before a start, when it is
// asked to (Reconcile). It never prints
// an address of a receiver, since the addresses of hooks carry their
// credentials. A Sender and a WebhookNotifier may be used from several
// goroutines at once.
package notify

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/prometheus/alertmanager/alert"

	"github.com/hfwatch/hfwatch/probe"
)

// Routed is one alert as one evaluation saw it, and whom it concerns.
type Routed struct {
	// Alert has resolved if its EndsAt is set and not after the evaluation;
	// otherwise it fires. It must not be changed once it was given away.
	Alert *alert.Alert
	// To names the receivers, whatever their Match says. None is every receiver
	// whose Match selects the alert.
	To []string
	// Muted holds the alert back while it fires: for a maintenance time, or
	// because another alert speaks for it. What was delivered before is resolved
	// all the same.
	Muted bool
	// Silenced is that it is muted by a silence.
	Silenced bool
}

// Options are the settings of a Sender. The zero value of each field means its
// default.
type Options struct {
	// Logger takes a line for each change of state; nil is silence.
	Logger *slog.Logger
	// Observer is told what becomes of notifications; nil is nobody.
	Observer Observer
	// ExternalURL is where people reach this hfwatch; messages name it.
	ExternalURL *url.URL
	// UserAgent is sent with every request; "hfwatch" by default.
	UserAgent string
	// Dial makes connections; nil is the network's own.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Store keeps what receivers were told over a restart; nil keeps nothing.
	Store Store
	// DeadLetters takes what receivers will not be told; nil is nobody.
	DeadLetters DeadLetters
	// Proxy chooses the proxy of a request; nil is none.
	Proxy func(*http.Request) (*url.URL, error)

	// MaxAlerts bounds the alerts of one message, 64 by default.
	MaxAlerts int
	// Capacity bounds the alerts remembered for one receiver, 10,000 by default.
	// Beyond it the oldest firing alert that was never sent gives way.
	Capacity int
	// Repeat is how often an alert that goes on firing is told again, 4 h by
	// default as in Alertmanager; negative is never.
	Repeat time.Duration
	// Timeout bounds one attempt from dialling to the answer's head, 10 s by
	// default.
	Timeout time.Duration
	// GiveUp is how long one message is tried, from its first attempt, 15 min by
	// default. What it carried then goes into a new message, as far as it is
	// still true.
	GiveUp time.Duration
}

// dialFunc makes a connection.
type dialFunc = func(ctx context.Context, network, address string) (net.Conn, error)

// withDefaults returns the options with their defaults filled in.
func (o Options) withDefaults() Options {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Observer == nil {
		o.Observer = nobody{}
	}
	if o.ExternalURL == nil {
		o.ExternalURL = &url.URL{}
	}
	if o.Store == nil {
		o.Store = nowhere{}
	}
	if o.DeadLetters == nil {
		o.DeadLetters = nobodys{}
	}
	if o.UserAgent == "" {
		o.UserAgent = "hfwatch"
	}
	if o.Dial == nil {
		o.Dial = (&net.Dialer{}).DialContext
	}
	o.MaxAlerts = positive(o.MaxAlerts, 64)
	o.Capacity = positive(o.Capacity, 10_000)
	o.Timeout = positive(o.Timeout, 10*time.Second)
	o.GiveUp = positive(o.GiveUp, 15*time.Minute)
	if o.Repeat == 0 {
		o.Repeat = 4 * time.Hour
	}
	return o
}

// positive returns v, or def where v is not above zero.
func positive[T int | time.Duration](v, def T) T {
	if v > 0 {
		return v
	}
	return def
}

// Identity returns what a Match looks at in an alert: the labels target, task,
// model, location and severity, and beside them every label of the alert.
func Identity(a *alert.Alert) probe.Identity {
	labels := make(map[string]string, len(a.Labels))
	for name, value := range a.Labels {
		labels[string(name)] = string(value)
	}
	return probe.Identity{
		Name:     labels["target"],
		Task:     labels["task"],
		Model:    labels["model"],
		Location: labels["location"],
		Severity: labels["severity"],
		Labels:   labels,
	}
}
