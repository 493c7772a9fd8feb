package daemon

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/hfwatch/hfwatch/history"
)

// TestReloadsAreRecorded: the start, a file that is refused and a good one.
func TestReloadsAreRecorded(t *testing.T) {
	in(t, func(t *testing.T, r *rig) {
		text := "models:\n" + model("a", "http://m.test/a", "@every 10s")
		r.start(text)
		time.Sleep(time.Second)
		r.write(configFile, "modles: []\n")
		if err := r.d.Reload(t.Context()); err == nil {
			t.Error("Reload() of a bad file = nil")
		}
		time.Sleep(time.Second)
		r.write(configFile, text+model("b", "http://m.test/b", "@every 10s"))
		if err := r.d.Reload(t.Context()); err != nil {
			t.Errorf("Reload() of a good file = %v", err)
		}
		time.Sleep(2 * time.Second)
		got, err := r.d.records.Events(t.Context(), history.EventQuery{Kinds: []history.EventKind{history.KindReload}})
		if err != nil || len(got) != 3 {
			t.Fatalf("%d reloads are recorded, %v, want 3", len(got), err)
		}
		for i, want := range []reloadEvent{
			{OK: true, Targets: 2, Version: "test"}, {Targets: 1, Version: "test"}, {OK: true, Start: true, Targets: 1, Version: "test"},
		} {
			var e reloadEvent
			if err := json.Unmarshal(got[i].Data, &e); err != nil {
				t.Fatal(err)
			}
			if said := e.Error; strings.Contains(said, "modles") == want.OK {
				t.Errorf("reload %d says %q", i, said)
			}
			if e.Error = ""; e != want || got[i].Location == "" {
				t.Errorf("reload %d = %+v at %q, want %+v", i, e, got[i].Location, want)
			}
		}
	})
}
