package daemon

import (
	"bufio"
	"bytes"
	"context"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hfwatch/hfwatch/fault"
	"github.com/hfwatch/hfwatch/internal/doctor"
	"github.com/hfwatch/hfwatch/internal/fakenet"
	"github.com/hfwatch/hfwatch/probe"
	"github.com/hfwatch/hfwatch/sim"
)

// The hosts of these tests are Hugging Face's own, served in memory: the hub's
// token goes nowhere else.
const (
	doctorConfig = `hub: {token: "` + hubToken + `", bill_to: acme}
defaults: {tls: {ca_file: ca.pem}}
models:
  - {name: sentiment, model: org/sentiment, task: text-classification, inputs: [good]}
  - {name: assistant, model: org/chat, task: chat-completion, provider: cerebras, inputs: [hi], stream: true, expect: {contains: Paris}, price: {usd_per_mtok_input: 1, usd_per_mtok_output: 1}}
  - name: dear
    model: org/chat
    task: chat-completion
    provider: cerebras
    inputs: ["a question that is much longer than that of the other target at this provider"]
  - name: sleepy
    model: org/sleepy
    task: text-generation
    url: https://sleepy.us-east-1.aws.endpoints.huggingface.cloud/
    inputs: [x]
    wake: observe_cold
    baseline: off
    endpoint: {namespace: sim, name: sleepy}
    cold_start: {schedule: "0 5 * * *"}
`
	doctorScenario = `{"account": {"require_auth": true, "name": "me", "orgs": ["acme"]}, "models": [
  {"name": "s", "model": "org/sentiment", "tasks": ["text-classification"], "backend": "hf-inference"},
  {"name": "c", "model": "org/chat", "tasks": ["chat-completion"], "backend": "provider", "provider": "cerebras"},
  {"name": "n", "model": "org/chat", "tasks": ["chat-completion"], "backend": "provider", "provider": "novita"},
  {"name": "sleepy", "model": "org/sleepy", "tasks": ["text-generation"], "backend": "tgi", "cold": {"begin": "asleep"},
   "hosts": ["sleepy.us-east-1.aws.endpoints.huggingface.cloud"]}]}
`
)

// clinic is a rig in which Hugging Face is simulated.
type clinic struct {
	*rig
	sim *sim.Server
}

// newClinic serves the scenario at the hosts of Hugging Face. around wraps each
// answer; nil changes nothing. edits are pairs of what is replaced in the scenario
// and by what.
func newClinic(t *testing.T, r *rig, around func(http.Handler) http.Handler, edits ...string) *clinic {
	t.Helper()
	scenario, err := sim.LoadScenario(strings.NewReader(strings.NewReplacer(edits...).Replace(doctorScenario)))
	if err != nil {
		t.Fatal(err)
	}
	server, err := sim.New(scenario, sim.Options{})
	if err != nil {
		t.Fatal(err)
	}
	handler := server.Handler()
	if around != nil {
		handler = around(handler)
	}
	r.serveTLS(handler, "router.huggingface.co:443", "huggingface.co:443", "api.endpoints.huggingface.cloud:443",
		"sleepy.us-east-1.aws.endpoints.huggingface.cloud:443")
	return &clinic{rig: r, sim: server}
}

// examine examines a configuration, and returns what is said, a line each, and
// what was announced.
func (c *clinic) examine(text string, change ...func(*Doctor)) (lines []string, announced string) {
	c.t.Helper()
	c.write(configFile, text)
	cfg, err := c.opts.Load()
	if err != nil {
		c.t.Fatal(err)
	}
	c.mu.Lock()
	pem := c.files["ca.pem"]
	c.mu.Unlock()
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM([]byte(pem))
	d := Doctor{
		Version: "test", Logger: c.opts.Logger, Dial: c.net.DialContext, Roots: roots,
		Tell:     func(f doctor.Finding) { lines = append(lines, f.Line()) },
		Announce: func(text string) { announced += text },
	}
	for _, f := range change {
		f(&d)
	}
	if err := d.Examine(c.t.Context(), cfg); err != nil {
		c.t.Fatal(err)
	}
	all := strings.Join(lines, "\n") + announced + c.logs.String()
	for _, secret := range []string{hubToken, ownKey, hookPath, hookQuery} {
		if strings.Contains(all, secret) {
			c.t.Errorf("%q is shown:\n%s", secret, all)
		}
	}
	return lines, announced
}

