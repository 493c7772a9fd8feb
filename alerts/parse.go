package alerts

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hfwatch/hfwatch/probe"
)

// ParseWhen returns the condition that text says. Its error says what is wrong
// and what would be right.
func ParseWhen(text string) (When, error) {
	w, err := parseWhen(text)
	if err != nil {
		return When{}, fmt.Errorf("%q: %w", text, err)
	}
	w.Text = text
	return w, nil
}

// errAbsent says how the absence of results is written.
var errAbsent = errors.New("absent results need a time and no comparison: write absent over 30m")

// parser reads a condition from left to right.
type parser struct{ rest string }

// parseWhen parses text without naming it in errors.
func parseWhen(text string) (When, error) {
	p := parser{rest: text}
	w, err := p.subject()
	if err != nil {
		return w, err
	}
	w.Op = p.operator()
	if w.Signal == Absent && w.Op != "" {
		return w, errAbsent
	}
	// What happened may be counted in k of n without a comparison.
	if named := len(w.Outcomes)+len(w.Faults) > 0; w.Signal != Absent && (w.Op != "" || !named) {
		if w.Op == "" {
			return w, fmt.Errorf("a comparison must follow %s: write for instance %s > %s", w.Signal, w.Signal, exampleOf(w.Signal))
		}
		if err := p.threshold(&w); err != nil {
			return w, err
		}
	}
	if w.Form == FormRelative {
		return w, p.end()
	}
	if err := p.span(&w); err != nil {
		return w, err
	}
	if err := p.end(); err != nil {
		return w, err
	}
	return w, w.complete()
}

// word takes letters, digits, _ and . from the left.
func (p *parser) word() string {
	p.rest = strings.TrimLeft(p.rest, " \t")
	n := strings.IndexFunc(p.rest, func(r rune) bool {
		return r != '_' && r != '.' && r != '%' && r != '|' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
	})
	if n < 0 {
		n = len(p.rest)
	}
	word := p.rest[:n]
	p.rest = p.rest[n:]
	return word
}

// take takes token from the left, if it is there.
func (p *parser) take(token string) bool {
	rest := strings.TrimLeft(p.rest, " \t")
	if !strings.HasPrefix(rest, token) {
		return false
	}
	p.rest = rest[len(token):]
	return true
}

// operator takes a comparison, or returns empty.
func (p *parser) operator() string {
	for _, op := range []string{">=", "<=", ">", "<"} {
		if p.take(op) {
			return op
		}
	}
	return ""
}

// end returns an error if anything is left.
func (p *parser) end() error {
	if rest := strings.TrimSpace(p.rest); rest != "" {
		return fmt.Errorf("%q is left over at the end; remove it", rest)
	}
	return nil
}

// subject reads what is compared: a signal, or a function of one.
func (p *parser) subject() (When, error) {
	var w When
	name := p.word()
	if !p.take("(") {
		s, err := signal(name)
		w.Signal = s
		return w, err
	}
	arg := p.word()
	if !p.take(")") {
		return w, fmt.Errorf("a ) must follow %s(%s", name, arg)
	}
	var err error
	switch name {
	case "outcome":
		w.Signal, w.Form = OutcomeSignal, FormLast
		w.Outcomes, err = listed("outcome", arg, probe.Outcomes())
		return w, err
	case "fault":
		w.Signal, w.Form = FaultSignal, FormLast
		w.Faults, err = listed("fault", arg, probe.Faults())
		return w, err
	case "burn":
		w.Form = FormBurn
	default:
		q, ok := quantile(name)
		if !ok {
			return w, fmt.Errorf("there is no function %q; use p50 to p99.9, median, max, outcome, fault or burn", name)
		}
		w.Form, w.Quantile = FormQuantile, q
	}
	s, err := signal(arg)
	if err != nil {
		return w, err
	}
	w.Signal = s
	if w.Form == FormQuantile && !s.Distribution() {
		return w, fmt.Errorf("%s has no quantiles; write it without %s()", s, name)
	}
	return w, nil
}

// threshold reads the right side of the comparison.
func (p *parser) threshold(w *When) error {
	text := p.word()
	if text == "" {
		return fmt.Errorf("a value must follow %s: write for instance %s", w.Op, exampleOf(w.Signal))
	}
	if factor, ok := strings.CutSuffix(text, "x"); ok && w.Form == FormQuantile {
		f, err := strconv.ParseFloat(factor, 64)
		if err != nil || f <= 0 || math.IsInf(f, 0) || !p.take("week") {
			return fmt.Errorf("%q: a comparison with past weeks is written 1.3x week", text)
		}
		w.Form, w.Threshold = FormRelative, f
		return nil
	}
	switch {
	case w.Form == FormBurn:
		return number(text, &w.Threshold)
	case w.Signal.Distribution(), w.Signal == Stale:
		d, err := ParseDuration(text)
		if err != nil {
			return fmt.Errorf("%s is a duration: %w", w.Signal, err)
		}
		w.Threshold = d.Seconds()
	case w.Signal.Ratio():
		percent, isPercent := strings.CutSuffix(text, "%")
		if err := number(percent, &w.Threshold); err != nil {
			return err
		}
		if isPercent {
			w.Threshold /= 100
		}
		if w.Threshold > 1 || w.Threshold < 0 {
			return fmt.Errorf("%s is a ratio from 0 to 1, and %s is not; write 0.2 or 20%%", w.Signal, text)
		}
	default:
		return number(text, &w.Threshold)
	}
	return nil
}

