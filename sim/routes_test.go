package sim

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
)

// router is a scenario with several models behind the router and endpoints.
func router() Scenario {
	return Scenario{Seed: 1, Models: []Model{
		{Name: "slow", ID: "org/chat", Tasks: []string{taskChat}, Backend: BackendProvider, Provider: "groq", Behaviour: Behaviour{Text: "slow", Latency: Latency{Prefill: ms(900)}}},
		{Name: "fast", ID: "org/chat", Tasks: []string{taskChat}, Backend: BackendProvider, Provider: "cerebras", ProviderModel: "chat-8b", Behaviour: Behaviour{Text: "fast", Latency: Latency{Prefill: ms(100), PerToken: ms(4)}}},
		{Name: "gpt2", ID: "gpt2", Tasks: []string{taskGeneration}, Backend: BackendHF, Behaviour: Behaviour{Text: "gpt2"}},
		{Name: "mini", ID: "org/mini", Tasks: []string{taskSimilarity, taskFeatures}, Backend: BackendHF, Behaviour: Behaviour{Dimension: 2}},
		{Name: "behind", ID: "org/tgi", Tasks: []string{taskChat, taskGeneration}, Backend: BackendTGI, Provider: BackendHF, Hosts: []string{"abc.endpoints.huggingface.cloud"}, Behaviour: Behaviour{Text: "tgi"}},
		{Name: "tei", ID: "org/tei", Tasks: []string{taskFeatures, taskSimilarity}, Backend: BackendTEI, Provider: BackendHF, Behaviour: Behaviour{Dimension: 2, RequireAuth: true}},
		{Name: "vllm", ID: "org/vllm", Tasks: []string{taskChat}, Backend: BackendVLLM, Behaviour: Behaviour{Text: "vllm"}},
		{Name: "kit", ID: "org/kit", Tasks: []string{taskSummary}, Backend: BackendToolkit, Behaviour: Behaviour{Text: "kit"}},
	}}
}

