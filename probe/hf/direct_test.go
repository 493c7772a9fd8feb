package hf_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hfwatch/hfwatch/probe"
	"github.com/hfwatch/hfwatch/probe/hf"
)

// TestBothWaysSendTheSameRequest holds that a request over a kept connection is
// what net/http sends over a fresh one, but for the line that closes it.
func TestBothWaysSendTheSameRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bodies := []string{}
		n := newNetwork(t, hf.Options{})
		n.Serve(t, "a.test:80", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			n.mu.Lock()
			n.got, bodies = append(n.got, r), append(bodies, string(body))
			n.mu.Unlock()
			_, _ = io.WriteString(w, `{"ok":1}`)
		}))
		for _, size := range []int{0, 14, 16 << 10, 300 << 10} {
			for _, reuse := range []bool{false, true, true} {
				call := reused(n.call(t, "http://a.test/some%20path?q=a%2Fb"), reuse)
				call.Target.Endpoint.Headers = map[string]string{"X-Team": "a", "Host": "front.test", "Authorization": "Bearer abcdefgh"}
				call.Request.Body = bytes.Repeat([]byte("x"), size)
				if got := n.client.Do(t.Context(), call); got.Outcome != probe.OK {
					t.Fatalf("%d bytes, reuse %t: %s (%s)", size, reuse, got.Outcome, got.Error)
				}
			}
		}
		for i, r := range n.requests() {
			first := n.requests()[i/3*3]
			r.Header.Del("Connection")
			if diff := cmp.Diff(first.Header, r.Header); diff != "" {
				t.Errorf("request %d differs in its header (-net/http +ours):\n%s", i, diff)
			}
			if r.Host != first.Host || r.RequestURI != first.RequestURI || r.ContentLength != first.ContentLength || bodies[i] != bodies[i/3*3] {
				t.Errorf("request %d is %s %s, %d bytes; want %s %s, %d and the same body", i, r.Host, r.RequestURI, r.ContentLength,
					first.Host, first.RequestURI, first.ContentLength)
			}
			if closes := i%3 == 0; r.Close != closes {
				t.Errorf("request %d closes its connection: %t, want %t", i, r.Close, closes)
			}
		}
	})
}

// TestAnAnswerBeforeTheRequestIsRead is an answer all the same, over either way.
func TestAnAnswerBeforeTheRequestIsRead(t *testing.T) {
	for _, size := range []int{100, 1 << 20} {
		bothWays(t, fmt.Sprint(size), func(t *testing.T, reuse bool) {
			synctest.Test(t, func(t *testing.T) {
				n := newNetwork(t, hf.Options{})
				n.Serve(t, "a.test:80", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					conn := hijack(w)
					_, _ = io.WriteString(conn, "HTTP/1.1 413 Request Entity Too Large\r\nContent-Length: 2\r\n\r\nno")
					<-time.After(time.Second)
					_ = conn.Close()
				}))
				call := reused(n.call(t, "http://a.test/"), reuse)
				call.Request.Body = make([]byte, size)
				got := n.client.Do(t.Context(), call)
				// A net/http.Transport waits 50 ms for the request of an answer.
				if got.Status != http.StatusRequestEntityTooLarge || reuse && got.Service != ms(0) {
					t.Errorf("status %d after %v (%s, %s), want 413 at once", got.Status, got.Service, got.Outcome, got.Error)
				}
			})
		})
	}
}

// TestConnectionsThatAreNotKept are those of which the next request could not be
// sure.
func TestConnectionsThatAreNotKept(t *testing.T) {
	rows := []struct {
		why, answer string
		dials       int
	}{
		{"a whole answer is", "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n{\"ok\":1}", 1},
		{"one of HTTP/1.0 is not", "HTTP/1.0 200 OK\r\nContent-Length: 8\r\n\r\n{\"ok\":1}", 2},
		{"nor one that says close", "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 8\r\n\r\n{\"ok\":1}", 2},
		{"nor one with more behind it", "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n{\"ok\":1}HTTP/1.1 408 Timeout\r\n\r\n", 2},
		{"nor a switch of protocols", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n", 2},
		{"an empty one is", "HTTP/1.1 204 No Content\r\n\r\n", 1},
	}
	for _, row := range rows {
		t.Run(row.why, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := newNetwork(t, hf.Options{})
				l, err := n.Listen("a.test:80")
				if err != nil {
					t.Fatal(err)
				}
				go func() {
					for {
						conn, err := l.Accept()
						if err != nil {
							return
						}
						go func() {
							defer conn.Close()
							buffer := make([]byte, 4096)
							for {
								if _, err := conn.Read(buffer); err != nil {
									return
								}
								_, _ = io.WriteString(conn, row.answer)
							}
						}()
					}
				}()
				for range 2 {
					got := n.client.Do(t.Context(), reused(n.call(t, "http://a.test/"), true))
					if got.Status == 0 {
						t.Errorf("no answer: %s (%s)", got.Outcome, got.Error)
					}
				}
				if n.Dials("a.test:80") != row.dials {
					t.Errorf("dials = %d, want %d", n.Dials("a.test:80"), row.dials)
				}
				_ = l.Close()
				n.client.Close()
			})
		})
	}
}

