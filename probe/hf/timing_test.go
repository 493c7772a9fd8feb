package hf_test

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hfwatch/hfwatch/internal/fakenet"
	"github.com/hfwatch/hfwatch/probe"
	"github.com/hfwatch/hfwatch/probe/hf"
)

// slowLink is 5 ms to look up, 20 ms to connect and 10 ms each way.
var slowLink = fakenet.Link{
	Lookup: 5 * time.Millisecond, Connect: 20 * time.Millisecond, Delay: 10 * time.Millisecond,
}

func TestPhasesOfAWholeAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			time.Sleep(100 * time.Millisecond)
			w.WriteHeader(http.StatusOK)
			flush(w)
			time.Sleep(40 * time.Millisecond)
			_, _ = w.Write([]byte(`{"ok":true}`))
			flush(w)
			time.Sleep(time.Second)
		})
		n.SetLink("a.test:80", slowLink)
		start := time.Now()
		got := n.client.Do(t.Context(), n.call(t, "http://a.test/"))
		want := probe.Result{
			Outcome: probe.OK, Status: 200, Sent: start, Shape: "fake", Protocol: "HTTP/1.1",
			// 25 to be connected, 10 there, 100 of work, 10 back; then 40 to the body.
			FirstByte: ms(145), Service: ms(185),
			Phases: probe.Phases{DNS: ms(5), Connect: ms(20), Write: ms(0), Wait: ms(120), Read: ms(40)},
			Reused: probe.Some(false), RemoteAddr: "192.0.2.2:80",
			// The server's clock, in whole seconds; the bubble's begins with one.
			Date: start,
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("Do (-want +got):\n%s", diff)
		}
	})
}

func TestTLSIsAPhaseOfItsOwn(t *testing.T) {
	cert, authority := certificate(t, "a.test")
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t, hf.Options{})
		n.serveTLS(t, "a.test:443", cert, func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte(`{"ok":true}`))
		})
		n.SetLink("a.test:443", slowLink)
		call := n.call(t, "https://a.test/")
		call.Target.Endpoint.TLS.CA = authority
		got := n.client.Do(t.Context(), call)
		if got.Outcome != probe.OK {
			t.Fatalf("outcome = %s (%s), want ok", got.Outcome, got.Error)
		}
		// TLS 1.3 is one round trip for the client.
		want := probe.Phases{DNS: ms(5), Connect: ms(20), TLS: ms(20), Write: ms(0), Wait: ms(20), Read: ms(0)}
		if diff := cmp.Diff(want, got.Phases); diff != "" {
			t.Errorf("phases (-want +got):\n%s", diff)
		}
	})
}

func TestFirstTokenIsBehindARoleAndBeforeTheAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			say := events(w)
			time.Sleep(100 * time.Millisecond)
			say("data: {\"role\":\"assistant\"}\n\n")
			time.Sleep(200 * time.Millisecond)
			say("data: {\"thought\":\"hm\"}\n\n")
			time.Sleep(300 * time.Millisecond)
			say("data: {\"text\":\"a\"}\n\ndata: {\"text\":\"b\"}\n\n")
			time.Sleep(100 * time.Millisecond)
			say("data: {\"text\":\"c\",\"finish\":\"stop\"}\n\n")
			time.Sleep(50 * time.Millisecond)
			say("data: {\"usage\":9,\"model\":\"served\"}\n\ndata: [DONE]\n\n")
		})
		got := n.client.Do(t.Context(), n.stream(t, "http://a.test/"))
		if got.Outcome != probe.OK {
			t.Fatalf("outcome = %s (%s), want ok", got.Outcome, got.Error)
		}
		type times struct {
			FirstByte, FirstToken, FirstAnswer, Service, TPOT, GapMax, GapMedian, Read probe.Seconds
			Chunks, In, Out                                                            probe.Opt[int]
			Source                                                                     probe.TokensSource
			Finish, Model                                                              string
		}
		want := times{
			FirstByte: ms(0), FirstToken: ms(300), FirstAnswer: ms(600), Service: ms(700), Read: ms(750),
			// (700 - 300) / (9 - 1); the gaps are 300, 0 and 100.
			TPOT: ms(50), GapMax: ms(300), GapMedian: ms(100),
			Chunks: probe.Some(4), In: probe.Some(3), Out: probe.Some(9), Source: probe.TokensUsage,
			Finish: "stop", Model: "served",
		}
		if diff := cmp.Diff(want, times{
			got.FirstByte, got.FirstToken, got.FirstAnswer, got.Service, got.TPOT, got.GapMax, got.GapMedian,
			got.Phases.Read, got.Chunks, got.TokensIn, got.TokensOut, got.TokensSource, got.FinishReason, got.ServedModel,
		}); diff != "" {
			t.Errorf("times (-want +got):\n%s", diff)
		}
	})
}

