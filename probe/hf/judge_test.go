package hf

import (
	"context"
	"net/http"
	"testing"

	"github.com/hfwatch/hfwatch/probe"
)

// TestOurOwnEndIsNotTheBodys has a body end in good order in the very moment in
// which we end the exchange: what is not whole is ours, what is whole stands.
func TestOurOwnEndIsNotTheBodys(t *testing.T) {
	whole := probe.Progress{Finish: "stop"}
	rows := []struct {
		why      string
		cause    error
		progress probe.Progress
		free     bool
		want     probe.Outcome
	}{
		{"canceled", context.Canceled, probe.Progress{}, false, probe.Canceled},
		{"deadline", errLimit, probe.Progress{}, false, probe.Timeout},
		{"stall", errStalled, probe.Progress{}, false, probe.Stalled},
		{"whole", context.Canceled, whole, false, ""},
		{"free format", errLimit, probe.Progress{}, true, ""},
		{"the body's own end", nil, probe.Progress{}, false, ""},
	}
	for _, row := range rows {
		t.Run(row.why, func(t *testing.T) {
			s := &stream{end: endEOF, progress: row.progress}
			got := brokenStream(s, row.cause, &http.Response{}, row.free)
			if row.want == "" {
				if got != nil {
					t.Errorf("failed with %s, want none", got.outcome)
				}
				return
			}
			if got == nil || got.outcome != row.want {
				t.Errorf("got %v, want %s", got, row.want)
			}
		})
	}
}
