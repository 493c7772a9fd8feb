package coldstart

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/hfwatch/hfwatch/probe"
)

// world is a scripted endpoint that an experiment is led through, without a clock:
// at each move that is due it answers at once, but for held requests, which are
// answered when it is ready.
type world struct {
	asleep, pending, running, healthy, ready time.Duration // from t0; 0 is never
	// paused is from when a person has stopped it.
	paused time.Duration
	// mostHeld bounds what the proxy holds; 0 is nothing.
	mostHeld time.Duration
	// fails makes every answer after the first valid one fail.
	fails bool
	// ends is the number of the answer after which the episode is over; 0 is none.
	ends int
}

// since reports whether something that happens at a time has.
func since(now, at time.Duration) bool { return at > 0 && now >= at }

// reading is what the management API says at a time.
func (w world) reading(now time.Duration) Reading {
	switch {
	case since(now, w.paused):
		return Reading{State: ManagedPaused}
	case since(now, w.running):
		return Reading{ManagedRunning, 1, 1}
	case since(now, w.pending):
		return Reading{ManagedInitializing, 0, 1}
	case since(now, w.asleep):
		return Reading{ManagedScaledToZero, 0, 0}
	}
	return Reading{ManagedRunning, 1, 1}
}

// walk carries an experiment out in a world and tells what it did: acts with
// their times, of those in a row at one pace the first and how many.
func walk(t *testing.T, plan Plan, w world) (told []string, asked int) {
	t.Helper()
	x := NewExperiment(plan, t0, t0)
	now, answerAt := t0, time.Time{}
	say := func(format string, args ...any) {
		told = append(told, fmt.Sprintf("%v ", now.Sub(t0))+fmt.Sprintf(format, args...))
	}
	valid := 0
	answer := func() {
		at := now.Sub(t0)
		outcome := probe.OK
		switch {
		case !since(at, w.ready):
			outcome = probe.Asleep
		case w.fails && valid > 0:
			outcome = probe.ServerError
		default:
			valid++
		}
		answerAt = time.Time{}
		say("%s", outcome)
		x.See(Evidence{Source: FromAnswer, At: now, Outcome: outcome, Latency: probe.Measured(time.Second)})
		if w.ends > 0 && valid >= w.ends {
			x.Stop()
		}
	}
	for range 5000 {
		m := x.Next(now)
		if x.Asking() && !answerAt.IsZero() && !answerAt.After(m.At) && m.Act != Over {
			now = answerAt
			answer()
			continue
		}
		if m.At.After(now) {
			now = m.At
		}
		switch m.Act {
		case Over:
			say("over %s", m.Why)
			return told, asked
		case Read:
			x.Did(Read, now)
			r := w.reading(now.Sub(t0))
			say("read %s", r.State)
			x.See(Evidence{Source: FromManagement, At: now, Reading: r})
		case Health:
			x.Did(Health, now)
			say("health %v", since(now.Sub(t0), w.healthy))
			x.See(Evidence{Source: FromHealth, At: now, Well: since(now.Sub(t0), w.healthy)})
		case Wake, Ask:
			x.Did(m.Act, now)
			asked++
			held := m.Hold
			say("%s hold %v", m.Act, held)
			answerAt = now
			if held > 0 && !since(now.Sub(t0), w.ready) {
				if w.mostHeld > 0 {
					held = min(held, w.mostHeld)
				}
				answerAt = now.Add(held)
				if ready := t0.Add(w.ready); w.ready > 0 && ready.Before(answerAt) {
					answerAt = ready
				}
			}
		case Wait:
		}
	}
	t.Fatal("the experiment does not end")
	return nil, 0
}

