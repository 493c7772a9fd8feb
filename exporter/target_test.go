package exporter

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	dto "github.com/prometheus/client_model/go"

	"github.com/hfwatch/hfwatch/probe"
)

// TestNewTarget starts with what rules need from the first moment, and nothing
// that is not known.
func TestNewTarget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		info := streaming("a")
		info.Kinds = []probe.Kind{probe.Baseline, probe.WindowKind}
		e := newTest(t, info)
		now := float64(time.Now().Unix())
		all := gather(t, e)
		got := map[string]float64{}
		for _, name := range all.names(`target="a"`) {
			got[name], _ = all.value(name)
		}
		want := map[string]float64{
			`hfwatch_target_info{model="meta-llama/Llama-3.1-8B-Instruct",provider="cerebras",target="a",task="chat-completion",url_host="router.huggingface.co"}`: 1,

			`hfwatch_probes_total{fault="none",kind="baseline",outcome="ok",target="a"}`:             0,
			`hfwatch_probes_total{fault="target",kind="baseline",outcome="server_error",target="a"}`: 0,
			`hfwatch_probes_total{fault="target",kind="baseline",outcome="timeout",target="a"}`:      0,
			`hfwatch_probes_total{fault="target",kind="baseline",outcome="overloaded",target="a"}`:   0,
			`hfwatch_probes_total{fault="target",kind="baseline",outcome="connect",target="a"}`:      0,
			`hfwatch_results_total{counts="good",kind="baseline",target="a"}`:                        0,
			`hfwatch_results_total{counts="bad",kind="baseline",target="a"}`:                         0,
			`hfwatch_results_total{counts="apart",kind="baseline",target="a"}`:                       0,
			`hfwatch_results_total{counts="good",kind="window",target="a"}`:                          0,
			`hfwatch_results_total{counts="bad",kind="window",target="a"}`:                           0,
			`hfwatch_results_total{counts="apart",kind="window",target="a"}`:                         0,
			`hfwatch_response_seconds{kind="baseline",result="ok",target="a"}`:                       0,
			`hfwatch_response_seconds{kind="baseline",result="failed",target="a"}`:                   0,
			`hfwatch_first_token_seconds{kind="baseline",result="ok",target="a"}`:                    0,
			`hfwatch_first_token_seconds{kind="baseline",result="failed",target="a"}`:                0,
			`hfwatch_slots_total{lane="baseline",result="run",target="a"}`:                           0,
			`hfwatch_slots_total{lane="baseline",result="missed",target="a"}`:                        0,
			`hfwatch_target_interval_seconds{target="a"}`:                                            300,
			`hfwatch_target_uncounted_slots{target="a"}`:                                             0,
			`hfwatch_target_first_seen_timestamp_seconds{target="a"}`:                                now,
			`hfwatch_target_last_success_timestamp_seconds{target="a"}`:                              now,
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("series of a new target (-want +got):\n%s", diff)
		}
	})
}

// TestTargetWithoutBaseline has no series of slots that it does not have.
func TestTargetWithoutBaseline(t *testing.T) {
	info := plain("a")
	info.Kinds, info.Interval = []probe.Kind{probe.WindowKind}, 0
	all := gather(t, newTest(t, info))
	for _, text := range []string{"interval", "uncounted", `kind="baseline"`, `lane="baseline"`} {
		if names := all.names(text); names != nil {
			t.Errorf("a target without a baseline publishes %v", names)
		}
	}
}

// TestReload keeps what goes on, begins anew what is another thing under the
// same name, and lets go what is removed.
func TestReload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newTest(t, streaming("stays"), streaming("changes"), streaming("goes"))
		for _, name := range []string{"stays", "changes", "goes"} {
			e.Record(failed(name, 1, probe.Timeout))
			e.Slot(name, "baseline", "missed")
		}
		before := gather(t, e)
		time.Sleep(time.Hour)

		stays, changes := streaming("stays"), streaming("changes")
		stays.Interval, stays.Labels = time.Minute, map[string]string{"team": "blue"}
		changes.Model = "another/model"
		if err := e.SetTargets([]TargetInfo{stays, changes, plain("comes")}); err != nil {
			t.Fatal(err)
		}
		after := gather(t, e)

		if names := after.names(`target="goes"`); names != nil {
			t.Errorf("the series of a removed target are still there: %v", names)
		}
		got := map[string]float64{}
		for name, by := range after.changes(before) {
			if strings.Contains(name, `target="stays"`) {
				got[name] = by
			}
		}
		facts := `model="meta-llama/Llama-3.1-8B-Instruct",provider="cerebras",target="stays",task="chat-completion",`
		want := map[string]float64{
			`hfwatch_target_interval_seconds{target="stays"}`:                                60 - 300,
			`hfwatch_target_info{` + facts + `team="blue",url_host="router.huggingface.co"}`: 1,
			`gone: hfwatch_target_info{` + facts + `url_host="router.huggingface.co"}`:       0,
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("what changed of the target that stays (-want +got):\n%s", diff)
		}
		for _, name := range []string{
			`hfwatch_results_total{counts="bad",kind="baseline",target="changes"}`,
			`hfwatch_slots_total{lane="baseline",result="missed",target="changes"}`,
			`hfwatch_target_uncounted_slots{target="changes"}`,
		} {
			if v, ok := after.value(name); v != 0 || !ok {
				t.Errorf("%s = %g, %t; want 0: another model is another target", name, v, ok)
			}
		}
		if names := after.names(`bad_of_last_5{target="changes"`); names != nil {
			t.Errorf("%v is published of a target that has had no result", names)
		}
		if v, _ := after.value(`hfwatch_target_first_seen_timestamp_seconds{target="comes"}`); v != float64(time.Now().Unix()) {
			t.Errorf("a new target was first seen at %g, want %d", v, time.Now().Unix())
		}
		e.Record(good("goes", 2))
		if names := gather(t, e).names(`target="goes"`); names != nil {
			t.Errorf("a late result brought back the removed target: %v", names)
		}
	})
}

