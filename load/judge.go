package load

import (
	"fmt"
	"math"
	"time"
)

// The limits of the verdict (measuring.md 4.3 has their sources in docs/load.md).
const (
	// reached is the share of the asked rate that counts as reached.
	reached = 0.98
	// lagFloor and lagShare bound the pacing lag p99: the larger of 5 ms and 5 % of
	// the median service time.
	lagFloor = 5 * time.Millisecond
	lagShare = 0.05
	// lagConfidence is that of the lag p99's lower bound: of fewer than a hundred
	// requests the p99 is the slowest, and one hiccup of the machine, which makes a
	// few in a row late, says nothing of what the client can do.
	lagConfidence = 0.999
	// busyCPU is the share of its processors from which a client's times are its
	// own.
	busyCPU = 0.8
	// fullShare is the share of the seconds with every place taken from which the
	// bound was the limit.
	fullShare = 0.5
	// slowed is the growth of the median service time over the least of any stage
	// that tells a server that slowed down from a bound that is small.
	slowed = 1.3
	// steeper is the growth of the median service time at a plateau.
	steeper = 1.1
	// fewest is the least results of a stage that are compared.
	fewest = 20
)

// facts is what a verdict is made of.
type facts struct {
	end         EndedBy
	endWhy      string
	asked, sent float64
	open        bool
	// hot says that the processor ratio means something: that the window lasted.
	hot     bool
	client  Client
	median  time.Duration
	growth  float64
	plateau *Plateau
	bound   int
	notSent int
}

// judge returns the verdict and its sentence. The client is judged before the
// server: nothing is known of a server that a client could not load.
func judge(f facts) (Verdict, string) {
	switch f.end {
	case EndBudget:
		return BudgetLimited, f.endWhy
	case EndBrake:
		return ServerLimited, "the server could not keep up: " + f.endWhy
	case EndPlan, EndAnswered:
	default:
		return Aborted, f.endWhy
	}
	if why := clientLimit(f); why != "" {
		return ClientLimited, why
	}
	unmet := f.open && f.asked > 0 && f.sent/f.asked < reached
	switch {
	case f.plateau != nil:
		return ServerLimited, fmt.Sprintf("throughput flattened at %s in stage %d (%+.0f %%) while the median service time grew by %.0f %%",
			perSecond(f.plateau.Rate), f.plateau.Stage, 100*f.plateau.Gain, 100*f.plateau.Growth)
	case (unmet || f.notSent > 0) && f.growth >= slowed:
		return ServerLimited, fmt.Sprintf("%s of %s were sent while %s taken and the median service time grew %.1f times",
			perSecond(f.sent), perSecond(f.asked), places(f.bound), f.growth)
	case (unmet || f.notSent > 0) && f.client.BoundFull >= fullShare:
		need := int(math.Ceil(f.asked * f.median.Seconds()))
		return ClientLimited, fmt.Sprintf("%s taken in %.0f %% of the seconds: %s of requests that take %s need at least %d",
			places(f.bound), 100*f.client.BoundFull, perSecond(f.asked), short(f.median), need)
	}
	return Complete, ""
}

// places names a bound's places, all of them, with their verb.
func places(bound int) string {
	if bound == 1 {
		return "the only place was"
	}
	return fmt.Sprintf("all %d places were", bound)
}

// clientLimit says why the client was the limit; empty where it was not.
func clientLimit(f facts) string {
	if low, ok := f.client.LagP99Low.Get(); ok {
		if most := max(lagFloor, time.Duration(lagShare*float64(f.median))); low > most {
			return fmt.Sprintf("requests that found room were sent at least %s late at p99, more than %s", short(low), short(most))
		}
	}
	if cpu, ok := f.client.CPU.Get(); ok && f.hot && cpu > busyCPU {
		return fmt.Sprintf("the client used %.0f %% of its %d processors", 100*cpu, f.client.Cores)
	}
	if f.open && f.asked > 0 && f.sent/f.asked < reached && f.client.BoundFull < fullShare && f.growth < slowed {
		return fmt.Sprintf("%s of %s were sent while there was room and the server was no slower", perSecond(f.sent), perSecond(f.asked))
	}
	return ""
}

// plateauOf returns the first stage that asked for more than the one before it and
// was answered less than it asked for, while the service time grew; nil where
// there is none.
func plateauOf(p *Plan, stages []Part) *Plateau {
	for i := 1; i < len(stages); i++ {
		a, b := &stages[i-1], &stages[i]
		before, okA := a.Throughput.Get()
		after, okB := b.Throughput.Get()
		if !okA || !okB || before <= 0 || a.Good < fewest || b.Good < fewest || p.Stages[i].Rate <= p.Stages[i-1].Rate {
			continue
		}
		ma, mb := medianOf(a.Service), medianOf(b.Service)
		if ma <= 0 || mb <= 0 {
			continue
		}
		gain, growth := after/before-1, mb/ma-1
		asked, _ := b.AskedRate.Get()
		if growth >= steeper-1 && after < reached*asked {
			return &Plateau{Stage: i, Before: i - 1, Rate: after, Gain: gain, Growth: growth}
		}
	}
	return nil
}

// growthOf returns the largest median service time of a stage over the least, 1
// where there are not two to compare.
func growthOf(stages []Part) float64 {
	low, high := math.Inf(1), 0.0
	for i := range stages {
		if m := medianOf(stages[i].Service); stages[i].Good >= fewest && m > 0 {
			low, high = min(low, m), max(high, m)
		}
	}
	if high == 0 {
		return 1
	}
	return high / low
}

// medianOf returns a distribution's median in seconds, 0 where it has none.
func medianOf(d Distribution) float64 {
	if d.P50 == nil {
		return 0
	}
	v, _ := d.P50.Value.Get()
	return v.Seconds()
}
