// Package report says what the weeks of a location's targets came to: how this
// week compares with the last and with the same hours of past weeks, when a
// level changed, tails with their intervals, errors by cause, cold starts,
// capacity, money, and what else changed at the time. One engine serves the
// command line, the page and scheduled reports.
//
// Build is a pure function of Data, the hourly roll-ups and events that the
// records hold; Read fetches Data. Percentiles come from merged histograms and
// are never averaged. The package refuses to compare unlike series (another
// prompt set, other parameters, another source of token counts), to call a
// change that its interval and the false discovery rate over all series do not
// bear out, and to print a percentile whose interval does not exist. Nothing in
// it keeps a clock or sends anything.
package report

import (
	"time"

	"github.com/hfwatch/hfwatch/probe"
)

// Schema is the version of Report's JSON form. Fields may be added without a
// new number; none changes its meaning or goes away.
const Schema = 1

// Report is what is told of one location over one period.
type Report struct {
	Schema   int    `json:"schema"`
	Location string `json:"location"`
	Version  string `json:"version,omitempty"`
	// From and To bound the period, To exclusive; both are full hours in UTC.
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
	// Margin is the change that matters, as a share; FalseDiscoveryRate is the
	// largest q-value that is called a change.
	Margin             float64  `json:"margin"`
	FalseDiscoveryRate float64  `json:"false_discovery_rate"`
	Compared           int      `json:"compared"`
	Targets            []Target `json:"targets"`
	Money              Money    `json:"money"`
	// Notes say what of the period could not be read, and why.
	Notes []string `json:"notes,omitempty"`
}

// Target is what is told of one target.
type Target struct {
	Name     string `json:"name"`
	Model    string `json:"model,omitempty"`
	Task     string `json:"task,omitempty"`
	Provider string `json:"provider,omitempty"`
	// Headline is the one sentence that matters most.
	Headline string `json:"headline"`
	// Signals are in the order of Signals().
	Signals []SignalReport `json:"signals,omitempty"`
	Errors  Errors         `json:"errors"`
	// ColdStarts, Capacity and Changes are absent where there were none.
	ColdStarts *ColdStarts `json:"cold_starts,omitempty"`
	Capacity   []Capacity  `json:"capacity,omitempty"`
	Changes    []Change    `json:"changes,omitempty"`
	Money      Money       `json:"money"`
	// Days are the daily figures that charts are drawn from.
	Days []Day `json:"days,omitempty"`
}

// Signal is a latency that weeks are compared by.
type Signal string

// The signals of a report. Response counts from when a request was due and
// holds bad results at their deadline; the others count as their series do.
const (
	Response   Signal = "response"
	FirstToken Signal = "first_token"
	TPOT       Signal = "tpot"
)

// Signals returns the closed list.
func Signals() []Signal { return []Signal{Response, FirstToken, TPOT} }

// Title returns the signal as people call it.
func (s Signal) Title() string {
	switch s {
	case FirstToken:
		return "TTFT"
	case TPOT:
		return "time per output token"
	case Response:
		return "response time"
	default:
		return string(s)
	}
}

// SignalReport is one signal of one target.
type SignalReport struct {
	Signal Signal `json:"signal"`
	// N counts the results of the last seven days.
	N         int64 `json:"n"`
	ThisWeek  Tails `json:"this_week"`
	LastWeek  Tails `json:"last_week"`
	WeekAgo   Shift `json:"against_last_week"`
	PastWeeks Shift `json:"against_past_weeks"`
	// Step is when the level changed; absent where no change is called.
	Step *Step `json:"step,omitempty"`
}

// Tails are percentiles of one period from its merged histogram.
type Tails struct {
	N int64 `json:"n"`
	// Effective is how many independent results the period is worth for its
	// median.
	Effective float64  `json:"n_eff,omitempty"`
	P50       *Bounded `json:"p50,omitempty"`
	P90       *Bounded `json:"p90,omitempty"`
	P95       *Bounded `json:"p95,omitempty"`
	P99       *Bounded `json:"p99,omitempty"`
	// Max is the largest value, in seconds.
	Max probe.Opt[float64] `json:"max,omitzero"`
}

// Bounded is a value in seconds with its 95 % interval.
type Bounded struct {
	Value float64 `json:"value"`
	Low   float64 `json:"low"`
	High  float64 `json:"high"`
}

// Verdict is what a comparison came to.
type Verdict string

// The verdicts of a comparison.
const (
	// Slower and Faster lie beyond the margin with their whole interval, and
	// their q-value is small enough.
	Slower Verdict = "slower"
	Faster Verdict = "faster"
	// Same lies within the margin with its whole interval.
	Same Verdict = "same"
	// Unclear is neither.
	Unclear Verdict = "unclear"
	// NotCompared says that there is too little, or that the series are unlike.
	NotCompared Verdict = "not_compared"
)

