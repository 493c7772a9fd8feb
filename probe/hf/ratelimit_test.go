package hf

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

func TestRateLimits(t *testing.T) {
	const date = "Wed, 01 Jul 2026 00:00:00 GMT"
	rows := []struct {
		why    string
		status int
		header []string
		limit  string
		wait   string
		cause  bool
	}{
		{"nothing", 429, nil, `{}`, "-", false},
		{
			"the Hub's bucket is spent: a second longer than its reset", 429,
			[]string{"RateLimit", `"api";r=0;t=55`, "RateLimit-Policy", `"fixed window";"api";q=500;w=300`},
			`{"name":"api","quota":500,"remaining":0,"reset_seconds":55,"window_seconds":300}`, "56s", true,
		},
		{
			"the Hub's bucket is not: the cause is another, and only Retry-After counts", 429,
			[]string{"RateLimit", `"api";r=99794;t=21`, "RateLimit-Policy", `"fixed window";"api";q=100000;w=300`, "Retry-After", "3"},
			`{"name":"api","quota":100000,"remaining":99794,"reset_seconds":21,"window_seconds":300}`, "3s", false,
		},
		{
			"on a good answer it is recorded, and nothing is to be waited for", 200,
			[]string{"RateLimit", `"api";r=0;t=55`, "Retry-After", "2"},
			`{"name":"api","remaining":0,"reset_seconds":55}`, "-", true,
		},
		{
			"the tightest of several", 429,
			[]string{"RateLimit", `"pages";r=40;t=9, "api, all";r=1;t=10`, "RateLimit-Policy", `"pages";q=100;w=60, "api, all";q=100;w=300`},
			`{"name":"api, all","quota":100,"remaining":1,"reset_seconds":10,"window_seconds":300}`, "-", false,
		},
		{
			"the draft as it was", 429,
			[]string{"RateLimit", "limit=100, remaining=0, reset=5"},
			`{"quota":100,"remaining":0,"reset_seconds":5}`, "6s", true,
		},
		{
			"a duration", 429,
			[]string{"x-ratelimit-limit-requests", "14400", "x-ratelimit-remaining-requests", "0", "x-ratelimit-reset-requests", "2m59.56s"},
			`{"name":"requests","quota":14400,"remaining":0,"reset_seconds":179.56}`, "-", true,
		},
		{
			"seconds with a fraction", 429,
			[]string{"x-ratelimit-remaining-tokens-minute", "0", "x-ratelimit-reset-tokens-minute", "33.93"},
			`{"name":"tokens-minute","remaining":0,"reset_seconds":33.93}`, "-", true,
		},
		{"whole seconds", 429, []string{"x-ratelimit-reset", "2"}, `{"reset_seconds":2}`, "-", true},
		{"without x", 503, []string{"ratelimit-limit", "100, 100;w=60", "ratelimit-remaining", "7", "ratelimit-reset", "1"}, `{"quota":100,"remaining":7,"reset_seconds":1}`, "-", false},
		{"milliseconds", 429, []string{"x-ratelimit-reset-tokens", "120ms"}, `{"name":"tokens","reset_seconds":0.12}`, "-", true},
		{"Unix time", 429, []string{"x-ratelimit-reset", "1782864030", "Date", date}, `{"reset_seconds":30}`, "-", true},
		{"Unix time in milliseconds", 429, []string{"x-ratelimit-reset", "1782864030500", "Date", date}, `{"reset_seconds":30.5}`, "-", true},
		{"a date", 429, []string{"x-ratelimit-reset", "2026-07-01T00:01:00Z", "Date", date}, `{"reset_seconds":60}`, "-", true},
		{"a time that has passed", 429, []string{"x-ratelimit-reset", "1782863000", "Date", date}, `{"reset_seconds":0}`, "-", true},
		{"a time without another clock", 429, []string{"x-ratelimit-reset", "1782864030"}, `{}`, "-", true},
		{"no numbers at all", 429, []string{"RateLimit", `"api";r=x;t=-1`, "x-ratelimit-remaining", "NaN", "x-ratelimit-limit", "-4"}, `{}`, "-", true},
		{"a date in Retry-After is not read", 429, []string{"Retry-After", date}, `{}`, "-", false},
		{"a policy alone is no limit", 429, []string{"RateLimit-Policy", `"api";q=500;w=300`}, `{}`, "-", false},
	}
	for _, row := range rows {
		h := http.Header{}
		for i := 0; i+1 < len(row.header); i += 2 {
			h.Add(row.header[i], row.header[i+1])
		}
		text, err := json.Marshal(tightest(rateLimits(h)))
		if err != nil {
			t.Fatal(err)
		}
		if string(text) != row.limit {
			t.Errorf("%s: limit %s, want %s", row.why, text, row.limit)
		}
		if got := retryAfter(row.status, h).String(); got != row.wait {
			t.Errorf("%s: wait %s, want %s", row.why, got, row.wait)
		}
		if got := rateInHeaders(h); got != row.cause {
			t.Errorf("%s: a rate is the cause: %t, want %t", row.why, got, row.cause)
		}
	}
}

func TestRateLimitsAreBounded(t *testing.T) {
	h := http.Header{}
	for i := range 1000 {
		h.Add("RateLimit", `"`+strings.Repeat("x", 1000)+`";r=1;t=1`)
		h.Set("X-Ratelimit-Remaining-"+strings.Repeat("a", i%40)+string(rune('a'+i%26)), "1")
	}
	all := rateLimits(h)
	if len(all) > maxLimits {
		t.Errorf("%d limits, want at most %d", len(all), maxLimits)
	}
	for _, l := range all {
		if len(l.Name) > maxBucket+len("…") {
			t.Errorf("a name of %d bytes", len(l.Name))
		}
	}
}
