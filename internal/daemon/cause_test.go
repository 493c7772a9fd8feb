package daemon

import (
	"net/http"
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
			t.Errorf("%d pages that the vantage is down, want 1; logs %s", got, r.logs)
		}
		for _, alert := range []string{"TargetFailing", "TargetBlind", "HostFailing"} {
			if got := len(ops.of(alert, "", "firing")); got != 0 {
				t.Errorf("%d pages of %s, want none", got, alert)
			}
		}
	})
}
