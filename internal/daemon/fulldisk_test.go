package daemon

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// TestAFullDiskStopsNothing: while the disk of the data directory is full, every
// slot is probed, series go on, pages are served and alerts begin; one alert says
// what is wrong. Once there is room everything that waited is written, without a
// restart.
func TestAFullDiskStopsNothing(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=64m"); err != nil {
		t.Skipf("a small file system cannot be mounted here: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, dir)
		time.Sleep(3 * time.Second)
		ops, seen := &hook{}, noting(good)
		r.net.Serve(t, "ops.test:80", ops)
		r.net.Serve(t, "m.test:80", seen)
		var failing atomic.Bool
		r.net.Serve(t, "f.test:80", http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			if failing.Load() {
				w.WriteHeader(http.StatusInternalServerError)
				return
			}
			good(w, req)
		}))
		r.opts.Listener = r.listen("127.0.0.1:80")
		begun := time.Now().Truncate(10 * time.Second)
		r.start(`notify: [{name: ops, webhook: {url: "http://ops.test/hook"}}]` + "\nmodels:\n" +
			model("a", "http://m.test/a", "@every 10s") + model("b", "http://f.test/b", "@every 10s"))
		time.Sleep(2 * time.Minute)
		fillUp(t, filepath.Join(dir, "filler"))
		failing.Store(true)
		time.Sleep(4 * time.Minute)
		synctest.Wait()

		n := int(time.Since(begun) / (10 * time.Second))
		sameTimes(t, "a", seen.of("/a"), every(begun.Add(10*time.Second), 10*time.Second, n))
		r.want(float64(n), "hfwatch_results_total", "target", "a", "kind", "baseline", "counts", "good")
		if got, _ := r.value("hfwatch_records_write_failures_total"); got == 0 {
			t.Error("no failure to write records is counted; the disk is not full")
		}
		for _, page := range []string{"/", "/metrics", "/-/ready", "/api/v1/query?query=hfwatch_target_consecutive_bad"} {
			if code := r.status("http://127.0.0.1" + page); code != http.StatusOK {
				t.Errorf("%s answers %d", page, code)
			}
		}
		if got := ops.of("TargetFailing", "b", "firing"); len(got) != 1 {
			t.Errorf("%d pages of a target that fails, want 1", len(got))
		}
		if got := ops.of("HistoryFailing", "", "firing"); len(got) != 1 {
			t.Errorf("%d pages of the disk, want 1", len(got))
		}

		if err := os.Remove(filepath.Join(dir, "filler")); err != nil {
			t.Fatal(err)
		}
		failing.Store(false)
		time.Sleep(4 * time.Minute)
		synctest.Wait()
		if got, want := len(r.recorded("a")), int(time.Since(begun)/(10*time.Second)); got < want-1 || got > want {
			t.Errorf("%d results of a are recorded, want all %d", got, want)
		}
		for _, alert := range []struct{ name, target string }{{"HistoryFailing", ""}, {"TargetFailing", "b"}} {
			if got := ops.of(alert.name, alert.target, "resolved"); len(got) != 1 {
				t.Errorf("%d resolves of %s, want 1", len(got), alert.name)
			}
		}
		res, err := r.d.evaluator.db.Query(t.Context(), `count_over_time(hfwatch_target_interval_seconds{target="a"}[1h])`, time.Now())
		if err != nil || len(res.Series()) != 1 {
			t.Fatalf("%v, %v", res.Series(), err)
		}
		if got, want := res.Series()[0].Points[0].Value, float64(time.Since(begun)/(15*time.Second)); got < want-1 {
			t.Errorf("%v samples in the series, want all %v", got, want)
		}
	})
}

// status returns the code that a page answers with.
func (r *rig) status(url string) int {
	r.t.Helper()
	client := &http.Client{Transport: &http.Transport{DialContext: r.net.DialContext, DisableKeepAlives: true}}
	req, err := http.NewRequestWithContext(r.t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		r.t.Fatal(err)
	}
	res, err := client.Do(req)
	if err != nil {
		r.t.Errorf("%s: %v", url, err)
		return 0
	}
	_ = res.Body.Close()
	return res.StatusCode
}

// fillUp takes all the room that is left.
func fillUp(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	for _, size := range []int{1 << 20, 4096, 1} {
		for err == nil {
			_, err = f.Write(make([]byte, size))
		}
		if !errors.Is(err, syscall.ENOSPC) {
			t.Fatal(err)
		}
		err = nil
	}
}
