package exporter

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hfwatch/hfwatch/probe"
	"github.com/hfwatch/hfwatch/series"
)

// moved records a result and returns what has changed by it.
func moved(t *testing.T, e *Exporter, r probe.Result) map[string]float64 {
	t.Helper()
	before := gather(t, e)
	e.Record(r)
	return gather(t, e).changes(before)
}

// only keeps the changes of series whose names contain one of the texts.
func only(changes map[string]float64, texts ...string) map[string]float64 {
	out := map[string]float64{}
	for name, by := range changes {
		if slices.ContainsFunc(texts, func(text string) bool { return strings.Contains(name, text) }) {
			out[name] = by
		}
	}
	return out
}

// TestGoodResult moves everything that a good result tells of, by what it
// tells, and nothing else.
func TestGoodResult(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newTest(t, streaming("a"), streaming("b"))
		e.Record(good("a", 0))
		got := moved(t, e, good("a", 1))
		want := map[string]float64{
			`hfwatch_probes_total{fault="none",kind="baseline",outcome="ok",target="a"}`: 1,
			`hfwatch_results_total{counts="good",kind="baseline",target="a"}`:            1,
			`hfwatch_response_seconds{kind="baseline",result="ok",target="a"}`:           1,
			`hfwatch_first_token_seconds{kind="baseline",result="ok",target="a"}`:        1,
			`hfwatch_first_byte_seconds{kind="baseline",target="a"}`:                     1,
			`hfwatch_tpot_seconds{kind="baseline",target="a"}`:                           1,
			`hfwatch_lag_seconds{kind="baseline",target="a"}`:                            1,
			`hfwatch_queue_seconds{kind="baseline",target="a"}`:                          1,
			`hfwatch_server_seconds{kind="baseline",target="a"}`:                         1,
			`hfwatch_phase_seconds_total{kind="baseline",phase="dns",target="a"}`:        0.01,
			`hfwatch_phase_seconds_total{kind="baseline",phase="connect",target="a"}`:    0.02,
			`hfwatch_phase_seconds_total{kind="baseline",phase="tls",target="a"}`:        0.03,
			`hfwatch_phase_seconds_total{kind="baseline",phase="write",target="a"}`:      0.04,
			`hfwatch_phase_seconds_total{kind="baseline",phase="wait",target="a"}`:       0.05,
			`hfwatch_phase_seconds_total{kind="baseline",phase="read",target="a"}`:       0.06,
			`hfwatch_phase_seconds_total{kind="baseline",phase="server",target="a"}`:     0.07,
			`hfwatch_phase_seconds_total{kind="baseline",phase="queue",target="a"}`:      0.08,
			`hfwatch_tokens_total{direction="in",kind="baseline",target="a"}`:            11,
			`hfwatch_tokens_total{direction="out",kind="baseline",target="a"}`:           17,
			`hfwatch_target_last_result_timestamp_seconds{target="a"}`:                   60,
			`hfwatch_target_last_success_timestamp_seconds{target="a"}`:                  60,
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("changes by a good result (-want +got):\n%s", diff)
		}
		all := gather(t, e)
		for name, sum := range map[string]float64{
			`hfwatch_response_seconds{kind="baseline",result="ok",target="a"}`:    4.5,
			`hfwatch_first_token_seconds{kind="baseline",result="ok",target="a"}`: 1,
			`hfwatch_first_byte_seconds{kind="baseline",target="a"}`:              0.25,
			`hfwatch_tpot_seconds{kind="baseline",target="a"}`:                    0.0625,
			`hfwatch_lag_seconds{kind="baseline",target="a"}`:                     0.5,
		} {
			if got := all[name].GetHistogram().GetSampleSum(); got != sum {
				t.Errorf("sum of %s = %g, want %g", name, got, sum)
			}
		}
	})
}

