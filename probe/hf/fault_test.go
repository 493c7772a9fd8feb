package hf_test

import (
	"bytes"
	"compress/gzip"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hfwatch/hfwatch/internal/fakenet"
	"github.com/hfwatch/hfwatch/probe"
	"github.com/hfwatch/hfwatch/probe/hf"
)

func TestEveryFaultIsOneRequestAndOneOutcome(t *testing.T) {
	text := func(status int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
		}
	}
	raw := func(answer string, reset bool) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			conn := hijack(w)
			_, _ = io.WriteString(conn, answer)
			if reset {
				conn.Reset()
			}
			_ = conn.Close()
		}
	}
	const head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
	chunk := func(s string) string { return fmt.Sprintf("%x\r\n%s\r\n", len(s), s) }
	rows := []struct {
		why     string
		stream  bool
		handle  http.HandlerFunc
		outcome probe.Outcome
		phase   probe.Phase
		says    string
	}{
		{"closed before a byte", false, raw("", false), probe.Reset, probe.PhaseFirstByte, "the connection was closed before the answer began"},
		{"reset before a byte", false, raw("", true), probe.Reset, probe.PhaseFirstByte, "connection reset"},
		{"cut within the header", false, raw("HTTP/1.1 200 OK\r\nX: y", false), probe.Reset, probe.PhaseBody, "the connection was closed within the answer's header"},
		{"not HTTP at all", false, raw("SSH-2.0-OpenSSH_9.6\r\n\r\n", false), probe.InvalidOutput, probe.PhaseFirstByte, "malformed"},
		{
			"a header without end", false, raw("HTTP/1.1 200 OK\r\nX: "+strings.Repeat("x", 300<<10)+"\r\n\r\n", false),
			probe.InvalidOutput, probe.PhaseFirstByte, "exceeded",
		},
		{"a line that is no header", false, raw("HTTP/1.1 200 OK\r\nno colon\r\n\r\n", false), probe.InvalidOutput, probe.PhaseFirstByte, "malformed"},
		{"a length below zero", false, raw("HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n", false), probe.InvalidOutput, probe.PhaseFirstByte, "bad Content-Length"},
		{
			"a length in words of ours", false, raw("HTTP/1.1 200 OK\r\nContent-Length: EOF\r\n\r\n", false),
			probe.InvalidOutput, probe.PhaseFirstByte, "bad Content-Length",
		},
		{
			"two lengths that differ", false, raw("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello", false),
			probe.InvalidOutput, probe.PhaseFirstByte, "multiple Content-Length",
		},
		{
			"a transfer encoding that nobody knows", false, raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: zip\r\n\r\n", false),
			probe.InvalidOutput, probe.PhaseFirstByte, "transfer encoding",
		},
		{
			"shorter than its length", false, raw("HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{\"ok\":true}", false),
			probe.Truncated, probe.PhaseBody, "ended early",
		},
		{
			"reset within the body", false, raw("HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{\"ok\":true}", true),
			probe.Reset, probe.PhaseBody, "connection reset",
		},
		{"chunks cut off", true, raw(head+chunk("data: {\"text\":\"a\"}\n\n"), false), probe.Truncated, probe.PhaseBody, "ended early"},
		{"a stream is reset", true, raw(head+chunk("data: {\"text\":\"a\"}\n\n"), true), probe.Reset, probe.PhaseBody, "connection reset"},
		{
			"a stream ends early and well-formed", true, raw(head+chunk("data: {\"text\":\"a\"}\n\n")+"0\r\n\r\n", false),
			probe.Truncated, probe.PhaseBody, "without a finish reason",
		},
		{
			"a stream is reset after its finish", true, raw(head+chunk("data: {\"text\":\"a\",\"finish\":\"stop\"}\n\n"), true),
			probe.OK, "", "",
		},
		{
			"a stream ends without its mark", true, raw(head+chunk("data: {\"text\":\"a\",\"finish\":\"stop\"}\n\n")+"0\r\n\r\n", false),
			probe.OK, "", "",
		},
		{"an empty stream", true, raw(head+"0\r\n\r\n", false), probe.InvalidOutput, probe.PhaseBody, "empty"},
		{
			"a stream of comments and a mark", true, raw(head+chunk(": hi\n\ndata: [DONE]\n\n")+"0\r\n\r\n", false),
			probe.InvalidOutput, probe.PhaseBody, "empty",
		},
		{
			"a stream of nothing that says why", true, raw(head+chunk("data: {\"finish\":\"length\"}\n\ndata: [DONE]\n\n")+"0\r\n\r\n", false),
			probe.OK, "", "",
		},
		{
			"an overload within a stream", true,
			raw(head+chunk("data: {\"error\":\"Model is overloaded\",\"error_type\":\"overloaded\"}\n\n")+"0\r\n\r\n", false),
			probe.Overloaded, probe.PhaseBody, "Model is overloaded",
		},
		{
			"an error at a late token", true,
			raw(head+chunk("data: {\"text\":\"a\"}\n\ndata: {\"error\":{\"message\":\"Request failed during generation\",\"http_status_code\":422}}\n\ndata: [DONE]\n\n")+"0\r\n\r\n", false),
			probe.StreamError, probe.PhaseBody, "Request failed during generation",
		},
		{
			"an error by its event's name", true, raw(head+chunk("event: error\ndata: {\"detail\":\"boom\"}\n\n")+"0\r\n\r\n", false),
			probe.StreamError, probe.PhaseBody, "boom",
		},
		{
			"an error that is no event", true, raw(head+chunk("{\"error\": \"Model is overloaded\"}\n")+"0\r\n\r\n", false),
			probe.Overloaded, probe.PhaseBody, "Model is overloaded",
		},
		{"an error with a status", false, text(503, `{"error":"Model x is currently loading","estimated_time":20.5}`), probe.Loading, "", "503 Service Unavailable: Model x is currently loading"},
		{"an error within a 200", false, text(200, `{"error":"Model is overloaded"}`), probe.Overloaded, "", "Model is overloaded"},
		{"an answer of another task", false, text(200, `[]`), probe.InvalidOutput, "", "not the fake's answer"},
		{"a redirect", false, func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://a.test/elsewhere?token=x", http.StatusTemporaryRedirect)
		}, probe.Unknown, "", "307 Temporary Redirect: not followed to http://a.test"},
	}
	for _, row := range rows {
		for _, reuse := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, reuse %t", row.why, reuse), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					n := serve(t, func(w http.ResponseWriter, r *http.Request) {
						if r.URL.Path == "/warm" {
							text(200, `{"ok":true}`)(w, r)
							return
						}
						row.handle(w, r)
					})
					want := 1
					if reuse {
						warm := n.call(t, "http://a.test/warm")
						warm.Reuse = true
						_ = n.client.Do(t.Context(), warm)
						want = 2
					}
					call := n.call(t, "http://a.test/")
					call.Ask.Stream, call.Reuse = row.stream, reuse
					got := n.client.Do(t.Context(), call)
					synctest.Wait()
					if len(n.requests()) != want {
						t.Errorf("the server got %d requests, want %d", len(n.requests()), want)
					}
					if got.Outcome != row.outcome || got.Phase != row.phase || !strings.Contains(got.Error, row.says) {
						t.Errorf("outcome %s in %q (%s), want %s in %q that says %q",
							got.Outcome, got.Phase, got.Error, row.outcome, row.phase, row.says)
					}
					if got.Reused != probe.Some(reuse) {
						t.Errorf("reused %v, want %t", got.Reused, reuse)
					}
				})
			})
		}
	}
}

