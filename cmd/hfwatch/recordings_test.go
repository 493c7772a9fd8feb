package main

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hfwatch/hfwatch/config"
	"github.com/hfwatch/hfwatch/internal/daemon"
	"github.com/hfwatch/hfwatch/probe"
	taskof "github.com/hfwatch/hfwatch/probe/task"
)

// recording is one request to Hugging Face and its answer, as recorded.
type recording struct {
	ID          string            `json:"id"`
	URL         string            `json:"url"`
	RequestBody json.RawMessage   `json:"request_body"`
	Status      int               `json:"status"`
	Headers     map[string]string `json:"headers"`
	Body        string            `json:"body"`
	// sent is the request's body, an object.
	sent map[string]json.RawMessage
}

// recordings reads the files that the environment's HFWATCH_RECORDINGS lists.
// They are data to test against and no part of this repository.
func recordings(t *testing.T) map[string]recording {
	t.Helper()
	list := os.Getenv("HFWATCH_RECORDINGS")
	if list == "" {
		t.Skip("HFWATCH_RECORDINGS names no file of recorded traffic")
	}
	all := map[string]recording{}
	for _, name := range filepath.SplitList(list) {
		file, err := os.Open(name)
		if err != nil {
			t.Skip(err)
		}
		defer file.Close()
		lines := bufio.NewScanner(file)
		lines.Buffer(nil, 64<<20)
		for lines.Scan() {
			var r recording
			if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			// The body is recorded as a text that holds JSON, or as JSON itself.
			raw, text := []byte(r.RequestBody), ""
			if json.Unmarshal(raw, &text) == nil {
				raw = []byte(text)
			}
			_ = json.Unmarshal(raw, &r.sent)
			all[r.ID] = r
		}
		if err := lines.Err(); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	if len(all) == 0 {
		t.Fatalf("%s holds no recording", list)
	}
	return all
}

// streams reports whether the answer is a stream of events.
func (r recording) streams() bool {
	return strings.HasPrefix(r.Headers["content-type"], "text/event-stream")
}

// model returns the model that the address or the request names.
func (r recording) model() string {
	var named string
	if json.Unmarshal(r.sent["model"], &named) == nil && strings.Contains(named, "/") {
		return named
	}
	u, err := url.Parse(r.URL)
	if err != nil {
		return "recorded"
	}
	path := strings.TrimSuffix(strings.TrimSuffix(u.Path, "/chat/completions"), "/v1")
	for _, route := range []string{"/models/", "/pipeline/feature-extraction/", "/pipeline/sentence-similarity/", "/pipeline/question-answering/"} {
		if _, id, ok := strings.Cut(path, route); ok {
			return id
		}
	}
	return cmp.Or(named, "recorded")
}

// task returns the task that the pair is of, by its request, its address and
// its model, never by its answer; custom where they do not tell.
func (r recording) task() string {
	inputs, parameters := object(r.sent["inputs"]), object(r.sent["parameters"])
	path, model := strings.ToLower(r.URL), strings.ToLower(r.model())
	named := func(parts ...string) bool {
		return slices.ContainsFunc(parts, func(part string) bool { return strings.Contains(model, part) })
	}
	switch {
	case r.sent["messages"] != nil:
		return "chat-completion"
	case r.sent["prompt"] != nil && strings.HasSuffix(path, "/v1/completions"):
		return "text-generation"
	case strings.Contains(path, "/pipeline/feature-extraction"):
		return "feature-extraction"
	case strings.Contains(path, "/pipeline/sentence-similarity"), inputs["sentences"] != nil, r.sent["sentences"] != nil:
		return "sentence-similarity"
	case parameters["candidate_labels"] != nil && inputs["image"] == nil:
		return "zero-shot-classification"
	case inputs["table"] != nil:
		return "table-question-answering"
	case inputs["context"] != nil, r.sent["context"] != nil:
		return "question-answering"
	case r.ofMedia(model) != "":
		return r.ofMedia(model)
	case named("sentence-transformers/"):
		return "feature-extraction"
	case named("sst-2"):
		return "text-classification"
	case named("conll03"):
		return "token-classification"
	case named("-cnn"):
		return "summarization"
	case named("mbart", "opus-mt", "t5-base", "t5-small"):
		return "translation"
	case named("bert-base-uncased", "roberta-base") && !named("squad"):
		return "fill-mask"
	case named("gpt2", "flan-t5", "llama", "gemma", "mistral", "zephyr"):
		return "text-generation"
	}
	return "custom"
}

// ofMedia returns the task of a request whose input or answer is a file, by its
// model, or nothing. A file in the answer is not recorded, but its JSON is.
func (r recording) ofMedia(model string) string {
	if kind := r.Headers["content-type"]; strings.HasPrefix(kind, "image/") || strings.HasPrefix(kind, "audio/") {
		return ""
	}
	whole := strings.ToLower(r.URL) + " " + model
	for _, known := range [][2]string{
		{"flux", "text-to-image"},
		{"stable-diffusion", "text-to-image"},
		{"sdxl", "text-to-image"},
		{"fastspeech2", "text-to-speech"},
		{"mms-tts", "text-to-speech"},
		{"kokoro", "text-to-speech"},
		{"detr-", "object-detection"},
		{"yolos", "object-detection"},
		{"vit-base-patch16", "image-classification"},
		{"resnet-50", "image-classification"},
		{"image-captioning", "image-to-text"},
		{"vit-gpt2", "image-to-text"},
		{"whisper", "automatic-speech-recognition"},
		{"wav2vec2", "automatic-speech-recognition"},
		{"hubert", "audio-classification"},
		{"superb/", "audio-classification"},
		{"reranker", "text-ranking"},
	} {
		if strings.Contains(whole, known[0]) {
			return known[1]
		}
	}
	return ""
}

// object returns the keys of a JSON object, or none.
func object(raw json.RawMessage) map[string]json.RawMessage {
	var keys map[string]json.RawMessage
	_ = json.Unmarshal(raw, &keys)
	return keys
}

// entry returns the pair as a model of a configuration: the request as a person
// would have written it for a task.
func (r recording) entry(task string) map[string]any {
	input, parameters := r.sent["inputs"], r.sent["parameters"]
	rest := map[string]json.RawMessage{}
	for key, value := range r.sent {
		if !slices.Contains([]string{"inputs", "parameters", "messages", "prompt", "stream", "options", "model", "provider"}, key) {
			rest[key] = value
		}
	}
	switch {
	case task == "custom":
		input, parameters = raw(r.sent), nil
	case task == "chat-completion":
		// A list of messages is one input.
		input, parameters = r.sent["messages"], raw(rest)
	case r.sent["prompt"] != nil:
		input, parameters = r.sent["prompt"], raw(rest)
	case taskof.Media(task) != "" && !inBase64(input):
		// The file went as the body and is not recorded.
		input = taskof.Example(task)[0]
	case len(object(input)) == 0 && len(rest) > 0 && (task == "question-answering" || task == "sentence-similarity"):
		input, parameters = raw(rest), nil
	}
	m := map[string]any{"name": r.ID, "model": r.model(), "task": task, "inputs": []json.RawMessage{input}}
	if len(object(parameters)) > 0 {
		m["parameters"] = parameters
	}
	if string(r.sent["stream"]) == "true" {
		m["stream"] = true
	}
	return m
}

// inBase64 reports whether an input is a text that may be a file in base64.
func inBase64(input json.RawMessage) bool {
	var text string
	return json.Unmarshal(input, &text) == nil && len(text) > 64
}

// raw returns v as JSON.
func raw(v any) json.RawMessage {
	data, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return data
}

// want returns the outcome that the status and the body of the pair stand for,
// by the table of docs/outcomes, independently of the code under test.
func (r recording) want() probe.Outcome {
	body := strings.ToLower(r.Body)
	says := func(words ...string) bool {
		return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(body, w) })
	}
	switch r.Status {
	case http.StatusOK:
		if r.streams() && says(`data:{"error"`, `data: {"error"`) {
			if says("overloaded") {
				return probe.Overloaded
			}
			if says("validation", "must be", "must have") {
				return probe.BadRequest
			}
			return probe.StreamError
		}
		if r.Headers["x-compute-type"] == "cache" {
			return probe.Cached
		}
		return probe.OK
	case http.StatusUnauthorized, http.StatusForbidden:
		return probe.Auth
	case http.StatusPaymentRequired:
		return probe.Billing
	case http.StatusNotFound, http.StatusGone, http.StatusMisdirectedRequest:
		return probe.Gone
	case http.StatusTooManyRequests:
		if says("rate", "quota", "log in") {
			return probe.RateLimited
		}
		return probe.Overloaded
	case http.StatusGatewayTimeout:
		return probe.GatewayTimeout
	case http.StatusRequestTimeout:
		return probe.Overloaded
	}
	switch {
	case r.Status >= 500 && says("loading", "initializing"):
		return probe.Loading
	case r.Status >= 500 && says("overloaded", "too busy"):
		return probe.Overloaded
	case r.Status >= 500, r.Status == http.StatusFailedDependency, says("cuda", "out of memory"):
		return probe.ServerError
	case says("model_not_supported", "not supported by any provider"):
		return probe.Gone
	}
	return probe.BadRequest
}

