package sim

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// TestStatusFaults holds status, headers and body of every preset on every
// backend against a golden file.
func TestStatusFaults(t *testing.T) {
	t.Parallel()
	var all strings.Builder
	for _, p := range presets() {
		fmt.Fprintf(&all, "# %s: %s\n", p.kind, p.about)
		for _, backend := range Backends() {
			synctest.Test(t, func(t *testing.T) {
				task := Tasks(backend)[0]
				if backend == BackendTGI {
					task = taskGeneration
				}
				b := start(t, one(backend, []string{task}, Behaviour{Fault: Fault{Kind: p.kind}}))
				path, body := "/e/m/", `{"inputs":"x"}`
				if slices.Contains([]string{BackendVLLM, BackendSGLang, BackendLlama, BackendProvider}, backend) {
					path, body = "/e/m/v1/chat/completions", chatStream
				}
				b.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
				got := b.post(path, body)
				want := p.on(backend)
				if got.err != nil || got.status != want.status || b.last().Did != p.kind {
					t.Errorf("%s on %s: %d %v, did %q, want %d", p.kind, backend, got.status, got.err, b.last().Did, want.status)
				}
				extra := ""
				for _, name := range []string{"Www-Authenticate", "X-Error-Message", "Retry-After", "RateLimit", "Location"} {
					if value := got.header.Get(name); value != "" {
						extra += fmt.Sprintf(" [%s: %s]", name, value)
					}
				}
				fmt.Fprintf(&all, "%s: %d %q%s %q\n", backend, got.status, got.header.Get("Content-Type"), extra, got.body)
			})
		}
	}
	golden(t, "status_faults.txt", all.String())
}

// TestEnvelopes answers one status in every envelope.
func TestEnvelopes(t *testing.T) {
	t.Parallel()
	want := map[string]string{
		envString: `{"error":"boom"}`, envList: `{"error":["boom"]}`,
		envWarnings: `{"error":"boom","warnings":["There was an inference error: boom"]}`,
		envEstimate: `{"error":"boom","estimated_time":20.5}`, envErrorType: `{"error":"boom","error_type":"bad"}`,
		envOpenAI:     `{"error":{"message":"boom","type":"bad","param":null,"code":"c"}}`,
		envTGIChat:    `{"error":{"message":"boom","http_status_code":422}}`,
		envFlat:       `{"object":"error","message":"boom","type":"bad","param":null,"code":507}`,
		envLlama:      `{"error":{"code":507,"message":"boom","type":"bad"}}`,
		envEmbeddings: `{"message":"boom","code":507,"type":"bad"}`, envDetail: `{"detail":"boom"}`,
		envDetailList: `{"detail":[{"loc":["body"],"msg":"boom","type":"bad"}]}`, envMessage: `{"message":"boom"}`,
		envText: "boom", envEmpty: "", envHeaders: "",
		envHTML: "<html>\r\n<head><title>boom</title></head>\r\n<body>\r\n<h1>boom</h1>\r\n<hr>nginx\r\n</body>\r\n</html>\r\n",
	}
	estimate := 20.5
	for _, envelope := range Envelopes() {
		synctest.Test(t, func(t *testing.T) {
			b := start(t, one(BackendHF, []string{taskSummary}, Behaviour{Fault: Fault{
				Kind: "status", Status: 507, Envelope: envelope, Message: "boom", ErrorType: "bad", Code: "c",
				EstimatedTime: &estimate, Delay: ms(1500), Headers: map[string]string{"x-more": "yes"},
			}}))
			begin := time.Now()
			got := b.post("/hf-inference/models/org/model", `{"inputs":"x"}`)
			equal(t, envelope, got.body, want[envelope])
			equal(t, envelope+" after", time.Since(begin), 1500*time.Millisecond)
			if got.status != 507 || got.header.Get("X-More") != "yes" || (got.header.Get("X-Error-Message") == "boom") != (envelope == envHeaders) {
				t.Errorf("%s: %d %v", envelope, got.status, got.header)
			}
		})
	}
}

