package daemon

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/hfwatch/hfwatch/coldstart"
	"github.com/hfwatch/hfwatch/config"
	"github.com/hfwatch/hfwatch/load"
	"github.com/hfwatch/hfwatch/probe"
)

// looker reads what the management API says of a model now.
type looker func(context.Context, config.Model) (coldstart.Reading, error)

// replicas follows what the management API says of a window's targets.
type replicas struct {
	began   time.Time
	lines   []coldstart.Scaling
	cancel  context.CancelFunc
	running sync.WaitGroup
}

// followReplicas looks at each target of a window that has a management API:
// once before it returns, for how it stands before the window, and from then on
// at the pace of cold starts, until end.
func followReplicas(ctx context.Context, look looker, models []config.Model) *replicas {
	f := &replicas{cancel: func() {}}
	var known []config.Model
	for _, m := range models {
		if look != nil && m.Managed != nil {
			known = append(known, m)
			f.lines = append(f.lines, coldstart.Scaling{Target: m.Target.Name})
		}
	}
	if len(known) == 0 {
		return f
	}
	ctx, f.cancel = context.WithCancel(context.WithoutCancel(ctx))
	var first sync.WaitGroup
	for i, m := range known {
		first.Go(func() { lookOnce(ctx, look, m, &f.lines[i], time.Time{}) })
	}
	first.Wait()
	f.began = time.Now()
	for i, m := range known {
		f.running.Go(func() {
			tick := time.NewTicker(coldstart.Pace)
			defer tick.Stop()
			for {
				select {
				case <-ctx.Done():
					return
				case <-tick.C:
					lookOnce(ctx, look, m, &f.lines[i], f.began)
				}
			}
		})
	}
	return f
}

// lookOnce adds what one look sees, or why it sees nothing.
func lookOnce(ctx context.Context, look looker, m config.Model, line *coldstart.Scaling, began time.Time) {
	bounded, cancel := context.WithTimeoutCause(ctx, coldstart.Pace, errors.New("no answer within the pace of the looks"))
	defer cancel()
	reading, err := look(bounded, m)
	after := time.Duration(0)
	if !began.IsZero() {
		after = time.Since(began)
	}
	switch {
	case ctx.Err() != nil:
	case err != nil:
		line.Unread++
		line.Why = probe.Clean(err.Error(), 200)
	default:
		line.Add(after, reading)
	}
}

// end ends the looks, and returns the time lines beside the window, with the
// lags behind its demand.
func (f *replicas) end(w load.Window) []coldstart.Scaling {
	f.cancel()
	f.running.Wait()
	// The window began a little later than the looks: connections are made first.
	late := max(0, w.Started.Sub(f.began))
	for i := range f.lines {
		line := &f.lines[i]
		for j := range line.Moments {
			after, _ := line.Moments[j].After.Get()
			line.Moments[j].After = probe.Measured(max(0, after-late))
		}
		line.Judge(w.Demand())
	}
	return f.lines
}
