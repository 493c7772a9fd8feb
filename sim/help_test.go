package sim

import (
	"bytes"
	"encoding/json"
	"flag"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hfwatch/hfwatch/internal/fakenet"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// ms is so many milliseconds.
func ms(n int) Duration { return Duration(time.Duration(n) * time.Millisecond) }

// one is a scenario of one model.
func one(backend string, tasks []string, b Behaviour) Scenario {
	m := Model{Name: "m", ID: "org/model", Tasks: tasks, Backend: backend, Behaviour: b}
	if backend == BackendProvider {
		m.Provider = "groq"
	}
	return Scenario{Seed: 1, Models: []Model{m}}
}

// bench is a server on a network in memory and a client of it.
type bench struct {
	t      *testing.T
	server *Server
	client *http.Client
}

// start serves scenario; in a bubble its times are exact.
func start(t *testing.T, scenario Scenario) *bench {
	t.Helper()
	server, err := New(scenario, Options{})
	if err != nil {
		t.Fatal(err)
	}
	network := fakenet.New()
	network.Serve(t, "sim:80", server.Handler())
	return &bench{t: t, server: server, client: network.Client(t)}
}

// answer is what came back, read to its end.
type answer struct {
	status int
	header http.Header
	body   string
	// err is that of the exchange or of reading the body.
	err error
}

// send makes a request; header holds pairs of name and value.
func (b *bench) send(method, path, body string, header ...string) answer {
	b.t.Helper()
	req, err := http.NewRequestWithContext(b.t.Context(), method, "http://sim"+path, strings.NewReader(body))
	if err != nil {
		b.t.Fatal(err)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(header); i += 2 {
		if header[i] == "Host" {
			req.Host = header[i+1]
		}
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := b.client.Do(req)
	if err != nil {
		return answer{err: err}
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	return answer{status: resp.StatusCode, header: resp.Header, body: string(text), err: err}
}

// post makes a POST.
func (b *bench) post(path, body string, header ...string) answer {
	b.t.Helper()
	return b.send(http.MethodPost, path, body, header...)
}

// last returns the last record of the ground-truth log.
func (b *bench) last() TruthRecord {
	b.t.Helper()
	// The record is kept when the handler returns, which is after the client has
	// read the answer; in a bubble a moment's sleep lets it.
	time.Sleep(time.Nanosecond)
	all := b.server.Truth()
	if len(all) == 0 {
		b.t.Fatal("the ground-truth log is empty")
	}
	return all[len(all)-1]
}

// arrival is a piece of a body and when it came.
type arrival struct {
	at   time.Duration
	text string
}

// stream makes a POST and returns each read of the body with its time after
// the request.
func (b *bench) stream(path, body string, header ...string) (arrivals []arrival, headers time.Duration, err error) {
	b.t.Helper()
	begin := time.Now()
	req, err := http.NewRequestWithContext(b.t.Context(), http.MethodPost, "http://sim"+path, strings.NewReader(body))
	if err != nil {
		b.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := b.client.Do(req)
	if err != nil {
		return nil, time.Since(begin), err
	}
	defer func() { _ = resp.Body.Close() }()
	headers = time.Since(begin)
	buf := make([]byte, 64<<10)
	for {
		n, err := resp.Body.Read(buf)
		if n > 0 {
			arrivals = append(arrivals, arrival{time.Since(begin), string(buf[:n])})
		}
		if err == io.EOF {
			return arrivals, headers, nil
		}
		if err != nil {
			return arrivals, headers, err
		}
	}
}

// golden compares got with a file of testdata, or writes it.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", filepath.FromSlash(name))
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

// decode decodes JSON.
func decode(t *testing.T, text string) any {
	t.Helper()
	var v any
	if err := json.NewDecoder(bytes.NewReader([]byte(text))).Decode(&v); err != nil {
		t.Fatalf("no JSON: %v: %q", err, text)
	}
	return v
}

// equal compares got with want.
func equal[T any](t *testing.T, what string, got, want T) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// sleepTo sleeps until so many milliseconds after the server's start.
func sleepTo(b *bench, milliseconds int) {
	time.Sleep(time.Until(b.server.start.Add(time.Duration(milliseconds) * time.Millisecond)))
}