func TestStreamOfAHundredTokensIsMeasuredAsItWas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			say := events(w)
			time.Sleep(250 * time.Millisecond)
			for i := range 100 {
				if i > 0 {
					time.Sleep(20 * time.Millisecond)
				}
				say("data: {\"text\":\"%d\"}\n\n", i)
			}
			say("data: {\"finish\":\"length\"}\n\ndata: [DONE]\n\n")
		})
		n.SetLink("a.test:80", slowLink)
		got := n.client.Do(t.Context(), n.stream(t, "http://a.test/"))
		first := 25 + 10 + 250 + 10
		if got.Outcome != probe.OK || got.FirstToken != ms(first) || got.Service != ms(first+99*20) {
			t.Errorf("outcome %s, first token %v, service %v; want ok, %v, %v",
				got.Outcome, got.FirstToken, got.Service, ms(first), ms(first+99*20))
		}
		if got.TPOT != ms(20) || got.GapMax != ms(20) || got.GapMedian != ms(20) {
			t.Errorf("tpot %v, gaps %v and %v; want 20ms each", got.TPOT, got.GapMax, got.GapMedian)
		}
		if got.TokensOut != probe.Some(100) || got.TokensSource != probe.TokensChunks {
			t.Errorf("tokens %v by %q, want 100 by chunks", got.TokensOut, got.TokensSource)
		}
		if a := n.task.answer(); len(a.Events) != 102 || a.EventsCut || a.Progress.Tokens != 100 {
			t.Errorf("Check got %d events (cut %t), %d tokens; want all 102, 100", len(a.Events), a.EventsCut, a.Progress.Tokens)
		}
	})
}

func TestFirstByteIsBehindEarlyHints(t *testing.T) {
	bothWays(t, "connection", func(t *testing.T, reuse bool) {
		synctest.Test(t, func(t *testing.T) {
			n := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				time.Sleep(100 * time.Millisecond)
				w.WriteHeader(http.StatusEarlyHints)
				time.Sleep(200 * time.Millisecond)
				w.WriteHeader(http.StatusEarlyHints)
				time.Sleep(300 * time.Millisecond)
				_, _ = w.Write([]byte(`{"ok":true}`))
			})
			got := n.client.Do(t.Context(), reused(n.call(t, "http://a.test/"), reuse))
			if got.Outcome != probe.OK || got.FirstByte != ms(600) || got.Phases.Wait != ms(600) {
				t.Errorf("outcome %s, first byte %v, wait %v; want ok, 600ms, 600ms", got.Outcome, got.FirstByte, got.Phases.Wait)
			}
		})
		synctest.Test(t, func(t *testing.T) {
			n := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				time.Sleep(100 * time.Millisecond)
				conn := hijack(w)
				_, _ = conn.Write([]byte("HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n{\"ok\":true}"))
			})
			got := n.client.Do(t.Context(), reused(n.call(t, "http://a.test/"), reuse))
			if got.Outcome != probe.OK || got.FirstByte != ms(100) {
				t.Errorf("hints and answer in one write: outcome %s, first byte %v; want ok, 100ms", got.Outcome, got.FirstByte)
			}
		})
	})
}

func TestTooManyInterimAnswersEndTheExchange(t *testing.T) {
	bothWays(t, "connection", func(t *testing.T, reuse bool) {
		synctest.Test(t, func(t *testing.T) {
			n := serve(t, func(w http.ResponseWriter, r *http.Request) {
				for r.Context().Err() == nil {
					w.WriteHeader(http.StatusEarlyHints)
					time.Sleep(time.Second)
				}
			})
			got := n.client.Do(t.Context(), reused(n.call(t, "http://a.test/"), reuse))
			if got.Outcome != probe.InvalidOutput || got.Phase != probe.PhaseFirstByte || !got.FirstByte.IsZero() {
				t.Errorf("outcome %s in %q (%s), first byte %v; want invalid_output in first_byte and no first byte",
					got.Outcome, got.Phase, got.Error, got.FirstByte)
			}
		})
	})
}

