package load

import (
	"time"

	"github.com/hfwatch/hfwatch/coldstart"
	"github.com/hfwatch/hfwatch/probe"
)

// WindowSchema is the version of Window's JSON form. Fields may be added without
// a new number; none changes its meaning or goes away.
const WindowSchema = 1

// MaxFailures bounds the failures that a window keeps as samples.
const MaxFailures = 100

// Window is the record of one load window: plain data that survives JSON. What
// was not measured is absent, not zero.
type Window struct {
	Schema int `json:"schema"`
	// ID is the plan's Window.
	ID string `json:"id"`
	// Target names the one target, Mix the mix; one of them is set.
	Target string `json:"target,omitempty"`
	Mix    string `json:"mix,omitempty"`
	// Trigger says what began it: schedule or manual.
	Trigger  string    `json:"trigger,omitempty"`
	Location string    `json:"location,omitempty"`
	Version  string    `json:"version,omitempty"`
	Started  time.Time `json:"started"`
	Ended    time.Time `json:"ended"`
	// Plan is the plan without its arrivals; Share is what of it was carried out,
	// absent for the whole.
	Plan  PlanHead `json:"plan"`
	Share *Share   `json:"share,omitempty"`

	Verdict Verdict `json:"verdict"`
	// Reason is the verdict's own sentence, EndedBy what ended the window, and
	// EndedWhy a sentence on that.
	Reason   string  `json:"reason,omitempty"`
	EndedBy  EndedBy `json:"ended_by"`
	EndedWhy string  `json:"ended_why,omitempty"`

	MaxInFlight int           `json:"max_in_flight"`
	Timeout     probe.Seconds `json:"timeout_seconds"`
	Drain       probe.Seconds `json:"drain_seconds"`
	// DrainTime is how long after the plan's end the last answer came.
	DrainTime  probe.Seconds `json:"drain_time_seconds,omitzero"`
	Abort      Abort         `json:"abort"`
	Objectives Objectives    `json:"objectives,omitzero"`

	Summary
	// Steady is what was found of warm-up and steady state.
	Steady *Steady `json:"steady_state,omitempty"`
	// Plateau is where throughput flattened while latency grew, nil where it did
	// not or cannot be said.
	Plateau *Plateau `json:"plateau,omitempty"`
	// Capacity is the answer of a search; nil of any other window.
	Capacity *Capacity `json:"capacity,omitempty"`
	// Client is what is known of our own side's limits.
	Client Client `json:"client"`

	// Stages, Models and Lengths are the summary again for each stage, each step
	// of a mix, and each class of input length.
	Stages  []Part `json:"stages,omitempty"`
	Models  []Part `json:"models,omitempty"`
	Lengths []Part `json:"lengths,omitempty"`

	// Asked is what was asked of each target, Neighbours what the window did to
	// baselines beside it. Both are known to whoever started it.
	Asked      []Asked     `json:"asked,omitempty"`
	Neighbours []Neighbour `json:"bystanders,omitempty"`
	// Scaling is what the management API said of each target that it knows while
	// the window ran.
	Scaling []coldstart.Scaling `json:"scaling,omitempty"`

	// Curve has one point for each CurveStep of the window and its drain.
	CurveStep probe.Seconds `json:"curve_step_seconds"`
	Curve     []Second      `json:"curve,omitempty"`
	// Failures are at most MaxFailures samples of results that were not good.
	Failures []probe.Result `json:"failures,omitempty"`
}

// PlanHead is a plan without its arrivals, and the proof of what they were.
type PlanHead struct {
	Schema  int     `json:"schema"`
	Seed    uint64  `json:"seed"`
	Process string  `json:"process"`
	Stages  []Stage `json:"stages"`
	Spec    *Spec   `json:"spec,omitempty"`
	// Arrivals is their number, Due their times, stages and steps in a packed form
	// that PlanHead.Plan reads; it is absent above MaxPacked arrivals, and Hash is
	// that of the same form.
	Arrivals int    `json:"arrivals"`
	Due      string `json:"due,omitempty"`
	Hash     string `json:"hash,omitempty"`
}

// Part is the summary of a part of a window.
type Part struct {
	// Name is the stage's number from 0, the step's name, or the class of length
	// as "<= 128".
	Name string `json:"name"`
	// Rate is the stage's own at its end.
	Rate probe.Opt[float64] `json:"rate,omitzero"`
	// Steady is of a stage alone.
	Steady *Steady `json:"steady_state,omitempty"`
	Summary
}

