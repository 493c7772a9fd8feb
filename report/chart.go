package report

import (
	"fmt"
	"html/template"
	"math"
	"strings"
	"time"
)

// The size of a chart and of its margins, in its own units.
const (
	chartWidth, chartHeight      = 720, 180
	chartLeft, chartRight        = 64, 12
	chartTop, chartBottom        = 12, 24
	chartPlotWidth               = chartWidth - chartLeft - chartRight
	chartPlotHeight              = chartHeight - chartTop - chartBottom
	latencyClass, tailClass      = "median", "tail"
	goodClass, badClass, stepCls = "good", "bad", "step"
)

// scale places days and values in a chart.
type scale struct {
	from, to  time.Time
	low, high float64
}

// x returns where a time stands.
func (s scale) x(at time.Time) float64 {
	return chartLeft + chartPlotWidth*float64(at.Sub(s.from))/float64(s.to.Sub(s.from))
}

// y returns where a positive value stands on the scale of logarithms, which
// shows a ratio as the same distance everywhere.
func (s scale) y(v float64) float64 {
	span := math.Log(s.high) - math.Log(s.low)
	return chartTop + chartPlotHeight*(1-(math.Log(v)-math.Log(s.low))/span)
}

// chart draws a target's daily medians and 95th percentiles of its first
// signal with the changes beside them, and below them the share of bad
// results. Empty without days.
func chart(t Target, from, to time.Time) template.HTML {
	if len(t.Days) == 0 || !from.Before(to) {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, `<svg viewBox="0 0 %d %d" role="img" aria-label="Latency of %s by day">`, chartWidth, chartHeight, template.HTMLEscapeString(t.Name))
	s, ok := latencies(t.Days, from, to)
	if ok {
		s.axis(&b)
		s.line(&b, t.Days, tailClass, func(d DayLatency) (float64, bool) { return d.P95.Get() })
		s.line(&b, t.Days, latencyClass, func(d DayLatency) (float64, bool) { return d.P50, true })
	}
	s.bad(&b, t.Days)
	for _, c := range t.Changes {
		fmt.Fprintf(&b, `<line class="%s" x1="%.1f" x2="%.1f" y1="%d" y2="%d"><title>%s</title></line>`,
			stepCls, s.x(c.At), s.x(c.At), chartTop, chartTop+chartPlotHeight, template.HTMLEscapeString(c.String()))
	}
	s.days(&b)
	b.WriteString(`</svg>`)
	return template.HTML(b.String()) // #nosec G203 -- every text in it is escaped above
}

// latencies returns the scale that holds all values; absent without any.
func latencies(days []Day, from, to time.Time) (scale, bool) {
	s := scale{from: from, to: to, low: math.Inf(1), high: math.Inf(-1)}
	for _, d := range days {
		if d.Response == nil {
			continue
		}
		s.low, s.high = min(s.low, d.Response.P50), max(s.high, d.Response.P50)
		if v, ok := d.Response.P95.Get(); ok {
			s.high = max(s.high, v)
		}
	}
	if math.IsInf(s.low, 0) || s.low <= 0 {
		return s, false
	}
	s.low, s.high = s.low/1.2, s.high*1.2
	return s, true
}

// digits are the leading digits of an axis's values: more of them where the
// scale is short.
func (s scale) digits() []float64 {
	if s.high/s.low < 4 {
		return []float64{1, 1.5, 2, 3, 4, 5, 6, 8}
	}
	return []float64{1, 2, 5}
}

// axis draws lines at round values.
func (s scale) axis(b *strings.Builder) {
	for exponent := math.Floor(math.Log10(s.low)); exponent <= math.Ceil(math.Log10(s.high)); exponent++ {
		for _, digit := range s.digits() {
			v := digit * math.Pow(10, exponent)
			if v < s.low || v > s.high {
				continue
			}
			fmt.Fprintf(b, `<line class="grid" x1="%d" x2="%d" y1="%.1f" y2="%.1f"/><text x="%d" y="%.1f" text-anchor="end">%s</text>`,
				chartLeft, chartWidth-chartRight, s.y(v), s.y(v), chartLeft-6, s.y(v)+4, latency(v))
		}
	}
}

// line draws one percentile through the middle of each day, broken where a day
// has none.
func (s scale) line(b *strings.Builder, days []Day, class string, of func(DayLatency) (float64, bool)) {
	var path strings.Builder
	var last time.Time
	for _, d := range days {
		if d.Response == nil {
			continue
		}
		v, ok := of(*d.Response)
		if !ok || v <= 0 {
			continue
		}
		command := "L"
		if d.At.Sub(last) > day {
			command = "M"
		}
		last = d.At
		x, y := s.x(s.clamp(d.At.Add(day/2))), s.y(v)
		fmt.Fprintf(&path, "%s%.1f %.1f", command, x, y)
		fmt.Fprintf(b, `<circle class="%s" cx="%.1f" cy="%.1f" r="2.5"><title>%s: %s %s</title></circle>`, class, x, y, d.At.Format("Mon 2 Jan"), class, latency(v))
	}
	if path.Len() > 0 {
		fmt.Fprintf(b, `<path class="%s" d="%s"/>`, class, path.String())
	}
}

// clamp keeps the middle of a day that is cut by an end of the period inside.
func (s scale) clamp(at time.Time) time.Time {
	switch {
	case at.Before(s.from):
		return s.from
	case at.After(s.to):
		return s.to
	}
	return at
}

// bad draws the share of bad results of each day from below.
func (s scale) bad(b *strings.Builder, days []Day) {
	for _, d := range days {
		n := d.Good + d.Bad
		if n == 0 || d.Bad == 0 {
			continue
		}
		share := float64(d.Bad) / float64(n)
		x, end := s.x(s.clamp(d.At)), s.x(s.clamp(d.At.Add(day)))
		height := max(share*chartPlotHeight, 1)
		fmt.Fprintf(b, `<rect class="%s" x="%.1f" y="%.1f" width="%.1f" height="%.1f"><title>%s: %d bad of %d</title></rect>`,
			badClass, x+1, chartTop+chartPlotHeight-height, max(end-x-2, 1), height, d.At.Format("Mon 2 Jan"), d.Bad, n)
	}
}

// days marks the beginning of each Monday.
func (s scale) days(b *strings.Builder) {
	for at := s.from.Truncate(day); !at.After(s.to); at = at.Add(day) {
		if at.Weekday() != time.Monday || at.Before(s.from) {
			continue
		}
		fmt.Fprintf(b, `<text x="%.1f" y="%d" text-anchor="middle">%s</text><line class="grid" x1="%.1f" x2="%.1f" y1="%d" y2="%d"/>`,
			s.x(at), chartHeight-6, at.Format("2 Jan"), s.x(at), s.x(at), chartTop, chartTop+chartPlotHeight)
	}
}
