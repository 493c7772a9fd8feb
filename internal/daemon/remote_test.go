package daemon

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// TestSeriesAreSent: a receiver gets what is stored, with its credentials; one
// that is away is asked less and less, and what it missed arrives.
func TestSeriesAreSent(t *testing.T) {
	in(t, func(t *testing.T, r *rig) {
		r.net.Serve(t, "m.test:80", http.HandlerFunc(good))
		var down atomic.Bool
		var got, asked atomic.Int64
		r.net.Serve(t, "central.test:80", http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			asked.Add(1)
			if down.Load() {
				w.WriteHeader(http.StatusServiceUnavailable)
				return
			}
			if req.URL.Path == "/api/v1/write" && strings.HasPrefix(req.UserAgent(), "hfwatch/") && req.Header.Get("Content-Type") == "application/x-protobuf;proto=io.prometheus.write.v2.Request" {
				got.Add(1)
			}
			w.Header().Set("X-Prometheus-Remote-Write-Samples-Written", "1")
			w.WriteHeader(http.StatusNoContent)
		}))
		r.start("remote_write: [{name: central, url: \"http://central.test/api/v1/write\"}]\nmodels:\n" + model("a", "http://m.test/a", "@every 10s"))
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if n := got.Load(); n < 5 {
			t.Errorf("%d requests arrived in two minutes, want one each 15 s", n)
		}
		down.Store(true)
		before := asked.Load()
		time.Sleep(time.Hour)
		synctest.Wait()
		if n := asked.Load() - before; n < 60 || n > 200 {
			t.Errorf("a receiver that is away was asked %d times in an hour", n)
		}
		if v, _ := r.value("hfwatch_remote_write_failures_total"); v < 30 {
			t.Errorf("%v failures are counted", v)
		}
		down.Store(false)
		sent, _ := r.value("hfwatch_remote_write_samples_total")
		time.Sleep(3 * time.Minute)
		synctest.Wait()
		after, _ := r.value("hfwatch_remote_write_samples_total")
		if lost := strings.Count(r.logs.String(), "series are sent again"); after-sent < 60 || lost != 1 {
			t.Errorf("%v requests' samples arrived of the hour, and %d lines tell of it", after-sent, lost)
		}
	})
}
