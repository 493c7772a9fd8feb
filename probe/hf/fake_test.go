package hf_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/hfwatch/hfwatch/internal/fakenet"
	"github.com/hfwatch/hfwatch/probe"
	"github.com/hfwatch/hfwatch/probe/hf"
)

// fakeTask reads events such as {"text":"a"}, {"thought":"b"}, {"finish":"stop"},
// {"usage":7} and {"error":…}, and the end mark [DONE]. A whole answer is good
// where it is {"ok":true}.
type fakeTask struct {
	name  string
	mu    sync.Mutex
	asked probe.Answer
}

func (f *fakeTask) Name() string { return f.name }

func (f *fakeTask) Build(probe.Ask) (probe.Request, error) { return probe.Request{}, nil }

func (f *fakeTask) Event(data []byte, _ probe.Progress) probe.Event {
	if string(data) == "[DONE]" {
		return probe.Event{End: true}
	}
	var in struct {
		Text, Thought, Finish, Model string
		Usage                        *int
		Error                        json.RawMessage
	}
	if err := json.Unmarshal(data, &in); err != nil {
		return probe.Event{Malformed: true}
	}
	e := probe.Event{
		Token: in.Text != "" || in.Thought != "", Answer: in.Text != "",
		Finish: in.Finish, Failed: in.Error != nil, Model: in.Model,
	}
	if in.Usage != nil {
		e.TokensIn, e.TokensOut = probe.Some(3), probe.Some(*in.Usage)
	}
	return e
}

func (f *fakeTask) Check(_ probe.Ask, a probe.Answer) probe.Verdict {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked = a
	v := probe.Verdict{Outcome: probe.OK, Shape: "fake"}
	if !a.Streamed && !bytes.Contains(a.Body, []byte(`"ok"`)) {
		return probe.Verdict{Outcome: probe.InvalidOutput, Reason: "not the fake's answer"}
	}
	return v
}

// answer returns what Check was given last.
func (f *fakeTask) answer() probe.Answer {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.asked
}

// network is a server at a.test:80 and a client that can reach it alone.
type network struct {
	*fakenet.Network
	client *hf.Client
	task   *fakeTask
	mu     sync.Mutex
	got    []*http.Request
}

// serve starts handler and counts what it gets.
func serve(t *testing.T, handler http.HandlerFunc) *network {
	t.Helper()
	n := newNetwork(t, hf.Options{})
	n.Serve(t, "a.test:80", n.counted(handler))
	return n
}

// newNetwork returns a network without a server.
func newNetwork(t *testing.T, o hf.Options) *network {
	t.Helper()
	n := &network{Network: fakenet.New(), task: &fakeTask{name: "fake"}}
	o.Dial = n.DialContext
	n.client = hf.New(o)
	t.Cleanup(n.client.Close)
	return n
}

// counted notes each request and reads its body before handler runs.
func (n *network) counted(handler http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		n.mu.Lock()
		n.got = append(n.got, r)
		n.mu.Unlock()
		_, _ = io.Copy(io.Discard, r.Body)
		handler(w, r)
	}
}

// requests returns what the server got.
func (n *network) requests() []*http.Request {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.got
}

// call returns a call to address of the fake task.
func (n *network) call(t *testing.T, address string) probe.Call {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	target := &probe.Target{
		Name: "fake", Task: n.task, Stall: 20 * time.Second,
		Endpoint: probe.Endpoint{Route: probe.RouteURL, URL: u},
	}
	return probe.Call{
		Shot: probe.Shot{Target: target, Kind: probe.Baseline, Lane: probe.LaneBaseline},
		ID:   "0123456789abcdef", Limit: 60 * time.Second,
		Ask:     probe.Ask{Route: probe.RouteURL, Expect: &target.Expect},
		Request: probe.Request{ContentType: "application/json", Body: []byte(`{"inputs":"x"}`)},
	}
}

// stream is call for a stream.
func (n *network) stream(t *testing.T, address string) probe.Call {
	t.Helper()
	c := n.call(t, address)
	c.Ask.Stream = true
	return c
}

// events begins an event stream and returns how to write to it.
func events(w http.ResponseWriter) func(format string, args ...any) {
	w.Header().Set("Content-Type", "text/event-stream")
	w.WriteHeader(http.StatusOK)
	flush(w)
	return func(format string, args ...any) {
		_, _ = fmt.Fprintf(w, format, args...)
		flush(w)
	}
}

func flush(w http.ResponseWriter) { w.(http.Flusher).Flush() }

// hijack takes the connection of a request.
func hijack(w http.ResponseWriter) *fakenet.Conn {
	conn, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		panic(err)
	}
	return conn.(*fakenet.Conn)
}

// seconds returns s as a measured number of seconds.
func ms(n int) probe.Seconds { return probe.Measured(time.Duration(n) * time.Millisecond) }

// certificate returns a certificate for the names, its authority in PEM, and
// itself valid in a bubble, whose clock starts in the year 2000.
func certificate(t *testing.T, names ...string) (tls.Certificate, []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, DNSNames: names,
		NotBefore: time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC), NotAfter: time.Date(2199, 1, 1, 0, 0, 0, 0, time.UTC),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key},
		pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

// serveTLS starts handler on addr over TLS.
func (n *network) serveTLS(t *testing.T, addr string, certificate tls.Certificate, handler http.HandlerFunc) {
	t.Helper()
	l, err := n.Listen(addr)
	if err != nil {
		t.Fatal(err)
	}
	fakenet.ServeListener(t, tls.NewListener(net.Listener(l), &tls.Config{
		Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"},
	}), n.counted(handler))
}

// bothWays runs a test over a connection of its own and over one that is kept:
// two ways through the network that must not differ in what they say.
func bothWays(t *testing.T, why string, test func(t *testing.T, reuse bool)) {
	t.Helper()
	for _, reuse := range []bool{false, true} {
		t.Run(fmt.Sprintf("%s, reuse %t", why, reuse), func(t *testing.T) { test(t, reuse) })
	}
}

// reused returns the call as one that may go over a kept connection.
func reused(call probe.Call, reuse bool) probe.Call {
	call.Reuse = reuse
	return call
}
