package daemon

import (
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hfwatch/hfwatch/probe"
)

// ask returns the answer of a handler to a request.
func ask(t *testing.T, h http.Handler, method, target string, header ...string) *httptest.ResponseRecorder {
	t.Helper()
	req := httptest.NewRequestWithContext(t.Context(), method, target, nil)
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, req)
	return w
}

func TestPages(t *testing.T) {
	in(t, func(t *testing.T, r *rig) {
		r.net.Serve(t, "m.test:80", http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			time.Sleep(2 * time.Second)
			good(w, req)
		}))
		text := "models:\n" + model("a", "http://m.test/a", "@every 10s") + model("poor", "http://m.test/poor", "@every 10s", "budget: {requests_per_day: 8640}")
		r.write(configFile, text)
		r.build()
		opened, shut := sameOrigin(r.d.mux(true, true)), sameOrigin(r.d.mux(false, false))
		status := func(h http.Handler, want int, says, method, target string, header ...string) {
			t.Helper()
			w := ask(t, h, method, target, header...)
			if w.Code != want || !strings.Contains(w.Body.String(), says) {
				t.Errorf("%s %s %q = %d %q, want %d and %q", method, target, header, w.Code, w.Body.String(), want, says)
			}
		}
		status(shut, 503, "not ready", "GET", "/-/ready")
		if err := r.d.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		status(shut, 200, "ready", "GET", "/-/ready")
		status(shut, 200, "healthy", "GET", "/-/healthy")
		status(shut, 200, "hfwatch_build_info", "GET", "/metrics")
		status(shut, 200, "http://m.test/poor", "GET", "/config")
		status(shut, 200, "not probed yet", "GET", "/")
		status(shut, 302, "", "GET", "/graph?g0.expr=up")
		status(shut, 404, "", "GET", "/nothing")
		status(shut, 405, "", "POST", "/metrics")
		status(shut, 403, "--web.enable-probe", "GET", "/probe?target=a")
		status(shut, 403, "--web.enable-probe", "POST", "/probe?target=a")
		status(shut, 403, "--web.enable-lifecycle", "POST", "/-/reload")
		status(opened, 405, "", "GET", "/-/reload")

		status(opened, 200, "reloaded", "POST", "/-/reload")
		status(opened, 200, "reloaded", "PUT", "/-/reload")
		status(opened, 200, "reloaded", "POST", "/-/reload", "Sec-Fetch-Site", "same-origin")
		status(opened, 403, "", "POST", "/-/reload", "Sec-Fetch-Site", "cross-site")
		status(opened, 403, "", "POST", "/-/reload", "Origin", "http://evil.test")
		status(opened, 403, "", "POST", "/probe?target=a", "Sec-Fetch-Site", "cross-site")
		status(opened, 403, "another site", "GET", "/probe?target=a", "Sec-Fetch-Site", "cross-site")
		status(opened, 403, "another site", "GET", "/probe?target=a", "Sec-Fetch-Site", "same-site")
		r.want(0, "hfwatch_slots_total", "target", "a", "result", "run")
		r.write(configFile, "models: 3")
		status(opened, 500, "stays in force", "POST", "/-/reload")

		status(opened, 404, `{"error":"\"\": there is no such target"}`, "GET", "/probe")
		status(opened, 404, `{"error":"\"b\": there is no such target"}`, "GET", "/probe?target=b")
		// 8640 slots a day are all of the budget.
		status(opened, 429, "kept for baselines", "GET", "/probe?target=poor")
		w := ask(t, opened, "POST", "/probe?target=a")
		var res probe.Result
		if err := json.Unmarshal(w.Body.Bytes(), &res); err != nil || w.Code != 200 || res.Outcome != probe.OK || res.Kind != probe.Manual || res.Target != "a" {
			t.Errorf("/probe?target=a = %d %s, want the result", w.Code, w.Body)
		}
		if got := w.Header().Get("Content-Type"); got != "application/json" {
			t.Errorf("Content-Type = %q, want application/json", got)
		}
		if err := r.d.scheduler.Hold("a", probe.LaneBaseline, time.Now().Add(time.Second), "a test"); err != nil {
			t.Fatal(err)
		}
		status(opened, 429, "held", "GET", "/probe?target=a")
		time.Sleep(time.Until(time.Now().Truncate(10 * time.Second).Add(11 * time.Second)))
		status(opened, 429, "busy", "GET", "/probe?target=a")
		status(opened, 200, "<td><span class=\"o\">ok</span>", "GET", "/")
		if err := r.stop(); err != nil {
			t.Fatal(err)
		}
		status(opened, 503, "not ready", "GET", "/-/ready")
		status(opened, 503, "stopped", "GET", "/probe?target=a")
		status(opened, 500, "stopping", "POST", "/-/reload")
	})
}

// TestFrontPage: what it shows of targets and of what fires, and that nothing
// which others wrote becomes part of the page.
func TestFrontPage(t *testing.T) {
	in(t, func(t *testing.T, r *rig) {
		r.net.Serve(t, "m.test:80", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusInternalServerError)
			_, _ = w.Write([]byte(`{"error":"<script>alert(1)</script>"}`))
		}))
		r.start("models:\n" + model("bad", "http://m.test/", "@every 10s", "model: org/<b>x</b>") + model("idle", "http://m.test/", "0 3 * * *"))
		time.Sleep(45 * time.Second)
		synctest.Wait()
		w := ask(t, r.d.mux(false, false), "GET", "/")
		page := w.Body.String()
		for _, want := range []string{
			"server_error server_error server_error", "TargetFailing", "not probed yet", "03:00:00", "00:00:40", "00:00:50",
			"&lt;script&gt;alert(1)&lt;/script&gt;", "org/&lt;b&gt;x&lt;/b&gt;",
		} {
			if !strings.Contains(page, want) {
				t.Errorf("the front page does not say %q:\n%s", want, page)
			}
		}
		for _, never := range []string{"<script", "<b>", "Watchdog"} {
			if strings.Contains(page, never) {
				t.Errorf("the front page holds %q", never)
			}
		}
		if got := w.Header().Get("Content-Security-Policy"); !strings.HasPrefix(got, "default-src 'none'") {
			t.Errorf("Content-Security-Policy = %q, want nothing by default", got)
		}
	})
}

