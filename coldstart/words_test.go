package coldstart

import (
	"testing"
	"time"

	"github.com/hfwatch/hfwatch/probe"
	"github.com/hfwatch/hfwatch/stats"
)

// TestWords has a sentence for each way in which an episode can be.
func TestWords(t *testing.T) {
	t.Parallel()
	s := func(v float64) probe.Seconds { return probe.Measured(time.Duration(v * float64(time.Second))) }
	known := func(c Settled) *Settled {
		c.Median, c.MedianLow, c.MedianHigh = s(0.512), s(0.497), s(0.528)
		return &c
	}
	for _, row := range []struct {
		want string
		e    Episode
	}{
		{"no valid answer yet", Episode{}},
		{"1 request refused, no valid answer yet", Episode{Refused: 1}},
		{"3 requests refused, no valid answer within 15 min", Episode{Refused: 3, Began: t0, Ended: t0.Add(15 * time.Minute), End: EndGaveUp}},
		{"2 requests refused, no valid answer; cut off by the end of hfwatch", Episode{Refused: 2, Began: t0, Ended: t0.Add(time.Hour), End: EndInterrupted}},
		{"answered", Episode{FirstAnswer: s(1)}},
		{
			"1 cold request (19.8 s), then 29 requests, 14 s; steady 512 ms [497, 528]",
			Episode{FirstAnswer: s(1), WarmUp: known(Settled{Answer: stats.SteadyFound, Cold: 1, ColdSum: s(19.8), Requests: 29, Span: s(14.2)})},
		},
		{
			"4 requests refused, no warm-up seen; steady 512 ms [497, 528]",
			Episode{Refused: 4, FirstAnswer: s(1), WarmUp: known(Settled{Answer: stats.SteadyFound})},
		},
		{
			"at least 1 request, 3.5 s; steady 512 ms [497, 528]",
			Episode{FirstAnswer: s(1), WarmUp: known(Settled{Answer: stats.SteadyAtLeast, Requests: 1, Span: s(3.5)})},
		},
		{
			"2 cold requests (41 s), then possibly 5 requests; steady 512 ms [497, 528]",
			Episode{FirstAnswer: s(1), WarmUp: known(Settled{Answer: stats.SteadyPossible, Cold: 2, ColdSum: s(41), Requests: 5})},
		},
		{
			"10 requests, 90 s faster than later; steady 2.50 s [2.25, 3.00]",
			Episode{FirstAnswer: s(1), WarmUp: &Settled{
				Answer: stats.SteadyFound, Requests: 10, Span: s(90), Slowdown: true, Median: s(2.5), MedianLow: s(2.25), MedianHigh: s(3),
			}},
		},
		{"no warm-up seen; steady 1.00 s", Episode{FirstAnswer: s(1), WarmUp: &Settled{Answer: stats.SteadyFound, Median: s(1)}}},
		{
			"1 cold request (350 ms), then no steady state in 59 requests (it still drifts)",
			Episode{FirstAnswer: s(1), WarmUp: &Settled{Answer: stats.SteadyNone, Reason: stats.ReasonTrend, N: 60, Cold: 1, ColdSum: s(0.35)}},
		},
		{
			"no steady state in 60 requests (the last change is too near the end)",
			Episode{FirstAnswer: s(1), WarmUp: &Settled{Answer: stats.SteadyNone, Reason: stats.ReasonLateChange, N: 60}},
		},
		{
			"no steady state in 60 requests (it came and went)",
			Episode{FirstAnswer: s(1), WarmUp: &Settled{Answer: stats.SteadyNone, Reason: stats.ReasonUnstable, N: 60}},
		},
		{"too few answers to judge by (4)", Episode{FirstAnswer: s(1), WarmUp: &Settled{Answer: stats.SteadyUnknown, N: 4}}},
	} {
		if got := row.e.sentence(); got != row.want {
			t.Errorf("got  %s\nwant %s", got, row.want)
		}
	}
	open := Episode{ID: "x", Refused: 2}
	if got := open.Judged(); got.Words != "under way: 2 requests refused, no valid answer yet" || got.ID != "x" || open.Words != "" {
		t.Errorf("of an open one: %q, and %q is left in it", got.Words, open.Words)
	}
}

// TestOutcomesAsSigns has what each outcome of an answer says of a model.
func TestOutcomesAsSigns(t *testing.T) {
	t.Parallel()
	want := map[probe.Outcome]Sign{
		probe.OK: SignQuick, probe.WrongAnswer: SignQuick, probe.Cached: SignQuick, probe.Filtered: SignQuick, probe.NoAnswer: SignQuick,
		probe.Asleep: SignAsleep, probe.Paused: SignAsleep, probe.Loading: SignLoading,
		probe.Overloaded: SignFailing, probe.ServerError: SignFailing, probe.GatewayTimeout: SignFailing, probe.Timeout: SignFailing,
		probe.Stalled: SignFailing, probe.StreamError: SignFailing, probe.Truncated: SignFailing, probe.InvalidOutput: SignFailing, probe.Reset: SignFailing,
	}
	for _, o := range probe.Outcomes() {
		sign, ok := want[o]
		if !ok {
			sign = SignNone
		}
		res := probe.Result{Kind: probe.Baseline, Sent: t0, Outcome: o, Service: probe.Measured(sec), Estimate: probe.Measured(20 * sec)}
		ev, sent := OfResult(res)
		if !sent || !ev.At.Equal(t0.Add(sec)) || ev.Estimate != res.Estimate || ev.Experiment {
			t.Errorf("%s: %+v, %v", o, ev, sent)
		}
		if got := ev.sign(Usual{}, false); got != sign {
			t.Errorf("%s says %s, want %s", o, got, sign)
		}
	}
	for _, res := range []probe.Result{{Kind: probe.Baseline}, {Kind: probe.Drill, Sent: t0}} {
		if _, sent := OfResult(res); sent {
			t.Errorf("%+v is evidence", res)
		}
	}
	// The other side's own account of its time tells what was held before it.
	slow := Evidence{Source: FromAnswer, Outcome: probe.OK, Latency: probe.Measured(30 * sec)}
	served := slow
	served.Server = probe.Measured(29 * sec)
	if slow.sign(Usual{}, true) != SignHeld || slow.sign(Usual{}, false) != SignQuick || served.sign(Usual{}, true) != SignQuick {
		t.Errorf("30 s: %s, awake %s, spent in the engine %s", slow.sign(Usual{}, true), slow.sign(Usual{}, false), served.sign(Usual{}, true))
	}
}

// TestHealthOfAModelThatAnswers: a health route that is not well says that a model
// is on its way until it has answered, and nothing afterwards.
func TestHealthOfAModelThatAnswers(t *testing.T) {
	t.Parallel()
	s := newStory(t, Facts{Idle: time.Hour})
	ill := func(at time.Duration) {
		s.take(s.m.See(Evidence{Source: FromHealth, Began: t0.Add(at), At: t0.Add(at)}))
	}
	s.read(0, ManagedScaledToZero, 0, 0)
	s.take(s.m.Expect("x", Hold, t0.Add(sec)))
	s.m.Asked(t0.Add(sec), probe.ColdStart)
	ill(2 * sec)
	s.answer(30*sec, 29*sec, probe.OK)
	ill(31 * sec)
	s.want("0s asleep", "1s opened", "2s woke", "2s loading", "30s warming")
	s.got = nil
	s.answer(32*sec, sec, probe.OK)
	if v := s.m.episode; v == nil || len(v.Curve) != 2 || len(s.got) != 0 {
		t.Errorf("the episode is %+v after %v", v, s.got)
	}
}