// span reads "over 6h", "over 1h,5m" or "in 3 of 5".
func (p *parser) span(w *When) error {
	switch {
	case p.take("over "):
		for {
			d, err := ParseDuration(p.word())
			if err != nil {
				return fmt.Errorf("over: %w", err)
			}
			w.Over = append(w.Over, d)
			if !p.take(",") {
				return nil
			}
		}
	case p.take("in "):
		k, errK := strconv.Atoi(p.word())
		of := p.word()
		n, errN := strconv.Atoi(p.word())
		if errK != nil || of != "of" || errN != nil || k < 1 || n < k || n > MaxLast {
			return fmt.Errorf("a count of the last results is written in 3 of 5, at most of %d", MaxLast)
		}
		w.K, w.N = k, n
	}
	return nil
}

// complete sets the form and refuses what does not go together.
func (w *When) complete() error {
	switch {
	case w.Form == FormBurn:
		if len(w.Over) != 2 || w.Signal != Availability {
			return fmt.Errorf("a burn rate is written burn(availability) > 14.4 over 1h,5m")
		}
	case w.Form == FormQuantile:
		if len(w.Over) != 1 {
			return fmt.Errorf("a quantile needs a time: write over 6h at the end")
		}
	case w.Signal == Absent:
		if len(w.Over) != 1 {
			return errAbsent
		}
		w.Form = FormAbsent
	case w.N > 0:
		return w.last()
	case w.Op == "":
		return fmt.Errorf("a count must follow: write in 2 of 3 at the end, or a share such as > 20%% over 30m")
	case w.Signal.Level():
		if len(w.Over) > 0 {
			return fmt.Errorf("%s needs no time; remove what follows the value", w.Signal)
		}
		w.Form = FormLevel
	case w.Signal.Distribution():
		return fmt.Errorf("one value of %s is not enough to page by; write in 3 of 5 at the end, or p95(%s) … over 6h", w.Signal, w.Signal)
	case len(w.Over) != 1:
		return fmt.Errorf("%s needs one time: write over 30m at the end", w.Signal)
	default:
		w.Form = FormRatio
	}
	return nil
}

// last makes the condition one on the last results.
func (w *When) last() error {
	named := w.Signal == OutcomeSignal || w.Signal == FaultSignal
	switch {
	case named && w.Op != "":
		return fmt.Errorf("a share needs a time: write over 30m instead of in %d of %d", w.K, w.N)
	case !named && !w.Signal.Distribution():
		return fmt.Errorf("%s is not a value of one result; write it with over 30m instead of in %d of %d", w.Signal, w.K, w.N)
	}
	w.Form = FormLast
	return nil
}

// MaxLast bounds the n of "k of n".
const MaxLast = 50

// listed returns the members of a closed set that a text names, parted by |.
func listed[T ~string](what, text string, all []T) ([]T, error) {
	var out []T
	for one := range strings.SplitSeq(text, "|") {
		if !slices.Contains(all, T(one)) {
			return nil, fmt.Errorf("there is no %[1]s %[2]q; the %[1]ss are %[3]v", what, one, all)
		}
		out = append(out, T(one))
	}
	return out, nil
}

// signal returns the signal of a name.
func signal(name string) (Signal, error) {
	switch s := Signal(name); s {
	case OutcomeSignal:
		return "", fmt.Errorf("outcome needs a name: write outcome(loading)")
	case FaultSignal:
		return "", fmt.Errorf("fault needs a name: write fault(network)")
	default:
		if slices.Contains(Signals(), s) {
			return s, nil
		}
	}
	return "", fmt.Errorf("there is no signal %q; the signals are %v", name, Signals())
}

// quantile returns the quantile that a function's name means.
func quantile(name string) (float64, bool) {
	switch name {
	case "median":
		return 0.5, true
	case "max":
		return 1, true
	}
	digits, ok := strings.CutPrefix(name, "p")
	if !ok {
		return 0, false
	}
	percent, err := strconv.ParseFloat(digits, 64)
	if err != nil || !(percent > 0 && percent < 100) {
		return 0, false
	}
	// Rounded so that p99.9 is 0.999.
	return math.Round(percent*1e7) / 1e9, true
}

// number reads a finite number.
func number(text string, to *float64) error {
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(f) || math.IsInf(f, 0) {
		return fmt.Errorf("%q is not a number", text)
	}
	*to = f
	return nil
}

// exampleOf returns a fitting value for a signal.
func exampleOf(s Signal) string {
	switch {
	case s.Distribution():
		return "2s"
	case s == Stale:
		return "2h"
	case s.Ratio():
		return "20%"
	default:
		return "5"
	}
}

// ParseDuration returns the duration of a text such as 90s, 1h30m, 60d or 4w:
// Go's units, and d for 24 hours and w for seven of those. It must be above 0.
func ParseDuration(text string) (time.Duration, error) {
	rest, total := text, time.Duration(0)
	for _, unit := range []struct {
		suffix string
		length time.Duration
	}{{"w", 7 * 24 * time.Hour}, {"d", 24 * time.Hour}} {
		before, after, found := strings.Cut(rest, unit.suffix)
		if !found {
			continue
		}
		n, err := strconv.ParseFloat(before, 64)
		if err != nil || !(n >= 0 && n < 10_000) {
			return 0, fmt.Errorf("%q is not a duration; write for instance 90s, 1h30m, 60d or 4w", text)
		}
		total += time.Duration(n * float64(unit.length))
		rest = after
	}
	if rest != "" {
		d, err := time.ParseDuration(rest)
		if err != nil || d > 1<<62 {
			return 0, fmt.Errorf("%q is not a duration; write for instance 90s, 1h30m, 60d or 4w", text)
		}
		total += d
	}
	if total <= 0 {
		return 0, fmt.Errorf("%q is not a duration above 0", text)
	}
	return total, nil
}
