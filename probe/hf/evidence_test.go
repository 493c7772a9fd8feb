package hf

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hfwatch/hfwatch/probe"
)

// absent is what was not measured.
var absent probe.Seconds

func seconds(f float64) probe.Seconds { return probe.Measured(time.Duration(f * float64(time.Second))) }

func TestEvidence(t *testing.T) {
	rows := []struct {
		why      string
		header   http.Header
		streamed bool
		want     probe.Result
	}{
		{"nothing", headers(), false, probe.Result{}},
		{
			"TGI counts in milliseconds, but for its compute time",
			headers("X-Compute-Type", "1-a10-g", "X-Compute-Time", "0.71081148", "X-Total-Time", "710", "X-Queue-Time", "3",
				"X-Validation-Time", "0", "X-Time-Per-Token", "35", "X-Sha", "abc"),
			false,
			probe.Result{Engine: "tgi", Server: probe.Measured(710811480), Queue: seconds(0.003), Revision: "abc"},
		},
		{
			"TEI's compute time is in milliseconds",
			headers("X-Compute-Type", "1-a10-g", "X-Compute-Time", "12", "X-Compute-Tokens", "5", "X-Tokenization-Time", "1",
				"X-Queue-Time", "2", "X-Inference-Time", "8", "X-Total-Time", "13"),
			false,
			probe.Result{Engine: "tei", Server: seconds(0.013), Queue: seconds(0.002)},
		},
		{
			"hf-inference's is in seconds", headers("X-Compute-Type", "cpu", "X-Compute-Time", "0.116", "Server", "uvicorn", "X-Inference-Id", "i1"),
			false,
			probe.Result{Engine: "hf-inference", Server: seconds(0.116), RequestID: "i1"},
		},
		{
			"a whole number of an unknown engine could be either", headers("X-Compute-Type", "cpu", "X-Compute-Time", "57"),
			false,
			probe.Result{},
		},
		{
			"a replay repeats the original's time", headers("X-Compute-Type", "cache", "X-Compute-Time", "0.042"),
			false,
			probe.Result{Cached: true},
		},
		{"an edge replays", headers("X-Cache", "Hit from cloudfront"), false, probe.Result{Cached: true}},
		{"an edge that missed does not", headers("X-Cache", "Miss from cloudfront", "Cf-Cache-Status", "DYNAMIC"), false, probe.Result{}},
		{"TGI's stream has no times", headers("X-Compute-Type", "2-a10-g", "X-Accel-Buffering", "no"), true, probe.Result{Engine: "tgi"}},
		{
			"a provider's own account, in seconds",
			headers("Fireworks-Server-Processing-Time", "5.597", "X-Envoy-Upstream-Service-Time", "5599", "X-Inference-Provider", "fireworks-ai", "Cf-Ray", "ray"),
			false,
			probe.Result{Server: seconds(5.597), Provider: "fireworks-ai", RequestID: "ray"},
		},
		{"a gateway's, in milliseconds", headers("X-Envoy-Upstream-Service-Time", "31"), false, probe.Result{Server: seconds(0.031)}},
		{"which in a stream is of its beginning", headers("X-Envoy-Upstream-Service-Time", "31"), true, probe.Result{}},
		{"server-timing", headers("Server-Timing", "cfL4;desc=x, total;dur=12.5"), false, probe.Result{Server: seconds(0.0125)}},
		{"no number", headers("X-Envoy-Upstream-Service-Time", "fast"), false, probe.Result{}},
		{"no time of one answer", headers("X-Envoy-Upstream-Service-Time", "1e18"), false, probe.Result{}},
		{"a negative one", headers("Server-Timing", "total;dur=-1"), false, probe.Result{}},
		{"not a number", headers("Server-Timing", "total;dur=NaN"), false, probe.Result{}},
		{"the router's id", headers("X-Request-Id", "Root=1-2-3;ours", "Cf-Ray", "ray"), false, probe.Result{RequestID: "Root=1-2-3;ours", IDs: []string{"cf-ray: ray"}}},
		{"a warning of the Hub", headers("X-HF-Warning", "old; move on"), false, probe.Result{Warnings: []string{"the Hub warns: old; move on"}}},
	}
	for _, row := range rows {
		var got probe.Result
		evidence(&got, row.header, row.streamed)
		if diff := cmp.Diff(row.want, got); diff != "" {
			t.Errorf("%s: evidence (-want +got):\n%s", row.why, diff)
		}
	}
}

