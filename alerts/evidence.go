package alerts

import (
	"fmt"
	"maps"
	"strings"
	"sync"
	"time"

	"github.com/hfwatch/hfwatch/internal/prom"
	"github.com/hfwatch/hfwatch/probe"
)

// lastOutcomes is how many outcomes an alert tells of.
const lastOutcomes = 5

// Evidence remembers of each target its last baseline outcomes and its last
// result that was not good, for the annotations of alerts. It is a probe.Sink
// and safe for concurrent use.
type Evidence struct {
	mu    sync.Mutex
	known map[targetKey]known
}

// targetKey names a target at a location.
type targetKey struct{ target, location string }

// known is what is remembered of one target.
type known struct {
	outcomes []probe.Outcome // oldest first
	last     probe.Result    // the last that was not good; zero is none
}

// NewEvidence returns an empty memory.
func NewEvidence() *Evidence { return &Evidence{known: map[targetKey]known{}} }

// Record remembers a baseline result.
func (e *Evidence) Record(r probe.Result) {
	if r.Kind != probe.Baseline {
		return
	}
	key := targetKey{r.Target, r.Location}
	e.mu.Lock()
	defer e.mu.Unlock()
	k := e.known[key]
	k.outcomes = append(k.outcomes, r.Outcome)
	if len(k.outcomes) > lastOutcomes {
		k.outcomes = k.outcomes[len(k.outcomes)-lastOutcomes:]
	}
	if r.Counts != probe.Good {
		k.last = r
	}
	e.known[key] = k
}

// Keep forgets every target that is not among those given.
func (e *Evidence) Keep(targets []probe.Identity) {
	keep := map[targetKey]bool{}
	for _, id := range targets {
		keep[targetKey{id.Name, id.Location}] = true
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	for key := range e.known {
		if !keep[key] {
			delete(e.known, key)
		}
	}
}

// Tell adds what is known of their targets to the annotations of alerts that
// fire or have resolved. What a rule says wins.
func (e *Evidence) Tell(found []prom.Alert) {
	for i, a := range found {
		if a.State == prom.StatePending || a.Labels["target"] == "" {
			continue
		}
		annotations := e.annotations(a.Labels["target"], a.Labels["location"])
		if annotations == nil {
			continue
		}
		maps.Copy(annotations, a.Annotations)
		found[i].Annotations = annotations
	}
}

// annotations returns what is known of a target as annotations; none where
// nothing is.
func (e *Evidence) annotations(target, location string) map[string]string {
	e.mu.Lock()
	k, ok := e.known[targetKey{target, location}]
	e.mu.Unlock()
	if !ok {
		return nil
	}
	names := make([]string, len(k.outcomes))
	for i, o := range k.outcomes {
		names[i] = string(o)
	}
	out := map[string]string{"outcomes": strings.Join(names, ", ")}
	if k.last.ID == "" {
		return out
	}
	out["fault"] = string(k.last.Fault)
	out["evidence"] = describe(k.last)
	return out
}

// describe says in one line what a result was.
func describe(r probe.Result) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s", r.Due.UTC().Format(time.RFC3339), r.Outcome)
	if r.Phase != "" {
		fmt.Fprintf(&b, " in %s", r.Phase)
	}
	if r.Status != 0 {
		fmt.Fprintf(&b, ", status %d", r.Status)
	}
	if r.Error != "" {
		fmt.Fprintf(&b, ": %s", r.Error)
	}
	if r.RequestID != "" {
		fmt.Fprintf(&b, " (request %s)", strings.Join(append([]string{r.RequestID}, r.IDs...), ", "))
	}
	return b.String()
}
