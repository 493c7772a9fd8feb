package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"os"
	"runtime/debug"
	"runtime/pprof"
	"time"

	"github.com/hfwatch/hfwatch/load"
	"github.com/hfwatch/hfwatch/probe"
	"github.com/hfwatch/hfwatch/probe/hf"
	"github.com/hfwatch/hfwatch/probe/task"
)

// body is what every program posts.
const body = `{"inputs":"I love this product."}`

// client is hfwatch as its own command would run it.
type client struct {
	url, profile string
	rate         float64
	bound, gc    int
	length       time.Duration
	timers       bool
}

// run carries out one window and prints its record.
func (c client) run(ctx context.Context, stdout io.Writer) error {
	debug.SetGCPercent(c.gc)
	u, err := url.Parse(c.url)
	if err != nil {
		return err
	}
	custom, ok := task.ByName("custom")
	if !ok {
		return fmt.Errorf("there is no task custom")
	}
	exchanger := hf.New(hf.Options{Version: "bench"})
	defer exchanger.Close()
	target := &probe.Target{
		Name: "bench", Task: custom, Endpoint: probe.Endpoint{Route: probe.RouteURL, URL: u}, Timeout: 30 * time.Second,
		Inputs: probe.Inputs{Values: []json.RawMessage{[]byte(body)}}, Cache: probe.CacheAllow,
	}
	spec := load.Spec{Window: "bench", Stages: []load.Stage{{Rate: c.rate, For: probe.Measured(c.length)}}}
	if c.rate == 0 {
		spec = load.Spec{Window: "bench", Process: load.Closed, Users: c.bound, For: probe.Measured(c.length)}
	}
	plan, err := load.Draw(spec, 1)
	if err != nil {
		return err
	}
	if c.profile != "" {
		file, err := os.Create(c.profile)
		if err != nil {
			return err
		}
		defer func() { _ = file.Close() }()
		if err := pprof.StartCPUProfile(file); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	w, err := load.Run(ctx, plan, load.Whole(), load.Options{
		Runner: probe.Runner{Exchanger: exchanger, Location: "bench", Version: "bench"}, Targets: []*probe.Target{target},
		MaxInFlight: c.bound, Precise: !c.timers,
	})
	if err != nil {
		return err
	}
	w.Curve, w.Plan.Due = nil, ""
	return json.NewEncoder(stdout).Encode(w)
}
