package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/hfwatch/hfwatch/history"
	"github.com/hfwatch/hfwatch/load"
)

// loadConfig watches a model every two seconds, and lets windows by hand at it.
func loadConfig(models string) string {
	return `
hub: {url: "` + models + `"}
alerting: off
defaults: {baseline: {schedule: "@every 2s", timeout: 2s}}
models:
  - {name: good, model: org/good, task: text-classification, inputs: ["I love it."], budget: {requests_per_day: 100000}}
`
}

// daemonIn starts hfwatch run in a folder and returns it with its address.
func daemonIn(t *testing.T, folder string) (*program, string) {
	t.Helper()
	d := start(t, folder, nil, "hfwatch", "run", "--web.listen-address", "127.0.0.1:0", "--shutdown.grace", "2s")
	url := d.err.wait(t, 20*time.Second, `"msg":"listening","url":"(http://127\.0\.0\.1:[1-9]\d*)"`)[1]
	eventually(t, 20*time.Second, ready(url))
	return d, url
}

// code returns the exit code of a program that has ended.
func (p *program) code(t *testing.T) int {
	t.Helper()
	select {
	case <-p.ended:
	case <-time.After(30 * time.Second):
		t.Fatalf("it has not ended; printed:\n%s\n%s", p.out, p.err)
	}
	var ended *exec.ExitError
	if errors.As(p.result, &ended) {
		return ended.ExitCode()
	}
	if p.result != nil {
		t.Fatal(p.result)
	}
	return 0
}

// windowOf returns the window that a program wrote as JSON.
func windowOf(t *testing.T, p *program) load.Window {
	t.Helper()
	var w load.Window
	if err := json.Unmarshal([]byte(p.out.String()), &w); err != nil {
		t.Fatalf("%v in %s%s", err, p.out, p.err)
	}
	return w
}

// requestsSeen returns how many requests the simulator has had.
func requestsSeen(ctx context.Context, models string) (int, error) {
	body, err := fetch(ctx, http.MethodGet, models+"/_sim/truth?model=good")
	return strings.Count(string(body), "\n"), err
}

// TestLoadThroughADaemon: where a daemon holds the data, a window by hand goes
// through it, is booked and counted there and beside no other; Ctrl-C ends it in
// order, with what was measured by then.
func TestLoadThroughADaemon(t *testing.T) {
	t.Parallel()
	folder, models := t.TempDir(), simulated(t, twoModels)
	write(t, folder, "config.yaml", loadConfig(models))
	_, url := daemonIn(t, folder)

	whole := start(t, folder, nil, "hfwatch", "load", "good", "--rate", "20/s", "--for", "2s", "--max-in-flight", "16", "--json")
	if code := whole.code(t); code != 0 && code != exitUnknown {
		t.Fatalf("hfwatch load = %d: %s", code, whole.err)
	}
	if w := windowOf(t, whole); w.Sent != 40 || w.Good != 40 || w.Target != "good" || w.Trigger != "manual" || w.EndedBy != load.EndPlan {
		t.Errorf("%d sent, %d good, by %s, begun by %s; want 40 by plan and by hand", w.Sent, w.Good, w.EndedBy, w.Trigger)
	}
	if !strings.Contains(whole.err.String(), "/s of ") {
		t.Errorf("no progress came through the daemon: %s", whole.err)
	}
	if err := atLeast(url, 40, "hfwatch_results_total", "target", "good", "kind", "window", "counts", "good")(t.Context()); err != nil {
		t.Error("the daemon did not count the window's results: ", err)
	}

	cut := start(t, folder, nil, "hfwatch", "load", "good", "--rate", "20/s", "--for", "10m", "--max-in-flight", "16", "--json")
	cut.err.wait(t, 20*time.Second, ` left\n`)
	second := start(t, folder, nil, "hfwatch", "load", "good", "--rate", "1/s", "--for", "1s")
	if code := second.code(t); code != exitUnknown || !strings.Contains(second.err.String(), "a window or an experiment runs on the same target or account") {
		t.Errorf("a second window beside it = %d: %s; want it refused without a verdict", code, second.err)
	}
	if err := cut.process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if code := cut.code(t); code != exitUnknown {
		t.Errorf("hfwatch load after Ctrl-C = %d, want %d: %s", code, exitUnknown, cut.err)
	}
	w := windowOf(t, cut)
	if w.Verdict != load.Aborted || w.EndedBy != load.EndInterrupted || w.Good < 1 || w.Planned != 12000 {
		t.Errorf("after Ctrl-C: %s by %s, %d good of %d planned; want what was measured by then", w.Verdict, w.EndedBy, w.Good, w.Planned)
	}
	// Its record is there, and nothing is asked of the model any more.
	eventually(t, 10*time.Second, atLeast(url, 1, "hfwatch_windows_total", "target", "good", "verdict", "aborted"))
}

