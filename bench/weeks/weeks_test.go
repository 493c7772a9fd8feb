package main

import (
	"strings"
	"testing"
	"time"
)

// TestADay goes through every part with two models: what is stored is found
// again, with a point for each hour and nothing refused.
func TestADay(t *testing.T) {
	p := plan{dir: t.TempDir(), models: 2, days: 1, every: 5 * time.Minute, seed: 1}
	var out strings.Builder
	if err := ingest(t.Context(), p, &out); err != nil {
		t.Fatal(err)
	}
	if got := out.String(); !strings.Contains(got, "2 models x 50 series x 1 days at 5m0s: 28800 samples, 0 refused") {
		t.Errorf("ingest says:\n%s", got)
	}
	out.Reset()
	if err := queries(t.Context(), p, 1, &out); err != nil {
		t.Fatal(err)
	}
	if got := strings.Count(out.String(), "\n"); got != len(asked())+1 || !strings.Contains(out.String(), "the page of weeks") {
		t.Errorf("%d lines for %d queries and the page of weeks:\n%s", got, len(asked()), out.String())
	}
	out.Reset()
	p.dir, p.pace = t.TempDir(), time.Millisecond
	if err := pace(t.Context(), p, 2, &out); err != nil {
		t.Fatal(err)
	}
	if got := out.String(); !strings.Contains(got, "2 hours at 1ms an hour: anonymous memory median ") {
		t.Errorf("pace says:\n%s", got)
	}
}

// TestHistogramsAreSound: what is changed in place is what its counts say.
func TestHistogramsAreSound(t *testing.T) {
	h := newHistogram(nil)
	from := newDraws(1, 2)
	for i := range uint32(500) {
		h.observe(from, i*2654435761, int(i%3))
		if i%7 == 6 {
			h.seal()
		}
	}
	h.seal()
	var total, bucket int64
	for _, d := range h.out.GetPositiveDelta() {
		bucket += d
		total += bucket
	}
	var length uint32
	for _, s := range h.out.GetPositiveSpan() {
		length += s.GetLength()
	}
	if total != 500 || h.out.GetSampleCount() != 500 || int(length) != len(h.out.GetPositiveDelta()) {
		t.Errorf("%d in the buckets and %d in the spans of %d, want 500", total, length, h.out.GetSampleCount())
	}
}

func TestPlansThatWouldNotBeKeptAreRefused(t *testing.T) {
	good := plan{dir: "x", models: 1, days: 1, every: time.Minute}
	if err := good.check(); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*plan){
		"no directory":    func(p *plan) { p.dir = "" },
		"no model":        func(p *plan) { p.models = 0 },
		"beyond 60 days":  func(p *plan) { p.days = 60 },
		"an odd interval": func(p *plan) { p.every = 7 * time.Second },
	} {
		t.Run(name, func(t *testing.T) {
			p := good
			change(&p)
			if p.check() == nil {
				t.Errorf("%+v is not refused", p)
			}
		})
	}
}
