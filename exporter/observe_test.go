package exporter

import (
	"fmt"
	"maps"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hfwatch/hfwatch/probe"
)

// TestObservers holds for everything that other packages tell that it moves its
// own series by what was told, and no other.
func TestObservers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, c := range []struct {
			why  string
			tell func(e *Exporter)
			want map[string]float64
		}{
			{
				"a slot that was run", func(e *Exporter) { e.Slot("a", "baseline", "run") },
				map[string]float64{`hfwatch_slots_total{lane="baseline",result="run",target="a"}`: 1},
			},
			{
				"one that was missed leaves the target blinder", func(e *Exporter) { e.Slot("a", "baseline", "missed") },
				map[string]float64{
					`hfwatch_slots_total{lane="baseline",result="missed",target="a"}`: 1, `hfwatch_target_uncounted_slots{target="a"}`: 1,
				},
			},
			{
				"a slot of another lane begins at its first", func(e *Exporter) { e.Slot("a", "window", "held") },
				map[string]float64{`hfwatch_slots_total{lane="window",result="held",target="a"}`: 1},
			},
			{"what is not in the closed sets is counted as other, in one series", func(e *Exporter) {
				e.Slot("a", "fast", "eaten")
				e.Slot("a", "slow", "lost")
			}, map[string]float64{`hfwatch_slots_total{lane="other",result="other",target="a"}`: 2}},
			{"a slot of a removed target", func(e *Exporter) { e.Slot("gone", "baseline", "missed") }, map[string]float64{}},

			{
				"a target is suspended", func(e *Exporter) { e.Suspended("a", "billing") },
				map[string]float64{`hfwatch_target_suspended{reason="billing",target="a"}`: 1},
			},
			{"another reason replaces the first", func(e *Exporter) {
				e.Suspended("a", "auth")
				e.Suspended("a", "billing")
				e.Suspended("a", "billing")
			}, map[string]float64{`hfwatch_target_suspended{reason="billing",target="a"}`: 1}},
			{"a suspension that ended leaves nothing", func(e *Exporter) {
				e.Suspended("a", "auth")
				e.Suspended("a", "")
				e.Suspended("gone", "auth")
			}, map[string]float64{}},

			{"what answers show has changed", func(e *Exporter) {
				e.Drifted("a", "revision")
				e.Drifted("a", "revision")
				e.Drifted("a", "colour")
				e.Drifted("gone", "revision")
			}, map[string]float64{`hfwatch_drift_events_total{target="a",what="revision"}`: 2, `hfwatch_drift_events_total{target="a",what="other"}`: 1}},
			{"an engine lies about its health", func(e *Exporter) {
				e.HealthChecked("a", "unhealthy", false)
				e.HealthChecked("a", "healthy", true)
				e.HealthChecked("gone", "healthy", true)
			}, map[string]float64{
				`hfwatch_health_checks_total{result="healthy",target="a"}`: 1, `hfwatch_health_checks_total{result="unhealthy",target="a"}`: 1,
				`hfwatch_target_health_lies{target="a"}`: 1,
			}},
			{"and no more", func(e *Exporter) {
				e.HealthLies("a", true)
				e.HealthChecked("a", "healthy", true)
				e.HealthLies("a", false)
				e.HealthLies("gone", true)
			}, map[string]float64{`hfwatch_health_checks_total{result="healthy",target="a"}`: 1, `hfwatch_target_health_lies{target="a"}`: 0}},

			{"what the router's list says of a target", func(e *Exporter) {
				e.RouterSays("a", RouterFigures{
					Listed: true, Live: true, FirstToken: probe.Measured(250 * time.Millisecond), TokensPerSecond: probe.Some(120.0),
					Context: probe.Some(8192), USDPerMTokInput: probe.Some(0.1), USDPerMTokOutput: probe.Some(0.2),
				})
				e.RouterSays("gone", RouterFigures{Listed: true})
			}, map[string]float64{
				`hfwatch_router_live{target="a"}`: 1, `hfwatch_router_first_token_seconds{target="a"}`: 0.25,
				`hfwatch_router_tokens_per_second{target="a"}`: 120, `hfwatch_router_context_tokens{target="a"}`: 8192,
				`hfwatch_router_usd_per_mtok{direction="in",target="a"}`: 0.1, `hfwatch_router_usd_per_mtok{direction="out",target="a"}`: 0.2,
			}},
			{"what it says no more is absent", func(e *Exporter) {
				e.RouterSays("a", RouterFigures{Listed: true, Live: true, FirstToken: probe.Measured(time.Second), Context: probe.Some(1)})
				e.RouterSays("a", RouterFigures{Listed: true})
			}, map[string]float64{`hfwatch_router_live{target="a"}`: 0}},
			{"a list that was never read", func(e *Exporter) { e.RouterSays("a", RouterFigures{}) }, map[string]float64{}},
			{"the list was read", func(e *Exporter) {
				e.RouterListRead(true, time.Unix(1700000000, 0))
				e.RouterListRead(false, time.Unix(1700000900, 0))
			}, map[string]float64{
				`hfwatch_router_list_reads_total{result="ok"}`: 1, `hfwatch_router_list_reads_total{result="failed"}`: 1,
				`hfwatch_router_list_timestamp_seconds`: 1700000000,
			}},

			{
				"a slot that started late", func(e *Exporter) { e.SchedulerLag(time.Millisecond) },
				map[string]float64{`hfwatch_scheduler_lag_seconds`: 1},
			},
			{
				"a step of the clock", func(e *Exporter) { e.ClockStepped("forward") },
				map[string]float64{`hfwatch_clock_steps_total{kind="forward"}`: 1},
			},
			{
				"one of a kind of a later version", func(e *Exporter) { e.ClockStepped("sideways") },
				map[string]float64{`hfwatch_clock_steps_total{kind="other"}`: 1},
			},

			{"budgets", func(e *Exporter) {
				e.SetBudgets(map[Budget]float64{{Period: "month", Unit: "usd"}: 0.5, {"a", "day", "tokens"}: 1.25})
			}, map[string]float64{
				`hfwatch_budget_used_ratio{period="month",unit="usd"}`:             0.5,
				`hfwatch_budget_used_ratio{period="day",target="a",unit="tokens"}`: 1.25,
			}},
			{"budgets that are gone leave nothing", func(e *Exporter) {
				e.SetBudgets(map[Budget]float64{{Period: "month", Unit: "usd"}: 0.5, {"a", "day", "tokens"}: 1.25})
				e.SetBudgets(map[Budget]float64{{Period: "month", Unit: "usd"}: 0.75})
			}, map[string]float64{`hfwatch_budget_used_ratio{period="month",unit="usd"}`: 0.75}},
			{"maintenance times, of which one lasts", func(e *Exporter) {
				e.SetMaintenance(map[string]bool{"old": true})
				e.SetMaintenance(map[string]bool{"weekly": true, "yearly": false})
			}, map[string]float64{
				`hfwatch_maintenance_active{maintenance="weekly"}`: 1, `hfwatch_maintenance_active{maintenance="yearly"}`: 0,
			}},

			{"a configuration that was loaded", func(e *Exporter) { e.Reloaded(true) }, map[string]float64{
				`hfwatch_config_last_reload_successful`:                1,
				`hfwatch_config_last_reload_success_timestamp_seconds`: float64(time.Now().Unix()),
			}},
			{
				"one that was not", func(e *Exporter) { e.Reloaded(false) },
				map[string]float64{`hfwatch_config_last_reload_successful`: 0},
			},
			{"one that was not, after one that was: the time of the good one stays", func(e *Exporter) {
				e.Reloaded(true)
				e.Reloaded(false)
			}, map[string]float64{
				`hfwatch_config_last_reload_successful`:                0,
				`hfwatch_config_last_reload_success_timestamp_seconds`: float64(time.Now().Unix()),
			}},

			{
				"records that were written", func(e *Exporter) { e.RecordsWritten(3) },
				map[string]float64{`hfwatch_records_written_total`: 3},
			},
			{
				"records that were given up", func(e *Exporter) { e.RecordsDropped(2, "queue_full") },
				map[string]float64{`hfwatch_records_dropped_total{reason="queue_full"}`: 2},
			},
			{
				"samples that a remote took, and that it did not", func(e *Exporter) { e.RemoteSent(5, 2) },
				map[string]float64{`hfwatch_remote_write_samples_total`: 5, `hfwatch_remote_write_dropped_total`: 2},
			},
			{
				"samples that did not get there", func(e *Exporter) { e.RemoteFailed() },
				map[string]float64{`hfwatch_remote_write_failures_total`: 1},
			},
			{
				"a failed write of the state of alerts", func(e *Exporter) { e.AlertStateFailed() },
				map[string]float64{`hfwatch_alert_state_write_failures_total`: 1},
			},
			{
				"targets in maintenance", func(e *Exporter) { e.SetMaintained([]string{"old"}); e.SetMaintained([]string{"a"}) },
				map[string]float64{`hfwatch_target_in_maintenance{target="a"}`: 1},
			},
			{
				"dead letters", func(e *Exporter) { e.DeadLettersWritten(1); e.DeadLettersLost(2) },
				map[string]float64{`hfwatch_dead_letters_total`: 1, `hfwatch_dead_letters_lost_total`: 2},
			},
			{
				"silences", func(e *Exporter) { e.SetSilences(2, 1); e.SetSilenced(3) },
				map[string]float64{`hfwatch_silences{state="active"}`: 2, `hfwatch_silences{state="pending"}`: 1, `hfwatch_alerts_silenced`: 3},
			},
			{
				"a drill", func(e *Exporter) { e.SetDrills(map[Drill]float64{{Target: "a", ID: "x"}: 3}) },
				map[string]float64{`hfwatch_drill_bad_of_last_5{drill="x",target="a"}`: 3},
			},
			{
				"a write that failed", func(e *Exporter) { e.RecordsFailed() },
				map[string]float64{`hfwatch_records_write_failures_total`: 1},
			},
			{"no number goes down", func(e *Exporter) {
				e.RecordsWritten(-1)
				e.RecordsDropped(-1, "stopped")
				e.RecordsDropped(0, "never heard of")
			}, map[string]float64{}},

			{
				"an evaluation", func(e *Exporter) { e.Evaluated(time.Second, 100, map[string]int{"duplicate": 2, "too_old": 1}) },
				map[string]float64{
					`hfwatch_evaluation_duration_seconds`: 1, `hfwatch_samples_appended_total`: 100,
					`hfwatch_samples_refused_total{reason="duplicate"}`: 2, `hfwatch_samples_refused_total{reason="too_old"}`: 1,
				},
			},
			{
				"a report that was delivered", func(e *Exporter) { e.ReportMade(true) },
				map[string]float64{`hfwatch_reports_total{result="delivered"}`: 1},
			},
			{
				"a report that was not", func(e *Exporter) { e.ReportMade(false) },
				map[string]float64{`hfwatch_reports_total{result="failed"}`: 1},
			},
			{
				"an evaluation that failed as a whole", func(e *Exporter) { e.EvaluationFailed("") },
				map[string]float64{`hfwatch_evaluation_failures_total`: 1},
			},
			{
				"a rule that failed", func(e *Exporter) { e.EvaluationFailed("TargetFailing") },
				map[string]float64{`hfwatch_evaluation_failures_total{rule="TargetFailing"}`: 1},
			},
			{
				"one that is not configured", func(e *Exporter) { e.EvaluationFailed("Removed") },
				map[string]float64{`hfwatch_evaluation_failures_total{rule="other"}`: 1},
			},

			{"a notification that was sent", func(e *Exporter) {
				e.NotificationAttempted("ops", "sent", "", time.Second, time.Minute)
			}, map[string]float64{
				`hfwatch_notifications_total{action="sent",receiver="ops"}`: 1,
				`hfwatch_notifications_duration_seconds{receiver="ops"}`:    1,
				`hfwatch_notifications_delay_seconds{receiver="ops"}`:       1,
			}},
			{"one that will be tried again has no delay yet", func(e *Exporter) {
				e.NotificationAttempted("ops", "retry", "timeout", time.Second, time.Minute)
			}, map[string]float64{
				`hfwatch_notifications_total{action="retry",receiver="ops"}`:          1,
				`hfwatch_notifications_failed_total{reason="timeout",receiver="ops"}`: 1,
				`hfwatch_notifications_duration_seconds{receiver="ops"}`:              1,
			}},
			{
				"alerts of which nobody is told", func(e *Exporter) { e.NotificationsDropped("ops", "overflow", 7) },
				map[string]float64{`hfwatch_notifications_dropped_total{reason="overflow",receiver="ops"}`: 7},
			},
			{"a receiver that was removed", func(e *Exporter) {
				e.NotificationAttempted("gone", "sent", "", 0, 0)
				e.NotificationsDropped("gone", "overflow", 7)
			}, map[string]float64{}},
		} {
			e := newTest(t, plain("a"))
			e.SetReceivers([]string{"ops"})
			e.SetRules([]string{"TargetFailing"})
			before := gather(t, e)
			c.tell(e)
			if diff := cmp.Diff(c.want, gather(t, e).changes(before)); diff != "" {
				t.Errorf("%s: changes (-want +got):\n%s", c.why, diff)
			}
		}
	})
}

