package windows

import (
	"fmt"
	"html/template"
	"math"
	"strings"
	"time"

	"github.com/hfwatch/hfwatch/load"
	"github.com/hfwatch/hfwatch/probe"
)

// The size of a chart and of its margins, in its own units.
const (
	chartWidth, chartHeight = 860, 220
	marginLeft, marginRight = 56, 16
	marginTop, marginBottom = 14, 28
	plotWidth               = chartWidth - marginLeft - marginRight
	plotHeight              = chartHeight - marginTop - marginBottom
	// mostPoints bounds the points of a line: more than there are pixels.
	mostPoints = 900
)

// line is one line of a chart, a value for each point of the curve; absent
// values leave a gap.
type line struct {
	name, class string
	value       func(load.Second) (float64, bool)
}

// graph is one chart.
type graph struct {
	title, unit string
	lines       []line
	// marks are drawn over it.
	marks []mark
	// scale returns what stands at a place of the axis that ends at another; nil is
	// times.
	scale func(at, end float64) string
}

// graphs returns the charts of a window's curve.
func graphs(w load.Window) []graph {
	if w.Capacity != nil {
		// A search jumps from one load to another, and its rungs last for parts of a
		// second: ladder shows them.
		return replicaGraphs(w)
	}
	step, _ := w.CurveStep.Get()
	each := max(step.Seconds(), 1e-9)
	count := func(f func(load.Second) int) func(load.Second) (float64, bool) {
		return func(s load.Second) (float64, bool) { return float64(f(s)), true }
	}
	perSecond := func(f func(load.Second) int) func(load.Second) (float64, bool) {
		return func(s load.Second) (float64, bool) { return float64(f(s)) / each, true }
	}
	quantiles := func(of func(load.Second) load.Points) []line {
		pick := func(q func(load.Points) probe.Seconds) func(load.Second) (float64, bool) {
			return func(s load.Second) (float64, bool) {
				d, ok := q(of(s)).Get()
				return d.Seconds(), ok
			}
		}
		return []line{
			{"p99", "c", pick(func(p load.Points) probe.Seconds { return p.P99 })},
			{"p95", "b", pick(func(p load.Points) probe.Seconds { return p.P95 })},
			{"p50", "a", pick(func(p load.Points) probe.Seconds { return p.P50 })},
		}
	}
	out := []graph{
		{title: "Requests a second", unit: "/s", lines: []line{
			{"due", "d", perSecond(func(s load.Second) int { return s.Due })},
			{"answered well", "a", perSecond(func(s load.Second) int { return s.Good })},
			{"bad", "e", perSecond(func(s load.Second) int { return s.Bad })},
		}},
		{title: "Response time, by when the request was due", unit: "s", lines: quantiles(func(s load.Second) load.Points { return s.Response })},
	}
	if w.FirstToken.N > 0 {
		out = append(out, graph{title: "Time to first token", unit: "s", lines: quantiles(func(s load.Second) load.Points { return s.FirstToken })})
	}
	out = append(out, graph{title: "In flight", lines: []line{
		{"waiting for room", "c", count(func(s load.Second) int { return s.Queued })},
		{"in flight", "a", count(func(s load.Second) int { return s.InFlight })},
	}})
	return append(out, replicaGraphs(w)...)
}