// TestKilledDuringALoadWindow: kill -9 leaves a window that the next start records
// as interrupted, and does not start again by itself.
func TestKilledDuringALoadWindow(t *testing.T) {
	t.Parallel()
	folder, models := t.TempDir(), simulated(t, twoModels)
	write(t, folder, "config.yaml", loadConfig(models))
	d, _ := daemonIn(t, folder)
	p := start(t, folder, nil, "hfwatch", "load", "good", "--rate", "50/s", "--for", "10m", "--max-in-flight", "16")
	// What is recorded is written within a second.
	p.err.wait(t, 20*time.Second, ` left\n`)
	eventually(t, 20*time.Second, func(ctx context.Context) error {
		if n, err := requestsSeen(ctx, models); err != nil || n < 120 {
			return fmt.Errorf("%d requests so far, %w", n, err)
		}
		return nil
	})
	if err := d.process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-d.ended
	if code := p.code(t); code != exitUnknown || !strings.Contains(p.err.String(), "ended before the window did") {
		t.Errorf("hfwatch load whose daemon was killed = %d: %s; want no verdict", code, p.err)
	}

	again, url := daemonIn(t, folder)
	again.err.wait(t, 10*time.Second, `a window was cut off by the end of hfwatch; it does not start again by itself`)
	if n, err := metric(t.Context(), url, "hfwatch_windows_total", "target", "good", "verdict", "aborted"); err != nil || n != 1 {
		t.Errorf("hfwatch_windows_total of aborted windows = %v, %v, want 1", n, err)
	}
	before, err := requestsSeen(t.Context(), models)
	if err != nil {
		t.Fatal(err)
	}
	// Two baselines later not one request of the window has been sent.
	eventually(t, 20*time.Second, atLeast(url, 2, "hfwatch_probes_total", "target", "good", "kind", "baseline", "outcome", "ok"))
	baselines, err := metric(t.Context(), url, "hfwatch_probes_total", "target", "good", "kind", "baseline", "outcome", "ok")
	if err != nil {
		t.Fatal(err)
	}
	after, err := requestsSeen(t.Context(), models)
	if err != nil || after-before > int(baselines)+3 {
		t.Errorf("%d requests since the start, %v, and %v baselines; want no others", after-before, err, baselines)
	}
}

// TestKilledDuringAScheduledWindow: kill -9 amid a window that the schedule began
// leaves one record, which says that it was interrupted and why; neither the next
// start nor the one after it sends what was left of it.
func TestKilledDuringAScheduledWindow(t *testing.T) {
	t.Parallel()
	folder, models := t.TempDir(), simulated(t, twoModels)
	scheduled := func(schedule string) {
		write(t, folder, "config.yaml", `
hub: {url: "`+models+`"}
alerting: off
models:
  - name: good
    model: org/good
    task: text-classification
    inputs: ["I love it."]
    baseline: {schedule: "@every 1s", timeout: 1s, jitter: 0s}
    window: {schedule: "`+schedule+`", stages: [{rate: 50/s, for: 20s}], max_in_flight: 16}
`)
	}
	scheduled(dueSoon(time.Now(), 7*time.Second, 21*time.Second))
	d, _ := daemonIn(t, folder)
	// A daemon without three baselines by then skips it, and begins the next.
	eventually(t, 2*time.Minute, func(ctx context.Context) error {
		if n, err := requestsSeen(ctx, models); err != nil || n < 100 {
			return fmt.Errorf("%d requests so far, %w", n, err)
		}
		return nil
	})
	if err := d.process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-d.ended

	// The schedule alone would begin the next: now in a year.
	scheduled("@yearly")
	for life := range 2 {
		before, err := requestsSeen(t.Context(), models)
		if err != nil {
			t.Fatal(err)
		}
		again, url := daemonIn(t, folder)
		if life == 0 {
			again.err.wait(t, 10*time.Second, `a window was cut off by the end of hfwatch; it does not start again by itself`)
		}
		eventually(t, 20*time.Second, atLeast(url, 2, "hfwatch_probes_total", "target", "good", "kind", "baseline", "outcome", "ok"))
		// A stop waits for what is in flight.
		again.stop(t, 10*time.Second)
		after, err := requestsSeen(t.Context(), models)
		if err != nil || after-before > 40 {
			t.Errorf("%d requests in life %d, %v; want baselines alone, one a second", after-before, life, err)
		}
		if windows := windowsIn(t, folder); len(windows) != 1 {
			t.Fatalf("%d windows are recorded in life %d, want 1: %+v", len(windows), life, windows)
		} else if w := windows[0]; w.Verdict != load.Aborted || w.EndedBy != load.EndInterrupted || w.Trigger != "schedule" || w.Planned != 1000 ||
			w.Ended.Before(w.Started) || !strings.Contains(w.EndedWhy, "hfwatch ended before the window did") {
			t.Errorf("life %d: %s by %s (%s), begun by %s, %d planned, %s to %s", life, w.Verdict, w.EndedBy, w.EndedWhy, w.Trigger, w.Planned, w.Started, w.Ended)
		}
	}
}

// dueSoon returns a schedule that is due soonest after a time has passed, of those
// that are due at most once in so long: such schedules count from the epoch.
func dueSoon(now time.Time, after, least time.Duration) string {
	best, soonest := least, time.Duration(-1)
	for every := least; every < 4*least; every += time.Second {
		seconds := int64(every / time.Second)
		next := time.Unix((now.Add(after).Unix()/seconds+1)*seconds, 0).Sub(now)
		if soonest < 0 || next < soonest {
			best, soonest = every, next
		}
	}
	return "@every " + best.String()
}

// windowsIn returns the windows that the records of a folder hold and that began,
// by hfwatch export.
func windowsIn(t *testing.T, folder string) []load.Window {
	t.Helper()
	p := start(t, folder, nil, "hfwatch", "export", "--events", "window", "--target", "good")
	if code := p.code(t); code != 0 {
		t.Fatalf("hfwatch export = %d: %s", code, p.err)
	}
	var out []load.Window
	lines := json.NewDecoder(strings.NewReader(p.out.String()))
	for lines.More() {
		var e history.Event
		var w load.Window
		if err := lines.Decode(&e); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(e.Data, &w); err != nil {
			t.Fatal(err)
		}
		if w.Verdict != load.Skipped {
			out = append(out, w)
		}
	}
	return out
}