// replay serves every recording below its id: headers as recorded save those
// that are about the connection it came over, and a stream event by event.
func replay(t *testing.T, all map[string]recording) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		r, ok := asked(all, req)
		if !ok {
			http.NotFound(w, req)
			return
		}
		for name, value := range r.Headers {
			switch name {
			case "connection", "content-encoding", "content-length", "keep-alive", "transfer-encoding":
			default:
				w.Header().Set(name, value)
			}
		}
		w.WriteHeader(r.Status)
		for event := range strings.SplitAfterSeq(r.Body, "\n\n") {
			_, _ = w.Write([]byte(event))
			if r.streams() {
				_ = http.NewResponseController(w).Flush()
			}
		}
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// replayBluntly serves every recording below its id as the simplest of servers
// does: HTTP/1.0, every header as recorded, a body that ends with the
// connection, and all of it at once.
func replayBluntly(t *testing.T, all map[string]recording) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		_, _ = io.Copy(io.Discard, req.Body)
		r, ok := asked(all, req)
		conn, buffered, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer conn.Close()
		if !ok {
			r = recording{Status: http.StatusNotFound}
		}
		fmt.Fprintf(buffered, "HTTP/1.0 %d %s\r\n", r.Status, http.StatusText(r.Status))
		for name, value := range r.Headers {
			if name != "transfer-encoding" && name != "content-length" {
				fmt.Fprintf(buffered, "%s: %s\r\n", name, value)
			}
		}
		fmt.Fprintf(buffered, "\r\n%s", r.Body)
		_ = buffered.Flush()
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// asked returns the recording that the path of a request begins with.
func asked(all map[string]recording, req *http.Request) (recording, bool) {
	id, _, _ := strings.Cut(strings.TrimPrefix(req.URL.Path, "/"), "/")
	r, ok := all[id]
	return r, ok
}