func TestEngineOfBody(t *testing.T) {
	uvicorn := headers("Server", "uvicorn")
	rows := []struct {
		why    string
		header http.Header
		status int
		route  probe.Route
		head   string
		want   string
	}{
		{"TGI's fingerprint", headers(), 200, own, `{"id":"","system_fingerprint":"3.0.1-sha-bb9095a"}`, "tgi"},
		{"TGI's newer one", headers(), 200, own, `{"id":"","system_fingerprint":"3.2.1-native"}`, "tgi"},
		{"TGI's own stream", headers(), 200, own, `{"index":1,"token":{"id":3,"text":" ","logprob":-2.0,"special":false}}`, "tgi"},
		{"somebody's fingerprint", headers(), 200, own, `{"system_fingerprint":"fp_44709d6fcb"}`, ""},
		{"vLLM", uvicorn, 200, own, `{"id":"chatcmpl-1","object":"chat.completion"}`, "vllm"},
		{"an id alone is OpenAI's own", headers("Server", "cloudflare"), 200, router, `{"id":"chatcmpl-1"}`, ""},
		{"the toolkit's error", uvicorn, 400, own, `{"error":"CUDA error"}`, "toolkit"},
		{"which hf-inference has too", headers("Server", "uvicorn", "X-Compute-Type", "cpu"), 400, own, `{"error":"x"}`, ""},
		{"and not on the router", uvicorn, 400, hfi, `{"error":"x"}`, ""},
		{"SGLang's choices", headers(), 200, own, `{"id":"669d24a3","choices":[{"index":0,"delta":{},"matched_stop":null}]}`, "sglang"},
		{"llama.cpp's timings", headers(), 200, own, `{"choices":[],"timings":{"prompt_n":5,"prompt_ms":3.1}}`, "llama.cpp"},
		{"vLLM behind a proxy", headers("Server", "nginx"), 200, own, `{"id":"chatcmpl-1","prompt_logprobs":null}`, "vllm"},
		{"vLLM's error", headers(), 400, own, `{"error":{"message":"x","type":"BadRequestError","param":null,"code":400}}`, "vllm"},
		{"a provider's error", headers(), 400, router, `{"error":{"message":"x","type":"invalid_request_error","code":"x"}}`, ""},
		{"TEI's error", headers(), 429, own, `{"error":"Model is overloaded","error_type":"Overloaded"}`, "tei"},
		{"TEI's, on OpenAI's route", headers(), 422, own, `{"message":"x","code":422,"type":"Validation"}`, "tei"},
		{"TGI's error", headers(), 429, own, `{"error":"Model is overloaded","error_type":"overloaded"}`, "tgi"},
		{"TGI's, within a stream", headers(), 422, own, `{"error":{"message":"x","http_status_code":422}}`, "tgi"},
		{"hf-inference's list", headers(), 400, hfi, `{"error":["Error in inputs: field required"]}`, "hf-inference"},
		{"and its loading", headers(), 503, hfi, `{"error":"Model x is currently loading","estimated_time":20.0}`, "hf-inference"},
		{"and its warnings", headers(), 500, hfi, `{"error":"unknown error","warnings":["CUDA out of memory"]}`, "hf-inference"},
		{"a proxy's page", headers(), 502, own, `<html>`, ""},
		{"a proxy's word", headers(), 503, own, `{"error":"503 Service Unavailable"}`, ""},
	}
	for _, row := range rows {
		if got := engineOfBody(row.header, row.status, row.route, []byte(row.head)); got != row.want {
			t.Errorf("%s: engineOfBody = %q, want %q", row.why, got, row.want)
		}
	}
}

// TestEngineAtTheEnd: an engine may show itself behind a long answer.
func TestEngineAtTheEnd(t *testing.T) {
	body := `{"choices":[{"message":{"content":"` + strings.Repeat("a ", 50_000) + `"},"finish_reason":"stop","matched_stop":2}]}`
	ends := bothEnds([]byte(body))
	if got := engineOfBody(headers(), 200, own, ends); got != "sglang" || len(ends) > 10*maxHead {
		t.Errorf("engineOfBody of %d bytes = %q, want sglang of few", len(ends), got)
	}
	if got := bothEnds([]byte("short")); string(got) != "short" {
		t.Errorf("bothEnds(short) = %q", got)
	}
}

