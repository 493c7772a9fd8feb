package hf

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptrace"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hfwatch/hfwatch/probe"
)

const (
	// idleTimeout is below the shortest keep-alive of the usual servers, the
	// five seconds of uvicorn and Node, so that a connection is rarely taken
	// from the pool while the other side closes it.
	idleTimeout = 4 * time.Second
	// maxIdlePerHost and maxIdle bound the connections that wait.
	maxIdlePerHost = 256
	maxIdle        = 512
	// maxStreams bounds the requests in flight to one host over HTTP/2, below
	// the limit of 100 streams that servers commonly set: beyond it requests
	// would wait inside the connection, and that looks like server time.
	maxStreams = 64
	// maxTransports bounds the transports that are kept for later calls.
	maxTransports = 64
	proxyTimeout  = 30 * time.Second
)

// wire is what decides which transport can carry a call.
type wire struct {
	reuse, http2, pooled bool
	proxy                string
	tls                  [sha256.Size]byte
	// host is set for pooled HTTP/2 alone, where each host has its own bound.
	host string
}

// carrier is one transport and, for pooled HTTP/2, its bound; or, for HTTP/1.1 over
// connections that are kept, their pool and how new ones are made.
type carrier struct {
	transport *http.Transport
	slots     chan struct{}
	pool      *pool
	carriers  *carriers
	tls       *tls.Config
	// dropped says that later requests need another one.
	dropped atomic.Bool
}

// acquire waits for a slot, at most until the limit passes or ctx ends, and
// reports whether it got one. Each success needs one release.
func (c *carrier) acquire(ctx context.Context, limit time.Duration) bool {
	if c.slots == nil {
		return true
	}
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case c.slots <- struct{}{}:
		return true
	case <-timer.C:
	case <-ctx.Done():
	}
	return false
}

// release gives a slot back.
func (c *carrier) release() {
	if c.slots != nil {
		<-c.slots
	}
}

// carriers hands out transports: the same for calls that may share one.
type carriers struct {
	dial func(ctx context.Context, network, addr string) (net.Conn, error)
	mu   sync.Mutex
	all  map[wire]*carrier
}

// get returns the carrier for an endpoint. An error is in its TLS options.
func (cs *carriers) get(e *probe.Endpoint, reuse bool) (*carrier, error) {
	return cs.find(e, reuse, reuse && !e.HTTP2 && e.Proxy == nil)
}

// transporting is get for a carrier that has a transport in any case.
func (cs *carriers) transporting(e *probe.Endpoint, reuse bool) (*carrier, error) {
	return cs.find(e, reuse, false)
}

// find returns the carrier, and makes it where there is none.
func (cs *carriers) find(e *probe.Endpoint, reuse, pooled bool) (*carrier, error) {
	key := wire{reuse: reuse, http2: e.HTTP2, pooled: pooled, tls: fingerprint(e.TLS)}
	if e.Proxy != nil {
		key.proxy = e.Proxy.String()
	}
	if reuse && e.HTTP2 {
		key.host = e.URL.Host
	}
	cs.mu.Lock()
	defer cs.mu.Unlock()
	if c := cs.all[key]; c != nil {
		return c, nil
	}
	config, err := tlsConfig(e.TLS)
	if err != nil {
		return nil, err
	}
	if len(cs.all) >= maxTransports {
		cs.dropAll()
	}
	c := &carrier{carriers: cs, tls: config}
	if pooled {
		config.NextProtos = []string{"http/1.1"}
		c.pool = new(pool)
	} else {
		c.transport = cs.transport(e, config, reuse)
	}
	if key.host != "" {
		c.slots = make(chan struct{}, maxStreams)
	}
	cs.all[key] = c
	return c, nil
}

// transport returns a transport that never compresses and never asks the
// environment for a proxy.
func (cs *carriers) transport(e *probe.Endpoint, config *tls.Config, reuse bool) *http.Transport {
	t := &http.Transport{
		DialContext:            cs.dialPlain,
		TLSClientConfig:        config,
		TLSHandshakeTimeout:    proxyTimeout,
		DisableKeepAlives:      !reuse,
		DisableCompression:     true,
		MaxIdleConns:           maxIdle,
		MaxIdleConnsPerHost:    maxIdlePerHost,
		IdleConnTimeout:        idleTimeout,
		MaxResponseHeaderBytes: maxHeader,
		Protocols:              new(http.Protocols),
	}
	t.Protocols.SetHTTP1(true)
	config.NextProtos = []string{"http/1.1"}
	if e.HTTP2 {
		t.Protocols.SetHTTP2(true)
		config.NextProtos = []string{"h2", "http/1.1"}
	}
	if e.Proxy != nil {
		t.Proxy = http.ProxyURL(e.Proxy)
		t.OnProxyConnectResponse = tunnelAnswered
		return t
	}
	t.DialTLSContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		x, plain, err := cs.dialFor(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		secure, err := handshake(x.ctx, &x.trace, plain, addr, config) //nolint:contextcheck // See dialFor.
		if err != nil {
			return nil, err
		}
		return secure, nil
	}
	return t
}

