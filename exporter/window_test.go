package exporter

import (
	"testing"
	"time"

	"github.com/hfwatch/hfwatch/coldstart"
	"github.com/hfwatch/hfwatch/load"
	"github.com/hfwatch/hfwatch/probe"
	"github.com/hfwatch/hfwatch/series"
)

// quantiles returns a distribution whose every quantile is the duration.
func quantiles(d time.Duration) load.Distribution {
	q := &load.Quantile{Value: probe.Measured(d)}
	return load.Distribution{N: 9, P50: q, P90: q, P95: q, P99: q, P999: q}
}

// sampleWindow is a window of two stages in which everything is known.
func sampleWindow(target string) load.Window {
	summary := load.Summary{
		AskedRate: probe.Some(5.0), AchievedRate: probe.Some(4.5), Throughput: probe.Some(4.0),
		Planned: 100, Sent: 90, Late: 7, NotSent: 3, Good: 60, Bad: 20,
		Response: quantiles(2 * time.Second), Service: quantiles(time.Second), FirstToken: quantiles(300 * time.Millisecond), TPOT: quantiles(20 * time.Millisecond),
		Tokens: &load.TokenRates{System: probe.Some(250.0)}, Goodput: &load.Goodput{Ratio: 0.75}, CostUSD: probe.Some(0.5),
	}
	return load.Window{
		Schema: load.WindowSchema, ID: "w1", Target: target, Started: began(), Ended: began().Add(90 * time.Second), Verdict: load.Complete,
		Summary: summary, Stages: []load.Part{{Name: "0", Summary: summary}, {Name: "1", Summary: summary}},
		Steady:   &load.Steady{Answer: "found", ColdTime: probe.Measured(2 * time.Second), WarmUpTime: probe.Measured(time.Second)},
		Capacity: &load.Capacity{InFlightLow: 4, RateLow: 6.1, InFlightHigh: 5, RateHigh: 6.9},
		Scaling: []coldstart.Scaling{
			{Target: "m", Lags: []coldstart.Lag{{Ready: probe.Measured(40 * time.Second)}, {Ready: probe.Measured(115 * time.Second)}, {}}},
			{Target: "other", Lags: []coldstart.Lag{{Ready: probe.Measured(60 * time.Second)}}},
		},
	}
}

