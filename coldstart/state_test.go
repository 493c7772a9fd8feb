package coldstart

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/hfwatch/hfwatch/probe"
)

// TestTable walks the table in the comment over State.
func TestTable(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("state.go")
	if err != nil {
		t.Fatal(err)
	}
	var columns []State
	seen := map[Sign]bool{}
	for line := range strings.SplitSeq(string(text), "\n") {
		cells := strings.Fields(strings.TrimPrefix(line, "//\t"))
		if !strings.HasPrefix(line, "//\t") || len(cells) != 7 || cells[0] == "----" {
			continue
		}
		if cells[0] == "seen" {
			for _, c := range cells[1:] {
				columns = append(columns, State(c))
			}
			continue
		}
		seen[Sign(cells[0])] = true
		for i, want := range cells[1:] {
			if got := Next(columns[i], Sign(cells[0])); got != State(want) {
				t.Errorf("Next(%s, %s) = %s, want %s", columns[i], cells[0], got, want)
			}
		}
	}
	if len(columns) != len(States()) || len(seen) != len(Signs()) {
		t.Errorf("the table has %d states and %d signs, want %d and %d", len(columns), len(seen), len(States()), len(Signs()))
	}
}

// TestMay walks the policies.
func TestMay(t *testing.T) {
	t.Parallel()
	failed := errors.New("status 500")
	for _, row := range []struct {
		policy probe.WakePolicy
		state  string
		err    error
		send   bool
		want   probe.Outcome
	}{
		{probe.KeepWarm, ManagedScaledToZero, nil, true, ""},
		{"", "", failed, true, ""},
		{probe.ObserveCold, ManagedScaledToZero, nil, false, probe.Asleep},
		{probe.NeverWake, ManagedScaledToZero, nil, false, probe.Asleep},
		{probe.NeverWake, ManagedPaused, nil, false, probe.Paused},
		{probe.NeverWake, ManagedRunning, nil, true, ""},
		{probe.ObserveCold, ManagedInitializing, nil, true, ""},
		{probe.NeverWake, "", failed, false, probe.Unknown},
		{probe.NeverWake, "", nil, false, probe.Unknown},
	} {
		got := May(row.policy, Reading{State: row.state}, row.err)
		if got.Send != row.send || got.Outcome != row.want || got.Send != (got.Why == "") {
			t.Errorf("May(%s, %q, %v) = %+v, want send %v, %q", row.policy, row.state, row.err, got, row.send, row.want)
		}
	}
}
