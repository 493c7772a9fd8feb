package load

import (
	"time"

	"github.com/hfwatch/hfwatch/probe"
)

// Objective is the condition that a capacity search holds to: a quantile of a
// distribution below a limit, or a share of bad results below one.
type Objective struct {
	// Signal is response, service, first_token, first_answer, tpot or gap, with
	// Quantile and Limit; or bad_ratio, with Ratio.
	Signal   string        `json:"signal"`
	Quantile float64       `json:"quantile,omitempty"`
	Limit    probe.Seconds `json:"limit_seconds,omitzero"`
	Ratio    float64       `json:"ratio,omitempty"`
}

// Search is a capacity search: closed loops without think time, whose number
// climbs until the objective breaks.
type Search struct {
	// Window is the identity of the window, which its results bear.
	Window    string
	Objective Objective
	// Seed decides the inputs.
	Seed uint64
	// First and Most bound the requests in flight; 0 is 1, and Options.MaxInFlight.
	First, Most int
	// RungTime bounds one rung; 0 is 30 s. RungRequests is how many requests a
	// rung has at most; 0 is what its objective needs.
	RungTime     time.Duration
	RungRequests int
	// Time bounds the whole search; 0 is 15 minutes.
	Time time.Duration
}

// Capacity is the answer of a search.
type Capacity struct {
	Objective Objective `json:"objective"`
	// Answer is bracketed, all_pass, none_pass, spent or invalid; see
	// stats.SearchEnd.
	Answer string `json:"answer"`
	// InFlight is the last number in flight that keeps the objective and the first
	// that breaks it, Rate the throughput at both: capacity lies between.
	InFlightLow  int     `json:"in_flight_low,omitempty"`
	InFlightHigh int     `json:"in_flight_high,omitempty"`
	RateLow      float64 `json:"rate_low,omitempty"`
	RateHigh     float64 `json:"rate_high,omitempty"`
	// InFlight is where the fit of the margins puts the edge, InFlightFrom and To its
	// 95 % interval; absent at a cliff.
	InFlight     probe.Opt[float64] `json:"in_flight,omitzero"`
	InFlightFrom probe.Opt[float64] `json:"in_flight_from,omitzero"`
	InFlightTo   probe.Opt[float64] `json:"in_flight_to,omitzero"`
	// Peak is the highest throughput of any rung that Little's law accepts.
	Peak float64 `json:"peak_rate,omitempty"`
	// Cliff says that the objective breaks so suddenly that only the bracket means
	// something.
	Cliff bool `json:"cliff,omitempty"`
	// Little is the largest residual of Little's law of the rungs that count.
	Little probe.Opt[float64] `json:"little_residual,omitzero"`
	// USL is the Universal Scalability Law as a cross-check; nil below four rungs.
	USL *USL `json:"usl,omitempty"`
	// Requests is how many the search sent.
	Requests int    `json:"requests"`
	Rungs    []Rung `json:"rungs"`
	Sentence string `json:"sentence"`
}

// USL is a fit of the Universal Scalability Law.
type USL struct {
	Lambda float64 `json:"lambda"`
	Sigma  float64 `json:"sigma"`
	Kappa  float64 `json:"kappa"`
	R2     float64 `json:"r2"`
	// PeakInFlight and PeakRate are where it has its maximum, absent without one.
	PeakInFlight probe.Opt[float64] `json:"peak_in_flight,omitzero"`
	PeakRate     probe.Opt[float64] `json:"peak_rate,omitzero"`
}

// Rung is one number in flight of a search.
type Rung struct {
	InFlight int     `json:"in_flight"`
	Requests int     `json:"requests"`
	Seconds  float64 `json:"seconds"`
	Rate     float64 `json:"rate"`
	// Value is the objective's own quantity: seconds or a share; Margin is by how
	// much it was kept, in logarithms, negative where it was broken.
	Value  float64 `json:"value"`
	Margin float64 `json:"margin"`
	StdErr float64 `json:"std_err,omitempty"`
	Passed bool    `json:"passed"`
	// Little is the residual of Little's law; Discarded says why a rung does not
	// count.
	Little    probe.Opt[float64] `json:"little_residual,omitzero"`
	Discarded string             `json:"discarded,omitempty"`
}
