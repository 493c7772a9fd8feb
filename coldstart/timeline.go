package coldstart

import (
	"math"
	"time"

	"github.com/hfwatch/hfwatch/probe"
)

// Moment is one reading of the management API on a load window's time line. Its
// JSON form has the reading's own keys beside after_seconds.
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

// Demand is a time at which a window asks for more or for less: the beginning of
// a stage. Rate is requests a second, InFlight the number of closed loops of a
// window that has those in place of a rate.
type Demand struct {
	After    time.Duration
	Rate     float64
	InFlight int
}

// level returns the demand as one number; demands of one window are of one kind.
func (d Demand) level() float64 { return pick(d.InFlight > 0, float64(d.InFlight), d.Rate) }

// Lag is how far capacity was behind one rise of demand. The times are when a
// look saw it, and so late by up to the pace of looks.
type Lag struct {
	// Rate or InFlight is the demand, From when it rose.
	Rate     float64       `json:"rate,omitempty"`
	InFlight int           `json:"in_flight,omitempty"`
	From     probe.Seconds `json:"from_seconds"`
	// Decided is from there until more replicas were wanted, zero where more were
	// already on their way; it is looked for until the demand changes again. Ready
	// is until as many were ready as were then wanted, looked for until the demand
	// falls. Absent is that it did not happen.
	Decided probe.Seconds `json:"decided_seconds,omitzero"`
	Ready   probe.Seconds `json:"ready_seconds,omitzero"`
	// Replicas is how many were ready before, Wanted how many were wanted for this
	// demand.
	Replicas int `json:"replicas"`
	Wanted   int `json:"wanted,omitempty"`
}

// Lags returns the lag of capacity behind each rise of demand, in order. Where
// a rise brought no more replicas, Decided and Ready are absent: either the
// capacity sufficed or the autoscaler did not follow. (The documented one looks
// at 20 s of pending requests and scales up every minute, so that windows
// shorter than one to two minutes see none; guides/autoscaling.) Without a
// reading there are none.
func (t *Timeline) Lags(demand []Demand) []Lag {
	if len(t.Moments) == 0 {
		return nil
	}
	var out []Lag
	before := 0.0
	for i, d := range demand {
		rises := d.level() > before
		before = d.level()
		if !rises {
			continue
		}
		changes, falls := forever, forever
		for j := len(demand) - 1; j > i; j-- {
			changes = demand[j].After
			falls = pick(demand[j].level() < d.level(), demand[j].After, falls)
		}
		out = append(out, t.lag(d, changes, falls))
	}
	return out
}

// forever is a time that no time line reaches.
const forever = time.Duration(math.MaxInt64)

// At returns how it stood at a time: the last reading until then, or the first;
// the zero Reading where there is none.
func (t *Timeline) At(after time.Duration) Reading {
	if len(t.Moments) == 0 {
		return Reading{}
	}
	r := t.Moments[0].Reading
	for _, m := range t.Moments {
		if at, _ := m.After.Get(); at > after {
			break
		}
		r = m.Reading
	}
	return r
}

// lag returns that of one rise, after which demand changes and falls at the
// times given.
func (t *Timeline) lag(d Demand, changes, falls time.Duration) Lag {
	stood := t.At(d.After)
	l := Lag{Rate: d.Rate, InFlight: d.InFlight, From: probe.Measured(d.After), Replicas: stood.Ready}
	if stood.Target > stood.Ready {
		l.Decided, l.Wanted = probe.Measured(0), stood.Target
	}
	wanted := stood.Target
	for _, m := range t.Moments {
		after, _ := m.After.Get()
		if after <= d.After {
			continue
		}
		if after > falls {
			break
		}
		if after <= changes && m.Target > wanted {
			once(&l.Decided, probe.Measured(after-d.After))
			wanted, l.Wanted = m.Target, m.Target
			l.Ready = probe.Seconds{}
		}
		if !l.Decided.IsZero() && m.Ready >= l.Wanted && m.Ready > l.Replicas {
			once(&l.Ready, probe.Measured(after-d.After))
		}
	}
	return l
}

// Scaling is what the management API said of one target of a load window while
// it ran.
type Scaling struct {
	Target string `json:"target"`
	Timeline
	// Unread counts looks that the API did not answer, and Why is the last reason.
	Unread int    `json:"unread,omitempty"`
	Why    string `json:"why,omitempty"`
	// Lags is one for each rise of demand, and WorstLag the longest until capacity
	// was there; absent where it never was.
	Lags     []Lag         `json:"lags,omitempty"`
	WorstLag probe.Seconds `json:"worst_lag_seconds,omitzero"`
}

// Judge sets the lags behind a demand.
func (s *Scaling) Judge(demand []Demand) {
	s.Lags = s.Timeline.Lags(demand)
	s.WorstLag = Worst(s.Lags)
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
