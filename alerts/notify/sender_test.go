package notify

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/alertmanager/alert"

	"github.com/hfwatch/hfwatch/internal/fakenet"
	"github.com/hfwatch/hfwatch/probe"
)

// oneHook is a rig with one receiver "ops" that a hook answers for.
func oneHook(t *testing.T, o Options) (*rig, *hook) {
	t.Helper()
	r := newRig(t, o)
	h := newHook(t)
	r.net.Serve(t, "ops.example:80", h)
	r.run(to("ops"))
	return r, h
}

// pass lets time pass and everything that is due in it happen.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// TestFiringAndResolvedOnce is the life of one alert: each state is delivered
// at once and once, however often it is said.
func TestFiringAndResolvedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, h := oneHook(t, Options{})
		a := firing("TargetFailing", "bert")
		for range 4 {
			r.set(a)
			pass(15 * time.Second)
		}
		end := resolved(a)
		for range 4 {
			r.set(end)
			pass(15 * time.Second)
		}
		posts := h.got()
		if len(posts) != 2 {
			t.Fatalf("%d posts, want 2", len(posts))
		}
		same(t, "times", []time.Duration{posts[0].at, posts[1].at}, []time.Duration{0, time.Minute})
		same(t, "first", posts[0].states(), []string{"TargetFailing/bert firing"})
		same(t, "second", posts[1].states(), []string{"TargetFailing/bert resolved"})
		same(t, "reasons", []string{posts[0].msg.NotificationReason, posts[1].msg.NotificationReason},
			[]string{"first notification", "all alerts resolved"})
		same(t, "group key", posts[0].msg.GroupKey, `{}:{alertname="TargetFailing"}`)
		if posts[0].id == posts[1].id || posts[0].id == "" {
			t.Errorf("deliveries %q and %q, want two names", posts[0].id, posts[1].id)
		}
		same(t, "attempts", r.watch.counts("ops"), map[string]int{"sent ": 2})
		same(t, "status", r.sender.Status(), []Status{{Receiver: "ops"}})
	})
}

// TestHangingReceiverDelaysNobody: a webhook that accepts and never answers
// holds up neither who calls Set nor another receiver.
func TestHangingReceiverDelaysNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Options{})
		h := newHook(t)
		r.net.Serve(t, "ops.example:80", h)
		hung, err := r.net.Listen("hung.example:80")
		if err != nil {
			t.Fatal(err)
		}
		defer hung.Close()
		r.run(to("hung"), to("ops"))
		start := time.Now()
		for i := range 20 {
			r.set(firing("TargetFailing", fmt.Sprint(i)))
			if d := time.Since(start); d != 0 {
				t.Fatalf("Set took %v, want 0", d)
			}
		}
		synctest.Wait()
		shown := 0
		for _, p := range h.got() {
			same(t, "time of arrival", p.at, 0)
			for _, a := range p.msg.Alerts {
				if a.Status == "firing" {
					shown++
				}
			}
		}
		if shown < 20 {
			t.Errorf("%d alerts shown, want 20", shown)
		}
		same(t, "hung, before its time", r.watch.counts("hung"), map[string]int{})
		pass(10 * time.Second)
		same(t, "hung, at its time", r.watch.counts("hung"), map[string]int{"retry timeout": 1})
	})
}

// TestHangingHandshake: an attempt that hangs below HTTP ends in its time and
// leaves nothing running, which the end of the bubble would show.
func TestHangingHandshake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Options{})
		hung, err := r.net.Listen("ops.example:443")
		if err != nil {
			t.Fatal(err)
		}
		defer hung.Close()
		secure := to("ops")
		secure.Webhook.URL = probe.NewSecret("https://ops.example/hook")
		r.run(secure)
		r.set(firing("TargetFailing", "bert"))
		pass(10 * time.Second)
		same(t, "attempts", r.watch.counts("ops"), map[string]int{"retry timeout": 1})
	})
}