// Shift is how this week compares with another.
type Shift struct {
	Verdict Verdict `json:"verdict"`
	// Why says what a comparison lacked; empty where there is one.
	Why string `json:"why,omitempty"`
	// Ratio is this week's median over the other's, with its 95 % interval.
	Ratio float64 `json:"ratio,omitempty"`
	Low   float64 `json:"low,omitempty"`
	High  float64 `json:"high,omitempty"`
	// P is the two-sided probability by chance, Q the same as the share of false
	// discoveries over all comparisons of the report.
	P probe.Opt[float64] `json:"p,omitzero"`
	Q probe.Opt[float64] `json:"q,omitzero"`
	// Bin is the length of the time bins that were compared; Before and After
	// count those with values, Paired says that the same hours were paired.
	Bin    probe.Seconds `json:"bin_seconds,omitzero"`
	Before int           `json:"bins_before,omitempty"`
	After  int           `json:"bins_after,omitempty"`
	Paired bool          `json:"paired,omitempty"`
	// Results counts the results on both sides.
	Results int64 `json:"results,omitempty"`
}

// Step is when the level of a signal changed.
type Step struct {
	At time.Time `json:"at"`
	// Low and High hold At with 95 % confidence.
	Low  time.Time `json:"low"`
	High time.Time `json:"high"`
	// Ratio is the level after it over the level before it.
	Ratio float64 `json:"ratio"`
	// Beside are the changes that were seen within the range, and a day around
	// it.
	Beside []Change `json:"beside,omitempty"`
}

// Errors are the results of the last seven days and of the seven before, by
// how they count and by cause.
type Errors struct {
	ThisWeek Counted `json:"this_week"`
	LastWeek Counted `json:"last_week"`
	// Causes are the outcomes of this week that were not ok, the most frequent
	// first.
	Causes []Cause `json:"causes,omitempty"`
}

// Counted are results by how they count.
type Counted struct {
	Good  int64 `json:"good"`
	Bad   int64 `json:"bad"`
	Apart int64 `json:"apart"`
	// Availability is good over good and bad, with its 95 % interval; absent
	// where nothing counted.
	Availability *Bounded `json:"availability,omitempty"`
}

// Cause is one outcome and how often it came.
type Cause struct {
	Outcome probe.Outcome `json:"outcome"`
	Fault   probe.Fault   `json:"fault"`
	N       int64         `json:"n"`
	// LastWeek is how often it came in the seven days before.
	LastWeek int64 `json:"last_week"`
}

// ColdStarts sums the episodes of the period up.
type ColdStarts struct {
	N int `json:"n"`
	// GaveUp counts those in which the model gave no valid answer at all.
	GaveUp int `json:"gave_up"`
	// Median and Max are of the time from the first request to the first valid
	// answer, in seconds.
	Median probe.Opt[float64] `json:"median_seconds,omitzero"`
	Max    probe.Opt[float64] `json:"max_seconds,omitzero"`
	// WarmUp is the median of the warm-up after it, in seconds.
	WarmUp probe.Opt[float64] `json:"warm_up_seconds,omitzero"`
	// Last is the sentence of the latest episode.
	Last string `json:"last,omitempty"`
}

// Capacity is what one load window found.
type Capacity struct {
	At      time.Time `json:"at"`
	Verdict string    `json:"verdict"`
	// Low and High hold the capacity, in requests a second; absent where the
	// window did not look for it.
	Low          probe.Opt[float64] `json:"low,omitzero"`
	High         probe.Opt[float64] `json:"high,omitzero"`
	AskedRate    probe.Opt[float64] `json:"asked_rate,omitzero"`
	AchievedRate probe.Opt[float64] `json:"achieved_rate,omitzero"`
	// P95 is of the response time, in seconds.
	P95 *Bounded `json:"p95,omitempty"`
}

// Change is something that was seen to change.
type Change struct {
	At time.Time `json:"at"`
	// What names it: revision, provider, shape, model, version, configuration.
	What   string `json:"what"`
	Before string `json:"before,omitempty"`
	After  string `json:"after,omitempty"`
}

// Money is what was spent.
type Money struct {
	Requests  int64 `json:"requests"`
	TokensIn  int64 `json:"tokens_in"`
	TokensOut int64 `json:"tokens_out"`
	// USD sums the results whose cost is known; Priced counts them.
	USD    float64 `json:"usd"`
	Priced int64   `json:"priced_requests"`
}

// Day is one day of a target in UTC.
type Day struct {
	At   time.Time `json:"at"`
	Good int64     `json:"good"`
	Bad  int64     `json:"bad"`
	// Response and FirstToken are the day's own percentiles in seconds.
	Response   *DayLatency `json:"response,omitempty"`
	FirstToken *DayLatency `json:"first_token,omitempty"`
}

// DayLatency are percentiles of one day, in seconds.
type DayLatency struct {
	P50 float64            `json:"p50"`
	P95 probe.Opt[float64] `json:"p95,omitzero"`
}
