package alerts_test

import (
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/hfwatch/hfwatch/alerts"
	"github.com/hfwatch/hfwatch/internal/prom"
	"github.com/hfwatch/hfwatch/probe"
)

// everySignal are a condition of every signal and form.
func everySignal() []string {
	return []string{
		"median(response) > 1s over 30m", "p90(first_token) > 1s over 30m", "p90(tpot) > 1s over 30m", "median(first_answer) > 1s over 30m",
		"median(first_token) > 1.3x week", "response > 1s in 3 of 5",
		"bad_ratio > 20% over 30m", "outcome(server_error|timeout) > 20% over 30m", "fault(target) > 20% over 30m", "fault(target) in 2 of 3", "outcome(server_error) in 2 of 3",
		"availability < 90% over 30m", "goodput < 90% over 30m", "tokens_per_second < 10 over 30m", "rate < 0.1 over 30m",
		"burn(availability) > 2 over 30m,5m", "median(cold_start) > 1m over 30m", "cold_start > 1m in 1 of 1", "median(warm_up) > 1m over 30m", "warm_up > 1m in 1 of 2",
		"capacity < 5", "throughput < 5", "drift > 0 over 30m", "budget_used >= 80%", "stale > 20m", "absent over 10m",
	}
}

// signals is a world of several targets with the series of every signal.
type signals struct {
	*world
	// at is the time of the samples, which begins weeks ago: weeks pass at once.
	at      time.Time
	counter *alerts.Counter
	hists   map[string]*prometheus.HistogramVec
}

// newSignals returns a world with the rules of conditions, named by them.
func newSignals(t *testing.T, conditions []string, targets ...string) *signals {
	t.Helper()
	var rules []alerts.Rule
	for _, text := range conditions {
		rules = append(rules, alerts.Rule{Name: text, When: when(t, text), Severity: alerts.Warning})
	}
	s := &signals{newWorld(t, rules), time.Now().Add(-5 * 7 * 24 * time.Hour), alerts.NewCounter(), map[string]*prometheus.HistogramVec{}}
	var ids []probe.Identity
	for _, name := range targets {
		ids = append(ids, id(name))
		s.gauge("hfwatch_target_info", 1, "target", name, "location", "l", "model", "m", "task", "custom", "provider", "p", "url_host", "h", "team", "x")
		s.gauge("hfwatch_target_interval_seconds", 15, "target", name, "location", "l")
		s.gauge("hfwatch_target_objective_ratio", 0.9, "target", name, "location", "l")
	}
	s.counter.SetRules(rules, ids)
	s.registry.MustRegister(s.counter)
	return s
}

func id(name string) probe.Identity {
	return probe.Identity{Name: name, Task: "custom", Model: "m", Location: "l"}
}

func (s *signals) observe(name string, v float64, labels ...string) {
	names, values := pairs(labels)
	if s.hists[name] == nil {
		s.hists[name] = prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: name, NativeHistogramBucketFactor: 1.1}, names)
		s.registry.MustRegister(s.hists[name])
	}
	s.hists[name].With(values).Observe(v)
}

// result is one baseline result of a target, with all that a cold start, a window
// and the account have to say of it.
func (s *signals) result(name string, bad bool) {
	of := func(more ...string) []string { return append([]string{"target", name, "location", "l"}, more...) }
	pick := func(good, ill float64) float64 {
		if bad {
			return ill
		}
		return good
	}
	res := probe.Result{Kind: probe.Baseline, Target: name, Task: "custom", Model: "m", Location: "l", Outcome: probe.OK, Fault: probe.FaultNone, Counts: probe.Good}
	counts, outcome, fault, objective := "good", "ok", "none", "met"
	if bad {
		counts, outcome, fault, objective = "bad", "server_error", "target", "missed"
		res.Outcome, res.Fault, res.Counts = probe.ServerError, probe.FaultTarget, probe.Bad
	}
	res.Response = probe.Measured(time.Duration(pick(0.1, 3) * float64(time.Second)))
	s.counter.Record(res)
	s.count("hfwatch_results_total", 1, of("kind", "baseline", "counts", counts)...)
	s.count("hfwatch_probes_total", 1, of("kind", "baseline", "outcome", outcome, "fault", fault)...)
	s.count("hfwatch_goodput_results_total", 1, of("kind", "baseline", "result", objective)...)
	s.count("hfwatch_tokens_total", pick(100, 1), of("kind", "baseline", "direction", "out")...)
	for _, h := range []string{"hfwatch_response_seconds", "hfwatch_first_token_seconds", "hfwatch_tpot_seconds", "hfwatch_first_answer_seconds"} {
		s.observe(h, pick(0.1, 3), of("kind", "baseline", "result", "ok")...)
	}
	s.observe("hfwatch_cold_start_seconds", pick(1, 90), of("phase", "first_answer")...)
	s.observe("hfwatch_cold_start_seconds", pick(900, 0.1), of("phase", "first_sign")...)
	s.observe("hfwatch_warm_up_seconds", pick(1, 90), of()...)
	s.counter.Episode(id(name), alerts.ColdStart, time.Duration(pick(1, 90))*time.Second)
	s.counter.Episode(id(name), alerts.WarmUp, time.Duration(pick(1, 90))*time.Second)
	s.gauge("hfwatch_window_capacity_rate", pick(8, 3), of("bound", "low")...)
	s.gauge("hfwatch_window_capacity_rate", pick(9, 4), of("bound", "high")...)
	s.gauge("hfwatch_window_throughput_rate", pick(9, 4), of("stage", "all")...)
	s.gauge("hfwatch_window_throughput_rate", pick(1, 90), of("stage", "2")...)
	s.count("hfwatch_drift_events_total", pick(0, 1), of("what", "revision")...)
	s.gauge("hfwatch_budget_used_ratio", pick(0.79, 0.8), of("period", "day", "unit", "usd")...)
	if !bad {
		s.gauge("hfwatch_target_last_success_timestamp_seconds", float64(s.at.Unix()), of()...)
	}
}

