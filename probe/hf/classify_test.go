package hf

import (
	"bufio"
	"encoding/json"
	"flag"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/hfwatch/hfwatch/probe"
)

// recordings is a file of real traffic, one recording a line. It is data to
// test against and no part of the project.
var recordings = flag.String("recordings", os.Getenv("HFWATCH_RECORDINGS"), "file of recorded traffic to judge, one JSON object a line")

// answerRow is one answer and what it means.
type answerRow struct {
	why    string
	status int
	header http.Header
	body   string
	route  probe.Route
	want   probe.Outcome
}

const (
	router = probe.RouteRouter
	hfi    = probe.RouteHFInference
	own    = probe.RouteURL
)

func headers(pairs ...string) http.Header {
	h := http.Header{}
	for i := 0; i < len(pairs); i += 2 {
		h.Set(pairs[i], pairs[i+1])
	}
	return h
}

// page is what an edge answers.
func page(title string) string {
	return "<html>\r\n<head><title>" + title + "</title></head><body>loading the error page of your plan</body></html>"
}

func classifyRows() []answerRow {
	html := headers("Content-Type", "text/html")
	return []answerRow{
		// 400.
		{"a rejected parameter", 400, nil, `{"error":"The following 'model_kwargs' are not used by the model: ['details']","warnings":["There was an inference error"]}`, hfi, probe.BadRequest},
		{"errors as a list", 400, nil, "{\"error\":[\"Error in `inputs`: Invalid image: {}\"]}", hfi, probe.BadRequest},
		{"a provider's object", 400, nil, `{"error":{"message":"Invalid request","type":"invalid_request_error","param":"model","code":null}}`, router, probe.BadRequest},
		{"no provider has it", 400, nil, `{"error":{"message":"The requested model 'a/b' is not supported by any provider you have enabled.","type":"invalid_request_error","param":"model","code":"model_not_supported"}}`, router, probe.Gone},
		{"this provider has it no more", 400, nil, `{"error":"Model not supported by provider together"}`, router, probe.Gone},
		{"paused", 400, nil, `{"error":"Bad Request: Invalid state"}`, own, probe.Paused},
		{"paused in plain text", 400, headers("Content-Type", "text/plain"), "Bad Request: Invalid state", own, probe.Paused},
		{"a state dict is no endpoint", 400, nil, `{"error":"invalid state dict: missing keys"}`, own, probe.BadRequest},
		{"the toolkit confesses CUDA", 400, nil, `{"error":"CUDA error: device-side assert triggered"}`, own, probe.ServerError},
		{"the toolkit is out of memory", 400, nil, `{"error":"CUDA out of memory. Tried to allocate 2.00 GiB"}`, own, probe.ServerError},
		{"torch says so in camel case", 400, nil, `{"error":"OutOfMemoryError: tried to allocate"}`, own, probe.ServerError},
		{"the toolkit times out", 400, nil, `{"error":"Read timed out. (read timeout=60)"}`, own, probe.ServerError},
		{"the cause is among the warnings", 400, nil, `{"error":"unknown error","warnings":["There was an inference error: CUDA out of memory"]}`, hfi, probe.ServerError},
		{"a word within a word is none", 400, nil, `{"error":"barracuda is not in the labels, nor is a bookroom"}`, own, probe.BadRequest},
		{"an input that is repeated says nothing", 400, nil, `{"detail":[{"loc":["body"],"msg":"field required","type":"missing","input":"CUDA is currently loading my credit"}]}`, own, probe.BadRequest},
		{"a timeout that is a parameter", 400, nil, `{"error":"'timeout' is not a valid parameter"}`, own, probe.BadRequest},
		{"a parameter that was withdrawn is no model", 400, nil, `{"error":"parameter top_n of this model is no longer supported"}`, own, probe.BadRequest},
		{"a provider's key", 400, nil, `{"error":"Incorrect API key provided: xai-***"}`, own, probe.Auth},
		{"a token that the Hub does not know", 400, nil, `{"error":"Authorization header is correct, but the token seems invalid"}`, hfi, probe.Auth},
		{"a provider's balance", 400, nil, `{"error":{"message":"Your credit balance is too low to access the API","type":"invalid_request_error"}}`, own, probe.Billing},
		{"a credit that is input", 400, nil, `{"error":"label credit is not among the candidate labels"}`, own, probe.BadRequest},
		{"an empty 400", 400, nil, "", own, probe.BadRequest},
		// 401, 402, 403.
		{"a bad token", 401, headers("X-Error-Message", "Invalid username or password."), `{"error":"Invalid username or password."}`, router, probe.Auth},
		{"TGI's empty 401", 401, nil, "", own, probe.Auth},
		{"a token that may not", 403, nil, `{"error":"This authentication method does not have sufficient permissions to call Inference Providers on behalf of user x"}`, router, probe.Auth},
		{"the header alone", 403, headers("X-Error-Code", "GatedRepo", "X-Error-Message", "Access to model x is restricted"), "", router, probe.Auth},
		{"an edge that blocks", 403, html, page("403 Forbidden"), router, probe.Unknown},
		{"an edge's 401", 401, html, "<!DOCTYPE html><html></html>", router, probe.Unknown},
		{"Cloudflare's line", 403, headers("Content-Type", "text/plain"), "error code: 1020", router, probe.Unknown},
		{"spent credits with a 403", 403, nil, `{"error":"You have exceeded your monthly included credits for Inference Providers."}`, router, probe.Billing},
		{"spent credits", 402, nil, `{"error":"You have depleted your monthly included credits. Purchase pre-paid credits to continue"}`, router, probe.Billing},
		{"an empty 402", 402, nil, "", router, probe.Billing},
		// 404 and its kin.
		{"no such model", 404, nil, `{"error":"Model this-model-does-not-exist-123 does not exist"}`, hfi, probe.Gone},
		{"no route", 404, nil, `{"message":"no Route matched with those values","request_id":"1"}`, router, probe.Gone},
		{"nothing found", 404, nil, "Not Found", hfi, probe.Gone},
		{"the dead host", 410, nil, `{"error":"https://api-inference.huggingface.co is no longer supported. Please use https://router.huggingface.co instead."}`, own, probe.Gone},
		{"the dead host's page", 410, html, page("Gone"), own, probe.Gone},
		{"the wrong host", 421, nil, `{"message":"Welcome to the OpenAI API!"}`, own, probe.Gone},
		{"no time to ask", 408, nil, "", router, probe.Overloaded},
		{"too large", 413, headers("Content-Type", "text/plain"), "Failed to buffer the request body: length limit exceeded", own, probe.BadRequest},
		{"the wrong kind", 415, nil, "", own, probe.BadRequest},
		{"plain text from axum", 422, headers("Content-Type", "text/plain"), "Failed to deserialize the JSON body into the target type: missing field `messages` at line 1 column 143", hfi, probe.BadRequest},
		{"TGI's validation", 422, nil, "{\"error\":\"Input validation error: `inputs` tokens + `max_new_tokens` must be <= 1512.\",\"error_type\":\"validation\"}", hfi, probe.BadRequest},
		{"TEI's validation", 413, nil, `{"error":"batch size 64 > maximum allowed batch size 32","error_type":"Validation"}`, own, probe.BadRequest},
		{"TGI's generation", 424, nil, `{"error":"Request failed during generation: Server error","error_type":"generation"}`, own, probe.ServerError},
		{"TEI's backend", 424, nil, `{"message":"model is not an embedding model","code":424,"type":"Backend"}`, own, probe.ServerError},
		{"the wrong method", 405, nil, `{"detail":"Method Not Allowed"}`, own, probe.BadRequest},
		{"a conflict that says nothing", 409, nil, "", own, probe.Unknown},
		{"a conflict that is asleep", 409, nil, `{"error":"Endpoint is scaled to zero"}`, own, probe.Asleep},
		{"for legal reasons", 451, nil, "", router, probe.Unknown},
		// 429.
		{"TGI has no permit", 429, nil, `{"error":"Model is overloaded","error_type":"overloaded"}`, own, probe.Overloaded},
		{"TEI has no permit", 429, nil, `{"error":"no permits available","error_type":"Overloaded"}`, own, probe.Overloaded},
		{"a bare 429", 429, nil, "", router, probe.Overloaded},
		{"the name of the status says nothing", 429, nil, `{"error":"Too Many Requests"}`, router, probe.Overloaded},
		{"nor does an edge's page", 429, html, page("429 Too Many Requests"), router, probe.Overloaded},
		{"a rate", 429, nil, `{"error":"Rate limit reached. Please log in or use a HF access token"}`, hfi, probe.RateLimited},
		{"logging in", 429, nil, `{"error":"Please log in or use a HF access token"}`, hfi, probe.RateLimited},
		{"a rate goes before the plan that it recommends", 429, nil, `{"error":"Rate limit reached. You reached free usage limit (reset hourly). Please subscribe to a plan at https://huggingface.co/pricing to use the API at this rate"}`, hfi, probe.RateLimited},
		{"a rate goes before a payment method", 429, nil, `{"error":{"message":"Rate limit reached for gpt-4 on requests per min. Limit: 3 / min. Please add a payment method. Visit https://platform.openai.com/account/billing","type":"requests","code":"rate_limit_exceeded"}}`, router, probe.RateLimited},
		{"a quota", 429, nil, `{"error":"quota exceeded"}`, router, probe.RateLimited},
		{"more than the name of the status", 429, nil, `{"error":"Too many requests, please wait a minute"}`, router, probe.RateLimited},
		{"a quota that is money", 429, nil, `{"error":{"message":"You exceeded your current quota, please check your plan and billing details.","type":"insufficient_quota","code":"insufficient_quota"}}`, router, probe.Billing},
		{"credits", 429, nil, `{"error":"You have exceeded your monthly included credits for Inference Providers. Subscribe to PRO to get 20x more."}`, router, probe.Billing},
		{"a plan", 429, nil, `{"error":"Not included in your plan"}`, router, probe.Billing},
		{"corporate is not a rate", 429, nil, `{"error":"corporate limits"}`, router, probe.Overloaded},
		{"concurrency of the engine", 429, nil, `{"error":"Too many concurrent requests"}`, own, probe.Overloaded},
		{"the Hub's field is spent", 429, headers("RateLimit", `"api";r=0;t=55`), `{"error":"Too Many Requests"}`, hfi, probe.RateLimited},
		{"the Hub's field is not spent", 429, headers("RateLimit", `"api";r=99794;t=55`, "RateLimit-Policy", `"fixed window";"api";q=100000;w=300`), "", hfi, probe.Overloaded},
		{"a provider's field is spent", 429, headers("X-Ratelimit-Remaining-Requests", "0", "X-Ratelimit-Limit-Requests", "10"), "", router, probe.RateLimited},
		{"a provider's field is not spent", 429, headers("X-Ratelimit-Remaining-Requests", "9", "X-Ratelimit-Limit-Requests", "10"), "", router, probe.Overloaded},
		{"one of two is spent", 429, headers("X-Ratelimit-Remaining-Requests", "9", "X-Ratelimit-Remaining-Tokens", "0"), "", router, probe.RateLimited},
		{"a field speaks of a rate", 429, headers("X-Ratelimit-Reset-Requests", "1s"), "", router, probe.RateLimited},
		{"waiting is no rate", 429, headers("Retry-After", "2"), "", router, probe.Overloaded},
		// 5xx.
		{"too busy", 500, nil, `{"error":"Model too busy, unable to get response in less than 60 second(s)"}`, hfi, probe.Overloaded},
		{"unknown", 500, nil, `{"error":"unknown error","warnings":["There was an inference error: unknown error: can only concatenate str"]}`, hfi, probe.ServerError},
		{"a failure to load is not loading", 500, nil, `{"error":"Error loading model: file is loading nothing"}`, own, probe.ServerError},
		{"an empty 500", 500, nil, "", own, probe.ServerError},
		{"an edge's 502", 502, html, page("502 Bad Gateway"), router, probe.ServerError},
		{"loading, with its estimate", 503, nil, `{"error":"Model a/b is currently loading","estimated_time":20.0}`, hfi, probe.Loading},
		{"an estimate alone", 503, nil, `{"estimated_time":0}`, hfi, probe.Loading},
		{"loading in words", 503, nil, `{"error":"Model a/b is currently loading"}`, hfi, probe.Loading},
		{"initializing", 503, nil, `{"error":"Endpoint is initializing"}`, own, probe.Loading},
		{"overloaded", 503, nil, `{"error":"overloaded"}`, hfi, probe.Overloaded},
		{"a full queue", 503, nil, `{"error":"Queue is full"}`, own, probe.Overloaded},
		{"a queue that gave up", 503, nil, `{"error":"request timed out in queue"}`, own, probe.Overloaded},
		{"no capacity", 503, nil, `{"error":"There is no capacity left for this model"}`, router, probe.Overloaded},
		{"the proxy of a sleeping endpoint", 503, nil, `{"error":"503 Service Unavailable"}`, own, probe.Loading},
		{"the same words from the router", 503, nil, `{"error":"503 Service Unavailable"}`, router, probe.ServerError},
		{"the same words as a page", 503, html, page("503 Service Unavailable"), own, probe.ServerError},
		{"scaled to zero", 503, nil, `{"error":"Endpoint is scaled to zero"}`, own, probe.Asleep},
		{"an engine that is ill", 503, nil, `{"error":"unhealthy","error_type":"healthcheck"}`, own, probe.ServerError},
		{"TEI that is ill", 503, nil, `{"error":"Service unhealthy","error_type":"Unhealthy"}`, own, probe.ServerError},
		{"an edge's 503", 503, html, page("503 Service Temporarily Unavailable"), router, probe.ServerError},
		{"an envoy without upstreams", 503, headers("Content-Type", "text/plain"), "no healthy upstream", router, probe.ServerError},
		{"a gateway gave up", 504, html, page("504 Gateway Time-out"), hfi, probe.GatewayTimeout},
		{"an empty 504", 504, nil, "", own, probe.GatewayTimeout},
		{"no status that is registered", 529, nil, "", router, probe.Overloaded},
		{"Cloudflare's own", 522, nil, "error code: 522", router, probe.ServerError},
		// Everything else.
		{"a redirect", 302, nil, "", router, probe.Unknown},
		{"another protocol", 101, nil, "", router, probe.Unknown},
		// A 200 that carries an error.
		{"overload in a 200", 200, nil, `{"error":"Model is overloaded","error_type":"overloaded"}`, own, probe.Overloaded},
		{"loading in a 200", 200, nil, `{"error":"Model a/b is currently loading","estimated_time":20}`, hfi, probe.Loading},
		{"a rejection in a 200", 200, nil, `{"error":"Input validation error: too long","error_type":"validation"}`, own, probe.BadRequest},
		{"a confession in a 200", 200, nil, `{"error":"CUDA out of memory"}`, own, probe.ServerError},
		{"anything in a 200", 200, nil, `{"error":"something odd"}`, own, probe.InvalidOutput},
	}
}

