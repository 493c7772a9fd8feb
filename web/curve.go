package web

import (
	"fmt"
	"html/template"
	"math"
	"strings"
	"time"

	"github.com/hfwatch/hfwatch/coldstart"
	"github.com/hfwatch/hfwatch/probe"
	"github.com/hfwatch/hfwatch/stats"
)

// The size of a drawing of dots in its own units, with room for its labels.
const (
	dotsWidth, dotsHeight = 420, 120
	dotsLeft, dotsRight   = 52, 8
	dotsTop, dotsBottom   = 8, 18
)

// dot is one value at a place of a drawing.
type dot struct {
	x, y  float64
	class string
}

// dots is a drawing of values, on a scale of logarithms.
type dots struct {
	label string
	all   []dot
	// from and to are the ends of the axis, and their names below it.
	from, to   float64
	begin, end string
	// low to high is a band, and mark a line across; NaN is none.
	low, high, mark float64
}

// svg draws it; empty without a value.
func (d dots) svg() template.HTML {
	bottom, top := math.Inf(1), 0.0
	for _, p := range d.all {
		bottom, top = min(bottom, p.y), max(top, p.y)
	}
	if top <= 0 {
		return ""
	}
	// A scale that begins at the lowest value puts a dot on the axis.
	bottom, top = bottom/1.15, top*1.15
	if top/bottom < leastSpan {
		middle := math.Sqrt(top * bottom)
		bottom, top = middle/math.Sqrt2, middle*math.Sqrt2
	}
	const right, floor = dotsWidth - dotsRight, dotsHeight - dotsBottom
	x := func(v float64) float64 {
		return dotsLeft + (right-dotsLeft)*(v-d.from)/max(d.to-d.from, 1e-9)
	}
	y := func(v float64) float64 {
		return dotsTop + (floor-dotsTop)*(1-math.Log(v/bottom)/math.Log(top/bottom))
	}
	var b strings.Builder
	fmt.Fprintf(&b, `<svg class="dots" viewBox="0 0 %d %d" role="img" aria-label="%s">`, dotsWidth, dotsHeight, template.HTMLEscapeString(d.label))
	if d.low > 0 && d.high >= d.low {
		fmt.Fprintf(&b, `<rect class="band" x="%d" width="%d" y="%.1f" height="%.1f"/>`, dotsLeft, right-dotsLeft, y(d.high), max(1, y(d.low)-y(d.high)))
	}
	if !math.IsNaN(d.mark) {
		fmt.Fprintf(&b, `<path class="mark" d="M%.1f %dV%d"/>`, x(d.mark), dotsTop, floor)
	}
	fmt.Fprintf(&b, `<path class="axis" d="M%d %dV%dH%d"/>`, dotsLeft, dotsTop, floor, right)
	for _, v := range ticks(bottom, top) {
		fmt.Fprintf(&b, `<text x="%d" y="%.1f" text-anchor="end">%s</text>`, dotsLeft-5, y(v)+4, template.HTMLEscapeString(seconds(v)))
	}
	fmt.Fprintf(&b, `<text x="%d" y="%d">%s</text><text x="%d" y="%d" text-anchor="end">%s</text>`,
		dotsLeft, dotsHeight-4, template.HTMLEscapeString(d.begin), right, dotsHeight-4, template.HTMLEscapeString(d.end))
	for _, p := range d.all {
		fmt.Fprintf(&b, `<circle class="%s" cx="%.1f" cy="%.1f" r="2.2"/>`, p.class, x(p.x), y(p.y))
	}
	b.WriteString(`</svg>`)
	return template.HTML(b.String()) // #nosec G203 -- numbers, and text that is escaped
}

// ticks returns the round values of a scale of logarithms, by 1, 2 and 5; of a
// long scale by 10.
func ticks(low, high float64) []float64 {
	steps := []float64{1, 2, 5}
	if high/low > 50 {
		steps = []float64{1}
	}
	var out []float64
	for e := math.Floor(math.Log10(low)); e <= math.Log10(high); e++ {
		for _, s := range steps {
			if v := s * math.Pow(10, e); v >= low && v <= high {
				out = append(out, v)
			}
		}
	}
	return out
}

// curve draws the warm-up of an episode: each valid answer by the seconds since
// the first, or by the number of requests.
func curve(e coldstart.Episode, what string, byRequests bool) template.HTML {
	of, verdict := func(p coldstart.Point) probe.Seconds { return p.Latency }, e.WarmUp
	if what == "first token" {
		of, verdict = func(p coldstart.Point) probe.Seconds { return p.FirstToken }, e.WarmUpTokens
	}
	d := dots{label: what + " of each answer since the first", begin: "first answer", low: math.NaN(), high: math.NaN(), mark: math.NaN()}
	settled := settledAt(verdict)
	n := 0
	for i, p := range e.Curve {
		v := optional(of(p))
		if !(v > 0) {
			continue
		}
		x := optional(p.After)
		if byRequests {
			x = float64(i)
		}
		class := "steady"
		switch {
		case verdict != nil && n < verdict.Cold:
			class = "cold"
		case settled < 0 || n < settled:
			class = "warming"
		}
		if n == settled && n > 0 {
			d.mark = x
		}
		d.all, d.to = append(d.all, dot{x, v, class}), max(d.to, x)
		n++
	}
	if settled >= 0 {
		d.low, d.high = optional(verdict.MedianLow), optional(verdict.MedianHigh)
	}
	d.end = seconds(d.to) + " later"
	if byRequests {
		d.end = fmt.Sprintf("%.0f requests later", d.to)
	}
	return d.svg()
}

// settledAt returns the index of the first answer of the steady state; -1 where
// there is none.
func settledAt(s *coldstart.Settled) int {
	if s == nil {
		return -1
	}
	switch s.Answer {
	case stats.SteadyFound, stats.SteadyAtLeast, stats.SteadyPossible:
		return s.Cold + s.Requests
	case stats.SteadyNone, stats.SteadyUnknown:
	}
	return -1
}

// SVG draws the time to the first valid answer of each episode over the page's
// span.
func (r ColdRow) SVG(from, to time.Time) template.HTML {
	d := dots{
		label: "time to the first valid answer of each cold start", to: to.Sub(from).Seconds(), begin: day(from), end: day(to),
		low: math.NaN(), high: math.NaN(), mark: math.NaN(),
	}
	for _, e := range r.All {
		if v := optional(e.FirstAnswer); v > 0 {
			d.all = append(d.all, dot{e.Began.Sub(from).Seconds(), v, string(e.Cause)})
		}
	}
	return d.svg()
}
