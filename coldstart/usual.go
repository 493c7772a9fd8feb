package coldstart

import (
	"math"
	"slices"
	"time"

	"github.com/hfwatch/hfwatch/stats"
)

// The numbers of Usual. Cold is stats.SteadyState's: three times the median and
// beyond 3.5 robust standard deviations of the logarithm.
const (
	usualFewest = 5
	usualMost   = 60
	coldFactor  = 3
	coldSigmas  = 3.5
	nearFactor  = 1.25
	nearSigmas  = 2
)

// Usual is what a warm model takes to answer: the last of its latencies while
// warm. The zero value knows nothing.
type Usual struct {
	// Seconds are the latencies, oldest first.
	Seconds []float64 `json:"seconds,omitempty"`
	// centre and scale are of their logarithms; set by fit.
	centre, scale float64
	fitted        bool
}

// add takes a latency of a warm model.
func (u *Usual) add(d time.Duration) {
	if d <= 0 {
		return
	}
	u.Seconds = append(u.Seconds, d.Seconds())
	if n := len(u.Seconds); n > usualMost {
		u.Seconds = slices.Clone(u.Seconds[n-usualMost:])
	}
	u.fit()
}

// fit computes centre and scale.
func (u *Usual) fit() {
	logs := make([]float64, 0, len(u.Seconds))
	for _, s := range u.Seconds {
		if s > 0 {
			logs = append(logs, math.Log(s))
		}
	}
	u.fitted = len(logs) >= usualFewest
	if !u.fitted {
		return
	}
	var ok bool
	if u.centre, u.scale, ok = stats.RobustScale(logs); !ok {
		u.centre, u.scale = logs[0], 0
	}
}

// Known reports whether enough is known to compare with.
func (u Usual) Known() bool { return u.fitted }

// Median returns the usual latency; 0 where it is not known.
func (u Usual) Median() time.Duration {
	if !u.fitted {
		return 0
	}
	return time.Duration(math.Exp(u.centre) * float64(time.Second))
}

// Cold reports whether a latency is that of a cold request.
func (u Usual) Cold(d time.Duration) bool {
	return u.fitted && math.Log(d.Seconds()) > u.centre+max(math.Log(coldFactor), coldSigmas*u.scale)
}

// near reports whether a latency is one that the warm model would have.
func (u Usual) near(d time.Duration) bool {
	return u.fitted && d > 0 && math.Log(d.Seconds()) <= u.centre+max(math.Log(nearFactor), nearSigmas*u.scale)
}
