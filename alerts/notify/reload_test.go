package notify

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hfwatch/hfwatch/probe"
)

// update puts the receivers in place.
func (r *rig) update(receivers ...Receiver) {
	r.t.Helper()
	if err := r.sender.Update(receivers); err != nil {
		r.t.Fatalf("Update: %v", err)
	}
}

// TestReloadKeepsState: an unchanged receiver is told nothing twice, and the
// resolve of what it was told before.
func TestReloadKeepsState(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, h := oneHook(t, Options{})
		a := firing("TargetFailing", "bert")
		r.set(a)
		pass(time.Minute)
		r.update(to("ops"), to("other"))
		r.set(a)
		pass(time.Minute)
		same(t, "posts after the reload", len(h.got()), 1)
		r.set(resolved(a))
		synctest.Wait()
		same(t, "posts after the resolve", len(h.got()), 2)
	})
}

// TestReloadKeepsPendingResolve: a resolve that waits for another attempt
// outlives the removal of its receiver; a page that was never attempted does
// not.
func TestReloadKeepsPendingResolve(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, h := oneHook(t, Options{})
		a := firing("TargetFailing", "bert")
		known := firing("TargetFailing", "known")
		r.set(a, known)
		synctest.Wait()
		h.script(func(n int, w http.ResponseWriter, _ *http.Request) {
			if n == 2 {
				w.Header().Set("Retry-After", "60")
				w.WriteHeader(http.StatusServiceUnavailable)
			}
		})
		r.set(resolved(a))
		pass(time.Second)
		b := firing("TargetFailing", "waits")
		r.set(b)
		pass(time.Second)
		r.update(to("other"))
		same(t, "status", r.sender.Status(), []Status{{Receiver: "other"}})
		pass(2 * time.Minute)
		posts := h.got()
		same(t, "posts", len(posts), 3)
		same(t, "last", posts[2].msg.Alerts.Resolved()[0].Labels["target"], "bert")
		same(t, "its time", posts[2].at, time.Minute)
		same(t, "drops", r.watch.dropped(), map[string]int{"ops removed": 1})
		r.update(to("other"))
		same(t, "retired workers", len(r.sender.retired), 0)
	})
}

// TestRemovedReceiverIsNotOwedForEver: a removed receiver that is down ends with
// its message.
func TestRemovedReceiverIsNotOwedForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, h := oneHook(t, Options{})
		a := firing("TargetFailing", "bert")
		r.set(a)
		synctest.Wait()
		h.script(status(http.StatusServiceUnavailable))
		r.set(resolved(a))
		pass(time.Second)
		r.update()
		pass(15 * time.Minute)
		n := len(h.got())
		pass(time.Hour)
		same(t, "posts later", len(h.got()), n)
		same(t, "drops", r.watch.dropped(), map[string]int{"ops removed": 1})
	})
}

// TestReloadMovesReceiver: at a new address the receiver is told of what fires,
// and of the resolve of what was told at the old one.
func TestReloadMovesReceiver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, old := oneHook(t, Options{})
		h := newHook(t)
		r.net.Serve(t, "new.example:80", h)
		stays, goes := firing("TargetFailing", "stays"), firing("TargetBlind", "goes")
		r.set(stays, goes)
		synctest.Wait()
		old.script(status(http.StatusServiceUnavailable))
		r.set(resolved(goes))
		pass(2 * time.Minute)
		moved := to("ops")
		moved.Webhook.URL = probe.NewSecret("http://new.example/hook")
		r.update(moved)
		synctest.Wait()
		var states []string
		for _, p := range h.got() {
			same(t, "time", p.at, 2*time.Minute)
			states = append(states, p.states()...)
		}
		same(t, "states at the new address", states, []string{"TargetFailing/stays firing", "TargetBlind/goes resolved"})
		r.set(resolved(stays))
		synctest.Wait()
		same(t, "posts at the new address", len(h.got()), 3)
	})
}

// TestReloadWhileHanging: the attempt at the old address that hangs during the
// reload is followed by one at the new address at once.
func TestReloadWhileHanging(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Options{})
		hung, err := r.net.Listen("ops.example:80")
		if err != nil {
			t.Fatal(err)
		}
		defer hung.Close()
		h := newHook(t)
		r.net.Serve(t, "new.example:80", h)
		r.run(to("ops"))
		r.set(firing("TargetFailing", "bert"))
		pass(time.Second)
		moved := to("ops")
		moved.Webhook.URL = probe.NewSecret("http://new.example/hook")
		r.update(moved)
		pass(10 * time.Second)
		same(t, "time of arrival", h.got()[0].at, 10*time.Second)
	})
}

