package hf

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hfwatch/hfwatch/probe"
)

// TestProviderEvidence reads headers as each provider sends them: the ids, the
// limit nearest to being spent in the provider's units, and the time there. Of
// what they say on a good answer nothing is a wait; on a 429 only Retry-After is,
// whatever their resets say.
func TestProviderEvidence(t *testing.T) {
	const root = "Root=1-67dd4b63-49c853bb4501c12f6361c50d;ours"
	rows := []struct {
		provider string
		header   http.Header
		id       string
		ids      []string
		limit    string
		server   probe.Seconds
		// wait is what a 429 with this header asks for, cause what it is taken for.
		wait  string
		cause probe.Outcome
	}{
		{
			"fireworks-ai",
			headers("X-Request-Id", root, "Inference-Id", "bill", "Cf-Ray", "91041cdd3ca91fdd-IAD", "X-Ratelimit-Limit-Requests", "60", "X-Ratelimit-Remaining-Requests", "59",
				"X-Ratelimit-Limit-Tokens-Generated", "6000", "X-Ratelimit-Remaining-Tokens-Generated", "5469", "X-Ratelimit-Over-Limit", "no",
				"Fireworks-Server-Processing-Time", "2.542", "Server-Timing", `total;dur=2828.0;desc="Total Response Time"`, "X-Envoy-Upstream-Service-Time", "2544"),
			root,
			[]string{"inference-id: bill", "cf-ray: 91041cdd3ca91fdd-IAD"},
			`{"name":"tokens-generated","quota":6000,"remaining":5469}`, seconds(2.542), "-", probe.Overloaded,
		},
		{
			"fireworks-ai, over its limit", headers("X-Request-Id", root, "X-Ratelimit-Remaining-Requests", "3", "X-Ratelimit-Over-Limit", "yes"),
			root, nil, `{"name":"requests","remaining":3}`, absent, "-", probe.RateLimited,
		},
		{
			"together",
			headers("X-Request-Id", root, "Cf-Ray", "9115d3f97b520629-IAD", "X-Ratelimit", "false", "X-Ratelimit-Limit", "100", "X-Ratelimit-Remaining", "199",
				"X-Ratelimit-Reset", "2", "X-Ratelimit-Limit-Tokens", "33333", "X-Ratelimit-Remaining-Tokens", "32051", "Retry-After", "2"),
			root,
			[]string{"cf-ray: 9115d3f97b520629-IAD"},
			`{"name":"tokens","quota":33333,"remaining":32051}`, absent, "2s", probe.Overloaded,
		},
		{
			"ovhcloud", headers("X-Request-Id", "9f8e", "X-Ratelimit-Limit-Requests", "600", "X-Ratelimit-Remaining-Requests", "0", "X-Ratelimit-Reset-Requests", "1s"),
			"9f8e", nil, `{"name":"requests","quota":600,"remaining":0,"reset_seconds":1}`, absent, "-", probe.RateLimited,
		},
		{
			"groq", headers("X-Request-Id", "req_01", "X-Ratelimit-Limit-Tokens", "18000", "X-Ratelimit-Remaining-Tokens", "0", "X-Ratelimit-Reset-Tokens", "7.66s", "Retry-After", "8"),
			"req_01", nil, `{"name":"tokens","quota":18000,"remaining":0,"reset_seconds":7.66}`, absent, "8s", probe.RateLimited,
		},
		{
			"cerebras", headers("Cf-Ray", "ray", "X-Ratelimit-Limit-Tokens-Minute", "60000", "X-Ratelimit-Remaining-Tokens-Minute", "0", "X-Ratelimit-Reset-Tokens-Minute", "33.93",
				"X-Ratelimit-Limit-Requests-Day", "14400", "X-Ratelimit-Remaining-Requests-Day", "14399", "X-Ratelimit-Reset-Requests-Day", "33011.38"),
			"ray", nil, `{"name":"tokens-minute","quota":60000,"remaining":0,"reset_seconds":33.93}`, absent, "-", probe.RateLimited,
		},
		{
			"fal-ai", headers("X-Request-Id", root, "X-Fal-Request-Id", "3b10b8c2-4d07-406b-a471-c3cfdeac04ac", "X-Fal-Raw-Time", "0.91"),
			root,
			[]string{"x-fal-request-id: 3b10b8c2-4d07-406b-a471-c3cfdeac04ac"},
			`{}`, seconds(0.91), "-", probe.Overloaded,
		},
		{
			"hf-inference", headers("X-Request-Id", "1Zvgij4dCmqVWfGG_HNgk", "X-Inference-Id", "BbKR28ZrfQTWiVKQ9U90u", "X-Amz-Cf-Id", "edge"),
			"1Zvgij4dCmqVWfGG_HNgk",
			[]string{"x-inference-id: BbKR28ZrfQTWiVKQ9U90u", "x-amz-cf-id: edge"},
			`{}`, absent, "-", probe.Overloaded,
		},
		{"one on AWS", headers("X-Amzn-Requestid", "8f1d"), "8f1d", nil, `{}`, absent, "-", probe.Overloaded},
	}
	for _, row := range rows {
		var got probe.Result
		got.Status = http.StatusOK
		evidence(&got, row.header, false)
		limit, err := json.Marshal(got.RateLimit)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(row.ids, got.IDs); diff != "" || got.RequestID != row.id {
			t.Errorf("%s: id %q, want %q, others (-want +got):\n%s", row.provider, got.RequestID, row.id, diff)
		}
		if string(limit) != row.limit || got.Server != row.server || !got.RetryAfter.IsZero() {
			t.Errorf("%s: limit %s, server %s, wait %s, want %s, %s, and no wait on a good answer", row.provider, limit, got.Server, got.RetryAfter, row.limit, row.server)
		}
		if wait := retryAfter(http.StatusTooManyRequests, row.header).String(); wait != row.wait {
			t.Errorf("%s: a 429 asks to wait %s, want %s", row.provider, wait, row.wait)
		}
		if cause := tooMany(row.header, envelope{}); cause != row.cause {
			t.Errorf("%s: a bare 429 is %s, want %s", row.provider, cause, row.cause)
		}
	}
}

// TestIDsHaveNoSecrets: an id that repeats the token is blotted out.
func TestIDsHaveNoSecrets(t *testing.T) {
	s := secretsOf(&probe.Endpoint{HubToken: probe.NewSecret("hf_abcdefghij0123456789")})
	res := probe.Result{RequestID: "a hf_abcdefghij0123456789", IDs: []string{"cf-ray: hf_abcdefghij0123456789\n"}}
	s.hide(&res)
	if diff := cmp.Diff([]string{"a " + probe.Redacted, "cf-ray: " + probe.Redacted}, []string{res.RequestID, res.IDs[0]}); diff != "" {
		t.Errorf("ids (-want +got):\n%s", diff)
	}
}
