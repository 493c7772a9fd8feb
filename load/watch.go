package load

import (
	"fmt"
	"slices"
	"time"

	"github.com/hfwatch/hfwatch/probe"
	"github.com/hfwatch/hfwatch/stats"
)

const (
	// recentShare is the share of bad results among the last MinRequests that ends
	// a window whose many good results before would outweigh them for long.
	recentShare = 0.5
	// brakeFrom and brakeOver are how many readings, one a second, the brake
	// judges by.
	brakeFrom = 30
	brakeOver = 120
	// levelGrowth and rampGrowth are by what factor both must have grown: while the
	// rate is level any lasting climb means that requests pile up, in a ramp only a
	// steep one does.
	levelGrowth = 1.5
	rampGrowth  = 4
)

// watch decides when a window stops itself.
type watch struct {
	rule Abort
	// failed and came count results that came back; recent are the last of them,
	// true for one that was not good.
	failed, came int
	recent       []bool
	recentFailed int

	// waits are the waits for the first token, or the answer, since the last
	// reading.
	waits                []float64
	times, inFlight, ttf []float64
	level                bool
}

// newWatch returns a watch over a rule.
func newWatch(rule Abort) watch { return watch{rule: rule} }

// result takes a result, and returns why the window must end, nil where it need
// not. What is at fault does not matter here: a window full of refused requests
// shows nothing, and they may cost.
func (w *watch) result(res *probe.Result, _ time.Duration) *Stop {
	if res.Outcome == probe.Canceled || res.Outcome == probe.NotSent {
		return nil
	}
	if d, ok := res.FirstToken.Get(); ok && !res.Censored {
		w.waits = append(w.waits, d.Seconds())
	} else if d, ok := res.Service.Get(); ok && res.Counts == probe.Good {
		w.waits = append(w.waits, d.Seconds())
	}
	if slices.Contains(w.rule.On, res.Status) {
		return &Stop{EndStatus, fmt.Sprintf("status %d: %s", res.Status, res.Error)}
	}
	if w.rule.ErrorRatio <= 0 {
		return nil
	}
	bad := res.Counts != probe.Good
	w.came++
	if bad {
		w.failed++
	}
	least := max(w.rule.MinRequests, 1)
	if len(w.recent) == least {
		if w.recent[0] {
			w.recentFailed--
		}
		w.recent = w.recent[1:]
	}
	w.recent = append(w.recent, bad)
	if bad {
		w.recentFailed++
	}
	if !bad || w.came < least {
		return nil
	}
	if share := float64(w.failed) / float64(w.came); share >= w.rule.ErrorRatio {
		return &Stop{EndErrors, fmt.Sprintf("%d of %d results were not good; the last: %s", w.failed, w.came, res.Outcome)}
	}
	if float64(w.recentFailed) >= max(recentShare, w.rule.ErrorRatio)*float64(least) {
		return &Stop{EndErrors, fmt.Sprintf("%d of the last %d results were not good; the last: %s", w.recentFailed, least, res.Outcome)}
	}
	return nil
}

// reading takes a reading of the requests in flight and waiting, and returns why
// the window must end. level says that the rate is not in a ramp.
func (w *watch) reading(at time.Duration, inFlight int, level bool) *Stop {
	if !w.rule.Brake {
		return nil
	}
	if level != w.level {
		w.times, w.inFlight, w.ttf = nil, nil, nil
		w.level = level
	}
	wait, ok := stats.Median(w.waits)
	w.waits = w.waits[:0]
	if !ok {
		if len(w.ttf) == 0 {
			return nil
		}
		wait = w.ttf[len(w.ttf)-1]
	}
	w.times, w.inFlight, w.ttf = append(w.times, at.Seconds()), append(w.inFlight, float64(inFlight)), append(w.ttf, wait)
	if over := len(w.times) - brakeOver; over > 0 {
		w.times, w.inFlight, w.ttf = w.times[over:], w.inFlight[over:], w.ttf[over:]
	}
	if len(w.times) < brakeFrom {
		return nil
	}
	factor := float64(rampGrowth)
	if level {
		factor = levelGrowth
	}
	if !stats.OverSaturated(w.times, w.inFlight, w.ttf, confidence) || grown(w.inFlight) < factor || grown(w.ttf) < factor {
		return nil
	}
	return &Stop{EndBrake, fmt.Sprintf("in flight and waiting grew %.1f times and the wait %.1f times in %d s", grown(w.inFlight), grown(w.ttf), len(w.times))}
}

// grown returns the median of the last third over that of the first.
func grown(xs []float64) float64 {
	third := len(xs) / 3
	first, _ := stats.Median(xs[:third])
	last, _ := stats.Median(xs[len(xs)-third:])
	if first <= 0 {
		return last / max(1e-9, first+1)
	}
	return last / first
}
