package sim

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

const chatStream = `{"messages":[{"role":"user","content":"x"}],"stream":true}`

// TestTokensComeAtExactTimes reads a stream beside the clock.
func TestTokensComeAtExactTimes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := one(BackendVLLM, []string{taskChat}, Behaviour{Tokens: 4, Latency: Latency{Prefill: ms(250), PerToken: ms(40)}})
		s.RecordTokens = true
		b := start(t, s)
		got, headers, err := b.stream("/e/m/v1/chat/completions", chatStream)
		if err != nil || headers != 0 {
			t.Errorf("headers came after %v (%v), want at once", headers, err)
		}
		var times []time.Duration
		for _, a := range got {
			if strings.Contains(a.text, `"content":" `) || strings.Contains(a.text, `"content":"A`) {
				times = append(times, a.at)
			}
		}
		want := []time.Duration{250 * time.Millisecond, 290 * time.Millisecond, 330 * time.Millisecond, 370 * time.Millisecond}
		equal(t, "token times", times, want)
		rec := b.last()
		var truth []time.Duration
		for _, at := range rec.Tokens {
			truth = append(truth, at.Sub(rec.Received))
		}
		equal(t, "true token times", truth, want)
		equal(t, "first token", rec.FirstToken.Sub(rec.Received), want[0])
		equal(t, "first answer", rec.FirstAnswer.Sub(rec.Received), want[0])
		equal(t, "last token", rec.LastToken.Sub(rec.Received), want[3])
		equal(t, "done", rec.Done.Sub(rec.Received), want[3])
		equal(t, "tokens", rec.TokensSent, 4)
		equal(t, "events", rec.EventsSent, 6)
	})
}

// TestFirstChunkIsNoToken checks that a role-only chunk comes before its token.
func TestFirstChunkIsNoToken(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := start(t, one(BackendProvider, []string{taskChat}, Behaviour{SSE: SSE{Style: "role-only"}, Latency: Latency{Prefill: ms(300)}}))
		got, headers, err := b.stream("/v1/chat/completions", `{"model":"org/model:groq",`+chatStream[1:])
		if err != nil || headers != 0 || got[0].at != 0 || !strings.Contains(got[0].text, `"delta":{"role":"assistant"}`) {
			t.Errorf("first chunk = %+v after %v (%v), want a role at once", got[0], headers, err)
		}
		equal(t, "first token", b.last().FirstToken.Sub(b.last().Received), 300*time.Millisecond)
	})
}

// TestReasoningComesBeforeTheAnswer checks both first times.
func TestReasoningComesBeforeTheAnswer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := start(t, one(BackendVLLM, []string{taskChat}, Behaviour{
			SSE: SSE{Reasoning: "reasoning", ReasoningTokens: 3}, Latency: Latency{Prefill: ms(100), PerToken: ms(10)},
		}))
		if _, _, err := b.stream("/e/m/v1/chat/completions", chatStream); err != nil {
			t.Error(err)
		}
		rec := b.last()
		equal(t, "first token", rec.FirstToken.Sub(rec.Received), 100*time.Millisecond)
		equal(t, "first answer", rec.FirstAnswer.Sub(rec.Received), 130*time.Millisecond)
	})
}

