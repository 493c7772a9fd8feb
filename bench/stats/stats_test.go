package main

import (
	"bytes"
	"strings"
	"testing"
)

// TestTables: every table is printed, and the same again for the same seed.
func TestTables(t *testing.T) {
	for _, name := range order() {
		var first, again bytes.Buffer
		for _, out := range []*bytes.Buffer{&first, &again} {
			if err := run([]string{"-n", "2", "-table", name}, out, out); err != nil {
				t.Fatal(err)
			}
		}
		if first.String() != again.String() {
			t.Errorf("%s differs from run to run", name)
		}
		if rows := strings.Count(first.String(), "\n| "); rows < 5 {
			t.Errorf("%s has %d rows:\n%s", name, rows, first.String())
		}
		for _, bad := range []string{"NaN", "%!", "Inf"} {
			if strings.Contains(first.String(), bad) {
				t.Errorf("%s prints %s", name, bad)
			}
		}
	}
}

// TestArguments that would print nothing are refused.
func TestArguments(t *testing.T) {
	for _, args := range [][]string{{"-n", "0"}, {"-n", "100001"}, {"-table", "nosuch"}, {"extra"}, {"-nosuch"}} {
		var out bytes.Buffer
		if err := run(args, &out, &out); err == nil {
			t.Errorf("run(%q) has no error", args)
		}
	}
}

// TestJudgements: the program counts what it says it counts.
func TestJudgements(t *testing.T) {
	always := method{"always 30", func([]float64) opinion { return opinion{warm: 30, sure: true, ranged: true, low: 25, high: 35} }}
	step, flat := shapes()[3], shapes()[0]
	z := noise{0.1, 0}
	if c := try(always, step, z, 5, 1, 0); c.warm != 5 || c.covered != 5 || c.end(0.5) != 30 || c.none != 0 {
		t.Errorf("always right: %+v", c)
	}
	if c := try(always, flat, z, 5, 1, 0); c.warm != 5 || c.covered != 0 {
		t.Errorf("always wrong: %+v", c)
	}
	doubtful := method{"none", func([]float64) opinion { return opinion{none: true} }}
	if c := try(doubtful, step, z, 5, 1, 0); c.warm != 0 || c.none != 5 || len(c.ends) != 0 {
		t.Errorf("never steady: %+v", c)
	}
	if k := moved(comparer{"always", func(_, _ []float64, _ uint64) bool { return true }}, 0, 1, 7, 1, 0); k != 7 {
		t.Errorf("always moved: %d of 7", k)
	}
}