// TestACanceledRequestLeavesTheNextAlone holds that what ends one request never
// ends the one after it.
func TestACanceledRequestLeavesTheNextAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := serve(t, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/slow" {
				<-r.Context().Done()
			}
			_, _ = io.WriteString(w, `{"ok":1}`)
		})
		for range 20 {
			ctx, cancel := context.WithCancel(t.Context())
			if got := n.client.Do(ctx, reused(n.call(t, "http://a.test/"), true)); got.Outcome != probe.OK {
				t.Errorf("outcome %s (%s), want ok", got.Outcome, got.Error)
			}
			cancel()
		}
		if n.Dials("a.test:80") != 1 {
			t.Errorf("dials = %d, want 1: a context's end after the answer ended the connection", n.Dials("a.test:80"))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if got := n.client.Do(ctx, reused(n.call(t, "http://a.test/slow"), true)); got.Outcome != probe.Canceled || got.Service != ms(1000) {
			t.Errorf("outcome %s after %v, want canceled after 1s", got.Outcome, got.Service)
		}
		if got := n.client.Do(t.Context(), reused(n.call(t, "http://a.test/"), true)); got.Outcome != probe.OK || n.Dials("a.test:80") != 2 {
			t.Errorf("outcome %s, %d dials; want ok over a second connection", got.Outcome, n.Dials("a.test:80"))
		}
		if got := n.client.Do(ctx, reused(n.call(t, "http://a.test/"), true)); got.Outcome != probe.Canceled {
			t.Errorf("a context that had ended: %s, want canceled", got.Outcome)
		}
	})
}

// TestAClosedPoolKeepsNothing holds that a request in flight while its client is
// closed finishes, and its connection goes with it; the next request is as any.
func TestAClosedPoolKeepsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t, hf.Options{})
		open := 0
		server := n.Serve(t, "a.test:80", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			time.Sleep(time.Second)
			_, _ = io.WriteString(w, `{"ok":1}`)
		}))
		server.ConnState = func(_ net.Conn, state http.ConnState) {
			n.mu.Lock()
			defer n.mu.Unlock()
			open += map[http.ConnState]int{http.StateNew: 1, http.StateClosed: -1}[state]
		}
		time.AfterFunc(500*time.Millisecond, n.client.Close)
		for i, want := range []int{0, 1} {
			if got := n.client.Do(t.Context(), reused(n.call(t, "http://a.test/"), true)); got.Outcome != probe.OK || got.Service != ms(1000) {
				t.Errorf("request %d: %s after %v, want ok after 1s", i, got.Outcome, got.Service)
			}
			synctest.Wait()
			if open != want {
				t.Errorf("%d connections are open after request %d, want %d", open, i, want)
			}
		}
	})
}

// TestAClosedPoolStaysClosed holds that a request that begins while others of a
// closed client are in flight does not let their connections be kept, and that
// connections made before the next requests are theirs.
func TestAClosedPoolStaysClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t, hf.Options{})
		var open atomic.Int64
		server := n.Serve(t, "a.test:80", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			time.Sleep(time.Second)
			_, _ = io.WriteString(w, `{"ok":1}`)
		}))
		server.ConnState = func(_ net.Conn, state http.ConnState) {
			open.Add(map[http.ConnState]int64{http.StateNew: 1, http.StateClosed: -1}[state])
		}
		call := reused(n.call(t, "http://a.test/"), true)
		ask := func() {
			if got := n.client.Do(t.Context(), call); got.Outcome != probe.OK {
				t.Errorf("%s: %s", got.Outcome, got.Error)
			}
		}
		var first sync.WaitGroup
		first.Go(ask)
		time.Sleep(500 * time.Millisecond)
		n.client.Close()
		var second sync.WaitGroup
		second.Go(ask)
		first.Wait()
		synctest.Wait()
		if got := open.Load(); got != 1 {
			t.Errorf("%d connections are open, want that of the second request alone", got)
		}
		second.Wait()
		before := n.Dials("a.test:80")
		n.client.Warm(t.Context(), call.Target, 3)
		for range 2 {
			ask()
		}
		if got := n.Dials("a.test:80") - before; got != 3 {
			t.Errorf("%d dials, want the 3 made before: the requests take what waits", got)
		}
	})
}

// TestKeptConnectionsAreBounded in number, and close by themselves.
func TestKeptConnectionsAreBounded(t *testing.T) {
	const all, kept = 300, 256
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t, hf.Options{})
		open := 0
		server := n.Serve(t, "a.test:80", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			time.Sleep(time.Second)
			_, _ = io.WriteString(w, `{"ok":1}`)
		}))
		server.ConnState = func(_ net.Conn, state http.ConnState) {
			n.mu.Lock()
			defer n.mu.Unlock()
			switch state {
			case http.StateNew:
				open++
			case http.StateClosed:
				open--
			case http.StateActive, http.StateIdle, http.StateHijacked:
			}
		}
		ask := func() {
			var asking sync.WaitGroup
			for range all {
				asking.Go(func() { _ = n.client.Do(t.Context(), reused(n.call(t, "http://a.test/"), true)) })
			}
			asking.Wait()
			synctest.Wait()
		}
		ask()
		if n.Dials("a.test:80") != all || open != kept {
			t.Errorf("%d dials, %d open; want %d and %d", n.Dials("a.test:80"), open, all, kept)
		}
		ask()
		if n.Dials("a.test:80") != 2*all-kept {
			t.Errorf("%d dials, want %d", n.Dials("a.test:80"), 2*all-kept)
		}
		time.Sleep(4 * time.Second)
		synctest.Wait()
		if open != 0 {
			t.Errorf("%d are open after 4 s without a request, want none", open)
		}
	})
}
