package hf

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// maxHeader bounds an answer's header, and each 1xx before it, in bytes.
const maxHeader = 256 << 10

// errHeaderTooLong is a header beyond its bound.
var errHeaderTooLong = errors.New("the answer's header exceeded 256 KiB")

// pooled is a connection over which requests go, one after the other.
type pooled struct {
	// conn is what is written to and read from; own is itself, or what lies beneath
	// its TLS.
	conn net.Conn
	own  *conn
	place

	in  *bufio.Reader
	out []byte
	// room is what may still be read of a header, sawEOF whether the other side has
	// ended the connection.
	room   int
	sawEOF bool
	// used says that a request went over it, since when it waits.
	used  bool
	since time.Time
	idle  idleCheck
	// readable is the check of a connection that is no socket; nil where it is.
	readable func() bool

	// watched is the context whose end ends the exchange of the time, unhook ends
	// the watch. The requests of a window share one.
	mu      sync.Mutex
	watched context.Context //nolint:containedctx // It is compared with the next request's alone.
	now     *exchange
	unhook  func() bool
}

// place is where requests go that may share connections. What is meant for TLS
// never goes over a connection without it, to whichever address.
type place struct {
	addr   string
	secure bool
}

// newPooled returns a connection over which nothing went yet.
func newPooled(c net.Conn, own *conn, addr string) *pooled {
	p := &pooled{conn: c, own: own, place: place{addr: addr, secure: c != net.Conn(own)}, since: time.Now()}
	p.in = bufio.NewReader(p)
	p.idle.of(own.Conn)
	if r, ok := own.Conn.(interface{ Readable() bool }); ok {
		p.readable = r.Readable
	}
	return p
}

// Read is that of the buffered reader: within a header no more than its bound.
func (p *pooled) Read(into []byte) (int, error) {
	if p.room <= 0 {
		return 0, errHeaderTooLong
	}
	n, err := p.conn.Read(into[:min(len(into), p.room)])
	p.room -= n
	if errors.Is(err, io.EOF) {
		p.sawEOF = true
	}
	return n, err
}

// watch makes the connection an exchange's until it is let go: the context's end
// ends the exchange.
func (p *pooled) watch(ctx context.Context, x *exchange) {
	p.mu.Lock()
	same := p.watched == ctx
	p.now, p.watched = x, ctx
	p.mu.Unlock()
	switch {
	case !same:
		if p.unhook != nil {
			p.unhook()
		}
		p.unhook = context.AfterFunc(ctx, func() { p.over(ctx) })
	case ctx.Err() != nil:
		// It ended while nobody had the connection.
		x.end(context.Cause(ctx))
	}
}

// over ends the exchange of a context that has ended. One that comes late finds
// another's, and leaves it alone.
func (p *pooled) over(ctx context.Context) {
	p.mu.Lock()
	now := p.now
	if p.watched != ctx {
		now = nil
	}
	p.mu.Unlock()
	if now != nil {
		now.end(context.Cause(ctx))
	}
}

// let lets the connection go.
func (p *pooled) let() {
	p.mu.Lock()
	p.now = nil
	p.mu.Unlock()
}

// close closes the connection and ends its watch.
func (p *pooled) close() {
	if p.unhook != nil {
		p.unhook()
	}
	_ = p.conn.Close()
}

// drained reports that nothing lies behind the answer that was read: neither in
// the buffer nor, decrypted or not, within TLS, which reads ahead of what it is
// asked for. What lies in the socket still is for alive.
func (p *pooled) drained() bool {
	if p.sawEOF || p.in.Buffered() > 0 {
		return false
	}
	if !p.secure {
		return true
	}
	// A read whose time is over takes what was read ahead, and never waits.
	if p.conn.SetReadDeadline(time.Unix(1, 0)) != nil {
		return false
	}
	var more [1]byte
	n, err := p.conn.Read(more[:])
	return n == 0 && errors.Is(err, os.ErrDeadlineExceeded)
}

// alive reports that the other side has not ended the connection while it waited,
// as far as can be told without waiting. What it said without being asked is as
// good as an end, but for the tickets that follow a TLS handshake.
func (p *pooled) alive() bool {
	if p.secure && !p.used {
		return true
	}
	return p.in.Buffered() == 0 && p.idle.quiet() && (p.readable == nil || !p.readable())
}

// pool is connections that wait for a request.
type pool struct {
	mu sync.Mutex
	// idle are by where they lead, those that wait longest first.
	idle map[place][]*pooled
	n    int
	// shut is set by close, for good: what is in flight is not kept, whoever asks for
	// a connection meanwhile. Later requests find another pool.
	shut bool
	// reaper closes what has waited too long; nil where nothing waits.
	reaper *time.Timer
}

// take returns the connection to a place that waits shortest, for a request
// that ends at until; nil where there is none that the other side may be trusted
// to hold open still.
func (p *pool) take(to place, until time.Time) *pooled {
	for {
		c := p.newest(to)
		// The deadline of the last request may have passed, and would end the look.
		if c == nil || c.conn.SetDeadline(until) == nil && c.alive() {
			return c
		}
		c.close()
	}
}

// newest takes a connection out; those that wait too long are closed.
func (p *pool) newest(to place) *pooled {
	p.mu.Lock()
	defer p.mu.Unlock()
	waiting := p.idle[to]
	if len(waiting) == 0 {
		return nil
	}
	last := len(waiting) - 1
	c := waiting[last]
	if time.Since(c.since) >= idleTimeout {
		p.drop(to, len(waiting))
		return nil
	}
	waiting[last] = nil
	p.idle[to] = waiting[:last]
	p.n--
	return c
}

// put keeps a connection, or closes it where there is no room or the pool is
// closed.
func (p *pool) put(c *pooled) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.shut || len(p.idle[c.place]) >= maxIdlePerHost || p.n >= maxIdle {
		c.close()
		return
	}
	if p.idle == nil {
		p.idle = map[place][]*pooled{}
	}
	p.idle[c.place] = append(p.idle[c.place], c)
	p.n++
	if p.reaper == nil {
		p.reaper = time.AfterFunc(idleTimeout, p.reap)
	}
}

// drop closes the first n that lead to a place. The caller holds p.mu.
func (p *pool) drop(to place, n int) {
	waiting := p.idle[to]
	for _, c := range waiting[:n] {
		c.close()
	}
	p.n -= n
	if n == len(waiting) {
		delete(p.idle, to)
		return
	}
	p.idle[to] = append(waiting[:0:0], waiting[n:]...)
}

// reap closes what has waited too long and comes back for the rest.
func (p *pool) reap() {
	p.mu.Lock()
	defer p.mu.Unlock()
	next := idleTimeout
	for to, waiting := range p.idle {
		old := 0
		for old < len(waiting) && time.Since(waiting[old].since) >= idleTimeout {
			old++
		}
		if old < len(waiting) {
			next = min(next, idleTimeout-time.Since(waiting[old].since))
		}
		p.drop(to, old)
	}
	if p.n == 0 {
		p.reaper = nil
		return
	}
	p.reaper.Reset(next)
}

// close closes what waits, and lets nothing wait that is in flight.
func (p *pool) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.shut = true
	for to, waiting := range p.idle {
		p.drop(to, len(waiting))
	}
}
