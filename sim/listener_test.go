package sim

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hfwatch/hfwatch/internal/fakenet"
)

// withListeners is a scenario of one model and these listeners.
func withListeners(all ...Listener) Scenario {
	s := one(BackendTEI, []string{taskFeatures}, Behaviour{})
	s.Listeners = all
	return s
}

// TestListenersThatAreWrong are refused with their path.
func TestListenersThatAreWrong(t *testing.T) {
	t.Parallel()
	rows := []struct{ text, want string }{
		{`{"listeners":[{"name":"a"}]}`, `listeners[0].address: "" is no host:port, such as 127.0.0.1:0`},
		{`{"listeners":[{"name":"a","address":"0.0.0.0:1"}]}`, `listeners[0].address: "0.0.0.0:1" is not on loopback; write 127.0.0.1, ::1 or localhost`},
		{`{"listeners":[{"address":"127.0.0.1:0"}]}`, `listeners[0].name: "" is empty or has a character that a path cannot bear`},
		{`{"listeners":[{"name":"a","address":"127.0.0.1:0"},{"name":"a","address":"127.0.0.1:0"}]}`, `listeners[1].name: "a" is another's already`},
		{`{"listeners":[{"name":"a","address":"127.0.0.1:0","tls":"good"}]}`, `listeners[0].tls: "good" is none of`},
		{`{"listeners":[{"name":"a","address":"127.0.0.1:0","fault":"odd"}]}`, `listeners[0].fault: "odd" is none of`},
		{`{"listeners":[{"name":"a","address":"127.0.0.1:0","http2":true}]}`, `listeners[0].http2: wants tls`},
		{`{"listeners":[{"name":"a","address":"127.0.0.1:0","tls":"valid","fault":"goaway"}]}`, `listeners[0].fault: goaway wants http2`},
		{`{"listeners":[{"name":"a","address":"127.0.0.1:0","tls":"valid","http2":true,"fault":"slow_body"}]}`, `listeners[0].fault: slow_body is of HTTP/1.1`},
		{`{"listeners":[{"name":"a","address":"127.0.0.1:0","ratio":2}]}`, `listeners[0].ratio: 2 is not within 0 to 1`},
		{`{"listeners":[{"name":"a","address":"127.0.0.1:0","faults":"reset"}]}`, `listeners[0].faults: unknown key`},
		{`{"listeners":[{"name":"a","address":"127.0.0.1:0"}],"timeline":[{"at":"1s","listener":"b","set":{}}]}`, `timeline[0].listener: there is none named "b"`},
		{`{"listeners":[{"name":"a","address":"127.0.0.1:0"}],"timeline":[{"at":"1s","listener":"a","set":{"fault":"goaway"}}]}`, `timeline[0].set.fault: goaway wants http2`},
		{`{"listeners":[{"name":"a","address":"127.0.0.1:0"}],"timeline":[{"at":"1s","listener":"a"}]}`, `timeline[0].set: want a JSON object`},
		{`{"listeners":[{"name":"a","address":"127.0.0.1:0"}],"timeline":[{"at":"1s","listener":"a","model":"m","set":{}}]}`, `timeline[0].listener: has a step of its own`},
	}
	models := `"models":[{"name":"m","model":"org/model","tasks":["feature-extraction"],"backend":"tei"}],`
	for _, row := range rows {
		_, err := LoadScenario(strings.NewReader("{" + models + row.text[1:]))
		if err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: %v, want %q", row.text, err, row.want)
		}
	}
}

// listenerBench is a server whose own listeners are served in memory.
type listenerBench struct {
	*bench
	network *fakenet.Network
}

// serveListeners serves the listeners of scenario until the test ends.
func serveListeners(t *testing.T, scenario Scenario) listenerBench {
	t.Helper()
	server, err := New(scenario, Options{})
	if err != nil {
		t.Fatal(err)
	}
	network := fakenet.New()
	listen := func(_ context.Context, address string) (net.Listener, error) { return network.Listen(address) }
	if err := server.OpenListeners(t.Context(), listen); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- server.ServeListeners(ctx, listen) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return listenerBench{&bench{t: t, server: server, client: network.Client(t)}, network}
}

// health asks a listener once over a connection of its own.
func (b listenerBench) health(url string) error {
	b.t.Helper()
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(b.server.Authority())
	client := http.Client{Transport: &http.Transport{
		DialContext: b.network.DialContext, DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12},
	}}
	req, err := http.NewRequestWithContext(b.t.Context(), http.MethodGet, url, nil)
	if err != nil {
		b.t.Fatal(err)
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	equal(b.t, "status of "+url, resp.StatusCode, http.StatusOK)
	return resp.Body.Close()
}