// TestQueue sends five requests at once to two permits and a queue of two.
func TestQueue(t *testing.T) {
	t.Parallel()
	rows := []struct {
		about   string
		backend string
		b       Behaviour
		done    map[time.Duration]int
		refused int
	}{
		{
			"first come, first served, until the queue is full", BackendToolkit,
			Behaviour{Permits: 2, QueueLimit: 2, Latency: Latency{Prefill: ms(1000)}},
			map[time.Duration]int{0: 1, time.Second: 2, 2 * time.Second: 2},
			1,
		},
		{
			"TGI refuses at once", BackendTGI,
			Behaviour{Permits: 2, Text: "x", Latency: Latency{Prefill: ms(1000)}},
			map[time.Duration]int{0: 3, time.Second: 2},
			3,
		},
		{
			"load slows down: the nth permit takes 1 + 0.5 (n - 1) times as long", BackendVLLM,
			Behaviour{Text: "x", Latency: Latency{Prefill: ms(1000), Load: 0.5}},
			map[time.Duration]int{1000 * time.Millisecond: 1, 1500 * time.Millisecond: 1, 2000 * time.Millisecond: 1, 2500 * time.Millisecond: 1, 3000 * time.Millisecond: 1},
			0,
		},
	}
	for _, row := range rows {
		t.Run(row.about, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				path, task, body := "/e/m/", taskSummary, `{"inputs":"a b c"}`
				switch row.backend {
				case BackendTGI:
					task = taskGeneration
				case BackendVLLM:
					path, task, body = "/e/m/v1/completions", taskGeneration, `{"prompt":"a"}`
				}
				b := start(t, one(row.backend, []string{task}, row.b))
				for range 5 {
					go b.post(path, body)
				}
				time.Sleep(time.Minute)
				synctest.Wait()
				done := map[time.Duration]int{}
				refused := 0
				for _, rec := range b.server.Truth() {
					done[rec.Done.Sub(rec.Received)]++
					if rec.Did == "queue_full" {
						refused++
					} else if want := rec.Started.Sub(rec.Received).Seconds(); rec.QueueSeconds != want {
						t.Errorf("queue_seconds = %v, want %v", rec.QueueSeconds, want)
					}
				}
				equal(t, "done", done, row.done)
				equal(t, "refused", refused, row.refused)
			})
		})
	}
}

// TestQueueOrder checks that permits go to the longest waiting, and that a
// patch of permits lets the waiting in at once.
func TestQueueOrder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := one(BackendToolkit, []string{taskSummary}, Behaviour{Latency: Latency{Prefill: ms(10_000)}})
		s.Timeline = []Step{{At: ms(12_000), Model: "m", Set: []byte(`{"permits":4}`)}}
		b := start(t, s)
		for i := range 4 {
			go func() {
				time.Sleep(time.Duration(i) * time.Second)
				b.post("/e/m/", `{"inputs":"a"}`)
			}()
		}
		time.Sleep(time.Minute)
		var waits []float64
		var inFlight []int
		for _, rec := range b.server.Truth() {
			waits = append(waits, rec.QueueSeconds)
			inFlight = append(inFlight, rec.InFlight)
		}
		// The first takes the one permit until 10 s, the second follows; at 12 s
		// there are four permits, for the two who came at 2 s and 3 s.
		equal(t, "waits", waits, []float64{0, 9, 10, 9})
		equal(t, "in flight", inFlight, []int{0, 1, 2, 3})
	})
}

// TestClientWhoLeavesTheQueue gives up its place.
func TestClientWhoLeavesTheQueue(t *testing.T) {
	t.Parallel()
	g := newGate(1)
	first, second, third := g.enter(5), g.enter(5), g.enter(5)
	g.leave(second)
	g.leave(first)
	if !third.granted || second.granted || g.running != 1 {
		t.Errorf("third granted %t, second %t, running %d; want true, false, 1", third.granted, second.granted, g.running)
	}
}