func TestClassify(t *testing.T) {
	for _, row := range classifyRows() {
		if row.header == nil {
			row.header = http.Header{}
		}
		got := classify(row.status, row.header, readEnvelope(row.header, []byte(row.body)), row.route)
		if got != row.want {
			t.Errorf("%s: classify(%d, %v, %s, %s) = %s, want %s", row.why, row.status, row.header, row.body, row.route, got, row.want)
		}
	}
}

func TestInStream(t *testing.T) {
	rows := []struct {
		why, data string
		want      probe.Outcome
	}{
		{"TGI is overloaded", `{"error":"Model is overloaded","error_type":"overloaded"}`, probe.Overloaded},
		{"TGI's chat is, under a 422", `{"error":{"message":"Model is overloaded","http_status_code":422}}`, probe.Overloaded},
		{"TGI rejects", "{\"error\":\"Input validation error: `inputs` must have less than 4096 tokens\",\"error_type\":\"validation\"}", probe.BadRequest},
		{"TGI's chat rejects", `{"error":{"message":"Input validation error: inputs cannot be empty","http_status_code":422}}`, probe.BadRequest},
		{"TGI's template", `{"error":"Template error: undefined value","error_type":"template_error"}`, probe.BadRequest},
		{"TGI fails", `{"error":"Request failed during generation: Server error: transport error","error_type":"generation"}`, probe.StreamError},
		{"TGI's chat fails, under a 422", `{"error":{"message":"Request failed during generation: Server error","http_status_code":422}}`, probe.StreamError},
		{"TGI's stream is cut", `{"error":"Incomplete generation","error_type":"incomplete_generation_stream"}`, probe.StreamError},
		{"vLLM fails", `{"error":{"message":"EngineCore encountered an issue.","type":"InternalServerError","param":null,"code":500}}`, probe.StreamError},
		{"vLLM rejects", `{"error":{"message":"This model's maximum context length is 8192 tokens.","type":"BadRequestError","code":400}}`, probe.BadRequest},
		{"memory within the stream", `{"error":"CUDA out of memory"}`, probe.StreamError},
		{"a rate", `{"error":{"message":"Rate limit exceeded","code":429}}`, probe.RateLimited},
		{"credits", `{"error":{"message":"Insufficient credits","code":402}}`, probe.Billing},
		{"a token", `{"error":{"message":"no access","code":401}}`, probe.Auth},
		{"loading", `{"error":"Model is currently loading"}`, probe.Loading},
		{"no words at all", `{"error":{}}`, probe.StreamError},
		{"no JSON at all", `boom`, probe.StreamError},
	}
	for _, row := range rows {
		if got, _ := inStream([]byte(row.data)); got != row.want {
			t.Errorf("%s: inStream(%s) = %s, want %s", row.why, row.data, got, row.want)
		}
	}
}