func TestNothingIsSentWhereNothingCanBe(t *testing.T) {
	cert, authority := certificate(t, "other.test")
	rows := []struct {
		why, address string
		tls          probe.TLSOptions
		link         fakenet.Link
		outcome      probe.Outcome
		phase        probe.Phase
	}{
		{"no such name", "http://nowhere.test/", probe.TLSOptions{}, fakenet.Link{}, probe.DNS, probe.PhaseDNS},
		{
			"the name service fails", "http://a.test/",
			probe.TLSOptions{},
			fakenet.Link{LookupErr: &net.DNSError{Err: "server misbehaving", Name: "a.test", IsTemporary: true}},
			probe.DNS, probe.PhaseDNS,
		},
		{"nobody listens", "http://a.test:81/", probe.TLSOptions{}, fakenet.Link{}, probe.Connect, probe.PhaseConnect},
		{"an unknown authority", "https://b.test/", probe.TLSOptions{}, fakenet.Link{}, probe.TLS, probe.PhaseTLS},
		{"a certificate of another name", "https://b.test/", probe.TLSOptions{CA: authority}, fakenet.Link{}, probe.TLS, probe.PhaseTLS},
		{"plain HTTP where TLS is due", "https://a.test:80/", probe.TLSOptions{}, fakenet.Link{}, probe.TLS, probe.PhaseTLS},
	}
	for _, row := range rows {
		t.Run(row.why, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := serve(t, func(http.ResponseWriter, *http.Request) {})
				n.SetLink("a.test:80", row.link)
				n.serveTLS(t, "b.test:443", cert, func(http.ResponseWriter, *http.Request) {})
				call := n.call(t, row.address)
				call.Target.Endpoint.TLS = row.tls
				got := n.client.Do(t.Context(), call)
				if got.Outcome != row.outcome || got.Phase != row.phase || got.Error == "" || !got.FirstByte.IsZero() {
					t.Errorf("outcome %s in %q (%s), want %s in %q", got.Outcome, got.Phase, got.Error, row.outcome, row.phase)
				}
				if len(n.requests()) != 0 {
					t.Errorf("the server got %d requests, want 0", len(n.requests()))
				}
			})
		})
	}
}

