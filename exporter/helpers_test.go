package exporter

import (
	"flag"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"

	"github.com/hfwatch/hfwatch/probe"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// streaming and plain are two targets as a configuration describes them.
func streaming(name string) TargetInfo {
	return TargetInfo{
		Name: name, Model: "meta-llama/Llama-3.1-8B-Instruct", Task: "chat-completion", Provider: "cerebras",
		URLHost: "router.huggingface.co", Stream: true, Interval: 5 * time.Minute, Timeout: 30 * time.Second,
		Kinds: []probe.Kind{probe.Baseline},
	}
}

func plain(name string) TargetInfo {
	return TargetInfo{
		Name: name, Model: "distilbert/sst-2", Task: "text-classification", URLHost: "10.0.0.7:8080",
		Interval: time.Minute, Timeout: 30 * time.Second, Kinds: []probe.Kind{probe.Baseline},
	}
}

// began is when the results of tests are due: before any clock of a test.
func began() time.Time { return time.Date(1999, 12, 31, 0, 0, 0, 0, time.UTC) }

// good returns a good baseline result with everything measured.
func good(target string, seq int) probe.Result {
	sec := func(s float64) probe.Seconds { return probe.Measured(time.Duration(s * float64(time.Second))) }
	due := began().Add(time.Duration(seq) * time.Minute)
	return probe.Result{
		ID: fmt.Sprintf("%s-%d", target, seq), Target: target, Kind: probe.Baseline, Lane: probe.LaneBaseline, Location: "here",
		Outcome: probe.OK, Fault: probe.FaultNone, Counts: probe.Good,
		Due: due, Sent: due.Add(250 * time.Millisecond), Lag: sec(0.25), Response: sec(2.25), Service: sec(2),
		FirstByte: sec(0.125), FirstToken: sec(0.5), TPOT: sec(0.03125),
		Phases: probe.Phases{DNS: sec(0.01), Connect: sec(0.02), TLS: sec(0.03), Write: sec(0.04), Wait: sec(0.05), Read: sec(0.06)},
		Server: sec(0.07), Queue: sec(0.08), TokensIn: probe.Some(11), TokensOut: probe.Some(17),
	}
}

// failed returns a result with that outcome at the deadline of 30 s, judged as
// the runner does.
func failed(target string, seq int, o probe.Outcome) probe.Result {
	r := good(target, seq)
	r.Outcome = o
	r.Fault, r.Counts = probe.Judge(o, probe.Circumstances{})
	r.FirstToken, r.FirstByte, r.TPOT, r.TokensOut = probe.Seconds{}, probe.Seconds{}, probe.Seconds{}, probe.Opt[int]{}
	r.Censor(30*time.Second, true)
	return r
}

// newTest returns an exporter with those targets.
func newTest(t testing.TB, targets ...TargetInfo) *Exporter {
	t.Helper()
	e := New(Options{Location: "here", Version: "v1.2.3"})
	if err := e.SetTargets(targets); err != nil {
		t.Fatal(err)
	}
	return e
}

// published is what an exporter publishes: series with their labels, but for
// the location, in PromQL's notation.
type published map[string]*dto.Metric

// gather returns everything that is published.
func gather(t testing.TB, e *Exporter) published {
	t.Helper()
	families, err := e.Gatherer().Gather()
	if err != nil {
		t.Fatal(err)
	}
	out := published{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			var labels []string
			for _, l := range m.GetLabel() {
				if l.GetName() != "location" && l.GetValue() != "" {
					labels = append(labels, fmt.Sprintf("%s=%q", l.GetName(), l.GetValue()))
				}
			}
			name := f.GetName()
			if len(labels) > 0 {
				name += "{" + strings.Join(labels, ",") + "}"
			}
			out[name] = m
		}
	}
	return out
}

// value returns the value of a counter or gauge, and whether it is published.
func (p published) value(name string) (float64, bool) {
	m, ok := p[name]
	switch {
	case !ok:
		return 0, false
	case m.GetCounter() != nil:
		return m.GetCounter().GetValue(), true
	case m.GetGauge() != nil:
		return m.GetGauge().GetValue(), true
	default:
		return float64(m.GetHistogram().GetSampleCount()), true
	}
}

// changes returns by how much each series of p differs from before: its value,
// or its number of observations. New ones count from zero; what is gone is
// listed as gone.
func (p published) changes(before published) map[string]float64 {
	out := map[string]float64{}
	for name := range p {
		now, _ := p.value(name)
		was, _ := before.value(name)
		if _, ok := before[name]; now != was || !ok {
			out[name] = now - was
		}
	}
	for name := range before {
		if _, ok := p[name]; !ok {
			out["gone: "+name] = 0
		}
	}
	return out
}

// names returns the sorted names of series that contain the text.
func (p published) names(text string) []string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(p)) {
		if strings.Contains(name, text) {
			out = append(out, name)
		}
	}
	return out
}
