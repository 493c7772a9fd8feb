package alerts_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hfwatch/hfwatch/alerts"
	"github.com/hfwatch/hfwatch/probe"
)

// TestParseWhen reads every form of the grammar.
func TestParseWhen(t *testing.T) {
	h := time.Hour
	for text, want := range map[string]alerts.When{
		"p95(response) > 2s over 6h":            {Form: alerts.FormQuantile, Signal: alerts.Response, Quantile: 0.95, Op: ">", Threshold: 2, Over: []time.Duration{6 * h}},
		"p99.9(service)>=800ms over 1w":         {Form: alerts.FormQuantile, Signal: alerts.Service, Quantile: 0.999, Op: ">=", Threshold: 0.8, Over: []time.Duration{7 * 24 * h}},
		"median(tpot) < 20ms over 1d12h":        {Form: alerts.FormQuantile, Signal: alerts.TPOT, Quantile: 0.5, Op: "<", Threshold: 0.02, Over: []time.Duration{36 * h}},
		"max(first_token) > 5s over 30m":        {Form: alerts.FormQuantile, Signal: alerts.FirstToken, Quantile: 1, Op: ">", Threshold: 5, Over: []time.Duration{h / 2}},
		"first_token > 4s in 3 of 5":            {Form: alerts.FormLast, Signal: alerts.FirstToken, Op: ">", Threshold: 4, K: 3, N: 5},
		"bad_ratio > 20% over 30m":              {Form: alerts.FormRatio, Signal: alerts.BadRatio, Op: ">", Threshold: 0.2, Over: []time.Duration{h / 2}},
		"bad_ratio > 0.2 over 30m":              {Form: alerts.FormRatio, Signal: alerts.BadRatio, Op: ">", Threshold: 0.2, Over: []time.Duration{h / 2}},
		"availability < 99% over 1d":            {Form: alerts.FormRatio, Signal: alerts.Availability, Op: "<", Threshold: 0.99, Over: []time.Duration{24 * h}},
		"outcome(loading) in 2 of 3":            {Form: alerts.FormLast, Signal: alerts.OutcomeSignal, Outcomes: []probe.Outcome{probe.Loading}, K: 2, N: 3},
		"outcome(auth|billing) in 1 of 1":       {Form: alerts.FormLast, Signal: alerts.OutcomeSignal, Outcomes: []probe.Outcome{probe.Auth, probe.Billing}, K: 1, N: 1},
		"budget_used > 80%":                     {Form: alerts.FormLevel, Signal: alerts.BudgetUsed, Op: ">", Threshold: 0.8},
		"burn(availability) > 14.4 over 1h,5m":  {Form: alerts.FormBurn, Signal: alerts.Availability, Op: ">", Threshold: 14.4, Over: []time.Duration{h, 5 * time.Minute}},
		"median(first_token) > 1.3x week":       {Form: alerts.FormRelative, Signal: alerts.FirstToken, Quantile: 0.5, Op: ">", Threshold: 1.3},
		"outcome(timeout|stalled) > 5% over 1h": {Form: alerts.FormRatio, Signal: alerts.OutcomeSignal, Outcomes: []probe.Outcome{probe.Timeout, probe.Stalled}, Op: ">", Threshold: 0.05, Over: []time.Duration{h}},
		"fault(target) >= 0.2 over 30m":         {Form: alerts.FormRatio, Signal: alerts.FaultSignal, Faults: []probe.Fault{probe.FaultTarget}, Op: ">=", Threshold: 0.2, Over: []time.Duration{h / 2}},
		"fault(network) in 2 of 3":              {Form: alerts.FormLast, Signal: alerts.FaultSignal, Faults: []probe.Fault{probe.FaultNetwork}, K: 2, N: 3},
		"cold_start > 2m in 1 of 1":             {Form: alerts.FormLast, Signal: alerts.ColdStart, Op: ">", Threshold: 120, K: 1, N: 1},
		"capacity < 5":                          {Form: alerts.FormLevel, Signal: alerts.Capacity, Op: "<", Threshold: 5},
		"throughput < 0.5":                      {Form: alerts.FormLevel, Signal: alerts.Throughput, Op: "<", Threshold: 0.5},
		"stale > 2h":                            {Form: alerts.FormLevel, Signal: alerts.Stale, Op: ">", Threshold: 7200},
		"absent over 30m":                       {Form: alerts.FormAbsent, Signal: alerts.Absent, Over: []time.Duration{h / 2}},
		"  drift  >  5 %  over 7d":              {},
	} {
		got, err := alerts.ParseWhen(text)
		if want.Form == "" {
			if err == nil {
				t.Errorf("ParseWhen(%q) took it, want an error", text)
			}
			continue
		}
		want.Text = text
		if err != nil {
			t.Errorf("ParseWhen(%q): %v", text, err)
			continue
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("ParseWhen(%q) (-want +got):\n%s", text, diff)
		}
	}
}