// TestStreamFaults lets every fault of a stream happen after two of four
// tokens, of 100 ms each.
func TestStreamFaults(t *testing.T) {
	t.Parallel()
	yes, no := true, false
	tokens := func(n int) string {
		s := ""
		for _, text := range []string{"A", " good", " monitor", " asks"}[:n] {
			s += text + "|"
		}
		return s
	}
	rows := []struct {
		about string
		fault Fault
		// want is the tokens, other events, comments, and the end.
		want string
		done time.Duration
	}{
		{"none", Fault{}, tokens(4) + "finish|[DONE]|EOF", 400 * time.Millisecond},
		{"error in the backend's form", Fault{Kind: "stream_error", At: 2}, tokens(2) + `{"error":{"message":"Request failed during generation: Server error: CUDA error","http_status_code":422}}|[DONE]|EOF`, 300 * time.Millisecond},
		{"error in form e", Fault{Kind: "stream_error", At: 2, Form: "e", ErrorType: "overloaded", Message: "Model is overloaded"}, tokens(2) + `{"error":"Model is overloaded","error_type":"overloaded"}|EOF`, 300 * time.Millisecond},
		{"error in form e, then [DONE]", Fault{Kind: "stream_error", At: 2, Form: "e", Message: "x", Done: &yes}, tokens(2) + `{"error":"x","error_type":"generation"}|[DONE]|EOF`, 300 * time.Millisecond},
		{"error in form f", Fault{Kind: "stream_error", At: 2, Form: "f", Message: "x"}, tokens(2) + `{"error":{"message":"x","type":"InternalServerError","param":null,"code":500}}|[DONE]|EOF`, 300 * time.Millisecond},
		{"error in form g without [DONE]", Fault{Kind: "stream_error", At: 2, Form: "g", Message: "x", Done: &no}, tokens(2) + `{"error":{"message":"x","http_status_code":422}}|EOF`, 300 * time.Millisecond},
		{"error before any token", Fault{Kind: "stream_error", Message: "x", Form: "e"}, `{"error":"x","error_type":"generation"}|EOF`, 100 * time.Millisecond},
		{"a place past the end is the last token's", Fault{Kind: "stream_eof", At: 99}, tokens(3) + "EOF", 400 * time.Millisecond},
		{"end", Fault{Kind: "stream_eof", At: 2}, tokens(2) + "EOF", 300 * time.Millisecond},
		{"cut", Fault{Kind: "stream_cut", At: 2}, tokens(2) + "unexpected EOF", 300 * time.Millisecond},
		{"reset", Fault{Kind: "stream_reset", At: 2}, tokens(2) + "reset", 300 * time.Millisecond},
		{"stall that ends", Fault{Kind: "stream_stall", At: 2, Delay: ms(20_000)}, tokens(4) + "finish|[DONE]|EOF", 20_400 * time.Millisecond},
		{"stall with comments", Fault{Kind: "stream_stall", At: 2, Delay: ms(40_000), Comments: true}, tokens(2) + ":|:|" + " monitor| asks|finish|[DONE]|EOF", 40_400 * time.Millisecond},
		{"empty", Fault{Kind: "empty_stream"}, "EOF", 100 * time.Millisecond},
		{"malformed", Fault{Kind: "malformed_event", At: 2}, tokens(2) + "malformed| monitor| asks|finish|[DONE]|EOF", 400 * time.Millisecond},
		{"no [DONE]", Fault{Kind: "no_done"}, tokens(4) + "finish|EOF", 400 * time.Millisecond},
		{"no finish reason", Fault{Kind: "no_finish"}, tokens(4) + "[DONE]|EOF", 400 * time.Millisecond},
		{"reset half way", Fault{Kind: "reset_mid_body"}, tokens(2) + "reset", 300 * time.Millisecond},
		{"cut half way", Fault{Kind: "truncated_body"}, tokens(2) + "unexpected EOF", 300 * time.Millisecond},
		{"closed after all", Fault{Kind: "close_after_response"}, tokens(4) + "finish|[DONE]|unexpected EOF", 400 * time.Millisecond},
	}
	for _, row := range rows {
		t.Run(row.about, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := start(t, one(BackendTGI, []string{taskChat}, Behaviour{
					Tokens: 4, Latency: Latency{Prefill: ms(100), PerToken: ms(100)}, Fault: row.fault,
				}))
				arrivals, _, err := b.stream("/e/m/v1/chat/completions", chatStream)
				equal(t, "stream", condense(t, arrivals)+ending(err), row.want)
				rec := b.last()
				equal(t, "done", rec.Done.Sub(rec.Received), row.done)
				want := row.fault.Kind
				if want == "" {
					want = "ok"
				}
				equal(t, "did", rec.Did, want)
			})
		})
	}
}

// condense names the events of a stream, each followed by a bar.
func condense(t *testing.T, arrivals []arrival) string {
	t.Helper()
	var text, out strings.Builder
	for _, a := range arrivals {
		text.WriteString(a.text)
	}
	for line := range strings.Lines(text.String()) {
		data, isData := strings.CutPrefix(strings.TrimRight(line, "\n"), "data:")
		data = strings.TrimSpace(data)
		_, after, isChunk := strings.Cut(data, `"content":"`)
		switch {
		case strings.HasPrefix(line, ":"):
			out.WriteString(":|")
		case !isData:
		case strings.Contains(data, `"finish_reason":"`):
			out.WriteString("finish|")
		case isChunk && !strings.HasSuffix(data, "}"):
			out.WriteString("malformed|")
		case isChunk:
			said, _, _ := strings.Cut(after, `"`)
			out.WriteString(said + "|")
		default:
			out.WriteString(data + "|")
		}
	}
	return out.String()
}

