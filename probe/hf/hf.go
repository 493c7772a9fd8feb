// Package hf carries out one exchange with a Hugging Face inference API, or
// anything that speaks like one, and measures it: when each part of it
// happened on the connection that was used, when the first byte, the first
// token and the first token of the answer came, how the answer ended, what the
// other side says of itself, and what all that means as an outcome.
//
// It refuses to send anything twice: there are no retries and no redirects,
// and a body cannot be rewound. It refuses to know the tasks: probe.Task reads
// events and judges answers. It reads no more of an answer than its bounds,
// and lets no secret into a result or to a host that it is not for.
//
// A Client may be used from any number of goroutines.
package hf

import (
	"context"
	"net"

	"github.com/hfwatch/hfwatch/probe"
)

// The defaults of Options.
const (
	DefaultMaxBody   = 16 << 20
	DefaultMaxEvents = 100_000
)

// Options are what a Client is made with. The zero value is ready to use.
type Options struct {
	// Version is hfwatch's own, for the User-Agent; empty is "dev".
	Version string
	// MaxBody bounds an answer's decoded bytes; 0 is DefaultMaxBody. A stream
	// may have four times as many.
	MaxBody int
	// MaxEvents bounds a stream's events; 0 is DefaultMaxEvents.
	MaxEvents int
	// MaxLine bounds a line of a stream; 0 is 1 MiB.
	MaxLine int
	// Dial makes connections; nil is net.Dialer's DialContext. It should call
	// the httptrace hooks of its context as net.Dialer does.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
}

// Client is a probe.Exchanger over HTTP.
type Client struct {
	userAgent string
	maxBody   int
	maxEvents int
	maxLine   int
	carriers  carriers
	sheets    sheets
}

// New returns a client.
func New(o Options) *Client {
	c := &Client{
		userAgent: "hfwatch/" + orDefault(o.Version, "dev"),
		maxBody:   orDefault(o.MaxBody, DefaultMaxBody),
		maxEvents: orDefault(o.MaxEvents, DefaultMaxEvents),
		maxLine:   orDefault(o.MaxLine, defaultMaxLine),
		carriers:  carriers{dial: o.Dial, all: map[wire]*carrier{}},
	}
	if c.carriers.dial == nil {
		c.carriers.dial = new(net.Dialer).DialContext
	}
	return c
}

// Do sends the call's request once and returns what was measured of it. A call
// without a target, or whose endpoint cannot be addressed, is Internal: the
// configuration should have refused it.
func (c *Client) Do(ctx context.Context, call probe.Call) probe.Result {
	x, err := c.prepare(&call)
	if err != nil {
		return probe.Result{Outcome: probe.Internal, Error: clean(err.Error(), maxReason)}
	}
	if !x.carrier.acquire(ctx, x.limit) {
		if ctx.Err() != nil {
			return probe.Result{Outcome: probe.Canceled, Error: "canceled before it was sent"}
		}
		return probe.Result{Outcome: probe.NotSent, Error: "no HTTP/2 stream was free within the deadline"}
	}
	defer x.carrier.release()
	x.run(ctx)
	x.secrets.hide(&x.res)
	return x.res
}

// Close closes the connections that wait for reuse. Requests in flight finish
// undisturbed.
func (c *Client) Close() { c.carriers.close() }

// orDefault returns v, or d where v is zero.
func orDefault[T comparable](v, d T) T {
	var zero T
	if v == zero {
		return d
	}
	return v
}
