package hf_test

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hfwatch/hfwatch/internal/fakenet"
	"github.com/hfwatch/hfwatch/probe"
	"github.com/hfwatch/hfwatch/probe/hf"
)

// serveHTTP2 starts handler on a.test:443 over TLS and HTTP/2.
func serveHTTP2(t *testing.T, handler http.HandlerFunc) (*network, []byte) {
	t.Helper()
	cert, authority := certificate(t, "a.test")
	n := newNetwork(t, hf.Options{})
	l, err := n.Listen("a.test:443")
	if err != nil {
		t.Fatal(err)
	}
	fakenet.ServeListener(t, tls.NewListener(l, &tls.Config{
		Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12, NextProtos: []string{"h2"},
	}), n.counted(handler))
	return n, authority
}

func TestHTTP2(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, authority := serveHTTP2(t, func(w http.ResponseWriter, _ *http.Request) {
			time.Sleep(100 * time.Millisecond)
			w.WriteHeader(http.StatusEarlyHints)
			time.Sleep(100 * time.Millisecond)
			say := events(w)
			time.Sleep(100 * time.Millisecond)
			say("data: {\"text\":\"a\"}\n\n")
			time.Sleep(100 * time.Millisecond)
			say("data: {\"text\":\"b\",\"finish\":\"stop\"}\n\ndata: [DONE]\n\n")
		})
		call := n.stream(t, "https://a.test/")
		call.Target.Endpoint.HTTP2, call.Target.Endpoint.TLS.CA = true, authority
		for _, reuse := range []bool{false, true, true} {
			call.Reuse = reuse
			got := n.client.Do(t.Context(), call)
			if got.Outcome != probe.OK || got.Protocol != "HTTP/2.0" {
				t.Errorf("outcome %s (%s) over %s, want ok over HTTP/2.0", got.Outcome, got.Error, got.Protocol)
			}
			if got.FirstByte != ms(200) || got.FirstToken != ms(300) || got.Service != ms(400) {
				t.Errorf("first byte %v, first token %v, service %v; want 200ms, 300ms, 400ms", got.FirstByte, got.FirstToken, got.Service)
			}
		}
		if n.Dials("a.test:443") != 2 || len(n.requests()) != 3 {
			t.Errorf("%d dials, %d requests; want 2 and 3", n.Dials("a.test:443"), len(n.requests()))
		}
	})
}

func TestHTTP2IsBoundedBelowTheServersLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, authority := serveHTTP2(t, func(w http.ResponseWriter, _ *http.Request) {
			time.Sleep(time.Second)
			_, _ = io.WriteString(w, `{"ok":1}`)
		})
		var wg sync.WaitGroup
		var mu sync.Mutex
		count := map[probe.Outcome]int{}
		late := 0
		start := time.Now()
		for range 100 {
			wg.Go(func() {
				call := n.call(t, "https://a.test/")
				call.Target.Endpoint.HTTP2, call.Target.Endpoint.TLS.CA, call.Reuse = true, authority, true
				got := n.client.Do(t.Context(), call)
				mu.Lock()
				defer mu.Unlock()
				count[got.Outcome]++
				if got.Sent.Sub(start) >= time.Second {
					late++
				}
				if got.Service != ms(1000) {
					t.Errorf("service %v, want 1s: waiting must not look like the server's time", got.Service)
				}
			})
		}
		wg.Wait()
		if count[probe.OK] != 100 || late != 36 {
			t.Errorf("outcomes %v, %d sent late; want 100 ok and 36 that waited for one of 64 streams", count, late)
		}
	})
}

func TestHTTP2ResetIsOneRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, authority := serveHTTP2(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
		call := n.call(t, "https://a.test/")
		call.Target.Endpoint.HTTP2, call.Target.Endpoint.TLS.CA, call.Reuse = true, authority, true
		got := n.client.Do(t.Context(), call)
		if got.Outcome != probe.Reset || len(n.requests()) != 1 {
			t.Errorf("outcome %s (%s), %d requests; want reset, 1", got.Outcome, got.Error, len(n.requests()))
		}
	})
}

