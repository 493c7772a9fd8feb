package schedule_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hfwatch/hfwatch/probe"
	"github.com/hfwatch/hfwatch/schedule"
)

// tally counts events.
type tally struct {
	mu     sync.Mutex
	counts map[string]int
}

func (o *tally) Slot(target string, _ probe.Lane, event schedule.Event, reason schedule.Reason, _ time.Duration, n int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.counts == nil {
		o.counts = map[string]int{}
	}
	name := target + " " + string(event)
	if reason != "" {
		name += " " + string(reason)
	}
	o.counts[name] += n
}

func (o *tally) Stepped(time.Duration) {}

func (o *tally) get() map[string]int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return maps.Clone(o.counts)
}

func start(t *testing.T) (*schedule.Scheduler, *tally) {
	t.Helper()
	o := &tally{}
	return schedule.New(t.Context(), schedule.Options{Logger: slog.New(slog.DiscardHandler), Observer: o}), o
}

func entry(t *testing.T, target, spec string, job func(context.Context, schedule.Slot) bool) schedule.Entry {
	t.Helper()
	return schedule.Entry{Target: target, Lane: probe.LaneBaseline, Schedule: parse(t, spec, "UTC"), Job: job}
}

func stop(t *testing.T, s *schedule.Scheduler) {
	t.Helper()
	if err := s.Stop(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestADayOfSlots runs 289 slots, those of both midnights among them, at exactly their times.
func TestADayOfSlots(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, o := start(t)
		n := 0
		began := time.Now()
		e := entry(t, "a", "*/5 * * * *", func(_ context.Context, slot schedule.Slot) bool {
			n++
			want := began.Add(time.Duration(n-1)*5*time.Minute + 7*time.Second)
			if now := time.Now(); !now.Equal(want) || !slot.Due.Equal(want) || slot.Due.Sub(now) != 0 {
				t.Errorf("slot %d ran at %v, due %v, want %v", n, now, slot.Due, want)
			}
			if next := want.Add(5 * time.Minute); !slot.Next.Equal(next) {
				t.Errorf("slot %d says the next is %v, want %v", n, slot.Next, next)
			}
			return true
		})
		e.Offset = 7 * time.Second
		s.Update([]schedule.Entry{e})
		time.Sleep(24*time.Hour + time.Minute)
		synctest.Wait()
		if diff := cmp.Diff(map[string]int{"a run": 289}, o.get()); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
		stop(t, s)
	})
}

// TestAnOverrunSkipsSlots and accounts for each: 150 s of run in a schedule of
// 60 s.
func TestAnOverrunSkipsSlots(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, o := start(t)
		n := 0
		s.Update([]schedule.Entry{
			entry(t, "slow", "@every 1m", func(ctx context.Context, _ schedule.Slot) bool {
				if n++; n == 1 {
					wait(ctx, 150*time.Second)
				}
				return true
			}),
			entry(t, "other", "@every 1m", func(context.Context, schedule.Slot) bool { return true }),
		})
		time.Sleep(10*time.Minute + time.Second)
		synctest.Wait()
		want := map[string]int{"slow run": 8, "slow missed overrun": 2, "other run": 10}
		if diff := cmp.Diff(want, o.get()); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
		stop(t, s)
	})
}

// wait waits so long, or until ctx ends.
func wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// TestPanickingJobIsOneFailedRun and the schedule goes on.
func TestPanickingJobIsOneFailedRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, o := start(t)
		n := 0
		s.Update([]schedule.Entry{entry(t, "a", "@every 1s", func(context.Context, schedule.Slot) bool {
			if n++; n == 2 {
				panic("bug")
			}
			if n == 3 {
				return false
			}
			return true
		})})
		time.Sleep(5*time.Second + time.Millisecond)
		synctest.Wait()
		want := map[string]int{"a run": 3, "a panicked": 1, "a withheld": 1}
		if diff := cmp.Diff(want, o.get()); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
		stop(t, s)
	})
}

// TestHoldBoostAndTry change what a lane does, and for how long.
func TestHoldBoostAndTry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, o := start(t)
		var boosted []time.Duration
		began := time.Now()
		s.Update([]schedule.Entry{entry(t, "a", "@every 10m", func(_ context.Context, slot schedule.Slot) bool {
			if slot.Boosted {
				boosted = append(boosted, time.Since(began))
			}
			return true
		})})
		must(t, s.Hold("a", probe.LaneBaseline, began.Add(25*time.Minute), "a window"))
		if err := s.Try("a", probe.LaneBaseline, func() { t.Error("ran in a held lane") }); !errors.Is(err, schedule.ErrHeld) {
			t.Errorf("Try() in a held lane = %v, want ErrHeld", err)
		}
		time.Sleep(31 * time.Minute)
		synctest.Wait()
		if diff := cmp.Diff(map[string]int{"a held": 2, "a run": 1}, o.get()); diff != "" {
			t.Errorf("held (-want +got):\n%s", diff)
		}
		must(t, s.Boost("a", probe.LaneBaseline, 2*time.Minute, time.Now().Add(5*time.Minute), "cold"))
		time.Sleep(29 * time.Minute)
		synctest.Wait()
		if want := []time.Duration{33 * time.Minute, 35 * time.Minute, 37 * time.Minute}; !cmp.Equal(want, boosted) {
			t.Errorf("boosted slots ran at %v, want %v", boosted, want)
		}
		ran := false
		must(t, s.Try("a", probe.LaneBaseline, func() {
			ran = true
			if err := s.Try("a", probe.LaneBaseline, func() {}); !errors.Is(err, schedule.ErrBusy) {
				t.Errorf("Try() in a busy lane = %v, want ErrBusy", err)
			}
		}))
		if !ran {
			t.Error("Try() did not run")
		}
		for _, err := range []error{
			s.Try("b", probe.LaneBaseline, nil), s.Hold("b", probe.LaneBaseline, began, ""), s.Release("b", probe.LaneBaseline, ""),
			s.Boost("a", probe.LaneWindow, 0, began, ""),
		} {
			if !errors.Is(err, schedule.ErrUnknown) {
				t.Errorf("an unknown lane gives %v, want ErrUnknown", err)
			}
		}
		must(t, s.Hold("a", probe.LaneBaseline, time.Now().Add(time.Hour), "Retry-After"))
		must(t, s.Hold("a", probe.LaneBaseline, time.Now().Add(time.Minute), "a window"))
		must(t, s.Release("a", probe.LaneBaseline, "a window"))
		if err := s.Try("a", probe.LaneBaseline, func() {}); !errors.Is(err, schedule.ErrHeld) {
			t.Errorf("Try() after another hold was released = %v, want ErrHeld", err)
		}
		must(t, s.Release("a", probe.LaneBaseline, "Retry-After"))
		must(t, s.Try("a", probe.LaneBaseline, func() {}))
		stop(t, s)
		if err := s.Try("a", probe.LaneBaseline, nil); !errors.Is(err, schedule.ErrStopped) {
			t.Errorf("Try() after Stop() = %v, want ErrStopped", err)
		}
	})
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Error(err)
	}
}

