package main

import (
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// TestDelays: a page is timed from the third bad answer, a resolve from the
// third good one, each way's first message alone, and what comes of a target
// that has not turned is odd.
func TestDelays(t *testing.T) {
	s := &stage{targets: []*target{{}}}
	probe := func(times int) {
		for range times {
			s.answer(s.targets[0], httptest.NewRecorder())
		}
	}
	tell := func(way, status string) {
		body := `{"alerts":[{"status":"` + status + `","labels":{"alertname":"TargetFailing","target":"t0"}}]}`
		r := httptest.NewRequest("POST", "/hook", strings.NewReader(body))
		r.URL.Path = "/" + way
		s.take(httptest.NewRecorder(), r)
	}
	s.turn(0, true)
	probe(2)
	tell(alone, "firing")
	if len(s.delays) != 0 {
		t.Errorf("%v before a breach", s.delays)
	}
	probe(1)
	s.targets[0].turned = time.Now().Add(-time.Second)
	for _, way := range ways() {
		tell(way, "firing")
		tell(way, "firing")
	}
	probe(2)
	if len(s.delays) != 3 || s.delays[0].took < time.Second || s.delays[0].resolved || !s.told() || !s.settled() {
		t.Errorf("%+v, told %v, settled %v, want three of a second", s.delays, s.told(), s.settled())
	}
	s.turn(0, false)
	probe(4)
	tell(alone, "firing")
	if len(s.odd) != 1 {
		t.Errorf("odd: %q, want the page after the end", s.odd)
	}
	tell(alone, "resolved")
	if len(s.delays) != 4 || !s.delays[3].resolved || s.told() {
		t.Errorf("%+v, told %v", s.delays, s.told())
	}
}

// TestTable prints the medians of all and of the runs.
func TestTable(t *testing.T) {
	var out strings.Builder
	var all []delay
	for run, seconds := range []int{1, 2, 6} {
		all = append(all, delay{way: alone, run: run, took: time.Duration(seconds) * time.Second})
	}
	table(&out, all, plan{interval: 5 * time.Second, every: time.Second, targets: 1, runs: 3, cycles: 1})
	for _, want := range []string{"| hfwatch | page | 3 | 2.0 s | 1.0 to 6.0 s | 6.0 s | 6.0 s |", "own messages 0 took"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, &out)
		}
	}
}