func TestHTTP2OnAServerThatHasNone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"ok":1}`) })
		call := n.call(t, "http://a.test/")
		call.Target.Endpoint.HTTP2 = true
		if got := n.client.Do(t.Context(), call); got.Outcome != probe.OK || got.Protocol != "HTTP/1.1" {
			t.Errorf("outcome %s over %s, want ok over HTTP/1.1", got.Outcome, got.Protocol)
		}
	})
}

func TestProxy(t *testing.T) {
	cert, authority := certificate(t, "a.test")
	rows := []struct {
		why     string
		answer  string
		outcome probe.Outcome
		phase   probe.Phase
	}{
		{"a tunnel", "HTTP/1.1 200 OK\r\n\r\n", probe.OK, ""},
		{"a proxy that wants a password", "HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", probe.Connect, probe.PhaseProxy},
		{"a proxy that forbids the host", "HTTP/1.1 403 Forbidden\r\n\r\n", probe.Connect, probe.PhaseProxy},
		{"a proxy that cannot reach the host", "HTTP/1.1 502 Bad Gateway\r\n\r\n", probe.Connect, probe.PhaseConnect},
		{"a proxy that speaks something else", "220 mail.test ESMTP\r\n", probe.Connect, probe.PhaseProxy},
		{"a proxy that hangs up", "", probe.Connect, probe.PhaseConnect},
	}
	for _, row := range rows {
		t.Run(row.why, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := newNetwork(t, hf.Options{})
				n.serveTLS(t, "a.test:443", cert, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"ok":1}`) })
				l, err := n.Listen("proxy.test:3128")
				if err != nil {
					t.Fatal(err)
				}
				defer l.Close()
				var wg sync.WaitGroup
				defer wg.Wait()
				wg.Go(func() { tunnel(t, n, l, row.answer) })
				call := n.call(t, "https://a.test/")
				call.Target.Endpoint.TLS.CA = authority
				call.Target.Endpoint.Proxy = &url.URL{Scheme: "http", Host: "proxy.test:3128", User: url.UserPassword("me", "proxy-password")}
				got := n.client.Do(t.Context(), call)
				if got.Outcome != row.outcome || got.Phase != row.phase {
					t.Errorf("outcome %s in %q (%s), want %s in %q", got.Outcome, got.Phase, got.Error, row.outcome, row.phase)
				}
				if row.outcome == probe.OK && got.Phases.TLS.IsZero() {
					t.Error("TLS through the tunnel was not measured")
				}
			})
		})
	}
}