func TestLoopback(t *testing.T) {
	for _, row := range []struct {
		why  string
		addr net.Addr
		want bool
	}{
		{"an address of this machine alone", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1}, true},
		{"any of that network", &net.TCPAddr{IP: net.IPv4(127, 9, 9, 9), Port: 1}, true},
		{"the same in version 6", &net.TCPAddr{IP: net.IPv6loopback, Port: 1}, true},
		{"the same, mapped", &net.TCPAddr{IP: net.ParseIP("::ffff:127.0.0.1"), Port: 1}, true},
		{"all addresses", &net.TCPAddr{IP: net.IPv4zero, Port: 1}, false},
		{"all addresses in version 6", &net.TCPAddr{IP: net.IPv6zero, Port: 1}, false},
		{"no address, which is all", &net.TCPAddr{Port: 1}, false},
		{"a private network", &net.TCPAddr{IP: net.IPv4(10, 0, 0, 1), Port: 1}, false},
		{"a link's own address", &net.TCPAddr{IP: net.ParseIP("fe80::1"), Zone: "eth0", Port: 1}, false},
		{"a Unix socket", &net.UnixAddr{Net: "unix", Name: "/run/hfwatch.sock"}, true},
		{"a network in memory", pipeAddr{}, true},
	} {
		if got := loopback(row.addr); got != row.want {
			t.Errorf("loopback(%s), %s = %t, want %t", row.addr, row.why, got, row.want)
		}
	}
}

// pipeAddr is the address of a connection in memory.
type pipeAddr struct{}

func (pipeAddr) Network() string { return "pipe" }
func (pipeAddr) String() string  { return "pipe" }

// TestGate: beyond this machine and without a password, only what holds no
// secret and costs nothing answers.
func TestGate(t *testing.T) {
	in(t, func(t *testing.T, r *rig) {
		r.net.Serve(t, "m.test:80", http.HandlerFunc(good))
		r.opts.Listener = r.listen("192.0.2.77:9000")
		r.opts.Lifecycle, r.opts.Probe = true, true
		r.start("models:\n" + model("a", "http://m.test/a", "@every 1h"))
		for _, row := range []struct {
			method, path string
			want         int
		}{
			{"GET", "/metrics", 200},
			{"GET", "/-/healthy", 200},
			{"GET", "/-/ready", 200},
			{"GET", "/", 403},
			{"GET", "/config", 403},
			{"POST", "/-/reload", 403},
			{"GET", "/probe?target=a", 403},
			{"GET", "/metrics/", 403},
			{"GET", "/-/ready/../../config", 403},
			{"GET", "/nothing", 403},
		} {
			code, body := r.get(row.method, "http://192.0.2.77:9000"+row.path)
			if code != row.want || code == 403 && !strings.Contains(body, "--web.config.file") {
				t.Errorf("%s %s = %d %q, want %d", row.method, row.path, code, body, row.want)
			}
		}
		if got := strings.Count(r.logs.String(), "listening beyond this machine without a web configuration"); got != 1 {
			t.Errorf("%d lines that warn of it, want 1", got)
		}
		if r.d.Addr().String() != "192.0.2.77:9000" {
			t.Errorf("Addr() = %s, want 192.0.2.77:9000", r.d.Addr())
		}
	})
}

// TestAPasswordOpensTheGate: with a web configuration everything answers beyond
// this machine, to those who know the password; a broken one is refused.
func TestAPasswordOpensTheGate(t *testing.T) {
	web := filepath.Join(t.TempDir(), "web.yaml")
	in(t, func(t *testing.T, r *rig) {
		write := func(text string) {
			if err := os.WriteFile(web, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		// The hash of "open", at the lowest cost.
		write("basic_auth_users: {ann: \"$2a$04$OxNgiG8H28r3n0ihP/o2/OdbVnZrbWtfRQP0YHr53JJHw.qPbf6mK\"}\n")
		r.opts.Listener, r.opts.WebConfigFile = r.listen("192.0.2.77:9000"), web
		r.start("models:\n" + model("a", "http://m.test/a", "@every 1h"))
		for _, path := range []string{"/", "/metrics", "/config"} {
			if code, _ := r.get("GET", "http://192.0.2.77:9000"+path); code != http.StatusUnauthorized {
				t.Errorf("GET %s without a password = %d, want 401", path, code)
			}
			// "ann:open" in base 64.
			if code, _ := r.get("GET", "http://192.0.2.77:9000"+path, "Authorization", "Basic YW5uOm9wZW4="); code != http.StatusOK {
				t.Errorf("GET %s with the password = %d, want 200", path, code)
			}
		}
		write("basic_auth_users: 3\n")
		if err := r.d.Reload(t.Context()); err == nil || !strings.Contains(err.Error(), "--web.config.file") {
			t.Errorf("Reload() with a broken web configuration = %v, want it refused", err)
		}
	})
}