func TestKeepAliveCommentsAreNoProgress(t *testing.T) {
	bothWays(t, "connection", func(t *testing.T, reuse bool) {
		synctest.Test(t, func(t *testing.T) {
			n := serve(t, func(w http.ResponseWriter, r *http.Request) {
				say := events(w)
				time.Sleep(30 * time.Second)
				for range 3 {
					say("data: {\"text\":\"a\"}\n\n")
					time.Sleep(15 * time.Second)
				}
				for r.Context().Err() == nil {
					say(": keep-alive\n\n")
					time.Sleep(time.Second)
				}
			})
			call := reused(n.stream(t, "http://a.test/"), reuse)
			call.Limit = 10 * time.Minute
			got := n.client.Do(t.Context(), call)
			// The first token takes longer than the limit of a gap, which is allowed;
			// the last one comes at 60 s.
			if got.Outcome != probe.Stalled || got.Phase != probe.PhaseBody || got.Service != ms(80_000) {
				t.Errorf("outcome %s in %q after %v; want stalled in body after 80s", got.Outcome, got.Phase, got.Service)
			}
			if got.FirstToken != ms(30_000) || got.Chunks != probe.Some(3) {
				t.Errorf("first token %v, chunks %v; want 30s, 3", got.FirstToken, got.Chunks)
			}
		})
	})
}

func TestTimeoutNamesItsPhase(t *testing.T) {
	hang := func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	rows := []struct {
		why    string
		phase  probe.Phase
		link   fakenet.Link
		stream bool
		https  bool
		large  bool
		handle http.HandlerFunc
	}{
		{why: "the name service hangs", phase: probe.PhaseDNS, link: fakenet.Link{Lookup: time.Hour}, handle: hang},
		{why: "nobody answers the connect", phase: probe.PhaseConnect, link: fakenet.Link{BlackHole: true}, handle: hang},
		{why: "a plain listener says nothing to a handshake", phase: probe.PhaseTLS, https: true},
		{why: "a large body is read by nobody", phase: probe.PhaseWrite, large: true},
		{why: "the server thinks", phase: probe.PhaseFirstByte, handle: hang},
		{
			why: "the header comes and nothing behind it", phase: probe.PhaseFirstToken, stream: true,
			handle: func(w http.ResponseWriter, r *http.Request) {
				say := events(w)
				say(": here\n\ndata: {\"role\":\"assistant\"}\n\n")
				<-r.Context().Done()
			},
		},
		{
			why: "tokens come without end", phase: probe.PhaseTotal, stream: true,
			handle: func(w http.ResponseWriter, r *http.Request) {
				say := events(w)
				for r.Context().Err() == nil {
					say("data: {\"text\":\"a\"}\n\n")
					time.Sleep(time.Second)
				}
			},
		},
		{
			why: "a body comes without end", phase: probe.PhaseTotal,
			handle: func(w http.ResponseWriter, r *http.Request) {
				for r.Context().Err() == nil {
					_, _ = w.Write([]byte(" "))
					flush(w)
					time.Sleep(time.Second)
				}
			},
		},
	}
	for _, row := range rows {
		bothWays(t, row.why, func(t *testing.T, reuse bool) {
			synctest.Test(t, func(t *testing.T) {
				n := newNetwork(t, hf.Options{})
				n.SetLink("a.test:80", row.link)
				if row.handle != nil {
					n.Serve(t, "a.test:80", n.counted(row.handle))
				} else {
					l, err := n.Listen("a.test:80")
					if err != nil {
						t.Fatal(err)
					}
					defer l.Close()
				}
				call := n.call(t, "http://a.test/")
				if row.https {
					call = n.call(t, "https://a.test:80/")
				}
				call.Ask.Stream, call.Reuse = row.stream, reuse
				call.Limit = 7 * time.Second
				if row.large {
					call.Request.Body = make([]byte, 1<<20)
				}
				start := time.Now()
				got := n.client.Do(t.Context(), call)
				if got.Outcome != probe.Timeout || got.Phase != row.phase || got.Service != ms(7000) {
					t.Errorf("outcome %s in %q after %v (%s); want timeout in %q after 7s",
						got.Outcome, got.Phase, got.Service, got.Error, row.phase)
				}
				if took := time.Since(start); took != 7*time.Second {
					t.Errorf("Do took %v, want 7s", took)
				}
				if n.Dials("a.test:80") != 1 {
					t.Errorf("dials = %d, want 1", n.Dials("a.test:80"))
				}
			})
		})
	}
}