// TestParseWhenRefuses says what is wrong and what would be right.
func TestParseWhenRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"":                                  "there is no signal",
		"latency > 2s over 1h":              `there is no signal "latency"; the signals are [response`,
		"p95(bad_ratio) > 2s over 1h":       "bad_ratio has no quantiles",
		"p100(response) > 2s over 1h":       `there is no function "p100"`,
		"pNaN(response) > 2s over 1h":       `there is no function "pNaN"`,
		"p95(response > 2s":                 "a ) must follow",
		"p95(response) > 2s":                "a quantile needs a time: write over 6h at the end",
		"p95(response) over 6h":             "a comparison must follow response: write for instance response > 2s",
		"p95(response) > over 6h":           "response is a duration",
		"p95(response) > 2 over 6h":         "write for instance 90s",
		"response > 2s":                     "one value of response is not enough to page by",
		"response > 2s in 6 of 5":           "in 3 of 5",
		"response > 2s in 3 of 5000":        "at most of 50",
		"bad_ratio > 20 over 1h":            "bad_ratio is a ratio from 0 to 1, and 20 is not; write 0.2 or 20%",
		"bad_ratio > 20% in 3 of 5":         "write it with over 30m instead of in 3 of 5",
		"bad_ratio > 20%":                   "bad_ratio needs one time",
		"outcome(down) in 2 of 3":           `there is no outcome "down"`,
		"outcome(loading)":                  "a count must follow",
		"outcome in 2 of 3":                 "outcome needs a name",
		"budget_used > 80% over 1h":         "budget_used needs no time",
		"stale > 2h over 1h":                "stale needs no time",
		"stale > 2":                         "stale is a duration",
		"stale in 2 of 3":                   "a comparison must follow stale: write for instance stale > 2h",
		"absent":                            "write absent over 30m",
		"absent > 2 over 30m":               "write absent over 30m",
		"absent in 2 of 3":                  "write absent over 30m",
		"p95(absent) > 1s over 1h":          "absent has no quantiles",
		"fault(nobody) in 2 of 3":           `there is no fault "nobody"; the faults are [none target`,
		"fault > 20% over 1h":               "fault needs a name",
		"fault(target) > 20% in 2 of 3":     "a share needs a time: write over 30m instead of in 2 of 3",
		"fault(target) over 30m":            "a count must follow",
		"outcome(timeout) > 20":             "outcome is a ratio from 0 to 1",
		"outcome(timeout) > 20%":            "outcome needs one time: write over 30m",
		"burn(availability) > 14.4 over 1h": "a burn rate is written",
		"median(response) > 1.3x month":     "1.3x week",
		"response > 2s in 3 of 5 and more":  `"and more" is left over at the end`,
		"bad_ratio > NaN over 1h":           `"NaN" is not a number`,
		"p95(response) > -2s over 6h":       "a value must follow >",
		"p95(response) > 2s over 0s":        "not a duration above 0",
	} {
		_, err := alerts.ParseWhen(text)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("ParseWhen(%q) = %v, want %q in it", text, err, want)
		}
	}
}

// TestNeeds names the least number of results, which measuring practice gives
// as 6, 29, 59 and 299.
func TestNeeds(t *testing.T) {
	for text, want := range map[string]int{
		"median(response) > 1s over 1h": 6, "p90(response) > 1s over 1h": 29, "p95(response) > 1s over 1h": 59,
		"p99(response) > 1s over 1h": 299, "max(response) > 1s over 1h": 1, "bad_ratio > 1% over 1h": 5,
		"response > 1s in 3 of 5": 0, "budget_used > 1%": 0, "drift > 0 over 1h": 0,
		"outcome(timeout) > 5% over 1h": 5, "absent over 1h": 2, "stale > 2h": 0, "capacity < 5": 0, "p95(cold_start) > 1m over 1h": 0,
	} {
		w, err := alerts.ParseWhen(text)
		if err != nil {
			t.Fatal(err)
		}
		n, over := w.Needs()
		if n != want || (n > 0) != (over == time.Hour) {
			t.Errorf("%s: Needs() = %d, %v, want %d", text, n, over, want)
		}
	}
}

// TestReach: how far back conditions look, which is how long series are kept for
// them where history is off.
func TestReach(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"burn(availability) > 1 over 5m,6h": 6 * time.Hour, "median(response) > 2x week": alerts.RelativeReach, "stale > 3d": 72 * time.Hour,
		"absent over 30m": 30 * time.Minute, "budget_used > 50%": 0, "response > 1s in 2 of 3": 0,
	} {
		w, err := alerts.ParseWhen(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := w.Reach(); got != want {
			t.Errorf("%s: Reach() = %v, want %v", text, got, want)
		}
	}
}

// FuzzWhen never panics, and what it takes it takes again from its own text.
func FuzzWhen(f *testing.F) {
	for _, s := range []string{"p95(response) > 2s over 6h", "first_token > 4s in 3 of 5", "outcome(a|b) in 1 of 2", "burn(availability) > 1 over 1h,5m", "fault(target) > 5% over 1h", "absent over 30m", "stale > 2h"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		w, err := alerts.ParseWhen(text)
		if err != nil {
			return
		}
		again, err := alerts.ParseWhen(w.String())
		if err != nil || !cmp.Equal(w, again) {
			t.Errorf("ParseWhen(%q) = %v, and of its own text %v, %v", text, w, again, err)
		}
		if n, _ := w.Needs(); n < 0 {
			t.Errorf("%q needs %d results", text, n)
		}
	})
}
