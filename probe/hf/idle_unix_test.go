//go:build unix

package hf_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/hfwatch/hfwatch/probe"
	"github.com/hfwatch/hfwatch/probe/hf"
)

// TestAConnectionClosedWhileItWaited is not used again: on a real network, where
// that can be seen.
func TestAConnectionClosedWhileItWaited(t *testing.T) {
	for _, secure := range []bool{false, true} {
		server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			_, _ = io.WriteString(w, `{"ok":1}`)
		}))
		if secure {
			server.StartTLS()
		} else {
			server.Start()
		}
		n := newNetwork(t, hf.Options{})
		dials := 0
		var last net.Conn
		client := hf.New(hf.Options{Dial: func(ctx context.Context, network, addr string) (net.Conn, error) {
			var err error
			dials++
			last, err = new(net.Dialer).DialContext(ctx, network, addr)
			return last, err
		}})
		for range 2 {
			for range 3 {
				call := reused(n.call(t, server.URL), true)
				call.Target.Endpoint.TLS.Insecure = secure
				if got := client.Do(t.Context(), call); got.Outcome != probe.OK {
					t.Errorf("TLS %t: outcome %s (%s), want ok", secure, got.Outcome, got.Error)
				}
			}
			server.CloseClientConnections()
			arrived(t, last)
		}
		if dials != 2 {
			t.Errorf("TLS %t: %d dials, want 2: one for three requests each", secure, dials)
		}
		client.Close()
		server.Close()
	}
}

// arrived waits until a connection has something to read, or its end.
func arrived(t *testing.T, c net.Conn) {
	t.Helper()
	raw, err := c.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	err = raw.Control(func(fd uintptr) {
		_, _ = unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 10_000)
	})
	if err != nil {
		t.Fatal(err)
	}
}