// TestReloadWhileDelivering: what arrives at the old address during the reload
// is told to the new one as well.
func TestReloadWhileDelivering(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, old := oneHook(t, Options{})
		h := newHook(t)
		r.net.Serve(t, "new.example:80", h)
		old.script(func(int, http.ResponseWriter, *http.Request) { time.Sleep(5 * time.Second) })
		r.set(firing("TargetFailing", "bert"))
		pass(time.Second)
		moved := to("ops")
		moved.Webhook.URL = probe.NewSecret("http://new.example/hook")
		r.update(moved)
		pass(time.Minute)
		same(t, "posts at the new address", len(h.got()), 1)
		same(t, "time of arrival", h.got()[0].at, 5*time.Second)
		same(t, "sent", r.watch.counts("ops")["sent "], 2)
	})
}

// TestReloadOfKey: what was refused for a wrong key is told again at once with
// the right one.
func TestReloadOfKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Options{})
		h := newHook(t)
		h.key = probe.Secret{}
		right := probe.NewSecret("right")
		h.script(func(_ int, w http.ResponseWriter, req *http.Request) {
			p := h.got()[len(h.got())-1]
			if Verify(right, req.Header.Get(HeaderTimestamp), req.Header.Get(HeaderSignature), p.body, time.Now(), time.Second) != nil {
				w.WriteHeader(http.StatusUnauthorized)
			}
		})
		r.net.Serve(t, "ops.example:80", h)
		r.run(to("ops"))
		r.set(firing("TargetFailing", "bert"))
		pass(time.Minute)
		changed := to("ops")
		changed.Webhook.Secret = right
		r.update(changed)
		synctest.Wait()
		same(t, "time of the second", h.got()[1].at, time.Minute)
		same(t, "attempts", r.watch.counts("ops"), map[string]int{"refused auth": 1, "sent ": 1})
	})
}

// TestReloadOfMatch: what waits and is not the receiver's any more is not told;
// what was told is said to have resolved.
func TestReloadOfMatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, h := oneHook(t, Options{})
		told := firing("TargetFailing", "told")
		r.set(told)
		synctest.Wait()
		h.script(func(n int, w http.ResponseWriter, _ *http.Request) {
			if n == 2 {
				w.Header().Set("Retry-After", "60")
				w.WriteHeader(http.StatusTooManyRequests)
			}
		})
		mine := firing("TargetFailing", "mine")
		r.set(told, mine)
		pass(time.Second)
		waits := firing("TargetFailing", "waits")
		r.set(told, mine, waits)
		pass(time.Second)
		narrow := to("ops")
		narrow.Match = probe.Match{Name: "mine"}
		r.update(narrow)
		r.set(told, mine, waits)
		pass(time.Hour * 5)
		r.set(told, mine, waits)
		pass(time.Minute)
		r.set(resolved(told), resolved(waits), mine)
		pass(time.Minute)
		last := h.got()[len(h.got())-1]
		same(t, "last", last.states(), []string{"TargetFailing/told resolved", "TargetFailing/mine firing"})
		same(t, "drops", r.watch.dropped(), map[string]int{"ops removed": 1})
		for _, p := range h.got() {
			if strings.Contains(string(p.body), "waits") {
				t.Errorf("told of waits: %s", p.body)
			}
		}
	})
}

// TestBadReloadChangesNothing: every mistake is refused by name, without the
// address, and what ran before goes on.
func TestBadReloadChangesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, h := oneHook(t, Options{})
		hook := func(u string) *Webhook { return &Webhook{URL: probe.NewSecret(u)} }
		for _, c := range []struct {
			name, want string
			receivers  []Receiver
		}{
			{"no name", `notify[0]: has no name`, []Receiver{{Webhook: hook("http://x")}}},
			{"two of a name", `notify[1] "a": another receiver has this name`, []Receiver{to("a"), to("a")}},
			{"no way to deliver", `notify[0] "a": says not how to deliver; add a webhook`, []Receiver{{Name: "a"}}},
			{"no address", `notify[0] "a": webhook.url: empty; write the address, or name a file that holds it`, []Receiver{{Name: "a", Webhook: hook("")}}},
			{"a broken address", `notify[0] "a": webhook.url: not a URL; check for spaces and stray characters`, []Receiver{{Name: "a", Webhook: hook("http://x/%zz\n")}}},
			{"another scheme", `notify[0] "a": webhook.url: neither http:// nor https://`, []Receiver{{Name: "a", Webhook: hook("ftp://x/token")}}},
			{"no host", `notify[0] "a": webhook.url: has no host`, []Receiver{{Name: "a", Webhook: hook("https:///token")}}},
		} {
			err := r.sender.Update(append([]Receiver{}, c.receivers...))
			if err == nil || err.Error() != c.want {
				t.Errorf("%s: error %v, want %s", c.name, err, c.want)
			}
		}
		r.set(firing("TargetFailing", "bert"))
		synctest.Wait()
		same(t, "posts", len(h.got()), 1)
	})
}
