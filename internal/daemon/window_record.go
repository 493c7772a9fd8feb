package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/hfwatch/hfwatch/history"
	"github.com/hfwatch/hfwatch/load"
)

// recordWindow records a window as one event. The record of one that begins has
// no end; that of its end replaces it.
func (d *Daemon) recordWindow(w load.Window) {
	if d.records == nil {
		return
	}
	if e, err := windowEvent(w); err != nil {
		d.logger.Error("window cannot be recorded", "id", w.ID, "err", err)
	} else {
		d.records.RecordEvent(e)
	}
}

// windowEvent returns a window as an event. What makes it larger than an event
// may be is left out: the arrivals, which its seed draws again, the histograms
// of the curve, the excerpts of failures, the curve itself, and then the time
// lines of replicas.
func windowEvent(w load.Window) (history.Event, error) {
	e := history.Event{ID: w.ID, Kind: history.KindWindow, At: w.Started, Target: w.Target, Location: w.Location}
	if w.Mix != "" {
		e.Target = w.Mix
	}
	for _, less := range []func(*load.Window){
		func(*load.Window) {},
		func(w *load.Window) { w.Plan.Due = "" },
		func(w *load.Window) {
			w.Curve = append([]load.Second(nil), w.Curve...)
			for i := range w.Curve {
				w.Curve[i].Response.HDR, w.Curve[i].FirstToken.HDR = "", ""
			}
		},
		func(w *load.Window) { w.Failures = nil },
		func(w *load.Window) { w.Curve = nil },
		func(w *load.Window) {
			w.Scaling = slices.Clone(w.Scaling)
			for i := range w.Scaling {
				w.Scaling[i].Moments = nil
			}
		},
		func(w *load.Window) { w.Lengths, w.Stages = nil, nil },
	} {
		less(&w)
		data, err := json.Marshal(w)
		if err != nil {
			return e, err
		}
		if e.Data = data; len(data) <= history.MaxEvent {
			return e, nil
		}
	}
	return e, errors.New("it is larger than an event may be")
}

// windowOf returns the window that an event holds.
func windowOf(e history.Event) (load.Window, error) {
	var w load.Window
	err := json.Unmarshal(e.Data, &w)
	return w, err
}

// restoreWindows publishes the last window of each target and mix, and turns
// those that never ended, since hfwatch did first, into interrupted ones. None
// starts again by itself.
func (d *Daemon) restoreWindows(ctx context.Context) {
	if d.records == nil {
		return
	}
	w := d.now.Load()
	names := map[string]bool{}
	for name := range w.planned {
		names[name] = true
	}
	// A window by hand needs none in the configuration.
	for name := range w.models {
		names[name] = true
	}
	for name := range names {
		events, err := d.records.Events(ctx, history.EventQuery{
			Kinds: []history.EventKind{history.KindWindow}, Target: name, Location: w.cfg.Location,
		})
		if errors.Is(err, history.ErrUnavailable) {
			return
		}
		if err != nil {
			d.logger.Error("the windows of a target cannot be read", "target", name, "err", err)
			continue
		}
		restored := false
		for _, e := range events {
			window, err := windowOf(e)
			if err != nil {
				d.logger.Error("a window's record cannot be read", "id", e.ID, "err", err)
				continue
			}
			if window.Ended.IsZero() {
				window = interrupted(window, time.Now())
				d.recordWindow(window)
				d.exporter.WindowEnded(window)
				restored = true
				d.logger.Warn("a window was cut off by the end of hfwatch; it does not start again by itself", "window", name, "id", e.ID)
				continue
			}
			if !restored && window.Verdict != load.Skipped {
				restored = true
				d.exporter.RestoreWindow(window)
			}
		}
	}
}

// interrupted returns the record of a window that never ended.
func interrupted(w load.Window, now time.Time) load.Window {
	w.Ended, w.Verdict, w.EndedBy = now, load.Aborted, load.EndInterrupted
	w.EndedWhy = "hfwatch ended before the window did; nothing of what it had measured is left"
	w.Planned = w.Plan.Arrivals
	return w
}