// TestRetryAfter: 429 with Retry-After 7 is tried again after 7 s and not
// sooner, by the same name, and nothing else is sent meanwhile.
func TestRetryAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, h := oneHook(t, Options{})
		h.script(func(n int, w http.ResponseWriter, _ *http.Request) {
			if n == 1 {
				w.Header().Set("Retry-After", "7")
				w.WriteHeader(http.StatusTooManyRequests)
			}
		})
		r.set(firing("TargetFailing", "bert"))
		pass(time.Second)
		r.set(firing("TargetBlind", "bert"))
		pass(time.Minute)
		posts := h.got()
		if len(posts) != 3 {
			t.Fatalf("%d posts, want 3", len(posts))
		}
		same(t, "times", []time.Duration{posts[0].at, posts[1].at, posts[2].at}, []time.Duration{0, 7 * time.Second, 7 * time.Second})
		ids := map[string]int{}
		for _, p := range posts {
			ids[p.id]++
		}
		same(t, "attempts of the first delivery", ids[posts[0].id], 2)
		var waits []time.Duration
		for _, a := range r.watch.attempts {
			same(t, "duration of an attempt", a.Took, 0)
			same(t, "alerts of an attempt", a.Alerts, 1)
			waits = append(waits, a.Waited)
		}
		slices.Sort(waits)
		same(t, "how long the pages were late", waits, []time.Duration{0, 6 * time.Second, 7 * time.Second})
		same(t, "attempts", r.watch.counts("ops"), map[string]int{"retry rate_limited": 1, "sent ": 2})
	})
}

// TestResolvedAfterOutage: what was delivered before an outage of 30 hours and
// resolved in it is said to have resolved exactly once, with the annotations
// and the link that the resolve itself came without.
func TestResolvedAfterOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, h := oneHook(t, Options{})
		a := firing("TargetFailing", "bert")
		r.set(a)
		synctest.Wait()
		h.script(status(http.StatusBadGateway))
		end := resolved(a)
		end.Annotations, end.GeneratorURL = nil, ""
		r.set(end)
		const outage = 30 * time.Hour
		pass(outage)
		before := len(h.got())
		h.script(nil)
		pass(time.Hour)
		said := h.got()[before:]
		if len(said) != 1 {
			t.Fatalf("%d posts after the outage, want 1", len(said))
		}
		if late := said[0].at - outage; late > backoffMost {
			t.Errorf("delivered %v after the outage, want within %v", late, backoffMost)
		}
		got := said[0].msg.Alerts[0]
		same(t, "states", said[0].states(), []string{"TargetFailing/bert resolved"})
		same(t, "annotations", map[string]string(got.Annotations), map[string]string{"summary": "TargetFailing on bert", "value": "3"})
		same(t, "link", got.GeneratorURL, a.GeneratorURL)
		same(t, "end", got.EndsAt, end.EndsAt)
		if n := r.watch.counts("ops")["given_up server_error"]; n < 90 {
			t.Errorf("%d dead letters, want one in a quarter of an hour or so", n)
		}
	})
}

// TestBothStatesOfAnAttemptedFiring: where the firing may have arrived, it is
// delivered before its resolve, however late.
func TestBothStatesOfAnAttemptedFiring(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, h := oneHook(t, Options{})
		h.script(status(http.StatusInternalServerError))
		a := firing("TargetFailing", "bert")
		r.set(a)
		pass(2 * time.Second)
		r.set(resolved(a))
		pass(2 * time.Second)
		before := len(h.got())
		h.script(nil)
		pass(time.Minute)
		var states []string
		for _, p := range h.got()[before:] {
			states = append(states, p.states()...)
		}
		same(t, "states", states, []string{"TargetFailing/bert firing", "TargetFailing/bert resolved"})
	})
}

