package series_test

import (
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hfwatch/hfwatch/series"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// TestGoldenList holds the whole list against a file, since every name, help
// and label in it is a promise to somebody's rules and dashboards.
func TestGoldenList(t *testing.T) {
	var b strings.Builder
	for _, d := range series.All() {
		fmt.Fprintf(&b, "%s %s", d.Series, d.Type)
		if d.Unit != "" {
			fmt.Fprintf(&b, " in %s", d.Unit)
		}
		if d.Layout != series.NoLayout {
			fmt.Fprintf(&b, " (%s)", d.Layout)
		}
		fmt.Fprintf(&b, "\n  %s\n  location\n", d.Help)
		for _, l := range d.Labels {
			fmt.Fprintf(&b, "  %s", l.Name)
			if l.Values != nil {
				fmt.Fprintf(&b, ": %s", strings.Join(l.Values, " "))
			}
			b.WriteByte('\n')
		}
		b.WriteByte('\n')
	}
	n := series.Natives()
	fmt.Fprintf(&b, "native histograms: schema %d, factor %g, at most %d buckets, reset after %s, zero threshold %g\n",
		n.Schema, n.Factor, n.MaxBuckets, n.MinReset, n.ZeroThreshold)
	fmt.Fprintf(&b, "classic buckets: %v\n", series.Buckets())

	path := filepath.Join("testdata", "series.golden")
	if *update {
		if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), b.String()); diff != "" {
		t.Errorf("the list differs from %s (-want +got):\n%s", path, diff)
	}
}

// TestNamesFollowTheConventions of Prometheus on naming.
func TestNamesFollowTheConventions(t *testing.T) {
	seen := map[series.Series]bool{}
	for _, d := range series.All() {
		name := d.Series.Name()
		if seen[d.Series] {
			t.Errorf("%s is on the list twice", name)
		}
		seen[d.Series] = true
		if !strings.HasPrefix(name, "hfwatch_") || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz_5") != "" {
			t.Errorf("%s is not in snake case with the prefix", name)
		}
		if got, want := strings.HasSuffix(name, "_total"), d.Type == series.Counter; got != want {
			t.Errorf("%s ends in _total: %t, want %t for a %s", name, got, want, d.Type)
		}
		if bare := strings.TrimSuffix(name, "_total"); d.Unit != "" && !strings.HasSuffix(bare, "_"+d.Unit) {
			t.Errorf("%s does not bear its unit %s", name, d.Unit)
		}
		if !strings.HasSuffix(d.Help, ".") {
			t.Errorf("help of %s is not a sentence: %q", name, d.Help)
		}
		if got, want := d.Layout != series.NoLayout, d.Type == series.Histogram; got != want {
			t.Errorf("%s has a layout: %t, want %t for a %s", name, got, want, d.Type)
		}
		names := d.Names()
		if compact := slices.Compact(slices.Clone(names)); len(compact) != len(names) {
			t.Errorf("%s has a label twice: %v", name, names)
		}
		for _, label := range names {
			if series.LabelName(label) != label {
				t.Errorf("%s has the label %q, which is no label name", name, label)
			}
		}
	}
}

// TestDefinition finds what is on the list, and nothing else.
func TestDefinition(t *testing.T) {
	for _, want := range series.All() {
		got, ok := want.Series.Definition()
		if diff := cmp.Diff(want, got); !ok || diff != "" {
			t.Errorf("%s.Definition() differs (-want +got):\n%s", want.Series, diff)
		}
	}
	if d, ok := series.Series("hfwatch_none_total").Definition(); ok {
		t.Errorf("Definition() of a series that is not on the list = %v", d)
	}
	d, _ := series.Results.Definition()
	if got, want := d.Names(), []string{"counts", "kind", "location", "target"}; !slices.Equal(got, want) {
		t.Errorf("Names() = %v, want %v", got, want)
	}
	if got, want := d.Values(series.Counts), []string{"good", "bad", "apart"}; !slices.Equal(got, want) {
		t.Errorf("Values(counts) = %v, want %v", got, want)
	}
	if got := d.Values(series.Target); got != nil {
		t.Errorf("Values(target) = %v, want none: the set is open", got)
	}
	if got := d.Values(series.Lane); got != nil {
		t.Errorf("Values(lane) = %v, want none: the series does not have it", got)
	}
}

// TestNativeLayout holds the schema, the zero bucket and the bound together.
func TestNativeLayout(t *testing.T) {
	n := series.Natives()
	growth := func(schema int32) float64 { return math.Exp2(math.Exp2(-float64(schema))) }
	if growth(n.Schema) > n.Factor || growth(n.Schema-1) <= n.Factor {
		t.Errorf("schema %d grows by %g, which is not the coarsest within %g", n.Schema, growth(n.Schema), n.Factor)
	}
	if frac, _ := math.Frexp(n.ZeroThreshold); frac != 0.5 {
		t.Errorf("zero threshold %g is no power of two, so that it would cut a bucket", n.ZeroThreshold)
	}
	octaves := math.Log2(900 / n.ZeroThreshold)
	if got := math.Ceil(octaves * math.Exp2(float64(n.Schema))); got > float64(n.MaxBuckets) {
		t.Errorf("values up to 900 s need %g buckets, more than %d", got, n.MaxBuckets)
	}
}

// TestBuckets are twelve, ascending, from 50 ms to 600 s.
func TestBuckets(t *testing.T) {
	b := series.Buckets()
	if len(b) != 12 || b[0] != 0.05 || b[11] != 600 || !slices.IsSorted(b) {
		t.Errorf("Buckets() = %v, want 12 ascending from 0.05 to 600", b)
	}
}

// TestLabelName makes a label name of anything that a configuration may hold.
func TestLabelName(t *testing.T) {
	for _, c := range []struct{ name, want, why string }{
		{"team", "team", "a good name stays"},
		{"cost-unit", "cost_unit", "a dash is not allowed"},
		{"app.kubernetes.io/name", "app_kubernetes_io_name", "nor are dots and slashes"},
		{"2nd", "_2nd", "a name does not begin with a digit"},
		{"größe", "gr__e", "a letter outside ASCII is one character"},
		{"", "", "nothing stays nothing, to be refused by the caller"},
		{"a:b", "a_b", "colons belong to recording rules"},
		{"a\xffb", "a_b", "a broken character is one too"},
	} {
		if got := series.LabelName(c.name); got != c.want {
			t.Errorf("LabelName(%q) = %q, want %q: %s", c.name, got, c.want, c.why)
		}
	}
}

// TestReservedLabel knows every label of targets and Prometheus's own.
func TestReservedLabel(t *testing.T) {
	for _, c := range []struct {
		name string
		want bool
		why  string
	}{
		{"target", true, "every result has it"},
		{"location", true, "every series has it"},
		{"url_host", true, "target_info has it"},
		{"le", true, "Prometheus's own"},
		{"__name__", true, "two underscores are Prometheus's"},
		{"team", false, "the user's own"},
		{"version", false, "only the build has it, and no target"},
		{"_", false, "one underscore is the user's"},
	} {
		if got := series.ReservedLabel(c.name); got != c.want {
			t.Errorf("ReservedLabel(%q) = %t, want %t: %s", c.name, got, c.want, c.why)
		}
	}
}