// Summary is what came of a window or a part of it.
type Summary struct {
	// AskedRate is arrivals due for each second of the plan, AchievedRate requests
	// sent for each second of it, Throughput good answers for each second of it,
	// all without the drain. Of a stage, Throughput counts what was answered within
	// its own time.
	AskedRate    probe.Opt[float64] `json:"asked_rate,omitzero"`
	AchievedRate probe.Opt[float64] `json:"achieved_rate,omitzero"`
	Throughput   probe.Opt[float64] `json:"throughput,omitzero"`
	// Planned is what the plan holds, Due what came due before the end, Sent what
	// was sent, Late what was sent after it had waited for room, and NotSent what
	// came due and never was.
	Planned int `json:"planned"`
	Due     int `json:"due"`
	Sent    int `json:"sent"`
	Late    int `json:"late"`
	NotSent int `json:"not_sent"`
	// Outcomes counts results by outcome, not_sent among them; Good, Bad and Apart
	// are how they count.
	Outcomes map[probe.Outcome]int `json:"outcomes,omitempty"`
	Statuses map[int]int           `json:"statuses,omitempty"`
	Good     int                   `json:"good"`
	Bad      int                   `json:"bad"`
	Apart    int                   `json:"apart"`

	// Response counts from due, Service from sent; Lag is the time between.
	Response    Distribution `json:"response_seconds"`
	Service     Distribution `json:"service_seconds"`
	Lag         Distribution `json:"lag_seconds"`
	FirstByte   Distribution `json:"first_byte_seconds,omitzero"`
	FirstToken  Distribution `json:"first_token_seconds,omitzero"`
	FirstAnswer Distribution `json:"first_answer_seconds,omitzero"`
	TPOT        Distribution `json:"tpot_seconds,omitzero"`
	// Gap is of the times between chunks that carried tokens, pooled over all
	// streams.
	Gap Distribution `json:"gap_seconds,omitzero"`

	TokensIn     probe.Opt[int]             `json:"tokens_in,omitzero"`
	TokensOut    probe.Opt[int]             `json:"tokens_out,omitzero"`
	TokenSources map[probe.TokensSource]int `json:"token_sources,omitempty"`
	Tokens       *TokenRates                `json:"tokens_per_second,omitempty"`
	Goodput      *Goodput                   `json:"goodput,omitempty"`
	CostUSD      probe.Opt[float64]         `json:"cost_usd,omitzero"`
	// OutOfRange counts values that no histogram could hold as they were.
	OutOfRange int `json:"out_of_range,omitempty"`

	// SentInTime and GoodInTime are what was sent, and answered well, within the
	// plan; TokensInTime are the tokens of what was answered within it, and Met is
	// what kept every objective. The rates are made of them.
	SentInTime   int `json:"sent_in_time"`
	GoodInTime   int `json:"good_in_time"`
	TokensInTime int `json:"tokens_in_time,omitempty"`
	Met          int `json:"met,omitempty"`
}

// Distribution describes times in seconds.
type Distribution struct {
	N int `json:"n"`
	// NEff is how many independent values they are worth, by the correlation of
	// consecutive requests; absent where it cannot be said.
	NEff probe.Opt[float64] `json:"n_eff,omitzero"`
	// Censored is how many are lower bounds: bad results at the larger of their
	// time and the deadline, and what was not sent at its wait.
	Censored int           `json:"censored,omitempty"`
	Mean     probe.Seconds `json:"mean,omitzero"`
	Min      probe.Seconds `json:"min,omitzero"`
	P50      *Quantile     `json:"p50,omitempty"`
	P90      *Quantile     `json:"p90,omitempty"`
	P95      *Quantile     `json:"p95,omitempty"`
	P99      *Quantile     `json:"p99,omitempty"`
	P999     *Quantile     `json:"p999,omitempty"`
	Max      probe.Seconds `json:"max,omitzero"`
	// HDR is the whole distribution in microseconds, an HdrHistogram V2 in base64:
	// what windows are merged by. CensoredMin is the least censored value.
	HDR         string        `json:"hdr,omitempty"`
	CensoredMin probe.Seconds `json:"censored_min,omitzero"`
	// Sum is that of all values, exact to the nanosecond.
	Sum probe.Seconds `json:"sum,omitzero"`
}

// IsZero reports that there are no values.
func (d Distribution) IsZero() bool { return d.N == 0 }

// Quantile is a quantile with its 95 % interval, which assumes nothing of the
// distribution. It is absent altogether where n values have no interval. Where
// consecutive values are so alike that they are worth too few, as all of one
// stall are, it stands without an upper end, or any.
type Quantile struct {
	Value probe.Seconds `json:"value"`
	Low   probe.Seconds `json:"low,omitzero"`
	High  probe.Seconds `json:"high,omitzero"`
	// AtLeast says that Value is a lower bound, ">= v": a censored value lies at
	// or below it. High is then absent.
	AtLeast bool `json:"at_least,omitempty"`
}

// TokenRates are output tokens for each second.
type TokenRates struct {
	// System is of all requests over the time of the plan, Drain over that of the
	// drain.
	System probe.Opt[float64] `json:"system,omitzero"`
	Drain  probe.Opt[float64] `json:"drain,omitzero"`
	// UserP50 is what half of all streams were faster than, UserP10 what nine in
	// ten were: the inverse of TPOT.
	UserP50 probe.Opt[float64] `json:"user_p50,omitzero"`
	UserP10 probe.Opt[float64] `json:"user_p10,omitzero"`
}

// Goodput is what kept every objective.
type Goodput struct {
	// Met of Attempted requests kept all of them; what was not sent, or failed, was
	// attempted too.
	Met       int     `json:"met"`
	Attempted int     `json:"attempted"`
	Ratio     float64 `json:"ratio"`
	// Rate is requests that kept them for each second of the plan.
	Rate float64 `json:"rate"`
}

