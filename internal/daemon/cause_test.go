package daemon

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// TestACommonCausePagesOnce: three targets of one host fail; one page says so
// and theirs are held back. What had been paged before is resolved all the same,
// and what fails on when the cause has ended is paged then.
func TestACommonCausePagesOnce(t *testing.T) {
	in(t, func(t *testing.T, r *rig) {
		ops := &hook{}
		r.net.Serve(t, "ops.test:80", ops)
		var all, first atomic.Bool
		first.Store(true)
		r.net.Serve(t, "m.test:80", http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			if all.Load() || first.Load() && req.URL.Path == "/a" {
				status(http.StatusBadGateway)(w, req)
				return
			}
			good(w, req)
		}))
		r.start(`notify: [{name: ops, webhook: {url: "http://ops.test/hook"}}]` + "\nmodels:\n" +
			model("a", "http://m.test/a", "@every 10s") + model("b", "http://m.test/b", "@every 10s") +
			model("c", "http://m.test/c", "@every 10s") + model("d", "http://m.test/d", "@every 10s"))
		wants := func(what, alert, target, status string, want int) {
			t.Helper()
			synctest.Wait()
			if got := len(ops.of(alert, target, status)); got != want {
				t.Errorf("%s: %d pages of %s %s %s, want %d", what, got, alert, target, status, want)
			}
		}
		time.Sleep(time.Minute)
		wants("one target of four", "TargetFailing", "a", "firing", 1)
		wants("one target of four", "HostFailing", "", "firing", 0)
		all.Store(true)
		time.Sleep(5 * time.Minute)
		wants("all", "HostFailing", "", "firing", 1)
		for _, target := range []string{"b", "c", "d"} {
			wants("all", "TargetFailing", target, "firing", 0)
		}
		all.Store(false)
		first.Store(false)
		time.Sleep(12 * time.Minute)
		wants("healed", "HostFailing", "", "resolved", 1)
		wants("healed", "TargetFailing", "a", "resolved", 1)
		for _, target := range []string{"b", "c", "d"} {
			wants("healed", "TargetFailing", target, "firing", 0)
			wants("healed", "TargetFailing", target, "resolved", 0)
		}
	})
}

// TestAProviderThatFailsPagesOnce: three of its targets fail at a host whose other
// targets are well, so that the provider is the cause and not the host.
func TestAProviderThatFailsPagesOnce(t *testing.T) {
	in(t, func(t *testing.T, r *rig) {
		ops := &hook{}
		r.net.Serve(t, "ops.test:80", ops)
		r.net.Serve(t, "router.test:80", http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			if body, _ := io.ReadAll(req.Body); strings.Contains(string(body), ":cerebras") {
				status(http.StatusBadGateway)(w, req)
				return
			}
			_, _ = io.WriteString(w, `{"id":"x","model":"m","choices":[{"index":0,"finish_reason":"stop","message":{"role":"assistant","content":"hi"}}]}`)
		}))
		text := `notify: [{name: ops, webhook: {url: "http://ops.test/hook"}}]` + "\nhub: {url: \"http://router.test\"}\nmodels:\n"
		for i, provider := range []string{"cerebras", "cerebras", "cerebras", "groq", "groq", "groq", "groq"} {
			text += fmt.Sprintf("  - {name: t%d, task: chat-completion, model: org/m%d, provider: %s, auth: none, inputs: [hello], baseline: {schedule: \"@every 10s\", timeout: 5s}}\n", i, i, provider)
		}
		r.start(text)
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		got := ops.of("ProviderFailing", "", "firing")
		if len(got) != 1 || got[0].Labels["provider"] != "cerebras" || got[0].Labels["url_host"] != "router.test" || got[0].Labels["target"] != "" {
			t.Errorf("ProviderFailing = %v, want one that names the provider and the host", got)
		}
		for _, alert := range []string{"TargetFailing", "HostFailing"} {
			if got := ops.of(alert, "", "firing"); len(got) != 0 {
				t.Errorf("%s = %v, want none beside it", alert, got)
			}
		}
	})
}

