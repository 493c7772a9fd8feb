package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/hfwatch/hfwatch/alerts"
	"github.com/hfwatch/hfwatch/coldstart"
	"github.com/hfwatch/hfwatch/history"
	"github.com/hfwatch/hfwatch/probe"
)

// recallState gives the tracker what was seen of a model before a restart: the last
// baselines, and what else it was asked. An episode's own requests come after the
// baseline that met the model cold; without them the state would be that of its
// beginning.
func (d *Daemon) recallState(ctx context.Context, name, location string, last []probe.Result) {
	all := slices.Clone(last)
	for _, kind := range []probe.Kind{probe.Episode, probe.ColdStart, probe.Bystander, probe.Manual} {
		some, err := d.records.Last(ctx, name, location, kind, restoreLast)
		if err != nil {
			d.logger.Error("the last results of a target cannot be read", "target", name, "kind", string(kind), "err", err)
		}
		all = append(all, some...)
	}
	var evs []coldstart.Evidence
	for _, res := range all {
		if ev, ok := coldstart.OfResult(res); ok {
			evs = append(evs, ev)
		}
	}
	slices.SortStableFunc(evs, func(a, b coldstart.Evidence) int { return a.At.Compare(b.At) })
	d.tracker.Restore(name, evs)
}

// lastEpisodes is how many records of a target are looked at after a start: as
// many as a condition can be of.
const lastEpisodes = alerts.MaxLast

// restoreEpisodes turns records of episodes that were never closed, since hfwatch
// ended first, into interrupted ones. Their rest is no episode. Those that were
// closed are counted again by the conditions on the last of them. That the newest
// took longer than it may is not forgotten.
func (d *Daemon) restoreEpisodes(ctx context.Context) {
	if d.records == nil {
		return
	}
	w := d.now.Load()
	for name := range w.models {
		events, err := d.records.Events(ctx, history.EventQuery{
			Kinds: []history.EventKind{history.KindEpisode}, Target: name, Location: w.cfg.Location, Limit: lastEpisodes,
		})
		if errors.Is(err, history.ErrUnavailable) {
			return
		}
		if err != nil {
			d.logger.Error("the cold starts of a target cannot be read", "target", name, "err", err)
			continue
		}
		for i, event := range slices.Backward(events) {
			var e coldstart.Episode
			if err := json.Unmarshal(event.Data, &e); err != nil {
				d.logger.Error("a cold start's record cannot be read", "id", event.ID, "err", err)
				continue
			}
			if e.End != "" {
				d.count(&e)
			} else {
				d.logger.Warn("a cold start was cut off by the end of hfwatch", "target", name, "episode", e.ID)
				e = *e.Interrupted(time.Now())
				d.keep(&e)
			}
			if i == 0 && e.FirstAnswer.IsZero() && !e.Late {
				d.tracker.Overdue(name, e.Began, e.Ended)
			}
		}
	}
}