// paid returns the requests that could cost money: all POSTs. The simulator notes
// each once it has answered, and so it is waited for.
func (c *clinic) paid() (paths []string) {
	synctest.Wait()
	for _, rec := range c.sim.Truth() {
		if rec.Method == http.MethodPost {
			paths = append(paths, rec.Path)
		}
	}
	return paths
}

// wants compares the beginnings of lines but those of the data directory, which
// depends on the machine.
func wants(t *testing.T, lines []string, want ...string) {
	t.Helper()
	for _, w := range want {
		found := false
		for _, line := range lines {
			found = found || strings.HasPrefix(strings.Join(strings.Fields(line), " "), w)
		}
		if !found {
			t.Errorf("no line begins with %q:\n%s", w, strings.Join(lines, "\n"))
		}
	}
}

// TestDoctorOfAHealthyInstallation finds nothing wrong, and sends one smallest
// request for each provider, by way of its cheapest target.
func TestDoctorOfAHealthyInstallation(t *testing.T) {
	in(t, func(t *testing.T, r *rig) {
		bodies := make(chan string, 1)
		c := newClinic(t, r, func(h http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
				if req.URL.Path == "/v1/chat/completions" {
					body, err := io.ReadAll(req.Body)
					if err != nil {
						t.Error(err)
					}
					bodies <- string(body)
					req.Body = io.NopCloser(bytes.NewReader(body))
				}
				h.ServeHTTP(w, req)
			})
		})
		lines, announced := c.examine(doctorConfig)
		wants(t, lines,
			"ok connect router.huggingface.co: it can be reached", "ok tls router.huggingface.co: TLS 1.3, signed by test, until 2199-01-01",
			"ok connect huggingface.co: ", "ok connect api.endpoints.huggingface.cloud: ",
			"ok token hub.token: it is a fine-grained token of me and may call Inference Providers", "ok bill_to acme: the token's owner belongs to it",
			"ok clock this machine: the clock agrees with that of huggingface.co", "ok model sentiment: hf-inference serves org/sentiment",
			"ok model assistant: cerebras has org/chat", "ok endpoint sleepy: sim/sleepy sleeps, as wake: observe_cold allows",
			"ok account provider hf-inference: asked by way of sentiment: it lets us in and answers",
			"ok account provider cerebras: asked by way of assistant: it lets us in and answers",
			"unknown account host sleepy.us-east-1.aws.endpoints.huggingface.cloud: it was not asked: sleepy has no baseline, and a request might wake it")
		for _, line := range lines {
			if strings.HasPrefix(line, "problem") || strings.HasPrefix(line, "warning") && !strings.Contains(line, "  data  ") {
				t.Error(line)
			}
		}
		if got := strings.Join(c.paid(), " "); got != "/hf-inference/models/org/sentiment /v1/chat/completions" && got != "/v1/chat/completions /hf-inference/models/org/sentiment" {
			t.Errorf("paid for %s, want one request for each of two providers", got)
		}
		if got := <-bodies; !strings.Contains(got, `"max_tokens":1}`) || strings.Contains(got, `"stream":true`) {
			t.Errorf("the chat was asked %s, want one token and no stream", got)
		}
		if !strings.HasPrefix(announced, "2 smallest requests, one for each account and host, of at most ") || !strings.Contains(announced, " and 1 whose price is not configured.") {
			t.Errorf("announced %q", announced)
		}
	})
}

