package main

import (
	"bytes"
	"cmp"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hfwatch/hfwatch/internal/fakenet"
	"github.com/hfwatch/hfwatch/probe"
	"github.com/hfwatch/hfwatch/probe/hf"
	"github.com/hfwatch/hfwatch/probe/task"
	"github.com/hfwatch/hfwatch/sim"
)

// blame says whose fault an outcome is and how it counts, while a control
// answers and while it fails too: the table of outcomes, for a target whose
// policy is keep_warm and whose request was never answered before.
func blame(v finding, controlDown bool) (probe.Fault, probe.Counts) {
	type line struct {
		fault  probe.Fault
		counts probe.Counts
	}
	target, apart := line{probe.FaultTarget, probe.Bad}, func(f probe.Fault) line { return line{f, probe.Apart} }
	table := map[probe.Outcome]line{
		probe.OK: {probe.FaultNone, probe.Good}, probe.Loading: target, probe.Paused: target, probe.Overloaded: target,
		probe.ServerError: target, probe.GatewayTimeout: target, probe.Timeout: target, probe.Stalled: target,
		probe.StreamError: target, probe.Truncated: target, probe.InvalidOutput: target, probe.WrongAnswer: target,
		probe.Gone: target, probe.DNS: target, probe.Connect: target, probe.TLS: target, probe.Reset: target,
		probe.Auth: apart(probe.FaultAccount), probe.Billing: apart(probe.FaultAccount), probe.RateLimited: apart(probe.FaultAccount),
		probe.BadRequest: apart(probe.FaultMonitor), probe.NoAnswer: apart(probe.FaultMonitor), probe.Filtered: apart(probe.FaultMonitor),
		probe.Unknown: apart(probe.FaultUnknown),
	}
	ofTheWay := slices.Contains([]probe.Outcome{probe.DNS, probe.Connect, probe.TLS}, v.outcome) ||
		v.outcome == probe.Reset && v.phase != probe.PhaseBody ||
		v.outcome == probe.Timeout && slices.Contains([]probe.Phase{probe.PhaseDNS, probe.PhaseConnect, probe.PhaseTLS}, v.phase)
	if controlDown && ofTheWay {
		return probe.FaultNetwork, probe.Apart
	}
	return table[v.outcome].fault, table[v.outcome].counts
}

// scene is one combination on its own network.
type scene struct {
	network  *fakenet.Network
	server   *sim.Server
	endpoint probe.Endpoint
	limit    time.Duration
	// client is kept for all requests of the scene where it is set, and reuse lets
	// them share connections.
	client *hf.Client
	reuse  bool
}

// stage builds a scene for w with a fault at the model.
func stage(t *testing.T, w engineWay, fault sim.Fault) *scene {
	t.Helper()
	s := stageScenario(t, w, fault)
	s.network.Serve(t, "sim.test:80", s.server.Handler())
	s.endpoint.URL = &url.URL{Scheme: "http", Host: "sim.test", Path: w.path}
	return s
}