// TestRoutes asks by every way there is, and by ways there are not.
func TestRoutes(t *testing.T) {
	t.Parallel()
	chat := func(model string) string {
		return `{"model":"` + model + `","messages":[{"role":"user","content":"x"}]}`
	}
	text := `{"inputs":"x","parameters":{"return_full_text":false}}`
	similar := `{"inputs":{"source_sentence":"a","sentences":["a"]}}`
	rows := []struct {
		about, method, path, body string
		header                    []string
		status                    int
		contains                  string
		model, did                string
	}{
		{"a provider pinned", "POST", "/v1/chat/completions", chat("org/chat:groq"), nil, 200, `"content":"slow"`, "slow", "ok"},
		{"no provider is the fastest", "POST", "/v1/chat/completions", chat("org/chat"), nil, 200, `"content":"fast"`, "fast", "ok"},
		{"a policy is the fastest", "POST", "/v1/chat/completions", chat("org/chat:cheapest"), nil, 200, `"model":"chat-8b"`, "fast", "ok"},
		{"a provider without the model", "POST", "/v1/chat/completions", chat("org/chat:novita"), nil, 400, `"code":"model_not_supported"`, "", "unknown_model"},
		{"a model that nobody has", "POST", "/v1/chat/completions", chat("org/none"), nil, 400, `The requested model 'org/none' is not supported`, "", "unknown_model"},
		{"a provider's own path and id", "POST", "/cerebras/v1/chat/completions", chat("chat-8b"), nil, 200, `"content":"fast"`, "fast", "ok"},
		{"a provider's own path with the Hub's id", "POST", "/cerebras/v1/chat/completions", chat("org/chat"), nil, 400, `{"error":"Model not supported by provider cerebras"}`, "", "unknown_model"},
		{"another provider's path", "POST", "/groq/v1/chat/completions", chat("org/chat"), nil, 404, `no Route matched`, "", "no_route"},
		{"a removed provider", "POST", "/nebius/v1/chat/completions", chat("org/chat"), nil, 404, "Not Found", "", "no_route"},
		{"an id of one part", "POST", "/hf-inference/models/gpt2", text, nil, 200, `[{"generated_text":"gpt2"}]`, "gpt2", "ok"},
		{"no such model", "POST", "/hf-inference/models/org/none", text, nil, 404, `{"error":"Model org/none does not exist"}`, "", "unknown_model"},
		{"the first task without a suffix", "POST", "/hf-inference/models/org/mini", similar, nil, 200, "[1.0]", "mini", "ok"},
		{"a task by its suffix", "POST", "/hf-inference/models/org/mini/pipeline/feature-extraction", `{"inputs":"x"}`, nil, 200, "[", "mini", "ok"},
		{"a task in the deprecated order", "POST", "/hf-inference/pipeline/feature-extraction/org/mini", `{"inputs":"x"}`, nil, 200, "[", "mini", "ok"},
		{"the wrong task without a suffix", "POST", "/hf-inference/models/org/mini", `{"inputs":"x"}`, nil, 400, "inputs.source_sentence", "mini", "bad_request"},
		{"a task that it cannot", "POST", "/hf-inference/models/org/mini/pipeline/summarization", text, nil, 400, "does not support task", "", "bad_request"},
		{"chat on hf-inference", "POST", "/hf-inference/models/org/tgi/v1/chat/completions", chat("tgi"), nil, 200, `"model":"tgi"`, "behind", "ok"},
		{"TGI behind hf-inference", "POST", "/hf-inference/models/org/tgi", text, nil, 200, `[{"generated_text":"tgi"}]`, "behind", "ok"},
		{"TEI behind hf-inference", "POST", "/hf-inference/models/org/tei/pipeline/sentence-similarity", similar, nil, 200, "[1.0]", "tei", "ok"},
		{"an endpoint by its host", "POST", "/generate", text, []string{"Host", "abc.endpoints.huggingface.cloud"}, 200, `{"generated_text":"tgi"}`, "behind", "ok"},
		{"an endpoint's address exactly as given", "POST", "/e/kit", `{"inputs":"x"}`, nil, 200, "kit", "kit", "ok"},
		{"a key is wanted: TEI says nothing", "POST", "/e/tei/embed", `{"inputs":"x"}`, nil, 401, "", "tei", "no_token"},
		{"a key is wanted for TEI's info too", "GET", "/e/tei/info", "", nil, 401, "", "tei", "no_token"},
		{"a key is given", "POST", "/e/tei/embed", `{"inputs":"x"}`, []string{"Authorization", "Bearer k"}, 200, "[[", "tei", "ok"},
		{"info of TEI", "GET", "/e/tei/info", "", []string{"Authorization", "Bearer k"}, 200, `"model_id":"org/tei"`, "tei", "ok"},
		{"info of TGI", "GET", "/e/behind/info", "", nil, 200, `"router":"text-generation-router"`, "behind", "ok"},
		{"health of TGI", "GET", "/e/behind/health", "", nil, 200, "", "behind", "ok"},
		{"health of TGI at the root", "GET", "/e/behind", "", nil, 200, "", "behind", "ok"},
		{"health of the toolkit", "GET", "/e/kit/health", "", nil, 200, "Ok", "kit", "ok"},
		{"vLLM has no root", "GET", "/e/vllm/", "", nil, 404, `{"detail":"Not Found"}`, "vllm", "no_route"},
		{"models of vLLM", "GET", "/e/vllm/v1/models", "", nil, 200, `"id":"org/vllm"`, "vllm", "ok"},
		{"vLLM knows its model's name", "POST", "/e/vllm/v1/chat/completions", chat("other"), nil, 404, "The model `other` does not exist.", "vllm", "bad_request"},
		{"TGI has no embeddings", "POST", "/e/behind/v1/embeddings", text, nil, 404, "", "behind", "no_route"},
		{"no such endpoint", "POST", "/e/none/embed", text, nil, 404, "Not Found", "", "no_route"},
		{"the wrong method", "DELETE", "/e/kit/", "", nil, 405, "", "", "no_route"},
		{"a GET of an inference route", "GET", "/hf-inference/models/gpt2", "", nil, 405, "", "gpt2", "no_route"},
		{"the legacy host", "POST", "/models/gpt2", text, []string{"Host", "api-inference.huggingface.co"}, 410, "no longer supported", "", "gone"},
		{"the list of models", "GET", "/v1/models", "", nil, 200, `{"provider":"cerebras","status":"live","context_length":4096,"first_token_latency_ms":100,"throughput":250.0,"is_model_author":false}`, "", "ok"},
		{"one model of the list", "GET", "/v1/models/org/chat", "", nil, 200, `{"id":"org/chat","object":"model","created":1700000000,"owned_by":"org"`, "", "ok"},
		{"none of the list", "GET", "/v1/models/org/none", "", nil, 404, "model_not_found", "", "unknown_model"},
	}
	for _, row := range rows {
		t.Run(row.about, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := start(t, router())
				got := b.send(row.method, row.path, row.body, row.header...)
				if got.err != nil || got.status != row.status || !strings.Contains(got.body, row.contains) {
					t.Errorf("%s %s = %d %s %v, want %d %s", row.method, row.path, got.status, got.body, got.err, row.status, row.contains)
				}
				rec := b.last()
				if rec.Model != row.model || rec.Did != row.did || rec.Status != row.status {
					t.Errorf("truth: model %q did %q status %d, want %q %q %d", rec.Model, rec.Did, rec.Status, row.model, row.did, row.status)
				}
			})
		})
	}
}

