package coldstart

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/hfwatch/hfwatch/probe"
)

// t0 is when the stories begin.
var t0 = time.Date(2026, 11, 2, 8, 0, 0, 0, time.UTC)

// story feeds a machine and notes what follows.
type story struct {
	t   *testing.T
	m   *Machine
	got []string
	eps []*Episode
}

func newStory(t *testing.T, f Facts) *story {
	return &story{t: t, m: NewMachine("m", f)}
}

func (s *story) take(events []Event) {
	for _, e := range events {
		text := fmt.Sprintf("%v %s", e.At.Sub(t0), e.Kind)
		if e.Kind == Changed {
			text = fmt.Sprintf("%v %s", e.At.Sub(t0), e.To)
		}
		if e.Kind == Closed {
			text += " " + string(e.Episode.End)
			s.eps = append(s.eps, e.Episode)
		}
		s.got = append(s.got, text)
	}
}

// answer is an answer that came at a time and took so long.
func (s *story) answer(at, took time.Duration, o probe.Outcome) {
	ev := Evidence{
		Source: FromAnswer, Began: t0.Add(at - took), At: t0.Add(at), Outcome: o, Latency: probe.Measured(took), Kind: probe.Baseline,
	}
	s.take(s.m.See(ev))
}

func (s *story) estimate(at time.Duration, said time.Duration) {
	s.take(s.m.See(Evidence{
		Source: FromAnswer, Began: t0.Add(at), At: t0.Add(at), Outcome: probe.Loading, Estimate: probe.Measured(said),
		Latency: probe.Measured(0), Kind: probe.Baseline,
	}))
}

func (s *story) read(at time.Duration, state string, ready, target int) {
	s.take(s.m.See(Evidence{Source: FromManagement, Began: t0.Add(at), At: t0.Add(at), Reading: Reading{state, ready, target}}))
}