func TestEnvelopeMessages(t *testing.T) {
	rows := []struct {
		why, body, want string
	}{
		{"a string", `{"error":"a"}`, "a"},
		{"a list", `{"error":["a","b"]}`, "a: b"},
		{"with warnings", `{"error":"a","warnings":["b","c"]}`, "a (b; c)"},
		{"an object, its message first", `{"error":{"code":"c","message":"m","type":"t"}}`, "m: c: t"},
		{"TEI's", `{"message":"m","code":424,"type":"Backend"}`, "m"},
		{"FastAPI's", `{"detail":[{"loc":["body"],"msg":"m","type":"t"}]}`, "m: t"},
		{"several", `{"errors":[{"message":"a"},{"message":"b"}]}`, "a: b"},
		{"plain text", " a \n", "a"},
		{"a page", page(" Bad \n Gateway "), "Bad Gateway"},
		{"a page without a title", "<html></html>", "an HTML page"},
		{"JSON that is cut off", `{"error":"a`, `{"error":"a`},
		{"nothing", "", ""},
	}
	for _, row := range rows {
		if got := readEnvelope(nil, []byte(row.body)).message; got != row.want {
			t.Errorf("%s: message of %s = %q, want %q", row.why, row.body, got, row.want)
		}
	}
}

func TestRetryAfterAndEstimate(t *testing.T) {
	rows := []struct {
		status int
		value  string
		want   string
	}{
		{429, "7", "7s"},
		{503, " 120 ", "2m0s"},
		{200, "2", "-"},
		{500, "2", "-"},
		{429, "Wed, 21 Oct 2026 07:28:00 GMT", "-"},
		{429, "1.5", "-"},
		{429, "-1", "-"},
		{429, "", "-"},
		{429, "4000000000", "744h0m0s"},
	}
	for _, row := range rows {
		if got := retryAfter(row.status, headers("Retry-After", row.value)).String(); got != row.want {
			t.Errorf("retryAfter(%d, %q) = %s, want %s", row.status, row.value, got, row.want)
		}
	}
	for body, want := range map[string]string{
		`{"estimated_time":53.5}`: "53.5s", `{"estimated_time":-1}`: "-", `{"estimated_time":1e300}`: "-", `{"estimated_time":"20"}`: "-", ``: "-",
	} {
		if got := estimate(readEnvelope(nil, []byte(body))).String(); got != want {
			t.Errorf("estimate(%s) = %s, want %s", body, got, want)
		}
	}
}

