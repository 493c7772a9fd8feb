package alerts_test

import (
	"encoding/json"
	"log/slog"
	"maps"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hfwatch/hfwatch/alerts"
	"github.com/hfwatch/hfwatch/internal/prom"
)

// shelf is a store in memory that counts its writes.
type shelf struct {
	values map[string]json.RawMessage
	puts   int
}

func (s *shelf) All(prefix string) map[string]json.RawMessage {
	out := map[string]json.RawMessage{}
	for key, value := range s.values {
		if rest, ok := strings.CutPrefix(key, prefix); ok {
			out[rest] = value
		}
	}
	return out
}

func (s *shelf) Put(key string, value json.RawMessage) error {
	s.puts++
	if value == nil {
		delete(s.values, key)
	} else {
		s.values[key] = value
	}
	return nil
}

// TestTableIsTheSameAfterARestart: what it was told fires and has resolved, with
// every time and word; pending alerts and what is gone are not there; and only
// what changed was written.
func TestTableIsTheSameAfterARestart(t *testing.T) {
	s := &shelf{values: map[string]json.RawMessage{}}
	quiet := slog.New(slog.DiscardHandler)
	table := alerts.NewTable(s, quiet)
	at := time.Date(2026, 11, 1, 4, 0, 0, 0, time.UTC)
	one := prom.Alert{
		Rule: "One", State: prom.StateFiring, Labels: map[string]string{"alertname": "One", "target": "a"},
		Annotations: map[string]string{"summary": "it is", "evidence": "so it was"}, ActiveAt: at, FiredAt: at.Add(time.Minute),
		Value: 3, GeneratorURL: "http://g",
	}
	two := prom.Alert{
		Rule: "Two", State: prom.StateResolved, Labels: map[string]string{"alertname": "Two"}, ActiveAt: at, FiredAt: at, ResolvedAt: at.Add(time.Hour),
	}
	early := prom.Alert{Rule: "Early", State: prom.StatePending, Labels: map[string]string{"alertname": "Early"}}
	changes := table.Keep(at, []prom.Alert{early, one, two})
	if len(changes) != 2 || changes[0].Alert.Rule != "One" || changes[1].Alert.Rule != "Two" {
		t.Fatalf("changes = %v, want One and Two", changes)
	}
	if got := table.Keep(at.Add(time.Second), []prom.Alert{early, one, two}); len(got) != 0 || s.puts != 2 {
		t.Errorf("the same again: %d changes, %d writes, want none and 2", len(got), s.puts)
	}
	again := alerts.NewTable(s, quiet)
	got := map[string]prom.Alert{}
	for _, a := range again.Alerts() {
		got[a.Rule] = a
	}
	if diff := cmp.Diff(map[string]prom.Alert{"One": one, "Two": two}, got); diff != "" {
		t.Errorf("after a restart (-want +got):\n%s", diff)
	}
	end := one
	end.State, end.ResolvedAt, end.Annotations = prom.StateResolved, at.Add(2*time.Hour), map[string]string{"summary": "it was"}
	found := []prom.Alert{end}
	if got := again.Keep(at.Add(2*time.Hour), found); len(got) != 1 || got[0].ID != changes[0].ID {
		t.Errorf("the end is the change %v, want one of the same id as its beginning", got)
	}
	if want := map[string]string{"summary": "it was", "evidence": "so it was"}; !maps.Equal(found[0].Annotations, want) {
		t.Errorf("the end says %v, want %v", found[0].Annotations, want)
	}
	if got := alerts.NewTable(s, quiet).Alerts(); len(got) != 1 {
		t.Errorf("%d alerts are kept, want the one that was found last", len(got))
	}
	odd := one
	odd.Value = math.Inf(1)
	again.Keep(at, []prom.Alert{odd})
	if got := alerts.NewTable(s, quiet).Alerts(); len(got) != 1 || got[0].State != prom.StateFiring {
		t.Errorf("a value that JSON does not have left %v", got)
	}
	s.values["alert/0000000000000000"] = json.RawMessage(`{"Rule":1}`)
	if got := alerts.NewTable(s, quiet).Alerts(); len(got) != 1 || s.values["alert/0000000000000000"] != nil {
		t.Errorf("what cannot be read left %v", got)
	}
}
