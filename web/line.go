package web

import (
	"fmt"
	"html/template"
	"math"
	"strings"
	"time"
)

// The size of a line in its own units: columns, and below the values a strip for
// what was bad.
const (
	lineColumns = 336
	lineHeight  = 40
	lineStrip   = 8
	// leastSpan is the least ratio of a scale's top to its bottom.
	leastSpan = 2
)

// Line is a long time in one row: for each column the lowest and the highest
// value of its hours, so that no peak is lost and nothing is averaged.
type Line struct {
	from time.Time
	// each is the time of a column, a full hour at least.
	each    time.Duration
	columns []column
}

// column is the hours of one column.
type column struct {
	low, high float64 // NaN is none
	bad       float64 // the highest share of bad results of its hours
}

// newLine returns a line without values.
func newLine(from, to time.Time) Line {
	hours := max(1, int(to.Sub(from)/time.Hour))
	per := (hours + lineColumns - 1) / lineColumns
	l := Line{from: from, each: time.Duration(per) * time.Hour, columns: make([]column, (hours+per-1)/per)}
	for i := range l.columns {
		l.columns[i] = column{math.NaN(), math.NaN(), 0}
	}
	return l
}

// column returns that of the hour which ends at end, or nil.
func (l *Line) column(end time.Time) *column {
	i := int(end.Add(-time.Hour).Sub(l.from) / l.each)
	if end.Add(-time.Hour).Before(l.from) || i >= len(l.columns) {
		return nil
	}
	return &l.columns[i]
}

// value notes an hour's.
func (l *Line) value(end time.Time, v float64) {
	if c := l.column(end); c != nil && v > 0 && !math.IsInf(v, 0) {
		if math.IsNaN(c.low) {
			c.low, c.high = v, v
		}
		c.low, c.high = min(c.low, v), max(c.high, v)
	}
}

// bad notes an hour's share of bad results.
func (l *Line) bad(end time.Time, share float64) {
	if c := l.column(end); c != nil && share > c.bad {
		c.bad = min(share, 1)
	}
}

// Range returns the lowest and the highest value; false without any.
func (l Line) Range() (low, high float64, ok bool) {
	low, high = math.Inf(1), math.Inf(-1)
	for _, c := range l.columns {
		if c.low > 0 {
			low, high = min(low, c.low), max(high, c.high)
		}
	}
	return low, high, low <= high
}

// SVG returns the drawing: values on a scale of logarithms, since a ratio then
// is the same distance everywhere, and from below what was bad.
func (l Line) SVG() template.HTML {
	low, high, ok := l.Range()
	var values, bad strings.Builder
	for i, c := range l.columns {
		x := (float64(i) + 0.5) * lineColumns / float64(len(l.columns))
		if ok && c.low > 0 {
			top, bottom := lineY(c.high, low, high), lineY(c.low, low, high)
			// A stroke without length would not be seen.
			fmt.Fprintf(&values, "M%.1f %.1fV%.1f", x, top-0.5, bottom+0.5)
		}
		if c.bad > 0 {
			fmt.Fprintf(&bad, "M%.1f %dV%.1f", x, lineHeight, lineHeight-max(1, lineStrip*c.bad))
		}
	}
	width := float64(lineColumns) / float64(len(l.columns))
	return template.HTML(fmt.Sprintf( // #nosec G203 -- numbers alone
		`<svg viewBox="0 0 %d %d" preserveAspectRatio="none" role="img" aria-label="95th percentile by hour, and what was bad"><path class="value" stroke-width="%.2f" d="%s"/><path class="wrong" stroke-width="%.2f" d="%s"/></svg>`,
		lineColumns, lineHeight, width, values.String(), width, bad.String()))
}

// lineY returns where a value stands between the lowest and the highest. What
// differs by less than the scale's least span does not fill it: a few per cent
// would look like a mountain.
func lineY(v, low, high float64) float64 {
	const room = lineHeight - lineStrip - 4
	span := max(high/low, leastSpan)
	low = math.Sqrt(low * high / span)
	return 2 + room*(1-math.Log(v/low)/math.Log(span))
}