func TestPhasesAreOfTheConnectionThatWasUsed(t *testing.T) {
	start := time.Now()
	at := func(n int) time.Time { return start.Add(time.Duration(n) * time.Millisecond) }
	lookup := times{dnsStart: at(0), dnsDone: at(5)}
	rows := []struct {
		why  string
		t    times
		want probe.Phases
	}{
		{
			"the address that answered first, not the one that was tried first",
			times{
				dnsStart: at(0), dnsDone: at(5), remote: "2.2.2.2:80", gotConn: at(330), wrote: at(331), firstByte: at(400),
				attempts: []attempt{
					{addr: "[::1]:80", start: at(5)},
					{addr: "1.1.1.1:80", start: at(100), done: at(200), err: errLimit},
					{addr: "2.2.2.2:80", start: at(305), done: at(330)},
				},
			},
			probe.Phases{DNS: seconds(0.005), Connect: seconds(0.025), Write: seconds(0.001), Wait: seconds(0.069), Read: seconds(0.1)},
		},
		{
			"a connection from the pool, though a dial had begun",
			times{
				dnsStart: at(0), dnsDone: at(5), reused: true, remote: "1.1.1.1:80", gotConn: at(7), wrote: at(8), firstByte: at(400),
				attempts: []attempt{{addr: "1.1.1.1:80", start: at(5)}},
			},
			probe.Phases{Write: seconds(0.001), Wait: seconds(0.392), Read: seconds(0.1)},
		},
		{
			"a connection that another request dialled",
			times{
				dnsStart: at(0), dnsDone: at(5), foreign: true, remote: "1.1.1.1:80", gotConn: at(7), wrote: at(8), firstByte: at(400),
				attempts: []attempt{{addr: "1.1.1.1:80", start: at(5), done: at(6)}},
			},
			probe.Phases{Write: seconds(0.001), Wait: seconds(0.392), Read: seconds(0.1)},
		},
		{
			"an answer before the request was written whole",
			times{gotConn: at(0), reused: true, wrote: at(450), firstByte: at(400)},
			probe.Phases{Write: seconds(0.45), Wait: seconds(0), Read: seconds(0.1)},
		},
		{"no connection", lookup, probe.Phases{DNS: seconds(0.005)}},
		{"nothing", times{}, probe.Phases{}},
	}
	for _, row := range rows {
		if diff := cmp.Diff(row.want, row.t.phases(at(500))); diff != "" {
			t.Errorf("%s: phases (-want +got):\n%s", row.why, diff)
		}
	}
	if !absent.IsZero() {
		t.Error("the zero Seconds is measured")
	}
}

func TestHooksAfterTheSealChangeNothing(t *testing.T) {
	var tr trace
	hooks := tr.dialHooks()
	hooks.ConnectStart("tcp", "1.1.1.1:80")
	before := tr.seal()
	hooks.ConnectDone("tcp", "1.1.1.1:80", nil)
	hooks.ConnectStart("tcp", "2.2.2.2:80")
	tr.hooks().GotFirstResponseByte()
	after := tr.seal()
	if len(before.attempts) != 1 || len(after.attempts) != 1 || !after.attempts[0].done.IsZero() || !after.firstByte.IsZero() {
		t.Errorf("after the seal: %+v, want what was there before", after)
	}
	var crowd trace
	hooks = crowd.dialHooks()
	for range 100 {
		hooks.ConnectStart("tcp", "1.1.1.1:80")
	}
	if got := len(crowd.seal().attempts); got != maxAttempts {
		t.Errorf("%d attempts are kept, want %d", got, maxAttempts)
	}
}

func TestClean(t *testing.T) {
	rows := []struct{ in, want string }{
		{"plain", "plain"},
		{" two\r\n\tlines\x00\x1b[31m ", "two lines [31m"},
		{"bad \xff byte", "bad \ufffd byte"},
		{"01234567890123456789x", "01234567890123456789…"},
		{"turn\u202earound", "turn around"},
		{"", ""},
	}
	for _, row := range rows {
		if got := clean(row.in, 20); got != row.want {
			t.Errorf("clean(%q) = %q, want %q", row.in, got, row.want)
		}
	}
}

func TestCarriers(t *testing.T) {
	c := New(Options{})
	defer c.Close()
	plain := probe.Endpoint{Route: own, URL: mustURL(t, "http://a.test/")}
	other := plain
	other.URL = mustURL(t, "http://b.test/")
	two := plain
	two.HTTP2 = true
	twoOther := other
	twoOther.HTTP2 = true
	odd := plain
	odd.TLS.ServerName = "x"
	get := func(e probe.Endpoint, reuse bool) *carrier {
		t.Helper()
		got, err := c.carriers.get(&e, reuse)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	if get(plain, false) != get(other, false) || get(plain, true) != get(other, true) {
		t.Error("calls that may share a transport do not")
	}
	if get(plain, false) == get(plain, true) || get(plain, true) == get(two, true) || get(plain, true) == get(odd, true) {
		t.Error("calls that may not share a transport do")
	}
	if get(two, true) == get(twoOther, true) || cap(get(two, true).slots) != maxStreams || get(plain, true).slots != nil {
		t.Error("pooled HTTP/2 has no bound for each host of its own")
	}
	if !get(plain, false).transport.DisableKeepAlives || get(plain, false).pool != nil || get(plain, true).pool == nil || get(two, true).transport.DisableKeepAlives {
		t.Error("fresh connections are kept, or pooled ones are not")
	}
	for i := range 3 * maxTransports {
		odd.TLS.ServerName = string(rune('a'+i%26)) + string(rune('a'+i/26))
		get(odd, false)
	}
	if got := len(c.carriers.all); got > maxTransports {
		t.Errorf("%d transports are kept, want at most %d", got, maxTransports)
	}
}