// loads reports why a configuration of one model is refused.
func loads(doc map[string]any) error {
	text := raw(doc)
	_, err := config.Load(config.Options{
		File: "one.yaml", Task: daemon.Task, Available: daemon.Features(),
		Read: func(string, int64) ([]byte, error) { return text, nil },
	})
	return err
}

// probeAll runs `hfwatch probe --json` with a configuration and returns the
// results by target.
func probeAll(t *testing.T, doc map[string]any) map[string]probe.Result {
	t.Helper()
	file := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(file, raw(doc), 0o600); err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	p := process{args: []string{"probe", "--config.file", file, "--storage.path", t.TempDir(), "--json"}, stdout: &out, stderr: &errs}
	if code := p.run(t.Context()); code == exitUsage || errs.Len() > 0 {
		t.Fatalf("hfwatch probe ended with %d:\n%s", code, &errs)
	}
	results := map[string]probe.Result{}
	for lines := json.NewDecoder(&out); lines.More(); {
		var r probe.Result
		if err := lines.Decode(&r); err != nil {
			t.Fatal(err)
		}
		results[r.Target] = r
	}
	return results
}

// score compares verdicts with what they should be, and fails below 98 %.
func score(t *testing.T, all map[string]recording, results map[string]probe.Result) {
	t.Helper()
	right, tasks := 0, map[string]int{}
	for id, got := range results {
		r := all[id]
		tasks[got.Task]++
		want := r.want()
		if want == probe.Cached && got.Task == "custom" {
			// It is judged by its status alone, and bears no nonce to spite.
			want = probe.OK
		}
		if got.Outcome == want {
			right++
			continue
		}
		t.Logf("%s as %s: %s (%s), want %s", r, got.Task, got.Outcome, got.Error, want)
	}
	t.Logf("%d of %d verdicts right; %v", right, len(results), tasks)
	if float64(right) < 0.98*float64(len(results)) || len(results) == 0 {
		t.Errorf("%d of %d verdicts are right, want 98 %%", right, len(results))
	}
}