// ending names how a stream ended.
func ending(err error) string {
	switch {
	case err == nil:
		return "EOF"
	case errors.Is(err, io.ErrUnexpectedEOF):
		return "unexpected EOF"
	case errors.Is(err, syscall.ECONNRESET):
		return "reset"
	default:
		return err.Error()
	}
}

// TestStallForEver ends when the client leaves.
func TestStallForEver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := start(t, one(BackendVLLM, []string{taskChat}, Behaviour{
			Tokens: 4, Fault: Fault{Kind: "stream_stall", At: 2, Comments: true},
		}))
		b.client.Timeout = 50 * time.Second
		arrivals, _, err := b.stream("/e/m/v1/chat/completions", chatStream)
		if err == nil || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error = %v, want the client's own timeout", err)
		}
		equal(t, "stream", condense(t, arrivals), "|A| good|:|:|:|")
		equal(t, "did", b.last().Did, "stream_stall")
	})
}

// TestAnswerFaults checks bodies that are wrong inside a 200.
func TestAnswerFaults(t *testing.T) {
	t.Parallel()
	rows := []struct {
		fault Fault
		want  string
	}{
		{Fault{Kind: "wrong_answer"}, `[[{"label":"NEGATIVE","score":`},
		{Fault{Kind: "bad_shape", Variant: "empty_inner_list"}, `[[]]`},
		{Fault{Kind: "error_in_200", Message: "boom"}, `{"error":"boom"}`},
		{Fault{Kind: "html_in_200"}, "<html>"},
		{Fault{Kind: "empty_body"}, ""},
		{Fault{Kind: "not_json"}, `[[{"label":"POSITIVE"`},
	}
	for _, row := range rows {
		synctest.Test(t, func(t *testing.T) {
			b := start(t, one(BackendHF, []string{taskTextClass}, Behaviour{Fault: row.fault}))
			got := b.post("/hf-inference/models/org/model", `{"inputs":"I love it."}`)
			if got.status != 200 || !strings.HasPrefix(got.body, row.want) || (row.want == "") != (got.body == "") {
				t.Errorf("%s: %d %q, want 200 %q…", row.fault.Kind, got.status, got.body, row.want)
			}
			equal(t, "did", b.last().Did, row.fault.Kind)
		})
	}
}

// TestTextFaults checks generated texts that are no answer.
func TestTextFaults(t *testing.T) {
	t.Parallel()
	rows := []struct{ kind, task, want string }{
		{"empty_text", taskSummary, `[{"summary_text":""}]`},
		{"blank_text", taskSummary, `[{"summary_text":" \n"}]`},
		{"empty_text", taskGeneration, `[{"generated_text":"a b"}]`}, // The prompt comes back all the same.
		{"wrong_answer", taskGeneration, `[{"generated_text":"a bI would rather talk about the weather."}]`},
		{"thinking_only", taskChat, `"content":null,"reasoning_content":"The user"},"logprobs":null,"finish_reason":"length"}`},
		{"content_filter", taskChat, `"content":""},"logprobs":null,"finish_reason":"content_filter"}`},
	}
	for _, row := range rows {
		synctest.Test(t, func(t *testing.T) {
			b := start(t, one(BackendHF, []string{row.task}, Behaviour{Fault: Fault{Kind: row.kind}}))
			path, body := "/hf-inference/models/org/model", `{"inputs":"a b"}`
			if row.task == taskChat {
				path, body = path+"/v1/chat/completions", `{"messages":[{"role":"user","content":"x"}],"max_tokens":2}`
			}
			got := b.post(path, body)
			if got.status != 200 || !strings.Contains(got.body, row.want) {
				t.Errorf("%s: %d %s, want %s", row.kind, got.status, got.body, row.want)
			}
			equal(t, "did", b.last().Did, row.kind)
		})
	}
}

// TestRatio lets a fault strike some of the requests only.
func TestRatio(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := start(t, one(BackendHF, []string{taskSummary}, Behaviour{Fault: Fault{Kind: "overloaded", Ratio: 0.2}}))
		bad := 0
		for i := range 500 {
			if b.post("/hf-inference/models/org/model", fmt.Sprintf(`{"inputs":"%d"}`, i)).status == 503 {
				bad++
			}
		}
		if bad < 70 || bad > 130 {
			t.Errorf("%d of 500 struck, want about 100", bad)
		}
	})
}
