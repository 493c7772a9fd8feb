package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hfwatch/hfwatch/budget"
	"github.com/hfwatch/hfwatch/coldstart"
	"github.com/hfwatch/hfwatch/config"
	"github.com/hfwatch/hfwatch/hub"
	"github.com/hfwatch/hfwatch/probe"
	"github.com/hfwatch/hfwatch/probe/hf"
)

// Once probes models once, outside any schedule.
type Once struct {
	Version string
	// Logger must not be nil.
	Logger *slog.Logger
	// Parallel bounds how many are probed at a time.
	Parallel int
	// Least sends each target's smallest request in place of its own.
	Least bool
	// Dial makes connections; nil is the network's own.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// Outcome is what came of one model: a result, or an error that says why
// nothing was sent.
type Outcome struct {
	Target string
	Result probe.Result
	Err    error
}

// Probe probes each model once and tells done of each, in the order of the
// models. Where a daemon holds the data directory, it probes in its place and
// books what that costs; else the budget's journal is opened for the time. The
// error is of the journal or of the daemon, and then nothing more is probed.
func (o Once) Probe(ctx context.Context, cfg *config.Config, models []config.Model, done func(Outcome)) error {
	one, end, err := o.way(ctx, cfg)
	if err != nil {
		return err
	}
	outcomes := make([]chan Outcome, len(models))
	for i := range models {
		outcomes[i] = make(chan Outcome, 1)
	}
	// They begin in the order of the models too, so that a budget which does not
	// suffice for all is spent on the first.
	var begun atomic.Int64
	var running sync.WaitGroup
	for range min(max(1, o.Parallel), len(models)) {
		running.Go(func() {
			for i := begun.Add(1) - 1; i < int64(len(models)); i = begun.Add(1) - 1 {
				m := models[i]
				res, err := one(ctx, m)
				outcomes[i] <- Outcome{Target: m.Target.Name, Result: res, Err: err}
			}
		})
	}
	for _, c := range outcomes {
		done(<-c)
	}
	running.Wait()
	return end()
}

// way returns how one model is probed: through the daemon that holds the data
// directory, or by ourselves.
func (o Once) way(ctx context.Context, cfg *config.Config) (one func(context.Context, config.Model) (probe.Result, error), end func() error, err error) {
	ledger, err := o.ledger(ctx, cfg)
	if errors.Is(err, budget.ErrLocked) {
		return through(cfg.Data.Dir, o.Least), func() error { return nil }, nil
	}
	if err != nil {
		return nil, nil, err
	}
	client := hf.New(hf.Options{Version: o.Version, Dial: o.Dial})
	runner := probe.Runner{Exchanger: client, Location: cfg.Location, Version: o.Version}
	manage := managementOf(cfg, o.Version, o.Dial)
	one = func(ctx context.Context, m config.Model) (probe.Result, error) {
		return o.shoot(ctx, runner, manage, ledger, m)
	}
	return one, func() error {
		client.Close()
		if ledger == nil {
			return nil
		}
		return ledger.Close()
	}, nil
}

// ledger opens the budget's journal, or returns nil where there is nothing to
// book: no budget is set, and no daemon has ever run here.
func (o Once) ledger(ctx context.Context, cfg *config.Config) (*budget.Ledger, error) {
	own := limits(cfg)
	if _, err := os.Stat(cfg.Data.Dir); errors.Is(err, os.ErrNotExist) && cfg.Budget.IsZero() && len(own) == 0 {
		return nil, nil
	}
	ledger, err := budget.Open(ctx, budget.Options{Dir: cfg.Data.Dir, Logger: o.Logger})
	if err != nil {
		return nil, err
	}
	ledger.SetLimits(cfg.Budget, own)
	ledger.SetNeed(watch(cfg, time.Now()).need)
	return ledger, nil
}

// shoot probes one model by ourselves.
func (o Once) shoot(ctx context.Context, runner probe.Runner, manage *hub.Client, ledger *budget.Ledger, m config.Model) (probe.Result, error) {
	shot := probe.Shot{Target: m.Target, Kind: probe.Manual, Lane: probe.LaneBaseline, Due: time.Now()}
	if o.Least {
		shot.Target = least(m.Target)
	}
	if m.Managed != nil && coldstart.MustRead(m.Target.Wake) {
		e, err := manage.Endpoint(ctx, m.Managed.Namespace, m.Managed.Name, m.Managed.Token)
		if leave := coldstart.May(m.Target.Wake, readingOf(e), err); !leave.Send {
			return unsent(runner, shot, leave), nil
		}
	}
	call, err := runner.Prepare(shot)
	if err != nil {
		return runner.Failed(call, err), nil
	}
	if v := m.Vacant; v != nil {
		return runner.Unsent(call, v.Outcome, v.Why), nil
	}
	if ledger == nil {
		return runner.Run(ctx, call, probe.Circumstances{}), nil
	}
	most := ceiling(shot.Target, call.Request.TokensIn, call.Request.TokensOut)
	lease, err := ledger.Reserve(time.Now(), m.Target.Name, budget.Manual, most)
	if err != nil {
		return probe.Result{}, err
	}
	res := runner.Run(ctx, call, probe.Circumstances{})
	settle(ledger, lease, res, most)
	return res, nil
}

// controlClient returns a client of the daemon that holds dir.
func controlClient(dir string) *http.Client {
	return &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", filepath.Join(dir, ControlName))
		},
		DisableKeepAlives: true,
	}}
}

// through returns how one model is probed by the daemon that holds dir, with
// its smallest request if least is set.
func through(dir string, least bool) func(context.Context, config.Model) (probe.Result, error) {
	client := controlClient(dir)
	return func(ctx context.Context, m config.Model) (probe.Result, error) {
		address := "http://hfwatch/probe?target=" + url.QueryEscape(m.Target.Name)
		if least {
			address += "&least=true"
		}
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, nil)
		if err != nil {
			return probe.Result{}, err
		}
		resp, err := client.Do(req)
		if err != nil {
			return probe.Result{}, fmt.Errorf("another hfwatch holds %s and does not answer: %w", dir, err)
		}
		defer func() { _ = resp.Body.Close() }()
		body, err := io.ReadAll(io.LimitReader(resp.Body, 4<<20))
		if err != nil {
			return probe.Result{}, fmt.Errorf("the hfwatch that holds %s: %w", dir, err)
		}
		if resp.StatusCode != http.StatusOK {
			var said struct{ Error string }
			_ = json.Unmarshal(body, &said)
			return probe.Result{}, fmt.Errorf("the hfwatch that holds %s refuses: %s", dir, said.Error)
		}
		var res probe.Result
		if err := json.Unmarshal(body, &res); err != nil {
			return probe.Result{}, fmt.Errorf("the hfwatch that holds %s: %w", dir, err)
		}
		return res, nil
	}
}
