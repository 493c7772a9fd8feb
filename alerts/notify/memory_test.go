package notify

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hfwatch/hfwatch/probe"
)

// shelf is a Store in memory. A copy of it is what a kill -9 leaves.
type shelf struct {
	mu     sync.Mutex
	values map[string]json.RawMessage
	// hang makes Flush wait for the end of its context.
	hang bool
}

func newShelf() *shelf { return &shelf{values: map[string]json.RawMessage{}} }

func (s *shelf) All(prefix string) map[string]json.RawMessage {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := map[string]json.RawMessage{}
	for key, value := range s.values {
		if rest, ok := strings.CutPrefix(key, prefix); ok {
			out[rest] = value
		}
	}
	return out
}

func (s *shelf) Put(key string, value json.RawMessage) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if value == nil {
		delete(s.values, key)
	} else {
		s.values[key] = value
	}
	return nil
}

func (s *shelf) Flush(ctx context.Context) error {
	if s.hang {
		<-ctx.Done()
		return ctx.Err()
	}
	return nil
}

// copied returns the store as it is now.
func (s *shelf) copied() *shelf {
	s.mu.Lock()
	defer s.mu.Unlock()
	return &shelf{values: maps.Clone(s.values)}
}

// killed ends the sender without a word to anybody, and starts another on what
// the store held.
func (r *rig) killed(s *shelf, receivers ...Receiver) *shelf {
	r.t.Helper()
	left := s.copied()
	r.sender.cut()
	_ = r.sender.Stop(r.t.Context())
	r.opts.Store = left
	r.run(receivers...)
	synctest.Wait()
	return left
}

// keeping is a rig with one receiver and a store.
func keeping(t *testing.T) (*rig, *hook, *shelf) {
	t.Helper()
	s := newShelf()
	r, h := oneHook(t, Options{Store: s})
	return r, h, s
}

// TestAKillTellsNothingTwice: what fires on is not told again, and its end is
// told once, with its words, by whichever process sees it.
func TestAKillTellsNothingTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, h, s := keeping(t)
		a, b := firing("TargetFailing", "bert"), firing("TargetBlind", "gpt")
		r.set(a, b)
		pass(time.Second)
		for range 5 {
			s = r.killed(s, to("ops"))
			r.set(a, b)
			pass(15 * time.Second)
		}
		same(t, "posts while it fires", len(h.got()), 2)
		s = r.killed(s, to("ops"))
		bare := resolved(a)
		bare.Annotations = nil
		r.set(bare, b)
		pass(time.Second)
		s = r.killed(s, to("ops"))
		r.set(bare, b)
		pass(time.Second)
		posts := h.got()
		same(t, "posts after the end", len(posts), 3)
		same(t, "the end", posts[2].states(), []string{"TargetFailing/bert resolved"})
		same(t, "its words", posts[2].msg.Alerts[0].Annotations["summary"], "TargetFailing on bert")
		// Nobody speaks of it any more: it has ended while nobody looked.
		r.killed(s, to("ops"))
		r.set()
		r.sender.Reconcile(time.Now())
		pass(time.Second)
		posts = h.got()
		same(t, "posts after the second end", len(posts), 4)
		same(t, "the second end", posts[3].states(), []string{"TargetBlind/gpt resolved"})
		r.sender.Reconcile(time.Now())
		pass(time.Second)
		same(t, "posts at last", len(h.got()), 4)
	})
}

// TestAKillDuringAnAttempt leaves open whether it was told: it is told again
// where it fires on, and resolved where it does not.
func TestAKillDuringAnAttempt(t *testing.T) {
	for _, ended := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			r, h, s := keeping(t)
			h.script(func(_ int, _ http.ResponseWriter, req *http.Request) { <-req.Context().Done() })
			a := firing("TargetFailing", "bert")
			r.set(a)
			pass(time.Second)
			h.script(nil)
			r.killed(s, to("ops"))
			same(t, "posts before the first evaluation", len(h.got()), 1)
			want := "TargetFailing/bert firing"
			if ended {
				a, want = resolved(a), "TargetFailing/bert resolved"
			}
			r.set(a)
			pass(time.Second)
			posts := h.got()
			same(t, "posts", len(posts), 2)
			same(t, "the second", posts[1].states(), []string{want})
		})
	}
}

