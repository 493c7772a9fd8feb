package sim

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestRateLimitHeaders says the same of a limit in every form, on good answers
// and on the refusal alike.
func TestRateLimitHeaders(t *testing.T) {
	t.Parallel()
	rows := []struct {
		headers    string
		good, full map[string]string
	}{
		{"", map[string]string{"RateLimit": "", "X-Ratelimit-Remaining": ""}, map[string]string{"RateLimit": "", "Retry-After": "48"}},
		{
			"draft",
			map[string]string{"RateLimit": `"api";r=1;t=60`, "RateLimit-Policy": `"fixed window";"api";q=2;w=60`, "Retry-After": ""},
			map[string]string{"RateLimit": `"api";r=0;t=48`},
		},
		{
			"ietf",
			map[string]string{"RateLimit-Limit": "2", "RateLimit-Remaining": "1", "RateLimit-Reset": "60"},
			map[string]string{"RateLimit-Remaining": "0", "RateLimit-Reset": "48"},
		},
		{
			"plain",
			map[string]string{"X-RateLimit-Limit": "2", "X-RateLimit-Remaining": "1", "X-RateLimit-Reset": "60"},
			map[string]string{"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "48"},
		},
		{
			"requests",
			map[string]string{"X-RateLimit-Limit-Requests": "2", "X-RateLimit-Reset-Requests": "1m0s"},
			map[string]string{"X-RateLimit-Remaining-Requests": "0", "X-RateLimit-Reset-Requests": "47.5s"},
		},
		{
			"minute",
			map[string]string{"X-RateLimit-Limit-Requests-Minute": "2", "X-RateLimit-Reset-Requests-Minute": "60.00"},
			map[string]string{"X-RateLimit-Remaining-Requests-Minute": "0", "X-RateLimit-Reset-Requests-Minute": "47.50"},
		},
	}
	for _, row := range rows {
		t.Run(row.headers, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := start(t, one(BackendTGI, []string{taskGeneration}, Behaviour{
					RateLimit: &RateLimit{Requests: 2, Window: ms(60_000), Headers: row.headers, RetryAfter: true},
				}))
				ask := func() answer { return b.post("/e/m/generate", `{"inputs":"x"}`) }
				first := ask()
				equal(t, "status within the limit", first.status, 200)
				for name, want := range row.good {
					equal(t, name, first.header.Get(name), want)
				}
				_ = ask()
				time.Sleep(12500 * time.Millisecond)
				full := ask()
				equal(t, "status beyond it", full.status, 429)
				equal(t, "did", b.last().Did, "rate_limit")
				for name, want := range row.full {
					equal(t, name, full.header.Get(name), want)
				}
				time.Sleep(47500 * time.Millisecond)
				equal(t, "status in the next window", ask().status, 200)
			})
		})
	}
}

// TestRateLimitsAreOfOneToken and may lie.
func TestRateLimitsAreOfOneToken(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := start(t, router())
		much := 99794
		err := b.server.SetAccount(Account{RateLimits: []AccountLimit{
			{Provider: "groq", Limit: RateLimit{
				Requests: 1, Window: ms(60_000), Headers: "draft", Name: "chat", Remaining: &much,
				Fault: Fault{Kind: "rate_limit_reached"},
			}},
			{BillTo: "org", Limit: RateLimit{Requests: 1, Window: ms(60_000)}},
		}})
		if err != nil {
			t.Fatal(err)
		}
		ask := func(provider string, header ...string) answer {
			return b.post("/v1/chat/completions", `{"model":"org/chat:`+provider+`","messages":[{"role":"user","content":"x"}]}`, header...)
		}
		equal(t, "one token", ask("groq", "Authorization", "Bearer a").status, 200)
		full := ask("groq", "Authorization", "Bearer a")
		equal(t, "the same token", full.status, 429)
		equal(t, "what it says is left", full.header.Get("RateLimit"), `"chat";r=99794;t=60`)
		equal(t, "why", strings.Contains(full.body, "Rate limit reached"), true)
		equal(t, "another token", ask("groq", "Authorization", "Bearer b").status, 200)
		equal(t, "another provider", ask("cerebras", "Authorization", "Bearer a").status, 200)
		equal(t, "an organisation", ask("cerebras", "X-HF-Bill-To", "org").status, 200)
		equal(t, "the same organisation", ask("cerebras", "X-HF-Bill-To", "org").status, 429)
		equal(t, "another organisation", ask("cerebras", "X-HF-Bill-To", "other").status, 200)
		b.server.Reset()
		equal(t, "after a reset", ask("groq", "Authorization", "Bearer a").status, 200)
	})
}

// TestMetersAreBounded forgets tokens rather than grow for ever.
func TestMetersAreBounded(t *testing.T) {
	t.Parallel()
	m := meters{}
	limit := RateLimit{Requests: 1, Window: ms(1000)}
	for i := range maxMeters + 1 {
		m.take(string(rune('0'+i%10))+string(rune(i)), limit, 0)
	}
	if len(m) > maxMeters {
		t.Errorf("%d meters, want at most %d", len(m), maxMeters)
	}
}

// TestAccountAtRunTime switches every state of an account by the admin route
// and back.
func TestAccountAtRunTime(t *testing.T) {
	t.Parallel()
	rows := []struct {
		about, account string
		status         int
		want           string
	}{
		{"401", `{"faults":[{"fault":{"kind":"invalid_token"}}]}`, 401, "Invalid username or password."},
		{"402", `{"faults":[{"fault":{"kind":"payment_required"}}]}`, 402, "depleted your monthly included credits"},
		{"403", `{"faults":[{"fault":{"kind":"forbidden"}}]}`, 403, "sufficient permissions"},
		{"403 of the edge", `{"faults":[{"fault":{"kind":"forbidden_edge"}}]}`, 403, "error code: 1010"},
		{"a provider that is not enabled", `{"disabled":["groq"]}`, 400, "not supported by any provider you have enabled"},
		{"a quota", `{"faults":[{"fault":{"kind":"quota_exceeded"}}]}`, 429, "current quota"},
		{"no credit, as a 429", `{"faults":[{"fault":{"kind":"credit_limit"}}]}`, 429, "run out of credit"},
	}
	for _, row := range rows {
		synctest.Test(t, func(t *testing.T) {
			b := start(t, router())
			ask := func() answer {
				return b.post("/v1/chat/completions", `{"model":"org/chat:groq","messages":[{"role":"user","content":"x"}]}`, "Authorization", "Bearer a")
			}
			equal(t, row.about+": before", ask().status, 200)
			equal(t, row.about+": switched", b.post("/_sim/account", row.account).status, http.StatusNoContent)
			got := ask()
			if got.status != row.status || !strings.Contains(got.body, row.want) {
				t.Errorf("%s: %d %s, want %d %s", row.about, got.status, got.body, row.status, row.want)
			}
			equal(t, row.about+": switched back", b.post("/_sim/account", `{}`).status, http.StatusNoContent)
			equal(t, row.about+": after", ask().status, 200)
		})
	}
}