// sample takes samples after a time.
func (s *signals) sample(after time.Duration) {
	s.t.Helper()
	s.at = s.at.Add(after)
	families, err := s.registry.Gather()
	if err != nil {
		s.t.Fatal(err)
	}
	if _, err := s.db.Append(s.t.Context(), s.at, families); err != nil {
		s.t.Fatal(err)
	}
}

// firing takes samples after a time, evaluates, and returns the conditions that
// fire by target.
func (s *signals) firing(after time.Duration) map[string][]string {
	s.t.Helper()
	s.sample(after)
	if _, err := s.rules.Eval(s.t.Context(), s.at); err != nil {
		s.t.Fatal(err)
	}
	out := map[string][]string{}
	for _, a := range s.rules.Alerts() {
		if a.State == prom.StateFiring {
			out[a.Labels["target"]] = append(out[a.Labels["target"]], a.Rule)
		}
	}
	return out
}

// TestEverySignalFiresAndStandsStill: over live series, with those of four weeks
// before, every condition fires of the target that is ill and of it alone, and
// ends when it is well again.
func TestEverySignalFiresAndStandsStill(t *testing.T) {
	s := newSignals(t, everySignal(), "ill", "well", "silent")
	defer s.close()
	for range 4 {
		begun := s.at
		for range 36 {
			s.result("ill", false)
			s.result("well", false)
			s.sample(10 * time.Minute)
		}
		if got := s.firing(10 * time.Minute); len(got["well"]) > 0 {
			t.Fatalf("in the weeks before fire %v", got)
		}
		s.at = begun.Add(7 * 24 * time.Hour)
	}
	tick := func(bad bool, after time.Duration, results int) {
		for range results {
			s.result("ill", bad)
		}
		for range max(2, results) {
			s.result("well", false)
		}
		s.sample(after)
	}
	var got map[string][]string
	for range 6 {
		for range 20 {
			tick(true, 15*time.Second, 1)
		}
		if got = s.firing(time.Second); len(got["well"]) > 0 {
			t.Errorf("of the target that is well fire %v", got["well"])
		}
	}
	want := slices.DeleteFunc(everySignal(), func(text string) bool { return text == "absent over 10m" })
	slices.Sort(want)
	slices.Sort(got["ill"])
	if diff := cmp.Diff(want, got["ill"]); diff != "" {
		t.Errorf("of the target that is ill (-want +got):\n%s", diff)
	}
	if !slices.Equal(got["silent"], []string{"absent over 10m"}) {
		t.Errorf("of the target without results fire %v", got["silent"])
	}
	for range 26 {
		tick(false, 15*time.Minute, 6)
	}
	got = s.firing(time.Second)
	delete(got, "silent")
	if len(got) > 0 {
		t.Errorf("when both are well fire %v", got)
	}
}

// TestAbsentAndStaleOfWhatIsWatched: neither a target that is new, nor one that a
// maintenance time or its account held back, nor a stop of hfwatch is silence.
func TestAbsentAndStaleOfWhatIsWatched(t *testing.T) {
	s := newSignals(t, []string{"absent over 10m", "stale > 10m"}, "silent", "muted", "broke")
	defer s.close()
	old := float64(s.at.Add(-time.Hour).Unix())
	for _, name := range []string{"silent", "muted", "broke", "new"} {
		s.gauge("hfwatch_target_last_success_timestamp_seconds", old, "target", name, "location", "l")
	}
	s.count("hfwatch_probes_total", 0, "target", "silent", "location", "l", "kind", "baseline", "outcome", "ok", "fault", "none")
	var last map[string][]string
	run := func(d time.Duration) (first time.Duration) {
		first = -1
		for begun := s.at; s.at.Sub(begun) < d; {
			last = s.firing(15 * time.Second)
			if _, there := last["silent"]; there && first < 0 {
				first = s.at.Sub(begun)
			}
		}
		return first
	}
	s.gauge("hfwatch_target_in_maintenance", 1, "target", "muted", "location", "l")
	s.gauge("hfwatch_target_suspended", 1, "target", "broke", "location", "l", "reason", "billing")
	if first := run(9 * time.Minute); first >= 0 {
		t.Errorf("it fires %v after the first sample, want not within the time of the condition", first)
	}
	s.gauge("hfwatch_target_info", 1, "target", "new", "location", "l", "model", "m", "task", "custom", "provider", "p", "url_host", "h", "team", "x")
	s.gauge("hfwatch_target_interval_seconds", 15, "target", "new", "location", "l")
	run(2 * time.Minute)
	if diff := cmp.Diff(map[string][]string{"silent": {"absent over 10m", "stale > 10m"}}, last); diff != "" {
		t.Errorf("after 11 minutes (-want +got):\n%s", diff)
	}
	// hfwatch stands still for an hour.
	s.at = s.at.Add(time.Hour)
	if first := run(8 * time.Minute); first >= 0 {
		t.Errorf("it fires %v after an hour without hfwatch", first)
	}
	run(4 * time.Minute)
	if got := slices.Sorted(maps.Keys(last)); !slices.Equal(got, []string{"new", "silent"}) {
		t.Errorf("12 minutes after the stop fire %v", last)
	}
}
