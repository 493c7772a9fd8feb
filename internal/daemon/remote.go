package daemon

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/hfwatch/hfwatch/internal/prom"
)

// remoteWait is how long a receiver is left alone after a failure; it doubles
// up to remoteWaitMost.
const (
	remoteWait     = 5 * time.Second
	remoteWaitMost = time.Minute
)

// remotes begins to send series to the receivers of the configuration.
func (d *Daemon) remotes(ctx context.Context) error {
	cfg, e := d.now.Load().cfg, d.evaluator
	if e.db == nil || len(cfg.RemoteWrite) == 0 {
		return nil
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var sending sync.WaitGroup
	d.undo.add("remote write", func(context.Context) error { cancel(); sending.Wait(); return nil })
	for _, to := range cfg.RemoteWrite {
		remote, err := prom.NewRemote(e.db, prom.RemoteOptions{
			Name: to.Name, URL: to.URL.String(), Dir: cfg.Data.Dir, Header: to.AuthHeader, Value: to.AuthValue.Reveal(),
			UserAgent: "hfwatch/" + d.opts.Version, Dial: d.opts.Dial, Metadata: e.gatherer.Gather, Logger: d.logger,
		})
		if err != nil {
			return fmt.Errorf("remote_write %s: %w", to.Name, err)
		}
		sending.Go(func() {
			defer remote.Close()
			d.send(ctx, to.Name, remote)
		})
	}
	return nil
}

// send sends to one receiver until ctx ends.
func (d *Daemon) send(ctx context.Context, name string, remote *prom.Remote) {
	failing := false
	wait, back := d.evaluator.interval(), remoteWait
	for {
		pause := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			pause.Stop()
			return
		case <-pause.C:
		}
		sent, err := remote.Send(ctx)
		d.exporter.RemoteSent(sent.Samples, sent.Dropped)
		if sent.Skipped > 0 {
			d.logger.Error("a remote write receiver was away for too long; what is older is not sent", "receiver", name, "skipped", sent.Skipped.String())
		}
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			d.exporter.RemoteFailed()
			if !failing {
				d.logger.Error("series cannot be sent; they are sent once the receiver takes them", "receiver", name, "err", err)
			}
			if back = min(2*back, remoteWaitMost); !failing {
				back = remoteWait
			}
			failing, wait = true, back
			continue
		case failing:
			d.logger.Info("series are sent again", "receiver", name)
		}
		failing = false
		if wait = d.evaluator.interval(); sent.More {
			wait = time.Millisecond
		}
	}
}
