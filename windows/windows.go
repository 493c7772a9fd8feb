// Package windows judges and shows the records of load windows: assertions on
// one, the comparison of two, and text, HTML and JUnit XML for people and
// pipelines.
//
// It refuses to measure, to store and to decide what a window's own verdict is
// (package load does). What a window does not know is never taken for good: an
// assertion on it has no answer. All of it is functions of plain values, safe
// for concurrent use.
package windows

import (
	"fmt"

	"github.com/hfwatch/hfwatch/load"
	"github.com/hfwatch/hfwatch/probe"
)

// Answer is what became of an assertion or of one line of a comparison.
type Answer string

// The answers.
const (
	Passed  Answer = "passed"
	Failed  Answer = "failed"
	Unknown Answer = "unknown"
)

// Finding is one assertion, or one line of a comparison, and its answer.
type Finding struct {
	Text   string `json:"text"`
	Answer Answer `json:"answer"`
	// Why says it with its numbers.
	Why string `json:"why"`
}

// Outcome is what a window comes to as a whole.
type Outcome int

// The outcomes, which are exit codes of the command line.
const (
	Pass      Outcome = 0
	Crossed   Outcome = 1
	NoVerdict Outcome = 3
)

// Judge returns what a window and its findings come to. A window that the client
// or the budget limited, or that was cut off before its errors could be the
// reason, proves nothing of the target, whatever its numbers.
func Judge(w load.Window, findings []Finding) Outcome {
	failed, unknown := false, false
	for _, f := range findings {
		failed = failed || f.Answer == Failed
		unknown = unknown || f.Answer == Unknown
	}
	byTarget := w.EndedBy == load.EndErrors || w.EndedBy == load.EndBrake || w.EndedBy == load.EndBystander
	switch w.Verdict {
	case load.Complete, load.ServerLimited:
	case load.Aborted:
		if byTarget && failed {
			return Crossed
		}
		return NoVerdict
	default:
		return NoVerdict
	}
	switch {
	case failed:
		return Crossed
	case unknown:
		return NoVerdict
	default:
		return Pass
	}
}

// Name returns the name of the window's target or mix.
func Name(w load.Window) string {
	if w.Mix != "" {
		return w.Mix
	}
	return w.Target
}

// quantile returns a quantile as people read it; a dash where there is none.
func quantile(q *load.Quantile) string {
	switch {
	case q == nil:
		return "-"
	case q.AtLeast:
		return ">= " + q.Value.Short()
	default:
		return q.Value.Short()
	}
}

// interval returns a quantile with its interval.
func interval(q *load.Quantile) string {
	if q == nil {
		return "too few requests for an interval"
	}
	high := q.High.Short()
	if q.High.IsZero() {
		high = "unknown"
	}
	return fmt.Sprintf("%s [%s, %s]", quantile(q), q.Low.Short(), high)
}

// rate returns a number a second.
func rate(v probe.Opt[float64]) string {
	n, ok := v.Get()
	if !ok {
		return "-"
	}
	return load.Digits(n, 4) + "/s"
}