// ways are how a recording can be put into a configuration.
func ways() []way {
	asItsTask := func(r recording) map[string]any { return r.entry(r.task()) }
	return []way{
		{"as its task", replay, asItsTask},
		{"as it was sent, judged by its status alone", replay, func(r recording) map[string]any { return r.entry("custom") }},
		{"from a server that knows HTTP/1.0 and replays every header", replayBluntly, asItsTask},
		{"without any key that can be left out", replay, func(r recording) map[string]any {
			m := r.entry(r.task())
			delete(m, "model")
			parameters := m["parameters"]
			delete(m, "parameters")
			if r.refuses(m) {
				m["parameters"] = parameters
			}
			return m
		}},
		{"without asking for the stream that comes", replay, func(r recording) map[string]any {
			m := r.entry(r.task())
			delete(m, "stream")
			return m
		}},
		{"with its last message as a text", replay, func(r recording) map[string]any {
			m := r.entry(r.task())
			var messages []struct{ Content string }
			if r.task() == "chat-completion" && json.Unmarshal(r.sent["messages"], &messages) == nil && len(messages) > 0 {
				m["inputs"] = []string{messages[len(messages)-1].Content}
			}
			return m
		}},
	}
}

// way is one of ways: a server, and what a model is without its url.
type way struct {
	name  string
	serve func(*testing.T, map[string]recording) string
	entry func(recording) map[string]any
}

// refuses reports whether a configuration refuses a model, wherever it is.
func (r recording) refuses(m map[string]any) bool {
	m = maps.Clone(m)
	m["url"] = "http://127.0.0.1:1/" + r.ID
	return loads(map[string]any{"models": []any{m}}) != nil
}

// TestRecordings judges recorded traffic through the command line, as a person
// would: one model for each recording, at the address of a server that replays
// it.
func TestRecordings(t *testing.T) {
	t.Parallel()
	all := recordings(t)
	for _, way := range ways() {
		t.Run(way.name, func(t *testing.T) {
			t.Parallel()
			server := way.serve(t, all)
			var models []any
			for _, id := range slices.Sorted(maps.Keys(all)) {
				r := all[id]
				m := way.entry(r)
				if r.refuses(m) {
					// The request itself was wrong; it can still be sent as it was.
					if r.Status == http.StatusOK {
						t.Errorf("a configuration refuses %s as %s", r, r.task())
					}
					m = r.entry("custom")
				}
				m["url"] = server + "/" + r.ID + r.path(t)
				models = append(models, m)
			}
			score(t, all, probeAll(t, map[string]any{"models": models}))
		})
	}
}

// TestRecordingsThroughARouter judges them at the address of a router, where
// hfwatch finds the path by itself.
func TestRecordingsThroughARouter(t *testing.T) {
	t.Parallel()
	all := recordings(t)
	server := replay(t, all)
	results := map[string]probe.Result{}
	for id, r := range all {
		m := r.entry(r.task())
		if r.task() == "chat-completion" {
			m["provider"] = "cerebras"
		}
		doc := map[string]any{"hub": map[string]any{"url": server + "/" + id}, "models": []any{m}}
		if r.task() != "custom" && loads(doc) == nil {
			maps.Copy(results, probeAll(t, doc))
		}
	}
	if len(results) < len(all)/2 {
		t.Errorf("%d of %d recordings can be asked for through the router, want most", len(results), len(all))
	}
	score(t, all, results)
}

// path returns the path that the request was sent to.
func (r recording) path(t *testing.T) string {
	t.Helper()
	u, err := url.Parse(r.URL)
	if err != nil {
		t.Fatal(err)
	}
	return u.EscapedPath()
}

// String names a recording in messages.
func (r recording) String() string { return fmt.Sprintf("%s %d %s", r.ID, r.Status, r.URL) }
