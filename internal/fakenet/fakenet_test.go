package fakenet_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hfwatch/hfwatch/internal/fakenet"
)

// connect returns both ends of a connection to a new listener behind link.
func connect(t *testing.T, link fakenet.Link) (client, server *fakenet.Conn) {
	t.Helper()
	n := fakenet.New()
	n.SetLink("a.test:80", link)
	l, err := n.Listen("a.test:80")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	c, err := n.DialContext(t.Context(), "tcp", "a.test:80")
	if err != nil {
		t.Fatal(err)
	}
	s, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	return c.(*fakenet.Conn), s.(*fakenet.Conn)
}

func TestServerSentEventsArriveAtTheirTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := fakenet.New()
		n.SetLink("a.test:80", fakenet.Link{Lookup: 5 * time.Millisecond, Connect: 20 * time.Millisecond, Delay: 10 * time.Millisecond})
		n.Serve(t, "a.test:80", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream")
			for i := range 3 {
				time.Sleep(100 * time.Millisecond)
				_, _ = fmt.Fprintf(w, "data: %d\n\n", i)
				w.(http.Flusher).Flush()
			}
		}))
		start := time.Now()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://a.test/", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := n.Client(t).Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		var got []time.Duration
		for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
			if strings.HasPrefix(lines.Text(), "data:") {
				got = append(got, time.Since(start))
			}
		}
		// 5 lookup + 20 connect + 10 there + 100 + 10 back, then 100 each.
		want := []time.Duration{145 * time.Millisecond, 245 * time.Millisecond, 345 * time.Millisecond}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("times of events (-want +got):\n%s", diff)
		}
	})
}

func TestDialFailures(t *testing.T) {
	notFound := &net.DNSError{Err: "no such host", Name: "b.test", IsNotFound: true}
	rows := []struct {
		why   string
		addr  string
		link  fakenet.Link
		after time.Duration
		check func(error) bool
	}{
		{
			"a known name without a listener refuses after the time that connecting takes",
			"a.test:81",
			fakenet.Link{Connect: time.Second},
			time.Second,
			func(err error) bool { return errors.Is(err, syscall.ECONNREFUSED) },
		},
		{
			"an unknown name is not found", "c.test:80",
			fakenet.Link{},
			0,
			func(err error) bool {
				var dns *net.DNSError
				return errors.As(err, &dns)
			},
		},
		{
			"a name service that says so does not find a name either", "b.test:80",
			fakenet.Link{Lookup: time.Second, LookupErr: notFound},
			time.Second,
			func(err error) bool {
				var dns *net.DNSError
				return errors.As(err, &dns) && dns.IsNotFound
			},
		},
		{
			"a slow name service ends with the deadline, as a timeout of its own", "a.test:80",
			fakenet.Link{Lookup: time.Hour},
			10 * time.Second,
			func(err error) bool {
				var dns *net.DNSError
				return errors.As(err, &dns) && dns.IsTimeout
			},
		},
		{
			"a black hole ends with the deadline", "a.test:80",
			fakenet.Link{BlackHole: true},
			10 * time.Second,
			func(err error) bool {
				var op *net.OpError
				return errors.As(err, &op) && op.Timeout() && errors.Is(err, os.ErrDeadlineExceeded)
			},
		},
	}
	for _, row := range rows {
		t.Run(row.why, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := fakenet.New()
				if row.addr != "c.test:80" {
					n.SetLink(row.addr, row.link)
				}
				l, err := n.Listen("a.test:80")
				if err != nil {
					t.Fatal(err)
				}
				defer l.Close()
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
				defer cancel()
				start := time.Now()
				_, err = n.DialContext(ctx, "tcp", row.addr)
				if err == nil || !row.check(err) {
					t.Errorf("DialContext(%s) = %v", row.addr, err)
				}
				if got := time.Since(start); got != row.after {
					t.Errorf("DialContext(%s) took %v, want %v", row.addr, got, row.after)
				}
				if got := n.Dials(row.addr); got != 1 {
					t.Errorf("Dials(%s) = %d, want 1", row.addr, got)
				}
			})
		})
	}
}

func TestDialCallsTheHooksOfNetDialer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := fakenet.New()
		n.SetLink("a.test:80", fakenet.Link{Lookup: time.Millisecond, Connect: 2 * time.Millisecond})
		l, err := n.Listen("a.test:80")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		start := time.Now()
		var got []string
		note := func(what string) { got = append(got, fmt.Sprint(what, " ", time.Since(start))) }
		ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{
			DNSStart:     func(i httptrace.DNSStartInfo) { note("lookup " + i.Host) },
			DNSDone:      func(i httptrace.DNSDoneInfo) { note("found " + i.Addrs[0].String()) },
			ConnectStart: func(_, addr string) { note("connect " + addr) },
			ConnectDone:  func(_, addr string, err error) { note(fmt.Sprint("connected ", addr, " ", err)) },
		})
		conn, err := n.DialContext(ctx, "tcp", "a.test:80")
		if err != nil {
			t.Fatal(err)
		}
		ip := conn.RemoteAddr().(*net.TCPAddr).IP.String()
		want := []string{
			"lookup a.test 0s", "found " + ip + " 1ms",
			"connect " + ip + ":80 1ms", "connected " + ip + ":80 <nil> 3ms",
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("hooks (-want +got):\n%s", diff)
		}
	})
}