// TestDurationsTold are published in seconds.
func TestDurationsTold(t *testing.T) {
	e := newTest(t, plain("a"))
	e.SetReceivers([]string{"ops"})
	e.SchedulerLag(250 * time.Millisecond)
	e.Evaluated(2*time.Second, 0, nil)
	e.NotificationAttempted("ops", "sent", "", 3*time.Second, 4*time.Minute)
	all := gather(t, e)
	for name, want := range map[string]float64{
		`hfwatch_scheduler_lag_seconds`:                          0.25,
		`hfwatch_evaluation_duration_seconds`:                    2,
		`hfwatch_notifications_duration_seconds{receiver="ops"}`: 3,
		`hfwatch_notifications_delay_seconds{receiver="ops"}`:    240,
	} {
		if got := all[name].GetHistogram().GetSampleSum(); got != want {
			t.Errorf("sum of %s = %g, want %g", name, got, want)
		}
	}
}

// TestSelfStartsAtZero so that the first failure is an increase, and publishes
// no state that is not known.
func TestSelfStartsAtZero(t *testing.T) {
	e := newTest(t)
	e.SetReceivers([]string{"ops"})
	all := gather(t, e)
	for _, name := range []string{
		`hfwatch_notifications_failed_total{reason="timeout",receiver="ops"}`,
		`hfwatch_notifications_total{action="sent",receiver="ops"}`,
		`hfwatch_notifications_dropped_total{reason="shutdown",receiver="ops"}`,
		`hfwatch_records_dropped_total{reason="queue_full"}`, `hfwatch_records_written_total`,
		`hfwatch_clock_steps_total{kind="backward"}`, `hfwatch_evaluation_failures_total`,
		`hfwatch_samples_refused_total{reason="future"}`, `hfwatch_results_ignored_total{reason="duplicate"}`,
	} {
		if v, ok := all.value(name); v != 0 || !ok {
			t.Errorf("%s = %g, %t; want 0", name, v, ok)
		}
	}
	for _, text := range []string{"config_last_reload", "budget", "maintenance", `"other"`} {
		if names := all.names(text); names != nil {
			t.Errorf("before anything is known %v is published", names)
		}
	}
}