// TestNeverAttempted: what fired and resolved without an attempt between is
// not told at all, and counted.
func TestNeverAttempted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, h := oneHook(t, Options{})
		h.script(func(n int, w http.ResponseWriter, _ *http.Request) {
			if n == 1 {
				w.Header().Set("Retry-After", "60")
				w.WriteHeader(http.StatusServiceUnavailable)
			}
		})
		r.set(firing("TargetFailing", "bert"))
		pass(time.Second)
		short := firing("TargetFailing", "short")
		r.set(short)
		pass(time.Second)
		r.set(resolved(short))
		pass(2 * time.Minute)
		posts := h.got()
		same(t, "posts", len(posts), 2)
		same(t, "last", posts[len(posts)-1].states(), []string{"TargetFailing/bert firing"})
		same(t, "drops", r.watch.dropped(), map[string]int{"ops resolved_early": 1})
	})
}

// TestKilledInMidAnswer: a receiver that dies while it answers may have taken
// the message; it is sent again by the same name.
func TestKilledInMidAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Options{})
		l, err := r.net.Listen("ops.example:80")
		if err != nil {
			t.Fatal(err)
		}
		h := newHook(t)
		go func() {
			c, err := l.Accept()
			if err != nil {
				return
			}
			buf := make([]byte, 64<<10)
			_, _ = c.Read(buf)
			_, _ = io.WriteString(c, "HTTP/1.1 200 O")
			c.(*fakenet.Conn).Reset()
			fakenet.ServeListener(t, l, h)
		}()
		r.run(to("ops"))
		r.set(firing("TargetFailing", "bert"))
		pass(time.Minute)
		posts := h.got()
		if len(posts) != 1 {
			t.Fatalf("%d posts, want 1", len(posts))
		}
		same(t, "time", posts[0].at, backoff(posts[0].id, 1))
		same(t, "attempts", r.watch.counts("ops"), map[string]int{"retry network": 1, "sent ": 1})
	})
}

// TestSlowLoris: a head that drips is cut off at the attempt's bound, and a
// success whose body drips is a success when its head is there.
func TestSlowLoris(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Options{})
		l, err := r.net.Listen("ops.example:80")
		if err != nil {
			t.Fatal(err)
		}
		head := "HTTP/1.1 200 OK\r\nX-Padding: aaaaaaaaaaaaaaaaaaaaaaaa\r\n\r\n"
		drip := func(c net.Conn, first string) {
			defer c.Close()
			req, err := http.ReadRequest(bufio.NewReader(c))
			if err != nil {
				return
			}
			_, _ = io.Copy(io.Discard, req.Body)
			_, _ = io.WriteString(c, first)
			for j := 0; ; j++ {
				if _, err := io.WriteString(c, head[j%len(head):j%len(head)+1]); err != nil {
					return
				}
				time.Sleep(time.Second)
			}
		}
		go func() {
			for i := 0; ; i++ {
				c, err := l.Accept()
				if err != nil {
					return
				}
				first := ""
				if i > 0 {
					first = "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"
				}
				go drip(c, first)
			}
		}()
		r.run(to("ops"))
		r.set(firing("TargetFailing", "bert"))
		pass(9 * time.Second)
		same(t, "attempts after 9 s", r.watch.counts("ops"), map[string]int{})
		pass(3 * time.Second)
		same(t, "attempts after 12 s", r.watch.counts("ops"), map[string]int{"retry timeout": 1, "sent ": 1})
		same(t, "time taken by the success", r.watch.attempts[1].Took, 0)
		l.Close()
	})
}

// TestBackoffAndDeadLetter: the times of all attempts of a message in an
// outage, its end, and the new message that follows it.
func TestBackoffAndDeadLetter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, h := oneHook(t, Options{})
		h.script(status(http.StatusServiceUnavailable))
		r.set(firing("TargetFailing", "bert"))
		pass(20 * time.Minute)
		posts := h.got()
		first, due := posts[0].id, time.Duration(0)
		n := 0
		for ; n < len(posts) && posts[n].id == first; n++ {
			same(t, fmt.Sprintf("time of attempt %d", n+1), posts[n].at, due)
			due += backoff(first, n+1)
		}
		last := posts[n-1].at
		if last > 15*time.Minute || due <= 15*time.Minute {
			t.Errorf("last attempt at %v and the next would be at %v, want 15m between", last, due)
		}
		same(t, "begin of the next message", posts[n].at, last+backoffMost)
		counts := r.watch.counts("ops")
		same(t, "dead letters", counts["given_up server_error"], 1)
		same(t, "retries", counts["retry server_error"], len(posts)-1)
		// A message's state changes when it first fails, and not with each failure.
		same(t, "warnings", strings.Count(r.logs.String(), "level=WARN"), 2)
		same(t, "errors", strings.Count(r.logs.String(), "level=ERROR"), 1)
	})
}

