package prom

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// noon is where the tests' clocks start.
var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

// moment is one call of Stamp in a story: mono since the story's start, the
// wall clock's distance from noon, and what must come of it.
type moment struct {
	mono, wall time.Duration
	hint       time.Duration // another clock's distance from noon, heard now; 0 for none
	want       time.Duration // the stamp's distance from noon
	event      Event
}

const tick = 15 * time.Second

func TestClock(t *testing.T) {
	for _, tt := range []struct {
		name   string
		newest time.Time
		story  []moment
	}{
		{"an empty database believes the wall clock", time.Time{}, []moment{
			{0, 0, 0, 0, Event{}},
			{tick, tick, 0, tick, Event{}},
		}},
		{"after a night off the wall clock is believed", noon.Add(-9 * time.Hour), []moment{
			{0, 0, 0, 0, Event{}},
		}},
		{"a start days after the newest sample waits for another clock", noon.Add(-72 * time.Hour), []moment{
			{0, 0, 0, -72 * time.Hour, Event{EventHeld, 72 * time.Hour}},
			{tick, tick, 0, -72*time.Hour + tick, Event{}},
			{2 * tick, 2 * tick, 2*tick + time.Second, 2 * tick, Event{EventAdmitted, 72 * time.Hour}},
		}},
		{"with another clock at hand it does not wait", noon.Add(-72 * time.Hour), []moment{
			{0, 0, time.Second, 0, Event{EventAdmitted, 72 * time.Hour}},
		}},
		{"a start ninety days ahead is never believed against another clock", noon, []moment{
			{0, 2160 * time.Hour, time.Second, 0, Event{EventHeld, 2160 * time.Hour}},
			{5 * time.Hour, 2165 * time.Hour, 5 * time.Hour, 5 * time.Hour, Event{}},
			{5*time.Hour + tick, 5*time.Hour + tick, 0, 5*time.Hour + tick, Event{EventWithdrawn, 0}},
		}},
		{"a start behind the newest sample goes on from it, at nine tenths", noon.Add(time.Minute), []moment{
			{0, 0, 0, time.Minute, Event{EventBackward, -time.Minute}},
			{100 * time.Second, 100 * time.Second, 0, 150 * time.Second, Event{}},
			{10 * time.Minute, 10 * time.Minute, 0, 10 * time.Minute, Event{}},
			{10*time.Minute + tick, 10*time.Minute + tick, 0, 10*time.Minute + tick, Event{}},
		}},
		{"small adjustments are followed without a word", time.Time{}, []moment{
			{0, 0, 0, 0, Event{}},
			{tick, tick + time.Second, 0, tick + time.Second, Event{}},
			{2 * tick, 2 * tick, 0, 2 * tick, Event{}},
		}},
		{"a step of ten minutes ahead is followed and told", time.Time{}, []moment{
			{0, 0, 0, 0, Event{}},
			{tick, tick + 10*time.Minute, 0, tick + 10*time.Minute, Event{EventForward, 10 * time.Minute}},
			{2 * tick, 2*tick + 10*time.Minute, 0, 2*tick + 10*time.Minute, Event{}},
		}},
		{"a longer jump is held until it has lasted 15 minutes and another clock agrees", time.Time{}, []moment{
			{0, 0, 0, 0, Event{}},
			{tick, tick + time.Hour, 0, tick, Event{EventHeld, time.Hour}},
			{2 * tick, 2*tick + time.Hour, time.Hour, 2 * tick, Event{}},
			{tick + 15*time.Minute - 1, tick + 75*time.Minute - 1, time.Hour + 15*time.Minute, tick + 15*time.Minute - 1, Event{}},
			{tick + 15*time.Minute, tick + 75*time.Minute, 0, tick + 75*time.Minute, Event{EventAdmitted, time.Hour}},
			{2*tick + 15*time.Minute, 2*tick + 75*time.Minute, 0, 2*tick + 75*time.Minute, Event{}},
		}},
		{"a wrong clock for hours moves nothing, and its return is no step", time.Time{}, []moment{
			{0, 0, 0, 0, Event{}},
			{tick, tick + 5*time.Hour, 0, tick, Event{EventHeld, 5 * time.Hour}},
			{time.Hour, 6 * time.Hour, time.Hour, time.Hour, Event{}},
			{4 * time.Hour, 9 * time.Hour, 4 * time.Hour, 4 * time.Hour, Event{}},
			{5 * time.Hour, 5 * time.Hour, 0, 5 * time.Hour, Event{EventWithdrawn, 0}},
			{5*time.Hour + tick, 5*time.Hour + tick, 0, 5*time.Hour + tick, Event{}},
		}},
		{"without another clock a jump is held for ever", time.Time{}, []moment{
			{0, 0, 0, 0, Event{}},
			{tick, tick + time.Hour, 0, tick, Event{EventHeld, time.Hour}},
			{240 * time.Hour, 241 * time.Hour, 0, 240 * time.Hour, Event{}},
		}},
		{"a suspended machine: what another clock said before proves nothing", time.Time{}, []moment{
			{0, 0, time.Second, 0, Event{}},
			{tick, tick + 8*time.Hour, 0, tick, Event{EventHeld, 8 * time.Hour}},
			{16 * time.Minute, 8*time.Hour + 16*time.Minute, 0, 16 * time.Minute, Event{}},
			{17 * time.Minute, 8*time.Hour + 17*time.Minute, 8*time.Hour + 17*time.Minute, 8*time.Hour + 17*time.Minute, Event{EventAdmitted, 8 * time.Hour}},
		}},
		{"a second jump while one is held has to last for itself", time.Time{}, []moment{
			{0, 0, 0, 0, Event{}},
			{tick, tick + time.Hour, 0, tick, Event{EventHeld, time.Hour}},
			{14 * time.Minute, 14*time.Minute + 3*time.Hour, 0, 14 * time.Minute, Event{EventHeld, 3 * time.Hour}},
			{16 * time.Minute, 16*time.Minute + 3*time.Hour, 16*time.Minute + 3*time.Hour, 16 * time.Minute, Event{}},
			{29 * time.Minute, 29*time.Minute + 3*time.Hour, 0, 29*time.Minute + 3*time.Hour, Event{EventAdmitted, 3 * time.Hour}},
		}},
		{"set back, stamps go on at nine tenths until the wall clock is there", time.Time{}, []moment{
			{0, 0, 0, 0, Event{}},
			{100 * time.Second, 40 * time.Second, 0, 90 * time.Second, Event{EventBackward, -time.Minute}},
			{200 * time.Second, 140 * time.Second, 0, 180 * time.Second, Event{}},
			{900 * time.Second, 840 * time.Second, 0, 840 * time.Second, Event{}},
		}},
		{"set back by months, they go on at full pace: it never will be there", time.Time{}, []moment{
			{0, 0, 0, 0, Event{}},
			{100 * time.Second, 100*time.Second - 2160*time.Hour, 0, 100 * time.Second, Event{EventBackward, -2160 * time.Hour}},
			{200 * time.Second, 200*time.Second - 2160*time.Hour, 0, 200 * time.Second, Event{}},
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := NewClock(tt.newest)
			var hint Hint
			for i, m := range tt.story {
				if m.hint != 0 {
					hint = Hint{Time: noon.Add(m.hint), Mono: m.mono}
				}
				var at time.Time
				var event Event
				at, c, event = c.Stamp(Reading{noon.Add(m.wall), m.mono}, hint)
				if got := at.Sub(noon); got != m.want {
					t.Errorf("moment %d: stamp = noon + %s, want + %s", i, got, m.want)
				}
				if diff := cmp.Diff(m.event, event); diff != "" {
					t.Errorf("moment %d: event (-want +got):\n%s", i, diff)
				}
			}
		})
	}
}

