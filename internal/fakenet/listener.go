package fakenet

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"testing"
)

// Listener accepts connections to one address. It is a net.Listener.
type Listener struct {
	net     *Network
	name    string
	addr    *net.TCPAddr
	backlog chan *Conn
	closed  chan struct{}
	once    sync.Once
}

// Accept returns the next connection, which is a *Conn.
func (l *Listener) Accept() (net.Conn, error) {
	select {
	case <-l.closed:
		return nil, opError("accept", nil, l.addr, net.ErrClosed)
	default:
	}
	select {
	case conn := <-l.backlog:
		return conn, nil
	case <-l.closed:
		return nil, opError("accept", nil, l.addr, net.ErrClosed)
	}
}

// Addr returns the address with its number, a *net.TCPAddr.
func (l *Listener) Addr() net.Addr { return l.addr }

// Name returns the address as it is dialled, "host:port".
func (l *Listener) Name() string { return l.name }

// Close refuses further connections and resets those that nobody accepted.
func (l *Listener) Close() error {
	l.once.Do(func() {
		l.net.mu.Lock()
		delete(l.net.listeners, l.name)
		l.net.mu.Unlock()
		close(l.closed)
		for {
			select {
			case conn := <-l.backlog:
				conn.Reset()
				continue
			default:
			}
			return
		}
	})
	return nil
}

// Serve runs an http.Server with handler on addr until the test ends, and
// returns it. Call it inside the bubble whose time it shall share. The test
// ends when its handlers have returned: one that waits should mind the
// request's context, which ends with the connection or the test.
func (n *Network) Serve(tb testing.TB, addr string, handler http.Handler) *http.Server {
	tb.Helper()
	l, err := n.Listen(addr)
	if err != nil {
		tb.Fatalf("fakenet: %v", err)
	}
	return ServeListener(tb, l, handler)
}

// ServeListener is Serve on a listener that the caller made, such as one that
// speaks TLS over a Listener.
func ServeListener(tb testing.TB, l net.Listener, handler http.Handler) *http.Server {
	tb.Helper()
	var running sync.WaitGroup
	counted := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		running.Add(1)
		defer running.Done()
		handler.ServeHTTP(w, r)
	})
	ctx, cancel := context.WithCancel(tb.Context())
	server := &http.Server{ //nolint:gosec // A test's handlers may take any time.
		Handler: counted, BaseContext: func(net.Listener) context.Context { return ctx },
		// Tests break handshakes on purpose; what net/http prints of that says nothing.
		ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError),
	}
	running.Go(func() {
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			tb.Errorf("fakenet: serving %s: %v", l.Addr(), err)
		}
	})
	tb.Cleanup(func() {
		cancel()
		if err := server.Close(); err != nil {
			tb.Errorf("fakenet: closing %s: %v", l.Addr(), err)
		}
		running.Wait()
	})
	return server
}

// Client returns an http.Client over the network whose idle connections close
// when the test ends.
func (n *Network) Client(tb testing.TB) *http.Client {
	tb.Helper()
	transport := &http.Transport{
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			return n.DialContext(ctx, network, addr)
		},
	}
	tb.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}
