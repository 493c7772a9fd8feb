package hf_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/hfwatch/hfwatch/probe/hf"
)

// TestLeftoverWithinTLS: bytes behind an answer that TLS has read ahead keep the
// connection from the next request, as those in the socket do.
func TestLeftoverWithinTLS(t *testing.T) {
	for _, secure := range []bool{false, true} {
		for _, length := range []int{8, 12000} {
			t.Run(fmt.Sprintf("TLS %t, %d bytes", secure, length), func(t *testing.T) {
				some := httptest.NewUnstartedServer(nil)
				some.StartTLS()
				config := some.TLS.Clone()
				some.Close()
				config.DynamicRecordSizingDisabled = true
				config.NextProtos = nil
				l, err := net.Listen("tcp", "127.0.0.1:0")
				if err != nil {
					t.Fatal(err)
				}
				scheme := "http"
				if secure {
					l, scheme = tls.NewListener(l, config), "https"
				}
				defer l.Close()
				var served atomic.Int32
				go func() {
					for {
						c, err := l.Accept()
						if err != nil {
							return
						}
						go func() {
							defer c.Close()
							in := bufio.NewReader(c)
							for {
								r, err := http.ReadRequest(in)
								if err != nil {
									return
								}
								_, _ = io.Copy(io.Discard, r.Body)
								served.Add(1)
								body := `{"ok":1}` + strings.Repeat(" ", length-8)
								_, _ = fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%sHTTP/1.1 418 I'm a teapot\r\nContent-Length: 8\r\n\r\n{\"ok\":2}", length, body)
							}
						}()
					}
				}()
				n := newNetwork(t, hf.Options{})
				dials := 0
				client := hf.New(hf.Options{Dial: func(ctx context.Context, network, addr string) (net.Conn, error) {
					dials++
					return new(net.Dialer).DialContext(ctx, network, addr)
				}})
				defer client.Close()
				for i := range 2 {
					call := reused(n.call(t, scheme+"://"+l.Addr().String()), true)
					call.Target.Endpoint.TLS.Insecure = secure
					got := client.Do(t.Context(), call)
					if got.Status != 200 {
						t.Errorf("request %d: status %d %s (%s), want 200", i, got.Status, got.Outcome, got.Error)
					}
				}
				if dials != 2 {
					t.Errorf("%d dials, %d served; want 2", dials, served.Load())
				}
			})
		}
	}
}

// TestSchemesDoNotShare: an https request never goes over a kept plain connection.
func TestSchemesDoNotShare(t *testing.T) {
	var plainGot atomic.Int32
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		plainGot.Add(1)
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = io.WriteString(w, `{"ok":1}`)
	}))
	defer s.Close()
	n := newNetwork(t, hf.Options{})
	client := hf.New(hf.Options{Dial: new(net.Dialer).DialContext})
	defer client.Close()
	for _, scheme := range []string{"http", "https"} {
		got := client.Do(t.Context(), reused(n.call(t, scheme+"://"+s.Listener.Addr().String()), true))
		t.Logf("%s: %s status %d (%s)", scheme, got.Outcome, got.Status, got.Error)
		if scheme == "https" && got.Status != 0 {
			t.Errorf("an https request was sent in the clear")
		}
	}
	if plainGot.Load() != 1 {
		t.Errorf("the plain server got %d requests", plainGot.Load())
	}
}