func TestClockNeverGoesBackNorFarAheadUnproved(t *testing.T) {
	// A wall clock that is set at every tick, by a fixed sequence of steps.
	c, wall, mono := NewClock(noon), noon, time.Duration(0)
	last := noon
	seed := uint64(1)
	for range 20_000 {
		seed = seed*6364136223846793005 + 1442695040888963407
		step := time.Duration(int64(seed>>33)%int64(4*time.Hour)) - 2*time.Hour
		mono, wall = mono+tick, wall.Add(tick+step)
		var at time.Time
		at, c, _ = c.Stamp(Reading{wall, mono}, Hint{})
		if at.Before(last) {
			t.Fatalf("stamp went back from %s to %s", last, at)
		}
		if at.Sub(last) > tick+jumpLimit {
			t.Fatalf("stamp went %s ahead in one tick, want at most %s", at.Sub(last), tick+jumpLimit)
		}
		last = at
	}
}

func TestReadSeparatesTheClocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		origin := time.Now()
		time.Sleep(tick)
		got := Read(origin)
		if got.Mono != tick || !got.Wall.Equal(origin.Add(tick)) || got.Wall != got.Wall.Round(0) {
			t.Errorf("Read() = %+v, want %s later and a wall time without monotonic reading", got, tick)
		}
	})
}