// TestTargetsInMaintenanceAreNoCause: two of three targets of a host are in a
// maintenance time and fail; the third, which fails too, is its own.
func TestTargetsInMaintenanceAreNoCause(t *testing.T) {
	in(t, func(t *testing.T, r *rig) {
		ops := &hook{}
		r.net.Serve(t, "ops.test:80", ops)
		r.net.Serve(t, "m.test:80", status(http.StatusBadGateway))
		r.start(`notify: [{name: ops, webhook: {url: "http://ops.test/hook"}}]
maintenance: [{name: quiet, schedule: "@daily", for: 10m, match: {labels: {env: old}}}]
models:
` + model("a", "http://m.test/a", "@every 10s", "labels: {env: old}") + model("b", "http://m.test/b", "@every 10s", "labels: {env: old}") +
			model("c", "http://m.test/c", "@every 10s"))
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		r.want(1, "hfwatch_target_in_maintenance", "target", "a")
		if got := ops.of("HostFailing", "", "firing"); len(got) != 0 {
			t.Errorf("HostFailing = %v while two of three are in maintenance, want none", got)
		}
		if got := ops.of("TargetFailing", "c", "firing"); len(got) != 1 {
			t.Errorf("%d pages of the target that is not in maintenance, want 1", len(got))
		}
		time.Sleep(6 * time.Minute)
		synctest.Wait()
		if got := ops.of("HostFailing", "", "firing"); len(got) != 1 {
			t.Errorf("%d pages of HostFailing after the maintenance, want 1", len(got))
		}
	})
}

// TestLoadingTooLong fires after three results that found the model loading, and
// resolves with the first that does not.
func TestLoadingTooLong(t *testing.T) {
	in(t, func(t *testing.T, r *rig) {
		ops := &hook{}
		r.net.Serve(t, "ops.test:80", ops)
		var up atomic.Bool
		r.net.Serve(t, "m.test:80", http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			if up.Load() {
				good(w, req)
				return
			}
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = io.WriteString(w, `{"error":"Model org/m is currently loading","estimated_time":20.0}`)
		}))
		r.start(`notify: [{name: ops, webhook: {url: "http://ops.test/hook"}}]` + "\nmodels:\n" + model("slow", "http://m.test/slow", "@every 20s"))
		time.Sleep(45 * time.Second)
		synctest.Wait()
		if got := ops.of("LoadingTooLong", "slow", "firing"); len(got) != 0 {
			t.Errorf("it fires after two results")
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if got := ops.of("LoadingTooLong", "slow", "firing"); len(got) != 1 || got[0].Labels["severity"] != "warning" {
			t.Errorf("LoadingTooLong = %v after three results, want one", got)
		}
		up.Store(true)
		time.Sleep(time.Minute)
		synctest.Wait()
		if got := ops.of("LoadingTooLong", "slow", "resolved"); len(got) != 1 {
			t.Errorf("%d resolves, want 1", len(got))
		}
	})
}

