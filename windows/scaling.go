package windows

import (
	"fmt"
	"html/template"
	"strings"
	"time"

	"github.com/hfwatch/hfwatch/coldstart"
	"github.com/hfwatch/hfwatch/load"
)

// mostTold bounds what the text of a time line tells.
const mostTold = 12

// scaled returns the lines on replicas: how they changed, and by how much
// capacity lagged behind each rise of demand.
func scaled(w load.Window) [][2]string {
	var out [][2]string
	for _, s := range w.Scaling {
		name := "replicas"
		if len(w.Scaling) > 1 || s.Target != w.Target {
			name += " of " + s.Target
		}
		out = append(out, [2]string{name, told(s)})
		for _, l := range s.Lags {
			out = append(out, [2]string{"scale-up", lagged(l)})
		}
	}
	return out
}

// told says a time line in words.
func told(s coldstart.Scaling) string {
	var all []string
	for _, m := range s.Moments[:min(len(s.Moments), mostTold)] {
		all = append(all, fmt.Sprintf("%s %s", m.After.Short(), stood(m.Reading)))
	}
	if more := len(s.Moments) - len(all) + s.Dropped; more > 0 {
		all = append(all, fmt.Sprintf("%d more changes", more))
	}
	if s.Unread > 0 {
		all = append(all, fmt.Sprintf("%d looks without an answer (%s)", s.Unread, s.Why))
	}
	return strings.Join(all, ", ")
}

// stood says a reading: the state, and replicas as ready of wanted.
func stood(r coldstart.Reading) string { return fmt.Sprintf("%s %d/%d", r.State, r.Ready, r.Target) }

// lagged says a lag in words.
func lagged(l coldstart.Lag) string {
	text := fmt.Sprintf("%g/s from %s", l.Rate, l.From.Short())
	if l.InFlight > 0 {
		text = fmt.Sprintf("%d in flight from %s", l.InFlight, l.From.Short())
	}
	decided, ok := l.Decided.Get()
	switch {
	case !ok:
		return fmt.Sprintf("%s: no more than the %d ready were wanted", text, l.Replicas)
	case decided == 0:
		text += fmt.Sprintf(": %d wanted already, %d ready", l.Wanted, l.Replicas)
	default:
		text += fmt.Sprintf(": %d wanted after %s, %d ready before", l.Wanted, l.Decided.Short(), l.Replicas)
	}
	if l.Ready.IsZero() {
		return text + "; they were not ready while it lasted"
	}
	return text + fmt.Sprintf("; ready after %s", l.Ready.Short())
}

// replicaGraphs returns a chart of replicas for each target of a time line, with
// its changes of state.
func replicaGraphs(w load.Window) []graph {
	var out []graph
	for _, s := range w.Scaling {
		if len(s.Moments) == 0 {
			continue
		}
		at := func(value func(coldstart.Reading) int) func(load.Second) (float64, bool) {
			return func(point load.Second) (float64, bool) {
				after, _ := point.At.Get()
				return float64(value(s.At(after))), true
			}
		}
		out = append(out, graph{
			title: "Replicas of " + s.Target,
			lines: []line{
				{"wanted", "d", at(func(r coldstart.Reading) int { return r.Target })},
				{"ready", "a", at(func(r coldstart.Reading) int { return r.Ready })},
			},
			marks: states(s),
		})
	}
	return out
}

// mark is something that happened at a time of the window.
type mark struct {
	at   time.Duration
	text string
}

// states returns the changes of state of a time line, the first among them.
func states(s coldstart.Scaling) []mark {
	var out []mark
	last := ""
	for _, m := range s.Moments {
		if m.State != last {
			after, _ := m.After.Get()
			out = append(out, mark{after, m.State})
		}
		last = m.State
	}
	return out
}

// drawMarks draws what happened: a line each, and its text beside it, in rows so
// that neighbours do not cover each other.
func (g graph) drawMarks(b *strings.Builder, x func(float64) float64, end float64) {
	const rows, high = 4, 13
	for i, m := range g.marks {
		at := m.at.Seconds()
		if at > end {
			return
		}
		anchor, gap := "start", 4.0
		if at > end*0.8 {
			anchor, gap = "end", -4.0
		}
		fmt.Fprintf(b, `<line class="mark" x1="%.1f" x2="%.1f" y1="%d" y2="%d"/><text x="%.1f" y="%d" style="text-anchor:%s">%s</text>`,
			x(at), x(at), marginTop, marginTop+plotHeight, x(at)+gap, marginTop+high*(1+i%rows), anchor, template.HTMLEscapeString(m.text))
	}
}