// TestRefused: a 404 is not tried again, but what still fires is told in a new
// message five minutes later, since a gateway says 404 too.
func TestRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, h := oneHook(t, Options{})
		h.script(func(n int, w http.ResponseWriter, _ *http.Request) {
			if n == 1 {
				w.WriteHeader(http.StatusNotFound)
			}
		})
		r.set(firing("TargetFailing", "bert"))
		pass(time.Hour)
		posts := h.got()
		if len(posts) != 2 {
			t.Fatalf("%d posts, want 2", len(posts))
		}
		same(t, "time of the second", posts[1].at, refusedPause)
		if posts[0].id == posts[1].id {
			t.Errorf("both have the name %s, want two", posts[0].id)
		}
		same(t, "attempts", r.watch.counts("ops"), map[string]int{"refused client_error": 1, "sent ": 1})
	})
}

// TestRefusedThenResolved: of an alert that the receiver refused it is not told
// the resolve; one that it was told of is said to have resolved for a day.
func TestRefusedThenResolved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, h := oneHook(t, Options{})
		known, unknown := firing("TargetFailing", "known"), firing("TargetFailing", "unknown")
		r.set(known)
		synctest.Wait()
		h.script(status(http.StatusForbidden))
		r.set(known, unknown)
		pass(time.Second)
		r.set(resolved(known), resolved(unknown))
		pass(time.Second)
		same(t, "drops", r.watch.dropped(), map[string]int{"ops resolved_early": 1})
		pass(25 * time.Hour)
		same(t, "drops after a day", r.watch.dropped(), map[string]int{"ops resolved_early": 1, "ops refused": 1})
		same(t, "status", r.sender.Status(), []Status{{Receiver: "ops"}})
		for _, p := range h.got()[2:] {
			same(t, "states", p.states(), []string{"TargetFailing/known resolved"})
		}
		if n := r.watch.counts("ops")["refused auth"]; n < 200 {
			t.Errorf("%d refusals in a day, want one in five minutes", n)
		}
	})
}

// TestMuted: a muted firing waits, and is told when it is not muted any more;
// the resolve of what was told before is told at once; what came and went while
// muted is not told.
func TestMuted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, h := oneHook(t, Options{})
		before, long, short := firing("TargetFailing", "before"), firing("TargetFailing", "long"), firing("TargetFailing", "short")
		mute := func(alerts ...*alert.Alert) {
			var routed []Routed
			for _, a := range alerts {
				routed = append(routed, Routed{Alert: a, Muted: true})
			}
			r.sender.Set(time.Now(), routed)
			pass(time.Minute)
		}
		r.set(before)
		synctest.Wait()
		mute(before, long, short)
		same(t, "held", r.sender.Status()[0].Held, 2)
		same(t, "posts while muted", len(h.got()), 1)
		mute(resolved(before), long, resolved(short))
		mute(long)
		r.set(long)
		pass(time.Minute)
		var states []string
		for _, p := range h.got() {
			states = append(states, fmt.Sprint(p.at, " ", p.states()))
		}
		same(t, "posts", states, []string{
			"0s [TargetFailing/before firing]",
			"1m0s [TargetFailing/before resolved]",
			"3m0s [TargetFailing/long firing]",
		})
		same(t, "drops", r.watch.dropped(), map[string]int{"ops muted": 1})
	})
}

