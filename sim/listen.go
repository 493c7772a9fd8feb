package sim

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// shutdownGrace is how long Serve lets requests finish that end by themselves.
const shutdownGrace = 2 * time.Second

// ListenAndServe serves on addr, "host:port", until ctx ends; it then returns
// nil. Addresses that are not loopback are refused: the simulator asks for no
// credentials and can be told to send bodies without end.
func (s *Server) ListenAndServe(ctx context.Context, addr string) error {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return fmt.Errorf("sim: listen address: %w", err)
	}
	if !onLoopback(host) {
		return fmt.Errorf("sim: listen address %q is not loopback; use 127.0.0.1, ::1 or localhost", addr)
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", addr)
	if err != nil {
		return fmt.Errorf("sim: %w", err)
	}
	return s.Serve(ctx, l)
}

// Serve serves on l, and on the scenario's own listeners, until ctx ends, and
// closes l; it then returns nil. Requests under way end with ctx. A listener
// that is not on loopback is refused.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	addr, ok := l.Addr().(*net.TCPAddr)
	if !ok || !addr.IP.IsLoopback() {
		return errors.Join(fmt.Errorf("sim: listener on %v is not loopback", l.Addr()), l.Close())
	}
	server := &http.Server{
		Handler: s.Handler(), ReadHeaderTimeout: 10 * time.Second,
		BaseContext: func(net.Listener) context.Context { return ctx },
		ErrorLog:    slog.NewLogLogger(s.logger.Handler(), slog.LevelDebug),
	}
	ctx, cancelFronts := context.WithCancel(ctx)
	fronts := make(chan error, 1)
	go func() { fronts <- s.ServeListeners(ctx, nil) }()
	defer func() { cancelFronts(); <-fronts }()
	stopped := make(chan error, 1)
	go func() { stopped <- server.Serve(l) }()
	for watch := fronts; ctx.Err() == nil; {
		select {
		case err := <-stopped:
			return fmt.Errorf("sim: %w", err)
		case err := <-watch:
			if fronts <- err; err != nil {
				_ = server.Close()
				<-stopped
				return err
			}
			watch = nil
		case <-ctx.Done():
		}
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownGrace)
	defer cancel()
	if err := server.Shutdown(grace); err != nil {
		// Whoever has not ended by now is cut off.
		err = server.Close()
		<-stopped
		return err
	}
	<-stopped
	return nil
}