// TestExperimentsWalk leads experiments of either method, with the management API
// and without, through starts that succeed and that do not.
func TestExperimentsWalk(t *testing.T) {
	t.Parallel()
	const m = time.Minute
	starts := world{asleep: 20 * m, pending: 20*m + 2*sec, running: 20*m + 12*sec, healthy: 20*m + 17*sec, ready: 20*m + 17*sec, ends: 2}
	for _, row := range []struct {
		name  string
		plan  Plan
		world world
		want  []string // the last moves
		asked int
	}{
		{
			"hold, managed",
			Plan{Method: Hold, Idle: 15 * m, GiveUp: 2 * m, Requests: 60, Managed: true, Health: true},
			starts,
			[]string{
				"19m30s read running", "20m0s read scaledToZero", "20m0s wake hold 2m0s", "20m5s read initializing", "20m10s read initializing",
				"20m15s read running", "20m15s health false", "20m17s ok", "20m17s health true", "20m17s ask hold 0s", "20m17s ok", "20m17s over ",
			},
			2,
		},
		{
			"poll, managed",
			Plan{Method: Poll, Idle: 15 * m, GiveUp: 2 * m, Requests: 60, Managed: true, Health: true},
			starts,
			[]string{
				"20m0s read scaledToZero", "20m0s wake hold 0s", "20m0s asleep", "20m5s read initializing", "20m5s ask hold 0s", "20m5s asleep",
				"20m10s read initializing", "20m10s ask hold 0s", "20m10s asleep", "20m15s read running", "20m15s health false", "20m15s ask hold 0s",
				"20m15s asleep", "20m20s read running", "20m20s health true", "20m20s ask hold 0s", "20m20s ok", "20m21s ask hold 0s", "20m21s ok", "20m21s over ",
			},
			6,
		},
		{
			"hold, alone: after the idle time and a twentieth",
			Plan{Method: Hold, Idle: 20 * m, GiveUp: 2 * m, Requests: 60},
			world{ready: 21*m + 40*sec, ends: 1},
			[]string{"21m0s wake hold 2m0s", "21m40s ok", "21m40s over "},
			1,
		},
		{
			"poll, alone, and never ready: given up",
			Plan{Method: Poll, Idle: 20 * m, GiveUp: 12 * sec, Requests: 60},
			world{},
			[]string{"21m0s wake hold 0s", "21m0s asleep", "21m5s ask hold 0s", "21m5s asleep", "21m10s ask hold 0s", "21m10s asleep", "21m12s over "},
			3,
		},
		{
			"a hold that the proxy cuts short is asked again for the rest",
			Plan{Method: Hold, Idle: 20 * m, GiveUp: 2 * m, Requests: 60},
			world{ready: 22 * m, mostHeld: 30 * sec, ends: 1},
			[]string{
				"21m0s wake hold 2m0s", "21m30s asleep", "21m30s ask hold 1m30s", "22m0s ok", "22m0s over ",
			},
			2,
		},
		{
			"it does not fall asleep",
			Plan{Method: Hold, Idle: 1 * m, GiveUp: 2 * m, Requests: 60, Managed: true},
			world{},
			[]string{"11m0s read running", "11m0s over not_asleep"},
			0,
		},
		{
			"a person stopped it",
			Plan{Method: Hold, Idle: 15 * m, GiveUp: 2 * m, Requests: 60, Managed: true},
			world{paused: 5 * m},
			[]string{"5m0s read paused", "5m0s over paused"},
			0,
		},
		{
			"as many answers as are asked for",
			Plan{Method: Poll, Idle: 20 * m, GiveUp: 2 * m, Requests: 3},
			world{ready: 1},
			[]string{"21m0s wake hold 0s", "21m0s ok", "21m1s ask hold 0s", "21m1s ok", "21m2s ask hold 0s", "21m2s ok", "21m2s over "},
			3,
		},
		{
			"a warm-up that fails",
			Plan{Method: Poll, Idle: 20 * m, GiveUp: 2 * m, Requests: 60},
			world{ready: 1, fails: true},
			[]string{"21m9s ask hold 0s", "21m9s server_error", "21m10s ask hold 0s", "21m10s server_error", "21m10s over "},
			1 + mostFailures,
		},
	} {
		told, asked := walk(t, row.plan, row.world)
		if len(told) > len(row.want) {
			told = told[len(told)-len(row.want):]
		}
		if got, want := strings.Join(told, "\n"), strings.Join(row.want, "\n"); got != want || asked != row.asked {
			t.Errorf("%s: %d asked, want %d; got\n%s\nwant\n%s", row.name, asked, row.asked, got, want)
		}
	}
}
