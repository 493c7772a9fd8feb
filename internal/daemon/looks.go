package daemon

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/hfwatch/hfwatch/coldstart"
	"github.com/hfwatch/hfwatch/config"
	"github.com/hfwatch/hfwatch/hub"
)

const (
	// lookTick is how often it is asked which models are to be looked at.
	lookTick = time.Minute
	// looksAtOnce bounds how many are looked at at a time.
	looksAtOnce = 4
)

// goLooks begins to look at states between probes, until the daemon stops.
func (d *Daemon) goLooks(ctx context.Context) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(lookTick)
		defer tick.Stop()
		looks := looks{d: d, failing: map[string]bool{}}
		for {
			select {
			case <-ctx.Done():
				return
			case now := <-tick.C:
				looks.all(ctx, now)
			}
		}
	}()
	d.undo.add("looks at states", func(context.Context) error {
		cancel()
		<-done
		return nil
	})
}

// looks are those at the management API and at the Hub that no probe asks for.
type looks struct {
	d *Daemon

	mu sync.Mutex
	// failing has the models of which the last look got no answer.
	failing map[string]bool
}

// all looks at each model whose time has come.
func (l *looks) all(ctx context.Context, now time.Time) {
	var running sync.WaitGroup
	room := make(chan struct{}, looksAtOnce)
	for _, m := range l.d.now.Load().cfg.Models {
		look := l.of(m, now)
		if look == nil {
			continue
		}
		room <- struct{}{}
		running.Go(func() {
			defer func() { <-room }()
			bounded, cancel := context.WithTimeoutCause(ctx, coldstart.Pace, errors.New("no answer within the pace of looks"))
			defer cancel()
			l.told(m.Target.Name, look(bounded))
		})
	}
	running.Wait()
}

// of returns the look that is due at a model; nil where none is.
func (l *looks) of(m config.Model, now time.Time) func(context.Context) error {
	v := l.d.tracker.View(m.Target.Name)
	switch {
	case m.Managed != nil && v.MustLook(now):
		return func(ctx context.Context) error { _, err := l.d.read(ctx, m); return err }
	case m.Managed == nil && m.Target.Provider != "" && v.MustAskHub(now):
		return func(ctx context.Context) error { return l.d.askHub(ctx, m) }
	}
	return nil
}

// told logs the first of a row of looks without an answer.
func (l *looks) told(name string, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil && !l.failing[name] {
		l.d.logger.Warn("the state of a model cannot be read between probes", "target", name, "err", err)
	}
	l.failing[name] = err != nil
}

// askHub asks the Hub about a serverless model, and lets the tracker see what it
// says.
func (d *Daemon) askHub(ctx context.Context, m config.Model) error {
	began := time.Now()
	info, err := d.now.Load().manager.Model(ctx, m.Target.Model)
	if err != nil {
		return err
	}
	ev := coldstart.Evidence{Source: coldstart.FromHub, Began: began, At: time.Now()}
	ev.Well, ev.Failing = served(info, m.Target.Provider)
	d.follow(d.tracker.See(m.Target.Name, ev))
	return nil
}

// served returns what the Hub says of a model at a provider: that it is there,
// or that the provider fails its check. Neither is not known.
func served(info hub.Model, provider string) (well, failing bool) {
	for _, p := range info.Providers {
		if p.Provider == provider {
			return p.Status == "live", p.Status == "error"
		}
	}
	return false, false
}
