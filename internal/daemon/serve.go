package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/prometheus/exporter-toolkit/web"

	"github.com/hfwatch/hfwatch/budget"
	"github.com/hfwatch/hfwatch/probe"
	"github.com/hfwatch/hfwatch/schedule"
)

// ControlName is the Unix socket in the data directory through which other
// commands of this machine's user reach the daemon.
const ControlName = "hfwatch.sock"

// serve begins to serve pages to the network, and the control socket.
func (d *Daemon) serve(ctx context.Context) error {
	if err := web.Validate(d.opts.WebConfigFile); err != nil {
		return fmt.Errorf("--web.config.file: %w", err)
	}
	if l := d.opts.Listener; l != nil {
		handler := sameOrigin(d.mux(d.opts.Lifecycle, d.opts.Probe))
		if !loopback(l.Addr()) && d.opts.WebConfigFile == "" {
			d.logger.Warn("listening beyond this machine without a web configuration; only /metrics and the health pages answer", "address", l.Addr().String())
			handler = gate(handler)
		}
		d.listen(ctx, l, handler, func(s *http.Server) error {
			// The toolkit tells at every start that TLS is off.
			quiet := slog.New(atLeast{d.logger.Handler(), slog.LevelWarn})
			return web.Serve(l, s, &web.FlagConfig{WebConfigFile: &d.opts.WebConfigFile}, quiet)
		})
	}
	return d.control(ctx)
}

// control serves everything on a socket that only this user can open.
func (d *Daemon) control(ctx context.Context) error {
	path := filepath.Join(d.now.Load().cfg.Data.Dir, ControlName)
	// The ledger's lock says that no other daemon has this directory, so that a
	// socket that is there was left behind.
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("control socket: %w", err)
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "unix", path)
	if err != nil {
		d.logger.Warn("no control socket; hfwatch probe cannot go through this daemon", "err", err)
		return nil
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return errors.Join(fmt.Errorf("control socket: %w", err), l.Close())
	}
	d.listen(ctx, l, d.mux(true, true), func(s *http.Server) error { return s.Serve(l) })
	return nil
}

// listen serves a handler until the daemon stops.
func (d *Daemon) listen(ctx context.Context, l net.Listener, handler http.Handler, serve func(*http.Server) error) {
	server := &http.Server{
		Handler: handler, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10,
		BaseContext: func(net.Listener) context.Context { return context.WithoutCancel(ctx) },
		ErrorLog:    slog.NewLogLogger(d.logger.Handler(), slog.LevelWarn),
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		err := serve(server)
		if err != nil && !errors.Is(err, http.ErrServerClosed) {
			d.logger.Error("serving ended", "address", l.Addr().String(), "err", err)
		}
	}()
	d.undo.add("server on "+l.Addr().Network(), func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		err := server.Shutdown(ctx)
		if errors.Is(err, context.DeadlineExceeded) {
			err = server.Close()
		}
		<-done
		return err
	})
}

// atLeast drops records below a level.
type atLeast struct {
	slog.Handler
	level slog.Level
}

// Enabled reports whether a record of the level is handled.
func (h atLeast) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= h.level && h.Handler.Enabled(ctx, level)
}

// WithAttrs keeps the level.
func (h atLeast) WithAttrs(attrs []slog.Attr) slog.Handler {
	return atLeast{h.Handler.WithAttrs(attrs), h.level}
}

// WithGroup keeps the level.
func (h atLeast) WithGroup(name string) slog.Handler {
	return atLeast{h.Handler.WithGroup(name), h.level}
}

