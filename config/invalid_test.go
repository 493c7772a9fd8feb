package config_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hfwatch/hfwatch/config"
)

// TestEveryRuleHasABadFile: every file under testdata/invalid breaks a rule,
// and the golden file beside it holds the whole message. Files whose name
// begins with unavailable_ are right but for a feature that does not exist.
func TestEveryRuleHasABadFile(t *testing.T) {
	names, err := filepath.Glob("testdata/invalid/*.yaml")
	if err != nil || len(names) < 100 {
		t.Fatalf("Glob = %d files, %v", len(names), err)
	}
	for _, name := range names {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".yaml"), func(t *testing.T) {
			golden := strings.TrimSuffix(name, ".yaml") + ".golden"
			o := config.Options{File: name, Available: config.AllFeatures(), Now: now}
			if strings.Contains(name, "unavailable_") {
				o.Available = nil
			}
			_, err := config.Load(o)
			var problems config.Problems
			if !errors.As(err, &problems) || len(problems) == 0 {
				t.Fatalf("Load = %v, want problems", err)
			}
			got := problems.Error() + "\n"
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("Load(%s): -want +got\n%s", name, diff)
			}
			for _, p := range problems {
				if p.Place.File == "" || p.Place.Line < 1 || p.Place.Col < 1 || p.Path == "" || p.What == "" || p.Remedy == "" {
					t.Errorf("problem %+v lacks a place, a path, what is wrong, or a remedy", p)
				}
			}
			for _, secret := range []string{"secret-", "pass@"} {
				if strings.Contains(got, secret) {
					t.Errorf("a problem shows a secret:\n%s", got)
				}
			}
			if strings.Contains(name, "unavailable_") {
				for _, p := range problems {
					if !strings.HasPrefix(p.What, "not available yet: ") {
						t.Errorf("%v is not only unavailable", p)
					}
				}
			}
		})
	}
}
