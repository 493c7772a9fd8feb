package draft_test

import (
	"errors"
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hfwatch/hfwatch/hub"
	"github.com/hfwatch/hfwatch/internal/draft"
	"github.com/hfwatch/hfwatch/probe"
)

var update = flag.Bool("update", false, "write the golden file")

// models are of every kind that is treated in a way of its own.
func models() []draft.Facts {
	offer := func(provider, status string, price float64) hub.Offer {
		return hub.Offer{Provider: provider, Status: status, Context: probe.Some(8192), USDPerMTokInput: probe.Some(price), USDPerMTokOutput: probe.Some(price)}
	}
	served := func(task, provider, mapped, status string) hub.Model {
		return hub.Model{Task: task, Providers: []hub.Mapping{{Provider: provider, Status: status, Task: mapped}}}
	}
	gated := served("text-generation", "novita", "conversational", "live")
	gated.Gated = true
	masked := served("fill-mask", "hf-inference", "fill-mask", "staging")
	masked.MaskToken = "<mask>"
	return []draft.Facts{
		{ID: "org/cheap", Offers: []hub.Offer{offer("groq", "live", 3), offer("novita", "live", 0.1), offer("cerebras", "error", 0.01)}},
		{ID: "org/dear", Offers: []hub.Offer{offer("groq", "live", 15)}},
		{ID: "openai/gpt-oss-120b", Offers: []hub.Offer{offer("groq", "live", 1)}},
		{ID: "org/sees", Images: true, Offers: []hub.Offer{{Provider: "groq", Status: "live"}}},
		{ID: "org/sick", Provider: "groq", Offers: []hub.Offer{offer("groq", "error", 1), offer("novita", "live", 1)}},
		{ID: "org/elsewhere", Provider: "together", Offers: []hub.Offer{offer("groq", "live", 1)}},
		{ID: "other/cheap", Hub: gated},
		{ID: "org/masked", Hub: masked},
		{ID: "org/ears", Hub: served("automatic-speech-recognition", "hf-inference", "automatic-speech-recognition", "live")},
		{ID: "org/guess-whisper", HubErr: errors.New("GET huggingface.co/api/models/x: connection refused"), ListErr: errors.New("refused")},
		{ID: "org/some-instruct", HubErr: errors.New("refused"), ListErr: errors.New("refused")},
		{ID: "org/pictures", Hub: hub.Model{Task: "text-to-image", Providers: []hub.Mapping{
			{Provider: "fal-ai", ProviderID: "fal-ai/pictures", Status: "error", Task: "text-to-image"},
			{Provider: "replicate", ProviderID: "org/pictures-fast", Status: "live", Task: "text-to-image"},
			{Provider: "together", ProviderID: "org/pictures", Status: "live", Task: "text-to-image"},
		}}},
		{ID: "org/painter", Provider: "fal-ai", Hub: hub.Model{Task: "text-to-image", Providers: []hub.Mapping{
			{Provider: "fal-ai", ProviderID: "fal-ai/painter", Status: "error", Task: "text-to-image"},
			{Provider: "hf-inference", ProviderID: "org/painter", Status: "live", Task: "text-to-image"},
		}}},
		// What cannot be watched.
		{ID: "org/sketch", Provider: "groq", Hub: served("text-to-image", "fal-ai", "text-to-image", "live")},
		{ID: "org/labels", Hub: served("text-classification", "together", "text-classification", "live")},
		{ID: "org/unheard-whisper", Provider: "fal-ai", HubErr: errors.New("refused"), ListErr: errors.New("refused")},
		{ID: "org/nowhere", Hub: hub.Model{Task: "summarization"}},
		{ID: "org/silent", Hub: hub.Model{Task: "text-generation"}},
		{ID: "org/video", Hub: served("text-to-video", "fal-ai", "text-to-video", "live")},
		{ID: "org/disabled", Hub: hub.Model{Task: "summarization", Disabled: true}},
		{ID: "org/untagged"},
		{ID: "org/missing", HubErr: &hub.StatusError{Status: 404, Reason: "Repository not found"}},
		{ID: "org/riddle", HubErr: errors.New("refused")},
	}
}

// TestWrite holds the whole file against the golden one.
func TestWrite(t *testing.T) {
	t.Parallel()
	file := draft.File{Token: `token: "${HF_TOKEN}"`}
	for _, f := range models() {
		file.Choices = append(file.Choices, draft.Choose(f))
	}
	draft.Name(file.Choices)
	file.Costs = &draft.Costs{
		Requests: 22320, USD: probe.Some(1.234), Lines: []string{
			draft.Cost("cheap", probe.Some(8928.0), probe.Some(1234567.0), probe.Some(1.234)), draft.Cost("masked", probe.Some(12.0), probe.Opt[float64]{}, probe.Opt[float64]{}),
		},
	}
	got := file.Write()
	const golden = "testdata/config.golden.yaml"
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
		t.Errorf("-want +got\n%s", diff)
	}
	if n := file.Watched(); n != 13 {
		t.Errorf("Watched() = %d, want 13", n)
	}
	if got := len(file.Media()); got != 2 {
		t.Errorf("Media() has %d files, want a picture and a sound", got)
	}
	file.Inline = true
	if got := len(file.Media()); got != 0 {
		t.Errorf("inline, Media() has %d files, want none", got)
	}
}

// TestBudget: with a price for all, dollars are limited too; without a model at
// all providers, whose number is not known.
func TestBudget(t *testing.T) {
	t.Parallel()
	file := draft.File{Choices: []draft.Choice{draft.Choose(models()[0])}, Costs: &draft.Costs{Requests: 8928, USD: probe.Some(3.3)}}
	want := "budget:\n  requests_per_day: 500\n  usd_per_month: 5\n"
	if got := file.Write(); !strings.Contains(got, want) {
		t.Errorf("the file lacks %q:\n%s", want, got)
	}
}
