package sim

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"
)

// handshakeLimit bounds a handshake with a client that does not go on with it.
const handshakeLimit = 10 * time.Second

// front is a listener at work. What changes is guarded by the mutex of the
// Server.
type front struct {
	server *Server
	spec   Listener
	now    Transport
	// changed is closed, and made anew, where now may have changed.
	changed chan struct{}
	// opened is where it really listens, once it does, address what that is called
	// and listen what opened it.
	opened  net.Listener
	address string
	listen  Listen
	state   ListenerState
	configs map[string]*tls.Config
}

// ListenerState is what a listener did so far.
type ListenerState struct {
	Name string `json:"name"`
	// Address is where it listens; empty before Serve opened it.
	Address string `json:"address"`
	Transport
	// Connections were accepted; Struck of them met the listener's fault.
	Connections int `json:"connections"`
	Struck      int `json:"struck"`
	// Requests came whole over connections of it, answered or not.
	Requests int `json:"requests"`
}

// Listeners returns what each listener of the scenario did so far.
func (s *Server) Listeners() []ListenerState {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.advance(time.Now())
	all := make([]ListenerState, 0, len(s.fronts))
	for _, f := range s.fronts {
		state := f.state
		state.Name, state.Address, state.Transport = f.spec.Name, f.address, f.now
		all = append(all, state)
	}
	return all
}

// PatchListener changes how the listener that the scenario calls name treats
// connections from now on: what the JSON object set names of Transport's keys is
// replaced. Nothing changes where it returns an error.
func (s *Server) PatchListener(name string, set []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.advance(time.Now())
	return s.patchListener(name, set)
}

// patchListener is PatchListener for callers that hold s.mu.
func (s *Server) patchListener(name string, set []byte) error {
	for _, f := range s.fronts {
		if f.spec.Name != name {
			continue
		}
		changed := f.now
		if err := changed.merge(set); err != nil {
			return fmt.Errorf("listener %q: %w", name, err)
		}
		f.become(changed)
		return nil
	}
	return fmt.Errorf("listener %q: the scenario has none of that name", name)
}

// become changes f's transport. The caller holds s.mu.
func (f *front) become(t Transport) {
	f.now = t
	close(f.changed)
	f.changed = make(chan struct{})
}

// transport returns how f treats connections at present, what is closed where
// that changes, and how long it is until a step of the timeline may change it; 0
// is never.
func (f *front) transport() (t Transport, changed <-chan struct{}, next time.Duration) {
	s := f.server
	s.mu.Lock()
	defer s.mu.Unlock()
	next = s.advance(time.Now())
	return f.now, f.changed, next
}

// Listen opens an address, such as net.ListenConfig's.
type Listen func(ctx context.Context, address string) (net.Listener, error)

// onMachine opens an address of this machine.
func onMachine(ctx context.Context, address string) (net.Listener, error) {
	return new(net.ListenConfig).Listen(ctx, "tcp", address)
}

