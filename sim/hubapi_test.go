package sim

import (
	"strings"
	"testing"
	"testing/synctest"
)

// hubScenario is a model at two providers, one that nobody serves, and one for
// fill-mask.
func hubScenario() Scenario {
	price, tools := 0.25, true
	return Scenario{Seed: 1, Account: Account{Name: "ada", Orgs: []string{"acme"}}, Models: []Model{
		{Name: "a", ID: "org/chat", Tasks: []string{taskChat}, Backend: BackendProvider, Provider: "groq", ProviderModel: "chat-8b", Behaviour: Behaviour{
			SHA: "abc", Latency: Latency{Prefill: ms(120), PerToken: ms(10)},
			Listing: Listing{InputPrice: &price, OutputPrice: &price, Tools: &tools, StructuredOutput: &tools, FirstToken: ms(300), Author: true},
		}},
		{Name: "b", ID: "org/chat", Tasks: []string{taskChat}, Backend: BackendProvider, Provider: "novita", Behaviour: Behaviour{
			Context: 8192, Latency: Latency{Prefill: ms(50)}, Listing: Listing{Free: true, Images: true}, Fault: Fault{Kind: "bad_gateway"},
		}},
		{Name: "c", ID: "org/alone", Tasks: []string{taskGeneration}, Backend: BackendTGI},
		{Name: "d", ID: "org/mask", Tasks: []string{taskFillMask}, Backend: BackendHF, Behaviour: Behaviour{Listing: Listing{MaskToken: "<mask>", Status: "staging"}}},
		{Name: "e", ID: "org/hidden", Tasks: []string{taskChat}, Backend: BackendProvider, Provider: "groq", Behaviour: Behaviour{Listing: Listing{Hidden: true}}},
	}}
}