// TestDoctorOfAnAccount switches what is wrong with the simulated account.
func TestDoctorOfAnAccount(t *testing.T) {
	for _, row := range []struct {
		name    string
		account sim.Account
		want    []string
		paid    int
	}{
		{"invalid token", sim.Account{Faults: []sim.AccountFault{{Fault: sim.Fault{Kind: "invalid_token"}}}}, []string{
			"problem token hub.token: the Hub refuses it: ",
			"unknown account provider cerebras: it was not asked: without a token that the Hub takes it would be refused",
		}, 0},
		{"unpaid", sim.Account{Orgs: []string{"acme"}, Faults: []sim.AccountFault{{Fault: sim.Fault{Kind: "payment_required"}}}}, []string{
			"problem account provider cerebras: asked by way of assistant: it wants to be paid: ",
			"problem account provider hf-inference: asked by way of sentiment: it wants to be paid: ",
		}, 2},
		{"may not infer", sim.Account{Faults: []sim.AccountFault{{Fault: sim.Fault{Kind: "forbidden"}}}}, []string{
			"problem token hub.token: it is a fine-grained token of sim and may not call Inference Providers, which sentiment, assistant, dear need",
			"problem account provider cerebras: asked by way of assistant: it refuses the credentials: ",
			"warning bill_to acme: sim is no member of it as far as the Hub says",
		}, 2},
		{"provider not enabled", sim.Account{Disabled: []string{"cerebras"}}, []string{
			"problem account provider cerebras: asked by way of assistant: it has no such model: ", "ok account provider hf-inference: ",
		}, 2},
		{"rate limited", sim.Account{Faults: []sim.AccountFault{{Provider: "cerebras", Fault: sim.Fault{Kind: "rate_limit_hub"}}}}, []string{
			"warning account provider cerebras: asked by way of assistant: it limits the rate: ",
		}, 2},
	} {
		t.Run(row.name, func(t *testing.T) {
			in(t, func(t *testing.T, r *rig) {
				c := newClinic(t, r, nil)
				if err := c.sim.SetAccount(row.account); err != nil {
					t.Fatal(err)
				}
				lines, _ := c.examine(doctorConfig)
				wants(t, lines, row.want...)
				if got := c.paid(); len(got) != row.paid {
					t.Errorf("%d requests that cost money, want %d: %v", len(got), row.paid, got)
				}
			})
		})
	}
}

// TestDoctorOfModels: withdrawn, sick, and an endpoint that is paused.
func TestDoctorOfModels(t *testing.T) {
	in(t, func(t *testing.T, r *rig) {
		c := newClinic(t, r, nil, `"asleep"`, `"paused"`)
		for name, patch := range map[string]string{"c": `{"listing":{"hidden":true}}`, "s": `{"listing":{"status":"error"}}`} {
			if err := c.sim.Patch(name, []byte(patch)); err != nil {
				t.Fatal(err)
			}
		}
		lines, announced := c.examine(doctorConfig, func(d *Doctor) { d.Unpaid = true })
		wants(t, lines,
			"problem model assistant: cerebras does not have org/chat any more, or never had; pin one of those that have it: novita",
			"warning model sentiment: the Hub's own check of org/sentiment at hf-inference fails",
			"problem endpoint sleepy: sim/sleepy is paused",
			"unknown account provider hf-inference: it was not asked: nothing that could cost money was to be asked",
			"unknown account provider cerebras: it was not asked: the model of assistant is not to be had")
		if got := c.paid(); len(got) > 0 || announced != "" {
			t.Errorf("with Unpaid: %v, %q", got, announced)
		}
	})
}

