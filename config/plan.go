package config

import (
	"math"
	"time"

	"github.com/hfwatch/hfwatch/schedule"
)

const (
	// month is the length of the longest month, over which ceilings are taken.
	month = 31 * 24 * time.Hour
	// maxFires bounds how many fire times of one schedule are looked at; a month
	// of */5 is 8,928. The rest of a month is taken to be like its beginning.
	maxFires = 10_000
)

// plan is what a schedule comes to in the 31 days from a time on.
type plan struct {
	// times are the first fire times, at most maxFires.
	times []time.Time
	// perMonth and perDay are the fires in those 31 days and in the fullest UTC
	// day of them.
	perMonth, perDay int
	// gap is the least time between two fires; 0 where there are not two.
	gap time.Duration
}

// planOf looks at a schedule from the time on.
func planOf(s schedule.Schedule, from time.Time) plan {
	var p plan
	end := from.Add(month)
	days := map[int64]int{}
	for at := s.Next(from); !at.IsZero() && len(p.times) < maxFires && (!at.After(end) || len(p.times) < 2); at = s.Next(at) {
		if n := len(p.times); n > 0 {
			if gap := at.Sub(p.times[n-1]); p.gap == 0 || gap < p.gap {
				p.gap = gap
			}
		}
		p.times = append(p.times, at)
		if !at.After(end) {
			p.perMonth++
			day := at.Unix() / 86400
			days[day]++
			p.perDay = max(p.perDay, days[day])
		}
	}
	if len(p.times) == maxFires {
		span := p.times[maxFires-1].Sub(p.times[0])
		perHour := float64(maxFires-1) / span.Hours()
		p.perMonth = int(math.Ceil(perHour * month.Hours()))
		if span < 48*time.Hour {
			p.perDay = int(math.Ceil(perHour * 24))
		}
	}
	return p
}

// shortest returns the least time in which n slots pass, wherever it begins, and
// whether there is one.
func (p plan) shortest(n int) (time.Duration, bool) {
	best := time.Duration(-1)
	for i := n; i < len(p.times); i++ {
		if d := p.times[i].Sub(p.times[i-n]); best < 0 || d < best {
			best = d
		}
	}
	return best, best >= 0
}

// most returns the greatest number of fires within any stretch of length d.
func (p plan) most(d time.Duration) int {
	best, start := 0, 0
	for i, at := range p.times {
		for at.Sub(p.times[start]) >= d {
			start++
		}
		best = max(best, i-start+1)
	}
	return best
}

// parsed is a schedule and its plan.
type parsed struct {
	schedule.Schedule
	plan plan
	ok   bool
}

// schedule parses a schedule and reports it where it is wrong or never fires.
func (c *checker) schedule(at spot, spec string) parsed {
	s, err := schedule.Parse(spec, c.cfg.Timezone)
	if err != nil {
		what, remedy := split(err)
		c.problem(at, what, or(remedy, `write five fields such as "*/5 * * * *", or @every 30s`))
		return parsed{}
	}
	p, known := c.plans[spec]
	if !known {
		p = planOf(s, c.opts.Now)
		c.plans[spec] = p
	}
	if len(p.times) == 0 {
		c.problem(at, quote(spec)+" never fires", "correct the day and the month")
		return parsed{}
	}
	return parsed{s, p, true}
}
