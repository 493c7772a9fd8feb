package main

import (
	"context"
	"net"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/hfwatch/hfwatch/probe"
	"github.com/hfwatch/hfwatch/probe/hf"
	"github.com/hfwatch/hfwatch/probe/task"
	"github.com/hfwatch/hfwatch/sim"
)

// badLine is a listener of the simulator with a fault, and what a request over it
// must come to. The simulator knows nothing of outcomes, nor this of frames.
type badLine struct {
	section, about string
	transport      sim.Transport
	// before is how many requests go over the same connection first, and must be
	// good. A second apart each.
	before int
	on     func(engineWay) bool
	want   finding
	// reused is whether the last request went over a connection that was there.
	reused bool
	// refused says that no request reaches the server.
	refused bool
	// https asks a listener without TLS as if it had it.
	https bool
}

// lines are the faults of listeners.
func lines() []badLine {
	var all []badLine
	add := func(section string, l badLine) {
		l.section = section
		if l.on == nil {
			l.on = anyWay
		}
		all = append(all, l)
	}
	secure := func(kind, fault string) sim.Transport { return sim.Transport{TLS: kind, Fault: fault} }
	h2 := func(fault string, at int) sim.Transport {
		return sim.Transport{TLS: "valid", HTTP2: true, Fault: fault, At: at}
	}
	slow := sim.Duration(time.Minute)

	const opened = "Listeners of the simulator"
	ok, tlsFailed := finding{probe.OK, ""}, finding{probe.TLS, probe.PhaseTLS}
	add(opened, badLine{about: "all is well, plain", want: ok})
	add(opened, badLine{about: "all is well over TLS", transport: secure("valid", ""), want: ok})
	add(opened, badLine{about: "refused", transport: sim.Transport{Fault: "refuse"}, want: finding{probe.Connect, probe.PhaseConnect}, refused: true})
	add(opened, badLine{about: "reset at the first byte", transport: sim.Transport{Fault: "reset"}, want: finding{probe.Reset, probe.PhaseFirstByte}, refused: true})
	add(opened, badLine{about: "closed at the first byte", transport: sim.Transport{Fault: "close"}, want: finding{probe.Reset, probe.PhaseFirstByte}, refused: true})
	add(opened, badLine{about: "accepted, and never a word", transport: sim.Transport{Fault: "silent"}, want: finding{probe.Timeout, probe.PhaseFirstByte}, refused: true})
	add(opened, badLine{about: "a line of the header a minute", transport: sim.Transport{Fault: "slow_headers", Delay: slow}, want: finding{probe.Timeout, probe.PhaseFirstByte}})
	add(opened, badLine{about: "a byte of the body a minute", transport: sim.Transport{Fault: "slow_body", Delay: slow}, on: inOnePiece, want: finding{probe.Timeout, probe.PhaseTotal}})
	add(opened, badLine{about: "a byte of the stream a minute", transport: sim.Transport{Fault: "slow_body", Delay: slow}, on: streamed, want: finding{probe.Timeout, probe.PhaseFirstToken}})
	add(opened, badLine{about: "an expired certificate", transport: secure("expired", ""), want: tlsFailed, refused: true})
	add(opened, badLine{about: "a certificate of another host", transport: secure("wrong_host", ""), want: tlsFailed, refused: true})
	add(opened, badLine{about: "a certificate of an unknown authority", transport: secure("unknown_authority", ""), want: tlsFailed, refused: true})
	add(opened, badLine{about: "a client certificate is wanted", transport: secure("client_certificate", ""), want: tlsFailed, refused: true})
	add(opened, badLine{about: "the alert handshake_failure", transport: secure("handshake_failure", ""), want: tlsFailed, refused: true})
	add(opened, badLine{about: "a handshake that is reset", transport: secure("valid", "reset"), want: tlsFailed, refused: true})
	add(opened, badLine{about: "a handshake that is closed", transport: secure("valid", "close"), want: tlsFailed, refused: true})
	add(opened, badLine{about: "a handshake that never ends", transport: secure("valid", "silent"), want: finding{probe.Timeout, probe.PhaseTLS}, refused: true})
	add(opened, badLine{about: "plain HTTP where TLS is due", https: true, want: tlsFailed, refused: true})

	const kept = "Connections that are used again"
	add(kept, badLine{about: "all is well", before: 2, want: ok, reused: true})
	add(kept, badLine{about: "closed between two requests: the second dials afresh", transport: sim.Transport{Fault: "close_idle"}, before: 1, want: ok})
	add(kept, badLine{about: "closed half a second after an answer, over TLS", transport: sim.Transport{TLS: "valid", Fault: "close_idle", Delay: sim.Duration(time.Second / 2)}, before: 1, want: ok})
	add(kept, badLine{about: "reset as the second request comes", transport: sim.Transport{Fault: "reset_reused"}, before: 1, want: finding{probe.Reset, probe.PhaseFirstByte}, reused: true})
	add(kept, badLine{about: "closed as the second request comes", transport: sim.Transport{Fault: "close_reused"}, before: 1, want: finding{probe.Reset, probe.PhaseFirstByte}, reused: true})
	add(kept, badLine{about: "closed as the second request comes, over TLS", transport: secure("valid", "close_reused"), before: 1, want: finding{probe.Reset, probe.PhaseFirstByte}, reused: true})

	const two = "HTTP/2"
	cut, first := finding{probe.Reset, probe.PhaseBody}, finding{probe.Reset, probe.PhaseFirstByte}
	add(two, badLine{about: "all is well", transport: h2("", 0), before: 2, want: ok, reused: true})
	add(two, badLine{about: "GOAWAY without an error within an answer that goes on", transport: h2("goaway", 0), want: ok})
	add(two, badLine{about: "the request after such a GOAWAY: on a new connection", transport: h2("goaway", 0), before: 1, want: ok})
	add(two, badLine{about: "closed between two requests, without GOAWAY", transport: h2("close_idle", 0), before: 1, want: ok})
	add(two, badLine{about: "GOAWAY that says the request was not processed", transport: h2("goaway_unprocessed", 0), want: first})
	add(two, badLine{about: "GOAWAY with an error after the header", transport: h2("goaway_mid_body", 0), want: cut})
	add(two, badLine{about: "GOAWAY with an error in mid-stream", transport: h2("goaway_mid_body", 2), on: streamed, want: cut})
	add(two, badLine{about: "RST_STREAM REFUSED_STREAM instead of an answer", transport: h2("refused_stream", 0), want: first})
	add(two, badLine{about: "RST_STREAM INTERNAL_ERROR instead of an answer", transport: h2("rst_stream", 0), want: first})
	add(two, badLine{about: "RST_STREAM after the header", transport: h2("rst_stream_mid_body", 0), want: cut})
	add(two, badLine{about: "RST_STREAM in mid-stream", transport: h2("rst_stream_mid_body", 2), on: streamed, want: cut})
	add(two, badLine{about: "the connection is closed as the second request comes", transport: h2("close_reused", 0), before: 1, want: first, reused: true})
	add(two, badLine{about: "the connection is reset as the second request comes", transport: h2("reset_reused", 0), before: 1, want: first, reused: true})
	return all
}