// TestDoctorOfANetwork: names, certificates, clocks and proxies.
func TestDoctorOfANetwork(t *testing.T) {
	const own = "models:\n  - {name: own, model: org/own, task: custom, inputs: [x], url: \"https://own.test/x\", auth: none%s}\n"
	const trusted = ", tls: {ca_file: ca.pem}"
	for _, row := range []struct {
		name  string
		text  string
		setUp func(t *testing.T, r *rig)
		want  []string
	}{
		{"no such name", strings.Replace(own, "%s", "", 1), func(*testing.T, *rig) {}, []string{
			"problem dns own.test (for own): there is no such name", "unknown account host own.test: it was not asked: its host cannot be reached",
		}},
		{"nothing listens", strings.Replace(own, "%s", "", 1), func(_ *testing.T, r *rig) { r.listen("own.test:80") }, []string{
			"problem connect own.test (for own): it refuses connections",
		}},
		{"certificate of nobody", strings.Replace(own, "%s", "", 1), func(_ *testing.T, r *rig) { r.serveTLS(http.HandlerFunc(good), "own.test:443") }, []string{
			"ok connect own.test: it can be reached", "problem tls own.test (for own): its certificate is signed by an authority that this machine does not know, \"test\"",
			"problem account host own.test: asked by way of own: tls: ",
		}},
		{"certificate of its own", strings.Replace(own, "%s", trusted, 1), func(_ *testing.T, r *rig) { r.serveTLS(http.HandlerFunc(good), "own.test:443") }, []string{
			"ok tls own.test: TLS 1.3, signed by test, until 2199-01-01", "ok account host own.test: asked by way of own: it lets us in and answers",
		}},
		{"certificate that ended", strings.Replace(own, "%s", trusted, 1), func(_ *testing.T, r *rig) {
			// The bubble's clock is the machine's: two centuries later.
			r.serveTLS(http.HandlerFunc(good), "own.test:443")
			time.Sleep(200 * 365 * 24 * time.Hour)
		}, []string{"problem tls own.test (for own): its certificate ended on 2199-01-01"}},
		{"not TLS", strings.Replace(own, "%s", "", 1), func(_ *testing.T, r *rig) { r.net.Serve(r.t, "own.test:443", http.HandlerFunc(good)) }, []string{
			"problem tls own.test (for own): it took the connection and broke off the handshake",
		}},
		{"proxy that wants credentials", strings.Replace(own, "%s", `, proxy: "http://proxy.test:3128"`, 1), func(t *testing.T, r *rig) {
			serveProxy(t, r, "407 Proxy Authentication Required")
		}, []string{"problem proxy own.test (for own): the HTTP proxy proxy.test:3128 wants credentials"}},
		{"proxy that forbids", strings.Replace(own, "%s", `, proxy: "http://proxy.test:3128"`, 1), func(t *testing.T, r *rig) {
			serveProxy(t, r, "403 Forbidden")
		}, []string{"problem proxy own.test (for own): the HTTP proxy proxy.test:3128 does not allow this host"}},
		{"proxy that is not there", strings.Replace(own, "%s", `, proxy: "http://proxy.test:3128"`, 1), func(*testing.T, *rig) {}, []string{
			"problem dns HTTP proxy proxy.test:3128 (for own): there is no such name",
		}},
		{"SOCKS5", strings.Replace(own, "%s", trusted+`, proxy: "socks5://me:swordfish@proxy.test"`, 1), func(t *testing.T, r *rig) {
			r.serveTLS(http.HandlerFunc(good), "own.test:443")
			r.net.ServeSOCKS5(t, "proxy.test:1080", fakenet.SOCKS5{Credentials: "me:swordfish"})
		}, []string{
			"ok connect own.test: it can be reached through the SOCKS5 proxy proxy.test:1080", "ok proxy proxy.test:1080: SOCKS5 with a user's name, in use for own; it connects to 1 host", "ok tls own.test: TLS 1.3, signed by test, until 2199-01-01",
			"ok account host own.test: asked by way of own: it lets us in and answers",
		}},
		{"SOCKS5 in plain text", "models:\n  - {name: own, model: org/own, task: custom, inputs: [x], url: \"http://own.test/x\", auth: none, proxy: \"socks5://proxy.test:1081\"}\n", func(t *testing.T, r *rig) {
			r.net.Serve(t, "own.test:80", http.HandlerFunc(good))
			r.net.ServeSOCKS5(t, "proxy.test:1081", fakenet.SOCKS5{})
		}, []string{"ok connect own.test: it can be reached through the SOCKS5 proxy proxy.test:1081", "ok proxy proxy.test:1081: SOCKS5, in use for own; it connects to 1 host", "ok account host own.test: asked by way of own: it lets us in and answers"}},
		{"SOCKS5 that wants other credentials", strings.Replace(own, "%s", `, proxy: "socks5://me:swordfich@proxy.test:1080"`, 1), func(t *testing.T, r *rig) {
			r.net.ServeSOCKS5(t, "proxy.test:1080", fakenet.SOCKS5{Credentials: "me:swordfish"})
		}, []string{"problem proxy own.test (for own): the SOCKS5 proxy proxy.test:1080 wants credentials; write the right ones into proxy, as socks5://user:password@host:port"}},
		{"SOCKS5 that forbids", strings.Replace(own, "%s", `, proxy: "socks5://proxy.test:1080"`, 1), func(t *testing.T, r *rig) {
			r.net.ServeSOCKS5(t, "proxy.test:1080", fakenet.SOCKS5{Reply: 2})
		}, []string{"problem proxy own.test (for own): the SOCKS5 proxy proxy.test:1080 does not allow this host"}},
		{"SOCKS5 before nothing", strings.Replace(own, "%s", `, proxy: "socks5://proxy.test:1080"`, 1), func(t *testing.T, r *rig) {
			r.net.ServeSOCKS5(t, "proxy.test:1080", fakenet.SOCKS5{})
		}, []string{"problem proxy own.test (for own): the SOCKS5 proxy proxy.test:1080 did not connect: it says: the host refuses connections"}},
		{"SOCKS5 that speaks HTTP", strings.Replace(own, "%s", `, proxy: "socks5://proxy.test:3128"`, 1), func(t *testing.T, r *rig) {
			serveProxy(t, r, "400 Bad Request")
		}, []string{"problem proxy own.test (for own): the SOCKS5 proxy proxy.test:3128 did not connect: its answer is not SOCKS5"}},
		{"a plain target behind an HTTP proxy", "models:\n  - {name: own, model: org/own, task: custom, inputs: [x], url: \"http://own.test/x\", auth: none, proxy: \"http://proxy.test:3128\"}\n", func(t *testing.T, r *rig) {
			serveProxy(t, r, "403 Forbidden")
		}, []string{"ok proxy own.test: the HTTP proxy proxy.test:3128 can be reached; whether it lets requests through to here only a request shows", "ok proxy proxy.test:3128: HTTP, in use for own"}},
		{"receivers", strings.Replace(own, "%s", trusted, 1) + `notify:
  - {name: hook, webhook: {url: "http://hook.test/` + hookPath + `?k=` + hookQuery + `"}}
  - {name: gone, webhook: {url: "http://gone.test/` + hookPath + `"}}
  - {name: am, alertmanager: {urls: ["http://am.test:9093", "http://dead.test:9093"]}}
`, func(_ *testing.T, r *rig) {
			r.serveTLS(http.HandlerFunc(good), "own.test:443")
			r.net.Serve(r.t, "hook.test:80", http.HandlerFunc(func(http.ResponseWriter, *http.Request) { r.t.Error("a receiver was sent something") }))
			r.net.Serve(r.t, "am.test:9093", http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
				if req.URL.Path != "/-/ready" {
					r.t.Errorf("the Alertmanager was asked for %s", req.URL.Path)
				}
				w.Header().Set("Date", time.Now().Add(-3*time.Hour).UTC().Format(http.TimeFormat))
			}))
		}, []string{
			"ok receiver hook: it can be reached", "problem dns gone: there is no such name", "ok receiver am (am.test:9093): the Alertmanager is ready",
			"problem dns am (dead.test:9093): there is no such name", "problem clock this machine: the clock is 2h59m59s ahead of that of am.test:9093",
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			in(t, func(t *testing.T, r *rig) {
				r.write("ca.pem", "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n")
				row.setUp(t, r)
				lines, _ := (&clinic{rig: r}).examine(row.text, func(d *Doctor) { d.Roots = x509.NewCertPool() })
				wants(t, lines, row.want...)
				if all := strings.Join(lines, "\n"); strings.Contains(all, "swordfi") {
					t.Errorf("a proxy's credentials are told:\n%s", all)
				}
			})
		})
	}
}