// TestHubAPI asks every route of the Hub's API.
func TestHubAPI(t *testing.T) {
	t.Parallel()
	token := []string{"Authorization", "Bearer hf_a"}
	fault := func(kind string) Account { return Account{Faults: []AccountFault{{Fault: Fault{Kind: kind}}}} }
	rows := []struct {
		about, path string
		account     *Account
		header      []string
		status      int
		want        string
	}{
		{"who", "/api/whoami-v2", nil, token, 200, `"name":"ada"`},
		{"who, and their organisations", "/api/whoami-v2", nil, token, 200, `"name":"acme"`},
		{"who may call", "/api/whoami-v2", nil, token, 200, `"global":["inference.serverless.write"]`},
		{"who may not call", "/api/whoami-v2", ptr(fault("forbidden")), token, 200, `"global":[]`},
		{"who has no credit is still who they are", "/api/whoami-v2", ptr(fault("payment_required")), token, 200, `"name":"sim"`},
		{"who with a token that is none", "/api/whoami-v2", ptr(fault("invalid_token")), token, 401, "Invalid username or password."},
		{"who without a token", "/api/whoami-v2", nil, nil, 401, "Invalid username or password."},
		{"models without a token, though tokens are wrong", "/api/models", ptr(fault("invalid_token")), nil, 200, "org/chat"},
		{"one model", "/api/models/org/chat", nil, nil, 200, `"id":"org/chat","modelId":"org/chat","sha":"abc"`},
		{"the task of chat is text generation", "/api/models/org/chat", nil, nil, 200, `"pipeline_tag":"text-generation"`},
		{"warm", "/api/models/org/chat?expand[]=inference", nil, nil, 200, `"id":"org/chat","inference":"warm"}`},
		{"nobody serves it: the key is absent", "/api/models/org/alone?expand[]=inference", nil, nil, 200, `"id":"org/alone"}`},
		{
			"the mapping as an object", "/api/models/org/chat?expand[]=inferenceProviderMapping", nil, nil, 200,
			`"inferenceProviderMapping":{"groq":{"providerId":"chat-8b","status":"live","task":"conversational","isModelAuthor":true,"type":"single-model"},"novita":{"providerId":"org/chat","status":"error",`,
		},
		{
			"the mapping as a list", "/api/models?inference_provider=groq&expand=inferenceProviderMapping", nil, nil, 200,
			`"inferenceProviderMapping":[{"provider":"groq","providerId":"chat-8b","status":"live",`,
		},
		{"a mask token", "/api/models/org/mask?expand[]=mask_token", nil, nil, 200, `"mask_token":"<mask>"}`},
		{"staging is not warm", "/api/models/org/mask?expand[]=inference", nil, nil, 200, `"id":"org/mask"}`},
		{"no such model, and no token", "/api/models/org/none", nil, nil, 401, "Invalid username or password."},
		{"no such model", "/api/models/org/none", nil, token, 404, "Repository not found"},
		{"models of a provider", "/api/models?inference_provider=hf-inference", nil, nil, 200, `"id":"org/mask"`},
		{"models by task", "/api/models?pipeline_tag=fill-mask&inference=warm&search=MASK", nil, nil, 200, `"id":"org/mask"`},
		{"a provider's mapping", "/api/partners/groq/models?status=live", nil, nil, 200, `{"conversational":{"org/chat":{"providerId":"chat-8b","status":"live"}}}`},
		{"a provider's mapping of nothing", "/api/partners/novita/models?status=live", nil, nil, 200, `{}`},
		{"tasks", "/api/tasks", nil, nil, 200, `"fill-mask":{"id":"fill-mask","label":"fill mask","models":[{"id":"org/mask","description":"A simulated model."}],"widgetModels":["org/mask"]`},
		{"nothing", "/api/nothing", nil, nil, 404, "can't find"},
		{
			"a price", "/v1/models/org/chat", nil, nil, 200,
			`{"provider":"groq","status":"live","context_length":4096,"pricing":{"input":0.25,"output":0.25},"supports_tools":true,"supports_structured_output":true,"first_token_latency_ms":300,"throughput":100.0,"is_model_author":true}`,
		},
		{"a provider in error has no figures", "/v1/models/org/chat", nil, nil, 200, `{"provider":"novita","status":"error","context_length":8192,"is_free":true,"is_model_author":false}`},
		{"images", "/v1/models/org/chat", nil, nil, 200, `"input_modalities":["text","image"]`},
		{"hidden", "/v1/models/org/hidden", nil, nil, 404, "model_not_found"},
		{
			"a limit of the Hub's", "/api/models", &Account{RateLimits: []AccountLimit{{Provider: "hub", Limit: RateLimit{
				Requests: 1, Window: ms(300_000), Headers: "draft", Fault: Fault{Kind: "rate_limit_hub"},
			}}}}, nil, 200, "org/chat",
		},
	}
	for _, row := range rows {
		t.Run(row.about, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := start(t, hubScenario())
				if row.account != nil {
					if err := b.server.SetAccount(*row.account); err != nil {
						t.Fatal(err)
					}
				}
				got := b.send("GET", row.path, "", row.header...)
				if got.status != row.status || !strings.Contains(got.body, row.want) {
					t.Errorf("GET %s = %d %s, want %d %s", row.path, got.status, got.body, row.status, row.want)
				}
				if strings.Contains(got.body, "org/hidden") && strings.Contains(row.path, "groq") {
					t.Errorf("GET %s shows what is hidden: %s", row.path, got.body)
				}
				equal(t, "route", strings.HasPrefix(b.last().Route, "hub") || strings.HasPrefix(b.last().Route, "router"), true)
			})
		})
	}
	synctest.Test(t, func(t *testing.T) {
		b := start(t, hubScenario())
		if err := b.server.SetAccount(Account{RateLimits: []AccountLimit{{Provider: "hub", Limit: RateLimit{Requests: 1, Window: ms(300_000), Headers: "draft"}}}}); err != nil {
			t.Fatal(err)
		}
		equal(t, "within the Hub's limit", b.send("GET", "/api/models", "").header.Get("RateLimit"), `"api";r=0;t=300`)
		equal(t, "beyond it", b.send("GET", "/api/models", "").status, 429)
		equal(t, "the router is another", b.send("GET", "/v1/models", "").status, 200)
		equal(t, "nothing may be written", b.post("/api/models", "{}").status, 405)
		equal(t, "the header of a missing repository", b.send("GET", "/api/models/x", "", token...).header.Get("X-Error-Code"), "RepoNotFound")
	})
}

