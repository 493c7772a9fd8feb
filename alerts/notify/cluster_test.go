package notify

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/alertmanager/alert"
)

// manager is an Alertmanager's API that keeps what it was posted.
type manager struct {
	t *testing.T
	// hold keeps posts from being answered while it is open.
	hold chan struct{}

	mu      sync.Mutex
	code    int
	batches [][]postable
}

// newManager returns one at am.example:9093 of the rig that answers all posts.
func newManager(t *testing.T, r *rig) *manager {
	t.Helper()
	m := &manager{t: t, hold: make(chan struct{})}
	r.net.Serve(t, "am.example:9093", m)
	return m
}

func (m *manager) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var list []postable
	if err := json.NewDecoder(r.Body).Decode(&list); err != nil || r.URL.Path != "/api/v2/alerts" {
		m.t.Errorf("%s %s: %v", r.Method, r.URL, err)
	}
	m.mu.Lock()
	m.batches = append(m.batches, list)
	code := m.code
	m.mu.Unlock()
	<-m.hold
	if code != 0 {
		w.WriteHeader(code)
	}
}

// answer makes posts be answered with a code from now on; 0 is 200.
func (m *manager) answer(code int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.code = code
}

// got returns how many alerts each post had, and in which order the targets
// came, with their state as of now.
func (m *manager) got() (sizes []int, targets []string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, list := range m.batches {
		sizes = append(sizes, len(list))
		for _, p := range list {
			state := "firing"
			if !p.EndsAt.After(time.Now()) {
				state = "resolved"
			}
			targets = append(targets, string(p.Labels["target"])+" "+state)
		}
	}
	return sizes, targets
}

// toManager is a receiver of that one Alertmanager.
func toManager() Receiver {
	return Receiver{Name: "am", Alertmanager: &Alertmanager{URLs: []*url.URL{{Scheme: "http", Host: "am.example:9093"}}}}
}

// storm returns alerts that fire, in the order of their labels.
func storm(from, n int) []*alert.Alert {
	var out []*alert.Alert
	for i := range n {
		out = append(out, firing("TargetFailing", fmt.Sprintf("%06d", from+i)))
	}
	return out
}

// TestAlertmanagerQueue: behind a post that hangs 10,000 alerts wait, in batches
// of at most 256; each one beyond is counted by one, the oldest first; and what
// has resolved does not give way to what fires.
func TestAlertmanagerQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Options{Timeout: time.Hour})
		am := newManager(t, r)
		r.run(toManager())
		// The first is on its way and does not wait.
		r.set(firing("TargetFailing", "first"))
		synctest.Wait()
		gone := resolved(firing("TargetFailing", "gone"))
		open := *gone
		open.EndsAt = time.Time{}
		r.set(&open)
		r.set(gone)
		r.set(storm(0, queueCapacity-2)...)
		same(t, "waiting with room for all", r.sender.Status()[0].Queued, queueCapacity)
		same(t, "drops with room for all", r.watch.dropped(), map[string]int(nil))
		for n := 1; n <= 2; n++ {
			r.set(storm(queueCapacity+n, 1)...)
			same(t, "waiting", r.sender.Status()[0].Queued, queueCapacity)
			same(t, "drops", r.watch.dropped(), map[string]int{"am overflow": n})
		}
		close(am.hold)
		synctest.Wait()
		sizes, targets := am.got()
		total := 0
		for i, n := range sizes {
			total += n
			if n > batchMost {
				t.Errorf("post %d has %d alerts, want at most %d", i, n, batchMost)
			}
		}
		same(t, "alerts posted", total, 1+queueCapacity)
		same(t, "posts", len(sizes), 1+(queueCapacity+batchMost-1)/batchMost)
		// The firing of gone and the first of the storm were the oldest.
		same(t, "what was posted first", targets[:4], []string{"first firing", "000001 firing", "000002 firing", "000003 firing"})
		told := map[string]bool{}
		for _, target := range targets {
			told[target] = true
		}
		same(t, "whether the resolve was posted", told["gone resolved"], true)
		same(t, "what waits", r.sender.Status()[0].Queued, 0)
	})
}

// TestAlertmanagerHearsTheNewest: what is said again while it waits takes the
// place of what was said before, so that nothing is posted with an end that has
// passed, and a firing goes before its resolve.
func TestAlertmanagerHearsTheNewest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Options{Timeout: time.Hour})
		am := newManager(t, r)
		r.run(toManager())
		r.set(firing("TargetFailing", "first"))
		synctest.Wait()
		bad, ends := firing("TargetFailing", "bad"), firing("TargetFailing", "ends")
		for range 20 {
			r.set(bad, ends)
			pass(time.Minute + time.Second)
		}
		r.set(bad, resolved(ends))
		same(t, "waiting", r.sender.Status()[0].Queued, 3)
		close(am.hold)
		synctest.Wait()
		_, targets := am.got()
		// The first word on ends had its last confirmation a minute ago, and the
		// Alertmanager is told of both.
		same(t, "posted", targets, []string{"first resolved", "bad firing", "ends firing", "ends resolved"})
	})
}

// TestAlertmanagerIsNotToldStaleNews: what no evaluation confirmed for so long
// that its end has passed is not posted: it would read as a resolve.
func TestAlertmanagerIsNotToldStaleNews(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Options{Timeout: time.Hour})
		am := newManager(t, r)
		r.run(toManager())
		r.set(firing("TargetFailing", "first"))
		synctest.Wait()
		r.set(firing("TargetFailing", "bad"))
		pass(validity*resendDelay + time.Second)
		close(am.hold)
		synctest.Wait()
		sizes, _ := am.got()
		same(t, "posts", sizes, []int{1})
		r.set(firing("TargetFailing", "bad"))
		synctest.Wait()
		_, targets := am.got()
		same(t, "the next word", targets[1:], []string{"bad firing"})
	})
}

// TestAlertmanagerFailures: a post that fails is no message that was refused,
// unless the Alertmanager does not want it; each is counted once, and the next
// minute says the same.
func TestAlertmanagerFailures(t *testing.T) {
	for code, want := range map[int]string{
		http.StatusBadGateway: "retry server_error", http.StatusTooManyRequests: "retry rate_limited",
		http.StatusBadRequest: "refused client_error", http.StatusUnauthorized: "refused auth", http.StatusFound: "refused redirect",
	} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, Options{})
			am := newManager(t, r)
			close(am.hold)
			am.answer(code)
			r.run(toManager())
			bad := firing("TargetFailing", "bad")
			r.set(bad)
			synctest.Wait()
			same(t, "attempts", r.watch.counts("am"), map[string]int{want: 1})
			am.answer(0)
			pass(resendDelay + time.Second)
			r.set(bad)
			synctest.Wait()
			same(t, "attempts a minute later", r.watch.counts("am"), map[string]int{want: 1, "sent ": 1})
		})
	}
}

// TestAlertmanagerAtTheEnd: what waits when time is up is counted.
func TestAlertmanagerAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Options{Timeout: time.Hour})
		am := newManager(t, r)
		defer close(am.hold)
		r.run(toManager())
		r.set(firing("TargetFailing", "first"))
		synctest.Wait()
		r.set(firing("TargetFailing", "bad"))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_ = r.sender.Stop(ctx)
		same(t, "drops", r.watch.dropped(), map[string]int{"am shutdown": 1})
		same(t, "attempts", r.watch.counts("am"), map[string]int{"interrupted canceled": 1})
	})
}
