package web

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"math"
	"time"
)

//go:embed weeks.html
var weeksHTML string

// WriteWeeks writes the page of weeks: HTML that loads nothing.
func WriteWeeks(w io.Writer, page Weeks) error {
	t, err := template.New("weeks").Funcs(template.FuncMap{
		"seconds": seconds, "percent": percent, "count": count, "day": day, "span": span,
	}).Parse(weeksHTML)
	if err != nil {
		return fmt.Errorf("weeks: %w", err)
	}
	if err := t.Execute(w, page); err != nil {
		return fmt.Errorf("weeks: %w", err)
	}
	return nil
}

// seconds returns a time as people read it, with what its distribution's buckets
// tell of it: two digits.
func seconds(v float64) string {
	switch {
	case math.IsNaN(v) || math.IsInf(v, 0):
		return "-"
	case v < 0.001:
		// What is shorter is in the bucket of zero.
		return "< 1 ms"
	case v < 0.0995:
		return fmt.Sprintf("%.*f ms", digits(v*1000), v*1000)
	case v < 0.995:
		return fmt.Sprintf("%.0f ms", math.Round(v*100)*10)
	default:
		return fmt.Sprintf("%.*f s", digits(v), v)
	}
}

// digits returns how many decimals make two digits of a value from 1.
func digits(v float64) int {
	if v < 9.95 {
		return 1
	}
	return 0
}

// percent returns a share of 1.
func percent(v float64) string {
	switch {
	case math.IsNaN(v):
		return "-"
	case v == 0:
		return "0 %"
	case v < 0.001:
		return "< 0.1 %"
	default:
		return fmt.Sprintf("%.1f %%", v*100)
	}
}

// count returns a number of results.
func count(v float64) string { return fmt.Sprintf("%.0f", v) }

// day returns a day and its hour.
func day(at time.Time) string { return at.UTC().Format("2006-01-02 15:04") }

// span returns the lowest and highest value of a line in words.
func span(l Line) string {
	low, high, ok := l.Range()
	if !ok {
		return "nothing recorded"
	}
	if seconds(low) == seconds(high) {
		return seconds(low)
	}
	return seconds(low) + " to " + seconds(high)
}