// TestListenerOnATimeline is refused, answers and fails with the timeline and
// with what the admin routes set; Reset begins anew.
func TestListenerOnATimeline(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := withListeners(Listener{Name: "a", Address: "127.0.0.1:443", Hosts: []string{"sim.test"}, Transport: Transport{Fault: faultRefuse}})
		s.Timeline = []Step{
			{At: ms(1000), Listener: "a", Set: []byte(`{"fault":""}`)},
			{At: ms(2000), Listener: "a", Set: []byte(`{"tls":"expired"}`)},
			{At: ms(3000), Listener: "a", Set: []byte(`{"tls":"valid","fault":"refuse"}`)},
			{At: ms(4000), Listener: "a", Set: []byte(`{"fault":""}`)},
		}
		b := serveListeners(t, s)
		plain, secure := "http://127.0.0.1:443/e/m/health", "https://127.0.0.1:443/e/m/health"
		begin := time.Now()
		at := func(d time.Duration, url string) error {
			time.Sleep(time.Until(begin.Add(d)))
			synctest.Wait()
			return b.health(url)
		}
		refused := func(when string, err error) {
			t.Helper()
			if !errors.Is(err, syscall.ECONNREFUSED) {
				t.Errorf("%s: %v, want a refusal", when, err)
			}
		}
		refused("at first", at(0, plain))
		refused("before a second", at(time.Second-1, plain))
		if err := at(time.Second, plain); err != nil {
			t.Errorf("at a second: %v", err)
		}
		var invalid x509.CertificateInvalidError
		if err := at(2*time.Second, secure); !errors.As(err, &invalid) || invalid.Reason != x509.Expired {
			t.Errorf("at two seconds: %v, want an expired certificate", err)
		}
		refused("at three seconds", at(3*time.Second, secure))
		if err := at(4*time.Second, secure); err != nil {
			t.Errorf("at four seconds: %v", err)
		}
		// The admin routes change it too, and tell what it did.
		equal(t, "patch", b.server.PatchListener("a", []byte(`{"tls":"wrong_host"}`)), nil)
		var host x509.HostnameError
		if err := b.health(secure); !errors.As(err, &host) {
			t.Errorf("after the patch: %v, want another host", err)
		}
		state := b.server.Listeners()[0]
		equal(t, "state", state, ListenerState{
			Name: "a", Address: "127.0.0.1:443", Transport: Transport{TLS: tlsWrongHost}, Connections: 4, Requests: 2,
		})
		equal(t, "scenario as it stands", b.server.Scenario().Listeners[0].Transport, Transport{TLS: tlsWrongHost})
		if err := b.server.PatchListener("b", []byte(`{}`)); err == nil || !strings.Contains(err.Error(), `listener "b"`) {
			t.Errorf("a patch of nothing: %v", err)
		}
		b.server.Reset()
		synctest.Wait()
		refused("after a reset", b.health(plain))
	})
}

// TestListenerRatio strikes a share of the connections, the same with the same
// seed, and counts them.
func TestListenerRatio(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := serveListeners(t, withListeners(Listener{Name: "a", Address: "127.0.0.1:80", Transport: Transport{Fault: faultReset, Ratio: 0.3}}))
		failed := 0
		for range 100 {
			if b.health("http://127.0.0.1:80/e/m/health") != nil {
				failed++
			}
		}
		state := b.server.Listeners()[0]
		if failed != state.Struck || failed < 20 || failed > 40 || state.Connections != 100 || state.Requests != 100-failed {
			t.Errorf("%d of 100 failed: %+v", failed, state)
		}
	})
}

// TestListenerAdmin serves the authority and the listeners.
func TestListenerAdmin(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := start(t, withListeners(Listener{Name: "a", Address: "127.0.0.1:0", Transport: Transport{TLS: tlsValid}}))
		if got := b.send(http.MethodGet, "/_sim/authority", ""); got.status != 200 || !strings.HasPrefix(got.body, "-----BEGIN CERTIFICATE-----") {
			t.Errorf("authority: %d %q", got.status, got.body)
		}
		equal(t, "patch", b.send(http.MethodPost, "/_sim/listeners/a", `{"fault":"close"}`).status, 204)
		equal(t, "bad patch", b.send(http.MethodPost, "/_sim/listeners/a", `{"fault":"odd"}`).status, 400)
		got := b.send(http.MethodGet, "/_sim/listeners", "")
		if !strings.Contains(got.body, `"fault": "close"`) || !strings.Contains(got.body, `"tls": "valid"`) {
			t.Errorf("listeners: %s", got.body)
		}
		if got := b.send(http.MethodGet, "/_sim/faults", ""); !strings.Contains(got.body, `"rst_stream_mid_body"`) {
			t.Errorf("faults: %s", got.body)
		}
		none := start(t, one(BackendTEI, []string{taskFeatures}, Behaviour{}))
		equal(t, "no authority", none.send(http.MethodGet, "/_sim/authority", "").status, 404)
	})
}

// TestListenerThatCannotOpen ends Serve with its name.
func TestListenerThatCannotOpen(t *testing.T) {
	t.Parallel()
	taken, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	server, err := New(withListeners(Listener{Name: "a", Address: taken.Addr().String()}), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := server.ListenAndServe(t.Context(), "127.0.0.1:0"); err == nil || !strings.Contains(err.Error(), `sim: listener "a": listen tcp`) {
		t.Errorf("Serve = %v, want the listener's name", err)
	}
}