// TestAKillLosesNoResolve that the receiver would not take yet.
func TestAKillLosesNoResolve(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, h, s := keeping(t)
		a := firing("TargetFailing", "bert")
		r.set(a)
		pass(time.Second)
		h.script(status(http.StatusServiceUnavailable))
		r.set(resolved(a))
		pass(time.Minute)
		h.script(nil)
		before := len(h.got())
		s = r.killed(s, to("ops"))
		r.set()
		pass(time.Second)
		posts := h.got()
		same(t, "posts after the start", len(posts)-before, 1)
		same(t, "the last", posts[len(posts)-1].states(), []string{"TargetFailing/bert resolved"})
		same(t, "what is kept", len(s.All(toldPrefix)), 0)
	})
}

// TestAKillAtAnyMoment: over 200 changes, with a kill at every third, the last
// that the receiver hears of each alert is what is true of it. How often it is
// told on the way is not judged here.
func TestAKillAtAnyMoment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, h, s := keeping(t)
		alive := map[int]bool{}
		for step := range 200 {
			i := step * 7 % 5
			alive[i] = !alive[i]
			if step%3 == 0 {
				s = r.killed(s, to("ops"))
			}
			for n := range 5 {
				a := firing("TargetFailing", fmt.Sprint(n))
				if !alive[n] {
					a = resolved(a)
				}
				r.set(a)
			}
			pass(time.Duration(step%4) * time.Second)
		}
		pass(time.Minute)
		last := map[string]string{}
		for _, p := range h.got() {
			for _, a := range p.msg.Alerts {
				key := a.Labels["target"]
				last[key] = a.Status
			}
		}
		for n := range 5 {
			want := "resolved"
			if alive[n] {
				want = "firing"
			}
			same(t, fmt.Sprint("what the receiver knows of ", n), last[fmt.Sprint(n)], want)
		}
	})
}

// TestAnAddressThatChangedOverARestart is told of what fires; the store does not
// say what it was.
func TestAnAddressThatChangedOverARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, h, s := keeping(t)
		a := firing("TargetFailing", "bert")
		r.set(a)
		pass(time.Second)
		moved := to("ops")
		moved.Webhook.URL = probe.NewSecret("http://ops.example:80/another/secret-path")
		s = r.killed(s, moved)
		r.set(a)
		pass(time.Second)
		same(t, "posts", len(h.got()), 2)
		s = r.killed(s, moved)
		r.set(a)
		pass(time.Second)
		same(t, "posts without another change", len(h.got()), 2)
		for key, value := range s.values {
			if strings.Contains(key+string(value), "secret-path") || strings.Contains(string(value), "ops.example") {
				t.Errorf("the store says where the receiver is: %s %s", key, value)
			}
		}
		other := to("other")
		r.net.Serve(t, "other.example:80", newHook(t))
		s = r.killed(s, other)
		r.set(a)
		r.sender.Reconcile(time.Now())
		pass(time.Second)
		same(t, "what is kept of a receiver that is gone", len(s.All(toldPrefix+quoted("ops"))), 0)
	})
}

// TestADiskThatHangsDelaysAPageByASecond at most.
func TestADiskThatHangsDelaysAPageByASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShelf()
		s.hang = true
		r, h := oneHook(t, Options{Store: s})
		r.set(firing("TargetFailing", "bert"))
		pass(2 * time.Second)
		posts := h.got()
		if len(posts) != 1 || posts[0].at != flushWithin {
			t.Errorf("%d posts, want one after %v", len(posts), flushWithin)
		}
	})
}