// TestTimingHeaders checks every backend's own units after a known wait.
func TestTimingHeaders(t *testing.T) {
	t.Parallel()
	rows := []struct {
		backend, task, path string
		want                map[string]string
	}{
		{BackendTGI, taskGeneration, "/e/m/generate", map[string]string{
			"X-Compute-Type": computeType, "X-Compute-Time": "2.23", "X-Compute-Characters": "5", "X-Total-Time": "2230", "X-Validation-Time": "0",
			"X-Queue-Time": "1105", "X-Inference-Time": "1125", "X-Time-Per-Token": "562", "X-Prompt-Tokens": "5", "X-Generated-Tokens": "2",
		}},
		{BackendTEI, taskFeatures, "/e/m/embed", map[string]string{
			"X-Compute-Type": computeType, "X-Compute-Time": "1980", "X-Compute-Characters": "5", "X-Total-Time": "1980",
			"X-Tokenization-Time": "0", "X-Queue-Time": "980", "X-Inference-Time": "1000", "X-Compute-Tokens": "5",
		}},
		{BackendHF, taskSummary, "/hf-inference/models/org/model", map[string]string{
			"X-Compute-Type": "cpu", "X-Compute-Time": "1.000", "X-Compute-Characters": "5", "Server": "uvicorn", "X-Sha": fakeSHA("org/model"),
			"X-Inference-Provider": "hf-inference", "X-Inference-Id": "sim-2", "X-Powered-By": "huggingface-moon", "X-Cache": "Miss from cloudfront",
			"X-Request-Id": "Root=1-386d4380-000000000000000000000002;trace-2",
		}},
	}
	for _, row := range rows {
		t.Run(row.backend, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := start(t, one(row.backend, []string{row.task}, Behaviour{
					Text: "two words", Permits: 1, Overflow: "queue", Latency: Latency{Prefill: ms(1000), PerToken: ms(125)},
				}))
				go b.post(row.path, `{"inputs":"first"}`)
				// The second comes 20 ms after the first, whose one second, for TGI
				// 1.125 s, it waits out.
				time.Sleep(20 * time.Millisecond)
				got := b.post(row.path, `{"inputs":"a b c"}`, "X-Amzn-Trace-Id", "trace-2")
				have := map[string]string{}
				for name := range row.want {
					have[name] = got.header.Get(name)
				}
				equal(t, "headers", have, row.want)
				equal(t, "id", b.last().ID, "trace-2")
			})
		})
	}
}

// TestJitter checks the distributions' means and bounds, and that none is exact.
func TestJitter(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"", "uniform", "normal", "lognormal"} {
		l := Latency{Jitter: kind, Spread: 0.2}
		rng := stream(1, "m", 1)
		sum, lowest, highest := 0.0, 10.0, 0.0
		for range 20_000 {
			f := l.jitter(rng)
			sum, lowest, highest = sum+f, min(lowest, f), max(highest, f)
		}
		mean := sum / 20_000
		if mean < 0.99 || mean > 1.01 {
			t.Errorf("%q: mean = %v, want 1", kind, mean)
		}
		bounds := map[string][2]float64{"": {1, 1}, "uniform": {0.8, 1.2}, "normal": {0.399, 1.601}, "lognormal": {0.3, 3}}[kind]
		if lowest < bounds[0] || highest > bounds[1] || (kind != "" && highest-lowest < 0.3) {
			t.Errorf("%q: draws from %v to %v, want within %v", kind, lowest, highest, bounds)
		}
	}
}

// TestDeterminism runs the same requests twice, and once in another order of
// models.
func TestDeterminism(t *testing.T) {
	t.Parallel()
	run := func(seed uint64, order []string) map[string][]time.Duration {
		all := map[string][]time.Duration{}
		synctest.Test(t, func(t *testing.T) {
			s := one(BackendToolkit, []string{taskSummary}, Behaviour{
				Latency: Latency{Prefill: ms(100), Jitter: "lognormal", Spread: 0.5}, Fault: Fault{Kind: "server_error", Ratio: 0.5, Delay: ms(7)},
			})
			s.Seed = seed
			other := s.Models[0].clone()
			other.Name, other.ID = "n", "org/n"
			s.Models = append(s.Models, other)
			b := start(t, s)
			for range 20 {
				for _, name := range order {
					b.post("/e/"+name+"/", `{"inputs":"a"}`)
					rec := b.last()
					all[name] = append(all[name], rec.Done.Sub(rec.Received))
				}
			}
		})
		return all
	}
	first := run(5, []string{"m", "n"})
	equal(t, "another order", run(5, []string{"n", "m"}), first)
	if a, b := first["m"], run(6, []string{"m"})["m"]; len(a) != 20 || same(a, b) || same(a, first["n"]) {
		t.Errorf("another seed or model gave the same draws: %v", a)
	}
	faults := 0
	for _, d := range first["m"] {
		if d == 7*time.Millisecond {
			faults++
		}
	}
	if faults < 5 || faults > 15 {
		t.Errorf("%d of 20 requests failed, want about half", faults)
	}
}

// same reports whether a and b are equal.
func same(a, b []time.Duration) bool {
	for i := range a {
		if i >= len(b) || a[i] != b[i] {
			return false
		}
	}
	return true
}
