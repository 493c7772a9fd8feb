package alerts

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/hfwatch/hfwatch/internal/prom"
)

// Store keeps values by key where a kill -9 does not lose them. A value of nil
// deletes its key.
type Store interface {
	All(prefix string) map[string]json.RawMessage
	Put(key string, value json.RawMessage) error
}

const (
	// tablePrefix stands before the keys of the table in its store.
	tablePrefix = "alert/"
	// tableRefresh is how old the stored words of an alert that fires may be. Its
	// state and times are never old.
	tableRefresh = 5 * time.Minute
)

// Table remembers over restarts what fires and what has resolved lately. It is
// used from one goroutine.
type Table struct {
	store  Store
	logger *slog.Logger
	rows   map[string]row
}

// row is one alert as it was last stored.
type row struct {
	alert  prom.Alert
	stored time.Time
}

// Change is an alert that began to fire, or that has resolved.
type Change struct {
	Alert prom.Alert
	// ID is the same for both changes of one alert's life.
	ID string
}

// NewTable returns the table that the store holds.
func NewTable(s Store, l *slog.Logger) *Table {
	t := &Table{store: s, logger: l, rows: map[string]row{}}
	for key, text := range s.All(tablePrefix) {
		var a prom.Alert
		if err := json.Unmarshal(text, &a); err != nil || rowKey(a) != key {
			l.Warn("a stored alert cannot be read and is forgotten", "key", key, "err", err)
			_ = s.Put(tablePrefix+key, nil)
			continue
		}
		t.rows[key] = row{alert: a}
	}
	return t
}

// rowKey identifies an alert by its labels.
func rowKey(a prom.Alert) string { return set(a.Labels).Fingerprint().String() }

// Alerts returns what the table holds, in no order: what fires and what has
// resolved, in the times of samples.
func (t *Table) Alerts() []prom.Alert {
	out := make([]prom.Alert, 0, len(t.rows))
	for _, r := range t.rows {
		out = append(out, r.alert)
	}
	return out
}

// Keep makes the table hold what an evaluation found, and returns what has
// changed, in the order of what was found. Pending alerts are not kept: of these
// nobody was told. To an alert it adds what was said of it before and is not now:
// evidence that a restart forgot, and the words of a firing to its end.
func (t *Table) Keep(now time.Time, found []prom.Alert) []Change {
	var changes []Change
	seen := map[string]bool{}
	for i, a := range found {
		if a.State == prom.StatePending {
			continue
		}
		key := rowKey(a)
		seen[key] = true
		old, known := t.rows[key]
		if known && old.alert.FiredAt.Equal(a.FiredAt) {
			words := map[string]string{}
			maps.Copy(words, old.alert.Annotations)
			maps.Copy(words, a.Annotations)
			a.Annotations, found[i].Annotations = words, words
		}
		began := !known || old.alert.State != a.State || !old.alert.FiredAt.Equal(a.FiredAt)
		switch {
		case began, !old.alert.KeptSince.Equal(a.KeptSince):
		case a.State == prom.StateFiring && now.Sub(old.stored) >= tableRefresh && !sameWords(old.alert, a):
		default:
			continue
		}
		t.put(key, a, now)
		// An alert that began and ended between two looks has only its end.
		if began {
			changes = append(changes, Change{Alert: a, ID: fmt.Sprintf("%s-%d", key, a.FiredAt.UnixMilli())})
		}
	}
	for key := range t.rows {
		if !seen[key] {
			delete(t.rows, key)
			_ = t.store.Put(tablePrefix+key, nil)
		}
	}
	return changes
}

// sameWords reports whether two states of an alert say the same.
func sameWords(a, b prom.Alert) bool {
	return a.Value == b.Value && maps.Equal(a.Annotations, b.Annotations)
}

// put stores an alert.
func (t *Table) put(key string, a prom.Alert, now time.Time) {
	t.rows[key] = row{a, now}
	text, err := json.Marshal(a)
	if err != nil {
		// JSON has no infinities.
		a.Value = 0
		text, err = json.Marshal(a)
	}
	if err == nil {
		err = t.store.Put(tablePrefix+key, text)
	}
	if err != nil {
		t.logger.Error("an alert cannot be kept over a restart", "alertname", a.Rule, "err", err)
	}
}

// Memory returns how many counted results of a target the rule needs to have
// seen before it can say that its alert has ended. Of conditions of the form "k of
// n" the Counter tells.
func (r Rule) Memory() int {
	metrics := prom.Metrics(r.Expr)
	if slices.Contains(metrics, "hfwatch_target_bad_of_last_5") || slices.Contains(metrics, "hfwatch_target_consecutive_bad") {
		return lastOutcomes
	}
	return 1
}
