package exporter

import (
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"

	"github.com/hfwatch/hfwatch/coldstart"
)

// TestColdStartSeries holds the value of each: counters move by one, states
// exclude each other, and the state of no other target is published.
func TestColdStartSeries(t *testing.T) {
	e := newTest(t, plain("a"), plain("b"), plain("c"))
	for range 2 {
		e.ColdStarted("a", "experiment")
		e.WokeUp("a", "coldstart")
		e.EstimateStuck("a")
	}
	e.ModelState("a", "loading", map[string]float64{"asleep": 30, "loading": 12.5}, true)
	e.ModelState("b", "loading", nil, true)
	e.ModelState("a", "warm", map[string]float64{"asleep": 30, "loading": 20, "warm": 1}, false)
	for i, phase := range coldstart.Phases() {
		e.ColdStartTook("a", phase, time.Duration(50+i)*time.Second)
	}
	e.WarmedUp("a", 29, 14*time.Second)
	e.ColdStarted("gone", "natural")
	got, overdue := map[string]float64{}, 0.0
	families, err := e.Gatherer().Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			name, target := f.GetName(), ""
			for _, l := range m.GetLabel() {
				switch l.GetName() {
				case "target":
					target = l.GetValue()
				case "state", "cause", "kind", "phase":
					name += " " + l.GetValue()
				}
			}
			switch {
			case target == "a":
				got[name] = valueOf(m)
			case target == "b" && name == "hfwatch_cold_start_overdue":
				overdue = valueOf(m)
			case target == "c" && name == "hfwatch_model_state warm":
				t.Error("c has a state")
			}
		}
	}
	for name, want := range map[string]float64{
		"hfwatch_cold_starts_total experiment": 2, "hfwatch_wake_ups_total coldstart": 2, "hfwatch_cold_start_estimate_stuck_total": 2,
		"hfwatch_model_state warm": 1, "hfwatch_model_state loading": 0, "hfwatch_model_state degraded": 0,
		"hfwatch_model_state_seconds_total asleep": 30, "hfwatch_model_state_seconds_total loading": 20,
		"hfwatch_cold_start_overdue": 0, "hfwatch_warm_up_requests": 29, "hfwatch_warm_up_seconds": 14,
		"hfwatch_cold_start_seconds first_sign": 50, "hfwatch_cold_start_seconds running": 51, "hfwatch_cold_start_seconds healthy": 52,
		"hfwatch_cold_start_seconds first_answer": 53,
	} {
		if v, ok := got[name]; !ok || v != want {
			t.Errorf("%s = %v (%v), want %v", name, v, ok, want)
		}
	}
	if overdue != 1 {
		t.Errorf("hfwatch_cold_start_overdue of b = %v, want 1", overdue)
	}
}

// valueOf returns the value of a counter or gauge, and the sum of a histogram.
func valueOf(m *dto.Metric) float64 {
	switch {
	case m.GetCounter() != nil:
		return m.GetCounter().GetValue()
	case m.GetGauge() != nil:
		return m.GetGauge().GetValue()
	default:
		return m.GetHistogram().GetSampleSum()
	}
}