func TestAServerThatWantsACertificate(t *testing.T) {
	// The alert and the closed connection race, so that the words differ; the
	// verdict must not.
	cert, authority := certificate(t, "b.test")
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		for _, http2 := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, HTTP/2 %t", tls.VersionName(version), http2), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					n := newNetwork(t, hf.Options{})
					l, err := n.Listen("b.test:443")
					if err != nil {
						t.Fatal(err)
					}
					fakenet.ServeListener(t, tls.NewListener(l, &tls.Config{
						Certificates: []tls.Certificate{cert}, MinVersion: version, MaxVersion: version,
						NextProtos: []string{"h2", "http/1.1"}, ClientAuth: tls.RequireAnyClientCert,
					}), n.counted(func(http.ResponseWriter, *http.Request) {}))
					call := n.call(t, "https://b.test/")
					call.Target.Endpoint.TLS.CA, call.Target.Endpoint.HTTP2 = authority, http2
					got := n.client.Do(t.Context(), call)
					if got.Outcome != probe.TLS || got.Phase != probe.PhaseTLS || got.Error == "" {
						t.Errorf("outcome %s in %q (%s), want tls in tls", got.Outcome, got.Phase, got.Error)
					}
					if len(n.requests()) != 0 || !got.FirstByte.IsZero() {
						t.Errorf("%d requests, first byte %v; want none of either", len(n.requests()), got.FirstByte)
					}
				})
			})
		}
	}
}

// TestAnAlertIsReadBehindAFailedWrite: over our own exchange the words are the
// alert's, whether the request was written before the connection closed or not.
func TestAnAlertIsReadBehindAFailedWrite(t *testing.T) {
	cert, authority := certificate(t, "b.test")
	for range 30 {
		synctest.Test(t, func(t *testing.T) {
			n := newNetwork(t, hf.Options{})
			l, err := n.Listen("b.test:443")
			if err != nil {
				t.Fatal(err)
			}
			fakenet.ServeListener(t, tls.NewListener(l, &tls.Config{
				Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS13, ClientAuth: tls.RequireAnyClientCert,
			}), n.counted(func(http.ResponseWriter, *http.Request) {}))
			call := reused(n.call(t, "https://b.test/"), true)
			call.Target.Endpoint.TLS.CA = authority
			if got := n.client.Do(t.Context(), call); got.Error != "remote error: tls: certificate required" {
				t.Fatalf("error %q, want the server's alert", got.Error)
			}
		})
	}
}

