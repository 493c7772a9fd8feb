package sim

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// sec is so many seconds.
func sec(n int) Duration { return Duration(time.Duration(n) * time.Second) }

// sleeper is a TGI that sleeps.
func sleeper(c Cold) Scenario {
	s := one(BackendTGI, []string{taskGeneration}, Behaviour{Tokens: 1, Latency: Latency{Prefill: ms(100)}, Cold: &c})
	s.Models[0].Provider = ""
	return s
}

const ask = `{"inputs":"x"}`

// states reads the management API.
func (b *bench) state() string {
	b.t.Helper()
	a := b.send(http.MethodGet, "/v2/endpoint/sim/m", "", "Authorization", "Bearer x")
	return field(a.body, `"state":"`) + " " + strings.TrimSuffix(field2(a.body), ",")
}

func field(body, after string) string {
	_, rest, _ := strings.Cut(body, after)
	value, _, _ := strings.Cut(rest, `"`)
	return value
}

func field2(body string) string {
	_, rest, _ := strings.Cut(body, `"readyReplica":`)
	ready, rest, _ := strings.Cut(rest, ",")
	_, rest, _ = strings.Cut(rest, `"targetReplica":`)
	target, _, _ := strings.Cut(rest, ",")
	return ready + "/" + target
}

// TestColdStartMachine walks a model from asleep to asleep, beside the
// management API.
func TestColdStartMachine(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := start(t, sleeper(Cold{
			Waking: sec(2), Pending: sec(10), Initializing: sec(20), Unhealthy: sec(8), Idle: sec(600), SlowRequests: 1, SlowBy: sec(3),
			Factor: 2, Step: 2,
		}))
		begin := time.Now()
		equal(t, "asleep", b.state(), "scaledToZero 0/0")
		first := b.post("/e/m/generate", ask)
		equal(t, "refused", first.status, 503)
		equal(t, "body", first.body, `{"error":"503 Service Unavailable"}`)
		for _, row := range []struct {
			at    time.Duration
			state string
		}{
			{time.Second, "scaledToZero 0/0"},
			{2 * time.Second, "pending 0/1"},
			{12 * time.Second, "initializing 0/1"},
			{32 * time.Second, "running 1/1"},
			{39 * time.Second, "running 1/1"},
		} {
			time.Sleep(time.Until(begin.Add(row.at)))
			equal(t, fmt.Sprint("state after ", row.at), b.state(), row.state)
		}
		equal(t, "unhealthy", b.send(http.MethodGet, "/e/m/health", "").status, 503)
		time.Sleep(time.Until(begin.Add(40 * time.Second)))
		equal(t, "healthy", b.send(http.MethodGet, "/e/m/health", "").status, 200)
		for i, want := range []Duration{ms(3100), ms(200), ms(200), ms(100)} {
			at := time.Now()
			equal(t, "answered", b.post("/e/m/generate", ask).status, 200)
			equal(t, fmt.Sprint("latency of request ", i), time.Since(at), time.Duration(want))
		}
		last := time.Now()
		time.Sleep(10*time.Minute - 1)
		equal(t, "still awake", b.state(), "running 1/1")
		time.Sleep(time.Nanosecond)
		equal(t, "asleep again", b.state(), "scaledToZero 0/0")
		var phases []string
		for _, c := range b.server.ColdTruth("m") {
			phases = append(phases, fmt.Sprintf("%s@%v", c.Phase, c.At.Sub(begin)))
		}
		equal(t, "truth", strings.Join(phases, " "), "asleep@0s waking@0s pending@2s initializing@12s unhealthy@32s ready@40s asleep@"+
			last.Add(10*time.Minute).Sub(begin).String())
	})
}

// TestHoldUntilReady holds a request, and one for too short a time.
func TestHoldUntilReady(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := start(t, sleeper(Cold{Initializing: sec(30), Unhealthy: sec(5)}))
		begin := time.Now()
		equal(t, "too short", b.post("/e/m/generate", ask, "X-Scale-Up-Timeout", "10").status, 503)
		equal(t, "held for", time.Since(begin), 10*time.Second)
		equal(t, "long enough", b.post("/e/m/generate", ask, "X-Scale-Up-Timeout", "300").status, 200)
		equal(t, "answered after", time.Since(begin), 35100*time.Millisecond)
		equal(t, "who woke it", b.server.Truth()[0].Woke, true)
	})
}

// TestManagementCommands pauses, resumes and scales to zero.
func TestManagementCommands(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := sleeper(Cold{Begin: coldReady, Initializing: sec(10)})
		s.Account.RequireAuth = true
		b := start(t, s)
		token := []string{"Authorization", "Bearer x"}
		equal(t, "no token", b.send(http.MethodGet, "/v2/endpoint/sim/m", "").status, 401)
		equal(t, "pause", b.post("/v2/endpoint/sim/m/pause", "", token...).status, 200)
		paused := b.post("/e/m/generate", ask)
		equal(t, "paused", fmt.Sprint(paused.status, paused.body), `400{"error":"Bad Request: Invalid state"}`)
		equal(t, "resume", field(b.post("/v2/endpoint/sim/m/resume", "", token...).body, `"state":"`), "initializing")
		time.Sleep(10 * time.Second)
		equal(t, "up", b.post("/e/m/generate", ask).status, 200)
		equal(t, "zero", field(b.post("/v2/endpoint/sim/m/scale-to-zero", "", token...).body, `"state":"`), "scaledToZero")
		equal(t, "list", strings.Count(b.send(http.MethodGet, "/v2/endpoint/sim", "", token...).body, `"name":"m"`), 1)
		equal(t, "other namespace", b.send(http.MethodGet, "/v2/endpoint/other/m", "", token...).status, 404)
	})
}

// TestEstimates of a loading model: the truth, half of it, or a constant.
func TestEstimates(t *testing.T) {
	t.Parallel()
	for kind, want := range map[string]string{"honest": "20", "half": "10", "constant": "77"} {
		synctest.Test(t, func(t *testing.T) {
			b := start(t, sleeper(Cold{Initializing: sec(30), Estimate: kind, EstimateOf: sec(77)}))
			b.post("/e/m/generate", ask)
			time.Sleep(10 * time.Second)
			body := b.post("/e/m/generate", ask).body
			if _, rest, _ := strings.Cut(body, `"estimated_time":`); strings.TrimSuffix(strings.TrimRight(rest, "}"), ".0") != want {
				t.Errorf("%s: %s, want an estimated_time of %s", kind, body, want)
			}
		})
	}
}

// TestReplicasFollowLoad keeps eight requests in flight on one permit each.
func TestReplicasFollowLoad(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := sleeper(Cold{Begin: coldReady, Initializing: sec(30), MaxReplicas: 3})
		s.Models[0].Latency.Prefill = sec(1)
		b := start(t, s)
		begin := time.Now()
		done := make(chan struct{})
		for range 8 {
			go func() {
				for time.Since(begin) < 4*time.Minute {
					b.post("/e/m/generate", ask)
				}
				done <- struct{}{}
			}()
		}
		for range 8 {
			<-done
		}
		time.Sleep(20 * time.Minute)
		var got []string
		for _, c := range b.server.ColdTruth("m") {
			got = append(got, fmt.Sprintf("%v:%d/%d", c.At.Sub(begin), c.Ready, c.Target))
		}
		equal(t, "replicas", strings.Join(got, " "), "0s:1/1 1m0s:1/2 1m30s:2/2 2m0s:2/3 2m30s:3/3 10m0s:2/2 12m0s:1/1")
	})
}
