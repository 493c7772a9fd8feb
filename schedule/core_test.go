package schedule

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hfwatch/hfwatch/probe"
)

// clocks are the two clocks of a machine whose wall clock can be set.
type clocks struct {
	wall time.Time
	mono time.Duration
}

func (c *clocks) pass(d time.Duration) { c.wall, c.mono = c.wall.Add(d), c.mono+d }
func (c *clocks) set(by time.Duration) { c.wall = c.wall.Add(by) }
func (c *clocks) read() Reading        { return Reading{Wall: c.wall, Mono: c.mono} }

// world is a core with one lane, stepped by hand.
func world(t *testing.T, spec string) (*core, *clocks) {
	t.Helper()
	s, err := Parse(spec, time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	c := &core{lanes: map[key]*lane{}, groups: map[string]int{}}
	clock := &clocks{wall: time.Date(2026, 11, 1, 12, 0, 30, 0, time.UTC), mono: time.Hour}
	c.update([]Entry{{Target: "a", Lane: probe.LaneBaseline, Schedule: s}}, clock.wall)
	return c, clock
}

// say returns what a step did, in words, and ends what it started.
func say(c *core, r Reading) (words []string, sleep time.Duration) {
	actions, stepped, sleep := c.step(r)
	if stepped != 0 {
		words = append(words, "stepped "+stepped.String())
	}
	for _, a := range actions {
		word := fmt.Sprintf("%s %s", a.event, a.slot.Due.Format(time.TimeOnly))
		if a.event == Missed {
			word = fmt.Sprintf("missed %d %s", a.n, a.reason)
		}
		if a.slot.Seq > 0 {
			word += fmt.Sprintf(" #%d", a.slot.Seq)
		}
		words = append(words, word)
		if a.event == Run || a.event == Late {
			c.end(a.lane)
		}
	}
	return words, sleep
}

// TestClockSteps sets the wall clock both ways, by little and by much.
func TestClockSteps(t *testing.T) {
	type move struct {
		pass, set time.Duration
		want      []string
	}
	for _, tt := range []struct {
		why   string
		spec  string
		moves []move
	}{
		{"time passes", "*/5 * * * *", []move{
			{0, 0, nil}, {270 * time.Second, 0, []string{"run 12:05:00"}}, {5 * time.Minute, 0, []string{"run 12:10:00"}},
		}},
		{"a loop that is a little late runs and says so", "*/5 * * * *", []move{
			{0, 0, nil}, {273 * time.Second, 0, []string{"late 12:05:00"}},
		}},
		{"a loop that is far too late misses", "*/5 * * * *", []move{
			{0, 0, nil}, {310 * time.Second, 0, []string{"missed 1 too_late"}}, {260 * time.Second, 0, []string{"run 12:10:00"}},
		}},
		{"a suspended machine: no burst", "*/5 * * * *", []move{
			{0, 0, nil}, {0, time.Hour, []string{"stepped 1h0m0s", "missed 11 too_late", "late 13:00:00"}}, {270 * time.Second, 0, []string{"run 13:05:00"}},
		}},
		{"suspended to the middle of a slot", "*/5 * * * *", []move{
			{0, 0, nil}, {0, 62 * time.Minute, []string{"stepped 1h2m0s", "missed 11 too_late", "missed 1 too_late"}}, {150 * time.Second, 0, []string{"run 13:05:00"}},
		}},
		{"set back by an hour: it goes on at once, and the same due times are told apart", "*/5 * * * *", []move{
			{0, 0, nil},
			{270 * time.Second, 0, []string{"run 12:05:00"}},
			{0, -5 * time.Minute, []string{"stepped -5m0s"}},
			{5 * time.Minute, 0, []string{"run 12:05:00 #1"}},
			{5 * time.Minute, 0, []string{"run 12:10:00"}},
		}},
		{"set back by a year", "@every 1m", []move{
			{0, 0, nil},
			{30 * time.Second, 0, []string{"run 12:01:00"}},
			{0, -365 * 24 * time.Hour, []string{"stepped -8760h0m0s"}},
			{time.Minute, 0, []string{"run 12:02:00 #1"}},
			{time.Minute, 0, []string{"run 12:03:00 #2"}},
		}},
		{"ninety days ahead and every second: bounded work, no burst", "@every 1s", []move{
			{0, 0, nil},
			{0, 90 * 24 * time.Hour, []string{"stepped 2160h0m0s", "missed 10000 too_late", "missed 1 too_late"}},
			{time.Second, 0, []string{"run 12:00:31"}},
		}},
		{"a night of one a minute: more than are looked for one by one, all counted", "* * * * *", []move{
			{0, 0, nil}, {0, 10 * time.Hour, []string{"stepped 10h0m0s", "missed 599 too_late", "missed 1 too_late"}}, {30 * time.Second, 0, []string{"run 22:01:00"}},
		}},
		{"a small adjustment is no step", "*/5 * * * *", []move{{0, 0, nil}, {time.Minute, time.Second, nil}}},
	} {
		c, clock := world(t, tt.spec)
		for i, m := range tt.moves {
			clock.pass(m.pass)
			clock.set(m.set)
			got, _ := say(c, clock.read())
			if !slices.Equal(got, m.want) {
				t.Errorf("%s: move %d: %q, want %q", tt.why, i, got, m.want)
			}
		}
	}
}

// TestSleepIsBounded so that a step is seen.
func TestSleepIsBounded(t *testing.T) {
	c, clock := world(t, "0 3 * * *")
	if _, sleep := say(c, clock.read()); sleep != MaxSleep {
		t.Errorf("with a slot far off it sleeps %v, want %v", sleep, MaxSleep)
	}
	c, clock = world(t, "@every 10s")
	if _, sleep := say(c, clock.read()); sleep != 10*time.Second {
		t.Errorf("with a slot in 10 s it sleeps %v", sleep)
	}
	empty := &core{lanes: map[key]*lane{}, groups: map[string]int{}}
	if _, sleep := say(empty, clock.read()); sleep != MaxSleep {
		t.Errorf("with no lane it sleeps %v, want %v", sleep, MaxSleep)
	}
}

// TestJudge gives each reason to skip its event.
func TestJudge(t *testing.T) {
	full := []Group{{Name: "account", Limit: 1}}
	for _, tt := range []struct {
		why    string
		change func(*core, *lane, time.Time)
		want   []string
	}{
		{"nothing stands against it", func(*core, *lane, time.Time) {}, []string{"run 12:05:00"}},
		{"its run has not ended", func(_ *core, l *lane, _ time.Time) { l.running = true }, []string{"missed 1 overrun"}},
		{"it is held", func(_ *core, l *lane, now time.Time) { l.holds = map[string]time.Time{"x": now.Add(time.Second)} }, []string{"held 12:05:00"}},
		{"its hold is over", func(_ *core, l *lane, now time.Time) { l.holds = map[string]time.Time{"x": now} }, []string{"run 12:05:00"}},
		{"maintenance", func(_ *core, l *lane, _ time.Time) { l.Skip = func(time.Time) bool { return true } }, []string{"maintenance 12:05:00"}},
		{"its group is full", func(c *core, l *lane, _ time.Time) { l.Groups = full; c.groups["account"] = 1 }, []string{"excluded 12:05:00"}},
		{"its group has room", func(_ *core, l *lane, _ time.Time) { l.Groups = full }, []string{"run 12:05:00"}},
	} {
		c, clock := world(t, "*/5 * * * *")
		clock.pass(270 * time.Second)
		tt.change(c, c.lanes[key{"a", probe.LaneBaseline}], clock.wall)
		if got, _ := say(c, clock.read()); !slices.Equal(got, tt.want) {
			t.Errorf("%s: %q, want %q", tt.why, got, tt.want)
		}
		if tt.why == "its group has room" && len(c.groups) != 0 {
			t.Errorf("after the run ended the groups hold %v", c.groups)
		}
	}
}

// TestGrace bounds how late a slot may start.
func TestGrace(t *testing.T) {
	for gap, want := range map[time.Duration]time.Duration{
		time.Second: time.Second - 1, time.Minute: 10 * time.Second, 5 * time.Minute: 30 * time.Second,
		time.Hour: 5 * time.Minute, 24 * time.Hour: 5 * time.Minute,
	} {
		if got := grace(gap); got != want {
			t.Errorf("grace(%v) = %v, want %v", gap, got, want)
		}
	}
}

// TestManyLanesInOrder runs 2,000 lanes through an hour: each slot once, in the
// order of its time.
func TestManyLanesInOrder(t *testing.T) {
	s, err := Parse("@every 60s", time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	c := &core{lanes: map[key]*lane{}, groups: map[string]int{}}
	start := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	clock := &clocks{wall: start}
	var entries []Entry
	for i := range 2000 {
		name := fmt.Sprintf("t%d", i)
		entries = append(entries, Entry{Target: name, Lane: probe.LaneBaseline, Schedule: s, Offset: Offset(name, "l", time.Minute, MaxSpread)})
	}
	c.update(entries, clock.wall)
	runs := map[string]int{}
	for clock.wall.Before(start.Add(time.Hour)) {
		actions, _, sleep := c.step(clock.read())
		for _, a := range actions {
			if a.event != Run || a.lag != 0 {
				t.Fatalf("%s at %v: %s, lag %v", a.lane.Target, clock.wall, a.event, a.lag)
			}
			runs[a.lane.Target]++
			c.end(a.lane)
		}
		clock.pass(sleep)
	}
	if len(runs) != 2000 {
		t.Errorf("%d lanes ran, want 2000", len(runs))
	}
	for name, n := range runs {
		if n != 60 && n != 59 {
			t.Errorf("%s ran %d times in an hour, want 60", name, n)
		}
	}
}

// TestUpdateKeepsPhase of what is unchanged.
func TestUpdateKeepsPhase(t *testing.T) {
	c, clock := world(t, "*/5 * * * *")
	l := c.lanes[key{"a", probe.LaneBaseline}]
	l.holds, l.running = map[string]time.Time{"x": clock.wall.Add(time.Hour)}, true
	due := l.due
	clock.pass(time.Minute)
	c.update([]Entry{l.Entry}, clock.wall)
	if l.due != due || !l.held(clock.wall) || !l.running {
		t.Errorf("an unchanged entry is due %v, held %v, running %v, want %v and its state", l.due, l.holds, l.running, due)
	}
	e := l.Entry
	e.Schedule, _ = Parse("*/2 * * * *", time.UTC)
	c.update([]Entry{e}, clock.wall)
	if want := time.Date(2026, 11, 1, 12, 2, 0, 0, time.UTC); !l.due.Equal(want) || !l.running {
		t.Errorf("a changed schedule is due %v, running %v, want %v, and its run goes on", l.due, l.running, want)
	}
	c.update(nil, clock.wall)
	if got, _ := say(c, Reading{Wall: clock.wall.Add(time.Hour), Mono: clock.mono + time.Hour}); len(got) != 0 {
		t.Errorf("a removed entry still does %q", got)
	}
	if diff := cmp.Diff(0, len(c.queue)); diff != "" {
		t.Errorf("the queue holds lanes: %s", diff)
	}
}

// TestHoldsLastAsLongAsMeant whatever the clock is set to meanwhile, and so do
// boosts.
func TestHoldsLastAsLongAsMeant(t *testing.T) {
	for _, set := range []time.Duration{0, -24 * time.Hour, 24 * time.Hour, -365 * 24 * time.Hour} {
		for _, boost := range []bool{false, true} {
			spec := "@every 1m"
			if boost {
				spec = "0 3 1 1 *"
			}
			c, clock := world(t, spec)
			say(c, clock.read())
			l := c.lanes[key{"a", probe.LaneBaseline}]
			until := clock.wall.Add(5 * time.Minute)
			if boost {
				l.boostEvery, l.boostUntil = 50*time.Second, until
				c.replan(l, clock.wall)
			} else {
				l.holds = map[string]time.Time{"x": until}
			}
			clock.set(set)
			began := clock.mono
			var ran []time.Duration
			for clock.mono < began+10*time.Minute {
				actions, _, sleep := c.step(clock.read())
				for _, a := range actions {
					if a.event == Run {
						ran = append(ran, clock.mono-began)
						c.end(a.lane)
					}
				}
				clock.pass(sleep)
			}
			if !boost && (len(ran) != 5 || ran[0] != 5*time.Minute+30*time.Second) {
				t.Errorf("set by %v: after a hold of five minutes it ran at %v, want from 5m30s on", set, ran)
			}
			if boost && (len(ran) != 6 || ran[5] != 5*time.Minute) {
				t.Errorf("set by %v: boosted for five minutes it ran at %v, want the last at 5m", set, ran)
			}
		}
	}
}

// BenchmarkStep is the loop's work for 2,000 targets at one a minute and 200 at
// one a second: one operation is a minute of slots.
func BenchmarkStep(b *testing.B) {
	c := &core{lanes: map[key]*lane{}, groups: map[string]int{}}
	clock := &clocks{wall: time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)}
	var entries []Entry
	for i := range 2200 {
		spec := "* * * * *"
		if i >= 2000 {
			spec = "@every 1s"
		}
		s, err := Parse(spec, time.UTC)
		if err != nil {
			b.Fatal(err)
		}
		name := fmt.Sprintf("t%d", i)
		entries = append(entries, Entry{
			Target: name, Lane: probe.LaneBaseline, Schedule: s, Offset: Offset(name, "l", s.Gap(clock.wall, 2), MaxSpread),
		})
	}
	c.update(entries, clock.wall)
	b.ReportAllocs()
	for b.Loop() {
		slots := 0
		for end := clock.wall.Add(time.Minute); clock.wall.Before(end); {
			actions, _, sleep := c.step(clock.read())
			for _, a := range actions {
				slots += a.n
				c.end(a.lane)
			}
			clock.pass(sleep)
		}
		if slots < 13_000 {
			b.Fatalf("%d slots in a minute, want about 14,000", slots)
		}
	}
}