// TestRepeat: what goes on firing is told again every four hours, unless it is
// muted then.
func TestRepeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, h := oneHook(t, Options{})
		a := firing("TargetFailing", "bert")
		for i := range 10 * 4 {
			r.sender.Set(time.Now(), []Routed{{Alert: a, Muted: i >= 15 && i < 20}})
			pass(15 * time.Minute)
		}
		var times []time.Duration
		for _, p := range h.got() {
			times = append(times, p.at)
		}
		same(t, "times", times, []time.Duration{0, 5 * time.Hour, 9 * time.Hour})
		same(t, "reason", h.got()[1].msg.NotificationReason, "repeat interval elapsed")
	})
}

// TestPoison: a message at which the receiver chokes holds up no other.
func TestPoison(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, h := oneHook(t, Options{})
		h.script(func(_ int, w http.ResponseWriter, _ *http.Request) {
			for _, p := range h.got()[len(h.got())-1].msg.Alerts {
				if p.Labels["target"] == "poison" {
					w.WriteHeader(http.StatusInternalServerError)
				}
			}
		})
		r.set(firing("TargetFailing", "poison"))
		pass(100 * time.Millisecond)
		r.set(firing("TargetBlind", "bert"))
		synctest.Wait()
		posts := h.got()
		same(t, "time", posts[len(posts)-1].at, 100*time.Millisecond)
		same(t, "sent", r.watch.counts("ops")["sent "], 1)
	})
}

// TestRedirectRefused: a signed message is not taken to another address, neither
// as it is nor as the GET that clients make of it.
func TestRedirectRefused(t *testing.T) {
	for _, code := range []int{301, 302, 303, 307, 308} {
		synctest.Test(t, func(t *testing.T) {
			r, h := oneHook(t, Options{})
			var elsewhere atomic.Int32
			r.net.Serve(t, "other.example:80", http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) }))
			h.script(func(_ int, w http.ResponseWriter, r *http.Request) {
				http.Redirect(w, r, "http://other.example:80/", code)
			})
			r.set(firing("TargetFailing", "bert"))
			pass(time.Minute)
			same(t, "requests at the other", elsewhere.Load(), 0)
			same(t, "attempts", r.watch.counts("ops"), map[string]int{"refused redirect": 1})
		})
	}
}

// TestFiringStaysFiring: rule engines send firing alerts with an end ahead,
// which passes during an outage; the message still says firing.
func TestFiringStaysFiring(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, h := oneHook(t, Options{})
		h.script(status(http.StatusServiceUnavailable))
		a := firing("TargetFailing", "bert")
		a.EndsAt = time.Now().Add(time.Minute)
		r.set(a)
		pass(10 * time.Minute)
		h.script(nil)
		pass(time.Minute)
		posts := h.got()
		got := posts[len(posts)-1].msg
		same(t, "status", got.Status, "firing")
		same(t, "end", got.Alerts[0].EndsAt, time.Time{})
	})
}

// TestResolvedByTheEvaluationsClock: an evaluation whose clock is ahead of the
// wall's has resolved the alert, and the message says so.
func TestResolvedByTheEvaluationsClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, h := oneHook(t, Options{})
		a := firing("TargetFailing", "bert")
		r.set(a)
		pass(time.Second)
		ahead := time.Now().Add(time.Hour)
		end := *a
		end.EndsAt = ahead
		r.sender.Set(ahead, []Routed{{Alert: &end}})
		synctest.Wait()
		posts := h.got()
		same(t, "states", posts[len(posts)-1].states(), []string{"TargetFailing/bert resolved"})
		same(t, "end", posts[len(posts)-1].msg.Alerts[0].EndsAt.Equal(time.Now()), true)
	})
}