// TestEveryOutcomeMovesItsOwnCounterByOne and the one of how it counts, and a
// result of account or monitor enters no distribution of the target.
func TestEveryOutcomeMovesItsOwnCounterByOne(t *testing.T) {
	for _, o := range probe.Outcomes() {
		for _, c := range []probe.Circumstances{
			{}, {Wake: probe.NeverWake, ExpectPaused: true, ControlFails: true, OKBefore: true},
		} {
			fault, counts := probe.Judge(o, c)
			t.Run(fmt.Sprintf("%s, %s", o, fault), func(t *testing.T) {
				e := newTest(t, streaming("a"))
				r := failed("a", 1, o)
				r.Fault, r.Counts = fault, counts
				got := moved(t, e, r)
				want := map[string]float64{
					fmt.Sprintf(`hfwatch_probes_total{fault=%q,kind="baseline",outcome=%q,target="a"}`, fault, o): 1,
					fmt.Sprintf(`hfwatch_results_total{counts=%q,kind="baseline",target="a"}`, counts):            1,
				}
				if diff := cmp.Diff(want, only(got, "probes_total", "results_")); diff != "" {
					t.Errorf("counters moved (-want +got):\n%s", diff)
				}
				entered := only(got, "response_seconds", "first_token", "first_byte", "tpot", "phase_seconds")
				if (counts == probe.Apart) != (len(entered) == 0) {
					t.Errorf("%s counts %s and entered %v", o, counts, entered)
				}
				if got[`hfwatch_lag_seconds{kind="baseline",target="a"}`] != 1 {
					t.Errorf("the lag of %s is not published: it is hfwatch's own and does not ask what came of it", o)
				}
			})
		}
	}
}

// TestPromise7NumbersCarryTheirDoubt holds that a bad result enters at its censored time, so that no
// percentile improves as a model gets worse.
func TestPromise7NumbersCarryTheirDoubt(t *testing.T) {
	e := newTest(t, streaming("a"))
	fast := failed("a", 1, probe.Overloaded) // answered within 2 s of a deadline of 30 s
	e.Record(fast)
	all := gather(t, e)
	for _, name := range []string{
		`hfwatch_response_seconds{kind="baseline",result="failed",target="a"}`,
		`hfwatch_first_token_seconds{kind="baseline",result="failed",target="a"}`,
	} {
		h := all[name].GetHistogram()
		if h.GetSampleCount() != 1 || h.GetSampleSum() != 30 {
			t.Errorf("%s holds %d results of %g s, want 1 of 30 s", name, h.GetSampleCount(), h.GetSampleSum())
		}
	}
	for _, name := range []string{
		`hfwatch_response_seconds{kind="baseline",result="ok",target="a"}`,
		`hfwatch_first_token_seconds{kind="baseline",result="ok",target="a"}`,
	} {
		if n := all[name].GetHistogram().GetSampleCount(); n != 0 {
			t.Errorf("%s holds %d results, want none", name, n)
		}
	}
	if names := all.names("first_byte"); names != nil {
		t.Errorf("a bad result entered %v: a fast refusal would make the target look fast", names)
	}
	seen := failed("a", 2, probe.Truncated)
	seen.FirstToken = probe.Measured(500 * time.Millisecond)
	e.Record(seen)
	h := gather(t, e)[`hfwatch_first_token_seconds{kind="baseline",result="failed",target="a"}`].GetHistogram()
	if h.GetSampleSum() != 30.5 {
		t.Errorf("sum of failed first tokens = %g, want 30.5: a token that was seen counts at its time", h.GetSampleSum())
	}
}

// TestOtherKinds have a label of their own, no classic buckets, and no part in
// the state.
func TestOtherKinds(t *testing.T) {
	for _, kind := range probe.Kinds()[1:] {
		t.Run(string(kind), func(t *testing.T) {
			e := newTest(t, streaming("a"))
			r := failed("a", 1, probe.Timeout)
			r.Kind = kind
			got := moved(t, e, r)
			if baseline := only(got, `kind="baseline"`, "bad_of_last", "consecutive"); len(baseline) != 0 {
				t.Errorf("a result of kind %s moved %v", kind, baseline)
			}
			if n := got[fmt.Sprintf(`hfwatch_probes_total{fault="target",kind=%q,outcome="timeout",target="a"}`, kind)]; n != 1 {
				t.Errorf("probes_total of kind %s moved by %g, want 1", kind, n)
			}
			all := gather(t, e)
			for _, counts := range []string{"good", "bad", "apart"} {
				name := fmt.Sprintf(`hfwatch_results_total{counts=%q,kind=%q,target="a"}`, counts, kind)
				if _, ok := all[name]; !ok {
					t.Errorf("%s is not published; results are complete from the first", name)
				}
			}
			h := all[fmt.Sprintf(`hfwatch_response_seconds{kind=%q,result="failed",target="a"}`, kind)].GetHistogram()
			if h.GetSampleCount() != 1 || len(h.GetBucket()) != 0 || len(h.GetPositiveSpan()) == 0 {
				t.Errorf("response of kind %s = %v, want one native result without classic buckets", kind, h)
			}
			state := len(only(got, "last_result", "last_success", "uncounted")) > 0
			if state != (kind == probe.Bystander) {
				t.Errorf("a result of kind %s moved the state: %t, want only a bystander to", kind, state)
			}
		})
	}
}

