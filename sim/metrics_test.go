package sim

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestMetrics asks each engine three times, once in vain, and holds what its
// /metrics say of it: values here, and all names in the golden file.
func TestMetrics(t *testing.T) {
	t.Parallel()
	busy := Behaviour{Text: "one two three four", Permits: 1, Overflow: "queue", Latency: Latency{Prefill: ms(100), PerToken: ms(20)}}
	rows := []struct {
		backend, task, path, body string
		want                      []string
	}{
		{
			BackendTGI, taskGeneration, "/generate", `{"inputs":"Say:"}`,
			[]string{
				"tgi_request_count 3", "tgi_request_success 2", `tgi_request_failure{err="validation"} 1`, "tgi_request_duration_count 2",
				`tgi_request_duration_bucket{le="0.25"} 1`, `tgi_request_duration_bucket{le="0.5"} 2`, "tgi_request_queue_duration_sum 0.16", "tgi_queue_size 0", "tgi_batch_current_size 0",
			},
		},
		{
			BackendTEI, taskFeatures, "/embed", `{"inputs":"a"}`,
			[]string{`te_request_count{method="single"} 3`, `te_request_success{method="single"} 2`, "te_embed_success 2", "te_request_inference_duration_sum 0.2", "te_queue_size 0"},
		},
		{BackendToolkit, taskTextClass, "/", `{"inputs":"a"}`, []string{"inf_batch_current_size 0", "inf_queue_size 0"}},
		{
			BackendVLLM, taskChat, "/v1/chat/completions", `{"messages":[{"role":"user","content":"a"}],"stream":true}`,
			[]string{
				`vllm:request_success_total{model_name="org/model",engine="0",finished_reason="stop"} 2`, `vllm:generation_tokens_total{model_name="org/model",engine="0"} 8`,
				`vllm:time_to_first_token_seconds_sum{model_name="org/model",engine="0"} 0.36`, `vllm:request_decode_time_seconds_sum{model_name="org/model",engine="0"} 0.12`,
				`vllm:num_requests_running{model_name="org/model",engine="0"} 0`,
			},
		},
		{
			BackendSGLang, taskChat, "/v1/chat/completions", `{"messages":[{"role":"user","content":"a"}]}`,
			[]string{`sglang:num_requests_total{model_name="org/model"} 3`, `sglang:generation_tokens_total{model_name="org/model"} 8`, `sglang:num_queue_reqs{model_name="org/model"} 0`},
		},
		{
			BackendLlama, taskChat, "/v1/chat/completions", `{"messages":[{"role":"user","content":"a"}],"stream":true}`,
			[]string{"llamacpp:tokens_predicted_total 8", "llamacpp:tokens_predicted_seconds_total 0.12", "llamacpp:prompt_seconds_total 0.2", "llamacpp:requests_deferred 0"},
		},
	}
	var names strings.Builder
	for _, row := range rows {
		synctest.Test(t, func(t *testing.T) {
			b := start(t, one(row.backend, []string{row.task}, busy))
			done := make(chan answer, 2)
			for range 2 {
				go func() { done <- b.post("/e/m"+row.path, row.body) }()
				synctest.Wait()
			}
			got := b.send("GET", "/e/m/metrics", "").body
			if row.backend == BackendVLLM && !strings.Contains(got, `vllm:num_requests_waiting{model_name="org/model",engine="0"} 1`) {
				t.Errorf("while one computes and one waits: %s", got)
			}
			for range 2 {
				if a := <-done; a.status != 200 {
					t.Errorf("%s: %d %s, want 200", row.backend, a.status, a.body)
				}
			}
			_ = b.post("/e/m"+row.path, `{"nonsense":1}`)
			// The record of an answer ends after it.
			time.Sleep(time.Second)
			page := b.send("GET", "/e/m/metrics", "")
			equal(t, "type", page.header.Get("Content-Type"), metricsType)
			lines := strings.Split(page.body, "\n")
			for _, want := range row.want {
				found := false
				for _, line := range lines {
					found = found || near(line, want)
				}
				if !found {
					t.Errorf("%s: no line %q in:\n%s", row.backend, want, page.body)
				}
			}
			fmt.Fprintf(&names, "# %s\n", row.backend)
			for _, line := range lines {
				if strings.HasPrefix(line, "# TYPE ") {
					fmt.Fprintln(&names, strings.TrimPrefix(line, "# TYPE "))
				}
			}
		})
	}
	golden(t, "metrics.txt", names.String())
	synctest.Test(t, func(t *testing.T) {
		b := start(t, one(BackendHF, []string{taskTextClass}, Behaviour{}))
		equal(t, "hf-inference has none", b.send("GET", "/e/m/metrics", "").status, 404)
	})
}

// near reports whether a line is the wanted one, but for the last digits of sums.
func near(line, want string) bool {
	name, value, _ := cutLast(line)
	wantName, wantValue, _ := cutLast(want)
	if name != wantName {
		return false
	}
	var a, b float64
	_, errA := fmt.Sscan(value, &a)
	_, errB := fmt.Sscan(wantValue, &b)
	return errA == nil && errB == nil && a-b < 1e-6 && b-a < 1e-6
}

// cutLast cuts at the last blank.
func cutLast(s string) (before, after string, found bool) {
	i := strings.LastIndexByte(s, ' ')
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+1:], true
}

// TestOpenMetrics holds what the management API says of an endpoint's replicas.
func TestOpenMetrics(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := start(t, one(BackendTGI, []string{taskGeneration}, Behaviour{Text: "a b", Cold: &Cold{Begin: coldReady}, Latency: Latency{Prefill: ms(300)}}))
		equal(t, "status", b.post("/e/m/generate", `{"inputs":"Say:"}`).status, 200)
		_ = b.post("/e/m/generate", `{}`)
		time.Sleep(time.Second)
		got := b.send("GET", "/v2/endpoint/sim/m/open-metrics", "")
		equal(t, "type", got.header.Get("Content-Type"), openMetricsType)
		for _, want := range []string{
			`http_requests_total{replica_id="m-0",status_code="200"} 1`, `http_requests_total{replica_id="m-0",status_code="422"} 1`,
			`latency_distribution{replica_id="m-0",quantile="0.5"} 0.5`, `latency_distribution_count{replica_id="m-0"} 1`,
		} {
			if !strings.Contains(got.body, want+"\n") {
				t.Errorf("no line %q in:\n%s", want, got.body)
			}
		}
		if !strings.HasSuffix(got.body, "# EOF\n") {
			t.Errorf("no end in:\n%s", got.body)
		}
	})
}