// TestReceiversAndRulesOverReloads go on where they stay and are gone where
// they are removed.
func TestReceiversAndRulesOverReloads(t *testing.T) {
	e := newTest(t)
	e.SetReceivers([]string{"ops", "old"})
	e.SetRules([]string{"Slow", "Old"})
	for _, name := range []string{"ops", "old"} {
		e.NotificationAttempted(name, "sent", "", 0, 0)
	}
	for _, rule := range []string{"Slow", "Old", ""} {
		e.EvaluationFailed(rule)
	}
	e.SetReceivers([]string{"ops", "new"})
	e.SetRules([]string{"Slow", "New"})
	all := gather(t, e)
	if names := append(all.names(`"old"`), all.names(`"Old"`)...); names != nil {
		t.Errorf("%v of what was removed is still published", names)
	}
	got := map[string]float64{}
	for _, name := range append(all.names(`action="sent"`), all.names("evaluation_failures")...) {
		got[name], _ = all.value(name)
	}
	want := map[string]float64{
		`hfwatch_notifications_total{action="sent",receiver="ops"}`: 1,
		`hfwatch_notifications_total{action="sent",receiver="new"}`: 0,
		`hfwatch_evaluation_failures_total`:                         1,
		`hfwatch_evaluation_failures_total{rule="Slow"}`:            1,
		`hfwatch_evaluation_failures_total{rule="New"}`:             0,
		`hfwatch_evaluation_failures_total{rule="other"}`:           0,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("after a reload (-want +got):\n%s", diff)
	}
}

