package load_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hfwatch/hfwatch/load"
	"github.com/hfwatch/hfwatch/probe"
)

// stage is a stage in few words.
func stage(rate float64, length, ramp time.Duration) load.Stage {
	s := load.Stage{Rate: rate, For: probe.Measured(length)}
	if ramp > 0 {
		s.Ramp = probe.Measured(ramp)
	}
	return s
}

func draw(t *testing.T, spec load.Spec, seed uint64) load.Plan {
	t.Helper()
	p, err := load.Draw(spec, seed)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Validate(); err != nil {
		t.Fatal(err)
	}
	return p
}

func times(p load.Plan) []time.Duration {
	var out []time.Duration
	for _, a := range p.Arrivals {
		at, _ := a.At.Get()
		out = append(out, at)
	}
	return out
}

// TestConstant draws the ideal grid, exact to the microsecond, with the first
// request at once and the end left out.
func TestConstant(t *testing.T) {
	t.Parallel()
	p := draw(t, load.Spec{Stages: []load.Stage{stage(3, time.Second, 0), stage(2, time.Second, 0)}}, 1)
	want := []time.Duration{0, 333333 * time.Microsecond, 666667 * time.Microsecond, time.Second, 1500 * time.Millisecond}
	if diff := cmp.Diff(want, times(p)); diff != "" {
		t.Errorf("due times (-want +got):\n%s", diff)
	}
	if got := p.Arrivals[3].Stage; got != 1 {
		t.Errorf("the arrival at 1s is of stage %d, want 1", got)
	}
}

// TestRamp draws a linear ramp from 0 to 10/s over 2 s: ten arrivals, the n-th at
// the root of 2.5·t² = n.
func TestRamp(t *testing.T) {
	t.Parallel()
	p := draw(t, load.Spec{Stages: []load.Stage{stage(10, 2*time.Second, 2*time.Second)}}, 1)
	if len(p.Arrivals) != 10 {
		t.Fatalf("%d arrivals, want 10", len(p.Arrivals))
	}
	for i, at := range times(p) {
		want := time.Duration(math.Round(math.Sqrt(float64(i)/2.5)*1e6)) * time.Microsecond
		if at != want {
			t.Errorf("arrival %d at %v, want %v", i, at, want)
		}
	}
}

// TestSpike holds that a spike is in its place: 1/s, 100/s for a second, 1/s.
func TestSpike(t *testing.T) {
	t.Parallel()
	p := draw(t, load.Spec{Process: load.Poisson, Stages: []load.Stage{
		stage(1, 10*time.Second, 0), stage(100, time.Second, 0), stage(0, 5*time.Second, 0), stage(1, 10*time.Second, 0),
	}}, 3)
	var counts [4]int
	for _, a := range p.Arrivals {
		counts[a.Stage]++
	}
	if counts[1] < 70 || counts[1] > 130 || counts[2] != 0 || counts[0] > 25 || counts[3] > 25 {
		t.Errorf("arrivals by stage = %v, want about 10, 100, 0, 10", counts)
	}
}

// TestGaps compares the mean and the variation of the gaps with what each
// process promises.
func TestGaps(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		spec load.Spec
		cv   float64
	}{
		{load.Spec{Process: load.Constant}, 0},
		{load.Spec{Process: load.Poisson}, 1},
		{load.Spec{Process: load.Gamma}, 1},
		{load.Spec{Process: load.Gamma, Burstiness: 0.25}, 2},
		{load.Spec{Process: load.Gamma, Burstiness: 0.01}, 10},
		{load.Spec{Process: load.Gamma, Burstiness: 4}, 0.5},
		{load.Spec{Process: load.Gamma, Burstiness: 400}, 0.05},
	} {
		tc.spec.Stages = []load.Stage{stage(100, 500*time.Second, 0)}
		at := times(draw(t, tc.spec, 11))
		var sum, squares float64
		for i := 1; i < len(at); i++ {
			gap := (at[i] - at[i-1]).Seconds() * 100
			sum += gap
			squares += gap * gap
		}
		n := float64(len(at) - 1)
		mean := sum / n
		cv := math.Sqrt(squares/n-mean*mean) / mean
		if math.Abs(mean-1) > 0.01+0.02*tc.cv || math.Abs(cv-tc.cv) > 0.05*max(tc.cv, 0.01) {
			t.Errorf("%s %g: mean gap %.4f and variation %.4f, want 1 and %g", tc.spec.Process, tc.spec.Burstiness, mean, cv, tc.cv)
		}
	}
}

// TestModulated compares counts by the minute with a wandering rate: variance
// over mean of 1 + mean·CV².
func TestModulated(t *testing.T) {
	t.Parallel()
	p := draw(t, load.Spec{Process: load.Modulated, Stages: []load.Stage{stage(5.5, 1000*time.Minute, 0)}}, 5)
	counts := make([]float64, 1000)
	for _, at := range times(p) {
		counts[int(at.Minutes())]++
	}
	var sum, squares float64
	for _, c := range counts {
		sum += c
		squares += c * c
	}
	mean := sum / 1000
	if ratio := (squares/1000 - mean*mean) / mean; ratio < 17 || ratio > 27 || math.Abs(mean-330) > 10 {
		t.Errorf("counts by the minute: mean %.1f and variance over mean %.1f, want about 330 and 21.6", mean, ratio)
	}
}

