package sim

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

const hfPath = "/hf-inference/models/org/model"

// summary is a scenario of a summariser with a fault.
func summary(f Fault) Scenario {
	return one(BackendHF, []string{taskSummary}, Behaviour{Text: "Short.", Cache: "off", Fault: f})
}

// TestConnectionFaults checks what a client sees of broken connections.
func TestConnectionFaults(t *testing.T) {
	t.Parallel()
	good := `[{"summary_text":"Short."}]`
	rows := []struct {
		fault Fault
		check func(t *testing.T, got answer)
	}{
		{Fault{Kind: "reset_before_headers"}, func(t *testing.T, got answer) {
			if !errors.Is(got.err, syscall.ECONNRESET) || got.status != 0 {
				t.Errorf("error = %v, want a reset", got.err)
			}
		}},
		{Fault{Kind: "close_before_headers"}, func(t *testing.T, got answer) {
			if !errors.Is(got.err, io.EOF) || got.status != 0 {
				t.Errorf("error = %v, want EOF", got.err)
			}
		}},
		{Fault{Kind: "reset_mid_body"}, func(t *testing.T, got answer) {
			if !errors.Is(got.err, syscall.ECONNRESET) || got.status != 200 || got.body != good[:len(good)/2] {
				t.Errorf("got %d %q %v, want half a body and a reset", got.status, got.body, got.err)
			}
		}},
		{Fault{Kind: "truncated_body"}, func(t *testing.T, got answer) {
			if !errors.Is(got.err, io.ErrUnexpectedEOF) || got.body != good[:len(good)/2] {
				t.Errorf("got %q %v, want half a body", got.body, got.err)
			}
		}},
		{Fault{Kind: "close_after_response"}, func(t *testing.T, got answer) {
			if got.err != nil || got.body != good || got.header.Get("Connection") != "" {
				t.Errorf("got %q %v %v, want a good answer", got.body, got.err, got.header)
			}
		}},
		{Fault{Kind: "slow_body", Delay: ms(100)}, func(t *testing.T, got answer) {
			if got.err != nil || got.body != good {
				t.Errorf("got %q %v, want a good answer", got.body, got.err)
			}
		}},
		{Fault{Kind: "slow_headers", Delay: ms(100)}, func(t *testing.T, got answer) {
			if got.err != nil || got.body != good || got.header.Get("X-Compute-Type") != "cpu" || got.header.Get("Content-Type") != "application/json" {
				t.Errorf("got %q %v %v, want a good answer", got.body, got.err, got.header)
			}
		}},
		{Fault{Kind: "endless_body", Bytes: 1_000_000}, func(t *testing.T, got answer) {
			if got.err != nil || len(got.body) != 1_000_002 {
				t.Errorf("got %d bytes, %v, want 1000002", len(got.body), got.err)
			}
		}},
		{Fault{Kind: "long_line", Bytes: 1_000_000}, func(t *testing.T, got answer) {
			if got.err != nil || strings.Contains(got.body, "\n") || len(decode(t, got.body).([]any)) != 1 || len(got.body) < 1_000_000 {
				t.Errorf("got %d bytes, %v, want JSON in one line of a million", len(got.body), got.err)
			}
		}},
	}
	for _, row := range rows {
		t.Run(row.fault.Kind, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := start(t, summary(row.fault))
				row.check(t, b.post(hfPath, `{"inputs":"x"}`))
				equal(t, "did", b.last().Did, row.fault.Kind)
			})
		})
	}
}

// TestSlowness checks the times of drips.
func TestSlowness(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := start(t, summary(Fault{Kind: "slow_body", Delay: ms(100)}))
		arrivals, headers, err := b.stream(hfPath, `{"inputs":"x"}`)
		n := len(`[{"summary_text":"Short."}]`)
		if err != nil || headers != 0 || len(arrivals) != n {
			t.Fatalf("got %d pieces after %v, %v, want %d", len(arrivals), headers, err, n)
		}
		equal(t, "last byte", arrivals[n-1].at, time.Duration(n)*100*time.Millisecond)
	})
	synctest.Test(t, func(t *testing.T) {
		b := start(t, summary(Fault{Kind: "slow_headers", Delay: ms(1000)}))
		b.client.Timeout = 4500 * time.Millisecond
		got := b.post(hfPath, `{"inputs":"x"}`)
		if got.err == nil {
			t.Error("headers came in time, want the client's timeout")
		}
		rec := b.last()
		equal(t, "done", rec.Done.Sub(rec.Received), 4500*time.Millisecond)
	})
	synctest.Test(t, func(t *testing.T) {
		b := start(t, one(BackendVLLM, []string{taskChat}, Behaviour{Text: "x", Fault: Fault{Kind: "slow_body", Delay: ms(10)}}))
		arrivals, _, err := b.stream("/e/m/v1/chat/completions", chatStream)
		if err != nil || len(arrivals) < 100 || len(arrivals[50].text) != 1 {
			t.Errorf("got %d pieces, %v, want one a byte", len(arrivals), err)
		}
	})
}

