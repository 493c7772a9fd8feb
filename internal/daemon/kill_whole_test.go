package daemon

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hfwatch/hfwatch/alerts"
	"github.com/hfwatch/hfwatch/history"
	"github.com/hfwatch/hfwatch/internal/journal"
	"github.com/hfwatch/hfwatch/internal/prom"
	"github.com/hfwatch/hfwatch/probe"
)

// wholeHead is the head of a configuration with everything on, t0 of whose
// targets fails.
func wholeHead(url string) string {
	return `evaluation_interval: 1s
notify: [{name: ops, webhook: {url: "` + url + `/hook"}}]
models:
`
}

// tellCommitted prints the id of each result as it is seen to be committed, on a
// line of its own, until ctx ends.
func tellCommitted(ctx context.Context, d *Daemon) {
	told := map[string]bool{}
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	begun := time.Now().Add(-time.Minute)
	for {
		_ = d.records.EachResult(ctx, history.ResultQuery{From: begun}, func(text []byte) error {
			var r probe.Result
			if err := json.Unmarshal(text, &r); err == nil && !told[r.ID] {
				told[r.ID] = true
				fmt.Println(r.ID)
			}
			return nil
		})
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// TestKillLosesNothing kills a whole daemon at any moment and starts it again on
// the same directory: every result that was seen committed is there, no slot of
// a target has two, the hours hold every result once, and an alert that was paged
// is in the table and never said to have resolved. With the race detector
// they are few; HFWATCH_SOAK=1 makes it 200 kills, and holds each start to two seconds of processor.
func TestKillLosesNothing(t *testing.T) {
	kills := 20
	soak := os.Getenv("HFWATCH_SOAK") == "1"
	switch {
	case soak:
		kills = 200
	case raceOn:
		// Each is a process, and starts slowly with the detector.
		kills = 4
	}
	ops := &hook{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/hook":
			ops.ServeHTTP(w, r)
		case "/t0":
			w.WriteHeader(http.StatusInternalServerError)
		default:
			_, _ = io.WriteString(w, `{"ok":true}`)
		}
	}))
	t.Cleanup(server.Close)
	dir := t.TempDir()
	acknowledged := map[string]bool{}
	var slowest, costliest time.Duration
	for i := range kills {
		paged := len(ops.of("TargetFailing", "t0", "firing")) > 0
		ids, took, used := lifeAndDeath(t, dir, server.URL)
		for _, id := range ids {
			acknowledged[id] = true
		}
		slowest, costliest = max(slowest, took), max(costliest, used)
		// What others do on the machine is not the start's.
		if soak && used > 2*time.Second {
			t.Errorf("start %d took %v of processor", i, used)
		}
		if paged && !firing(t, dir, "TargetFailing", "t0") {
			t.Errorf("kill %d: the alert that was paged is not in the table", i)
		}
	}
	if got := ops.of("TargetFailing", "t0", "resolved"); len(got) != 0 {
		t.Errorf("%d resolves of what fails on", len(got))
	}
	pages := len(ops.of("TargetFailing", "t0", "firing"))
	there := checkRecords(t, dir, acknowledged)
	if !raceOn && len(acknowledged) == 0 || soak && pages == 0 {
		t.Errorf("%d results acknowledged, %d pages; the lives are too short to prove anything", len(acknowledged), pages)
	}
	t.Logf("%d kills: %d results acknowledged, %d there, %d pages of one alert, slowest start %v, costliest %v of processor", kills, len(acknowledged), there, pages, slowest, costliest)
}

// checkRecords returns how many results the records of a directory hold, after
// it has compared them with those that were acknowledged.
func checkRecords(t *testing.T, dir string, acknowledged map[string]bool) int {
	t.Helper()
	r, err := history.Open(t.Context(), history.Options{Path: filepath.Join(dir, recordsName), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close(context.WithoutCancel(t.Context())) }()
	ids, slots := map[string]int{}, map[string]int{}
	if err := r.EachResult(t.Context(), history.ResultQuery{}, func(text []byte) error {
		var one probe.Result
		if err := json.Unmarshal(text, &one); err != nil {
			return err
		}
		ids[one.ID]++
		slots[one.Target+one.Due.String()]++
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	for id := range acknowledged {
		if ids[id] != 1 {
			t.Errorf("result %s was seen committed and is there %d times", id, ids[id])
		}
	}
	for slot, n := range slots {
		if n != 1 {
			t.Errorf("slot %s has %d results", slot, n)
		}
	}
	var inHours int64
	if err := r.EachHour(t.Context(), history.HourQuery{}, func(h history.Hour) error { inHours += h.Results; return nil }); err != nil {
		t.Fatal(err)
	}
	// Above a bound good results are counted in their hour alone.
	if inHours < int64(len(ids)) {
		t.Errorf("the hours hold %d results, the records %d", inHours, len(ids))
	}
	return len(ids)
}

// firing reports whether the table of alerts of a directory holds an alert of a
// target that fires.
func firing(t *testing.T, dir, rule, target string) bool {
	t.Helper()
	state, err := journal.Open(t.Context(), journal.Options{Path: filepath.Join(dir, stateFile), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = state.Close(context.WithoutCancel(t.Context())) }()
	for _, a := range alerts.NewTable(state, slog.New(slog.DiscardHandler)).Alerts() {
		if a.Rule == rule && a.Labels["target"] == target && a.State == prom.StateFiring {
			return true
		}
	}
	return false
}

// lifeAndDeath starts a daemon with everything on and kills it within two
// and a half seconds of its start, or before. It returns the results that it saw committed, and how
// long it took to watch, by the clock and of processor time, 0 where it did not.
func lifeAndDeath(t *testing.T, dir, url string) (ids []string, took, used time.Duration) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self)
	cmd.Env = append(os.Environ(), childWhole+"=1", childDir+"="+dir, childURL+"="+url, childDir+"_LIMIT=1000000000")
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	// One in five does not live to see its start.
	early := rand.IntN(5) == 0
	if early {
		kill := time.AfterFunc(time.Duration(rand.Int64N(int64(500*time.Millisecond))), func() { _ = cmd.Process.Kill() })
		defer kill.Stop()
	}
	lines := bufio.NewReader(out)
	switch line, err := lines.ReadString('\n'); {
	case err == nil && line == watching:
		took = time.Since(began)
	case !early:
		t.Errorf("the daemon did not start: %q, %v", line, err)
	}
	kill := time.AfterFunc(time.Duration(rand.Int64N(int64(2500*time.Millisecond))), func() { _ = cmd.Process.Kill() })
	defer kill.Stop()
	text, err := io.ReadAll(lines)
	if err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	for line := range strings.Lines(string(text)) {
		// A line that the kill cut short acknowledges nothing.
		id, whole := strings.CutSuffix(line, "\n")
		if d, err := time.ParseDuration(id); whole && err == nil {
			used = d
		} else if whole {
			ids = append(ids, id)
		}
	}
	return ids, took, used
}