// dialFor connects within the time of the exchange that asks: net/http cuts
// the context that it passes off from the request's end and deadline, so that
// a dial would outlive both.
func (cs *carriers) dialFor(ctx context.Context, network, addr string) (*exchange, *conn, error) {
	x, ok := ctx.Value(exchangeKey{}).(*exchange)
	if !ok {
		return nil, nil, errors.New("a dial without an exchange")
	}
	plain, err := cs.connect(x.ctx, &x.trace, network, addr) //nolint:contextcheck // The exchange's own, for the reason above.
	return x, plain, err
}

// dialPlain is dialFor as a transport has it.
func (cs *carriers) dialPlain(ctx context.Context, network, addr string) (net.Conn, error) {
	_, plain, err := cs.dialFor(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	return plain, nil
}

// dial makes a connection of its pool.
func (c *carrier) dial(ctx context.Context, tr *trace, addr string, secure bool) (*pooled, error) {
	plain, err := c.carriers.connect(ctx, tr, "tcp", addr)
	if err != nil {
		return nil, err
	}
	if !secure {
		return newPooled(plain, plain, addr), nil
	}
	over, err := handshake(ctx, tr, plain, addr, c.tls)
	if err != nil {
		return nil, err
	}
	return newPooled(over, plain, addr), nil
}

// connect makes a connection of a request whose trace is tr.
func (cs *carriers) connect(ctx context.Context, tr *trace, network, addr string) (*conn, error) {
	raw, err := cs.dial(httptrace.WithClientTrace(ctx, tr.dialHooks()), network, addr)
	if err != nil {
		return nil, err
	}
	return &conn{Conn: raw, dialler: tr, remote: raw.RemoteAddr().String()}, nil
}

// handshake returns TLS over a connection, which it closes where that fails.
func handshake(ctx context.Context, tr *trace, plain *conn, addr string, config *tls.Config) (*tls.Conn, error) {
	config = config.Clone()
	if config.ServerName == "" {
		host, _, err := net.SplitHostPort(addr)
		if err != nil {
			_ = plain.Close()
			return nil, err
		}
		config.ServerName = host
	}
	if len(config.Certificates) == 0 {
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			tr.note(func(t *times) { t.wantsCert = true })
			return new(tls.Certificate), nil
		}
	}
	tr.tlsStarted()
	secure := tls.Client(plain, config)
	err := secure.HandshakeContext(ctx)
	tr.tlsEnded(err)
	if err != nil {
		_ = plain.Close()
		return nil, err
	}
	return secure, nil
}

// dropAll forgets all transports; requests that use one finish undisturbed.
// The caller holds cs.mu.
func (cs *carriers) dropAll() {
	for key, c := range cs.all {
		c.dropped.Store(true)
		if c.pool != nil {
			c.pool.close()
		} else {
			c.transport.CloseIdleConnections()
		}
		delete(cs.all, key)
	}
}

// close closes the connections that wait.
func (cs *carriers) close() {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	cs.dropAll()
}

// fingerprint returns a hash that tells TLS options apart without keeping
// them.
func fingerprint(o probe.TLSOptions) [sha256.Size]byte {
	return sha256.Sum256(fmt.Appendf(nil, "%q %q %q %q %t", o.CA, o.Certificate, o.Key.Reveal(), o.ServerName, o.Insecure))
}

// tlsConfig returns the options as crypto/tls takes them.
func tlsConfig(o probe.TLSOptions) (*tls.Config, error) {
	config := &tls.Config{
		MinVersion: tls.VersionTLS12,
		ServerName: o.ServerName,
		//nolint:gosec // The configuration asks for it, for this endpoint alone.
		InsecureSkipVerify: o.Insecure,
	}
	if o.CA != nil {
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(o.CA) {
			return nil, errors.New("tls.ca: holds no PEM certificate")
		}
	}
	if o.Certificate != nil {
		pair, err := tls.X509KeyPair(o.Certificate, []byte(o.Key.Reveal()))
		if err != nil {
			return nil, fmt.Errorf("tls.certificate: %w", err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config, nil
}