func TestHalfCloseLeavesTheOtherDirectionOpen(t *testing.T) {
	client, server := connect(t, fakenet.Link{})
	if _, err := client.Write([]byte("question")); err != nil {
		t.Fatal(err)
	}
	if err := client.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(server); string(got) != "question" || err != nil {
		t.Errorf("ReadAll(server) = %q, %v, want the question and the end", got, err)
	}
	if _, err := client.Write([]byte("more")); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Write after CloseWrite = %v, want net.ErrClosed", err)
	}
	if _, err := server.Write([]byte("answer")); err != nil {
		t.Fatal(err)
	}
	if err := server.Close(); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(client); string(got) != "answer" || err != nil {
		t.Errorf("ReadAll(client) = %q, %v, want the answer and the end", got, err)
	}
}

func TestResetArrivesBehindTheData(t *testing.T) {
	for _, how := range []string{"Reset", "SetLinger(0) and Close", "Reset after CloseWrite"} {
		client, server := connect(t, fakenet.Link{})
		if _, err := server.Write([]byte("part")); err != nil {
			t.Fatal(err)
		}
		switch how {
		case "Reset":
			server.Reset()
		case "Reset after CloseWrite":
			_ = server.CloseWrite()
			server.Reset()
		default:
			_ = server.SetLinger(0)
			_ = server.Close()
		}
		got, err := io.ReadAll(client)
		if string(got) != "part" || !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("%s: ReadAll = %q, %v, want the part and a reset", how, got, err)
		}
		if _, err := client.Write([]byte("x")); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("%s: Write = %v, want a reset", how, err)
		}
		if _, err := server.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
			t.Errorf("%s: Read at the end that reset = %v, want net.ErrClosed", how, err)
		}
	}
}

// TestReadable tells what a Read would find without waiting, at its time.
func TestReadable(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client, server := connect(t, fakenet.Link{Delay: time.Second})
		want := func(when string, want bool) {
			t.Helper()
			if got := client.Readable(); got != want {
				t.Errorf("%s: Readable = %t", when, got)
			}
		}
		want("at first", false)
		_, _ = server.Write([]byte("x"))
		want("under way", false)
		time.Sleep(time.Second)
		want("arrived", true)
		_, _ = client.Read(make([]byte, 1))
		want("read", false)
		_ = server.Close()
		want("an end under way", false)
		time.Sleep(time.Second)
		want("ended", true)
	})
}

func TestWritesAfterThePeerClosedFail(t *testing.T) {
	client, server := connect(t, fakenet.Link{})
	_ = server.Close()
	if _, err := client.Write([]byte("x")); !errors.Is(err, syscall.EPIPE) {
		t.Errorf("Write = %v, want a broken pipe", err)
	}
	if n, err := client.Read(make([]byte, 1)); n != 0 || !errors.Is(err, io.EOF) {
		t.Errorf("Read = %d, %v, want the end", n, err)
	}
	if _, err := server.Write([]byte("x")); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Write at the closed end = %v, want net.ErrClosed", err)
	}
}

func TestDeadlinesEndWaitsAtTheirTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := connect(t, fakenet.Link{Buffer: 10})
		start := time.Now()
		_ = client.SetDeadline(start.Add(time.Second))
		if _, err := client.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("Read = %v, want a passed deadline", err)
		}
		if got := time.Since(start); got != time.Second {
			t.Errorf("Read waited %v, want 1s", got)
		}
		_ = client.SetWriteDeadline(start.Add(3 * time.Second))
		n, err := client.Write(make([]byte, 25))
		if n != 10 || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("Write = %d, %v, want the buffer's 10 bytes and a passed deadline", n, err)
		}
		if got := time.Since(start); got != 3*time.Second {
			t.Errorf("Write ended after %v, want 3s", got)
		}
		_ = client.SetDeadline(time.Time{})
		go func() {
			time.Sleep(time.Second)
			_ = client.SetReadDeadline(time.Now())
		}()
		if _, err := client.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("Read = %v, want the deadline that was set meanwhile", err)
		}
		if got := time.Since(start); got != 4*time.Second {
			t.Errorf("Read ended after %v, want 4s", got)
		}
		if _, err := io.ReadFull(server, make([]byte, 10)); err != nil {
			t.Errorf("the bytes that were written: %v", err)
		}
	})
}

func TestBandwidthSpreadsBytesOverTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := connect(t, fakenet.Link{BytesPerSecond: 1000, Delay: 100 * time.Millisecond})
		start := time.Now()
		if _, err := server.Write(make([]byte, 500)); err != nil {
			t.Fatal(err)
		}
		if _, err := server.Write(make([]byte, 1500)); err != nil {
			t.Fatal(err)
		}
		_ = server.Close()
		got, err := io.ReadAll(client)
		if len(got) != 2000 || err != nil {
			t.Fatalf("ReadAll = %d bytes, %v, want 2000", len(got), err)
		}
		if took := time.Since(start); took != 2100*time.Millisecond {
			t.Errorf("2000 bytes took %v, want 2.1s", took)
		}
	})
}

func TestListen(t *testing.T) {
	n := fakenet.New()
	l, err := n.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if l.Name() == "127.0.0.1:0" || l.Addr().String() != l.Name() {
		t.Errorf("Listen(port 0) has name %s and address %s, want one chosen port", l.Name(), l.Addr())
	}
	if _, err := n.Listen(l.Name()); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("Listen twice = %v, want an address in use", err)
	}
	waiting, err := n.DialContext(t.Context(), "tcp", l.Name())
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
	if _, err := waiting.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("a connection that nobody accepted reads %v, want a reset", err)
	}
	if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Accept = %v, want net.ErrClosed", err)
	}
	if _, err := n.DialContext(t.Context(), "tcp", l.Name()); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("DialContext to a closed listener = %v, want a refusal", err)
	}
}