// TestClassicBuckets hold what lies between their bounds, upper bounds
// included, and leave out only what a failed result cannot be.
func TestClassicBuckets(t *testing.T) {
	e := newTest(t, plain("a"))
	for i, seconds := range []float64{0.01, 0.05, 0.051, 30, 599, 601} {
		r := good("a", i)
		r.Response = probe.Measured(time.Duration(seconds * float64(time.Second)))
		e.Record(r)
	}
	e.Record(failed("a", 10, probe.Timeout))
	late := failed("a", 11, probe.ServerError)
	late.Response = probe.Measured(20 * time.Second) // of a deadline before a reload
	e.Record(late)
	all := gather(t, e)
	for _, c := range []struct {
		result string
		want   map[float64]uint64
	}{
		{"ok", map[float64]uint64{0.05: 2, 0.1: 3, 0.25: 3, 0.5: 3, 1: 3, 2.5: 3, 5: 3, 10: 3, 30: 4, 60: 4, 180: 4, 600: 5}},
		{"failed", map[float64]uint64{10: 0, 30: 2, 60: 2, 180: 2, 600: 2}},
	} {
		h := all[fmt.Sprintf(`hfwatch_response_seconds{kind="baseline",result=%q,target="a"}`, c.result)].GetHistogram()
		got := map[float64]uint64{}
		for _, b := range h.GetBucket() {
			got[b.GetUpperBound()] = b.GetCumulativeCount()
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("buckets of %s (-want +got):\n%s", c.result, diff)
		}
	}
}

// TestHiddenBuckets are those wholly below the deadline but one, and none where
// the deadline is not known.
func TestHiddenBuckets(t *testing.T) {
	bounds := series.Buckets()
	for _, c := range []struct {
		timeout time.Duration
		want    int
		why     string
	}{
		{0, 0, "an unknown deadline hides nothing"},
		{30 * time.Millisecond, 0, "every bucket can hold a result"},
		{50 * time.Millisecond, 0, "upper bounds are included"},
		{30 * time.Second, 7, "10 s is the last below 30 s and stays"},
		{31 * time.Second, 8, "30 s is the last below 31 s and stays"},
		{time.Hour, 11, "600 s stays"},
	} {
		if got := below(bounds, c.timeout); got != c.want {
			t.Errorf("below(%s) = %d, want %d: %s", c.timeout, got, c.want, c.why)
		}
	}
	e := newTest(t, plain("a"))
	e.Record(failed("a", 1, probe.Timeout))
	shorter := plain("a")
	shorter.Timeout = time.Second
	if err := e.SetTargets([]TargetInfo{shorter}); err != nil {
		t.Fatal(err)
	}
	h := gather(t, e)[`hfwatch_response_seconds{kind="baseline",result="failed",target="a"}`].GetHistogram()
	if got := len(h.GetBucket()); got != 9 || h.GetSampleCount() != 1 {
		t.Errorf("after a reload with a shorter deadline %d buckets of %d results, want 9 from 500 ms, of 1", got, h.GetSampleCount())
	}
}

// TestIgnored counts each result that no series takes, and touches no other.
func TestIgnored(t *testing.T) {
	for _, c := range []struct {
		why    string
		change func(*probe.Result)
		reason string
	}{
		{"a target that was removed while its probe was under way", func(r *probe.Result) { r.Target = "gone" }, "unknown_target"},
		{"a target of the same name at another location", func(r *probe.Result) { r.Location = "elsewhere" }, "unknown_target"},
		{"a kind that is none", func(r *probe.Result) { r.Kind = "hearsay" }, "invalid"},
		{"a result that was taken before", func(r *probe.Result) { r.ID = "a-0" }, "duplicate"},
	} {
		e := newTest(t, plain("a"))
		e.Record(good("a", 0))
		r := good("a", 1)
		c.change(&r)
		want := map[string]float64{fmt.Sprintf(`hfwatch_results_ignored_total{reason=%q}`, c.reason): 1}
		if diff := cmp.Diff(want, moved(t, e, r)); diff != "" {
			t.Errorf("%s moved (-want +got):\n%s", c.why, diff)
		}
	}
}