// TestSuspensionOverReload stays with the target that stays.
func TestSuspensionOverReload(t *testing.T) {
	e := newTest(t, plain("a"))
	e.Suspended("a", "billing")
	info := plain("a")
	info.Kinds = append(info.Kinds, probe.WindowKind)
	if err := e.SetTargets([]TargetInfo{info}); err != nil {
		t.Fatal(err)
	}
	e.Suspended("a", "")
	if names := gather(t, e).names("suspended"); names != nil {
		t.Errorf("a suspension that ended is published: %v", names)
	}
}

// TestARefusedCheckIsNotBlindness: the checks of a suspended account say of the
// target no more than the slots that it holds; the refusal before it, and what a
// check shows of the target itself, do.
func TestARefusedCheckIsNotBlindness(t *testing.T) {
	e := newTest(t, plain("a"))
	n := 0
	record := func(o probe.Outcome, c probe.Counts) {
		n++
		e.Record(probe.Result{ID: fmt.Sprint(n), Target: "a", Kind: probe.Baseline, Outcome: o, Counts: c})
	}
	blind := func(want float64) {
		t.Helper()
		if got, ok := gather(t, e).value(`hfwatch_target_uncounted_slots{target="a"}`); !ok || got != want {
			t.Errorf("after %d results %v slots are blind, want %v", n, got, want)
		}
	}
	record(probe.Billing, probe.Apart)
	blind(1)
	e.Suspended("a", "billing")
	record(probe.Billing, probe.Apart)
	record(probe.Auth, probe.Apart)
	e.Slot("a", "baseline", "held")
	blind(1)
	record(probe.Unknown, probe.Apart)
	blind(2)
	e.Suspended("a", "rate_limited")
	record(probe.Billing, probe.Apart)
	blind(3)
	record(probe.OK, probe.Good)
	blind(0)
}

// TestBudgetsKeepTheirSeries holds that an unchanged budget is not made anew.
func TestBudgetsKeepTheirSeries(t *testing.T) {
	e := newTest(t)
	month := Budget{Period: "month", Unit: "usd"}
	e.SetBudgets(map[Budget]float64{month: 0.1})
	first := maps.Clone(e.budgets.known)
	e.SetBudgets(map[Budget]float64{month: 0.2})
	if e.budgets.known[month] != first[month] || len(e.budgets.children) != 1 {
		t.Errorf("the budget has %d series, of which the first is not the one before", len(e.budgets.children))
	}
}
