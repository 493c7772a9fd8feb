package daemon

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hfwatch/hfwatch/config"
	"github.com/hfwatch/hfwatch/internal/prom"
)

// TestBadEditsLeaveTheRunningConfiguration: whatever is wrong with the file,
// probing goes on in phase, the reload says what is wrong, a series and an
// alert tell of it, and a good file ends it.
func TestBadEditsLeaveTheRunningConfiguration(t *testing.T) {
	in(t, func(t *testing.T, r *rig) {
		ops := &hook{}
		r.net.Serve(t, "ops.test:80", ops)
		seen := noting(good)
		r.net.Serve(t, "m.test:80", seen)
		text := `notify: [{name: ops, webhook: {url: "http://ops.test/hook"}}]` + "\nmodels:\n" +
			model("a", "http://m.test/a", "@every 10s") + model("b", "http://m.test/b", "@every 10s")
		begun := time.Now().Truncate(10 * time.Second)
		r.start(text)
		r.want(1, "hfwatch_config_last_reload_successful")
		running := r.d.now.Load()
		for _, row := range []struct {
			why, says string
			edit      func()
		}{
			{"an unknown key", "modles", func() { r.write(configFile, strings.Replace(text, "models:", "modles:", 1)) }},
			{"a value of the wrong kind", "schedule", func() { r.write(configFile, strings.Replace(text, "@every 10s", "now and then", 1)) }},
			{"a file that is written half", configFile, func() { r.write(configFile, text[:strings.LastIndex(text, "inputs: [{q")+12]) }},
			{"a file that is not there", "file", func() { r.remove(configFile) }},
			{"an empty file", "models", func() { r.write(configFile, "") }},
			{"bytes that are no text", configFile, func() { r.write(configFile, "\x00\xff\xfe\x01") }},
			{"what cannot change while it runs", "location: it cannot change while hfwatch runs", func() { r.write(configFile, "location: elsewhere\n"+text) }},
			{"an expression that is none", "alerts", func() { r.write(configFile, text+"alerts: [{name: X, expr: 'rate(', severity: warning}]\n") }},
		} {
			time.Sleep(47 * time.Second)
			row.edit()
			if err := r.d.Reload(t.Context()); err == nil || !strings.Contains(err.Error(), row.says) {
				t.Errorf("Reload() with %s = %v, want an error that says %q", row.why, err, row.says)
			}
			r.want(0, "hfwatch_config_last_reload_successful")
			if r.d.now.Load() != running {
				t.Errorf("%s has replaced the configuration", row.why)
			}
		}
		synctest.Wait()
		if got := ops.of("ReloadFailed", "", "firing"); len(got) != 1 {
			t.Errorf("ReloadFailed fired %d times, want once", len(got))
		}
		r.write(configFile, text)
		if err := r.d.Reload(t.Context()); err != nil {
			t.Errorf("Reload() of a good file = %v", err)
		}
		r.want(1, "hfwatch_config_last_reload_successful")
		time.Sleep(time.Minute)
		synctest.Wait()
		if got := ops.of("ReloadFailed", "", "resolved"); len(got) != 1 {
			t.Errorf("ReloadFailed resolved %d times, want once", len(got))
		}
		n := int(time.Since(begun) / (10 * time.Second))
		for _, path := range []string{"/a", "/b"} {
			sameTimes(t, path, seen.of(path), every(begun.Add(10*time.Second), 10*time.Second, n))
			r.want(float64(n), "hfwatch_probes_total", "target", path[1:], "outcome", "ok")
		}
	})
}

