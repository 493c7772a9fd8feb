package report

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestProviders: one table for a model at several providers, the quickest first
// and one that never answered last; none for a model at one, or without any.
func TestProviders(t *testing.T) {
	t.Parallel()
	at := func(provider string, median float64, money Money) Target {
		target := Target{Name: "m:" + provider, Model: "org/m", Task: "chat-completion", Provider: provider, Money: money}
		if median > 0 {
			of := Tails{N: 100, P50: &Bounded{Value: median, Low: median / 2, High: median * 2}}
			target.Errors.ThisWeek = Counted{Good: 99, Bad: 1, Availability: &Bounded{Value: 0.99, Low: 0.95, High: 1}}
			target.Signals = []SignalReport{{Signal: Response, ThisWeek: of}, {Signal: FirstToken, ThisWeek: of}}
		}
		return target
	}
	got := providers([]Target{
		at("novita", 2, Money{Priced: 50, USD: 0.01}), at("nscale", 0, Money{}), at("groq", 0.5, Money{Requests: 100}),
		{Name: "alone", Model: "org/other", Task: "chat-completion", Provider: "groq"},
		{Name: "own", Model: "org/m", Task: "chat-completion"},
	})
	want := []block{{heading: "org/m by provider"}, {table: &table{
		head: []string{"provider", "availability", "response p50", "p95", "TTFT p50", "time per token p50", "USD per 1,000"},
		rows: [][]string{
			{"groq", "99.0 % [95.0, 100]", "500 ms [250 ms, 1 s]", "–", "500 ms [250 ms, 1 s]", "–", "–"},
			{"novita", "99.0 % [95.0, 100]", "2 s [1 s, 4 s]", "–", "2 s [1 s, 4 s]", "–", "0.2"},
			{"nscale", "–", "–", "–", "–", "–", "–"},
		},
	}}}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(block{}, table{})); diff != "" {
		t.Errorf("providers() (-want +got):\n%s", diff)
	}
}
