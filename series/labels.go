package series

import (
	"slices"
	"strings"
)

// The names of labels.
const (
	Target      = "target"
	Location    = "location"
	Kind        = "kind"
	Outcome     = "outcome"
	Fault       = "fault"
	Counts      = "counts"
	Result      = "result"
	Phase       = "phase"
	Direction   = "direction"
	Model       = "model"
	Task        = "task"
	Provider    = "provider"
	URLHost     = "url_host"
	Revision    = "revision"
	Reason      = "reason"
	Lane        = "lane"
	Period      = "period"
	Unit        = "unit"
	Receiver    = "receiver"
	Action      = "action"
	Rule        = "rule"
	AlertName   = "alertname"
	Maintenance = "maintenance"
	What        = "what"
	Scope       = "scope"
	Cause       = "cause"
	DrillLabel  = "drill"
	Version     = "version"
	GoVersion   = "goversion"
	GoOS        = "goos"
	GoArch      = "goarch"
)

// Other is the value under which a closed set books what is not in it, so that
// a mistake is counted and no set grows.
const Other = "other"

// The values of Result in the histograms of results.
const (
	ResultOK     = "ok"
	ResultFailed = "failed"
)

// The results of a scheduled report.
const (
	ReportDelivered = "delivered"
	ReportFailed    = "failed"
)

// The values of Result in counts of results that met objectives or not.
const (
	ResultMet    = "met"
	ResultMissed = "missed"
)

// The values of Direction.
const (
	DirectionIn  = "in"
	DirectionOut = "out"
)

// The results of a slot.
const (
	// SlotRun is a slot whose run was started on time and has ended.
	SlotRun = "run"
	// SlotLate is one whose run was started late.
	SlotLate = "late"
	// SlotMissed is one that passed, most often because the run before it had not
	// ended.
	SlotMissed = "missed"
	// SlotHeld is one of a lane that something else holds.
	SlotHeld = "held"
	// SlotExcluded is one for which its exclusion group had no place.
	SlotExcluded = "excluded"
	// SlotMaintenance is one within a maintenance time that stops probing.
	SlotMaintenance = "maintenance"
	// SlotWithheld is one for which there was no budget.
	SlotWithheld = "withheld"
	// SlotPanicked is one whose run ended in a fault of hfwatch's own.
	SlotPanicked = "panicked"
)

// LabelName returns name as a label name of Prometheus's classic character
// set, which every tool can take: any other character becomes an underscore,
// and a leading digit gets one before it.
func LabelName(name string) string {
	out := make([]byte, 0, len(name)+1)
	for i, r := range name {
		letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r == '_'
		digit := r >= '0' && r <= '9'
		if digit && i == 0 {
			out = append(out, '_')
		}
		if letter || digit {
			out = append(out, byte(r))
		} else {
			out = append(out, '_')
		}
	}
	return string(out)
}

// ReservedLabel reports whether a target's label of that name would collide
// with one that hfwatch or Prometheus puts on the series and alerts of targets.
func ReservedLabel(name string) bool {
	own := []string{
		"le", "quantile", "job", "instance", "alertstate", "severity", "stage", Receiver, AlertName,
	}
	if strings.HasPrefix(name, "__") || slices.Contains(own, name) {
		return true
	}
	return slices.ContainsFunc(All(), func(d Definition) bool {
		names := d.Names()
		return slices.Contains(names, Target) && slices.Contains(names, name)
	})
}