// TestRequestsThatBackendsRefuse checks each backend's own complaint.
func TestRequestsThatBackendsRefuse(t *testing.T) {
	t.Parallel()
	rows := []struct {
		about, backend, task, path, body string
		header                           []string
		status                           int
		want                             string
	}{
		{"TGI: a map", BackendTGI, taskGeneration, "/e/m/generate", `{"inputs": {"text": "Hi"}}`, nil, 422, "Failed to deserialize the JSON body into the target type: inputs: invalid type: map, expected a string at line 1 column 11"},
		{"TGI: nothing", BackendTGI, taskGeneration, "/e/m/", `{"text":"Hi"}`, nil, 422, "Failed to deserialize the JSON body into the target type: missing field `inputs` at line 1 column 13"},
		{"TGI: no messages", BackendTGI, taskChat, "/e/m/v1/chat/completions", `{"model":"x"}`, nil, 422, "missing field `messages`"},
		{"TGI: no JSON", BackendTGI, taskGeneration, "/e/m/", `{"inputs`, nil, 400, "Failed to parse the request body as JSON"},
		{"TGI: a list", BackendTGI, taskGeneration, "/e/m/", `[]`, nil, 422, "expected a map"},
		{"TGI: media type", BackendTGI, taskGeneration, "/e/m/", `{"inputs":"x"}`, []string{"Content-Type", "text/plain"}, 415, "Expected request with `Content-Type: application/json`"},
		{"TGI: too long", BackendTGI, taskGeneration, "/e/m/", `{"inputs":"` + strings.Repeat("x", 2_000_000) + `"}`, nil, 413, "length limit exceeded"},
		{"TGI: too many tokens", BackendTGI, taskGeneration, "/e/m/generate", `{"inputs":"two words","parameters":{"max_new_tokens":10000}}`, nil, 422, `{"error":"Input validation error: ` + "`inputs` tokens + `max_new_tokens` must be <= 4096. Given: 3 `inputs` tokens and 10000 `max_new_tokens`" + `","error_type":"validation"}`},
		{"TGI: the same inside a 200 stream", BackendTGI, taskGeneration, "/e/m/generate_stream", `{"inputs":"two words","parameters":{"max_new_tokens":10000}}`, nil, 200, `data: {"error":"Input validation error: `},
		{"TGI: the same inside a chat stream", BackendTGI, taskChat, "/e/m/v1/chat/completions", `{"stream":true,"max_tokens":9000,"messages":[{"role":"user","content":"x"}]}`, nil, 200, `"http_status_code":422}}` + "\n\ndata: [DONE]\n\n"},
		{"TGI: no tokens", BackendTGI, taskGeneration, "/e/m/", `{"inputs":"x","parameters":{"max_new_tokens":0}}`, nil, 422, "must be strictly positive"},
		{"TGI: empty", BackendTGI, taskGeneration, "/e/m/", `{"inputs":""}`, nil, 422, "`inputs` cannot be empty"},
		{"TEI: nothing", BackendTEI, taskFeatures, "/e/m/embed", `{}`, nil, 422, "missing field `inputs`"},
		{"TEI: empty", BackendTEI, taskFeatures, "/e/m/embed", `{"inputs":""}`, nil, 400, `{"error":"` + "`inputs` cannot be empty" + `","error_type":"Empty"}`},
		{"TEI: too many", BackendTEI, taskFeatures, "/e/m/embed", `{"inputs":["x"` + strings.Repeat(`,"x"`, 32) + `]}`, nil, 422, `"error_type":"Validation"`},
		{"TEI: another model", BackendTEI, taskFeatures, "/e/m/rerank", `{"query":"x","texts":["y"]}`, nil, 424, `{"error":"model is not a re-ranker model","error_type":"Backend"}`},
		{"TEI: no texts", BackendTEI, taskRanking, "/e/m/", `{"query":"x","texts":[]}`, nil, 400, "`texts` cannot be empty"},
		{"TEI: OpenAI's envelope", BackendTEI, taskFeatures, "/e/m/v1/embeddings", `{"input":[]}`, nil, 400, `"code":400,"type":"empty"}`},
		{"toolkit: exact media type", BackendToolkit, taskSummary, "/e/m/", `{"inputs":"x"}`, []string{"Content-Type", "application/json; charset=utf-8"}, 400, "is not supported"},
		{"toolkit: the one exception", BackendToolkit, taskSummary, "/e/m/", `{"inputs":"x"}`, []string{"Content-Type", "application/json; charset=UTF-8"}, 200, "summary_text"},
		{"toolkit: compound Accept", BackendToolkit, taskSummary, "/e/m/", `{"inputs":"x"}`, []string{"Accept", "application/json, */*"}, 400, "is not supported"},
		{"toolkit: no inputs", BackendToolkit, taskSummary, "/e/m/", `{"text":"x"}`, nil, 400, "Body needs to provide a inputs key"},
		{"toolkit: whatever goes wrong", BackendToolkit, taskQA, "/e/m/", `{"inputs":"x"}`, nil, 400, `{"error":"Error in `},
		{"vLLM: no messages", BackendVLLM, taskChat, "/e/m/v1/chat/completions", `{"model":"org/model"}`, nil, 400, `"type":"BadRequestError","param":"messages","code":400}`},
		{"vLLM: too many tokens", BackendVLLM, taskChat, "/e/m/v1/chat/completions", `{"max_tokens":5000,"messages":[{"role":"user","content":"x"}]}`, nil, 400, "maximum context length is 4096 tokens"},
		{"vLLM: too few tokens", BackendVLLM, taskChat, "/e/m/v1/chat/completions", `{"max_tokens":-1,"messages":[{"role":"user","content":"x"}]}`, nil, 400, "max_tokens must be at least 1, got -1."},
		{"vLLM: no role", BackendVLLM, taskChat, "/e/m/v1/chat/completions", `{"messages":[{"content":"x"}]}`, nil, 400, "role"},
		{"SGLang: no messages", BackendSGLang, taskChat, "/e/m/v1/chat/completions", `{}`, nil, 400, `"type":"BadRequestError","param":"messages","code":400}`},
		{"llama.cpp: no messages", BackendLlama, taskChat, "/e/m/v1/chat/completions", `{}`, nil, 400, `{"error":{"code":400,"message":`},
		{"vLLM: no messages in it", BackendVLLM, taskChat, "/e/m/v1/chat/completions", `{"messages":[]}`, nil, 400, "at least 1 item"},
		{"vLLM: messages of another kind", BackendVLLM, taskChat, "/e/m/v1/chat/completions", `{"messages":"x"}`, nil, 400, "valid list"},
		{"TGI: messages of another kind", BackendTGI, taskChat, "/e/m/v1/chat/completions", `{"messages": "x"}`, nil, 422, `messages: invalid type: string "x", expected a sequence at line 1 column 13`},
		{"TGI: no messages in it", BackendTGI, taskChat, "/e/m/v1/chat/completions", `{"messages":[]}`, nil, 422, `"error_type":"validation"`},
		{"TGI: no role", BackendTGI, taskChat, "/e/m/v1/chat/completions", `{"messages":[{}]}`, nil, 422, "messages[0]: missing field `role`"},
		{"TGI: null", BackendTGI, taskGeneration, "/e/m/generate", `{"inputs":null}`, nil, 422, "invalid type: null, expected a string"},
		{"TGI: a truth", BackendTGI, taskGeneration, "/e/m/generate", `{"inputs":true}`, nil, 422, "invalid type: boolean `true`, expected a string"},
		{"TGI: a number", BackendTGI, taskGeneration, "/e/m/generate", `{"inputs":1.5}`, nil, 422, "invalid type: floating point `1.5`, expected a string"},
		{"TGI: a list for a string", BackendTGI, taskGeneration, "/e/m/generate", `{"inputs":[]}`, nil, 422, "invalid type: sequence, expected a string"},
		{"TEI: a number", BackendTEI, taskFeatures, "/e/m/embed", `{"inputs":1}`, nil, 422, "untagged enum Input"},
		{"TEI: no sentences", BackendTEI, taskSimilarity, "/e/m/", `{"inputs":{"source_sentence":"x","sentences":[]}}`, nil, 400, "`inputs.sentences` cannot be empty"},
		{"provider: no JSON", BackendProvider, taskChat, "/e/m/v1/chat/completions", `{`, nil, 400, `"type":"invalid_request_error"`},
		{"hf-inference: a missing field", BackendHF, taskQA, hfPath, `{"inputs":{"question":"x"}}`, nil, 400, `{"error":["Error in ` + "`inputs.context`" + `: field required"]}`},
		{"hf-inference: no inputs", BackendHF, taskSummary, hfPath, `{"text":"x"}`, nil, 400, `{"error":["Error in ` + "`inputs`" + `: field required"]}`},
		{"hf-inference: no labels", BackendHF, taskZeroShot, hfPath, `{"inputs":"x"}`, nil, 400, "candidate_labels"},
		{"hf-inference: no mask", BackendHF, taskFillMask, hfPath, `{"inputs":"x"}`, nil, 400, "No mask_token ([MASK]) found on the input"},
		{"hf-inference: the spec's question", BackendHF, taskTableQA, hfPath, `{"inputs":{"question":"x","table":{"a":["b"]}}}`, nil, 400, "inputs.query"},
		{"hf-inference: uneven columns", BackendHF, taskTableQA, hfPath, `{"inputs":{"query":"x","table":{"a":["b"],"c":[]}}}`, nil, 400, "same length"},
		{"hf-inference: no image", BackendHF, taskDetection, hfPath, `{"inputs":"AAAA"}`, nil, 400, "Invalid image"},
	}
	for _, row := range rows {
		t.Run(row.about, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := start(t, one(row.backend, []string{row.task}, Behaviour{}))
				got := b.post(row.path, row.body, row.header...)
				if got.err != nil || got.status != row.status || !strings.Contains(got.body, row.want) {
					t.Errorf("POST %s = %d %.300s %v, want %d %s", row.path, got.status, got.body, got.err, row.status, row.want)
				}
				want := "bad_request"
				if row.status == http.StatusOK && row.backend == BackendToolkit {
					want = "ok"
				}
				equal(t, "did", b.last().Did, want)
			})
		})
	}
}

