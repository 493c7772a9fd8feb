// Package hfwatch holds the tests of the repository as a whole: which package
// may import which, and that the documents name what the code has.
package hfwatch

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/hfwatch/hfwatch/alerts"
	"github.com/hfwatch/hfwatch/config"
	"github.com/hfwatch/hfwatch/probe"
	"github.com/hfwatch/hfwatch/series"
)

const module = "github.com/hfwatch/hfwatch/"

// levels is the drawing of the house: a package may import only what stands on
// a line below its own; parts on one line are strangers.
func levels() [][]string {
	return [][]string{
		{"cmd/hfwatch"},
		{"internal/daemon"},
		{"config"},
		{"web"},
		{"report", "windows", "internal/doctor", "internal/draft"},
		{"alerts", "exporter"},
		{"history"},
		{"alerts/notify", "internal/prom"},
		{"load"},
		{"schedule", "budget", "fault", "coldstart"},
		{"probe/hf", "probe/task", "hub"},
		{"probe", "probe/media", "series", "stats", "internal/journal"},
		{"internal/disk"},
		{"sim"},
	}
}

// TestImportsRunDownward compares the import graph with the drawing.
func TestImportsRunDownward(t *testing.T) {
	level := map[string]int{}
	for i, line := range levels() {
		for _, pkg := range line {
			level[pkg] = i
		}
	}
	for _, p := range packages(t) {
		pkg := strings.TrimPrefix(p.ImportPath, module)
		if pkg == p.ImportPath || pkg == "internal/fakenet" || strings.HasPrefix(pkg, "examples") {
			continue
		}
		own, drawn := level[pkg]
		if !drawn {
			t.Errorf("package %s stands nowhere in the drawing", pkg)
			continue
		}
		for _, imported := range p.Imports {
			other := strings.TrimPrefix(imported, module)
			if other == imported {
				continue
			}
			if below, ok := level[other]; !ok || below <= own {
				t.Errorf("%s imports %s, which is not below it", pkg, other)
			}
		}
		for _, imported := range p.Imports {
			if strings.HasPrefix(imported, "github.com/prometheus/prometheus/") && pkg != "internal/prom" {
				t.Errorf("%s imports %s, which only internal/prom may", pkg, imported)
			}
			if first, _, _ := strings.Cut(imported, "/"); pkg == "sim" && strings.Contains(first, ".") {
				t.Errorf("sim imports %s, and it uses the standard library only", imported)
			}
		}
	}
}

// listed is what `go list` says of a package.
type listed struct {
	ImportPath string
	Imports    []string
}

// packages lists the packages of the module.
func packages(t *testing.T) []listed {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Imports", "./...").Output()
	if err != nil {
		t.Fatal(err)
	}
	var all []listed
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	if len(all) < 5 {
		t.Fatalf("go list found %d packages", len(all))
	}
	return all
}

// TestEveryOutcomeHasAPage and no page is of none.
func TestEveryOutcomeHasAPage(t *testing.T) {
	var names []string
	for _, o := range probe.Outcomes() {
		names = append(names, string(o))
	}
	pages(t, "docs/outcomes", names)
}

// TestEveryShippedAlertHasAPage and no page is of none.
func TestEveryShippedAlertHasAPage(t *testing.T) {
	pages(t, "docs/alerts", alerts.Names(alerts.Shipped()))
}

// TestEverySeriesIsDocumented in docs/metrics.md, with its type, and no series
// there is none of ours.
func TestEverySeriesIsDocumented(t *testing.T) {
	text, err := os.ReadFile("docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]string{}
	for line := range strings.SplitSeq(string(text), "\n") {
		cells := strings.Split(line, "|")
		if len(cells) > 3 && strings.HasPrefix(strings.TrimSpace(cells[1]), "`hfwatch_") {
			rows[strings.Trim(cells[1], " `")] = strings.TrimSpace(cells[2])
		}
	}
	for _, d := range series.All() {
		if kind, ok := rows[d.Series.Name()]; !ok || !strings.HasPrefix(kind, string(d.Type)) {
			t.Errorf("docs/metrics.md says of %s the type %q, want %q", d.Series.Name(), kind, d.Type)
		}
		delete(rows, d.Series.Name())
	}
	if len(rows) > 0 {
		t.Errorf("docs/metrics.md documents series that do not exist: %v", rows)
	}
}

// TestEveryKeyIsDocumented in docs/configuration.md.
func TestEveryKeyIsDocumented(t *testing.T) {
	text, err := os.ReadFile("docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	var schema any
	if err := json.Unmarshal(config.Schema(), &schema); err != nil {
		t.Fatal(err)
	}
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			if properties, ok := v["properties"].(map[string]any); ok {
				for key := range properties {
					if !regexp.MustCompile(`\b` + regexp.QuoteMeta(key) + `\b`).Match(text) {
						t.Errorf("docs/configuration.md does not name the key %s", key)
					}
				}
			}
			for _, child := range v {
				walk(child)
			}
		case []any:
			for _, child := range v {
				walk(child)
			}
		}
	}
	walk(schema)
}

// pages compares the pages of a folder with the names they should have.
func pages(t *testing.T, dir string, names []string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	var have []string
	for _, f := range files {
		name := strings.TrimSuffix(filepath.Base(f), ".md")
		if name == "README" {
			continue
		}
		have = append(have, name)
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, section := range []string{"# " + name, "## What it means", "## What to do"} {
			if !strings.Contains(string(text), section+"\n") {
				t.Errorf("%s has no section %q", f, section)
			}
		}
	}
	slices.Sort(have)
	slices.Sort(names)
	if !slices.Equal(have, names) {
		t.Errorf("%s has pages of %v, want %v", dir, have, names)
	}
}
