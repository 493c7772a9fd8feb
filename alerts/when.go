package alerts

import (
	"math"
	"slices"
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
	FaultSignal     Signal = "fault"
	Capacity        Signal = "capacity"
	Throughput      Signal = "throughput"
	Stale           Signal = "stale"
	Absent          Signal = "absent"
)

// Signals returns the closed list of signals.
func Signals() []Signal {
	return []Signal{
		Response, Service, FirstByte, FirstToken, FirstAnswer, TPOT, Gap, Queue, Server, Lag, ColdStart, WarmUp,
		BadRatio, OutcomeSignal, FaultSignal, Availability, Goodput, TokensPerSecond, Rate, BudgetUsed, Drift,
		Capacity, Throughput, Stale, Absent,
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
	return slices.Contains([]Signal{BadRatio, OutcomeSignal, FaultSignal, Availability, BudgetUsed, Goodput}, s)
}

// Episodic reports whether s is of cold starts and not of results.
func (s Signal) Episodic() bool { return s == ColdStart || s == WarmUp }

// Level reports whether s is a value that needs no time.
func (s Signal) Level() bool {
	return slices.Contains([]Signal{BudgetUsed, Capacity, Throughput, Stale}, s)
}

// Form is the kind of a condition.
type Form string

// The forms of the grammar.
const (
	// FormQuantile is p95(response) > 2s over 6h.
	FormQuantile Form = "quantile"
	// FormLast is first_token > 4s in 3 of 5, and outcome(loading) in 2 of 3.
	FormLast Form = "last"
	// FormRatio is bad_ratio > 20% over 30m, and outcome(timeout) > 5% over 1h.
	FormRatio Form = "ratio"
	// FormLevel is budget_used > 80% and stale > 2h: a value that needs no time.
	FormLevel Form = "level"
	// FormBurn is burn(availability) > 14.4 over 1h,5m.
	FormBurn Form = "burn"
	// FormRelative is median(first_token) > 1.3x week.
	FormRelative Form = "relative"
	// FormAbsent is absent over 30m.
	FormAbsent Form = "absent"
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
	// Faults are those of a fault condition.
	Faults []probe.Fault
	// Quantile is from 0 to 1; 1 is the maximum.
	Quantile float64
	// Op is one of > >= < <=; empty where outcomes or faults are counted in k of
	// n, and where results are absent.
	Op string
	// Threshold is in seconds for distributions and for Stale, a ratio for ratios, and a plain
	// number for the rest. For FormRelative it is the factor.
	Threshold float64
	// Over are the time spans; two for FormBurn, else one or none.
	Over []time.Duration
	// K of N last results.
	K, N int
}

// String returns the condition as written.
func (w When) String() string { return w.Text }

// Reach returns how far back the condition looks.
func (w When) Reach() time.Duration {
	reach := time.Duration(0)
	for _, d := range w.Over {
		reach = max(reach, d)
	}
	switch {
	case w.Form == FormRelative:
		reach = RelativeReach
	case w.Signal == Stale:
		reach = time.Duration(w.Threshold * float64(time.Second))
	}
	return reach
}

// Needs returns how many results the condition needs within how much time
// before it can speak; 0 results where it needs none.
func (w When) Needs() (results int, over time.Duration) {
	switch w.Form {
	case FormQuantile:
		if w.Signal.Episodic() {
			return 0, 0
		}
		return ResultsForQuantile(w.Quantile), w.Over[0]
	case FormRatio:
		if w.Signal == Drift {
			// One change is one.
			return 0, 0
		}
		return MinResults, w.Over[0]
	case FormRelative:
		if w.Signal.Episodic() {
			return 0, 0
		}
		return ResultsForQuantile(w.Quantile), relativeSpan
	case FormAbsent:
		// A time that holds one slot is over before its result is in.
		return 2, w.Over[0]
	case FormLast, FormLevel, FormBurn:
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