// TestHealthIsItsOwn checks that health lies unless it is told otherwise.
func TestHealthIsItsOwn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := start(t, one(BackendTGI, []string{taskGeneration}, Behaviour{Fault: Fault{Kind: "server_error"}}))
		equal(t, "health of a broken engine", b.send("GET", "/e/m/health", "").status, 200)
		equal(t, "its requests", b.post("/e/m/", `{"inputs":"x"}`).status, 424)
		if err := b.server.Patch("m", []byte(`{"health":"unhealthy"}`)); err != nil {
			t.Error(err)
		}
		got := b.send("GET", "/e/m/health", "")
		equal(t, "unhealthy", got.body, `{"error":"unhealthy","error_type":"healthcheck"}`)
		equal(t, "its status", got.status, 503)
	})
}

// TestCache replays identical bodies with their first time.
func TestCache(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := start(t, one(BackendHF, []string{taskSummary}, Behaviour{Latency: Latency{Prefill: ms(42)}}))
		rows := []struct {
			about, patch, body, useCache string
			wantType                     string
			cached                       bool
		}{
			{"the first is computed", `{}`, "a", "", "cpu", false},
			{"the second is replayed", `{}`, "a", "", "cache", true},
			{"another body is computed", `{}`, "b", "", "cpu", false},
			{"x-use-cache: false computes", `{}`, "a", "false", "cpu", false},
			{"a stubborn cache replays it", `{"cache":"stubborn"}`, "a", "false", "cache", true},
			{"a cache of any replays the last answer", `{"cache":"any"}`, "never seen", "false", "cache", true},
			{"no cache", `{"cache":"off"}`, "a", "", "cpu", false},
		}
		for _, row := range rows {
			if err := b.server.Patch("m", []byte(row.patch)); err != nil {
				t.Fatal(err)
			}
			got := b.post(hfPath, `{"inputs":"`+row.body+`"}`, "X-Use-Cache", row.useCache)
			equal(t, row.about, got.header.Get("X-Compute-Type"), row.wantType)
			equal(t, row.about+": time", got.header.Get("X-Compute-Time"), "0.042")
			rec := b.last()
			equal(t, row.about+": truth", rec.Cached, row.cached)
			equal(t, row.about+": took nothing", rec.Done.Equal(rec.Received), row.cached)
		}
	})
}

// TestExtraHeaders come on good answers only.
func TestExtraHeaders(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := start(t, one(BackendHF, []string{taskSummary}, Behaviour{Headers: map[string]string{"retry-after": "2"}}))
		equal(t, "good", b.post(hfPath, `{"inputs":"x"}`).header.Get("Retry-After"), "2")
		equal(t, "bad", b.post(hfPath, `{}`).header.Get("Retry-After"), "")
	})
}