// serveProxy serves a proxy that answers each request for a tunnel with a
// status.
func serveProxy(t *testing.T, r *rig, status string) {
	t.Helper()
	l := r.listen("proxy.test:3128")
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = http.ReadRequest(bufio.NewReader(conn))
			_, _ = io.WriteString(conn, "HTTP/1.1 "+status+"\r\nContent-Length: 0\r\n\r\n")
			_ = conn.Close()
		}
	}()
	t.Cleanup(func() {
		_ = l.Close()
		<-done
	})
}

// TestDoctorOffline dials nobody, and still says what it sees.
func TestDoctorOffline(t *testing.T) {
	in(t, func(t *testing.T, r *rig) {
		c := newClinic(t, r, nil)
		lines, announced := c.examine(doctorConfig, func(d *Doctor) {
			d.Offline, d.Environ = true, []string{"HTTPS_PROXY=http://me:pw@p:3128"}
			d.Dial = nil
		})
		wants(t, lines, "warning proxy environment: hfwatch does not go through the proxy of HTTPS_PROXY", "unknown token hub.token: the Hub was not asked whose it is")
		if len(c.sim.Truth()) != 0 || announced != "" {
			t.Errorf("offline: %d requests, %q", len(c.sim.Truth()), announced)
		}
	})
}