// ptr returns a pointer to v.
func ptr[T any](v T) *T { return &v }

// TestRouting chooses providers by policy, weight and health, and swaps them
// at a time.
func TestRouting(t *testing.T) {
	t.Parallel()
	cheap, dear := 0.1, 2.0
	at := func(provider string, prefill int, price float64, weight float64) Model {
		return Model{
			Name: provider, ID: "org/chat", Tasks: []string{taskChat}, Backend: BackendProvider, Provider: provider,
			Behaviour: Behaviour{Latency: Latency{Prefill: ms(prefill)}, Weight: weight, Listing: Listing{OutputPrice: &price}},
		}
	}
	scenario := func(first, second float64) Scenario {
		return Scenario{Seed: 1, Models: []Model{at("groq", 50, dear, first), at("novita", 200, cheap, second)}}
	}
	ask := func(b *bench, policy string) string {
		got := b.post("/v1/chat/completions", `{"model":"org/chat`+policy+`","messages":[{"role":"user","content":"x"}]}`)
		return got.header.Get("X-Inference-Provider")
	}
	synctest.Test(t, func(t *testing.T) {
		b := start(t, scenario(0, 0))
		if err := b.server.SetAccount(Account{Preferred: []string{"novita"}}); err != nil {
			t.Fatal(err)
		}
		equal(t, "without a policy", ask(b, ""), "groq")
		equal(t, "the fastest", ask(b, ":fastest"), "groq")
		equal(t, "the cheapest", ask(b, ":cheapest"), "novita")
		equal(t, "the preferred", ask(b, ":preferred"), "novita")
		if err := b.server.Patch("groq", []byte(`{"listing":{"status":"error"}}`)); err != nil {
			t.Fatal(err)
		}
		equal(t, "one that is flagged is passed over", ask(b, ""), "novita")
		equal(t, "unless it is asked for", ask(b, ":groq"), "groq")
	})
	synctest.Test(t, func(t *testing.T) {
		s := scenario(3, 1)
		s.Timeline = []Step{
			{At: ms(3_600_000), Model: "groq", Set: []byte(`{"weight":0}`)},
		}
		b := start(t, s)
		n := 0
		for range 400 {
			if ask(b, "") == "groq" {
				n++
			}
		}
		if n < 260 || n > 340 {
			t.Errorf("%d of 400 went to the provider that has three quarters of the weight", n)
		}
		equal(t, "a policy counts more than weights", ask(b, ":cheapest"), "novita")
		sleepTo(b, 3_600_000)
		for range 20 {
			equal(t, "swapped at a time", ask(b, ""), "novita")
		}
	})
	synctest.Test(t, func(t *testing.T) {
		b := start(t, scenario(0, 0))
		if err := b.server.SetFault("groq", Fault{Kind: "bad_gateway", Ratio: 1}); err != nil {
			t.Fatal(err)
		}
		chat := `{"model":"org/chat","messages":[{"role":"user","content":"x"}]}`
		equal(t, "without failover", b.post("/v1/chat/completions", chat).status, 502)
		if err := b.server.SetAccount(Account{Failover: true}); err != nil {
			t.Fatal(err)
		}
		got := b.post("/v1/chat/completions", chat)
		equal(t, "with failover", got.status, 200)
		equal(t, "who answered", got.header.Get("X-Inference-Provider"), "novita")
		equal(t, "a provider that is pinned", b.post("/v1/chat/completions", strings.Replace(chat, "chat\"", "chat:groq\"", 1)).status, 502)
		if err := b.server.SetFault("groq", Fault{Kind: "validation", Ratio: 1}); err != nil {
			t.Fatal(err)
		}
		equal(t, "a request that is wrong stays so", b.post("/v1/chat/completions", chat).status, 422)
	})
}
