package coldstart

import (
	"testing"
	"time"
)

// TestIdleTimeCountsFromTheLastRequest: without the management API an experiment
// waits for the idle time and a twentieth after the last request of ours, whenever
// that comes, and not for ever.
func TestIdleTimeCountsFromTheLastRequest(t *testing.T) {
	t.Parallel()
	plan := Plan{Method: Hold, Idle: 20 * time.Minute, GiveUp: 10 * time.Minute, Requests: 60}
	for _, row := range []struct {
		name  string
		quiet time.Duration
		at    time.Duration
		want  Move
	}{
		{"since before", -10 * time.Minute, 0, Move{Act: Wait, At: t0.Add(11 * time.Minute)}},
		{"and over", -10 * time.Minute, 11 * time.Minute, Move{Act: Wake, At: t0.Add(11 * time.Minute), Hold: 10 * time.Minute}},
		{"asked meanwhile", 5 * time.Minute, 11 * time.Minute, Move{Act: Wait, At: t0.Add(26 * time.Minute)}},
		{"at the limit", 10 * time.Minute, 11 * time.Minute, Move{Act: Wait, At: t0.Add(31 * time.Minute)}},
		{"asked again and again", 10*time.Minute + 1, 11 * time.Minute, Move{Act: Over, At: t0.Add(11 * time.Minute), Why: WhyAwake}},
	} {
		x := NewExperiment(plan, t0, t0.Add(-15*time.Minute))
		x.Quiet(t0.Add(row.quiet))
		x.Quiet(t0.Add(-20 * time.Minute))
		if got := x.Next(t0.Add(row.at)); got != row.want {
			t.Errorf("%s: %+v, want %+v", row.name, got, row.want)
		}
	}
}

// TestAnUnreadableAPIEndsTheWait: other lanes do not stand back for ever where the
// management API never answers.
func TestAnUnreadableAPIEndsTheWait(t *testing.T) {
	t.Parallel()
	plan := Plan{Method: Hold, Idle: time.Hour, GiveUp: 15 * time.Minute, Requests: 60, Managed: true}
	x, now := NewExperiment(plan, t0, t0), t0
	move := x.Next(now)
	for move.Act == Read && now.Before(t0.Add(5*time.Hour)) {
		now = move.At
		x.Did(Read, now)
		move = x.Next(now.Add(IdlePace))
	}
	if want := (Move{Act: Over, At: t0.Add(70 * time.Minute), Why: WhyUnread}); move != want {
		t.Errorf("%+v, want %+v", move, want)
	}
}