// TestClassifyRecordings judges what Hugging Face's own clients recorded, where
// the recordings are at hand.
func TestClassifyRecordings(t *testing.T) {
	if *recordings == "" {
		t.Skip("no recordings were given with -recordings")
	}
	file, err := os.Open(*recordings)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	want := map[int]probe.Outcome{400: probe.BadRequest, 404: probe.Gone, 421: probe.Gone, 422: probe.BadRequest, 429: probe.RateLimited, 500: probe.ServerError}
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 8<<20)
	judged := 0
	for lines.Scan() {
		var r struct {
			ID      string
			Status  int
			Headers map[string]string
			Body    string
		}
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			t.Fatal(err)
		}
		if r.Status < 300 {
			continue
		}
		h := http.Header{}
		for name, value := range r.Headers {
			h.Set(name, value)
		}
		judged++
		expect := want[r.Status]
		if r.Status == 503 {
			expect = probe.Loading
			if strings.Contains(r.Body, "overloaded") {
				expect = probe.Overloaded
			}
		}
		if got := classify(r.Status, h, readEnvelope(h, []byte(r.Body)), probe.RouteHFInference); got != expect {
			t.Errorf("%s: classify(%d, %s) = %s, want %s", r.ID, r.Status, r.Body, got, expect)
		}
	}
	if judged == 0 {
		t.Error("no recording was judged")
	}
}