func TestInsecureAndServerNameAreHonoured(t *testing.T) {
	cert, authority := certificate(t, "other.test")
	for _, o := range []probe.TLSOptions{{Insecure: true}, {CA: authority, ServerName: "other.test"}} {
		synctest.Test(t, func(t *testing.T) {
			n := newNetwork(t, hf.Options{})
			n.serveTLS(t, "b.test:443", cert, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"ok":1}`) })
			call := n.call(t, "https://b.test/")
			call.Target.Endpoint.TLS = o
			if got := n.client.Do(t.Context(), call); got.Outcome != probe.OK {
				t.Errorf("with %+v: outcome %s (%s), want ok", o.ServerName, got.Outcome, got.Error)
			}
		})
	}
}

func TestAConnectionThatDiedIdleIsOneReset(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first := true
		n := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			if !first {
				hijack(w).Reset()
				return
			}
			first = false
			_, _ = io.WriteString(w, `{"ok":true}`)
		})
		call := n.call(t, "http://a.test/")
		call.Reuse = true
		_ = n.client.Do(t.Context(), call)
		time.Sleep(3 * time.Second)
		got := n.client.Do(t.Context(), call)
		if got.Outcome != probe.Reset || len(n.requests()) != 2 || join(got.Warnings) != "the connection had been idle for 3s" {
			t.Errorf("outcome %s, %d requests, warnings %q; want reset, 2 and how long it was idle",
				got.Outcome, len(n.requests()), got.Warnings)
		}
		// Connections wait for less than the shortest usual keep-alive.
		_ = n.client.Do(t.Context(), call)
		time.Sleep(5 * time.Second)
		dials := n.Dials("a.test:80")
		_ = n.client.Do(t.Context(), call)
		if n.Dials("a.test:80") != dials+1 {
			t.Errorf("dials = %d, want %d: a connection was kept for 5s", n.Dials("a.test:80"), dials+1)
		}
	})
}

func TestBounds(t *testing.T) {
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	for range 100 {
		_, _ = z.Write(make([]byte, 1<<20))
	}
	_ = z.Close()
	forever := func(piece []byte) func(w http.ResponseWriter, r *http.Request) {
		return func(w http.ResponseWriter, _ *http.Request) {
			for {
				if _, err := w.Write(piece); err != nil {
					return
				}
			}
		}
	}
	rows := []struct {
		why    string
		stream bool
		header map[string]string
		handle http.HandlerFunc
		says   string
	}{
		{"a body without end", false, nil, forever(bytes.Repeat([]byte("x"), 1<<16)), "larger than its bound"},
		{"a gzip bomb", false, map[string]string{"Content-Encoding": "gzip"}, func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write(bomb.Bytes())
		}, "larger than its bound"},
		{"a gzip bomb of events", true, map[string]string{"Content-Encoding": "gzip"}, func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write(bomb.Bytes())
		}, "longer than its bound"},
		{"a line of 100 MB", true, nil, func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "data: ")
			for range 100 {
				if _, err := w.Write(bytes.Repeat([]byte("x"), 1<<20)); err != nil {
					return
				}
			}
		}, "longer than its bound"},
		{"events without end", true, nil, forever([]byte("data: {\"text\":\"a\"}\n\n")), "larger than its bound"},
		{"comments without end", true, nil, forever([]byte(": keep-alive\n\n")), "larger than its bound"},
	}
	for _, row := range rows {
		t.Run(row.why, func(t *testing.T) {
			var before, after runtime.MemStats
			synctest.Test(t, func(t *testing.T) {
				n := newNetwork(t, hf.Options{MaxBody: 1 << 20, MaxEvents: 10_000})
				n.Serve(t, "a.test:80", n.counted(func(w http.ResponseWriter, r *http.Request) {
					for name, value := range row.header {
						w.Header().Set(name, value)
					}
					if row.stream {
						w.Header().Set("Content-Type", "text/event-stream")
					}
					row.handle(w, r)
				}))
				call := n.call(t, "http://a.test/")
				call.Ask.Stream = row.stream
				runtime.ReadMemStats(&before)
				got := n.client.Do(t.Context(), call)
				runtime.ReadMemStats(&after)
				if got.Outcome != probe.InvalidOutput || !strings.Contains(got.Error, row.says) {
					t.Errorf("outcome %s (%s), want invalid_output that says %q", got.Outcome, got.Error, row.says)
				}
				if len(got.Excerpt) > 1100 || len(got.Error) > 310 {
					t.Errorf("excerpt of %d bytes, error of %d; want at most 1100 and 310", len(got.Excerpt), len(got.Error))
				}
			})
			// Everything that was allocated, the server's part with it and garbage
			// included: far from the 100 MB that were offered.
			if used := after.TotalAlloc - before.TotalAlloc; used > 32<<20 {
				t.Errorf("%d MB were allocated, want at most 32", used>>20)
			}
		})
	}
}

func TestGzipThatNobodyAskedFor(t *testing.T) {
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	_, _ = io.WriteString(z, `{"ok":true}`)
	_ = z.Close()
	whole := packed.Bytes()
	broken := func(at int) []byte {
		b := bytes.Clone(whole)
		b[at] ^= 0xff
		return b
	}
	var halves bytes.Buffer
	for _, half := range []string{`{"ok":`, `true}`} {
		z.Reset(&halves)
		_, _ = io.WriteString(z, half)
		_ = z.Close()
	}
	const unasked = "the answer was compressed unasked: gzip"
	rows := []struct {
		why, encoding string
		body          []byte
		outcome       probe.Outcome
		says, warning string
	}{
		{"is decoded", "gzip", whole, probe.OK, "", unasked},
		{"may be in two members", "gzip", halves.Bytes(), probe.OK, "", unasked},
		{"may be a lie", "gzip", []byte(`{"ok":true}`), probe.OK, "", unasked},
		{"may be cut", "gzip", whole[:20], probe.Truncated, "ended early", unasked},
		{"may be cut in its header", "gzip", whole[:5], probe.Truncated, "ended early", unasked},
		{"may be cut in its checksum", "gzip", whole[:len(whole)-3], probe.Truncated, "ended early", unasked},
		{"may be cut in its second member", "gzip", halves.Bytes()[:halves.Len()-3], probe.Truncated, "ended early", unasked},
		{"may be of a method that is none", "gzip", append([]byte{0x1f, 0x8b, 9}, whole...), probe.InvalidOutput, "not valid gzip", unasked},
		{"may be too short for a header and wrong", "gzip", []byte("\x1f\x8bbroken"), probe.InvalidOutput, "not valid gzip", unasked},
		{"may have flags that are reserved", "gzip", []byte("\x1f\x8b\x08garbage"), probe.InvalidOutput, "not valid gzip", unasked},
		{"may be broken inside", "gzip", broken(10), probe.InvalidOutput, "not valid gzip", unasked},
		{"may have a wrong checksum", "gzip", broken(len(whole) - 6), probe.InvalidOutput, "not valid gzip", unasked},
		{"may be followed by rubbish", "gzip", append(bytes.Clone(whole), "0123456789"...), probe.InvalidOutput, "not valid gzip", unasked},
		{"may be another", "br", []byte(`{"ok":true}`), probe.OK, "", "the answer claims an encoding that was not asked for: br"},
	}
	for _, row := range rows {
		for _, closed := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				n := serve(t, func(w http.ResponseWriter, r *http.Request) {
					if got := r.Header.Get("Accept-Encoding"); got != "identity" {
						t.Errorf("Accept-Encoding = %q, want identity", got)
					}
					if closed {
						conn := hijack(w)
						_, _ = fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Encoding: %s\r\n\r\n%s", row.encoding, row.body)
						_ = conn.Close()
						return
					}
					w.Header().Set("Content-Encoding", row.encoding)
					_, _ = w.Write(row.body)
				})
				got := n.client.Do(t.Context(), n.call(t, "http://a.test/"))
				if got.Outcome != row.outcome || !strings.Contains(got.Error, row.says) || join(got.Warnings) != row.warning {
					t.Errorf("gzip %s, to the close %t: outcome %s (%s), warnings %q; want %s that says %q, %q",
						row.why, closed, got.Outcome, got.Error, got.Warnings, row.outcome, row.says, row.warning)
				}
			})
		}
	}
}

func TestTheWrongKindOfAnswerIsLeftToTheTask(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := serve(t, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/stream" {
				_, _ = io.WriteString(w, `{"ok":true}`)
				return
			}
			events(w)("data: {\"text\":\"a\",\"finish\":\"stop\"}\n\ndata: [DONE]\n\n")
		})
		got := n.client.Do(t.Context(), n.stream(t, "http://a.test/stream"))
		if got.Outcome != probe.OK || n.task.answer().Streamed || string(n.task.answer().Body) != `{"ok":true}` {
			t.Errorf("JSON for a stream: outcome %s, streamed %t, warnings %q", got.Outcome, n.task.answer().Streamed, got.Warnings)
		}
		got = n.client.Do(t.Context(), n.call(t, "http://a.test/whole"))
		if got.Outcome != probe.OK || !n.task.answer().Streamed || len(n.task.answer().Events) != 2 {
			t.Errorf("a stream for JSON: outcome %s, streamed %t, warnings %q", got.Outcome, n.task.answer().Streamed, got.Warnings)
		}
	})
}

func TestMalformedEventsAreCountedAndForgiven(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := serve(t, func(w http.ResponseWriter, r *http.Request) {
			say := events(w)
			say("data: {\"text\":\"a\"}\n\ndata: {\"te\n\n")
			if r.URL.Path == "/whole" {
				say("data: {\"finish\":\"stop\"}\n\ndata: [DONE]\n\n")
			}
		})
		got := n.client.Do(t.Context(), n.stream(t, "http://a.test/whole"))
		if p := n.task.answer().Progress; got.Outcome != probe.OK || p.Malformed != 1 {
			t.Errorf("outcome %s, malformed %d; want ok and 1 for the task to judge", got.Outcome, p.Malformed)
		}
		got = n.client.Do(t.Context(), n.stream(t, "http://a.test/cut"))
		if got.Outcome != probe.Truncated || join(got.Warnings) != "1 of 2 events could not be read" {
			t.Errorf("outcome %s, warnings %q; want truncated and one event of 2", got.Outcome, got.Warnings)
		}
		if want := `{"text":"a"} {"te`; got.Excerpt != want {
			t.Errorf("excerpt %q, want %q", got.Excerpt, want)
		}
	})
}

func TestCustomIsJudgedByItsStatusAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := serve(t, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/stream" {
				events(w)("data: of no known form\n\n")
				return
			}
			_, _ = io.WriteString(w, `{"error":"of mine","ok":1}`)
		})
		n.task.name = "custom"
		if got := n.client.Do(t.Context(), n.stream(t, "http://a.test/stream")); got.Outcome != probe.OK {
			t.Errorf("a stream: outcome %s (%s), want ok", got.Outcome, got.Error)
		}
		if got := n.client.Do(t.Context(), n.call(t, "http://a.test/")); got.Outcome != probe.OK {
			t.Errorf("outcome %s (%s), want ok", got.Outcome, got.Error)
		}
	})
}