// mux returns the pages. lifecycle and spend open those that change something
// and those that cost money.
func (d *Daemon) mux(lifecycle, spend bool) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", d.exporter.Handler())
	mux.HandleFunc("GET /-/healthy", func(w http.ResponseWriter, _ *http.Request) { say(w, http.StatusOK, "hfwatch is healthy.") })
	mux.HandleFunc("GET /-/ready", d.serveReady)
	mux.HandleFunc("GET /config", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/yaml; charset=utf-8")
		_, _ = w.Write(d.now.Load().cfg.Redacted())
	})
	mux.HandleFunc("GET /{$}", d.serveFront)
	mux.HandleFunc("GET /report", d.serveReport)
	mux.HandleFunc("GET /weeks", d.serveWeeks)
	mux.HandleFunc("GET /cold-starts", d.serveColdStarts)
	mux.Handle("/api/v1/", d.api())
	mux.HandleFunc("GET /export", d.serveExport)
	// Links of alerts lead here, as they do in Prometheus.
	mux.Handle("GET /graph", http.RedirectHandler("./", http.StatusFound))
	d.silencePages(mux, lifecycle)
	reload, resume, on := d.serveReload, d.serveResume, d.serveProbe
	if !lifecycle {
		resume = off("--web.enable-lifecycle")
		reload = off("--web.enable-lifecycle")
	}
	if !spend {
		on = off("--web.enable-probe")
	}
	mux.HandleFunc("POST /-/reload", reload)
	mux.HandleFunc("PUT /-/reload", reload)
	onLoad, onStop, onWindow, onAccounts, onDrill := d.serveLoad, d.serveLoadStop, d.serveWindow, d.serveAccounts, d.serveDrill
	if !spend || !lifecycle {
		// Only who may both spend and stop: the control socket.
		both := off("--web.enable-probe and --web.enable-lifecycle")
		onLoad, onStop, onWindow, onAccounts, onDrill = both, both, both, both, both
	}
	mux.HandleFunc("POST /drill", onDrill)
	mux.HandleFunc("POST /load", onLoad)
	mux.HandleFunc("POST /load/stop", onStop)
	mux.HandleFunc("GET /window", onWindow)
	mux.HandleFunc("POST /-/resume", resume)
	mux.HandleFunc("GET /accounts", onAccounts)
	mux.HandleFunc("GET /probe", on)
	mux.HandleFunc("POST /probe", on)
	return mux
}

// say writes one line.
func say(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = fmt.Fprintln(w, text) // #nosec G705 -- no browser takes plain text for a page
}

// off answers in place of a page that a flag must open.
func off(flag string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		say(w, http.StatusForbidden, "403: this is off; start hfwatch with "+flag+" to open it.")
	}
}

// serveReady answers 200 once everything is up, and 503 before and while
// stopping.
func (d *Daemon) serveReady(w http.ResponseWriter, _ *http.Request) {
	if !d.ready.Load() {
		say(w, http.StatusServiceUnavailable, "hfwatch is not ready.")
		return
	}
	say(w, http.StatusOK, "hfwatch is ready.")
}

// serveReload reloads the configuration.
func (d *Daemon) serveReload(w http.ResponseWriter, r *http.Request) {
	if err := d.Reload(r.Context()); err != nil {
		say(w, http.StatusInternalServerError, "The configuration was not reloaded, and the one before stays in force:\n"+err.Error())
		return
	}
	say(w, http.StatusOK, "The configuration was reloaded.")
}

// serveResume checks at once whether what is suspended can go on.
func (d *Daemon) serveResume(w http.ResponseWriter, _ *http.Request) {
	n := d.Resume()
	scopes := fmt.Sprintf("%d suspended scopes are", n)
	if n == 1 {
		scopes = "One suspended scope is"
	}
	say(w, http.StatusOK, scopes+" checked now; what was held for a rate goes on.")
}

// serveAccounts answers with what the account holds back now.
func (d *Daemon) serveAccounts(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(d.accounts.States(time.Now()))
}

// serveProbe probes a configured target now and answers with its result. It
// spends money, so that nothing but a configured target is probed: from its
// budget and in its lane.
func (d *Daemon) serveProbe(w http.ResponseWriter, r *http.Request) {
	// GET is how the field's probers are asked, and what any page can make a
	// browser send.
	if site := r.Header.Get("Sec-Fetch-Site"); site == "cross-site" || site == "same-site" {
		say(w, http.StatusForbidden, "403: a page of another site may not spend money here.")
		return
	}
	change := func(t *probe.Target) *probe.Target { return t }
	if r.URL.Query().Get("least") == "true" {
		change = least
	}
	res, err := d.manual(r.Context(), r.URL.Query().Get("target"), change)
	var withheld *budget.Withheld
	status := http.StatusOK
	switch {
	case err == nil:
	case errors.Is(err, schedule.ErrUnknown):
		status = http.StatusNotFound
	case errors.Is(err, schedule.ErrBusy), errors.Is(err, schedule.ErrHeld), errors.As(err, &withheld):
		status = http.StatusTooManyRequests
	default:
		status = http.StatusServiceUnavailable
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if err != nil {
		_ = json.NewEncoder(w).Encode(map[string]string{"error": err.Error()})
		return
	}
	_ = json.NewEncoder(w).Encode(res)
}
