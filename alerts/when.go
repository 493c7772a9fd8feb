package alerts

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hfwatch/hfwatch/probe"
)

// Signal is what a condition looks at.
type Signal string

// The signals: distributions first, then ratios and levels.
const (
	Response        Signal = "response"
	Service         Signal = "service"
	FirstByte       Signal = "first_byte"
	FirstToken      Signal = "first_token"
	FirstAnswer     Signal = "first_answer"
	TPOT            Signal = "tpot"
	Gap             Signal = "gap"
	Queue           Signal = "queue"
	Server          Signal = "server"
	Lag             Signal = "lag"
	ColdStart       Signal = "cold_start"
	WarmUp          Signal = "warm_up"
	BadRatio        Signal = "bad_ratio"
	OutcomeSignal   Signal = "outcome"
	Availability    Signal = "availability"
	Goodput         Signal = "goodput"
	TokensPerSecond Signal = "tokens_per_second"
	Rate            Signal = "rate"
	BudgetUsed      Signal = "budget_used"
	Drift           Signal = "drift"
)

// Signals returns the closed list of signals.
func Signals() []Signal {
	return []Signal{
		Response, Service, FirstByte, FirstToken, FirstAnswer, TPOT, Gap, Queue, Server, Lag, ColdStart, WarmUp,
		BadRatio, OutcomeSignal, Availability, Goodput, TokensPerSecond, Rate, BudgetUsed, Drift,
	}
}

// Distribution reports whether s has quantiles, in seconds.
func (s Signal) Distribution() bool {
	return slices.Contains([]Signal{
		Response, Service, FirstByte, FirstToken, FirstAnswer, TPOT, Gap, Queue, Server, Lag, ColdStart, WarmUp,
	}, s)
}

// Ratio reports whether s is a ratio from 0 to 1.
func (s Signal) Ratio() bool {
	return slices.Contains([]Signal{BadRatio, Availability, BudgetUsed, Drift}, s)
}

// Form is the kind of a condition.
type Form string

// The forms of the grammar.
const (
	// FormQuantile is p95(response) > 2s over 6h.
	FormQuantile Form = "quantile"
	// FormLast is first_token > 4s in 3 of 5, and outcome(loading) in 2 of 3.
	FormLast Form = "last"
	// FormRatio is bad_ratio > 20% over 30m.
	FormRatio Form = "ratio"
	// FormLevel is budget_used > 80%: a value that needs no time.
	FormLevel Form = "level"
	// FormBurn is burn(availability) > 14.4 over 1h,5m.
	FormBurn Form = "burn"
	// FormRelative is median(first_token) > 1.3x week.
	FormRelative Form = "relative"
)

// MinResults is how many counted results a ratio needs before it speaks.
const MinResults = 5

// When is a parsed condition.
type When struct {
	// Text is the condition as written.
	Text   string
	Form   Form
	Signal Signal
	// Outcomes are those of an outcome condition.
	Outcomes []probe.Outcome
	// Quantile is from 0 to 1; 1 is the maximum.
	Quantile float64
	// Op is one of > >= < <=; empty for outcome conditions.
	Op string
	// Threshold is in seconds for distributions, a ratio for ratios, and a plain
	// number for the rest. For FormRelative it is the factor.
	Threshold float64
	// Over are the time spans; two for FormBurn, else one or none.
	Over []time.Duration
	// K of N last results.
	K, N int
}

// String returns the condition as written.
func (w When) String() string { return w.Text }

// Needs returns how many results the condition needs within how much time
// before it can speak; 0 results where it needs none.
func (w When) Needs() (results int, over time.Duration) {
	switch w.Form {
	case FormQuantile:
		return ResultsForQuantile(w.Quantile), w.Over[0]
	case FormRatio:
		return MinResults, w.Over[0]
	case FormLast, FormLevel, FormBurn, FormRelative:
		return 0, 0
	default:
		return 0, 0
	}
}

