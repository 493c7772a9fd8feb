package coldstart

import (
	"time"

	"github.com/hfwatch/hfwatch/probe"
)

// Moment is one reading of the management API on a load window's time line.
type Moment struct {
	// After is counted from the window's beginning.
	After probe.Seconds `json:"after_seconds"`
	Reading
}

// Timeline is replicas and states beside a load window, those that differ from
// the one before; it is bounded, and the last reading is always kept.
type Timeline struct {
	Moments []Moment `json:"moments,omitempty"`
	// Dropped counts changes that were too many to keep.
	Dropped int `json:"dropped,omitempty"`
}

// mostMoments bounds a time line.
const mostMoments = 500

// Add takes a reading so long after the window's beginning.
func (t *Timeline) Add(after time.Duration, r Reading) {
	n := len(t.Moments)
	switch {
	case n > 0 && t.Moments[n-1].Reading == r:
		return
	case n >= mostMoments:
		t.Moments[n-1] = Moment{probe.Measured(after), r}
		t.Dropped++
		return
	}
	t.Moments = append(t.Moments, Moment{probe.Measured(after), r})
}

// Demand is a time at which a window asks for more: the beginning of a stage.
type Demand struct {
	After time.Duration
	Rate  float64
}

// Lag is how far capacity was behind one rise of demand.
type Lag struct {
	// Rate is the demand, From when it rose.
	Rate float64       `json:"rate"`
	From probe.Seconds `json:"from_seconds"`
	// Decided is from there until more replicas were wanted, Ready until as many
	// were ready as were then wanted. Absent is that it did not happen before the
	// demand changed again or the time line ended.
	Decided probe.Seconds `json:"decided_seconds,omitzero"`
	Ready   probe.Seconds `json:"ready_seconds,omitzero"`
	// Replicas is how many were ready before, Wanted how many were wanted then.
	Replicas int `json:"replicas"`
	Wanted   int `json:"wanted,omitempty"`
}

// Lags returns the lag of capacity behind each rise of demand, in order. Where
// a rise brought no more replicas, Decided and Ready are absent: either the
// capacity sufficed or the autoscaler did not follow. (The documented one looks
// at 20 s of pending requests and scales up every minute, so that windows
// shorter than one to two minutes see none; guides/autoscaling.)
func (t *Timeline) Lags(demand []Demand) []Lag {
	var out []Lag
	before := 0.0
	for i, d := range demand {
		rises := d.Rate > before
		before = d.Rate
		if !rises {
			continue
		}
		until := time.Duration(1<<63 - 1)
		if i+1 < len(demand) {
			until = demand[i+1].After
		}
		out = append(out, t.lag(d, until))
	}
	return out
}

// lag returns that of one rise, looked for until the time given.
func (t *Timeline) lag(d Demand, until time.Duration) Lag {
	l := Lag{Rate: d.Rate, From: probe.Measured(d.After)}
	wanted := 0
	for _, m := range t.Moments {
		after, _ := m.After.Get()
		switch {
		case after <= d.After:
			l.Replicas, wanted = m.Ready, m.Target
			continue
		case after > until:
			return l
		}
		if l.Decided.IsZero() && m.Target > max(wanted, 0) {
			l.Decided = probe.Measured(after - d.After)
		}
		if !l.Decided.IsZero() {
			l.Wanted = max(l.Wanted, m.Target)
			if l.Ready.IsZero() && m.Ready >= l.Wanted && m.Ready > l.Replicas {
				l.Ready = probe.Measured(after - d.After)
			}
		}
	}
	return l
}

// Worst returns the longest lag until capacity was there; absent where it never
// was.
func Worst(lags []Lag) probe.Seconds {
	var worst probe.Seconds
	for _, l := range lags {
		ready, ok := l.Ready.Get()
		if before, known := worst.Get(); ok && (!known || ready > before) {
			worst = l.Ready
		}
	}
	return worst
}
