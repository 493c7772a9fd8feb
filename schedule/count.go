package schedule

import (
	"math/bits"
	"time"
)

// Count returns how often the schedule fires after from and before to. It takes
// a step for each day on which it fires and not for each time, so that a month
// of one a minute is counted as fast as a month of one a day.
func (s Schedule) Count(from, to time.Time) int64 {
	if s.every > 0 {
		// The times are the multiples of every since the epoch.
		last := nextEvery(to.Add(-1), s.every).Add(-s.every)
		return max(0, int64(last.Sub(nextEvery(from, s.every))/s.every)+1)
	}
	if s.fields == nil {
		return 0
	}
	var n int64
	for at := s.Next(from); !at.IsZero() && at.Before(to); {
		if whole, next := s.day(at, to); whole > 0 {
			n += whole
			at = s.Next(next.Add(-1))
			continue
		}
		n++
		at = s.Next(at)
	}
	return n
}

// day returns how often the schedule fires on the day of at, and the moment in
// which the next day begins. It returns 0 where at is not the day's first time,
// the day does not end by to, or the clocks change on it.
func (s Schedule) day(at, to time.Time) (int64, time.Time) {
	y, m, d := at.In(s.loc).Date()
	begin, next := time.Date(y, m, d, 0, 0, 0, 0, s.loc), time.Date(y, m, d+1, 0, 0, 0, 0, s.loc)
	if next.After(to) || next.Sub(begin) != 24*time.Hour || begin.Hour() != 0 || next.Hour() != 0 {
		return 0, next
	}
	if start, end := begin.ZoneBounds(); start.Equal(begin) || (!end.IsZero() && !end.After(next)) {
		return 0, next
	}
	if !s.Next(begin.Add(-1)).Equal(at) {
		return 0, next
	}
	// The parser marks a * in the highest bit.
	const minutes, hours = 1<<60 - 1, 1<<24 - 1
	return int64(bits.OnesCount64(s.fields.Minute&minutes) * bits.OnesCount64(s.fields.Hour&hours)), next
}