// TestSeedsAreForEver holds what each process draws from a seed: the hash of its
// plan's JSON. A change here breaks every stored plan.
func TestSeedsAreForEver(t *testing.T) {
	t.Parallel()
	steps := []load.Step{{Name: "a", Weight: 3}, {Name: "b", Weight: 2}, {Name: "c", Weight: 4}}
	stages := []load.Stage{stage(4, 20*time.Second, 10*time.Second), stage(20, 10*time.Second, 0), stage(2, 10*time.Second, 5*time.Second)}
	trace := []load.TracePoint{{At: 0, Input: 10, Output: 5}, {At: 1500 * time.Millisecond, Input: 7}, {At: 2 * time.Second}}
	lengths := load.Lengths{Kind: load.Lognormal, Mean: 400, Spread: 0.6, Min: 10, Max: 4000}
	for _, tc := range []struct {
		name string
		spec load.Spec
		want string
	}{
		{"constant", load.Spec{Stages: stages}, "918e367b133b2f04"},
		{"poisson", load.Spec{Process: load.Poisson, Stages: stages, Steps: steps}, "12095c5d9de9f573"},
		{"gamma", load.Spec{Process: load.Gamma, Burstiness: 0.3, Stages: stages, Lengths: lengths}, "738f69b2cd2a2724"},
		{"modulated", load.Spec{Process: load.Modulated, Wander: load.Wander{Every: probe.Measured(3 * time.Second), CV: 0.5}, Stages: stages}, "d8ddc99fc5826df8"},
		{"trace", load.Spec{Process: load.Trace, Trace: trace, TimeScale: 2}, "9032e8763b5b3e8d"},
	} {
		p := draw(t, tc.spec, 42)
		text, err := json.Marshal(p.Arrivals)
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(text)
		if got := hex.EncodeToString(sum[:8]); got != tc.want {
			t.Errorf("%s: %d arrivals with the hash %s, want %s; the first are %s", tc.name, len(p.Arrivals), got, tc.want, text[:min(len(text), 200)])
		}
	}
}

// TestSteps compares the mix with its weights.
func TestSteps(t *testing.T) {
	t.Parallel()
	p := draw(t, load.Spec{
		Stages: []load.Stage{stage(90, 1000*time.Second, 0)},
		Steps:  []load.Step{{Name: "zero-shot", Weight: 3}, {Name: "summary", Weight: 2}, {Name: "sentiment", Weight: 4}},
	}, 9)
	var counts [3]float64
	for _, a := range p.Arrivals {
		counts[a.Step]++
	}
	for i, want := range []float64{30000, 20000, 40000} {
		if math.Abs(counts[i]-want) > 600 {
			t.Errorf("step %d has %.0f of 90000 arrivals, want about %.0f", i, counts[i], want)
		}
	}
}

// TestBadSpecs are refused with the key and a remedy.
func TestBadSpecs(t *testing.T) {
	t.Parallel()
	good := []load.Stage{stage(1, time.Second, 0)}
	for _, tc := range []struct {
		spec load.Spec
		want string
	}{
		{load.Spec{}, "stages: there are none"},
		{load.Spec{Stages: []load.Stage{stage(math.NaN(), time.Second, 0)}}, "stages[0].rate: NaN"},
		{load.Spec{Stages: []load.Stage{{Rate: 1}}}, "stages[0].for: the stage has no end"},
		{load.Spec{Stages: []load.Stage{stage(1, time.Second, 2*time.Second)}}, "stages[0].ramp: 2s is not within"},
		{load.Spec{Stages: []load.Stage{stage(1e7, time.Hour, 0)}}, "more than 10000000 arrivals"},
		{load.Spec{Process: "weekly", Stages: good}, `process: there is no "weekly"`},
		{load.Spec{Process: load.Trace}, "trace: it holds no arrivals"},
		{load.Spec{Process: load.Closed}, "users: 0 is out of range"},
		{load.Spec{Process: load.Closed, Users: 3}, "for: the users have no end"},
		{load.Spec{Process: load.Closed, Users: 3, For: probe.Measured(time.Second), ThinkMin: probe.Measured(2), ThinkMax: probe.Measured(1)}, "think_time"},
		{load.Spec{Process: load.Gamma, Burstiness: -1, Stages: good}, "burstiness: -1"},
		{load.Spec{Stages: good, TimeScale: -2}, "time_scale: -2"},
		{load.Spec{Stages: good, Steps: []load.Step{{Name: "a"}}}, "steps[0].weight: 0"},
		{load.Spec{Stages: good, Lengths: load.Lengths{Kind: "wide"}}, `lengths.kind: there is no "wide"`},
		{load.Spec{Stages: good, Wander: load.Wander{CV: 1}}, "wander: every 0s"},
	} {
		if _, err := load.Draw(tc.spec, 1); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("Draw(%+v) = %v, want %q in it", tc.spec, err, tc.want)
		}
	}
}
