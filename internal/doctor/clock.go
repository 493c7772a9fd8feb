package doctor

import (
	"fmt"
	"time"
)

// The bounds of a clock's error. A Date header has whole seconds, and an answer
// takes its time, so that a second or two is no error.
const (
	clockSlack = 5 * time.Second
	clockWrong = time.Minute
)

// Reading is another clock beside ours, read once.
type Reading struct {
	Host string
	// Date is what it said, Sent and Got when it was asked and answered by our
	// clock.
	Date, Sent, Got time.Time
}

// skew returns how far our clock is ahead, the least by what the reading allows.
func (r Reading) skew() time.Duration {
	switch {
	case r.Sent.After(r.Date.Add(time.Second)):
		return r.Sent.Sub(r.Date.Add(time.Second))
	case r.Got.Before(r.Date):
		return r.Got.Sub(r.Date)
	}
	return 0
}

// Clock judges our clock by others.
func Clock(readings []Reading) Finding {
	f := Finding{Check: "clock", About: "this machine"}
	if len(readings) == 0 {
		f.Grade, f.Says = Unknown, "no server that was reached told its time"
		return f
	}
	// The clock that agrees best: one server's clock may itself be wrong.
	best := readings[0]
	for _, r := range readings {
		if r.skew().Abs() < best.skew().Abs() {
			best = r
		}
	}
	skew := best.skew().Round(time.Second)
	way := "ahead of"
	if skew < 0 {
		way = "behind"
	}
	const synchronise = "let NTP set it (timedatectl set-ntp true): schedules, series and the signatures of pages all carry its time"
	switch {
	case skew.Abs() < clockSlack:
		f.Grade, f.Says = OK, "the clock agrees with that of "+best.Host
	case skew.Abs() < clockWrong:
		f.Grade, f.Says, f.Do = Warning, fmt.Sprintf("the clock is %s %s that of %s", skew.Abs(), way, best.Host), synchronise
	default:
		f.Grade, f.Says, f.Do = Problem, fmt.Sprintf("the clock is %s %s that of %s, so that certificates and tokens may be refused", skew.Abs(), way, best.Host), synchronise
	}
	return f
}
