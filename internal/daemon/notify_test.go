package daemon

import (
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hfwatch/hfwatch/alerts/notify"
	"github.com/hfwatch/hfwatch/probe"
)

// twoHooks is a configuration's receivers: one at stuck.test and one at
// ops.test, the latter with a signing key.
const twoHooks = `notify:
  - {name: stuck, webhook: {url: "http://stuck.test/hook"}}
  - {name: ops, webhook: {url: "http://ops.test/hook", secret_file: key}}
`

// TestHangingWebhookDelaysNoProbe: a webhook that accepts and never answers
// moves no slot of any target, is tried again, and delays no other receiver.
func TestHangingWebhookDelaysNoProbe(t *testing.T) {
	in(t, func(t *testing.T, r *rig) {
		var attempts atomic.Int64
		r.net.Serve(t, "stuck.test:80", http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
			attempts.Add(1)
			<-req.Context().Done()
		}))
		ops := &hook{}
		r.net.Serve(t, "ops.test:80", ops)
		seen := noting(func(w http.ResponseWriter, req *http.Request) {
			if req.URL.Path == "/t0" {
				status(http.StatusInternalServerError)(w, req)
				return
			}
			good(w, req)
		})
		r.net.Serve(t, "m.test:80", seen)
		text := twoHooks + "models:\n"
		for i := range 5 {
			n := strconv.Itoa(i)
			text += model("t"+n, "http://m.test/t"+n, "@every 10s")
		}
		r.write("key", "a-key-for-signatures")
		begun := time.Now().Truncate(10 * time.Second)
		r.start(text)
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		for i := range 5 {
			path := "/t" + strconv.Itoa(i)
			sameTimes(t, path, seen.of(path), every(begun.Add(10*time.Second), 10*time.Second, 60))
			r.want(60, "hfwatch_slots_total", "target", path[1:], "lane", "baseline", "result", "run")
			r.want(0, "hfwatch_slots_total", "target", path[1:], "lane", "baseline", "result", "missed")
		}
		if got := attempts.Load(); got < 5 {
			t.Errorf("the hanging webhook was tried %d times in ten minutes, want at least 5", got)
		}
		if got := ops.of("TargetFailing", "t0", "firing"); len(got) != 1 {
			t.Errorf("the other receiver got %d pages, want 1", len(got))
		}
		if got := ops.of("NotifyFailing", "", "firing"); len(got) == 0 {
			t.Error("the other receiver was not told that notifications to the first one fail")
		}
	})
}

// TestBreachToWebhook: from the result that is one too many to the delivered
// page it takes one evaluation interval at most, and the page is signed.
func TestBreachToWebhook(t *testing.T) {
	in(t, func(t *testing.T, r *rig) {
		var checked atomic.Int64
		ops := &hook{}
		r.net.Serve(t, "ops.test:80", http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			body := new(strings.Builder)
			ops.ServeHTTP(w, tee(req, body))
			err := notify.Verify(probe.NewSecret("a-key-for-signatures"), req.Header.Get(notify.HeaderTimestamp),
				req.Header.Get(notify.HeaderSignature), []byte(body.String()), time.Now(), time.Second)
			if err != nil {
				t.Errorf("Verify() = %v", err)
			}
			checked.Add(1)
		}))
		seen := noting(status(http.StatusInternalServerError))
		r.net.Serve(t, "m.test:80", seen)
		r.write("key", "a-key-for-signatures")
		started := time.Now()
		r.start(`notify: [{name: ops, webhook: {url: "http://ops.test/hook", secret_file: key}}]` + "\nmodels:\n" +
			model("bad", "http://m.test/bad", "@every 10s"))
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		pages := ops.of("TargetFailing", "bad", "firing")
		if len(pages) != 1 {
			t.Fatalf("%d pages, want 1", len(pages))
		}
		breach := seen.of("/bad")[2]
		if took := pages[0].at.Sub(breach); took < 0 || took > 16*time.Second {
			t.Errorf("the page came %s after the third bad result, want at most 16s", took)
		}
		// Nothing but the tick itself stands between the result and the page.
		tick := started.Add(breach.Sub(started).Truncate(15*time.Second) + 15*time.Second)
		if !pages[0].at.Equal(tick) {
			t.Errorf("the page came at %s, want the tick at %s", pages[0].at, tick)
		}
		if checked.Load() == 0 {
			t.Error("no signature was checked")
		}
	})
}

// TestResolvedIsDeliveredWithAnnotations: what fired is resolved where it was
// told, with everything that it said.
func TestResolvedIsDeliveredWithAnnotations(t *testing.T) {
	in(t, func(t *testing.T, r *rig) {
		ops := &hook{}
		r.net.Serve(t, "ops.test:80", ops)
		var healed atomic.Bool
		r.net.Serve(t, "m.test:80", http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			if healed.Load() {
				good(w, req)
				return
			}
			status(http.StatusBadGateway)(w, req)
		}))
		r.start(`notify: [{name: ops, webhook: {url: "http://ops.test/hook"}}]` + "\nmodels:\n" +
			model("bad", "http://m.test/bad", "@every 10s", "model: org/bad", "labels: {team: a}"))
		time.Sleep(time.Minute)
		healed.Store(true)
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		fired, resolved := ops.of("TargetFailing", "bad", "firing"), ops.of("TargetFailing", "bad", "resolved")
		if len(fired) != 1 || len(resolved) != 1 {
			t.Fatalf("%d firing and %d resolved, want one of each", len(fired), len(resolved))
		}
		for name, want := range map[string]string{
			"target": "bad", "model": "org/bad", "task": "custom", "location": "local", "url_host": "m.test", "severity": "critical", "team": "a",
		} {
			if got := resolved[0].Labels[name]; got != want || fired[0].Labels[name] != want {
				t.Errorf("label %s = %q firing, %q resolved, want %q in both", name, fired[0].Labels[name], got, want)
			}
		}
		for _, name := range []string{"summary", "description", "runbook_url", "evidence", "outcomes", "fault", "value", "since"} {
			if resolved[0].Annotations[name] == "" {
				t.Errorf("the resolve has no annotation %s: %q", name, resolved[0].Annotations)
			}
		}
		if got := fired[0].Annotations["outcomes"]; got != "server_error, server_error, server_error" {
			t.Errorf("outcomes = %q, want three server_error", got)
		}
	})
}

