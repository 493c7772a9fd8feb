package daemon

import (
	"testing"
	"time"

	"github.com/hfwatch/hfwatch/coldstart"
	"github.com/hfwatch/hfwatch/load"
	"github.com/hfwatch/hfwatch/probe"
	"github.com/hfwatch/hfwatch/sim"
)

// TestWindowShowsReplicas: a load that asks for a second and a third replica has
// them on its time line, each within the pace of looks, and the lag behind its
// demand as a number.
func TestWindowShowsReplicas(t *testing.T) {
	in(t, func(t *testing.T, r *rig) {
		server := sleeping(t, r, sim.Cold{Begin: "ready", Initializing: simSeconds(50), MaxReplicas: 3}, func(s *sim.Scenario) {
			s.Models[0].Latency.Prefill = simSeconds(6)
		})
		r.start(sleeper(`baseline: {schedule: "@every 10s"}`,
			`window: {schedule: "`+atTwo+`", stages: [{rate: 0.1/s, for: 60s}, {rate: 1/s, for: 4m}], max_in_flight: 32, abort: off}`))
		time.Sleep(8 * time.Minute)
		all := r.windows("one")
		if len(all) != 1 || len(all[0].Scaling) != 1 || all[0].Verdict == load.Skipped {
			t.Fatalf("%d windows: %+v", len(all), all)
		}
		w := all[0]
		var truth []sim.ColdChange
		for _, c := range server.ColdTruth("one") {
			if c.At.After(w.Started) && c.At.Before(w.Ended) {
				truth = append(truth, c)
			}
		}
		got := w.Scaling[0]
		if len(truth) != 4 || len(got.Moments) != 5 || got.Unread != 0 {
			t.Fatalf("%d changes, and a time line of %+v", len(truth), got)
		}
		for i, c := range truth {
			m := got.Moments[i+1]
			after, _ := m.After.Get()
			late := after - c.At.Sub(w.Started)
			if want := (coldstart.Reading{State: "running", Ready: c.Ready, Target: c.Target}); m.Reading != want || late < 0 || late > coldstart.Pace {
				t.Errorf("moment %d is %+v, %v after the change, want %+v within %v", i+1, m, late, want, coldstart.Pace)
			}
		}
		if len(got.Lags) != 2 || got.Lags[0].Decided != (probe.Seconds{}) {
			t.Fatalf("lags = %+v", got.Lags)
		}
		lag := got.Lags[1]
		from, _ := lag.From.Get()
		ready, ok := lag.Ready.Get()
		want := truth[3].At.Sub(w.Started.Add(from))
		if from != time.Minute || lag.Wanted != 3 || !ok || ready < want || ready > want+coldstart.Pace || got.WorstLag != lag.Ready {
			t.Errorf("lag = %+v, worst %v, want 3 replicas ready after %v", lag, got.WorstLag, want)
		}
	})
}

// TestWindowWithoutReplicas: what the management API does not tell is missing
// from the time line, with the reason, and the window goes on without it.
func TestWindowWithoutReplicas(t *testing.T) {
	in(t, func(t *testing.T, r *rig) {
		sleeping(t, r, sim.Cold{Begin: "ready"})
		text := sleeper(`baseline: {schedule: "@every 10s"}`, `window: {schedule: "`+atTwo+`", stages: [{rate: 1/s, for: 20s}], max_in_flight: 8}`)
		r.start("hub: {endpoints_url: \"http://nobody.test\"}\n" + text[len("alerting: off\nevaluation_interval: 5m\nhub: {endpoints_url: \"http://manage.test\"}\n"):])
		time.Sleep(3 * time.Minute)
		all := r.windows("one")
		if len(all) != 1 || all[0].Verdict != load.Complete || len(all[0].Scaling) != 1 {
			t.Fatalf("windows = %+v", all)
		}
		if s := all[0].Scaling[0]; len(s.Moments) != 0 || s.Unread < 4 || s.Why == "" || s.Lags != nil {
			t.Errorf("scaling = %+v", s)
		}
	})
}
