package main

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestDemo is what the README promises of `hfwatch run --demo`: ready within ten
// seconds, every target probed within thirty, and a page that is fired,
// delivered and resolved within three minutes.
func TestDemo(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it takes a minute and a half")
	}
	folder := t.TempDir()
	begun := time.Now()
	demo := start(t, t.TempDir(), []string{"TMPDIR=" + folder}, "hfwatch", "run", "--demo", "--demo.length", "5m", "--web.listen-address", "127.0.0.1:0")
	url := demo.err.wait(t, 10*time.Second, `look at (http://127\.0\.0\.1:[1-9]\d*)/`)[1]
	eventually(t, 10*time.Second-time.Since(begun), ready(url))
	targets := []string{"sentiment", "assistant", "embeddings", "summarizer", "entities", "writer"}
	eventually(t, 30*time.Second-time.Since(begun), func(ctx context.Context) error {
		var wanted []func(context.Context) error
		for _, target := range targets {
			wanted = append(wanted, atLeast(url, 1, "hfwatch_results_total", "target", target, "kind", "baseline", "counts", "good"))
		}
		return all(ctx, wanted...)
	})
	demo.out.wait(t, 3*time.Minute-time.Since(begun), `PAGE FIRING +TargetFailing \(critical\): sentiment is failing\n +fault: target; last outcomes: .*overloaded, overloaded, overloaded\n`)
	if err := atLeast(url, 3, "hfwatch_target_bad_of_last_5", "target", "sentiment")(t.Context()); err != nil {
		t.Error(err)
	}
	demo.out.wait(t, 3*time.Minute-time.Since(begun), `PAGE RESOLVED +TargetFailing \(critical\): sentiment is failing\n +fault: target; last outcomes: .*ok\n`)
	t.Logf("a page was resolved %v after the start", time.Since(begun).Round(time.Second))
	// What the receiver prints comes a moment before its sender counts it.
	eventually(t, 10*time.Second, atLeast(url, 2, "hfwatch_notifications_total", "receiver", "demo", "action", "sent"))
	if sent, err := metric(t.Context(), url, "hfwatch_notifications_total", "receiver", "demo", "action", "sent"); err != nil || sent != 2 {
		t.Errorf("%v notifications were sent, %v, want 2: one that fires and one that resolves", sent, err)
	}
	for _, target := range targets[1:] {
		if bad, err := metric(t.Context(), url, "hfwatch_results_total", "target", target, "kind", "baseline", "counts", "bad"); err != nil || bad != 0 {
			t.Errorf("%s: %v bad results, %v, want none but sentiment's", target, bad, err)
		}
	}
	if page, err := fetch(t.Context(), http.MethodGet, url+"/"); err != nil || !strings.Contains(string(page), "sentiment") {
		t.Errorf("GET / = %.200s, %v, want a page that names the targets", page, err)
	}
	demo.stop(t, 15*time.Second)
	if strings.Contains(demo.err.String(), `"level":"ERROR"`) {
		t.Errorf("the demo logged an error:\n%s", demo.err)
	}
	if left := entries(t, folder); len(left) > 0 {
		t.Errorf("the demo left %v behind, want nothing kept", left)
	}
}

// TestDemoEndsByItself after the time that a flag gives it.
func TestDemoEndsByItself(t *testing.T) {
	t.Parallel()
	var p process
	out, errs := newOutput(), newOutput()
	p = process{args: []string{"run", "--demo", "--demo.length", "1s", "--web.listen-address", "127.0.0.1:0"}, stdout: out, stderr: errs}
	if code := p.run(t.Context()); code != exitOK {
		t.Errorf("hfwatch run --demo ended with %d, want 0:\n%s", code, errs)
	}
	errs.wait(t, 0, `"msg":"listening","url":"http://127\.0\.0\.1:[1-9]`)
}