// stageScenario builds a scene to which no way leads yet.
func stageScenario(t *testing.T, w engineWay, fault sim.Fault, listeners ...sim.Listener) *scene {
	t.Helper()
	m := sim.Model{Name: "m", ID: "org/model", Tasks: []string{w.task}, Backend: w.backend, Behaviour: sim.Behaviour{Fault: fault, Tokens: 8}}
	m.Latency = sim.Latency{Prefill: sim.Duration(100 * time.Millisecond), PerToken: sim.Duration(20 * time.Millisecond)}
	if w.backend == sim.BackendProvider {
		m.Provider = "groq"
	}
	server, err := sim.New(sim.Scenario{Seed: 1, Models: []sim.Model{m}, Listeners: listeners}, sim.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return &scene{network: fakenet.New(), server: server, limit: 30 * time.Second, endpoint: probe.Endpoint{Route: w.route}}
}

// ask probes the scene once over the real client.
func (s *scene) ask(t *testing.T, w engineWay) probe.Result {
	t.Helper()
	kind, ok := task.ByName(w.task)
	if !ok {
		t.Fatalf("there is no task %q", w.task)
	}
	target := &probe.Target{
		Name: "m", Model: "org/model", Task: kind, Endpoint: s.endpoint, Stream: w.stream,
		Inputs: probe.Inputs{Values: []json.RawMessage{[]byte(`"I love it."`)}}, Timeout: s.limit, Stall: 10 * time.Second,
	}
	if w.route == probe.RouteRouter {
		target.Provider = "groq"
	}
	switch {
	case generates(w):
		target.Expect.Contains = []string{"monitor"}
	case w.task == "text-classification":
		target.Expect.Label = "POSITIVE"
	}
	client := s.client
	if client == nil {
		client = hf.New(hf.Options{Dial: s.network.DialContext, MaxBody: 1 << 20})
		defer client.Close()
	}
	runner := probe.Runner{Exchanger: client}
	call, err := runner.Prepare(probe.Shot{Target: target, Kind: probe.Baseline, Lane: probe.LaneBaseline, Due: time.Now(), Reuse: s.reuse})
	if err != nil {
		t.Fatal(err)
	}
	res := runner.Run(t.Context(), call, probe.Circumstances{})
	// The same exchange, judged while a control fails.
	again := probe.Runner{Exchanger: fixed{res}}.Run(t.Context(), call, probe.Circumstances{ControlFails: true})
	want := finding{res.Outcome, res.Phase}
	for _, j := range []struct {
		down bool
		res  probe.Result
	}{{false, res}, {true, again}} {
		fault, counts := blame(want, j.down)
		if j.res.Fault != fault || j.res.Counts != counts {
			t.Errorf("%s: %s in %q is %s, %s with the control down %t; want %s, %s", w.name, res.Outcome, res.Phase, j.res.Fault, j.res.Counts, j.down, fault, counts)
		}
	}
	return res
}

// fixed is an exchange that has happened.
type fixed struct{ res probe.Result }

// Do returns it.
func (f fixed) Do(context.Context, probe.Call) probe.Result { return f.res }

// link is a way to break a connection before a request is on it.
type link struct {
	about   string
	want    finding
	prepare func(t *testing.T, s *scene)
}

// links are the faults of names, connecting and TLS.
func links() []link {
	secure := func(dates [2]int, name string, trusted bool) func(t *testing.T, s *scene) {
		return func(t *testing.T, s *scene) {
			t.Helper()
			cert, authority := certificate(t, name, dates)
			l := openAddress(t, s, "sim.test:443")
			fakenet.ServeListener(t, tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}), s.server.Handler())
			s.endpoint.URL.Scheme = "https"
			if trusted {
				s.endpoint.TLS.CA = authority
			}
		}
	}
	raw := func(handle func(net.Conn)) func(t *testing.T, s *scene) {
		return func(t *testing.T, s *scene) {
			t.Helper()
			l := openAddress(t, s, "sim.test:443")
			done := make(chan struct{})
			t.Cleanup(func() { _ = l.Close(); <-done })
			go func() {
				defer close(done)
				for {
					conn, err := l.Accept()
					if err != nil {
						return
					}
					handle(conn)
				}
			}()
			s.endpoint.URL.Scheme = "https"
		}
	}
	linked := func(l fakenet.Link) func(*testing.T, *scene) {
		return func(_ *testing.T, s *scene) { s.network.SetLink("sim.test:80", l) }
	}
	valid := [2]int{1999, 2199}
	hello := func(c net.Conn) { _, _ = c.Read(make([]byte, 1)) }
	return []link{
		{"all is well over TLS", finding{probe.OK, ""}, secure(valid, "sim.test", true)},
		{"no such name", finding{probe.DNS, probe.PhaseDNS}, func(_ *testing.T, s *scene) { s.endpoint.URL.Host = "nowhere.test" }},
		{"the name service fails", finding{probe.DNS, probe.PhaseDNS}, linked(fakenet.Link{LookupErr: &net.DNSError{Err: "server misbehaving", Name: "sim.test", IsTemporary: true}})},
		{"the name service is silent", finding{probe.Timeout, probe.PhaseDNS}, linked(fakenet.Link{Lookup: time.Hour})},
		{"nobody listens", finding{probe.Connect, probe.PhaseConnect}, func(_ *testing.T, s *scene) { s.endpoint.URL.Host = "sim.test:81" }},
		{"packets are lost", finding{probe.Timeout, probe.PhaseConnect}, linked(fakenet.Link{BlackHole: true})},
		{"the certificate has expired", finding{probe.TLS, probe.PhaseTLS}, secure([2]int{1990, 1999}, "sim.test", true)},
		{"the certificate is of another host", finding{probe.TLS, probe.PhaseTLS}, secure(valid, "other.test", true)},
		{"the authority is unknown", finding{probe.TLS, probe.PhaseTLS}, secure(valid, "sim.test", false)},
		{"the handshake is cut", finding{probe.TLS, probe.PhaseTLS}, raw(func(c net.Conn) { hello(c); _ = c.Close() })},
		{"the handshake is reset", finding{probe.TLS, probe.PhaseTLS}, raw(func(c net.Conn) {
			hello(c)
			if reset, ok := c.(interface{ Reset() }); ok {
				reset.Reset()
			}
		})},
		{"the handshake never ends", finding{probe.Timeout, probe.PhaseTLS}, raw(func(c net.Conn) { hello(c) })},
		{"plain HTTP where TLS is due", finding{probe.TLS, probe.PhaseTLS}, raw(func(c net.Conn) {
			hello(c)
			_, _ = c.Write([]byte("HTTP/1.1 400 Bad Request\r\n\r\n"))
			_ = c.Close()
		})},
	}
}

