package main

import (
	"bytes"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/hfwatch/hfwatch/load"
	"github.com/hfwatch/hfwatch/probe"
)

// views are three moments of a window: under way, in trouble, at its end.
func views() (calm, trouble, drain load.Snapshot) {
	calm = load.Snapshot{
		Elapsed: 65 * time.Second, Left: 55 * time.Second, Asked: 25, Rate: 24, InFlight: 3,
		Summary: load.Summary{Sent: 1500, Good: 1500, Outcomes: map[probe.Outcome]int{probe.OK: 1500}},
		Recent:  load.Points{N: 240, P50: ms(42.5), P95: ms(43.21), P99: ms(1234)},
	}
	trouble = calm
	trouble.Queued, trouble.Good, trouble.Bad, trouble.Apart = 12, 1460, 35, 5
	trouble.Outcomes = map[probe.Outcome]int{probe.OK: 1460, probe.Timeout: 30, probe.ServerError: 5, probe.Canceled: 4, probe.NotSent: 1}
	drain = load.Snapshot{Elapsed: 2*time.Hour + 3*time.Second, Draining: true, InFlight: 1, Rate: 1000, Asked: 12345}
	return calm, trouble, drain
}

// TestProgressLines holds what is shown of a view, elsewhere and on a terminal.
func TestProgressLines(t *testing.T) {
	t.Parallel()
	calm, trouble, drain := views()
	for _, c := range []struct {
		name, plain string
		view        load.Snapshot
		screen      [2]string
	}{
		{
			"calm", "1:05  24/s of 25/s  3 in flight  p50 42.5ms p95 43.2ms p99 1.23s  0 errors of 1500  0:55 left", calm,
			[2]string{"1:05  [##########----------]  0:55 left  24/s of 25/s  3 in flight", "p50 42.5ms  p95 43.2ms  p99 1.23s  0 errors of 1500"},
		},
		{
			"trouble", "1:05  24/s of 25/s  3 in flight  12 waiting  p50 42.5ms p95 43.2ms p99 1.23s  40 errors of 1500 (timeout 30, server_error 5, canceled 4)  0:55 left", trouble,
			[2]string{"1:05  [##########----------]  0:55 left  24/s of 25/s  3 in flight  12 waiting", "p50 42.5ms  p95 43.2ms  p99 1.23s  40 errors of 1500 (timeout 30, server_error 5, canceled 4)"},
		},
		{
			"drain", "2:00:03  1000/s of 12345/s  1 in flight  p50 - p95 - p99 -  0 errors of 0  draining", drain,
			[2]string{"2:00:03  draining  1000/s of 12345/s  1 in flight", "p50 -  p95 -  p99 -  0 errors of 0"},
		},
	} {
		if got := plain(c.view); got != c.plain {
			t.Errorf("%s: plain() =\n%s, want\n%s", c.name, got, c.plain)
		}
		if got := screen(c.view, 200, false); got != c.screen {
			t.Errorf("%s: screen() =\n%s, want\n%s", c.name, strings.Join(got[:], "\n"), strings.Join(c.screen[:], "\n"))
		}
	}
}

// TestScreenFits: no line is wider than the terminal, where it would scroll, and
// colours take no room.
func TestScreenFits(t *testing.T) {
	t.Parallel()
	_, trouble, _ := views()
	escapes := regexp.MustCompile("\x1b\\[[0-9]+m")
	for width := range 120 {
		if width == 0 {
			continue
		}
		without, with := screen(trouble, width, false), screen(trouble, width, true)
		for i := range without {
			if n := utf8.RuneCountInString(without[i]); n > width {
				t.Errorf("line %d is %d wide in a terminal of %d: %s", i, n, width, without[i])
			}
			if got := escapes.ReplaceAllString(with[i], ""); got != without[i] {
				t.Errorf("width %d: without its colours line %d is %q, want %q", width, i, got, without[i])
			}
		}
	}
	if both := screen(trouble, 120, true); !strings.Contains(both[0], "\x1b[33m  12 waiting\x1b[0m") || !strings.Contains(both[1], "\x1b[31m  40 errors") {
		t.Errorf("what needs a look has no colour: %q", both)
	}
}

// TestProgressRenewsItself on a terminal, and is told now and then elsewhere.
func TestProgressRenewsItself(t *testing.T) {
	t.Parallel()
	calm, _, _ := views()
	var out bytes.Buffer
	p := &progress{out: &out, terminal: true, width: func() int { return 0 }}
	p.end()
	p.show(calm)
	p.show(load.Snapshot{Ended: true})
	p.show(calm)
	p.end()
	lines := screen(calm, narrow-1, false)
	one := "\r\x1b[K" + lines[0] + "\r\n\x1b[K" + lines[1]
	if got, want := out.String(), one+"\x1b[1A"+one+"\n"; got != want {
		t.Errorf("a terminal is sent %q, want %q", got, want)
	}
	out.Reset()
	p = &progress{out: &out}
	for second := range 25 {
		calm.Elapsed = time.Duration(second+1) * time.Second
		p.show(calm)
	}
	p.end()
	if got := strings.Count(out.String(), "\n"); got != 3 || strings.Contains(out.String(), "\x1b") {
		t.Errorf("25 seconds are told in %d lines, want 3 without escapes: %q", got, out.String())
	}
}