// OpenListeners opens the addresses of the scenario's own listeners, so that
// Listeners tells them and a connection waits; the second call does nothing. nil
// opens addresses of this machine. Where one cannot be opened the error names it,
// and none is.
func (s *Server) OpenListeners(ctx context.Context, listen Listen) error {
	if listen == nil {
		listen = onMachine
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, f := range s.fronts {
		if f.opened != nil {
			return nil
		}
		l, err := listen(ctx, f.spec.Address)
		if err != nil {
			for _, f := range s.fronts[:i] {
				_ = f.opened.Close()
				f.opened, f.address = nil, ""
			}
			return fmt.Errorf("sim: listener %q: %w", f.spec.Name, err)
		}
		// A port that was free stays its own where it is closed for a while.
		f.listen, f.opened, f.address = listen, l, l.Addr().String()
		if f.now.Fault == faultRefuse {
			_ = l.Close()
		}
		s.logger.Info("listening", "listener", f.spec.Name, "address", f.address, "tls", f.now.TLS, "fault", f.now.Fault)
	}
	return nil
}

// ServeListeners serves the scenario's own listeners, opened already or not,
// until ctx ends; it then returns nil. The error is of an address that cannot be
// opened.
func (s *Server) ServeListeners(ctx context.Context, listen Listen) error {
	if err := s.OpenListeners(ctx, listen); err != nil {
		return err
	}
	var all sync.WaitGroup
	for _, f := range s.fronts {
		all.Go(func() { f.run(ctx) })
	}
	all.Wait()
	return nil
}

// run serves f, whose address is open, until ctx ends.
func (f *front) run(ctx context.Context) {
	f.server.mu.Lock()
	l := f.opened
	f.server.mu.Unlock()
	web := f.web(ctx)
	queue := &queueListener{addr: l.Addr(), conns: make(chan net.Conn), done: ctx.Done()}
	var served sync.WaitGroup
	served.Go(func() { _ = web.Serve(queue) })
	ctx, cancel := context.WithCancel(ctx)
	var accepting, handled sync.WaitGroup
	defer func() {
		cancel()
		if l != nil {
			_ = l.Close()
		}
		accepting.Wait()
		_ = web.Close()
		handled.Wait()
		served.Wait()
		f.server.mu.Lock()
		f.opened = nil
		f.server.mu.Unlock()
	}()
	running := false
	for {
		t, changed, next := f.transport()
		switch {
		case t.Fault == faultRefuse && l != nil:
			_ = l.Close()
			accepting.Wait()
			l, running = nil, false
		case t.Fault != faultRefuse && l == nil:
			again, err := f.listen(ctx, f.address)
			if err != nil {
				f.server.logger.Warn("cannot listen again", "listener", f.spec.Name, "err", err)
				next = min(max(next, time.Second), time.Second)
				break
			}
			l = again
		}
		if l != nil && !running {
			running = true
			accept := l
			accepting.Go(func() { f.accept(ctx, accept, queue, &handled) })
		}
		if !wait(ctx, changed, next) {
			return
		}
	}
}

// wait waits until changed is closed or, unless it is 0, d has passed, and
// reports that ctx did not end first.
func wait(ctx context.Context, changed <-chan struct{}, d time.Duration) bool {
	var passed <-chan time.Time
	if d > 0 {
		timer := time.NewTimer(d)
		defer timer.Stop()
		passed = timer.C
	}
	select {
	case <-ctx.Done():
		return false
	case <-changed:
	case <-passed:
	}
	return true
}

// accept takes connections off l until it is closed, each in a goroutine of
// handled.
func (f *front) accept(ctx context.Context, l net.Listener, queue *queueListener, handled *sync.WaitGroup) {
	for {
		conn, err := l.Accept()
		if err != nil {
			if errors.Is(err, net.ErrClosed) || ctx.Err() != nil {
				return
			}
			// Too many files, say: the next may fare better.
			if !wait(ctx, nil, 100*time.Millisecond) {
				return
			}
			continue
		}
		handled.Go(func() { f.receive(ctx, conn, queue) })
	}
}

// web returns the server of HTTP on connections that have come so far.
func (f *front) web(ctx context.Context) *http.Server {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	// The handshake is over where HTTP begins, so that it looks unencrypted.
	protocols.SetUnencryptedHTTP2(true)
	return &http.Server{
		Handler: http.HandlerFunc(f.serve), ReadHeaderTimeout: 10 * time.Second, Protocols: protocols,
		BaseContext: func(net.Listener) context.Context { return ctx },
		ConnContext: func(ctx context.Context, c net.Conn) context.Context { return context.WithValue(ctx, wireKey{}, c) },
		ConnState:   idleState,
		ErrorLog:    slog.NewLogLogger(f.server.logger.Handler(), slog.LevelDebug),
	}
}

// serve answers one request, unless its connection's fault comes first.
func (f *front) serve(w http.ResponseWriter, r *http.Request) {
	f.count(func(s *ListenerState) { s.Requests++ })
	if c, ok := r.Context().Value(wireKey{}).(*wire); ok {
		c.begin(r)
	}
	f.server.serve(w, r)
}

// count changes what f did.
func (f *front) count(change func(*ListenerState)) {
	f.server.mu.Lock()
	defer f.server.mu.Unlock()
	change(&f.state)
}

// queueListener hands on the connections that it is given.
type queueListener struct {
	addr  net.Addr
	conns chan net.Conn
	done  <-chan struct{}
}

// put hands a connection on, or closes it where nobody takes it any more.
func (q *queueListener) put(c net.Conn) {
	select {
	case q.conns <- c:
	case <-q.done:
		_ = c.Close()
	}
}

// Accept returns the next connection.
func (q *queueListener) Accept() (net.Conn, error) {
	select {
	case c := <-q.conns:
		return c, nil
	case <-q.done:
		return nil, net.ErrClosed
	}
}

// Addr returns the address of what is listened on.
func (q *queueListener) Addr() net.Addr { return q.addr }

// Close does nothing: the end of its context ends it.
func (q *queueListener) Close() error { return nil }
