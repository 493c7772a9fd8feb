package hf

import (
	"context"
	"net"
	"sync"
	"time"

	"github.com/hfwatch/hfwatch/probe"
)

// maxSpare bounds the connections that one transport keeps ready.
const maxSpare = 64

// dialFunc makes connections.
type dialFunc = func(ctx context.Context, network, addr string) (net.Conn, error)

// spare is connections that are made and were not used yet.
type spare struct {
	mu    sync.Mutex
	conns []spareConn
}

// spareConn is one of them.
type spareConn struct {
	net.Conn
	addr string
	made time.Time
}

// take returns a connection to an address, nil where there is none that the other
// side may be trusted to hold open still.
func (s *spare) take(addr string) net.Conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	var found net.Conn
	kept := s.conns[:0]
	for _, c := range s.conns {
		switch {
		case time.Since(c.made) >= idleTimeout:
			_ = c.Close()
		case found == nil && c.addr == addr:
			found = c.Conn
		default:
			kept = append(kept, c)
		}
	}
	s.conns = kept
	return found
}

// first returns a dial that takes from s before it makes a new connection.
func (s *spare) first(dial dialFunc) dialFunc {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		if c := s.take(addr); c != nil {
			return c, nil
		}
		return dial(ctx, network, addr)
	}
}

// put keeps a connection, or closes it where there is no room.
func (s *spare) put(c spareConn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.conns) >= maxSpare {
		_ = c.Close()
		return
	}
	s.conns = append(s.conns, c)
}

// close closes what is kept.
func (s *spare) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.conns {
		_ = c.Close()
	}
	s.conns = nil
}

// Warm makes n connections to a target, its handshakes included, that its next
// requests over reused connections take. Nothing is sent over them. What cannot be
// made is left to the requests, whose results then say why; so are HTTP/2, which
// needs one, and a proxy. It returns once all are made or ctx ends.
func (c *Client) Warm(ctx context.Context, t *probe.Target, n int) {
	e := &t.Endpoint
	if e.HTTP2 || e.Proxy != nil || e.URL == nil {
		return
	}
	carrier, err := c.carriers.get(e, true)
	if err != nil {
		return
	}
	addr, dial := hostPort(e), carrier.plain
	if e.URL.Scheme == "https" {
		dial = carrier.secure
	}
	var all sync.WaitGroup
	for range min(n, maxSpare) {
		all.Go(func() {
			x := &exchange{ctx: ctx}
			made, err := dial(context.WithValue(ctx, exchangeKey{}, x), "tcp", addr)
			if err == nil {
				carrier.spare.put(spareConn{made, addr, time.Now()})
			}
		})
	}
	all.Wait()
}

// hostPort returns what a transport dials for an endpoint without a proxy.
func hostPort(e *probe.Endpoint) string {
	port := e.URL.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[e.URL.Scheme]
	}
	return net.JoinHostPort(e.URL.Hostname(), port)
}