// TestRouting: a receiver gets what its match selects, or what names it.
func TestRouting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Options{})
		hooks := map[string]*hook{}
		var receivers []Receiver
		for name, match := range map[string]probe.Match{
			"all":      {},
			"warning":  {Severity: "warning"},
			"target":   {Name: "bert"},
			"userteam": {Labels: map[string]string{"team": "search"}},
		} {
			hooks[name] = newHook(t)
			r.net.Serve(t, name+".example:80", hooks[name])
			rec := to(name)
			rec.Match = match
			receivers = append(receivers, rec)
		}
		r.run(receivers...)
		plain, team, named := firing("Plain", "bert"), firing("Team", "other"), firing("Named", "bert")
		team.Labels["team"] = "search"
		r.sender.Set(time.Now(), []Routed{{Alert: plain}, {Alert: team}, {Alert: named, To: []string{"warning"}}})
		synctest.Wait()
		got := map[string][]string{}
		for name, h := range hooks {
			for _, p := range h.got() {
				got[name] = append(got[name], p.states()...)
			}
		}
		same(t, "alerts by receiver", got, map[string][]string{
			"all":      {"Plain/bert firing", "Team/other firing"},
			"warning":  {"Named/bert firing"},
			"target":   {"Plain/bert firing"},
			"userteam": {"Team/other firing"},
		})
	})
}

// TestStopDrains: what is pending at the end is delivered, also what waits for
// another attempt.
func TestStopDrains(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, h := oneHook(t, Options{})
		h.script(status(http.StatusInternalServerError))
		r.set(firing("TargetFailing", "waits"))
		pass(50 * time.Second)
		n := len(h.got())
		h.script(nil)
		r.set(firing("TargetFailing", "new"))
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		start := time.Now()
		if err := r.sender.Stop(ctx); err != nil {
			t.Errorf("Stop: %v", err)
		}
		same(t, "time to stop", time.Since(start), 0)
		same(t, "sent", r.watch.counts("ops")["sent "], 2)
		r.set(firing("TargetFailing", "late"))
		if err := r.sender.Stop(ctx); err != nil {
			t.Errorf("second Stop: %v", err)
		}
		pass(time.Minute)
		same(t, "posts after the end", len(h.got()), n+2)
	})
}

// TestStopIsBounded: a receiver that hangs holds up the end until the deadline
// and no longer; what is left is counted and said.
func TestStopIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Options{})
		hung, err := r.net.Listen("ops.example:80")
		if err != nil {
			t.Fatal(err)
		}
		defer hung.Close()
		r.run(to("ops"))
		r.set(firing("TargetFailing", "bert"), firing("TargetBlind", "bert"))
		pass(time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		start := time.Now()
		err = r.sender.Stop(ctx)
		same(t, "time to stop", time.Since(start), 5*time.Second)
		same(t, "error", fmt.Sprint(err), "notify: stopped with 2 alerts undelivered")
		same(t, "drops", r.watch.dropped(), map[string]int{"ops shutdown": 2})
		same(t, "attempts", r.watch.counts("ops"), map[string]int{"interrupted canceled": 1})
	})
}

// TestStopDoesNotWaitInVain: where the next attempt would come after the
// deadline, there is nothing to wait for.
func TestStopDoesNotWaitInVain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, h := oneHook(t, Options{})
		h.script(func(_ int, w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "60")
			w.WriteHeader(http.StatusTooManyRequests)
		})
		r.set(firing("TargetFailing", "bert"))
		pass(time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		start := time.Now()
		if err := r.sender.Stop(ctx); err == nil {
			t.Error("Stop: no error, want one that says what is left")
		}
		same(t, "time to stop", time.Since(start), 0)
	})
}

// TestStopDoesNotWaitForRefusals: what was refused is not waited for, even by a
// Stop that has no deadline.
func TestStopDoesNotWaitForRefusals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, h := oneHook(t, Options{})
		h.script(status(http.StatusGone))
		r.set(firing("TargetFailing", "bert"))
		pass(time.Second)
		start := time.Now()
		same(t, "error", fmt.Sprint(r.sender.Stop(t.Context())), "notify: stopped with 1 alerts undelivered")
		same(t, "time to stop", time.Since(start), 0)
		same(t, "attempts, the last at the end", r.watch.counts("ops"), map[string]int{"refused client_error": 2})
	})
}