// TestSetTargetsRefuses what cannot be published, wholly: nothing has changed.
func TestSetTargetsRefuses(t *testing.T) {
	with := func(labels map[string]string) TargetInfo {
		info := plain("b")
		info.Labels = labels
		return info
	}
	for _, c := range []struct {
		why  string
		bad  TargetInfo
		want string
	}{
		{"a name twice", plain("a"), `targets[1]: the name "a" is taken; names are unique`},
		{"no name", plain(""), `targets[1]: no name`},
		{"a broken name", plain("a\xff"), `targets[1]: the name "a\xff" is not UTF-8`},
		{
			"two labels that become one", with(map[string]string{"cost-unit": "1", "cost_unit": "2"}),
			`target b: labels "cost-unit" and "cost_unit" would both be published as cost_unit; rename one`,
		},
		{
			"a label that becomes one of ours", with(map[string]string{"url-host": "x"}),
			`target b: label "url-host" would be published as url_host, which hfwatch uses itself; rename it`,
		},
		{"a label without a name", with(map[string]string{"": "x"}), `target b: a label without a name`},
	} {
		e := newTest(t, plain("a"))
		before := gather(t, e)
		err := e.SetTargets([]TargetInfo{plain("a"), c.bad})
		if err == nil || err.Error() != c.want {
			t.Errorf("%s: error %v, want %s", c.why, err, c.want)
		}
		if diff := gather(t, e).changes(before); len(diff) != 0 {
			t.Errorf("%s: a refused reload changed %v", c.why, diff)
		}
	}
}

// TestInfoLabels are cleaned, bounded, and the same on every target.
func TestInfoLabels(t *testing.T) {
	a, b := plain("a"), plain("b")
	a.Labels = map[string]string{"cost-unit": "c1", "broken": "x\xffy", "long": strings.Repeat("é", 200)}
	e := newTest(t, a, b)
	families, err := e.Gatherer().Gather()
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(families, func(f *dto.MetricFamily) bool { return f.GetName() == "hfwatch_target_info" })
	var got []map[string]string
	for _, m := range families[i].GetMetric() {
		labels := map[string]string{}
		for _, l := range m.GetLabel() {
			labels[l.GetName()] = l.GetValue()
		}
		got = append(got, labels)
	}
	slices.SortFunc(got, func(a, b map[string]string) int { return strings.Compare(a["target"], b["target"]) })
	want := map[string]string{
		"target": "a", "location": "here", "model": "distilbert/sst-2", "task": "text-classification", "provider": "",
		"url_host": "10.0.0.7:8080", "revision": "", "cost_unit": "c1", "broken": "x\uFFFDy", "long": strings.Repeat("é", 128),
	}
	empty := maps.Clone(want)
	empty["target"], empty["cost_unit"], empty["broken"], empty["long"] = "b", "", "", ""
	if diff := cmp.Diff([]map[string]string{want, empty}, got); diff != "" {
		t.Errorf("labels of the info series (-want +got):\n%s", diff)
	}
}

// TestClean cuts a value at a character, not within one.
func TestClean(t *testing.T) {
	for _, c := range []struct{ in, want, why string }{
		{"", "", "nothing stays nothing"},
		{strings.Repeat("a", 256), strings.Repeat("a", 256), "the longest stays whole"},
		{strings.Repeat("a", 255) + "é", strings.Repeat("a", 255), "half a character is none"},
	} {
		if got := clean(c.in); got != c.want {
			t.Errorf("clean(%q) = %q, want %q: %s", c.in, got, c.want, c.why)
		}
	}
}

// TestRevision moves the info series to the newest one and leaves no other.
func TestRevision(t *testing.T) {
	e := newTest(t, plain("a"))
	for i := range 1000 {
		r := good("a", i)
		r.Revision = fmt.Sprintf("sha-%d", i)
		e.Record(r)
	}
	none, drill := good("a", 2000), good("a", 2001)
	drill.Kind, drill.Revision = probe.Drill, "made-up"
	e.Record(none)
	e.Record(drill)
	want := []string{`hfwatch_target_info{model="distilbert/sst-2",revision="sha-999",target="a",task="text-classification",url_host="10.0.0.7:8080"}`}
	if got := gather(t, e).names("target_info"); !slices.Equal(got, want) {
		t.Errorf("info series %v, want %v", got, want)
	}
	labelled := plain("a")
	labelled.Labels = map[string]string{"team": "blue"}
	if err := e.SetTargets([]TargetInfo{labelled}); err != nil {
		t.Fatal(err)
	}
	want[0] = strings.Replace(want[0], `",url_host`, `",team="blue",url_host`, 1)
	if got := gather(t, e).names("target_info"); !slices.Equal(got, want) {
		t.Errorf("info series after a reload %v, want %v", got, want)
	}
}