func TestEventsAreKeptOnlyWhereTheyAreNeeded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			say := events(w)
			for range 300 {
				say("data: {\"text\":%q}\n\n", strings.Repeat("x", 1000))
			}
			say("data: {\"finish\":\"stop\"}\n\ndata: [DONE]\n\n")
		})
		call := n.stream(t, "http://a.test/")
		_ = n.client.Do(t.Context(), call)
		if a := n.task.answer(); len(a.Events) != 259 || !a.EventsCut || a.Progress.Events != 302 || a.Progress.KeepText {
			t.Errorf("baseline: %d events of %d, cut %t; want the 259 that fit 256 KiB of 302", len(a.Events), a.Progress.Events, a.EventsCut)
		}
		call.Kind = probe.WindowKind
		_ = n.client.Do(t.Context(), call)
		if a := n.task.answer(); len(a.Events) != 0 || !a.EventsCut {
			t.Errorf("window: %d events, cut %t; want none", len(a.Events), a.EventsCut)
		}
		call.Target.Expect.Contains = []string{"x"}
		_ = n.client.Do(t.Context(), call)
		if a := n.task.answer(); len(a.Events) != 259 || !a.Progress.KeepText {
			t.Errorf("window with expectations: %d events, keep text %t; want 259, true", len(a.Events), a.Progress.KeepText)
		}
	})
}
