package sim

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// wireKey finds the connection of a request in its context.
type wireKey struct{}

// wire is a connection of a listener, as HTTP sees it.
type wire struct {
	// Conn is what HTTP is read from: raw, or TLS over it.
	net.Conn
	raw net.Conn
	// t is the listener's transport as it was when the connection came, without its
	// fault where that does not strike.
	t     Transport
	front *front
	// frames is set where HTTP/2 was agreed on.
	frames   *frames
	requests atomic.Int64
	struck   sync.Once

	mu sync.Mutex
	// slow paces an answer over HTTP/1.1.
	slow pace
	idle *time.Timer
}

// receive takes a connection in: what strikes before HTTP strikes here, and what
// is left goes to the server of HTTP.
func (f *front) receive(ctx context.Context, conn net.Conn, queue *queueListener) {
	t, _, _ := f.transport()
	n := 0
	f.count(func(s *ListenerState) { s.Connections++; n = s.Connections })
	if t.Ratio > 0 && stream(f.server.scenario.Seed, "listener "+f.spec.Name, uint64(n)).Float64() >= t.Ratio {
		t.Fault = ""
	}
	c := &wire{Conn: conn, raw: conn, t: t, front: f}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	switch {
	case t.Fault == faultReset || t.Fault == faultClose || t.Fault == faultSilent:
		c.refuseToTalk()
		return
	case t.TLS == tlsHandshakeFail:
		c.alert()
		return
	}
	if t.TLS != "" {
		if err := c.secure(ctx); err != nil {
			f.server.logger.Debug("handshake", "listener", f.spec.Name, "err", err)
			leave(conn)
			return
		}
	}
	queue.put(c)
}

// strike counts the connection among those that met the fault.
func (c *wire) strike() {
	c.struck.Do(func() { c.front.count(func(s *ListenerState) { s.Struck++ }) })
}

// refuseToTalk ends the connection before it said anything, or never.
func (c *wire) refuseToTalk() {
	c.strike()
	if c.t.Fault == faultSilent {
		_, _ = io.Copy(io.Discard, c.raw)
		_ = c.raw.Close()
		return
	}
	_, _ = io.ReadFull(c.raw, make([]byte, 1))
	if c.t.Fault == faultReset {
		c.cut(true)
		return
	}
	leave(c.raw)
}

// alert answers a hello with the alert handshake_failure (RFC 8446, section
// 6.2), as a server does that shares no version and no cipher with its client.
func (c *wire) alert() {
	c.strike()
	_, _ = io.ReadFull(c.raw, make([]byte, 1))
	_, _ = c.raw.Write([]byte{21, 3, 3, 0, 2, 2, 40})
	leave(c.raw)
}

// leave ends a connection in order: what the other side still says is read, so
// that it is no reset, for a second at most.
func leave(conn net.Conn) {
	if half, ok := conn.(interface{ CloseWrite() error }); ok && half.CloseWrite() == nil {
		// A connection that takes no deadline is closed all the same.
		_ = conn.SetReadDeadline(time.Now().Add(time.Second))
		_, _ = io.Copy(io.Discard, io.LimitReader(conn, maxBody))
	}
	_ = conn.Close()
}

// secure shakes hands.
func (c *wire) secure(ctx context.Context) error {
	config, err := c.front.config(c.t)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, handshakeLimit)
	defer cancel()
	secure := tls.Server(c.raw, config)
	if err := secure.HandshakeContext(ctx); err != nil {
		return err
	}
	c.Conn = secure
	if secure.ConnectionState().NegotiatedProtocol == "h2" {
		c.frames = newFrames(c)
	}
	return nil
}

// config returns the options of TLS for t, the same each time.
func (f *front) config(t Transport) (*tls.Config, error) {
	key := fmt.Sprintf("%s %t", t.TLS, t.HTTP2)
	f.server.mu.Lock()
	defer f.server.mu.Unlock()
	if config := f.configs[key]; config != nil {
		return config, nil
	}
	config, err := f.server.handshake(f.spec, t)
	if err != nil {
		return nil, err
	}
	f.configs[key] = config
	return config, nil
}

// begin lets a fault strike that does so as a request has come.
func (c *wire) begin(r *http.Request) {
	n := c.requests.Add(1)
	c.mu.Lock()
	c.slow = pace{ctx: r.Context()}
	c.mu.Unlock()
	reused := c.t.Fault == faultResetReused || c.t.Fault == faultCloseReused
	if reused && n > 1 {
		c.strike()
		// Read whole, so that its sender is past writing it.
		_, _ = io.Copy(io.Discard, io.LimitReader(r.Body, maxBody))
		c.cut(c.t.Fault == faultResetReused)
		panic(http.ErrAbortHandler)
	}
	if c.frames != nil {
		c.frames.begin(r)
	}
}

// cut ends the connection, with a reset or in order.
func (c *wire) cut(reset bool) {
	if !reset {
		_ = c.Close()
		return
	}
	// Without it the close is in order, which is the most that is possible.
	_ = c.SetLinger(0)
	_ = c.raw.Close()
}

// SetLinger is net.TCPConn's: with 0 seconds Close resets.
func (c *wire) SetLinger(seconds int) error {
	if l, ok := c.raw.(interface{ SetLinger(int) error }); ok {
		return l.SetLinger(seconds)
	}
	return nil
}

// Write sends what HTTP answers, as the fault has it.
func (c *wire) Write(p []byte) (int, error) {
	switch {
	case c.frames != nil:
		return c.frames.write(p)
	case c.t.Fault == faultSlowHeaders || c.t.Fault == faultSlowBody:
		return c.writeSlowly(p)
	}
	return c.Conn.Write(p)
}

// Read returns what comes.
func (c *wire) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if c.frames != nil {
		c.frames.heard(p[:n])
	}
	return n, err
}

// idleState is told by net/http where a connection waits for its next request
// and where one has come. Of HTTP/2 it says so before the answer is out; frames
// tells there.
func idleState(conn net.Conn, state http.ConnState) {
	if c, ok := conn.(*wire); ok && c.frames == nil {
		c.wait(state == http.StateIdle)
	}
}

// wait closes a connection that is idle, where its fault says so, unless it is
// told before its delay that it is no longer.
func (c *wire) wait(idle bool) {
	if c.t.Fault != faultCloseIdle {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.idle != nil {
		c.idle.Stop()
	}
	hang := func() {
		c.strike()
		_ = c.Close()
	}
	switch {
	case !idle:
	case c.t.Delay == 0:
		hang()
	default:
		c.idle = time.AfterFunc(time.Duration(c.t.Delay), hang)
	}
}