// TestSOCKS5 asks through a proxy by SOCKS5, over TLS and in plain text: what the
// proxy refuses fails to connect, and says nothing of the target.
func TestSOCKS5(t *testing.T) {
	cert, authority := certificate(t, "a.test")
	for _, row := range []struct {
		why     string
		proxy   fakenet.SOCKS5
		url     string
		outcome probe.Outcome
		phase   probe.Phase
	}{
		{"TLS", fakenet.SOCKS5{}, "https://a.test/", probe.OK, ""},
		{"plain text", fakenet.SOCKS5{}, "http://a.test/", probe.OK, ""},
		{"with a password", fakenet.SOCKS5{Credentials: "me:proxy-password"}, "https://a.test/", probe.OK, ""},
		{"with another password", fakenet.SOCKS5{Credentials: "me:x"}, "https://a.test/", probe.Connect, probe.PhaseProxy},
		{"what it forbids", fakenet.SOCKS5{Reply: 2}, "https://a.test/", probe.Connect, probe.PhaseProxy},
		{"what it cannot reach", fakenet.SOCKS5{Reply: 4}, "https://a.test/", probe.Connect, probe.PhaseConnect},
	} {
		t.Run(row.why, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := newNetwork(t, hf.Options{})
				answer := func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"ok":1}`) }
				n.serveTLS(t, "a.test:443", cert, answer)
				n.Serve(t, "a.test:80", http.HandlerFunc(answer))
				n.ServeSOCKS5(t, "proxy.test:1080", row.proxy)
				call := n.call(t, row.url)
				call.Target.Endpoint.TLS.CA = authority
				call.Target.Endpoint.Proxy = &url.URL{Scheme: "socks5", Host: "proxy.test:1080", User: url.UserPassword("me", "proxy-password")}
				got := n.client.Do(t.Context(), call)
				if got.Outcome != row.outcome || got.Phase != row.phase || strings.Contains(got.Error, "proxy-password") {
					t.Errorf("outcome %s in %q (%s), want %s in %q", got.Outcome, got.Phase, got.Error, row.outcome, row.phase)
				}
				n.client.Close()
			})
		})
	}
}

// TestProxyItself fails by itself: that is the network's fault and not the
// target's, however it shows, and no error tells the password.
func TestProxyItself(t *testing.T) {
	for _, row := range []struct {
		why, proxy, url string
		outcome         probe.Outcome
	}{
		{"no such name", "http://me:proxy-password@nowhere.test:3128", "https://a.test/", probe.DNS},
		{"no such name, by SOCKS5", "socks5://me:proxy-password@nowhere.test:1080", "https://a.test/", probe.DNS},
		{"nothing listens", "http://me:proxy-password@proxy.test:1", "http://a.test/", probe.Connect},
		{"nothing listens, by SOCKS5", "socks5://me:proxy-password@proxy.test:1", "http://a.test/", probe.Connect},
		{"no TLS", "https://me:proxy-password@proxy.test:80", "https://a.test/", probe.TLS},
		{"plain text, and no credentials taken", "http://me:proxy-password@proxy.test:80", "http://a.test/", probe.Connect},
	} {
		t.Run(row.why, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := newNetwork(t, hf.Options{})
				n.Serve(t, "proxy.test:80", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusProxyAuthRequired) }))
				call := n.call(t, row.url)
				proxy, err := url.Parse(row.proxy)
				if err != nil {
					t.Fatal(err)
				}
				call.Target.Endpoint.Proxy = proxy
				got := probe.Runner{Exchanger: n.client}.Run(t.Context(), call, probe.Circumstances{})
				if got.Outcome != row.outcome || got.Phase != probe.PhaseProxy || got.Fault != probe.FaultNetwork || got.Counts != probe.Apart {
					t.Errorf("outcome %s in %q, fault %s, %s (%s), want %s of the network in %q, apart", got.Outcome, got.Phase, got.Fault, got.Counts, got.Error, row.outcome, probe.PhaseProxy)
				}
				if !strings.HasPrefix(got.Error, "the proxy "+proxy.Host+": ") || strings.Contains(got.Error, "proxy-password") {
					t.Errorf("the error is %q", got.Error)
				}
				n.client.Close()
			})
		})
	}
}

// tunnel answers one CONNECT and, if it says yes, carries bytes to and fro.
func tunnel(t *testing.T, n *network, l net.Listener, answer string) {
	conn, err := l.Accept()
	if err != nil {
		t.Error(err)
		return
	}
	defer conn.Close()
	r, err := http.ReadRequest(bufio.NewReader(conn))
	if err != nil || r.Method != http.MethodConnect || r.Header.Get("Proxy-Authorization") == "" {
		t.Errorf("the proxy got %v, %v; want a CONNECT with a password", r, err)
		return
	}
	_, _ = fmt.Fprint(conn, answer)
	if answer != "HTTP/1.1 200 OK\r\n\r\n" {
		return
	}
	to, err := n.DialContext(t.Context(), "tcp", r.Host)
	if err != nil {
		t.Error(err)
		return
	}
	defer to.Close()
	var wg sync.WaitGroup
	wg.Go(func() { _, _ = io.Copy(to, conn); _ = to.Close() })
	_, _ = io.Copy(conn, to)
	_ = conn.Close()
	wg.Wait()
}

func TestAReplayIsNoSuccess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := serve(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("X-Compute-Type", "cache")
			w.Header().Set("X-Generated-Tokens", "5")
			if r.URL.Path == "/bad" {
				_, _ = io.WriteString(w, `[]`)
				return
			}
			_, _ = io.WriteString(w, `{"ok":1}`)
		})
		call := n.call(t, "http://a.test/")
		got := n.client.Do(t.Context(), call)
		if got.Outcome != probe.Cached || !got.Cached || got.TokensOut != probe.Some(5) || got.TokensSource != probe.TokensHeader {
			t.Errorf("outcome %s, cached %t, tokens %v by %q; want cached, true, 5 by header", got.Outcome, got.Cached, got.TokensOut, got.TokensSource)
		}
		if got := n.client.Do(t.Context(), n.call(t, "http://a.test/bad")); got.Outcome != probe.InvalidOutput || !got.Cached {
			t.Errorf("a bad replay: outcome %s, cached %t; want invalid_output, true", got.Outcome, got.Cached)
		}
		call.Target.Cache = probe.CacheAllow
		if got := n.client.Do(t.Context(), call); got.Outcome != probe.OK || !got.Cached {
			t.Errorf("where replays are allowed: outcome %s, cached %t; want ok, true", got.Outcome, got.Cached)
		}
		call.Target.Cache, n.task.name = probe.CacheDefeat, "custom"
		if got := n.client.Do(t.Context(), call); got.Outcome != probe.OK || !got.Cached || len(got.Warnings) == 0 {
			t.Errorf("custom bears no nonce: outcome %s, cached %t, warnings %q; want ok, true and one", got.Outcome, got.Cached, got.Warnings)
		}
	})
}
