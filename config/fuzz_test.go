package config_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hfwatch/hfwatch/config"
)

// FuzzLoad: whatever a file holds, Load returns a configuration that can be
// printed, or problems that each have a file, a line and a remedy.
func FuzzLoad(f *testing.F) {
	f.Add(example(f))
	f.Add(small)
	names, err := filepath.Glob("testdata/invalid/*.yaml")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(data))
	}
	f.Fuzz(func(t *testing.T, text string) {
		all := secrets()
		all["c.yaml"] = text
		c, err := config.Load(config.Options{
			File: "c.yaml", Read: files(all), Glob: func(string) ([]string, error) { return nil, nil },
			Environ: []string{"HF_TOKEN=hf_hidden"}, Available: config.AllFeatures(), Now: now,
		})
		if err == nil {
			if err := c.Print(io.Discard); err != nil {
				t.Error(err)
			}
			if err := c.Report(io.Discard, now); err != nil {
				t.Error(err)
			}
			return
		}
		var problems config.Problems
		if !errors.As(err, &problems) || len(problems) == 0 || len(problems) > config.MaxProblems+1 {
			t.Fatalf("Load = %v", err)
		}
		for _, p := range problems {
			if p.Place.File == "" || p.Place.Line < 1 || p.Place.Col < 1 || p.Path == "" || p.What == "" || p.Remedy == "" {
				t.Errorf("problem %+v lacks a place, a path, what is wrong, or a remedy", p)
			}
			if strings.ContainsAny(p.String(), "\n\r") {
				t.Errorf("problem %q is more than a line", p)
			}
		}
	})
}