// runLine carries out one line on one way, and counts what the server got.
func runLine(t *testing.T, l badLine, w engineWay) finding {
	t.Helper()
	var got finding
	bubble(t, l.section+": "+l.about+" on "+w.name, func(t *testing.T) {
		s := stageLine(t, l.transport, w)
		if l.https {
			s.endpoint.URL.Scheme = "https"
		}
		s.reuse = l.before > 0
		s.client = hf.New(hf.Options{Dial: s.network.DialContext, MaxBody: 1 << 20})
		defer s.client.Close()
		for range l.before {
			expect(t, l.about+", before", w, s.ask(t, w), finding{probe.OK, ""})
			time.Sleep(time.Second)
		}
		res := s.ask(t, w)
		expect(t, l.section+": "+l.about, w, res, l.want)
		got = finding{res.Outcome, res.Phase}
		if reused, known := res.Reused.Get(); known && reused != l.reused {
			t.Errorf("%s on %s: reused is %t", l.about, w.name, reused)
		}
		if l.transport.HTTP2 && res.Outcome == probe.OK && res.Protocol != "HTTP/2.0" {
			t.Errorf("%s on %s: protocol %q", l.about, w.name, res.Protocol)
		}
		// The toolkit's good answers show nothing, a provider's engine is its own
		// affair, and hf-inference chats by TGI. Nobody is taken for another.
		shows := map[string]string{
			sim.BackendHF: sim.BackendHF, sim.BackendTGI: sim.BackendTGI, sim.BackendTEI: sim.BackendTEI,
			sim.BackendVLLM: sim.BackendVLLM, sim.BackendSGLang: sim.BackendSGLang, sim.BackendLlama: sim.BackendLlama,
		}[w.backend]
		if w.backend == sim.BackendHF && chats(w) {
			shows = sim.BackendTGI
		}
		if res.Outcome == probe.OK && res.Engine != shows {
			t.Errorf("%s on %s: engine %q, want %q", l.about, w.name, res.Engine, shows)
		}
		want := l.before + 1
		if l.refused {
			want = 0
		}
		// Nothing is ever sent again in secret: the server counts what it got.
		state := s.server.Listeners()[0]
		if state.Requests != want {
			t.Errorf("%s on %s: the server got %d requests, want %d", l.about, w.name, state.Requests, want)
		}
		if struck := l.transport.Fault != "" && l.transport.Fault != "refuse"; struck && state.Struck == 0 {
			t.Errorf("%s on %s: the fault did not strike: %+v", l.about, w.name, state)
		}
	})
	return got
}

