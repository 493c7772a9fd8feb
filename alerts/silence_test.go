package alerts_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/common/model"

	"github.com/hfwatch/hfwatch/alerts"
)

// Flush has nothing to wait for.
func (s *shelf) Flush(context.Context) error { return nil }

// silences returns those of a store.
func silences(t *testing.T, s *shelf) *alerts.Silences {
	t.Helper()
	out, err := alerts.NewSilences(s, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestSilencesAreTheSameAfterARestart: what was set, changed and expired, by its
// matchers and its times; and what ended five days ago is forgotten.
func TestSilencesAreTheSameAfterARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &shelf{values: map[string]json.RawMessage{}}
		s := silences(t, store)
		set := func(hours int, matchers ...string) string {
			t.Helper()
			one := alerts.Silence{EndsAt: time.Now().Add(time.Duration(hours) * time.Hour), CreatedBy: "me", Comment: "why"}
			for _, text := range matchers {
				m, err := alerts.ParseSilenceMatcher(text)
				if err != nil {
					t.Fatal(err)
				}
				one.Matchers = append(one.Matchers, m)
			}
			id, err := s.Set(t.Context(), one)
			if err != nil {
				t.Fatal(err)
			}
			return id
		}
		a := set(1, "target=a", `alertname=~"Target.*"`)
		b := set(2, `target!~"a|b"`, "severity!=info", "env=x")
		c := set(3, "target=c")
		time.Sleep(time.Minute)
		if err := s.Expire(t.Context(), c); err != nil {
			t.Fatal(err)
		}
		// The end itself is still part of it.
		time.Sleep(time.Millisecond)
		store.values["silence/torn"] = json.RawMessage(`{"id": 5}`)
		for round := range 2 {
			for labels, want := range map[string]string{
				"TargetFailing a info": a, "Slow a info": "", "TargetFailing b info": "", "Slow c warning": b, "Slow c info": "", "Slow b warning": "",
			} {
				var name, target, severity string
				_, _ = fmt.Sscan(labels, &name, &target, &severity)
				got := s.Of(t.Context(), model.LabelSet{"alertname": model.LabelValue(name), "target": model.LabelValue(target), "severity": model.LabelValue(severity), "env": "x"})
				if len(got) > 1 || len(got) == 1 != (want != "") || len(got) == 1 && got[0].ID != want {
					t.Errorf("round %d: %s is silenced by %v, want %q", round, labels, got, want)
				}
			}
			if active, pending := s.Count(t.Context()); active != 2 || pending != 0 {
				t.Errorf("%d active and %d pending, want 2 and 0", active, pending)
			}
			s = silences(t, store)
		}
		if _, torn := store.values["silence/torn"]; torn {
			t.Error("what cannot be read is still there")
		}
		time.Sleep(time.Hour)
		if active, _ := s.Count(t.Context()); active != 1 {
			t.Errorf("after an hour %d are active, want 1", active)
		}
		time.Sleep(5 * 24 * time.Hour)
		s.Sweep(t.Context(), time.Now())
		if all, err := s.List(t.Context()); err != nil || len(all) != 1 || all[0].ID != b || all[0].Status.State != "expired" || len(store.values) != 1 {
			t.Errorf("after five days there are %v, %v, and %d in the store, want the one that ended less than five days ago", all, err, len(store.values))
		}
	})
}

// TestSilenceMatcherText: what is parsed is printed alike, and what is none is
// refused.
func TestSilenceMatcherText(t *testing.T) {
	for text, want := range map[string]string{
		"target=a": `target="a"`, `x!="b c"`: `x!="b c"`, `x=~"a|b"`: `x=~"a|b"`, "x!~a": `x!~"a"`, "": "", "target": "", "x=~(": "",
	} {
		m, err := alerts.ParseSilenceMatcher(text)
		if (err == nil) != (want != "") || err == nil && m.String() != want {
			t.Errorf("ParseSilenceMatcher(%q) = %v, %v, want %q", text, m, err, want)
		}
	}
}
