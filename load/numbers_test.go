package load_test

import (
	"encoding/json"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hfwatch/hfwatch/load"
	"github.com/hfwatch/hfwatch/probe"
)

// TestStreamNumbers holds the value of everything that a stream gives a window.
func TestStreamNumbers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := draw(t, load.Spec{Window: "w", Stages: []load.Stage{stage(10, 10*time.Second, 0)}}, 1)
		ms := time.Millisecond
		s := &server{answer: func(_ time.Duration, call probe.Call) (time.Duration, probe.Result) {
			first, in := 100*ms, 100
			if call.Seq%4 == 0 {
				first, in = 300*ms, 1000
			}
			return first + 400*ms, probe.Result{
				FirstToken: probe.Measured(first), FirstAnswer: probe.Measured(first + 50*ms), TPOT: probe.Measured(20 * ms), Chunks: probe.Some(21),
				Gaps: []time.Duration{10 * ms, 30 * ms}, TokensIn: probe.Some(in), TokensOut: probe.Some(21), TokensSource: probe.TokensUsage,
				CostUSD: probe.Some(0.001),
			}
		}}
		o := options(t, s, 100)
		o.Targets[0].Stream = true
		o.Objectives = load.Objectives{FirstToken: probe.Measured(200 * ms), TPOT: probe.Measured(25 * ms)}
		var last load.Snapshot
		views, seen := 0, 0
		o.Progress = func(v load.Snapshot) { views++; last = v }
		o.Observe = func(probe.Result) { seen++ }
		w := run(t, p, o)
		for name, q := range map[string]struct {
			got  *load.Quantile
			want time.Duration
		}{
			"first token p50": {w.FirstToken.P50, 100 * ms}, "first token p90": {w.FirstToken.P90, 300 * ms},
			"first answer p50": {w.FirstAnswer.P50, 150 * ms}, "tpot p50": {w.TPOT.P50, 20 * ms}, "gap p50": {w.Gap.P50, 10 * ms}, "gap p90": {w.Gap.P90, 30 * ms},
		} {
			if q.got == nil || !near(q.got.Value, q.want) {
				t.Errorf("%s = %v, want %v", name, q.got, q.want)
			}
		}
		if w.Gap.N != 200 || w.FirstToken.N != 100 {
			t.Errorf("%d gaps and %d first tokens, want 200 and 100", w.Gap.N, w.FirstToken.N)
		}
		// The last five answers came in the drain.
		out, _ := w.TokensOut.Get()
		if system, _ := w.Tokens.System.Get(); out != 2100 || system < 19.5*10 || system > 21*10 || w.TokensInTime+21*5 < 2100 {
			t.Errorf("tokens out %d, %v/s by system, %d in time, want 2100 and about 200", out, system, w.TokensInTime)
		}
		if user, _ := w.Tokens.UserP50.Get(); user < 49.9 || user > 50.1 {
			t.Errorf("tokens/s by user = %v, want 50", user)
		}
		if w.Goodput.Met != 75 || w.Goodput.Attempted != 100 || w.Goodput.Ratio != 0.75 {
			t.Errorf("goodput = %+v, want 75 of 100", w.Goodput)
		}
		if usd, _ := w.CostUSD.Get(); usd < 0.0999 || usd > 0.1001 {
			t.Errorf("cost = %v, want 0.1", usd)
		}
		if len(w.Lengths) != 2 || w.Lengths[0].Name != "<= 128 tokens" || w.Lengths[1].Name != "<= 1024 tokens" || w.Lengths[1].Good != 25 {
			t.Errorf("lengths = %d, want <= 128 tokens and <= 1024 tokens, the latter of 25", len(w.Lengths))
		}
		if seen != 100 || views < 10 || !last.Ended || last.Good != 100 {
			t.Errorf("%d results observed, %d views, the last %+v; want 100, at least 10, and an end", seen, views, last.Good)
		}
	})
}

