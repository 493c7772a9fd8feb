package load

import (
	"time"

	"github.com/hfwatch/hfwatch/probe"
)

// maxPoints bounds the curve of a plan: beyond it a point is longer than a
// second.
const maxPoints = 1200

// curveStep returns the length of a point for a plan of a length.
func curveStep(length time.Duration) time.Duration {
	return max(time.Second, ((length+maxPoints-1)/maxPoints + time.Second - 1).Truncate(time.Second))
}

// point counts what happened in one step of the curve.
type point struct {
	due, sent, done, good, bad, notSent int
	inFlight, queued, tokens            int
	response, firstToken                *metric
}

// curve is a window by the second.
type curve struct {
	step, high time.Duration
	points     []point
}

// at returns the point that holds a time, nil before the start.
func (c *curve) at(since time.Duration) *point {
	i := int(since / c.step)
	if since < 0 {
		return nil
	}
	// The drain and the last timeouts follow the plan; both are bounded.
	for len(c.points) <= i {
		c.points = append(c.points, point{})
	}
	return &c.points[i]
}

// record adds a time to a metric that is made at its first.
func (c *curve) record(m **metric, d time.Duration, censored bool) {
	if *m == nil {
		*m = newMetric(c.high, false)
	}
	(*m).record(d, censored)
}

// seconds describes the curve. stageAt returns the stage of a time, and whole
// writes its histograms.
func (c *curve) seconds(stageAt func(time.Duration) int, whole *encoder) []Second {
	out := make([]Second, 0, len(c.points))
	for i := range c.points {
		p := &c.points[i]
		at := time.Duration(i) * c.step
		out = append(out, Second{
			At: probe.Measured(at), Stage: stageAt(at), Due: p.due, Sent: p.sent, Done: p.done, Good: p.good, Bad: p.bad,
			NotSent: p.notSent, InFlight: p.inFlight, Queued: p.queued, Tokens: p.tokens,
			Response: p.response.points(whole), FirstToken: p.firstToken.points(whole),
		})
	}
	return out
}

// recent returns the response times of what came due in the points from one on.
func (c *curve) recent(from time.Duration) Points {
	all := newMetric(c.high, false)
	for i := max(0, int(from/c.step)); i < len(c.points); i++ {
		all.add(c.points[i].response)
	}
	return all.points(nil)
}
