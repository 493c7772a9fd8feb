package hf_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hfwatch/hfwatch/internal/fakenet"
	"github.com/hfwatch/hfwatch/probe"
	"github.com/hfwatch/hfwatch/probe/hf"
	"github.com/hfwatch/hfwatch/probe/task"
)

// TestWarm makes connections before they are needed: the first request pays no
// handshake, and one whose connection is older than servers hold it dials anew.
func TestWarm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := fakenet.New()
		n.SetLink("a.test:80", fakenet.Link{Connect: 20 * time.Millisecond, Delay: 5 * time.Millisecond})
		served := 0
		n.Serve(t, "a.test:80", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			served++
			_, _ = w.Write([]byte(`{"ok":true}`))
		}))
		client := hf.New(hf.Options{Dial: n.DialContext})
		defer client.Close()
		u, err := url.Parse("http://a.test/")
		if err != nil {
			t.Fatal(err)
		}
		custom, _ := task.ByName("custom")
		target := &probe.Target{
			Name: "a", Task: custom, Endpoint: probe.Endpoint{Route: probe.RouteURL, URL: u}, Timeout: time.Minute,
			Inputs: probe.Inputs{Values: []json.RawMessage{[]byte(`{}`)}},
		}
		run := probe.Runner{Exchanger: client}
		ask := func(seq uint64) time.Duration {
			t.Helper()
			call, err := run.Prepare(probe.Shot{Target: target, Kind: probe.WindowKind, Lane: probe.LaneWindow, Due: time.Now(), Seq: seq, Reuse: true})
			if err != nil {
				t.Fatal(err)
			}
			res := run.Run(t.Context(), call, probe.Circumstances{})
			took, _ := res.Service.Get()
			if res.Outcome != probe.OK {
				t.Errorf("outcome = %s: %s", res.Outcome, res.Error)
			}
			return took
		}
		client.Warm(t.Context(), target, 2)
		if served != 0 {
			t.Errorf("%d requests were sent to warm up, want none", served)
		}
		if took := ask(1); took != 10*time.Millisecond {
			t.Errorf("the first request took %v, want 10ms: its connection was there", took)
		}
		time.Sleep(5 * time.Second)
		if took := ask(2); took <= 20*time.Millisecond {
			t.Errorf("after 5 s a request took %v, want a new connection's 20ms and more", took)
		}
	})
}
