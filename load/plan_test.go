package load_test

import (
	"encoding/json"
	"flag"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hfwatch/hfwatch/load"
	"github.com/hfwatch/hfwatch/probe"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func samplePlan() load.Plan {
	p := load.Plan{
		Schema: load.PlanSchema, Window: "w1", Seed: 7, Process: "constant",
		Stages: []load.Stage{
			{Rate: 2, For: probe.Measured(2 * time.Second)},
			{Rate: 4, For: probe.Measured(time.Second), Ramp: probe.Measured(500 * time.Millisecond)},
		},
	}
	for i := range 7 {
		p.Arrivals = append(p.Arrivals, load.Arrival{At: probe.Measured(time.Duration(i) * 375 * time.Millisecond), Stage: i / 5, Step: i % 2})
	}
	return p
}

// TestPlanGolden holds the frozen JSON form of a plan and a share.
func TestPlanGolden(t *testing.T) {
	got, err := json.MarshalIndent(struct {
		Plan  load.Plan  `json:"plan"`
		Share load.Share `json:"share"`
	}{samplePlan(), load.Share{From: 1, To: 3, Of: 4}}, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile("testdata/plan.golden.json", append(got, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile("testdata/plan.golden.json")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)+"\n"); diff != "" {
		t.Errorf("plan JSON changed (-want +got):\n%s", diff)
	}
	var back struct{ Plan load.Plan }
	if err := json.Unmarshal(got, &back); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(samplePlan(), back.Plan); diff != "" {
		t.Errorf("plan does not survive JSON (-want +got):\n%s", diff)
	}
}

// TestSharesCoverThePlan takes a plan apart in several ways: every arrival is
// in exactly one share.
func TestSharesCoverThePlan(t *testing.T) {
	p := samplePlan()
	for _, shares := range [][]load.Share{
		{load.Whole()},
		{{From: 0, To: 1, Of: 2}, {From: 1, To: 2, Of: 2}},
		{{From: 0, To: 2, Of: 3}, {From: 2, To: 3, Of: 3}},
		{{From: 0, To: 5, Of: 10}, {From: 5, To: 6, Of: 10}, {From: 6, To: 10, Of: 10}},
	} {
		times := make([]int, len(p.Arrivals))
		for _, s := range shares {
			taken, err := p.Take(s)
			if err != nil {
				t.Fatal(err)
			}
			for i := range taken.Len() {
				a := taken.At(i)
				times[a.Number]++
				if !s.Holds(a.Number) {
					t.Errorf("share %v has arrival %d, which it does not hold", s, a.Number)
				}
				if diff := cmp.Diff(p.Arrivals[a.Number], a.Arrival); diff != "" {
					t.Errorf("share %v: arrival %d differs: %s", s, a.Number, diff)
				}
			}
		}
		if diff := cmp.Diff([]int{1, 1, 1, 1, 1, 1, 1}, times); diff != "" {
			t.Errorf("shares %v: how often each arrival was taken (-want +got):\n%s", shares, diff)
		}
	}
}

// TestBadSharesAndPlans are refused with a word on what is wrong.
func TestBadSharesAndPlans(t *testing.T) {
	for _, s := range []load.Share{{}, {0, 0, 1}, {-1, 1, 2}, {1, 3, 2}, {2, 1, 3}} {
		if _, err := samplePlan().Take(s); err == nil || !strings.Contains(err.Error(), "share") {
			t.Errorf("Take(%v) = %v, want an error that names the share", s, err)
		}
	}
	for name, spoil := range map[string]func(*load.Plan){
		"schema 2 is not 1":         func(p *load.Plan) { p.Schema = 2 },
		"it has no stages":          func(p *load.Plan) { p.Stages, p.Arrivals = nil, nil },
		"before the one before it":  func(p *load.Plan) { p.Arrivals[3].At = probe.Measured(0) },
		"arrivals[2]: there is no ": func(p *load.Plan) { p.Arrivals[2].Stage = 2 },
	} {
		p := samplePlan()
		spoil(&p)
		if err := p.Validate(); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("Validate() = %v, want %q in it", err, name)
		}
	}
	if err := samplePlan().Validate(); err != nil {
		t.Errorf("Validate() of a good plan = %v", err)
	}
}
