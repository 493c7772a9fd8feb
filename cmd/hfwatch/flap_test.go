package main

import (
	"math/rand/v2"
	"os"
	"testing"
	"time"
)

// disturb is something that happens while flap fires.
type disturb struct {
	name string
	do   func(*flap)
	// heals is whether flap has been healed by it.
	heals bool
}

// disturbances are all that may happen to the programs and the target while it
// fires.
func disturbances() []disturb {
	return []disturb{
		{name: "reload", do: func(f *flap) {
			f.configure()
			f.hangUp()
		}},
		{name: "kill", do: func(f *flap) {
			f.kill()
			f.startDaemon()
		}},
		{name: "restart", do: func(f *flap) {
			f.daemon.stop(f.t, time.Minute)
			f.startDaemon()
		}},
		{name: "blip", do: func(f *flap) {
			// Two of the last five are no recovery.
			f.flapping.blip.Store(2)
			f.flapping.answers(f.t, 7)
		}},
		{name: "restart of the Alertmanager and kill", do: func(f *flap) {
			f.restartManager()
			f.kill()
			f.startDaemon()
			f.managerKnows("bad", "flap")
		}},
		{name: "recovery while away", heals: true, do: func(f *flap) {
			f.daemon.stop(f.t, time.Minute)
			f.turn(false)
			f.startDaemon()
		}},
		{name: "restart of the Alertmanager", do: func(f *flap) {
			f.restartManager()
			f.managerKnows("bad", "flap")
		}},
		{name: "recovery while the Alertmanager is away", heals: true, do: func(f *flap) {
			f.manager.Store(nil)
			f.am.stop(f.t, time.Minute)
			f.turn(false)
			f.flapping.answers(f.t, 6)
			f.startManager()
		}},
	}
}

// cycle is one breach, what happens while it lasts, and the recovery.
func (f *flap) cycle(early bool, hold func() time.Duration, all ...disturb) {
	f.t.Helper()
	f.turn(true)
	if early {
		f.flapping.answers(f.t, 2)
		f.kill()
		f.startDaemon()
	}
	f.expect("flap", "firing")
	healed := false
	for _, d := range all {
		f.quiet(hold())
		began := time.Now()
		d.do(f)
		f.t.Logf("%s, %.1fs", d.name, time.Since(began).Seconds())
		healed = healed || d.heals
	}
	if !healed {
		f.quiet(hold())
		f.turn(false)
	}
	f.expect("flap", "resolved")
	f.quiet(hold())
}

// finish wants what still fails to be known as such.
func (f *flap) finish() {
	f.t.Helper()
	f.managerKnows("bad")
	if f.firing["bad"] == nil || f.pages != f.ends+1 {
		f.t.Errorf("%d pages and %d resolves, with %v firing at the end", f.pages, f.ends, f.firing)
	}
	f.t.Logf("%d pages, %d resolves", f.pages, f.ends)
}

// TestAlertmanagerOverFlaps: a real Alertmanager, and a webhook behind it, hears
// of each breach once, of no end but real ones, and of these with the words of
// the firing, while the target flaps, hfwatch is killed, restarted and reloaded
// and the Alertmanager restarts.
func TestAlertmanagerOverFlaps(t *testing.T) {
	t.Parallel()
	f := newFlap(t, 4*time.Hour)
	d := disturbances()
	at := time.Duration(0)
	hold := func() time.Duration { at = time.Second - at; return at }
	f.cycle(false, hold, d[0], d[4])
	f.cycle(true, hold, d[3], d[5])
	f.finish()
}

// TestAlertmanagerOverFlapsForLong is the same for thirty minutes, in any order,
// with reminders.
func TestAlertmanagerOverFlapsForLong(t *testing.T) {
	if os.Getenv("HFWATCH_SOAK") != "1" {
		t.Skip("HFWATCH_SOAK=1 takes thirty minutes")
	}
	f := newFlap(t, 5*time.Minute)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	draw := rand.New(rand.NewPCG(seed, 0))
	// One in three happens at once: what was not yet written then is lost by a kill.
	hold := func() time.Duration {
		return time.Duration(max(0, draw.Int64N(int64(24*time.Second))-int64(8*time.Second)))
	}
	for began := time.Now(); time.Since(began) < 30*time.Minute; {
		var happens []disturb
		for range draw.IntN(3) {
			d := disturbances()[draw.IntN(len(disturbances()))]
			happens = append(happens, d)
			if d.heals {
				break
			}
		}
		f.cycle(draw.IntN(4) == 0, hold, happens...)
	}
	f.finish()
}