// stageLine builds a scene whose way to the simulator is a listener of its.
func stageLine(t *testing.T, transport sim.Transport, w engineWay) *scene {
	t.Helper()
	s := stageScenario(t, w, sim.Fault{}, sim.Listener{Name: "l", Address: "127.0.0.1:443", Transport: transport})
	listen := func(_ context.Context, address string) (net.Listener, error) { return s.network.Listen(address) }
	if err := s.server.OpenListeners(t.Context(), listen); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.server.ServeListeners(ctx, listen) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	s.endpoint.URL = &url.URL{Scheme: "http", Host: "127.0.0.1:443", Path: w.path}
	if transport.TLS != "" {
		s.endpoint.URL.Scheme = "https"
		s.endpoint.TLS.CA = s.server.Authority()
	}
	s.endpoint.HTTP2 = transport.HTTP2
	return s
}

// TestLinesShowEveryFaultOfAListener: a fault that no line tries is one of which
// nobody knows what it is called.
func TestLinesShowEveryFaultOfAListener(t *testing.T) {
	t.Parallel()
	for _, f := range sim.TransportFaults() {
		if !slices.ContainsFunc(lines(), func(l badLine) bool { return l.transport.Fault == f.Name }) {
			t.Errorf("no line has the fault %s", f.Name)
		}
	}
}

// TestNothingIsSentTwiceOverHTTP2: net/http by itself sends a request without a
// body again where its stream was refused or GOAWAY left it out.
func TestNothingIsSentTwiceOverHTTP2(t *testing.T) {
	t.Parallel()
	for _, fault := range []string{"refused_stream", "goaway_unprocessed", "rst_stream"} {
		bubble(t, fault, func(t *testing.T) {
			w := engineWay{"toolkit", sim.BackendToolkit, "text-classification", false, probe.RouteURL, "/e/m"}
			s := stageLine(t, sim.Transport{TLS: "valid", HTTP2: true, Fault: fault}, w)
			client := hf.New(hf.Options{Dial: s.network.DialContext})
			defer client.Close()
			kind, _ := task.ByName("custom")
			target := &probe.Target{Name: "m", Task: kind, Endpoint: s.endpoint}
			res := client.Do(t.Context(), probe.Call{Shot: probe.Shot{Target: target}, Limit: 10 * time.Second})
			if got := (finding{res.Outcome, res.Phase}); got != (finding{probe.Reset, probe.PhaseFirstByte}) {
				t.Errorf("a request without a body is %v: %s", got, res.Error)
			}
			health := client.Health(t.Context(), target, "id", 10*time.Second)
			if health.State != hf.Unhealthy {
				t.Errorf("health is %+v", health)
			}
			if n := s.server.Listeners()[0].Requests; n != 2 {
				t.Errorf("the server got %d requests for one probe and one look at health", n)
			}
		})
	}
}
