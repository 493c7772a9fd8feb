package windows

import (
	"fmt"
	"strings"

	"github.com/hfwatch/hfwatch/alerts"
	"github.com/hfwatch/hfwatch/load"
	"github.com/hfwatch/hfwatch/probe"
)

// Assertion is a condition that must hold of a window.
type Assertion struct {
	text string
	when alerts.When
}

// ParseAssertions returns the assertions of a text, separated by commas, in the
// grammar of alerts without its times: p95(response) < 2s, bad_ratio < 1%. The
// error names the one that is none.
func ParseAssertions(text string) ([]Assertion, error) {
	var out []Assertion
	for part := range strings.SplitSeq(text, ",") {
		part = strings.TrimSpace(part)
		if part == "" {
			continue
		}
		if strings.Contains(part, " over ") || strings.Contains(part, " in ") {
			return nil, fmt.Errorf("%q: an assertion is of the whole window; leave out what follows the value", part)
		}
		// The time is the window's own; the grammar wants one.
		w, err := alerts.ParseWhen(part + " over 1m")
		if err != nil {
			return nil, fmt.Errorf("%q: %w", part, err)
		}
		a := Assertion{part, w}
		if !a.answerable() {
			return nil, fmt.Errorf("%q: no window answers it; write for instance p95(response) < 2s, bad_ratio < 1%%, goodput > 0.95 or rate > 10", part)
		}
		out = append(out, a)
	}
	return out, nil
}

// answerable reports whether a window holds what the assertion asks for.
func (a Assertion) answerable() bool {
	switch a.when.Form {
	case alerts.FormQuantile:
		_, ok := distribution(load.Summary{}, a.when.Signal)
		return ok
	case alerts.FormRatio:
		switch a.when.Signal {
		case alerts.BadRatio, alerts.Availability, alerts.Goodput, alerts.Rate, alerts.TokensPerSecond:
			return true
		default:
			return false
		}
	default:
		return false
	}
}

// distribution returns what a summary holds of a signal.
func distribution(s load.Summary, signal alerts.Signal) (load.Distribution, bool) {
	switch signal {
	case alerts.Response:
		return s.Response, true
	case alerts.Service:
		return s.Service, true
	case alerts.Lag:
		return s.Lag, true
	case alerts.FirstByte:
		return s.FirstByte, true
	case alerts.FirstToken:
		return s.FirstToken, true
	case alerts.FirstAnswer:
		return s.FirstAnswer, true
	case alerts.TPOT:
		return s.TPOT, true
	case alerts.Gap:
		return s.Gap, true
	default:
		return load.Distribution{}, false
	}
}

// Assert returns what becomes of the assertions on a window.
func Assert(w load.Window, assertions []Assertion) []Finding {
	out := make([]Finding, 0, len(assertions))
	for _, a := range assertions {
		out = append(out, a.judge(w.Summary))
	}
	return out
}

// judge answers the assertion.
func (a Assertion) judge(s load.Summary) Finding {
	f := Finding{Text: a.text, Answer: Unknown}
	if a.when.Form == alerts.FormQuantile {
		d, _ := distribution(s, a.when.Signal)
		q := load.QuantileOf(d, a.when.Quantile)
		if q == nil {
			f.Why = fmt.Sprintf("there are %d values, and %d are needed", d.N, alerts.ResultsForQuantile(a.when.Quantile))
			return f
		}
		f.Why = fmt.Sprintf("it is %s, of %d", interval(q), d.N)
		v, _ := q.Value.Get()
		f.Answer = holds(v.Seconds(), a.when.Op, a.when.Threshold)
		below := a.when.Op == "<" || a.when.Op == "<="
		if q.AtLeast && below == (f.Answer == Passed) {
			// A lower bound proves only what lies above it.
			f.Answer = Unknown
		}
		return f
	}
	v, of, ok := level(s, a.when.Signal)
	if !ok {
		f.Why = "the window does not tell"
		return f
	}
	f.Why = fmt.Sprintf("it is %s%s", load.Digits(v, 4), of)
	f.Answer = holds(v, a.when.Op, a.when.Threshold)
	return f
}

// level returns a signal that is one number of a window.
func level(s load.Summary, signal alerts.Signal) (value float64, of string, ok bool) {
	counted := s.Good + s.Bad
	get := func(v probe.Opt[float64]) (float64, string, bool) {
		n, ok := v.Get()
		return n, "", ok
	}
	switch signal {
	case alerts.BadRatio, alerts.Availability:
		if counted == 0 {
			return 0, "", false
		}
		value = float64(s.Bad) / float64(counted)
		if signal == alerts.Availability {
			value = 1 - value
		}
		return value, fmt.Sprintf(", of %d", counted), true
	case alerts.Goodput:
		if s.Goodput == nil {
			return 0, "", false
		}
		return s.Goodput.Ratio, fmt.Sprintf(", of %d", s.Goodput.Attempted), true
	case alerts.Rate:
		return get(s.Throughput)
	case alerts.TokensPerSecond:
		if s.Tokens == nil {
			return 0, "", false
		}
		return get(s.Tokens.System)
	default:
		return 0, "", false
	}
}

// holds compares.
func holds(v float64, op string, threshold float64) Answer {
	ok := false
	switch op {
	case "<":
		ok = v < threshold
	case "<=":
		ok = v <= threshold
	case ">":
		ok = v > threshold
	case ">=":
		ok = v >= threshold
	}
	if ok {
		return Passed
	}
	return Failed
}