// TestTaken are results that look odd and count all the same.
func TestTaken(t *testing.T) {
	for _, c := range []struct {
		why    string
		change func(*probe.Result)
		want   string
	}{
		{"an outcome of a later version", func(r *probe.Result) { r.Outcome, r.Counts = "melted", "perhaps" }, `{fault="none",kind="baseline",outcome="unknown",target="a"}`},
		{"a fault of a later version", func(r *probe.Result) { r.Fault = "weather" }, `{fault="unknown",kind="baseline",outcome="ok",target="a"}`},
		{"no ID, of which none is a duplicate", func(*probe.Result) {}, `{fault="none",kind="baseline",outcome="ok",target="a"}`},
		{"no location", func(r *probe.Result) { r.Location = "" }, `{fault="none",kind="baseline",outcome="ok",target="a"}`},
	} {
		e := newTest(t, plain("a"))
		for range 2 {
			r := good("a", 0)
			r.ID = ""
			c.change(&r)
			e.Record(r)
		}
		if got, _ := gather(t, e).value("hfwatch_probes_total" + c.want); got != 2 {
			t.Errorf("%s: %s = %g, want 2", c.why, c.want, got)
		}
	}
	e := newTest(t, plain("a"))
	r := good("a", 0)
	r.Counts = "perhaps"
	if got := moved(t, e, r)[`hfwatch_results_total{counts="apart",kind="baseline",target="a"}`]; got != 1 {
		t.Errorf("a result that counts in no known way moved apart by %g, want 1: unknown is never green and never red", got)
	}
}

// TestDuplicatesAreKnownForAWhile and an ID is forgotten after sixteen others.
func TestDuplicatesAreKnownForAWhile(t *testing.T) {
	e := newTest(t, plain("a"))
	for seq := range 16 {
		e.Record(good("a", seq))
	}
	for seq := range 16 {
		e.Record(good("a", seq))
	}
	all := gather(t, e)
	if n, _ := all.value(`hfwatch_results_total{counts="good",kind="baseline",target="a"}`); n != 16 {
		t.Errorf("sixteen results given twice count %g, want 16", n)
	}
	if n, _ := all.value(`hfwatch_results_ignored_total{reason="duplicate"}`); n != 16 {
		t.Errorf("duplicates = %g, want 16", n)
	}
}

// TestAbsentIsNotZero holds that what was not measured makes no series.
func TestAbsentIsNotZero(t *testing.T) {
	e := newTest(t, plain("a"))
	e.Record(probe.Result{Target: "a", Kind: probe.Baseline, Outcome: probe.OK, Fault: probe.FaultNone, Counts: probe.Good})
	all := gather(t, e)
	for _, text := range []string{"lag_seconds{", "first_byte", "tpot", "phase", "tokens", "first_token"} {
		if names := all.names(text); names != nil {
			t.Errorf("a result without times publishes %v", names)
		}
	}
	if n := all[`hfwatch_response_seconds{kind="baseline",result="ok",target="a"}`].GetHistogram().GetSampleCount(); n != 0 {
		t.Errorf("a result without a response time counts as %d responses", n)
	}
}

// TestObjectives: a result that counts has met all objectives or missed one.
func TestObjectives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		info := streaming("a")
		info.Objectives = Objectives{Response: 2 * time.Second, FirstToken: time.Second, Availability: 0.99}
		e := newTest(t, info)
		e.Record(good("a", 0))
		for i, c := range []struct {
			change func(*probe.Result)
			want   map[string]float64
		}{
			{func(r *probe.Result) {
				r.Response, r.FirstToken = probe.Measured(2*time.Second), probe.Measured(time.Second)
			}, map[string]float64{`hfwatch_goodput_results_total{kind="baseline",result="met",target="a"}`: 1}},
			{func(r *probe.Result) { r.Response = probe.Measured(3 * time.Second) }, map[string]float64{`hfwatch_goodput_results_total{kind="baseline",result="missed",target="a"}`: 1}},
			{func(r *probe.Result) { r.FirstToken = probe.Measured(3 * time.Second) }, map[string]float64{`hfwatch_goodput_results_total{kind="baseline",result="missed",target="a"}`: 1}},
			{func(r *probe.Result) { *r = failed("a", 50, probe.Timeout) }, map[string]float64{`hfwatch_goodput_results_total{kind="baseline",result="missed",target="a"}`: 1}},
			{func(r *probe.Result) { *r = failed("a", 51, probe.Billing) }, map[string]float64{}},
		} {
			r := good("a", i+1)
			r.FirstToken, r.Response = probe.Measured(time.Second), probe.Measured(time.Second)
			c.change(&r)
			if diff := cmp.Diff(c.want, only(moved(t, e, r), "goodput")); diff != "" {
				t.Errorf("%d: (-want +got):\n%s", i, diff)
			}
		}
	})
}
