package hf

import (
	"context"
	"net"
	"sync"

	"github.com/hfwatch/hfwatch/probe"
)

// maxSpare bounds the connections that are made before their time.
const maxSpare = 64

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
	var all sync.WaitGroup
	for range min(n, maxSpare) {
		all.Go(func() {
			made, err := carrier.dial(ctx, new(trace), hostPort(e), e.URL.Scheme == "https")
			if err == nil {
				carrier.pool.put(made)
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
