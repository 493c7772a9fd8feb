package daemon

import (
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hfwatch/hfwatch/budget"
	"github.com/hfwatch/hfwatch/config"
	"github.com/hfwatch/hfwatch/probe"
)

// once probes all models of the rig's configuration and returns what came of
// each.
func (r *rig) once(parallel int) ([]Outcome, error) {
	r.t.Helper()
	cfg, err := r.opts.Load()
	if err != nil {
		r.t.Fatal(err)
	}
	var out []Outcome
	o := Once{Version: "test", Logger: r.opts.Logger, Parallel: parallel, Dial: r.net.DialContext}
	err = o.Probe(r.t.Context(), cfg, cfg.Models, func(one Outcome) { out = append(out, one) })
	return out, err
}

// TestControlSocket: only its owner can open it, and through it a command
// reaches the daemon that holds the folder, which books what that costs.
func TestControlSocket(t *testing.T) {
	// A short path: that of a socket has 108 bytes at most.
	dir, err := os.MkdirTemp("", "hfw") //nolint:usetesting // The path of t.TempDir is too long for a socket.
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	r := newRig(t, dir)
	data := filepath.Join(dir, "data")
	r.opts.Load = r.load(data)
	r.net.Serve(t, "m.test:80", http.HandlerFunc(good))
	path := filepath.Join(data, ControlName)
	// One that a daemon left behind when it was killed.
	if err := os.MkdirAll(data, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	text := "alerting: off\nmodels:\n" + model("a", "http://m.test/a", "0 3 1 1 *", "budget: {requests_per_day: 10}")
	r.start(text)
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := info.Mode(), fs.ModeSocket|0o600; got != want {
		t.Errorf("mode of the socket = %s, want %s", got, want)
	}
	out, err := r.once(1)
	if err != nil || len(out) != 1 || out[0].Err != nil || out[0].Result.Outcome != probe.OK || out[0].Result.Kind != probe.Manual {
		t.Errorf("Probe() = %+v, %v; want one good result by hand", out, err)
	}
	r.want(1, "hfwatch_probes_total", "target", "a", "kind", "manual", "outcome", "ok")
	if got := r.d.ledger.Usage(time.Now()); len(got) != 1 || got[0].Used != 1 {
		t.Errorf("the daemon's ledger says %+v, want one request", got)
	}
	// A model that the daemon does not know.
	r.write(configFile, text+model("b", "http://m.test/b", "0 3 1 1 *"))
	out, err = r.once(2)
	if err != nil || len(out) != 2 || out[0].Err != nil || out[1].Err == nil || !strings.Contains(out[1].Err.Error(), `"b": there is no such target`) {
		t.Errorf("Probe() = %+v, %v; want a to be probed and b to be refused", out, err)
	}
	if err := r.stop(); err != nil {
		t.Errorf("Stop() = %v", err)
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the socket after Stop: %v, want none", err)
	}
	// Without the daemon the command opens the folder itself, where two stand
	// already.
	r.write(configFile, text)
	if out, err := r.once(1); err != nil || out[0].Err != nil {
		t.Errorf("Probe() without the daemon = %+v, %v", out, err)
	}
	ledger, err := budget.Open(t.Context(), budget.Options{Dir: data})
	if err != nil {
		t.Fatal(err)
	}
	ledger.SetLimits(budget.Limits{RequestsPerDay: 10}, nil)
	if got := ledger.Usage(time.Now()); got[0].Used != 3 {
		t.Errorf("the journal says %v requests, want 3", got[0].Used)
	}
	if err := ledger.Close(); err != nil {
		t.Error(err)
	}
}

// TestOnceWhereADaemonDoesNotAnswer: the error says who holds the folder.
func TestOnceWhereADaemonDoesNotAnswer(t *testing.T) {
	r := newRig(t, t.TempDir())
	r.write(configFile, "models:\n"+model("a", "http://m.test/a", "0 3 1 1 *"))
	cfg, err := r.opts.Load()
	if err != nil {
		t.Fatal(err)
	}
	ledger, err := budget.Open(t.Context(), budget.Options{Dir: cfg.Data.Dir})
	if err != nil {
		t.Fatal(err)
	}
	out, err := r.once(1)
	if err != nil || len(out) != 1 || out[0].Err == nil || !strings.Contains(out[0].Err.Error(), "another hfwatch holds "+cfg.Data.Dir+" and does not answer") {
		t.Errorf("Probe() = %+v, %v; want an error that names the folder", out, err)
	}
	if err := ledger.Close(); err != nil {
		t.Error(err)
	}
}

// TestOnceBooksWhatItSpends, in the order of the models, however many are
// probed at a time.
func TestOnceBooksWhatItSpends(t *testing.T) {
	in(t, func(t *testing.T, r *rig) {
		var now, most atomic.Int64
		r.net.Serve(t, "m.test:80", http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			if n := now.Add(1); n > most.Load() {
				most.Store(n)
			}
			defer now.Add(-1)
			if req.URL.Path == "/slow" {
				time.Sleep(3 * time.Second)
			}
			time.Sleep(time.Second)
			good(w, req)
		}))
		text := "models:\n"
		for _, name := range []string{"slow", "b", "c", "d"} {
			text += model(name, "http://m.test/"+name, "0 3 1 1 *")
		}
		r.write(configFile, text)
		out, err := r.once(2)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, o := range out {
			got = append(got, o.Target+" "+string(o.Result.Outcome))
		}
		if diff := cmp.Diff([]string{"slow ok", "b ok", "c ok", "d ok"}, got); diff != "" {
			t.Errorf("outcomes (-want +got):\n%s", diff)
		}
		if most.Load() != 2 {
			t.Errorf("%d were probed at a time, want 2", most.Load())
		}
		cfg, err := r.opts.Load()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(cfg.Data.Dir); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("the folder of data: %v, want none where nothing is to be booked", err)
		}
		r.change = func(c *config.Config) { c.Budget.RequestsPerDay = 3 }
		out, err = r.once(1)
		var withheld *budget.Withheld
		if err != nil || len(out) != 4 || out[2].Err != nil || !errors.As(out[3].Err, &withheld) {
			t.Errorf("Probe() with a budget of 3 = %+v, %v; want the fourth withheld", out, err)
		}
		if out, err := r.once(1); err != nil || !errors.As(out[0].Err, &withheld) {
			t.Errorf("Probe() once more = %+v, %v; want to be withheld", out, err)
		}
		synctest.Wait()
	})
}