// ResultsForQuantile returns the least n for which a distribution-free
// two-sided 95 % interval of the quantile q exists: the least n with
// 1 - qⁿ - (1-q)ⁿ >= 0.95, which is 6 for the median, 29 for p90, 59 for p95
// and 299 for p99. (David and Nagaraja, Order Statistics, 7.1.) The maximum
// needs one.
func ResultsForQuantile(q float64) int {
	if q >= 1 || q <= 0 {
		return 1
	}
	for n := 1; n < 1_000_000; n++ {
		if 1-math.Pow(q, float64(n))-math.Pow(1-q, float64(n)) >= 0.95 {
			return n
		}
	}
	return 1_000_000
}

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

// Unavailable returns what of the condition no series or result answers yet,
// or empty where all of it can be evaluated.
func (w When) Unavailable() string {
	switch w.Form {
	case FormBurn, FormRelative:
		return "the form " + string(w.Form)
	case FormQuantile:
		if _, ok := histogram(w.Signal); !ok {
			return "quantiles of " + string(w.Signal)
		}
	case FormLast:
		if w.Signal == ColdStart || w.Signal == WarmUp {
			return "the signal " + string(w.Signal)
		}
	case FormRatio, FormLevel:
		if w.Signal != BadRatio && w.Signal != Availability && w.Signal != BudgetUsed {
			return "the signal " + string(w.Signal)
		}
	}
	return ""
}

// parser reads a condition from left to right.
type parser struct{ rest string }

// parseWhen parses text without naming it in errors.
func parseWhen(text string) (When, error) {
	p := parser{rest: text}
	w, err := p.subject()
	if err != nil {
		return w, err
	}
	if w.Signal != OutcomeSignal {
		if w.Op = p.operator(); w.Op == "" {
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
	switch name {
	case "outcome":
		w.Signal, w.Form = OutcomeSignal, FormLast
		for o := range strings.SplitSeq(arg, "|") {
			if !slices.Contains(probe.Outcomes(), probe.Outcome(o)) {
				return w, fmt.Errorf("there is no outcome %q; the outcomes are %v", o, probe.Outcomes())
			}
			w.Outcomes = append(w.Outcomes, probe.Outcome(o))
		}
		return w, nil
	case "burn":
		w.Form = FormBurn
	default:
		q, ok := quantile(name)
		if !ok {
			return w, fmt.Errorf("there is no function %q; use p50 to p99.9, median, max, outcome or burn", name)
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
	case w.Signal.Distribution():
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
	case w.N > 0:
		if w.Signal != OutcomeSignal && !w.Signal.Distribution() {
			return fmt.Errorf("%s is not a value of one result; write it with over 30m instead of in %d of %d", w.Signal, w.K, w.N)
		}
		w.Form = FormLast
	case w.Signal == OutcomeSignal:
		return fmt.Errorf("a count must follow: write in 2 of 3 at the end")
	case w.Signal == BudgetUsed:
		if len(w.Over) > 0 {
			return fmt.Errorf("budget_used needs no time; remove what follows the value")
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

// MaxLast bounds the n of "k of n".
const MaxLast = 50

// signal returns the signal of a name.
func signal(name string) (Signal, error) {
	if s := Signal(name); slices.Contains(Signals(), s) && s != OutcomeSignal {
		return s, nil
	}
	if name == string(OutcomeSignal) {
		return "", fmt.Errorf("outcome needs a name: write outcome(loading)")
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

// histogram returns the series that holds a distribution, and the selector that
// belongs to it.
func histogram(s Signal) (selector, bool) {
	switch s {
	case Response:
		return selector{name: "hfwatch_response_seconds"}, true
	case Service:
		return selector{name: "hfwatch_response_seconds", extra: `,result="ok"`}, true
	case FirstToken:
		return selector{name: "hfwatch_first_token_seconds"}, true
	case FirstByte:
		return selector{name: "hfwatch_first_byte_seconds"}, true
	case TPOT:
		return selector{name: "hfwatch_tpot_seconds"}, true
	case Lag:
		return selector{name: "hfwatch_lag_seconds"}, true
	default:
		return selector{}, false
	}
}

// selector is a series and the part of its selector that a signal adds.
type selector struct{ name, extra string }