// TestDoctorEndsWithItsContext, however much is left to ask.
func TestDoctorEndsWithItsContext(t *testing.T) {
	in(t, func(t *testing.T, r *rig) {
		c := newClinic(t, r, nil)
		c.write(configFile, doctorConfig)
		cfg, err := c.opts.Load()
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		d := Doctor{Version: "test", Logger: c.opts.Logger, Dial: c.net.DialContext, Tell: func(doctor.Finding) {}, Announce: func(string) { t.Error("money was to be spent") }}
		if err := d.Examine(ctx, cfg); err == nil {
			t.Error("Examine() = nil, want the context's error")
		}
	})
}

// TestDoctorThroughADaemon has what it suspended asked again at once, sends its
// own requests through it, and sees that another configuration is in force.
func TestDoctorThroughADaemon(t *testing.T) {
	// A short path: that of a socket has 108 bytes at most.
	dir, err := os.MkdirTemp("", "hfw") //nolint:usetesting // The path of t.TempDir is too long for a socket.
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	r := newRig(t, dir)
	r.opts.Load = r.load(filepath.Join(dir, "data"))
	var seen atomic.Int64
	r.net.Serve(t, "paid.test:80", http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) { seen.Add(1); good(w, req) }))
	r.net.Serve(t, "unpaid.test:80", status(http.StatusPaymentRequired))
	r.net.Serve(t, "free.test:80", http.HandlerFunc(good))
	text := "alerting: off\nmodels:\n" + model("paid", "http://paid.test/x", "0 3 1 1 *") + model("unpaid", "http://unpaid.test/x", "0 3 1 1 *") + model("free", "http://free.test/x", "0 3 1 1 *")
	r.start(text)
	since := time.Now().Add(-time.Hour)
	var states []fault.State
	for _, name := range []string{"paid", "unpaid"} {
		states = append(states, fault.State{
			Scope: fault.Scope{Kind: fault.ScopeHost, Name: name + ".test"}, Phase: fault.Suspended, Reason: probe.Billing, Detail: "402: pay", Since: since, First: name, Next: since.Add(24 * time.Hour),
		})
	}
	r.d.accounts.Restore(states)
	c := &clinic{rig: r}
	lines, _ := c.examine(text, func(d *Doctor) { d.Roots = x509.NewCertPool() })
	when := since.UTC().Format("2006-01-02 15:04 UTC")
	wants(t, lines,
		"ok daemon "+filepath.Join(dir, "data")+": an hfwatch runs here with this configuration; requests go through it",
		"ok account host paid.test: the daemon had suspended it for billing since "+when+"; it was asked again now and lets us in, and probing goes on",
		"problem account host unpaid.test: the daemon has suspended it for billing since "+when+", and it refuses still: ",
		"ok account host free.test: asked by way of free: it lets us in and answers")
	if seen.Load() != 1 {
		t.Errorf("the scope that was suspended got %d requests, want 1", seen.Load())
	}
	r.want(1, "hfwatch_probes_total", "target", "free", "kind", "manual", "outcome", "ok")
	// Without spending, what is suspended is told and not asked.
	lines, _ = c.examine(strings.Replace(text, "alerting: off", "alerting: off\nlocation: elsewhere", 1), func(d *Doctor) { d.Unpaid = true })
	wants(t, lines, "warning daemon "+filepath.Join(dir, "data")+": the hfwatch that runs here has another configuration in force than this file",
		"problem account host unpaid.test: the daemon has suspended it for billing")
	if err := r.stop(); err != nil {
		t.Error(err)
	}
	// One that holds the directory and does not answer: nothing goes through it.
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "unix", filepath.Join(dir, "data", ControlName))
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_ = conn.Close()
		}
	}()
	lines, _ = c.examine(text)
	wants(t, lines, "problem daemon "+filepath.Join(dir, "data")+": an hfwatch holds the directory and does not answer: ",
		"unknown account host free.test: it was not asked: the hfwatch that holds "+filepath.Join(dir, "data")+" does not answer")
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	<-ended
}
