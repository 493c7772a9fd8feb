package web

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"math"
	"time"

	"github.com/hfwatch/hfwatch/coldstart"
	"github.com/hfwatch/hfwatch/probe"
)

//go:embed weeks.html
var weeksHTML string

//go:embed coldstarts.html
var coldStartsHTML string

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

// WriteColdStarts writes the page of cold starts: HTML that loads nothing.
func WriteColdStarts(w io.Writer, page ColdStarts) error {
	t, err := template.New("cold starts").Funcs(template.FuncMap{
		"seconds": seconds, "percent": percent, "day": day, "part": part, "cause": cause, "finding": finding, "curve": curve, "plural": plural,
	}).Parse(coldStartsHTML)
	if err != nil {
		return fmt.Errorf("cold starts: %w", err)
	}
	if err := t.Execute(w, page); err != nil {
		return fmt.Errorf("cold starts: %w", err)
	}
	return nil
}

// part returns a part of a cold start; it is looked at every five seconds, so
// that more digits would say nothing.
func part(s probe.Seconds) string {
	d, ok := s.Get()
	switch {
	case !ok:
		return "-"
	case d < time.Minute:
		return fmt.Sprintf("%.1f s", d.Seconds())
	default:
		return d.Round(time.Second).String()
	}
}

// cause says why an episode was seen, and how it ended unless that is as it
// should be.
func cause(e coldstart.Episode) string {
	text := string(e.Cause)
	if e.Method != "" {
		text += " by " + string(e.Method)
	}
	switch {
	case e.Late:
		text += ", begun by somebody else"
	case e.Cause == coldstart.CauseNatural && e.WokenBy != "":
		text += ", woken by a probe (" + string(e.WokenBy) + ")"
	}
	if e.End != "" && e.End != coldstart.EndSteady {
		text += ", " + string(e.End)
	}
	return text
}

// finding says what is to be known of an episode beside its sentence.
func finding(e coldstart.Episode) string {
	if e.EstimateStuck {
		return "the model's own estimates never shrank"
	}
	return ""
}

// plural returns a number with its noun.
func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
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