// TestStopDrains waits for the run in flight, and cuts it off when the time is
// up.
func TestStopDrains(t *testing.T) {
	for _, grace := range []time.Duration{time.Minute, time.Second} {
		synctest.Test(t, func(t *testing.T) {
			s, _ := start(t)
			cut := false
			s.Update([]schedule.Entry{entry(t, "a", "@every 10s", func(ctx context.Context, _ schedule.Slot) bool {
				wait(ctx, 5*time.Second)
				cut = ctx.Err() != nil
				return true
			})})
			time.Sleep(11 * time.Second)
			ctx, cancel := context.WithTimeout(t.Context(), grace)
			defer cancel()
			began := time.Now()
			err := s.Stop(ctx)
			if grace == time.Minute && (err != nil || cut || time.Since(began) > 5*time.Second) {
				t.Errorf("with %v: Stop() = %v after %v, cut %v, want the run to end by itself", grace, err, time.Since(began), cut)
			}
			if grace == time.Second && (err == nil || !cut || time.Since(began) != time.Second) {
				t.Errorf("with %v: Stop() = %v after %v, cut %v, want it cut off after a second", grace, err, time.Since(began), cut)
			}
			if err := s.Stop(t.Context()); err != nil {
				t.Errorf("a second Stop() = %v", err)
			}
		})
	}
}

// TestReloadKeepsPhase moves nothing that is unchanged, however often.
func TestReloadKeepsPhase(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, o := start(t)
		job := func(context.Context, schedule.Slot) bool { return true }
		for i := range 60 {
			s.Update([]schedule.Entry{entry(t, "a", "@every 1m", job), entry(t, fmt.Sprintf("b%d", i%2), "@every 1m", job)})
			time.Sleep(10 * time.Second)
		}
		time.Sleep(time.Millisecond)
		synctest.Wait()
		if got := o.get(); got["a run"] != 10 {
			t.Errorf("in ten minutes of reloads an unchanged target ran %d times, want 10: %v", got["a run"], got)
		}
		stop(t, s)
	})
}

// TestStopDoesNotWaitForever for a run that ignores its context, and names it.
func TestStopDoesNotWaitForever(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := start(t)
		s.Update([]schedule.Entry{entry(t, "deaf", "@every 10s", func(context.Context, schedule.Slot) bool {
			time.Sleep(time.Hour)
			return true
		})})
		time.Sleep(11 * time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began := time.Now()
		err := s.Stop(ctx)
		if took := time.Since(began); took != 6*time.Second {
			t.Errorf("Stop() took %v, want the second that was given and five more", took)
		}
		want := "probes in flight were cut off: context deadline exceeded; these go on all the same: deaf (baseline)"
		if err == nil || err.Error() != want {
			t.Errorf("Stop() = %v, want %s", err, want)
		}
		time.Sleep(time.Hour)
	})
}

// TestALaneStaysExclusive when its target is removed and put back during a run.
func TestALaneStaysExclusive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, o := start(t)
		inFlight, most := 0, 0
		entries := []schedule.Entry{entry(t, "a", "@every 10s", func(ctx context.Context, _ schedule.Slot) bool {
			inFlight++
			most = max(most, inFlight)
			wait(ctx, 35*time.Second)
			inFlight--
			return true
		})}
		s.Update(entries)
		time.Sleep(11 * time.Second)
		s.Update(nil)
		if err := s.Try("a", probe.LaneBaseline, nil); !errors.Is(err, schedule.ErrUnknown) {
			t.Errorf("Try() of a removed target = %v, want ErrUnknown", err)
		}
		s.Update(entries)
		if err := s.Try("a", probe.LaneBaseline, nil); !errors.Is(err, schedule.ErrBusy) {
			t.Errorf("Try() of a target that was put back = %v, want ErrBusy", err)
		}
		time.Sleep(40 * time.Second)
		synctest.Wait()
		if most != 1 {
			t.Errorf("%d runs were in flight in one lane, want 1", most)
		}
		if diff := cmp.Diff(map[string]int{"a run": 1, "a missed overrun": 3}, o.get()); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
		s.Update(nil)
		time.Sleep(time.Minute)
		synctest.Wait()
		if got := o.get()["a run"]; got != 2 {
			t.Errorf("after it was removed again %d runs ended, want the 2 that were started", got)
		}
		stop(t, s)
	})
}