func TestCancelIsNobodysFault(t *testing.T) {
	for _, at := range []string{"before the answer", "within the stream"} {
		bothWays(t, at, func(t *testing.T, reuse bool) {
			synctest.Test(t, func(t *testing.T) {
				n := serve(t, func(w http.ResponseWriter, r *http.Request) {
					if at != "before the answer" {
						events(w)("data: {\"text\":\"a\"}\n\n")
					}
					<-r.Context().Done()
				})
				ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
				defer cancel()
				call := n.stream(t, "http://a.test/")
				call.Reuse = reuse
				got := n.client.Do(ctx, call)
				if got.Outcome != probe.Canceled || got.Service != ms(3000) {
					t.Errorf("outcome %s after %v (%s), want canceled after 3s", got.Outcome, got.Service, got.Error)
				}
			})
		})
	}
}

func TestAStreamThatStaysOpenBehindItsEndIsComplete(t *testing.T) {
	rows := []struct{ why, last, warning string }{
		{"an end mark ends it at once", "data: {\"finish\":\"stop\"}\n\ndata: [DONE]\n\n", ""},
		{"a finish reason is enough", "data: {\"finish\":\"stop\"}\n\n", "the stream broke off after its finish reason"},
	}
	for _, row := range rows {
		t.Run(row.why, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := serve(t, func(w http.ResponseWriter, r *http.Request) {
					say := events(w)
					say("data: {\"text\":\"a\"}\n\n")
					time.Sleep(time.Second)
					say("data: {\"text\":\"b\"}\n\n" + row.last)
					<-r.Context().Done()
				})
				got := n.client.Do(t.Context(), n.stream(t, "http://a.test/"))
				if got.Outcome != probe.OK || got.Service != ms(1000) {
					t.Errorf("outcome %s after %v (%s), want ok after 1s", got.Outcome, got.Service, got.Error)
				}
				if want := fmt.Sprint(row.warning); fmt.Sprint(join(got.Warnings)) != want {
					t.Errorf("warnings %q, want %q", got.Warnings, want)
				}
			})
		})
	}
}

func join(texts []string) string {
	var all string
	for _, text := range texts {
		all += text
	}
	return all
}

func TestReusedConnectionHasNoPhasesOfItsDial(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			events(w)("data: {\"text\":\"a\",\"finish\":\"stop\"}\n\ndata: [DONE]\n\n")
		})
		n.SetLink("a.test:80", slowLink)
		call := n.stream(t, "http://a.test/")
		call.Reuse = true
		first := n.client.Do(t.Context(), call)
		second := n.client.Do(t.Context(), call)
		if first.Reused != probe.Some(false) || first.Phases.Connect != ms(20) || first.FirstByte != ms(45) {
			t.Errorf("first: reused %v, connect %v, first byte %v; want false, 20ms, 45ms", first.Reused, first.Phases.Connect, first.FirstByte)
		}
		want := probe.Phases{Write: ms(0), Wait: ms(20), Read: ms(0)}
		if diff := cmp.Diff(want, second.Phases); diff != "" || second.Reused != probe.Some(true) || second.FirstByte != ms(20) {
			t.Errorf("second: reused %v, first byte %v, phases (-want +got):\n%s", second.Reused, second.FirstByte, diff)
		}
		call.Reuse = false
		if third := n.client.Do(t.Context(), call); third.Reused != probe.Some(false) || n.Dials("a.test:80") != 2 {
			t.Errorf("a fresh call: reused %v, dials %d; want false and 2", third.Reused, n.Dials("a.test:80"))
		}
	})
}

func TestTokensOfOneReadHaveNoTimeBetweenThem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			events(w)("data: {\"text\":\"a\"}\n\ndata: {\"text\":\"b\"}\n\ndata: {\"finish\":\"stop\",\"usage\":2}\n\ndata: [DONE]\n\n")
		})
		got := n.client.Do(t.Context(), n.stream(t, "http://a.test/"))
		if got.Chunks != probe.Some(2) || !got.TPOT.IsZero() || !got.GapMax.IsZero() || !got.GapMedian.IsZero() {
			t.Errorf("chunks %v, tpot %v, gaps %v and %v; want 2 and no times", got.Chunks, got.TPOT, got.GapMax, got.GapMedian)
		}
	})
}
