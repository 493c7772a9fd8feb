package hf

import (
	"context"
	"errors"
	"io"
	"math"
	"net"
	"net/http"
	"net/http/httptrace"
	"os"
	"time"
)

const (
	// maxInline is how long a body may be that is written before its answer is
	// looked for. It fits into what the two kernels hold, so that the write ends
	// even where the other side answers without reading; a longer one is written
	// beside.
	maxInline = 16 << 10
	// answerGrace is how long an answer is waited for once the request cannot be
	// written any more, and the end of the writing once the answer is complete.
	answerGrace = 50 * time.Millisecond
)

// straight is what an exchange over a pooled connection has of its own.
type straight struct {
	over *pooled
	body answerBody
	// writing brings what came of a write beside; nil where there is none.
	writing chan error
	// reusable says that nothing but the body's end keeps the connection from the
	// next request.
	reusable bool
}

// direct sends the request over a connection that waits, or a new one, and returns
// the answer once its header is complete. It is HTTP/1.1 as net/http speaks it,
// and net/http parses the answers; but it all happens in the one goroutine that
// asks, where an http.Transport has two more for each connection: a request costs
// half as much, and between a byte's arrival and the look at the clock nothing
// waits for a goroutine's turn.
func (x *exchange) direct(ctx context.Context) (*http.Response, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	c, err := x.connection(ctx)
	if err != nil {
		return nil, err
	}
	x.take(ctx, c)
	var wrote error
	if len(x.call.Request.Body) > maxInline {
		x.writing = make(chan error, 1)
		go func() { x.writing <- x.write(c) }()
	} else {
		wrote = x.write(c)
	}
	resp, err := x.header(c)
	if err == nil {
		x.body = answerBody{x: x, from: resp.Body}
		x.reusable = wrote == nil && !resp.Close && resp.StatusCode > 199
		resp.Body = &x.body
		return resp, nil
	}
	if x.writing != nil {
		_ = c.conn.Close()
		wrote, x.writing = <-x.writing, nil
	}
	if wrote != nil && !errors.Is(wrote, net.ErrClosed) && !x.trace.begun() && !isTLS(err) {
		// That nothing can be read follows from it; but an alert that was read says why.
		return nil, wrote
	}
	return nil, err
}

// connection returns one that waits, or dials within the exchange's time.
func (x *exchange) connection(ctx context.Context) (*pooled, error) {
	s, until := x.sheet, x.sent.Add(x.limit)
	secure := s.url.Scheme == "https"
	if c := x.carrier.pool.take(place{addr: s.addr, secure: secure}, until); c != nil {
		x.trace.gotConn(httptrace.GotConnInfo{Conn: c.conn, Reused: c.used, WasIdle: c.used, IdleTime: time.Since(c.since)})
		return c, nil
	}
	ctx, stop := context.WithDeadlineCause(ctx, until, errLimit)
	defer stop()
	c, err := x.carrier.dial(ctx, &x.trace, s.addr, secure)
	if err != nil {
		return nil, err
	}
	if err := c.conn.SetDeadline(until); err != nil {
		_ = c.conn.Close()
		return nil, err
	}
	x.trace.gotConn(httptrace.GotConnInfo{Conn: c.conn})
	return c, nil
}

// take makes the connection the exchange's: from now on its end ends reads and
// writes.
func (x *exchange) take(ctx context.Context, c *pooled) {
	c.room = maxHeader
	x.endMu.Lock()
	x.over = c
	x.endMu.Unlock()
	c.watch(ctx, x)
}

// end ends the exchange for a cause, the first that there is.
func (x *exchange) end(cause error) {
	x.endMu.Lock()
	defer x.endMu.Unlock()
	if x.ended == nil {
		x.ended = cause
	}
	if x.over != nil {
		_ = x.over.conn.SetDeadline(time.Unix(1, 0))
	}
}

// write writes the request.
func (x *exchange) write(c *pooled) error {
	body := x.call.Request.Body
	c.out = x.sheet.head(c.out[:0], x.call)
	var err error
	if len(body) <= maxInline {
		c.out = append(c.out, body...)
		_, err = c.conn.Write(c.out)
	} else if _, err = c.conn.Write(c.out); err == nil {
		_, err = c.conn.Write(body)
	}
	x.trace.wroteRequest(httptrace.WroteRequestInfo{Err: err})
	if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		x.hearOut(c)
	}
	return err
}

// hearOut lets an answer be read for a little while where the request cannot be
// written any more: the other side may have said why before it hung up. An
// exchange that has ended meanwhile keeps its end.
func (x *exchange) hearOut(c *pooled) {
	x.endMu.Lock()
	defer x.endMu.Unlock()
	if x.ended == nil {
		grace := min(answerGrace, time.Until(x.sent.Add(x.limit)))
		_ = c.conn.SetReadDeadline(time.Now().Add(grace))
	}
}

// header reads the answer's header, past any 1xx.
func (x *exchange) header(c *pooled) (*http.Response, error) {
	if _, err := c.in.Peek(1); err != nil {
		return nil, err
	}
	x.trace.gotFirstByte()
	for {
		resp, err := http.ReadResponse(c.in, x.sheet.request)
		switch {
		case err != nil && c.room <= 0:
			return nil, errHeaderTooLong
		case err != nil:
			return nil, err
		case resp.StatusCode > 199 || resp.StatusCode < 100 || resp.StatusCode == http.StatusSwitchingProtocols:
			c.room = math.MaxInt
			return resp, nil
		}
		if err := x.trace.gotInterim(resp.StatusCode, nil); err != nil {
			return nil, err
		}
		c.room = maxHeader
	}
}

// release gives the connection back where the next request may go over it, and
// closes it otherwise.
func (x *exchange) release() {
	x.endMu.Lock()
	c := x.over
	x.over = nil
	keep := x.reusable && x.body.whole && x.ended == nil
	x.endMu.Unlock()
	if c == nil {
		return
	}
	c.let()
	if keep && x.writing != nil {
		keep = x.wroteAll()
	}
	if keep && c.drained() {
		c.used, c.since, c.own.dialler = true, time.Now(), nil
		x.carrier.pool.put(c)
		return
	}
	c.close()
	if x.writing != nil {
		<-x.writing
	}
}

// wroteAll reports that a write beside has ended well. The answer may be read to its
// end before the writer has had its turn to say so, and so it is waited for a little,
// as net/http does.
func (x *exchange) wroteAll() bool {
	grace := time.NewTimer(answerGrace)
	defer grace.Stop()
	select {
	case err := <-x.writing:
		x.writing = nil
		return err == nil
	case <-grace.C:
		return false
	}
}

// answerBody is the body of an answer over a pooled connection.
type answerBody struct {
	x    *exchange
	from io.Reader
	// whole is set once it was read to its end.
	whole bool
}

// Read passes on, and names the cause where we broke it off ourselves.
func (b *answerBody) Read(p []byte) (int, error) {
	n, err := b.from.Read(p)
	switch {
	case err == nil:
	case errors.Is(err, io.EOF):
		b.whole = true
	default:
		if cause := b.x.cause(); cause != nil {
			return n, cause
		}
	}
	return n, err
}

// Close leaves the connection to release.
func (*answerBody) Close() error { return nil }