// TestWindowJSON holds that a record survives JSON, and that what was not measured
// is absent from it.
func TestWindowJSON(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := draw(t, load.Spec{Window: "w", Process: load.Poisson, Stages: []load.Stage{stage(20, 10*time.Second, 5*time.Second)}}, 1)
		w := run(t, p, options(t, &server{answer: always(20 * time.Millisecond)}, 8))
		text, err := json.Marshal(w)
		if err != nil {
			t.Fatal(err)
		}
		var back load.Window
		if err := json.Unmarshal(text, &back); err != nil {
			t.Fatal(err)
		}
		again, err := json.Marshal(back)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(text), string(again)); diff != "" {
			t.Errorf("the record does not survive JSON: %s", diff)
		}
		for _, absent := range []string{"first_token_seconds", "tpot_seconds", "tokens_per_second", "goodput", "p999", "capacity", "cost_usd"} {
			if strings.Contains(string(text), `"`+absent+`"`) {
				t.Errorf("the record holds %s, which nothing was measured of", absent)
			}
		}
		for _, key := range []string{
			"target", "plan", "seed", "verdict", "ended_by", "asked_rate", "achieved_rate", "planned", "sent", "not_sent", "outcomes",
			"response_seconds", "service_seconds", "lag_seconds", "steady_state", "stages", "hdr", "schema", "curve",
		} {
			if !strings.Contains(string(text), `"`+key+`"`) {
				t.Errorf("the record has no %s", key)
			}
		}
	})
}

// TestPlateau asks more and more of a server that answers 20/s at most.
func TestPlateau(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newStation(4, 200*time.Millisecond, 1)
		p := draw(t, load.Spec{Window: "w", Stages: []load.Stage{stage(5, 20*time.Second, 0), stage(10, 20*time.Second, 0), stage(30, 20*time.Second, 0), stage(60, 20*time.Second, 0)}}, 1)
		w := run(t, p, options(t, &server{answer: st.answer}, 64))
		if w.Plateau == nil || w.Plateau.Stage != 2 || w.Plateau.Rate < 19 || w.Plateau.Rate > 21 || w.Verdict != load.ServerLimited {
			t.Errorf("plateau %+v, verdict %s (%s), want one in stage 2", w.Plateau, w.Verdict, w.Reason)
		}
	})
}

// TestWarmUp finds that the first requests of a stage were slow, and leaves them
// out of the steady part.
func TestWarmUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := draw(t, load.Spec{Window: "w", Stages: []load.Stage{stage(10, 30*time.Second, 0)}}, 1)
		st := newStation(100, 100*time.Millisecond, 1)
		s := &server{answer: func(sent time.Duration, call probe.Call) (time.Duration, probe.Result) {
			took, res := st.answer(sent, call)
			if call.Seq < 40 {
				took *= 2
			}
			return took, res
		}}
		w := run(t, p, options(t, s, 16))
		if w.Steady == nil || w.Steady.Answer != "found" || w.Steady.WarmUp < 36 || w.Steady.WarmUp > 44 || !strings.Contains(w.Steady.Sentence, "warm-up") {
			t.Fatalf("steady state = %+v, want a warm-up of about 40", w.Steady)
		}
		if m, _ := w.Steady.Service.Max.Get(); m > 130*time.Millisecond {
			t.Errorf("the steady part's slowest request took %v, want the warm-up left out", m)
		}
	})
}

// TestDigits are never an exponent.
func TestDigits(t *testing.T) {
	t.Parallel()
	for v, want := range map[float64]string{0: "0", 0.000012345: "0.0000123", 0.5: "0.5", 9.876: "9.88", 999.6: "1000", 1000: "1000", 12345.6: "12346", 1e6: "1000000", -2500.4: "-2500"} {
		if got := load.Digits(v, 3); got != want {
			t.Errorf("Digits(%v, 3) = %s, want %s", v, got, want)
		}
	}
}

// TestWordsHaveNoExponent: a warm-up of a second less a moment is one of a second.
func TestWordsHaveNoExponent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := draw(t, load.Spec{Window: "w", Stages: []load.Stage{stage(5, time.Minute, 0)}}, 1)
		s := &server{answer: always(999600 * time.Microsecond)}
		w := run(t, p, options(t, s, 16))
		if w.Steady == nil || !strings.Contains(w.Steady.Sentence, "steady state 1s median") {
			t.Errorf("the steady state of answers of 999.6 ms is said as %+v", w.Steady)
		}
	})
}
