package sim

import (
	"strings"
	"testing"
	"testing/synctest"
)

// TestPersonalities holds every way of streaming against its golden bytes.
func TestPersonalities(t *testing.T) {
	t.Parallel()
	chat := `{"model":"org/model","messages":[{"role":"user","content":"Name three colours."}],"stream":true,"stream_options":{"include_usage":true}}`
	for name, sse := range Personalities() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				backend, path := BackendVLLM, "/e/m/v1/chat/completions"
				switch {
				case strings.HasPrefix(name, "tgi"):
					backend = BackendTGI
				case name == BackendSGLang, name == BackendLlama:
					backend = name
				}
				b := start(t, one(backend, []string{taskChat}, Behaviour{SSE: sse, Text: "Red, yellow and blue.", Latency: Latency{Prefill: ms(40), PerToken: ms(20_000)}}))
				got := b.post(path, chat)
				if got.status != 200 || got.err != nil || !strings.HasPrefix(got.header.Get("Content-Type"), "text/event-stream") {
					t.Errorf("POST = %d %v %v", got.status, got.err, got.header)
				}
				golden(t, "sse/"+name+".txt", got.body)
			})
		})
	}
}

// TestOtherStreams holds TGI's native routes, plain completions, tools and
// limits against their golden bytes.
func TestOtherStreams(t *testing.T) {
	t.Parallel()
	rows := []struct {
		about, backend, path, body string
		behaviour                  Behaviour
	}{
		{"tgi-native", BackendTGI, "/generate_stream", `{"inputs":"Name colours:","parameters":{"details":true}}`, Behaviour{}},
		{"tgi-native-length", BackendTGI, "/", `{"inputs":"Name colours:","parameters":{"max_new_tokens":2,"details":true},"stream":true}`, Behaviour{}},
		{"tgi-native-old", BackendTGI, "/generate_stream", `{"inputs":"Name colours:"}`, Behaviour{SSE: SSE{Style: "tgi-old"}}},
		{"tgi-completions", BackendTGI, "/v1/completions", `{"prompt":"Name colours:","stream":true,"max_tokens":2}`, Behaviour{}},
		{"vllm-completions", BackendVLLM, "/v1/completions", `{"prompt":"Name colours:","stream":true}`, Behaviour{}},
		{"vllm-length", BackendVLLM, "/v1/chat/completions", `{"messages":[{"role":"user","content":"x"}],"stream":true,"max_tokens":2}`, Behaviour{}},
		{"tgi-length", BackendTGI, "/v1/chat/completions", `{"messages":[{"role":"user","content":"x"}],"stream":true,"max_tokens":2}`, Behaviour{}},
		{
			"vllm-tool", BackendVLLM, "/v1/chat/completions",
			`{"messages":[{"role":"user","content":"x"}],"stream":true,"tools":[{"type":"function","function":{"name":"weather","parameters":{"type":"object","properties":{"city":{"type":"string"},"days":{"type":"integer"}}}}}]}`,
			Behaviour{},
		},
		{
			"tgi-tool", BackendTGI, "/v1/chat/completions",
			`{"messages":[{"role":"user","content":"x"}],"stream":true,"tools":[{"type":"function","function":{"name":"weather","parameters":{"type":"object","properties":{"city":{"type":"string"}}}}}]}`,
			Behaviour{},
		},
		{"vllm-thinking-only", BackendVLLM, "/v1/chat/completions", `{"messages":[{"role":"user","content":"x"}],"stream":true,"max_tokens":3}`, Behaviour{Fault: Fault{Kind: "thinking_only"}}},
		{"vllm-filtered", BackendVLLM, "/v1/chat/completions", `{"messages":[{"role":"user","content":"x"}],"stream":true}`, Behaviour{Fault: Fault{Kind: "content_filter", At: 1}}},
	}
	for _, row := range rows {
		t.Run(row.about, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				row.behaviour.Text = "Red and blue."
				b := start(t, one(row.backend, []string{taskChat, taskGeneration}, row.behaviour))
				got := b.post("/e/m"+row.path, row.body)
				if got.status != 200 || got.err != nil {
					t.Errorf("POST = %d %v", got.status, got.err)
				}
				golden(t, "sse/"+row.about+".txt", got.body)
			})
		})
	}
}