// Objectives are what a request must keep to count as goodput; absent asks for
// nothing.
type Objectives struct {
	Response   probe.Seconds `json:"response_seconds,omitzero"`
	FirstToken probe.Seconds `json:"first_token_seconds,omitzero"`
	TPOT       probe.Seconds `json:"tpot_seconds,omitzero"`
}

// IsZero reports that there are none.
func (o Objectives) IsZero() bool { return o == Objectives{} }

// Steady is what is known of warm-up and steady state at the load of one stage,
// judged by the service times of its first 800 good answers; see
// stats.SteadyState. The window's own is that of its stage with the most answers.
type Steady struct {
	// Answer is found, at_least, possible, none or unknown; Reason says why none
	// or unknown.
	Answer string `json:"answer"`
	Reason string `json:"reason,omitempty"`
	// Stage is the stage judged, Requests how many of its requests.
	Stage    int `json:"stage"`
	Requests int `json:"requests"`
	// Cold are leading requests far beyond the rest, ColdTime their times' sum.
	Cold     int           `json:"cold,omitempty"`
	ColdTime probe.Seconds `json:"cold_seconds,omitzero"`
	// WarmUp is the number of requests, and WarmUpTime the time, between the cold
	// ones and the steady state.
	WarmUp     int           `json:"warm_up_requests"`
	WarmUpTime probe.Seconds `json:"warm_up_seconds,omitzero"`
	Slowdown   bool          `json:"slowdown,omitempty"`
	// Median is the service time of the steady part alone, with its interval;
	// Service and Response describe that part, warm-up left out, without histograms.
	Median   probe.Seconds      `json:"median_seconds,omitzero"`
	Low      probe.Seconds      `json:"low_seconds,omitzero"`
	High     probe.Seconds      `json:"high_seconds,omitzero"`
	NEff     probe.Opt[float64] `json:"n_eff,omitzero"`
	Service  Distribution       `json:"service_seconds,omitzero"`
	Response Distribution       `json:"response_seconds,omitzero"`
	// Sentence says it in words.
	Sentence string `json:"sentence"`
}

// Plateau is where throughput no longer followed the load while latency grew.
type Plateau struct {
	// Stage is the first stage of it, Rate the throughput there, and Before the
	// stage before.
	Stage  int     `json:"stage"`
	Before int     `json:"before"`
	Rate   float64 `json:"rate"`
	// Gain is the relative change of the throughput from the stage before, Growth
	// that of the median service time.
	Gain   float64 `json:"gain"`
	Growth float64 `json:"growth"`
}

// Client is what is known of the client's own limits.
type Client struct {
	// LagP99 is the pacer's own lag of requests that found room at once: what the
	// client added, not what the bound did.
	LagP50 probe.Seconds `json:"pacing_lag_p50_seconds,omitzero"`
	LagP99 probe.Seconds `json:"pacing_lag_p99_seconds,omitzero"`
	// LagP99Low is the lower bound of LagP99 at a confidence of 99.9 %, by which the
	// verdict goes; absent where so few requests have none.
	LagP99Low probe.Seconds `json:"pacing_lag_p99_low_seconds,omitzero"`
	// CPU is the share of one core times the cores allowed that this process used;
	// Cores is how many.
	CPU   probe.Opt[float64] `json:"cpu_ratio,omitzero"`
	Cores int                `json:"cores"`
	// MaxInFlight is the most that were in flight, MaxQueued the most that waited.
	MaxInFlight int `json:"max_in_flight"`
	MaxQueued   int `json:"max_queued"`
	// BoundFull is the share of the plan's seconds at whose end every place was
	// taken.
	BoundFull float64 `json:"bound_full"`
}

// Second is one point of the curve: what came due, was sent and was done within
// it.
type Second struct {
	// At counts from the start to the point's own.
	At       probe.Seconds `json:"at_seconds"`
	Stage    int           `json:"stage"`
	Due      int           `json:"due"`
	Sent     int           `json:"sent"`
	Done     int           `json:"done"`
	Good     int           `json:"good"`
	Bad      int           `json:"bad"`
	NotSent  int           `json:"not_sent,omitempty"`
	InFlight int           `json:"in_flight"`
	Queued   int           `json:"queued,omitempty"`
	Tokens   int           `json:"tokens,omitempty"`
	// Response and FirstToken are of the requests that came due in it. Their
	// quantiles are plain ones, without interval.
	Response   Points `json:"response_seconds,omitzero"`
	FirstToken Points `json:"first_token_seconds,omitzero"`
}

// Points are quantiles of one point of the curve.
type Points struct {
	N   int           `json:"n"`
	P50 probe.Seconds `json:"p50,omitzero"`
	P95 probe.Seconds `json:"p95,omitzero"`
	P99 probe.Seconds `json:"p99,omitzero"`
	Max probe.Seconds `json:"max,omitzero"`
	HDR string        `json:"hdr,omitempty"`
}

// IsZero reports that there are no values.
func (p Points) IsZero() bool { return p.N == 0 }