// TestUnchangedTargetsKeepPhaseOverReload: reloads that change others move no
// slot of a target and reset none of its counters.
func TestUnchangedTargetsKeepPhaseOverReload(t *testing.T) {
	in(t, func(t *testing.T, r *rig) {
		seen := noting(good)
		r.net.Serve(t, "m.test:80", seen)
		steady := "  - {name: steady, task: custom, url: \"http://m.test/steady\", inputs: [1], baseline: {schedule: \"* * * * *\", timeout: 5s}}\n"
		r.start("models:\n" + steady + model("other", "http://m.test/other", "@every 20s"))
		first := r.d.scheduler.Next("steady", "baseline")
		if first.Second() == 0 && first.Nanosecond() == 0 {
			t.Fatalf("the first slot is at %s, want one that is spread within the minute", first)
		}
		for i, text := range []string{
			"models:\n" + steady + model("other", "http://m.test/other", "@every 30s"),
			"models:\n" + steady,
			"models:\n" + model("third", "http://m.test/third", "@every 30s") + steady,
			"evaluation_interval: 5s\nmodels:\n" + strings.Replace(steady, "task:", "labels: {team: b}, task:", 1),
			"maintenance: [{name: m, schedule: \"0 3 * * *\", for: 1h}]\nmodels:\n" + steady,
		} {
			time.Sleep(53 * time.Second)
			r.write(configFile, text)
			if err := r.d.Reload(t.Context()); err != nil {
				t.Fatalf("Reload() number %d = %v", i, err)
			}
		}
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		n := int(time.Since(first)/time.Minute) + 1
		sameTimes(t, "steady", seen.of("/steady"), every(first, time.Minute, n))
		r.want(float64(n), "hfwatch_probes_total", "target", "steady", "outcome", "ok")
		r.want(float64(n), "hfwatch_slots_total", "target", "steady", "result", "run")
	})
}

// TestRemovedTargetsSeriesVanish: from /metrics at once and from the stored
// series with the next tick, also where a result comes in after the removal.
func TestRemovedTargetsSeriesVanish(t *testing.T) {
	in(t, func(t *testing.T, r *rig) {
		r.net.Serve(t, "m.test:80", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			time.Sleep(4 * time.Second)
			status(http.StatusInternalServerError)(w, nil)
		}))
		r.opts.Listener = r.listen("127.0.0.1:9000")
		text := "budget: {requests_per_day: 1000000}\nmodels:\n" + model("stays", "http://m.test/stays", "@every 10s")
		r.start(text + model("goes", "http://m.test/goes", "@every 10s", "budget: {requests_per_day: 100000}"))
		time.Sleep(time.Minute)
		stored := func() int {
			t.Helper()
			got, err := r.d.evaluator.db.Query(t.Context(), `{target="goes"}`, time.Now())
			if err != nil {
				t.Fatal(err)
			}
			return len(got.Series())
		}
		if _, body := r.get("GET", "http://127.0.0.1:9000/metrics"); !strings.Contains(body, `target="goes"`) {
			t.Fatal("/metrics shows no series of the target that is to go")
		}
		if stored() == 0 {
			t.Fatal("no series is stored of the target that is to go")
		}
		// A request of it is in flight: 00:01:10 to 00:01:14.
		time.Sleep(time.Until(time.Now().Truncate(10 * time.Second).Add(12 * time.Second)))
		r.write(configFile, text)
		if err := r.d.Reload(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, body := r.get("GET", "http://127.0.0.1:9000/metrics"); strings.Contains(body, `"goes"`) {
			for line := range strings.SplitSeq(body, "\n") {
				if strings.Contains(line, `"goes"`) {
					t.Errorf("/metrics shows the removed target: %s", line)
				}
			}
		}
		time.Sleep(20 * time.Second)
		r.want(1, "hfwatch_results_ignored_total", "reason", "unknown_target")
		_, body := r.get("GET", "http://127.0.0.1:9000/metrics")
		for line := range strings.SplitSeq(body, "\n") {
			if strings.Contains(line, `"goes"`) {
				t.Errorf("/metrics shows the removed target after a late result: %s", line)
			}
		}
		if n := stored(); n != 0 {
			t.Errorf("%d stored series of the removed target have not ended, want 0", n)
		}
		if !strings.Contains(body, `target="stays"`) {
			t.Error("/metrics has lost the other target")
		}
		about := []prom.Alert{{Rule: "X", State: prom.StateFiring, Labels: map[string]string{"target": "goes", "location": "local"}}}
		r.d.evidence.Tell(about)
		if got := about[0].Annotations["outcomes"]; got != "" {
			t.Errorf("evidence of the removed target = %q, want none", got)
		}
		if _, _, ok := r.d.memos.last("goes"); ok {
			t.Error("the front page remembers the removed target")
		}
	})
}