// TestMaintenanceMutesAndStopsProbing: a maintenance time holds pages back
// until it is over, and stops probes where it says so.
func TestMaintenanceMutesAndStopsProbing(t *testing.T) {
	in(t, func(t *testing.T, r *rig) {
		ops := &hook{}
		r.net.Serve(t, "ops.test:80", ops)
		seen := noting(status(http.StatusBadGateway))
		r.net.Serve(t, "m.test:80", seen)
		// Three at one host would have a common cause.
		r.net.Serve(t, "n.test:80", seen)
		begun := time.Now().Truncate(10 * time.Second)
		r.start(`notify: [{name: ops, webhook: {url: "http://ops.test/hook"}}]
maintenance:
  - {name: quiet, schedule: "1 0 * * *", for: 5m, match: {name: muted}}
  - {name: still, schedule: "1 0 * * *", for: 5m, match: {name: stopped}, probe: false}
models:
` + model("muted", "http://m.test/muted", "CRON_TZ=UTC * * * * *") + model("stopped", "http://m.test/stopped", "@every 10s") +
			model("other", "http://n.test/other", "@every 10s"))
		time.Sleep(90 * time.Second)
		r.want(1, "hfwatch_maintenance_active", "maintenance", "quiet")
		time.Sleep(8 * time.Minute)
		synctest.Wait()

		over := begun.Add(6 * time.Minute)
		sameTimes(t, "muted", seen.of("/muted"), every(begun.Add(time.Minute), time.Minute, 9))
		sameTimes(t, "stopped", seen.of("/stopped"), append(every(begun.Add(10*time.Second), 10*time.Second, 5), every(over, 10*time.Second, 22)...))
		r.want(30, "hfwatch_slots_total", "target", "stopped", "lane", "baseline", "result", "maintenance")
		// It is shown again beside the muted one, whose page is of the same group.
		if got := ops.of("TargetFailing", "other", "firing"); len(got) != 2 || !got[0].at.Before(begun.Add(time.Minute)) {
			t.Errorf("pages of the target without maintenance = %v, want the first within the first minute", got)
		}
		got := ops.of("TargetFailing", "muted", "firing")
		if len(got) != 1 || got[0].at.Before(over) || got[0].at.After(over.Add(16*time.Second)) {
			t.Errorf("pages of the muted target = %v, want one within 16s of %s", got, over)
		}
		if got := ops.of("TargetBlind", "stopped", "firing"); len(got) != 0 {
			t.Errorf("pages of blindness for a stop that was asked for = %v, want none", got)
		}
	})
}

// TestAccountFaultsDoNotPageAsFailing: a 402 is the account's fault, which is
// paged as such and never as the model's.
func TestAccountFaultsDoNotPageAsFailing(t *testing.T) {
	in(t, func(t *testing.T, r *rig) {
		ops := &hook{}
		r.net.Serve(t, "ops.test:80", ops)
		r.net.Serve(t, "m.test:80", status(http.StatusPaymentRequired))
		r.start(`notify: [{name: ops, webhook: {url: "http://ops.test/hook"}}]` + "\nmodels:\n" +
			model("broke", "http://m.test/broke", "@every 10s"))
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if got := ops.of("AccountBlocked", "", "firing"); len(got) != 1 || got[0].Labels["reason"] != "billing" || got[0].Labels["scope"] != "host m.test" {
			t.Errorf("AccountBlocked = %v, want one that names billing and the host", got)
		}
		if got := ops.of("TargetFailing", "", "firing"); len(got) != 0 {
			t.Errorf("TargetFailing = %v, want none", got)
		}
		if got := ops.of("TargetBlind", "", "firing"); len(got) != 0 {
			t.Errorf("TargetBlind = %v, want none beside it", got)
		}
		r.want(1, "hfwatch_target_suspended", "target", "broke", "reason", "billing")
		r.want(2, "hfwatch_probes_total", "target", "broke", "outcome", "billing", "fault", "account")
		r.want(2, "hfwatch_results_total", "target", "broke", "counts", "apart")
		r.want(0, "hfwatch_results_total", "target", "broke", "counts", "bad")
		if got, ok := r.value("hfwatch_target_bad_of_last_5", "target", "broke"); ok {
			t.Errorf("bad_of_last_5 = %v where nothing counted, want no such series", got)
		}
	})
}

// tee returns the request with its body copied to w as it is read.
func tee(r *http.Request, w io.Writer) *http.Request {
	r.Body = io.NopCloser(io.TeeReader(r.Body, w))
	return r
}