// openAddress opens another address of the scene's network.
func openAddress(t *testing.T, s *scene, addr string) net.Listener {
	t.Helper()
	l, err := s.network.Listen(addr)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// certificate returns one for name, valid between two years, and its authority
// in PEM.
func certificate(t *testing.T, name string, years [2]int) (tls.Certificate, []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	at := func(year int) time.Time { return time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC) }
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, DNSNames: []string{name},
		NotBefore: at(years[0]), NotAfter: at(years[1]),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

// TestAttribution holds outcome, phase, fault and counts of every fault on
// every engine against the facts, and docs/attribution.md against what came.
func TestAttribution(t *testing.T) {
	t.Parallel()
	var doc attribution
	for _, facts := range [][]fact{statusFacts(), accountFacts(), streamFacts(), answerFacts(), connectionFacts()} {
		for _, f := range facts {
			for _, w := range personalities() {
				if f.on(w) {
					doc.row(f.section, f.about, w, runFact(t, f, w))
				}
			}
		}
	}
	for _, l := range links() {
		for _, w := range personalities() {
			bubble(t, l.about+" on "+w.name, func(t *testing.T) {
				s := stage(t, w, sim.Fault{})
				l.prepare(t, s)
				res := s.ask(t, w)
				expect(t, l.about, w, res, l.want)
				doc.row("Connections before a request", l.about, w, finding{res.Outcome, res.Phase})
			})
		}
	}
	for _, l := range lines() {
		for _, w := range personalities() {
			if l.on(w) {
				doc.row(l.section, l.about, w, runLine(t, l, w))
			}
		}
	}
	grid(t, &doc)
	if doc.n < 400 {
		t.Errorf("%d combinations, want at least 400", doc.n)
	}
	compareFile(t, filepath.Join("..", "..", "docs", "attribution.md"), doc.text())
}

// runFact carries out one fact on one way, and checks that it really happened.
func runFact(t *testing.T, f fact, w engineWay) finding {
	t.Helper()
	var got finding
	bubble(t, f.about+" on "+w.name, func(t *testing.T) {
		s := stage(t, w, f.fault)
		if f.account != nil {
			if err := s.server.SetAccount(*f.account); err != nil {
				t.Fatal(err)
			}
			if len(f.account.RateLimits) > 0 {
				_ = s.ask(t, w)
			}
		}
		res := s.ask(t, w)
		expect(t, f.section+": "+f.about, w, res, f.want)
		got = finding{res.Outcome, res.Phase}
		time.Sleep(time.Minute)
		all := s.server.Truth()
		if len(all) == 0 || (f.fault.Kind != "" && all[len(all)-1].Did != f.fault.Kind) {
			t.Errorf("%s on %s: the simulator did %v", f.about, w.name, all)
		}
	})
	return got
}

// bubble runs one combination in its own time.
func bubble(t *testing.T, name string, run func(t *testing.T)) {
	t.Helper()
	t.Run(name, func(t *testing.T) { synctest.Test(t, run) })
}

// expect compares a result with the finding.
func expect(t *testing.T, about string, w engineWay, res probe.Result, want finding) {
	t.Helper()
	if got := (finding{res.Outcome, res.Phase}); got != want {
		t.Errorf("%s on %s: %s in %q (%d, %s), want %s in %q", about, w.name, got.outcome, got.phase, res.Status, res.Error, want.outcome, want.phase)
	}
}

// grid asks for every status in every envelope on every engine. Each engine has
// one scene for all of them, since there are thousands.
func grid(t *testing.T, doc *attribution) {
	t.Helper()
	all := statuses()
	for _, w := range personalities() {
		if w.stream {
			continue
		}
		bubble(t, "every status on "+w.name, func(t *testing.T) {
			s := stage(t, w, sim.Fault{})
			s.client = hf.New(hf.Options{Dial: s.network.DialContext, MaxBody: 1 << 20})
			defer s.client.Close()
			for _, status := range sorted(all) {
				for _, envelope := range sim.Envelopes() {
					fault := sim.Fault{Kind: "status", Status: status, Envelope: envelope, Message: "boom", ErrorType: "strange", Code: "odd"}
					if err := s.server.SetFault("m", fault); err != nil {
						t.Fatal(err)
					}
					want := finding{inEnvelope(status, all[status], envelope), ""}
					res := s.ask(t, w)
					expect(t, fmt.Sprintf("%d in envelope %s", status, envelope), w, res, want)
					doc.cell(status, envelope, res.Outcome)
				}
			}
		})
	}
}

// sorted returns the keys of m in order.
func sorted[V any](m map[int]V) []int {
	var keys []int
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// compareFile holds a document against what it should be, or writes it.
func compareFile(t *testing.T, name, want string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(name, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	got, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, []byte(want)) {
		t.Errorf("%s is not what the engines do; go test ./cmd/hfwatch -run Attribution -update writes it", name)
	}
}

// attribution is the document, as it grows.
type attribution struct {
	n        int
	sections []string
	rows     map[string][]docRow
	cells    map[int]map[string][]probe.Outcome
}

// docRow is a fault and the ways on which it came to the same.
type docRow struct {
	about string
	got   finding
	ways  []string
}

// row notes one combination, which is judged twice: with the control up and
// down.
func (a *attribution) row(section, about string, w engineWay, got finding) {
	a.n += 2
	if a.rows == nil {
		a.rows = map[string][]docRow{}
	}
	if !slices.Contains(a.sections, section) {
		a.sections = append(a.sections, section)
	}
	rows := a.rows[section]
	for i := range rows {
		if rows[i].about == about && rows[i].got == got {
			rows[i].ways = append(rows[i].ways, w.name)
			return
		}
	}
	a.rows[section] = append(rows, docRow{about, got, []string{w.name}})
}

// cell notes one combination of the grid.
func (a *attribution) cell(status int, envelope string, got probe.Outcome) {
	a.n += 2
	if a.cells == nil {
		a.cells = map[int]map[string][]probe.Outcome{}
	}
	if a.cells[status] == nil {
		a.cells[status] = map[string][]probe.Outcome{}
	}
	if have := a.cells[status][envelope]; !slices.Contains(have, got) {
		a.cells[status][envelope] = append(have, got)
	}
}

// text returns the document.
func (a *attribution) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, `# Attribution

What hfwatch makes of each fault: the outcome, the phase in which it failed, whose fault it is and how it counts, with the control answering and
while the control fails too. %d combinations of a fault, an engine's personality, whole or streamed, and the control's state: each exchange is carried out by
the real client against the [simulator](simulator.md) and held against facts that were written down apart from the classifier. The table is generated:
`+"`go test ./cmd/hfwatch -run Attribution -update`"+`; a test holds it in step.

The targets have the policy `+"`keep_warm`"+` and were never answered before; [outcomes](outcomes/README.md) says what else decides.
`, a.n)
	for _, section := range a.sections {
		fmt.Fprintf(&b, "\n## %s\n\n| fault | on | outcome | phase | control answers | control fails |\n| --- | --- | --- | --- | --- | --- |\n", section)
		for _, r := range a.rows[section] {
			up, upCounts := blame(r.got, false)
			down, downCounts := blame(r.got, true)
			fmt.Fprintf(&b, "| %s | %s | `%s` | %s | %s, %s | %s, %s |\n", cellText(r.about), on(r.ways), r.got.outcome, cmp.Or(string(r.got.phase), "-"), up, upCounts, down, downCounts)
		}
	}
	b.WriteString("\n## Every status in every envelope\n\nOn every engine, with words that say nothing. The phase is none, and the control changes nothing.\n\n| status |")
	for _, e := range sim.Envelopes() {
		fmt.Fprintf(&b, " %s |", e)
	}
	b.WriteString("\n|" + strings.Repeat(" --- |", len(sim.Envelopes())+1) + "\n")
	for _, status := range sorted(a.cells) {
		fmt.Fprintf(&b, "| %d |", status)
		for _, e := range sim.Envelopes() {
			var names []string
			for _, o := range a.cells[status][e] {
				names = append(names, string(o))
			}
			fmt.Fprintf(&b, " %s |", strings.Join(names, ", "))
		}
		b.WriteString("\n")
	}
	return b.String()
}

// cellText returns text as a table can hold it.
func cellText(text string) string { return strings.ReplaceAll(text, "|", `\|`) }

// on names the ways of a row, shortly where they are all.
func on(names []string) string {
	if len(names) == len(personalities()) {
		return "all " + strconv.Itoa(len(names))
	}
	return strings.Join(names, "; ")
}
