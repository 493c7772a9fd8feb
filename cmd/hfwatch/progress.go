package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/hfwatch/hfwatch/load"
)

// plainEvery is how often progress is told where there is no terminal.
const plainEvery = 10 * time.Second

// progress shows a window under way: one line that renews itself on a terminal,
// a line now and then elsewhere.
type progress struct {
	out              io.Writer
	terminal, colour bool
	said             time.Duration
	any              bool
}

// newProgress returns the progress on standard error.
func (p *process) newProgress() *progress {
	return &progress{out: p.stderr, terminal: p.terminal, colour: p.colour}
}

// show shows a view. It is called from one goroutine at a time.
func (p *progress) show(s load.Snapshot) {
	if s.Ended {
		return
	}
	if !p.terminal {
		if p.any && s.Elapsed-p.said < plainEvery {
			return
		}
		p.any, p.said = true, s.Elapsed
		fmt.Fprintln(p.out, p.line(s))
		return
	}
	p.any = true
	fmt.Fprintf(p.out, "\r\x1b[K%s", p.line(s))
}

// end leaves the last line where it is.
func (p *progress) end() {
	if p.terminal && p.any {
		fmt.Fprintln(p.out)
	}
}

// line returns a view in one line.
func (p *progress) line(s load.Snapshot) string {
	parts := []string{
		clock(s.Elapsed),
		fmt.Sprintf("%.3g/s of %.3g/s", s.Rate, s.Asked),
		fmt.Sprintf("%d in flight", s.InFlight),
		fmt.Sprintf("p50 %s p95 %s p99 %s", short(s.Recent.P50), short(s.Recent.P95), short(s.Recent.P99)),
	}
	if s.Queued > 0 {
		parts = append(parts, p.paint("33", fmt.Sprintf("%d waiting", s.Queued)))
	}
	errors := s.Bad + s.Apart
	text := fmt.Sprintf("%d errors of %d", errors, s.Sent)
	if errors > 0 {
		text = p.paint("31", text)
	}
	parts = append(parts, text)
	if s.Draining {
		return strings.Join(append(parts, "draining"), "  ")
	}
	if s.Left <= 0 {
		return strings.Join(parts, "  ")
	}
	return strings.Join(append(parts, clock(s.Left)+" left"), "  ")
}

// paint colours text where that is wanted.
func (p *progress) paint(code, text string) string {
	if !p.colour {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

// clock returns a duration as 1:05.
func clock(d time.Duration) string {
	d = d.Round(time.Second)
	return fmt.Sprintf("%d:%02d", int(d.Minutes()), int(d.Seconds())%60)
}
