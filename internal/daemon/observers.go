package daemon

import (
	"time"

	"github.com/hfwatch/hfwatch/alerts/notify"
	"github.com/hfwatch/hfwatch/exporter"
	"github.com/hfwatch/hfwatch/history"
	"github.com/hfwatch/hfwatch/probe"
	"github.com/hfwatch/hfwatch/schedule"
	"github.com/hfwatch/hfwatch/series"
)

// slots tells the exporter what becomes of slots.
type slots struct{ e *exporter.Exporter }

// Slot counts n slots, and notes the lag of one that was started.
func (s slots) Slot(target string, lane probe.Lane, event schedule.Event, _ schedule.Reason, lag time.Duration, n int) {
	if reason := skipOf(event); lane == probe.LaneWindow && reason != "" {
		for range n {
			s.e.WindowSkipped(target, reason)
		}
	}
	for range n {
		s.e.Slot(target, string(lane), string(event))
	}
	if event == schedule.Run || event == schedule.Late {
		s.e.SchedulerLag(lag)
	}
}

// skipOf returns why a window was skipped that its scheduler did not start;
// empty where it did.
func skipOf(event schedule.Event) string {
	switch event {
	case schedule.Missed:
		return series.SkipMissed
	case schedule.Held:
		return series.SkipHeld
	case schedule.Excluded:
		return series.SkipExcluded
	case schedule.Maintained:
		return series.SkipMaintenance
	case schedule.Run, schedule.Late, schedule.Withheld, schedule.Panicked:
		return ""
	default:
		return ""
	}
}

// Stepped counts a step of the wall clock that the scheduler saw. The
// evaluator's clock sees the same step and tells its kind.
func (s slots) Stepped(time.Duration) {}

// notifications tells the exporter, and the drill under way, what becomes of notifications.
type notifications struct {
	e      *exporter.Exporter
	drills *drills
}

// Attempted counts one attempt to deliver.
func (n notifications) Attempted(a notify.Attempt) {
	n.drills.attempted(a)
	n.e.NotificationAttempted(a.Receiver, string(a.Action), string(a.Reason), a.Took, a.Waited)
}

// Dropped counts alerts of which a receiver will not be told.
func (n notifications) Dropped(receiver string, reason notify.DropReason, count int) {
	n.e.NotificationsDropped(receiver, string(reason), count)
}

// records tells the exporter what becomes of records.
type records struct{ e *exporter.Exporter }

// RecordsWritten counts results that are committed.
func (r records) RecordsWritten(n int) { r.e.RecordsWritten(n) }

// RecordsDropped counts results that were given up.
func (r records) RecordsDropped(n int, reason history.DropReason) {
	r.e.RecordsDropped(n, string(reason))
}

// RecordsFailed counts a failed transaction.
func (r records) RecordsFailed() { r.e.RecordsFailed() }
