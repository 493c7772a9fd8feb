package schedule

import (
	"hash/fnv"
	"time"
)

// Next returns the first time after the given one at which the schedule fires,
// or the zero time if it never does. It is strictly after, and without a
// monotonic reading.
func (s Schedule) Next(after time.Time) time.Time {
	after = after.Round(0)
	switch {
	case s.every > 0:
		return nextEvery(after, s.every).In(s.loc)
	case s.fields == nil:
		return time.Time{}
	case s.anyHour:
		return s.nextReal(after.In(s.loc))
	default:
		return s.nextFixed(after.In(s.loc))
	}
}

// nextEvery returns the first multiple of d since the Unix epoch after t.
func nextEvery(t time.Time, d time.Duration) time.Time {
	seconds := int64(d / time.Second)
	n := t.Unix() / seconds
	if t.Unix() < 0 && t.Unix()%seconds != 0 {
		n--
	}
	return time.Unix((n+1)*seconds, 0)
}

// wall returns what the clock on the wall shows at t, as a time in UTC.
func wall(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), time.UTC)
}

// following returns the first time after w, both as the wall shows them, that the
// fields name. They name full minutes; SpecSchedule would look at each second on
// the way to the next one.
func (s Schedule) following(w time.Time) time.Time {
	return s.fields.Next(w.Truncate(time.Minute).Add(59 * time.Second))
}

// nextReal finds the next moment at which the wall shows a matching time,
// stretch by stretch of constant offset from UTC.
func (s Schedule) nextReal(after time.Time) time.Time {
	at := after
	for range 64 {
		_, offset := at.Zone()
		_, end := at.ZoneBounds()
		w := s.following(wall(after.UTC().Add(time.Duration(offset) * time.Second)))
		if w.IsZero() {
			return time.Time{}
		}
		t := w.Add(-time.Duration(offset) * time.Second).In(s.loc)
		if end.IsZero() || t.Before(end) {
			return t
		}
		// The next stretch begins at end, which may itself match.
		at, after = end, end.Add(-1)
	}
	return time.Time{}
}

// nextFixed finds the next time of day that the expression names, and the
// moment at which it is due.
func (s Schedule) nextFixed(after time.Time) time.Time {
	w := wall(after)
	// Where clocks go back, times of day come round again; each was due at its
	// first occurrence, which is over.
	for range 100_000 {
		if w = s.following(w); w.IsZero() {
			return time.Time{}
		}
		if t := s.moment(w); t.After(after) {
			return t
		}
	}
	return time.Time{}
}

// moment returns the first moment at which the wall shows w, or the end of the
// gap in which it never does.
func (s Schedule) moment(w time.Time) time.Time {
	t := time.Date(w.Year(), w.Month(), w.Day(), w.Hour(), w.Minute(), w.Second(), w.Nanosecond(), s.loc)
	start, end := t.ZoneBounds()
	switch shown := wall(t); {
	case shown.After(w):
		return start
	case shown.Before(w):
		return end
	}
	if start.IsZero() {
		return t
	}
	_, before := start.Add(-1).Zone()
	if first := w.Add(-time.Duration(before) * time.Second).In(s.loc); first.Before(start) {
		return first
	}
	return t
}

// NextN returns the next n times after the given one, fewer if there are not as
// many.
func (s Schedule) NextN(after time.Time, n int) []time.Time {
	var out []time.Time
	for range n {
		if after = s.Next(after); after.IsZero() {
			break
		}
		out = append(out, after)
	}
	return out
}

// Gap returns the shortest time between two of the next n times after the given
// one; 0 if there are fewer than two.
func (s Schedule) Gap(after time.Time, n int) time.Duration {
	if s.every > 0 {
		return s.every
	}
	var shortest time.Duration
	times := s.NextN(after, n)
	for i := 1; i < len(times); i++ {
		if gap := times[i].Sub(times[i-1]); shortest == 0 || gap < shortest {
			shortest = gap
		}
	}
	return shortest
}

// MaxSpread is how far a target's slots are moved at most, so that targets of
// one schedule are not all probed at once.
const MaxSpread = time.Minute

// Offset returns how far the slots of a target are moved: a share of limit, or
// of the gap to the next slot where that is shorter, given by a hash of the
// target's name and location, so that it is the same after a restart.
func Offset(name, location string, gap, limit time.Duration) time.Duration {
	h := fnv.New64a()
	_, _ = h.Write([]byte(name + "\x00" + location))
	room := min(gap, limit)
	if room <= 0 {
		return 0
	}
	// FNV's high bits are poor for short names; multiplying mixes them.
	share := float64((h.Sum64()*0x9E3779B97F4A7C15)>>11) / (1 << 53)
	return time.Duration(share * float64(room)).Truncate(time.Millisecond)
}