// TestNeverAnswer holds the request until the client leaves.
func TestNeverAnswer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := start(t, summary(Fault{Kind: "never_answer"}))
		b.client.Timeout = time.Hour
		if got := b.post(hfPath, `{"inputs":"x"}`); !errors.Is(got.err, context.DeadlineExceeded) {
			t.Errorf("error = %v, want the client's timeout", got.err)
		}
		rec := b.last()
		equal(t, "done", rec.Done.Sub(rec.Received), time.Hour)
		equal(t, "did", rec.Did, "never_answer")
		equal(t, "status", rec.Status, 0)
	})
}

// TestStaleConnection resets the second request on one connection.
func TestStaleConnection(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := start(t, summary(Fault{Kind: "stale_connection"}))
		if got := b.post(hfPath, `{"inputs":"x"}`); got.err != nil || got.status != 200 {
			t.Errorf("first = %d %v, want 200", got.status, got.err)
		}
		if got := b.post(hfPath, `{"inputs":"x"}`); !errors.Is(got.err, syscall.ECONNRESET) {
			t.Errorf("second = %d %v, want a reset", got.status, got.err)
		}
		if got := b.post(hfPath, `{"inputs":"x"}`); got.err != nil || got.status != 200 {
			t.Errorf("third, on a new connection = %d %v, want 200", got.status, got.err)
		}
	})
}

// TestCompression checks the bomb and a merely compressed answer.
func TestCompression(t *testing.T) {
	t.Parallel()
	for _, f := range []Fault{{Kind: "gzip"}, {Kind: "gzip_bomb", Bytes: 5 << 20}} {
		synctest.Test(t, func(t *testing.T) {
			b := start(t, summary(f))
			got := b.post(hfPath, `{"inputs":"x"}`, "Accept-Encoding", "identity")
			if got.header.Get("Content-Encoding") != "gzip" || len(got.body) > 100_000 {
				t.Fatalf("%s: %d bytes of %q, want a little gzip", f.Kind, len(got.body), got.header.Get("Content-Encoding"))
			}
			z, err := gzip.NewReader(bufio.NewReader(strings.NewReader(got.body)))
			if err != nil {
				t.Fatal(err)
			}
			var sink bytes.Buffer
			n, err := io.Copy(&sink, z)
			want := int64(len(`[{"summary_text":"Short."}]`))
			if f.Kind == "gzip_bomb" {
				want = 5 << 20
			}
			if err != nil || n != want {
				t.Errorf("%s unpacks to %d bytes, %v, want %d", f.Kind, n, err, want)
			}
		})
	}
}

// TestOversizedStreams checks streams without end and of one line.
func TestOversizedStreams(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"endless_body", "long_line"} {
		synctest.Test(t, func(t *testing.T) {
			b := start(t, one(BackendTGI, []string{taskChat}, Behaviour{Latency: Latency{Prefill: ms(100)}, Fault: Fault{Kind: kind, Bytes: 300_000}}))
			got := b.post("/e/m/v1/chat/completions", chatStream)
			lines := strings.Count(got.body, "\ndata:")
			if got.err != nil || len(got.body) < 300_000 || (kind == "long_line") != (lines == 0) {
				t.Errorf("%s: %d bytes in %d events, %v", kind, len(got.body), lines+1, got.err)
			}
			equal(t, "did", b.last().Did, kind)
		})
	}
}

// TestFaultsWithoutAConnectionToTake abort the answer, as over HTTP/2.
func TestFaultsWithoutAConnectionToTake(t *testing.T) {
	t.Parallel()
	server, err := New(summary(Fault{Kind: "reset_before_headers"}), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if got := recover(); got != http.ErrAbortHandler { //nolint:errorlint // The server compares so, too.
			t.Errorf("panic = %v, want http.ErrAbortHandler", got)
		}
		if got := server.Truth(); len(got) != 1 || got[0].Did != "reset_before_headers" {
			t.Errorf("truth = %+v", got)
		}
	}()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://sim"+hfPath, strings.NewReader(`{"inputs":"x"}`))
	if err != nil {
		t.Fatal(err)
	}
	server.Handler().ServeHTTP(bareWriter{}, req)
}

// bareWriter is a http.ResponseWriter that can do nothing else.
type bareWriter struct{}

func (bareWriter) Header() http.Header         { return http.Header{} }
func (bareWriter) Write(b []byte) (int, error) { return len(b), nil }
func (bareWriter) WriteHeader(int)             {}