// svg draws a chart over a curve. Empty for a curve of fewer than two points.
func (g graph) svg(w load.Window) template.HTML {
	curve := drawn(w)
	if len(curve) < 2 {
		return ""
	}
	end, _ := curve[len(curve)-1].At.Get()
	top := 0.0
	for _, s := range curve {
		for _, l := range g.lines {
			if v, ok := l.value(s); ok {
				top = max(top, v)
			}
		}
	}
	top = ceil(top)
	x := func(at float64) float64 { return marginLeft + plotWidth*at/end.Seconds() }
	y := func(v float64) float64 { return marginTop + plotHeight*(1-v/top) }
	var b strings.Builder
	fmt.Fprintf(&b, `<svg viewBox="0 0 %d %d" role="img" aria-label="%s">`, chartWidth, chartHeight, template.HTMLEscapeString(g.title))
	for i := range 5 {
		v := top * float64(i) / 4
		fmt.Fprintf(&b, `<line class="grid" x1="%d" x2="%d" y1="%.1f" y2="%.1f"/><text class="y" x="%d" y="%.1f">%s%s</text>`,
			marginLeft, marginLeft+plotWidth, y(v), y(v), marginLeft-6, y(v)+4, load.Digits(v, 4), g.unit)
	}
	scale := g.scale
	if scale == nil {
		scale = axisTime
	}
	for i := range 7 {
		at := end.Seconds() * float64(i) / 6
		fmt.Fprintf(&b, `<text class="x" x="%.1f" y="%d">%s</text>`, x(at), chartHeight-8, scale(at, end.Seconds()))
	}
	g.boundaries(&b, w, x, end.Seconds())
	g.drawMarks(&b, x, end.Seconds())
	for _, l := range g.lines {
		fmt.Fprintf(&b, `<path class="line %s" d="%s"><title>%s</title></path>`, l.class, path(curve, l, x, y), l.name)
	}
	b.WriteString(`</svg>`)
	return template.HTML(b.String()) //nolint:gosec // Made of numbers, and of text that is escaped.
}

// drawn returns the points of a window's curve that are worth drawing. A drain
// shorter than a point leaves one at the end in which hardly anything happened,
// and every line would seem to fall to nothing.
func drawn(w load.Window) []load.Second {
	length := time.Duration(0)
	for _, s := range w.Plan.Stages {
		d, _ := s.For.Get()
		length += d
	}
	step, _ := w.CurveStep.Get()
	drain, _ := w.DrainTime.Get()
	curve := w.Curve
	for w.Capacity == nil && drain < step && len(curve) > 0 {
		last := curve[len(curve)-1]
		if at, _ := last.At.Get(); at < length || last.Due > 0 || last.Queued > 0 {
			break
		}
		curve = curve[:len(curve)-1]
	}
	return curve
}

// axisTime returns a time on an axis that ends at another, both in seconds.
func axisTime(at, end float64) string {
	switch {
	case end < 600:
		return load.Digits(math.Round(at*10)/10, 4) + "s"
	case end < 6*3600:
		return load.Digits(math.Round(at/6)/10, 4) + "min"
	default:
		return load.Digits(math.Round(at/360)/10, 4) + "h"
	}
}

// boundaries draws where stages end.
func (graph) boundaries(b *strings.Builder, w load.Window, x func(float64) float64, end float64) {
	at := 0.0
	for _, s := range w.Plan.Stages {
		d, _ := s.For.Get()
		if at += d.Seconds(); at < end {
			fmt.Fprintf(b, `<line class="stage" x1="%.1f" x2="%.1f" y1="%d" y2="%d"/>`, x(at), x(at), marginTop, marginTop+plotHeight)
		}
	}
}

// path returns a line's way. Of a curve with more points than can be seen only
// every so manieth is drawn, the highest of each stretch, so that no peak goes.
func path(curve []load.Second, l line, x, y func(float64) float64) string {
	stride := (len(curve) + mostPoints - 1) / mostPoints
	var b strings.Builder
	pen := "M"
	for i := 0; i < len(curve); i += stride {
		best, at, known := 0.0, 0.0, false
		for _, s := range curve[i:min(i+stride, len(curve))] {
			if v, ok := l.value(s); ok && (!known || v > best) {
				d, _ := s.At.Get()
				best, at, known = v, d.Seconds(), true
			}
		}
		if !known {
			pen = "M"
			continue
		}
		fmt.Fprintf(&b, "%s%.1f %.1f", pen, x(at), y(best))
		pen = "L"
	}
	return b.String()
}

// ceil returns a round number of at least v.
func ceil(v float64) float64 {
	if v <= 0 {
		return 1
	}
	unit := math.Pow(10, math.Floor(math.Log10(v)))
	for _, f := range []float64{1, 2, 4, 5, 8, 10} {
		if v <= f*unit {
			return f * unit
		}
	}
	return 10 * unit
}