// TestWatchdogWithAlertingOff: the dead man's switch is told all the same, of
// nothing else, and nobody else is told.
func TestWatchdogWithAlertingOff(t *testing.T) {
	for _, head := range []string{"alerting: off\n", "alerting: off\nhistory: off\n"} {
		in(t, func(t *testing.T, r *rig) {
			ops, dead := &hook{}, &hook{}
			r.net.Serve(t, "ops.test:80", ops)
			r.net.Serve(t, "dead.test:80", dead)
			r.net.Serve(t, "m.test:80", status(http.StatusBadGateway))
			text := `notify:
  - {name: ops, webhook: {url: "http://ops.test/hook"}}
  - {name: dead, webhook: {url: "http://dead.test/hook"}, match: {severity: info}}
models:
` + model("bad", "http://m.test/bad", "@every 10s")
			r.start(text)
			time.Sleep(2 * time.Minute)
			synctest.Wait()
			if got := len(ops.of("TargetFailing", "bad", "firing")); got != 1 {
				t.Fatalf("%d pages with alerting on, want 1", got)
			}
			r.again(time.Minute, "evaluation_interval: 5m\n"+head+strings.Replace(text, "@every 10s", "@every 1h", 1))
			time.Sleep(9 * time.Hour)
			synctest.Wait()
			var beats []page
			for _, p := range dead.of("Watchdog", "", "firing") {
				// It may be shown again at once beside the end of the one that the rule fired.
				if p.Labels["location"] == "local" && (len(beats) == 0 || !p.at.Equal(beats[len(beats)-1].at)) {
					beats = append(beats, p)
				}
			}
			// Told at once, and again every four hours.
			if len(beats) != 3 || beats[0].Labels["severity"] != "info" || beats[0].Annotations["runbook_url"] == "" {
				t.Errorf("Watchdog came %d times in nine hours, want 3: %v", len(beats), beats)
			}
			if fired, ended := ops.of("TargetFailing", "bad", "firing"), ops.of("TargetFailing", "bad", "resolved"); len(fired) != 1 || len(ended) != 1 {
				t.Errorf("%d pages and %d resolves of what was told before alerting was off, want 1 and 1", len(fired), len(ended))
			}
			if got := ops.of("Watchdog", "", "firing"); len(got) != 0 {
				t.Errorf("Watchdog woke somebody %d times", len(got))
			}
		})
	}
}

// TestDriftPages: a condition on drift fires when answers change, and never
// before.
func TestDriftPages(t *testing.T) {
	in(t, func(t *testing.T, r *rig) {
		ops := &hook{}
		r.net.Serve(t, "ops.test:80", ops)
		var moved atomic.Bool
		r.net.Serve(t, "m.test:80", http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			if moved.Load() {
				w.Header().Set("X-Sha", strings.Repeat("b", 40))
			} else {
				w.Header().Set("X-Sha", strings.Repeat("a", 40))
			}
			good(w, req)
		}))
		r.start(`notify: [{name: ops, webhook: {url: "http://ops.test/hook"}}]` + "\nalerts: [{name: Moved, when: \"drift > 0 over 1h\", severity: warning}]\nmodels:\n" +
			model("a", "http://m.test/a", "@every 10s"))
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		if got := ops.of("Moved", "", "firing"); len(got) != 0 {
			t.Errorf("%d pages before anything changed", len(got))
		}
		moved.Store(true)
		time.Sleep(time.Minute)
		synctest.Wait()
		if got := ops.of("Moved", "a", "firing"); len(got) != 1 || got[0].Annotations["value"] != "1" {
			t.Errorf("Moved = %v, want one with the value 1", got)
		}
	})
}

// TestAVantageThatIsDownPagesOnce, and before any target does.
func TestAVantageThatIsDownPagesOnce(t *testing.T) {
	in(t, func(t *testing.T, r *rig) {
		ops := &hook{}
		r.net.Serve(t, "ops.test:80", ops)
		text := `notify: [{name: ops, webhook: {url: "http://ops.test/hook"}}]` + "\nmodels:\n"
		for _, name := range []string{"a", "b", "c"} {
			text += model(name, "http://"+name+".test/", "@every 1m")
		}
		r.start(text)
		time.Sleep(20 * time.Minute)
		synctest.Wait()
		if got := len(ops.of("VantageDown", "", "firing")); got != 1 {
			t.Errorf("%d pages that the vantage is down, want 1", got)
		}
		for _, alert := range []string{"TargetFailing", "TargetBlind", "HostFailing"} {
			if got := len(ops.of(alert, "", "firing")); got != 0 {
				t.Errorf("%d pages of %s, want none", got, alert)
			}
		}
	})
}
