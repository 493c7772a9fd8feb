package exporter

import (
	"slices"
	"testing"

	"github.com/hfwatch/hfwatch/alerts/notify"
	"github.com/hfwatch/hfwatch/history"
	"github.com/hfwatch/hfwatch/internal/prom"
	"github.com/hfwatch/hfwatch/load"
	"github.com/hfwatch/hfwatch/probe"
	"github.com/hfwatch/hfwatch/schedule"
	"github.com/hfwatch/hfwatch/series"
)

// texts returns values of a named type as text.
func texts[T ~string](values ...T) []string {
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = string(v)
	}
	return out
}

// TestClosedSets holds the sets on the list against those of the packages under
// whose names callers speak: a value that only they know would count as other.
func TestClosedSets(t *testing.T) {
	for _, c := range []struct {
		series series.Series
		label  string
		want   []string
	}{
		{series.Probes, series.Kind, texts(probe.Kinds()...)},
		{series.Probes, series.Outcome, texts(probe.Outcomes()...)},
		{series.Probes, series.Fault, texts(probe.Faults()...)},
		{series.Results, series.Counts, texts(probe.AllCounts()...)},
		{series.Slots, series.Lane, append(texts(probe.Lanes()...), series.Other)},
		{series.Slots, series.Result, append(texts(schedule.Events()...), series.Other)},
		{series.Notifications, series.Action, append(texts(notify.Actions()...), series.Other)},
		{series.NotificationsFailed, series.Reason, append(texts(notify.Reasons()...), series.Other)},
		{series.NotificationsDropped, series.Reason, append(texts(notify.DropReasons()...), series.Other)},
		{series.RecordsDropped, series.Reason, append(texts(history.DropReasons()...), series.Other)},
		{series.ClockSteps, series.Kind, append(texts(
			prom.EventForward, prom.EventBackward, prom.EventHeld, prom.EventAdmitted, prom.EventWithdrawn), series.Other)},
		{series.SamplesRefused, series.Reason, append(texts(
			prom.ReasonOutOfOrder, prom.ReasonTooOld, prom.ReasonOutOfBounds, prom.ReasonDuplicate, prom.ReasonFuture,
			prom.ReasonExemplar, prom.ReasonInvalid), series.Other)},
		{series.Windows, series.Verdict, append(texts(load.Verdicts()...), series.Other)},
		{series.ResultsIgnored, series.Reason, []string{ignoredUnknown, ignoredDuplicate, ignoredInvalid}},
		{series.PhaseSeconds, series.Phase, phaseNames()},
	} {
		d, _ := c.series.Definition()
		got := d.Values(c.label)
		slices.Sort(got)
		slices.Sort(c.want)
		if !slices.Equal(got, c.want) {
			t.Errorf("%s of %s on the list is %v, want %v", c.label, c.series, got, c.want)
		}
	}
}

// phaseNames returns the names of all phases that a result tells of.
func phaseNames() (out []string) {
	for i := range (kindSeries{}).phases {
		out = append(out, phaseName(i))
	}
	return out
}