// TestIntervalChangesOverReload: the evaluation takes up its new interval with
// the tick after the reload.
func TestIntervalChangesOverReload(t *testing.T) {
	in(t, func(t *testing.T, r *rig) {
		r.net.Serve(t, "m.test:80", http.HandlerFunc(good))
		text := "models:\n" + model("a", "http://m.test/a", "@every 1h")
		r.start(text)
		ticks := func() uint64 {
			t.Helper()
			families, err := r.d.exporter.Gatherer().Gather()
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range families {
				if f.GetName() == "hfwatch_evaluation_duration_seconds" {
					return f.GetMetric()[0].GetHistogram().GetSampleCount()
				}
			}
			t.Fatal("evaluations are not counted")
			return 0
		}
		time.Sleep(61 * time.Second)
		// At 0, 15, 30, 45 and 60 seconds.
		if got := ticks(); got != 5 {
			t.Errorf("%d evaluations in 61s, want 5", got)
		}
		r.write(configFile, "evaluation_interval: 5s\n"+text)
		if err := r.d.Reload(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(35 * time.Second)
		// At 75, and then at 80, 85, 90 and 95.
		if got := ticks(); got != 10 {
			t.Errorf("%d evaluations in 96s, want 10", got)
		}
	})
}

func TestImmutable(t *testing.T) {
	base := func() *config.Config {
		return &config.Config{Location: "a", Alerting: true, History: true, Data: config.Data{Dir: "d", MaxSize: 1}}
	}
	for _, row := range []struct {
		why, want string
		change    func(*config.Config)
	}{
		{"nothing", "", func(*config.Config) {}},
		{"what may change", "", func(c *config.Config) { c.EvaluationInterval = time.Second; c.Budget.USDPerDay = 1 }},
		{"the location", "location: it cannot change while hfwatch runs; restart it", func(c *config.Config) { c.Location = "b" }},
		{"the folder", "data: it cannot change while hfwatch runs; restart it", func(c *config.Config) { c.Data.Dir = "e" }},
		{"the retention", "data: it cannot change while hfwatch runs; restart it", func(c *config.Config) { c.Data.Retention = 1 }},
		{"alerting", "alerting: it cannot change while hfwatch runs; restart it", func(c *config.Config) { c.Alerting = false }},
		{"history", "history: it cannot change while hfwatch runs; restart it", func(c *config.Config) { c.History = false }},
	} {
		is := base()
		row.change(is)
		got := ""
		if err := immutable(base(), is); err != nil {
			got = err.Error()
		}
		if got != row.want {
			t.Errorf("immutable with %s changed = %q, want %q", row.why, got, row.want)
		}
	}
}

// TestAPanicWhileLoadingIsAnError, and no reload stands in the way of the next.
func TestAPanicWhileLoadingIsAnError(t *testing.T) {
	in(t, func(t *testing.T, r *rig) {
		seen := noting(good)
		r.net.Serve(t, "m.test:80", seen)
		begun := time.Now().Truncate(10 * time.Second)
		r.start("alerting: off\nmodels:\n" + model("a", "http://m.test/a", "@every 10s"))
		r.edit(func(*config.Config) { panic("a parser's bug") })
		if err := r.d.Reload(t.Context()); err == nil || !strings.Contains(err.Error(), "panicked: a parser's bug") {
			t.Errorf("Reload() of what panics = %v, want an error that says so", err)
		}
		r.edit(nil)
		for i := range 50 {
			if err := r.d.Reload(t.Context()); err != nil {
				t.Fatalf("Reload() number %d = %v", i, err)
			}
		}
		time.Sleep(time.Minute)
		n := int(time.Since(begun) / (10 * time.Second))
		sameTimes(t, "a", seen.of("/a"), every(begun.Add(10*time.Second), 10*time.Second, n))
	})
}