// FuzzClassify asserts that no answer escapes the closed set, or makes the
// reader of envelopes panic.
func FuzzClassify(f *testing.F) {
	for _, row := range classifyRows() {
		f.Add(row.status, row.body)
	}
	known := map[probe.Outcome]bool{}
	for _, o := range probe.Outcomes() {
		known[o] = true
	}
	f.Fuzz(func(t *testing.T, status int, body string) {
		e := readEnvelope(http.Header{}, []byte(body))
		h := http.Header{"Ratelimit": {body}, "Ratelimit-Policy": {body}, "X-Ratelimit-Reset": {body}, "Date": {"Wed, 01 Jul 2026 00:00:00 GMT"}}
		for _, l := range rateLimits(h) {
			if reset, ok := l.Reset.Get(); ok && (reset < 0 || reset > maxRetryAfter) {
				t.Errorf("a reset of %s from %q", reset, body)
			}
		}
		for _, route := range []probe.Route{own, router, hfi} {
			got := classify(status, http.Header{}, e, route)
			if !known[got] || got == probe.OK {
				t.Errorf("classify(%d, %q, %s) = %q, want an outcome that is not ok", status, body, route, got)
			}
		}
		if got, _ := inStream([]byte(body)); !known[got] || got == probe.OK {
			t.Errorf("inStream(%q) = %q, want an outcome that is not ok", body, got)
		}
		if !strings.HasPrefix(e.words, " ") && e.words != "" {
			t.Errorf("words of %q = %q, want a space first", body, e.words)
		}
	})
}
