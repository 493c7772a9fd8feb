package task_test

import (
	"bufio"
	"encoding/json"
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/hfwatch/hfwatch/probe"
)

// recordings is a file of real traffic, one recording a line. It is data to
// test against and no part of this repository: without it the test is skipped.
var recordings = flag.String("recordings", os.Getenv("HFWATCH_RECORDINGS"), "file of recorded traffic to judge, one JSON object a line")

// recording is one request and its answer.
type recording struct {
	ID          string            `json:"id"`
	URL         string            `json:"url"`
	RequestBody json.RawMessage   `json:"request_body"`
	Status      int               `json:"status"`
	Headers     map[string]string `json:"headers"`
	Body        string            `json:"body"`
}

// request returns the request's body, which is recorded as JSON or as a text.
func (r recording) request() map[string]json.RawMessage {
	raw := []byte(r.RequestBody)
	var text string
	if json.Unmarshal(raw, &text) == nil {
		raw = []byte(text)
	}
	var body map[string]json.RawMessage
	if json.Unmarshal(raw, &body) != nil {
		return nil
	}
	return body
}

// task returns the name of the task that the pair is of, by its address, its
// request and its model, never by what the answer's checker would say.
func (r recording) task() string {
	body := r.request()
	var inputs map[string]json.RawMessage
	_ = json.Unmarshal(body["inputs"], &inputs)
	var parameters map[string]json.RawMessage
	_ = json.Unmarshal(body["parameters"], &parameters)
	for _, known := range [][2]string{
		{"/pipeline/feature-extraction", "feature-extraction"},
		{"/pipeline/sentence-similarity", "sentence-similarity"},
		{"distilbert-base-nli-mean-tokens", "feature-extraction"},
		{"finetuned-sst-2-english", "text-classification"},
		{"distilbart-cnn", "summarization"},
		{"mbart-large-50", "translation"},
		{"t5-base", "translation"},
		{"bert-base-uncased", "fill-mask"},
		{"distilroberta-base", "fill-mask"},
		{"conll03", "token-classification"},
		{"roberta-base-squad2", "question-answering"},
		{"tapas", "table-question-answering"},
		{"gpt2", "text-generation"},
		{"flan-t5", "text-generation"},
		{"Llama-2-7b-hf", "text-generation"},
		{"Llama-3.2-3B", "text-generation"},
	} {
		part, name := known[0], known[1]
		here := strings.HasSuffix(r.URL, part) || strings.Contains(r.URL, part+"-") || strings.Contains(r.URL, part+"/")
		if here && body["messages"] == nil {
			return name
		}
	}
	switch {
	case body["messages"] != nil:
		return "chat-completion"
	case body["prompt"] != nil && strings.Contains(r.URL, "/v1/completions"):
		return "text-generation"
	case parameters["candidate_labels"] != nil:
		return "zero-shot-classification"
	case inputs["sentences"] != nil:
		return "sentence-similarity"
	case inputs["context"] != nil:
		return "question-answering"
	case inputs["query"] != nil:
		return "table-question-answering"
	default:
		return "custom"
	}
}

// ask returns what hfwatch would have asked to send the request.
func (r recording) ask(name string) probe.Ask {
	body := r.request()
	a := probe.Ask{Route: probe.RouteURL, Model: "recorded", Input: body["inputs"], Parameters: body["parameters"], Nonce: "0a1b2c3d"}
	a.Stream = string(body["stream"]) == "true"
	own := func(skip ...string) json.RawMessage {
		rest := map[string]json.RawMessage{}
		for k, v := range body {
			rest[k] = v
		}
		for _, k := range append(skip, "stream", "options", "model", "provider") {
			delete(rest, k)
		}
		data, err := json.Marshal(rest)
		if err != nil {
			panic(err)
		}
		return data
	}
	switch name {
	case "chat-completion":
		a.Input, a.Parameters = body["messages"], own("messages")
	case "feature-extraction":
		a.Parameters = own("inputs")
	case "question-answering", "sentence-similarity":
		if len(a.Input) == 0 || string(a.Input) == "null" {
			a.Input, a.Parameters = own("inputs", "parameters"), nil
		}
	case "text-generation":
		if body["prompt"] != nil {
			a.Input, a.Parameters = body["prompt"], own("prompt", "inputs")
		}
	case "custom":
		a.Input, a.Parameters = own(), nil
	}
	return a
}

// answer returns the pair's answer as hf hands it to Check, with the stream
// split into events by a small splitter of this test's own.
func (r recording) answer(tk probe.Task) (a probe.Answer, failed bool) {
	a.Status = r.Status
	if !strings.HasPrefix(r.Headers["content-type"], "text/event-stream") {
		a.Body = []byte(r.Body)
		return a, false
	}
	a.Streamed = true
	for block := range strings.SplitSeq(strings.ReplaceAll(r.Body, "\r\n", "\n"), "\n\n") {
		var data []string
		for line := range strings.SplitSeq(block, "\n") {
			if rest, ok := strings.CutPrefix(line, "data:"); ok {
				data = append(data, strings.TrimPrefix(rest, " "))
			}
		}
		if data == nil {
			continue
		}
		raw := []byte(strings.Join(data, "\n"))
		e := tk.Event(raw, a.Progress)
		failed = failed || e.Failed
		a.Events = append(a.Events, raw)
		a.Progress = a.Progress.Add(e)
	}
	return a, failed
}

// TestRecordings judges every recorded answer with status 200: genuine answers
// are good, errors inside a stream are seen as such.
func TestRecordings(t *testing.T) {
	if *recordings == "" {
		t.Skip("no recordings were given with -recordings")
	}
	file, err := os.Open(*recordings)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 64<<20)
	good, all, judged := 0, 0, map[string]int{}
	for lines.Scan() {
		var r recording
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			t.Fatal(err)
		}
		if r.Status != 200 {
			continue
		}
		all++
		name := r.task()
		judged[name]++
		tk := must(t, name)
		ask := r.ask(name)
		if _, err := tk.Build(ask); err != nil {
			t.Errorf("%s %s %s: Build() = %v, want the recorded request to be possible", r.ID, name, r.URL, err)
			continue
		}
		a, failed := r.answer(tk)
		if strings.Contains(r.Body, `data:{"error"`) || strings.Contains(r.Body, `data: {"error"`) {
			if !failed {
				t.Errorf("%s %s %s: no event has Failed, want the error seen", r.ID, name, r.URL)
				continue
			}
			good++
			continue
		}
		v := tk.Check(ask, a)
		if failed || v.Outcome != probe.OK || v.Shape == "" {
			t.Errorf("%s %s %s: Check() = %s, %s, %q, failed %v, want ok", r.ID, name, r.URL, v.Outcome, v.Shape, v.Reason, failed)
			continue
		}
		if len(v.Warnings) > 0 {
			t.Logf("%s %s: %q", r.ID, name, v.Warnings)
		}
		good++
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d of %d answers judged right; by task: %v", good, all, judged)
	if all < 100 || len(judged) < 10 {
		t.Errorf("%d answers of %d tasks were judged, want the whole collection", all, len(judged))
	}
}
