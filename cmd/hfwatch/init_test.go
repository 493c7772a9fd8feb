package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hfwatch/hfwatch/probe/task"
	"github.com/hfwatch/hfwatch/sim"
)

// typed runs a command line in-process, and returns what it printed.
func typed(t *testing.T, environ []string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	p := &process{args: args, environ: environ, stdin: strings.NewReader(""), stdout: &out, stderr: &errs}
	code = p.run(t.Context())
	return code, out.String(), errs.String()
}

// TestInitOfEveryTask: what init writes for a model of each task passes check,
// and runs against the simulator with every probe ok.
func TestInitOfEveryTask(t *testing.T) {
	t.Parallel()
	var scenario sim.Scenario
	var ids []string
	for _, name := range task.Names() {
		m := sim.Model{Name: name, ID: "org/" + name, Tasks: []string{name}, Backend: sim.BackendHF}
		switch {
		case name == "custom":
			continue
		case name == "image-text-to-text":
			m.Listing.Images = true
			m.Tasks, m.Backend, m.Provider = []string{"chat-completion"}, sim.BackendProvider, "novita"
		case task.Chats(name):
			price := 0.5
			m.Backend, m.Provider, m.Listing.InputPrice, m.Listing.OutputPrice = sim.BackendProvider, "novita", &price, &price
		case name == "fill-mask":
			m.Listing.MaskToken = "<mask>"
		}
		scenario.Models = append(scenario.Models, m)
		ids = append(ids, m.ID)
	}
	if len(ids) != 22 {
		t.Fatalf("%d tasks, want 22 besides custom: %v", len(ids), ids)
	}
	server, err := sim.New(scenario, sim.Options{})
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(server.Handler())
	defer web.Close()
	dir := t.TempDir()
	file := filepath.Join(dir, "config.yaml")
	if code, _, errs := typed(t, nil, append([]string{"init", "--hub.url", web.URL, "--output", file}, ids...)...); code != 0 {
		t.Fatalf("init ended with %d:\n%s", code, errs)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"price: {usd_per_mtok_input: 0.5, usd_per_mtok_output: 0.5}", "leaves from the <mask> at seven", "input_file: sample-boat.png", "input_file: sample-tone.wav", "provider: novita", "requests_per_day: "} {
		if !strings.Contains(string(text), want) {
			t.Errorf("the file lacks %q:\n%s", want, text)
		}
	}
	if code, _, errs := typed(t, nil, "check", file); code != 0 {
		t.Errorf("check ended with %d:\n%s", code, errs)
	}
	code, out, errs := typed(t, nil, "probe", "--config.file", file, "--storage.path", filepath.Join(dir, "data"))
	if code != 0 {
		t.Errorf("probe ended with %d:\n%s%s", code, out, errs)
	}
	if n := strings.Count(out, " ok "); n != len(ids) {
		t.Errorf("%d probes are ok, want %d:\n%s", n, len(ids), out)
	}
	// What is there is not overwritten.
	if code, _, errs := typed(t, nil, "init", "--offline", "--output", file, "org/chat-instruct"); code != 1 || !strings.Contains(errs, "is there already") {
		t.Errorf("init over a file ended with %d: %s", code, errs)
	}
	if after, err := os.ReadFile(file); err != nil || !bytes.Equal(text, after) {
		t.Errorf("the file changed: %v", err)
	}
}

// TestInitOffline guesses by the id, says so, and what it writes passes check.
func TestInitOffline(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "config.yaml")
	ids := []string{
		"openai/whisper-large-v3", "meta-llama/Llama-3.1-8B-Instruct", "sentence-transformers/all-MiniLM-L6-v2", "google/vit-base-patch16-224", "facebook/bart-large-cnn",
		"facebook/bart-large-mnli", "black-forest-labs/FLUX.1-schnell", "dslim/bert-base-NER", "BAAI/bge-reranker-base", "suno/bark-small", "google/tapas-base-finetuned-wtq",
		"deepset/roberta-base-squad2", "Qwen/Qwen2.5-VL-7B-Instruct", "distilbert/distilbert-base-uncased-finetuned-sst-2-english", "google-bert/bert-base-uncased",
		"Helsinki-NLP/opus-mt-en-fr", "acme/nobody-knows",
	}
	want := []string{
		"automatic-speech-recognition", "chat-completion", "feature-extraction", "image-classification", "summarization", "zero-shot-classification", "text-to-image",
		"token-classification", "text-ranking", "text-to-speech", "table-question-answering", "question-answering", "image-text-to-text", "text-classification", "fill-mask", "translation",
	}
	code, _, errs := typed(t, []string{"HF_TOKEN=hf_hidden"}, append([]string{"init", "--offline", "--output", file}, ids...)...)
	if code != 0 || !strings.Contains(errs, "acme/nobody-knows is left out: what it does could not be learned") {
		t.Fatalf("init ended with %d:\n%s", code, errs)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for line := range strings.Lines(string(text)) {
		if task, found := strings.CutPrefix(line, "    task: "); found {
			got = append(got, strings.TrimSpace(task))
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("tasks = %q\nwant    %q", got, want)
	}
	for _, has := range []string{"GUESSED: the task", "nobody was asked (--offline)", `token: "${HF_TOKEN}"`, "provider: all"} {
		if !strings.Contains(string(text), has) {
			t.Errorf("the file lacks %q", has)
		}
	}
	if strings.Contains(string(text)+errs, "hf_hidden") {
		t.Error("the token is shown")
	}
	if code, _, errs := typed(t, []string{"HF_TOKEN=hf_hidden"}, "check", file); code != 0 {
		t.Errorf("check ended with %d:\n%s", code, errs)
	}
	if code, _, errs := typed(t, nil, "init", "--offline", "--output", "-", "acme/nobody-knows"); code != 1 || !strings.Contains(errs, "none of these models can be watched") {
		t.Errorf("init of nothing that is known ended with %d: %s", code, errs)
	}
}

// TestInitChooses the provider: the cheapest that is live, and the one that was
// asked for.
func TestInitChooses(t *testing.T) {
	t.Parallel()
	var scenario sim.Scenario
	for i, provider := range []string{"cerebras", "groq", "novita"} {
		price := float64(3 - i)
		m := sim.Model{Name: provider, ID: "org/chat", Tasks: []string{"chat-completion"}, Backend: sim.BackendProvider, Provider: provider}
		m.Listing.InputPrice, m.Listing.OutputPrice = &price, &price
		if provider == "novita" {
			m.Listing.Status = "error"
		}
		scenario.Models = append(scenario.Models, m)
	}
	server, err := sim.New(scenario, sim.Options{})
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(server.Handler())
	defer web.Close()
	for model, want := range map[string]string{"org/chat": "groq", "org/chat:cerebras": "cerebras"} {
		code, out, errs := typed(t, nil, "init", "--hub.url", web.URL, "--output", "-", model)
		if code != 0 || !strings.Contains(out, "    provider: "+want+"\n") {
			t.Errorf("init %s ended with %d:\n%s%s", model, code, out, errs)
		}
	}
	if requests := len(server.Truth()); requests != 4 {
		t.Errorf("%d requests, want the list and the model for each", requests)
	}
	// Whoever interrupts gets no half of a file.
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var out, errs bytes.Buffer
	p := &process{args: []string{"init", "--hub.url", web.URL, "--output", "-", "org/chat"}, stdout: &out, stderr: &errs}
	if code := p.run(ctx); code == 0 || out.Len() > 0 {
		t.Errorf("interrupted, it ended with %d: %s", code, fmt.Sprint(out.String(), errs.String()))
	}
}