func (s *story) want(lines ...string) {
	s.t.Helper()
	if got, want := strings.Join(s.got, "\n"), strings.Join(lines, "\n"); got != want {
		s.t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

const sec = time.Second

// TestNaturalEpisode from a refused probe to the words.
func TestNaturalEpisode(t *testing.T) {
	t.Parallel()
	s := newStory(t, Facts{Wake: probe.KeepWarm, Idle: time.Hour})
	s.answer(0, 500*time.Millisecond, probe.OK)
	s.answer(60*sec, 0, probe.Loading)
	s.answer(65*sec, 0, probe.Loading)
	s.answer(90*sec, 20*sec, probe.OK)
	for i := range 60 {
		took := 500 * time.Millisecond
		if i < 10 {
			took = 900 * time.Millisecond
		}
		took += time.Duration(i*37%11) * time.Millisecond
		s.answer(92*sec+time.Duration(i)*sec, took, probe.OK)
	}
	s.want("0s warm", "1m0s opened", "1m0s loading", "1m30s warming", "2m10s warm", "2m10s closed steady")
	e := s.eps[0]
	if e.FirstAnswer != probe.Measured(30*sec) || e.Refused != 2 || e.WokenBy != "" || !e.Running.IsZero() || !e.Healthy.IsZero() {
		t.Errorf("episode = %+v", e)
	}
	const words = "2 requests refused, 1 cold request (20 s), then 10 requests, 10 s; steady 505 ms [503, 507]"
	if e.Words != words {
		t.Errorf("words = %q, want %q", e.Words, words)
	}
}

// TestManagedParts measures the parts from the management API, and lays the
// waking to the request that was under way.
func TestManagedParts(t *testing.T) {
	t.Parallel()
	s := newStory(t, Facts{Wake: probe.ObserveCold, Idle: time.Hour})
	s.read(0, ManagedScaledToZero, 0, 0)
	s.take(s.m.Expect("id", Hold, t0.Add(sec)))
	s.m.Asked(t0.Add(sec), probe.ColdStart)
	s.read(2*sec, ManagedScaledToZero, 0, 0)
	s.read(6*sec, ManagedPending, 0, 1)
	s.read(21*sec, ManagedRunning, 1, 1)
	s.take(s.m.See(Evidence{Source: FromHealth, Began: t0.Add(26 * sec), At: t0.Add(26 * sec), Well: false}))
	s.take(s.m.See(Evidence{Source: FromHealth, Began: t0.Add(31 * sec), At: t0.Add(31 * sec), Well: true}))
	s.answer(33*sec, 32*sec, probe.OK)
	s.want("0s asleep", "1s opened", "6s woke", "6s loading", "33s warming")
	e := s.m.episode
	for _, part := range []struct {
		name string
		got  probe.Seconds
		want time.Duration
	}{{"sign", e.FirstSign, 5 * sec}, {"running", e.Running, 20 * sec}, {"healthy", e.Healthy, 30 * sec}, {"answer", e.FirstAnswer, 32 * sec}} {
		if part.got != probe.Measured(part.want) {
			t.Errorf("%s = %v, want %v", part.name, part.got, part.want)
		}
	}
	if e.WokenBy != probe.ColdStart {
		t.Errorf("woken by %q", e.WokenBy)
	}
}

// TestLatencyAloneIsNoColdStart: a slow answer degrades, and one after the idle
// time was held.
func TestLatencyAloneIsNoColdStart(t *testing.T) {
	t.Parallel()
	s := newStory(t, Facts{Wake: probe.KeepWarm, Idle: time.Hour})
	for i := range 10 {
		s.answer(time.Duration(i)*sec, 500*time.Millisecond, probe.OK)
	}
	s.answer(60*sec, 30*sec, probe.OK)
	s.answer(61*sec, 500*time.Millisecond, probe.OK)
	s.answer(2*time.Hour, 30*sec, probe.OK)
	s.want("0s warm", "1m0s degraded", "1m1s warm", "2h0m0s opened", "2h0m0s woke", "2h0m0s warming")
}

// TestEstimateStuck is found, and believed no more than one that shrinks.
func TestEstimateStuck(t *testing.T) {
	t.Parallel()
	s := newStory(t, Facts{GiveUp: time.Minute})
	for i := range 15 {
		s.estimate(time.Duration(i)*5*sec, 20*sec)
	}
	s.want("0s opened", "0s loading", "20s estimate_stuck", "1m0s gave_up")
	shrinking := newStory(t, Facts{})
	for i := range 15 {
		shrinking.estimate(time.Duration(i)*5*sec, time.Duration(75-i*5)*sec)
	}
	shrinking.want("0s opened", "0s loading")
}

// TestGaveUp: what an experiment gave up on is overdue until it answers or is seen
// asleep, and its rest is no other cold start; so it is after a restart.
func TestGaveUp(t *testing.T) {
	t.Parallel()
	facts := Facts{Wake: probe.ObserveCold, Idle: time.Hour, GiveUp: 3 * time.Minute}
	for _, row := range []struct {
		name string
		then func(*story)
		want bool
	}{
		{"still on its way", func(s *story) { s.read(13*time.Minute, ManagedInitializing, 0, 1) }, true},
		{"failing", func(s *story) { s.answer(8*time.Minute, sec, probe.ServerError) }, true},
		{"answering", func(s *story) { s.answer(8*time.Minute, sec, probe.OK) }, false},
		{"asleep", func(s *story) { s.read(8*time.Minute, ManagedScaledToZero, 0, 0) }, false},
		{"woken again in vain", func(s *story) { s.take(s.m.Expect("next", Poll, t0.Add(2*time.Hour))) }, true},
	} {
		s := newStory(t, facts)
		s.read(0, ManagedScaledToZero, 0, 0)
		s.take(s.m.Expect("id", Poll, t0))
		s.m.Asked(t0, probe.ColdStart)
		s.read(5*sec, ManagedInitializing, 0, 1)
		s.read(3*time.Minute, ManagedInitializing, 0, 1)
		s.read(8*time.Minute-1, ManagedInitializing, 0, 1)
		s.want("0s asleep", "0s opened", "5s woke", "5s loading", "3m0s gave_up", "3m0s closed gave_up")
		row.then(s)
		if s.m.gaveUp != row.want {
			t.Errorf("%s: overdue %t, want %t", row.name, s.m.gaveUp, row.want)
		}
	}
	for _, row := range []struct {
		state   probe.Outcome
		seen    time.Duration
		overdue bool
	}{{probe.Loading, 3 * time.Minute, true}, {probe.Loading, 3*time.Minute - 1, false}, {probe.OK, 3 * time.Minute, false}, {probe.Asleep, 3 * time.Minute, false}} {
		m := NewMachine("m", facts)
		m.Restore([]Evidence{{Source: FromAnswer, Began: t0.Add(sec), At: t0.Add(sec), Outcome: row.state, Latency: probe.Measured(0), Kind: probe.Baseline}})
		m.Overdue(t0, t0.Add(row.seen))
		if m.gaveUp != row.overdue {
			t.Errorf("restored after %s, seen for %v: overdue %t, want %t", row.state, row.seen, m.gaveUp, row.overdue)
		}
	}
}

// TestFlapping: each return to sleep is the end of one episode.
func TestFlapping(t *testing.T) {
	t.Parallel()
	s := newStory(t, Facts{})
	for i := range 3 {
		at := time.Duration(i) * time.Hour
		s.read(at, ManagedPending, 0, 1)
		s.read(at+30*sec, ManagedRunning, 1, 1)
		s.answer(at+40*sec, sec, probe.OK)
		s.read(at+10*time.Minute, ManagedScaledToZero, 0, 0)
	}
	if len(s.eps) != 3 {
		t.Errorf("%d episodes, want 3:\n%s", len(s.eps), strings.Join(s.got, "\n"))
	}
	for _, e := range s.eps {
		if e.End != EndSlept || e.FirstAnswer != probe.Measured(40*sec) || e.Running != probe.Measured(30*sec) {
			t.Errorf("episode = %+v", e)
		}
	}
	if got := s.m.seconds[Asleep]; got != 2*3000 {
		t.Errorf("asleep for %v s, want 6000", got)
	}
}

// TestTheMonitorsFaultsSayNothing of the model.
func TestTheMonitorsFaultsSayNothing(t *testing.T) {
	t.Parallel()
	s := newStory(t, Facts{})
	for _, o := range []probe.Outcome{probe.Auth, probe.Billing, probe.RateLimited, probe.Canceled, probe.Internal, probe.DNS, probe.Connect} {
		s.answer(sec, 0, o)
	}
	s.want()
}

// TestStaleIsUnknown: of a model that falls asleep by itself nothing is known once
// it could have, and what is known to be cold stays so.
func TestStaleIsUnknown(t *testing.T) {
	t.Parallel()
	s := newStory(t, Facts{Idle: time.Hour})
	s.answer(0, sec, probe.OK)
	s.take(s.m.Tick(t0.Add(62 * time.Minute)))
	s.take(s.m.Tick(t0.Add(63 * time.Minute)))
	s.read(64*time.Minute, ManagedScaledToZero, 0, 0)
	s.take(s.m.Tick(t0.Add(200 * time.Minute)))
	s.want("0s warm", "1h3m0s unknown", "1h4m0s asleep")
	never := newStory(t, Facts{})
	never.answer(0, sec, probe.OK)
	never.take(never.m.Tick(t0.Add(1000 * time.Hour)))
	never.want("0s warm")
}

// TestSeenRunning: a model that is met running, and was asleep when it was last
// seen, was woken by somebody else at a time that nobody saw.
func TestSeenRunning(t *testing.T) {
	t.Parallel()
	s := newStory(t, Facts{Idle: time.Hour})
	s.read(0, ManagedScaledToZero, 0, 0)
	s.read(5*time.Minute, ManagedRunning, 1, 1)
	s.answer(6*time.Minute, sec, probe.OK)
	s.read(90*time.Minute, ManagedScaledToZero, 0, 0)
	s.want("0s asleep", "5m0s opened", "5m0s loading", "6m0s warming", "1h30m0s closed slept", "1h30m0s asleep")
	if e := s.eps[0]; !e.Late || !e.FirstAnswer.IsZero() || e.WokenBy != "" {
		t.Errorf("episode = %+v, want a late one without parts", e)
	}
}

// TestHubsWord: that a model is there is a part of its start and no readiness; a
// check that fails degrades one that has not been asked for long.
func TestHubsWord(t *testing.T) {
	t.Parallel()
	s := newStory(t, Facts{})
	hub := func(at time.Duration, well, failing bool) {
		s.take(s.m.See(Evidence{Source: FromHub, Began: t0.Add(at), At: t0.Add(at), Well: well, Failing: failing}))
	}
	hub(0, true, false)
	s.estimate(sec, 20*sec)
	hub(30*sec, false, false)
	hub(60*sec, true, false)
	s.answer(70*sec, sec, probe.OK)
	hub(80*sec, false, true)
	hub(70*sec+HubPace-1, false, true)
	s.m.close(EndStopped, t0.Add(20*time.Minute))
	s.take(s.m.drain())
	hub(70*sec+HubPace, false, true)
	s.want("1s opened", "1s loading", "1m10s warming", "20m0s warm", "20m0s closed stopped", "16m10s degraded")
	if e := s.eps[0]; e.Running != probe.Measured(59*sec) || e.FirstAnswer != probe.Measured(69*sec) {
		t.Errorf("running %v, first answer %v, want 59 s and 69 s", e.Running, e.FirstAnswer)
	}
}

// TestWhenToLook between probes, at the management API and at the Hub.
func TestWhenToLook(t *testing.T) {
	t.Parallel()
	now := t0.Add(time.Hour)
	ago := func(d time.Duration) time.Time { return now.Add(-d) }
	for _, row := range []struct {
		view            View
		management, hub bool
	}{
		{View{}, true, true},
		{View{LastRead: ago(5*time.Minute - 1)}, false, false},
		{View{LastRead: ago(5 * time.Minute)}, true, false},
		{View{LastRead: ago(time.Minute - 1), Idle: 2 * time.Minute}, false, false},
		{View{LastRead: ago(time.Minute), Idle: 2 * time.Minute}, true, false},
		{View{LastRead: ago(30 * sec), Idle: 20 * sec}, true, false},
		{View{LastRead: ago(5*time.Minute - 1), Idle: time.Hour}, false, false},
		{View{LastRead: ago(time.Minute), Episode: &Episode{}}, false, true},
		{View{LastRead: ago(time.Minute - 1), Episode: &Episode{}}, false, false},
		{View{LastRead: ago(15 * time.Minute), LastAsked: ago(14 * time.Minute)}, true, false},
		{View{LastRead: ago(15 * time.Minute), LastAsked: ago(15 * time.Minute)}, true, true},
	} {
		if m, h := row.view.MustLook(now), row.view.MustAskHub(now); m != row.management || h != row.hub {
			t.Errorf("%+v: management %t, hub %t, want %t, %t", row.view, m, h, row.management, row.hub)
		}
	}
}

// TestAReadingThatAnswersRefute: a management API that says initializing of a
// model that answers ends no episode and begins no other; another reading is heard.
func TestAReadingThatAnswersRefute(t *testing.T) {
	t.Parallel()
	s := newStory(t, Facts{Idle: time.Hour})
	for i := range 5 {
		at := time.Duration(i) * 5 * sec
		s.read(at, ManagedInitializing, 0, 1)
		s.answer(at+2*sec, sec, probe.OK)
	}
	s.want("0s opened", "0s loading", "2s warming")
	s.read(30*sec, ManagedScaledToZero, 0, 0)
	s.read(60*sec, ManagedInitializing, 0, 1)
	s.want("0s opened", "0s loading", "2s warming", "30s closed slept", "30s asleep", "1m0s opened", "1m0s loading")
}