// TestWindowSeries are those of the last window, with its values, and those of
// one under way only while it is.
func TestWindowSeries(t *testing.T) {
	e := newTest(t, plain("m"))
	e.SetWindows([]string{"m"}, nil)
	e.WindowProgress("m", load.Snapshot{Elapsed: 3 * time.Second, Rate: 4, InFlight: 7, Queued: 2, Recent: load.Points{N: 8, P50: probe.Measured(time.Second), P95: probe.Measured(2 * time.Second)}})
	got := gather(t, e)
	for name, want := range map[string]float64{
		`hfwatch_windows_total{target="m",verdict="complete"}`:                       0,
		`hfwatch_window_live_elapsed_seconds{target="m"}`:                            3,
		`hfwatch_window_live_rate{target="m"}`:                                       4,
		`hfwatch_window_live_in_flight{target="m"}`:                                  7,
		`hfwatch_window_live_queued{target="m"}`:                                     2,
		`hfwatch_window_live_response_quantile_seconds{percentile="p95",target="m"}`: 2,
	} {
		if v, ok := got.value(name); !ok || v != want {
			t.Errorf("%s = %v (there: %t), want %v", name, v, ok, want)
		}
	}
	e.WindowEnded(sampleWindow("m"))
	e.WindowSkipped("m", series.SkipBudget)
	got = gather(t, e)
	for name, want := range map[string]float64{
		`hfwatch_windows_total{target="m",verdict="complete"}`:                                1,
		`hfwatch_windows_total{target="m",verdict="aborted"}`:                                 0,
		`hfwatch_windows_skipped_total{reason="budget",target="m"}`:                           1,
		`hfwatch_window_end_timestamp_seconds{target="m"}`:                                    float64(began().Unix()) + 90,
		`hfwatch_window_duration_seconds{target="m"}`:                                         90,
		`hfwatch_window_response_quantile_seconds{percentile="p99",stage="all",target="m"}`:   2,
		`hfwatch_window_service_quantile_seconds{percentile="p50",stage="0",target="m"}`:      1,
		`hfwatch_window_first_token_quantile_seconds{percentile="p999",stage="1",target="m"}`: 0.3,
		`hfwatch_window_tpot_quantile_seconds{percentile="p90",stage="all",target="m"}`:       0.02,
		`hfwatch_window_asked_rate{stage="all",target="m"}`:                                   5,
		`hfwatch_window_achieved_rate{stage="0",target="m"}`:                                  4.5,
		`hfwatch_window_throughput_rate{stage="1",target="m"}`:                                4,
		`hfwatch_window_goodput_ratio{stage="all",target="m"}`:                                0.75,
		`hfwatch_window_bad_ratio{stage="all",target="m"}`:                                    0.25,
		`hfwatch_window_requests{stage="all",state="planned",target="m"}`:                     100,
		`hfwatch_window_requests{stage="all",state="sent",target="m"}`:                        90,
		`hfwatch_window_requests{stage="all",state="late",target="m"}`:                        7,
		`hfwatch_window_requests{stage="all",state="not_sent",target="m"}`:                    3,
		`hfwatch_window_tokens_per_second{stage="all",target="m"}`:                            250,
		`hfwatch_window_capacity_rate{bound="low",target="m"}`:                                6.1,
		`hfwatch_window_capacity_rate{bound="high",target="m"}`:                               6.9,
		`hfwatch_window_warm_up_seconds{target="m"}`:                                          3,
		`hfwatch_window_scaling_lag_seconds{target="m"}`:                                      115,
		`hfwatch_window_cost_usd{target="m"}`:                                                 0.5,
	} {
		if v, ok := got.value(name); !ok || v != want {
			t.Errorf("%s = %v (there: %t), want %v", name, v, ok, want)
		}
	}
	if _, ok := got.value(`hfwatch_window_live_rate{target="m"}`); ok {
		t.Error("the window under way is published after its end")
	}
	// What is configured no more has no series, and takes none.
	e.SetWindows(nil, nil)
	e.WindowEnded(sampleWindow("m"))
	if names := gather(t, e).names("hfwatch_window"); len(names) > 0 {
		t.Errorf("after its removal the window is still published: %v", names)
	}
}

// TestRestoredWindowCountsNothing: the counter is of this life of hfwatch.
func TestRestoredWindowCountsNothing(t *testing.T) {
	e := newTest(t, plain("m"))
	e.SetWindows([]string{"m"}, nil)
	e.RestoreWindow(sampleWindow("m"))
	got := gather(t, e)
	if v, _ := got.value(`hfwatch_windows_total{target="m",verdict="complete"}`); v != 0 {
		t.Errorf("restored windows count %v, want 0", v)
	}
	if v, _ := got.value(`hfwatch_window_duration_seconds{target="m"}`); v != 90 {
		t.Errorf("the restored window lasted %v, want 90", v)
	}
}

// TestWindowByHand: a target that has no window of its own has series from its
// first window by hand on, and they stay over a reload.
func TestWindowByHand(t *testing.T) {
	e := newTest(t, plain("m"))
	e.SetWindows(nil, []string{"m"})
	if names := gather(t, e).names("hfwatch_window"); len(names) > 0 {
		t.Errorf("before its first window it is published: %v", names)
	}
	e.WindowEnded(sampleWindow("m"))
	e.SetWindows(nil, []string{"m"})
	if v, ok := gather(t, e).value(`hfwatch_windows_total{target="m",verdict="complete"}`); !ok || v != 1 {
		t.Errorf("windows_total = %v (there: %t), want 1", v, ok)
	}
}
