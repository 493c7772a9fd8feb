package daemon

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/hfwatch/hfwatch/history"
)

// reloadEvent is the data of an event of kind reload.
type reloadEvent struct {
	// OK is false where the configuration of before stayed in force, and Error
	// says why.
	OK    bool   `json:"ok"`
	Error string `json:"error,omitempty"`
	// Start is true for the configuration that the process began with.
	Start   bool   `json:"start,omitempty"`
	Targets int    `json:"targets"`
	Version string `json:"version"`
}

// clockEvent is the data of an event of kind clock.
type clockEvent struct {
	// Kind is that of the label of hfwatch_clock_steps_total.
	Kind string `json:"kind"`
	// By is how far the wall clock was from where it was expected.
	By float64 `json:"by_seconds"`
}

// event records something that happened now at this location. Its data must be
// one that JSON can hold.
func (d *Daemon) event(kind history.EventKind, data any) {
	if d.records == nil {
		return
	}
	text, err := json.Marshal(data)
	if err != nil {
		d.logger.Error("event cannot be encoded", "kind", string(kind), "err", err)
		return
	}
	now, location := time.Now(), d.now.Load().cfg.Location
	d.records.RecordEvent(history.Event{
		ID: fmt.Sprintf("%s-%s-%d", kind, location, now.UnixNano()), Kind: kind, At: now, Location: location, Data: text,
	})
}

// reloaded records the outcome of putting a configuration in place.
func (d *Daemon) reloaded(err error, start bool) {
	e := reloadEvent{OK: err == nil, Start: start, Targets: len(d.now.Load().cfg.Models), Version: d.opts.Version}
	if err != nil {
		e.Error = err.Error()
	}
	d.event(history.KindReload, e)
}

// stepped records a step of the wall clock.
func (d *Daemon) stepped(kind string, by time.Duration) {
	d.event(history.KindClock, clockEvent{Kind: kind, By: by.Seconds()})
}