// TestStartWithoutASocketGoesOn: a folder whose path is too long for one costs
// a line in the log and nothing else; one that cannot be cleared is an error.
func TestStartWithoutASocketGoesOn(t *testing.T) {
	in(t, func(t *testing.T, r *rig) {
		r.start("models:\n" + model("a", "http://m.test/a", "@every 1h"))
		if got := strings.Count(r.logs.String(), "no control socket"); got != 1 {
			t.Errorf("%d lines on the missing socket, want 1", got)
		}
		if err := r.stop(); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(r.d.now.Load().cfg.Data.Dir, ControlName)
		if err := os.MkdirAll(filepath.Join(path, "full"), 0o700); err != nil {
			t.Fatal(err)
		}
		r.build()
		if err := r.d.Start(t.Context()); err == nil || !strings.HasPrefix(err.Error(), "control socket: ") {
			t.Errorf("Start() with a folder in the socket's place = %v, want an error about it", err)
		}
	})
}

// TestWhatServersSayIsLogged as everything else is.
func TestWhatServersSayIsLogged(t *testing.T) {
	var out lines
	d := &Daemon{logger: slog.New(slog.NewJSONHandler(&out, nil))}
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d.listen(t.Context(), l, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("a page that panics") }),
		func(s *http.Server) error { return s.Serve(l) })
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	_, _ = io.ReadAll(conn)
	_ = conn.Close()
	if err := d.undo.run(t.Context()); err != nil {
		t.Error(err)
	}
	if got := out.String(); !strings.HasPrefix(got, "{") || !strings.Contains(got, "a page that panics") {
		t.Errorf("logged %q, want JSON that tells of the panic", got)
	}
}
