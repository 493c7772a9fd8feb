package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/hfwatch/hfwatch/load"
	"github.com/hfwatch/hfwatch/probe"
)

const (
	// plainEvery is how often progress is told where there is no terminal.
	plainEvery = 10 * time.Second
	// narrow is the width of a terminal that does not tell its own.
	narrow = 80
	// barWidth is the width of the bar that fills up.
	barWidth = 20
	// shownOutcomes is how many kinds of errors are named.
	shownOutcomes = 3
)

// The colours of what needs a look.
const (
	yellow = "33"
	red    = "31"
)

// progress shows a window under way: two lines that renew themselves on a
// terminal, a line now and then elsewhere.
type progress struct {
	out              io.Writer
	terminal, colour bool
	// width returns the terminal's width, 0 where it is not known.
	width func() int
	said  time.Duration
	any   bool
}

// newProgress returns the progress on standard error.
func (p *process) newProgress() *progress {
	return &progress{out: p.stderr, terminal: p.terminal, colour: p.colour, width: p.width}
}

// show shows a view. It is called from one goroutine at a time.
func (p *progress) show(s load.Snapshot) {
	switch {
	case s.Ended:
		return
	case p.terminal:
		width := p.width()
		if width <= 0 {
			width = narrow
		}
		if p.any {
			// Up to the first of the two lines.
			fmt.Fprint(p.out, "\x1b[1A")
		}
		lines := screen(s, width-1, p.colour)
		fmt.Fprintf(p.out, "\r\x1b[K%s\r\n\x1b[K%s", lines[0], lines[1])
	case p.any && s.Elapsed-p.said < plainEvery:
		return
	default:
		fmt.Fprintln(p.out, plain(s))
	}
	p.any, p.said = true, s.Elapsed
}

// end leaves the last lines where they are.
func (p *progress) end() {
	if p.terminal && p.any {
		fmt.Fprintln(p.out)
	}
}

// part is a piece of a line, and its colour; empty is none.
type part struct{ text, colour string }

// plain returns a view in one line.
func plain(s load.Snapshot) string {
	parts := slices.Concat([]part{{clock(s.Elapsed), ""}}, flow(s), []part{{"p50 " + s.Recent.P50.Short() + " p95 " + s.Recent.P95.Short() + " p99 " + s.Recent.P99.Short(), ""}, faults(s)})
	if left := remaining(s); left != "" {
		parts = append(parts, part{left, ""})
	}
	return line(parts, 0, false)
}

// screen returns a view in the two lines of a terminal, each at most so wide.
func screen(s load.Snapshot, width int, colour bool) [2]string {
	first := []part{{clock(s.Elapsed), ""}}
	if s.Left > 0 {
		first = append(first, part{bar(s.Elapsed, s.Left), ""})
	}
	if left := remaining(s); left != "" {
		first = append(first, part{left, ""})
	}
	second := []part{{"p50 " + s.Recent.P50.Short(), ""}, {"p95 " + s.Recent.P95.Short(), ""}, {"p99 " + s.Recent.P99.Short(), ""}, faults(s)}
	return [2]string{line(append(first, flow(s)...), width, colour), line(second, width, colour)}
}

// flow says what comes and goes.
func flow(s load.Snapshot) []part {
	parts := []part{
		{fmt.Sprintf("%s/s of %s/s", load.Digits(s.Rate, 3), load.Digits(s.Asked, 3)), ""},
		{fmt.Sprintf("%d in flight", s.InFlight), ""},
	}
	if s.Queued > 0 {
		parts = append(parts, part{fmt.Sprintf("%d waiting", s.Queued), yellow})
	}
	return parts
}

// faults counts what was not good, and names the most frequent kinds of it.
func faults(s load.Snapshot) part {
	n := s.Bad + s.Apart
	text := fmt.Sprintf("%d errors of %d", n, s.Sent)
	if n == 0 {
		return part{text, ""}
	}
	var kinds []probe.Outcome
	for o, count := range s.Outcomes {
		if o != probe.OK && count > 0 {
			kinds = append(kinds, o)
		}
	}
	slices.SortFunc(kinds, func(a, b probe.Outcome) int {
		if d := s.Outcomes[b] - s.Outcomes[a]; d != 0 {
			return d
		}
		return strings.Compare(string(a), string(b))
	})
	var named []string
	for _, o := range kinds[:min(len(kinds), shownOutcomes)] {
		named = append(named, fmt.Sprintf("%s %d", o, s.Outcomes[o]))
	}
	if len(named) > 0 {
		text += " (" + strings.Join(named, ", ") + ")"
	}
	return part{text, red}
}

// remaining says how long the window will go on; empty where that is not known.
func remaining(s load.Snapshot) string {
	switch {
	case s.Draining:
		return "draining"
	case s.Left > 0:
		return clock(s.Left) + " left"
	default:
		return ""
	}
}

// bar shows how much of the time is over.
func bar(elapsed, left time.Duration) string {
	done := int(barWidth * elapsed / (elapsed + left))
	return "[" + strings.Repeat("#", done) + strings.Repeat("-", barWidth-done) + "]"
}

// line joins the parts, and cuts them off at the width; 0 is none. Colours take
// no room.
func line(parts []part, width int, colour bool) string {
	var b strings.Builder
	room := width
	for i, p := range parts {
		text := p.text
		if i > 0 {
			text = "  " + text
		}
		if width > 0 {
			if n := utf8.RuneCountInString(text); n > room {
				text = string([]rune(text)[:room])
			}
			room -= utf8.RuneCountInString(text)
		}
		if colour && p.colour != "" && text != "" {
			text = "\x1b[" + p.colour + "m" + text + "\x1b[0m"
		}
		b.WriteString(text)
	}
	return b.String()
}

// clock returns a duration as 1:05, or 1:00:05 from an hour on.
func clock(d time.Duration) string {
	d = d.Round(time.Second)
	if d >= time.Hour {
		return fmt.Sprintf("%d:%02d:%02d", int(d.Hours()), int(d.Minutes())%60, int(d.Seconds())%60)
	}
	return fmt.Sprintf("%d:%02d", int(d.Minutes()), int(d.Seconds())%60)
}
