package sim

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// GET /metrics of the engines, under the names of each one's own sources and
// documents: what this engine counted since it began.

// metricsType is the media type of the text format.
const metricsType = "text/plain; version=0.0.4"

// exposition is metrics in the text format.
type exposition struct {
	strings.Builder
	// labels stand in every sample, each followed by a comma.
	labels string
}

// family begins the metric called name.
func (e *exposition) family(name, kind, help string) {
	_, _ = e.WriteString("# HELP " + name + " " + help + "\n# TYPE " + name + " " + kind + "\n")
}

// sample writes one value; labels are its own, such as `method="prefill"`.
func (e *exposition) sample(name, labels string, value float64) {
	if all := strings.TrimSuffix(e.labels+labels, ","); all != "" {
		name += "{" + all + "}"
	}
	_, _ = e.WriteString(name + " " + strconv.FormatFloat(value, 'g', -1, 64) + "\n")
}

// gauge and counter write a metric of one value.
func (e *exposition) gauge(name, help string, value float64) {
	e.family(name, "gauge", help)
	e.sample(name, "", value)
}

func (e *exposition) counter(name, help string, value float64) {
	e.family(name, "counter", help)
	e.sample(name, "", value)
}

// histogram writes s.
func (e *exposition) histogram(name, help string, s *buckets) {
	e.family(name, "histogram", help)
	for i, bound := range s.bounds {
		e.sample(name+"_bucket", `le="`+strconv.FormatFloat(bound, 'g', -1, 64)+`"`, float64(s.counts[i]))
	}
	e.sample(name+"_bucket", `le="+Inf"`, float64(s.n))
	e.sample(name+"_sum", "", s.sum)
	e.sample(name+"_count", "", float64(s.n))
}

// metrics answers GET /metrics, and reports whether the engine has it.
func (x *exchange) metrics() bool {
	running, waiting := x.model.gate.busy()
	r, w := float64(running), float64(waiting)
	var e exposition
	s := x.server
	s.mu.Lock()
	t := x.model.tally
	switch x.spec.Backend {
	case BackendTGI:
		t.tgi(&e, r, w)
	case BackendTEI:
		t.tei(&e, x.spec.Tasks[0], w)
	case BackendToolkit:
		e.gauge("inf_batch_current_size", "Requests that are computed.", r)
		e.gauge("inf_queue_size", "Requests that wait.", w)
	case BackendVLLM:
		e.labels = fmt.Sprintf("model_name=%q,engine=\"0\",", x.spec.ID)
		t.vllm(&e, r, w, float64(x.b.Permits))
	case BackendSGLang:
		e.labels = fmt.Sprintf("model_name=%q,", x.spec.ID)
		t.sglang(&e, r, w, float64(x.b.Permits))
	case BackendLlama:
		t.llama(&e, r, w)
	default:
		s.mu.Unlock()
		return false
	}
	s.mu.Unlock()
	h := x.w.Header()
	x.commonHeaders(h, http.StatusOK)
	h.Set("Content-Type", metricsType)
	x.writeWhole(http.StatusOK, []byte(e.String()))
	return true
}

// tgi writes what text-generation-inference counts (docs/source/reference/metrics.md).
// Its counters have no _total.
func (t *tally) tgi(e *exposition, running, waiting float64) {
	e.counter("tgi_request_count", "Total number of requests", float64(t.requests))
	e.counter("tgi_request_success", "Number of successful requests", float64(t.success))
	t.failed(e, "tgi_request_failure")
	e.gauge("tgi_queue_size", "Current queue size", waiting)
	e.gauge("tgi_batch_current_size", "Current batch size", running)
	e.gauge("tgi_batch_current_max_tokens", "Maximum tokens for the current batch", running*t.tokensOut.mean())
	e.histogram("tgi_request_duration", "Total time spent processing the request (e2e latency)", t.total)
	e.histogram("tgi_request_queue_duration", "Time spent in the queue per request", t.queue)
	e.histogram("tgi_request_inference_duration", "Request inference duration", t.inference)
	e.histogram("tgi_request_validation_duration", "Time spent validating the request", newBuckets(secondBounds()))
	e.histogram("tgi_request_mean_time_per_token_duration", "Mean time per token per request (inter-token latency)", t.each)
	e.histogram("tgi_request_input_length", "Input token length per request", t.tokensIn)
	e.histogram("tgi_request_generated_tokens", "Generated tokens per request", t.tokensOut)
}

// failed writes a counter by the kind of failure.
func (t *tally) failed(e *exposition, name string) {
	e.family(name, "counter", "Requests that failed, by the kind of error")
	for _, kind := range sortedKeys(t.failures) {
		e.sample(name, `err="`+kind+`"`, float64(t.failures[kind]))
	}
}

// tei writes what text-embeddings-inference counts (router/src/http/server.rs,
// core/src/infer.rs).
func (t *tally) tei(e *exposition, task string, waiting float64) {
	e.family("te_request_count", "counter", "Requests, by whether they were a batch")
	e.sample("te_request_count", `method="single"`, float64(t.requests))
	e.family("te_request_success", "counter", "Requests that were answered")
	e.sample("te_request_success", `method="single"`, float64(t.success))
	t.failed(e, "te_request_failure")
	e.gauge("te_queue_size", "Inputs that wait", waiting)
	e.histogram("te_request_duration", "Time of a request", t.total)
	e.histogram("te_request_tokenization_duration", "Time of a request's tokenization", newBuckets(secondBounds()))
	e.histogram("te_request_queue_duration", "Time of a request in the queue", t.queue)
	e.histogram("te_request_inference_duration", "Time of a request's inference", t.inference)
	e.histogram("te_request_input_length", "Tokens of an input", t.tokensIn)
	kind := "te_embed"
	if task == taskTextClass || task == taskRanking {
		kind = "te_predict"
	}
	e.counter(kind+"_count", "Inputs", float64(t.requests))
	e.counter(kind+"_success", "Inputs that were computed", float64(t.success))
	e.histogram(kind+"_inference_duration", "Time of an input's inference", t.inference)
}

// vllm writes what vLLM counts (vllm/v1/metrics/loggers.py).
func (t *tally) vllm(e *exposition, running, waiting, permits float64) {
	e.gauge("vllm:num_requests_running", "Number of requests in model execution batches.", running)
	e.gauge("vllm:num_requests_waiting", "Number of requests waiting to be processed.", waiting)
	e.gauge("vllm:kv_cache_usage_perc", "KV-cache usage. 1 means 100 percent usage.", min(1, running/max(1, permits)))
	e.counter("vllm:prompt_tokens_total", "Number of prefill tokens processed.", float64(t.in))
	e.counter("vllm:generation_tokens_total", "Number of generation tokens processed.", float64(t.out))
	e.family("vllm:request_success_total", "counter", "Count of successfully processed requests.")
	for _, reason := range sortedKeys(t.finished) {
		e.sample("vllm:request_success_total", `finished_reason="`+reason+`"`, float64(t.finished[reason]))
	}
	e.histogram("vllm:time_to_first_token_seconds", "Histogram of time to first token in seconds.", t.first)
	e.histogram("vllm:inter_token_latency_seconds", "Histogram of inter-token latency in seconds.", t.each)
	e.histogram("vllm:e2e_request_latency_seconds", "Histogram of e2e request latency in seconds.", t.total)
	e.histogram("vllm:request_queue_time_seconds", "Histogram of time spent in WAITING phase for request.", t.queue)
	e.histogram("vllm:request_inference_time_seconds", "Histogram of time spent in RUNNING phase for request.", t.inference)
	e.histogram("vllm:request_prefill_time_seconds", "Histogram of time spent in PREFILL phase for request.", t.prefill)
	e.histogram("vllm:request_decode_time_seconds", "Histogram of time spent in DECODE phase for request.", t.decode)
	e.histogram("vllm:request_prompt_tokens", "Number of prefill tokens processed.", t.tokensIn)
	e.histogram("vllm:request_generation_tokens", "Number of generation tokens processed.", t.tokensOut)
}

// sglang writes what SGLang counts with --enable-metrics.
func (t *tally) sglang(e *exposition, running, waiting, permits float64) {
	e.gauge("sglang:num_running_reqs", "The number of running requests.", running)
	e.gauge("sglang:num_queue_reqs", "The number of requests in the waiting queue.", waiting)
	e.gauge("sglang:token_usage", "The token usage.", min(1, running/max(1, permits)))
	e.gauge("sglang:gen_throughput", "The generation throughput (token/s).", rate(t.out, t.inference.sum))
	e.counter("sglang:prompt_tokens_total", "Number of prefill tokens processed.", float64(t.in))
	e.counter("sglang:generation_tokens_total", "Number of generation tokens processed.", float64(t.out))
	e.counter("sglang:num_requests_total", "Number of requests processed.", float64(t.requests))
	e.histogram("sglang:time_to_first_token_seconds", "Histogram of time to first token in seconds.", t.first)
	e.histogram("sglang:inter_token_latency_seconds", "Histogram of inter-token latency in seconds.", t.each)
	e.histogram("sglang:e2e_request_latency_seconds", "Histogram of End-to-end request latency in seconds", t.total)
}

// llama writes what llama.cpp counts with --metrics (tools/server).
func (t *tally) llama(e *exposition, running, waiting float64) {
	e.counter("llamacpp:prompt_tokens_total", "Number of prompt tokens processed.", float64(t.in))
	e.counter("llamacpp:prompt_seconds_total", "Prompt process time", t.prefill.sum)
	e.counter("llamacpp:tokens_predicted_total", "Number of generation tokens processed.", float64(t.out))
	e.counter("llamacpp:tokens_predicted_seconds_total", "Predict process time", t.decode.sum)
	e.counter("llamacpp:n_decode_total", "Total number of llama_decode() calls", float64(t.out))
	e.gauge("llamacpp:n_busy_slots_per_decode", "Average number of busy slots per llama_decode() call", running)
	e.gauge("llamacpp:prompt_tokens_seconds", "Average prompt throughput in tokens/s.", rate(t.in, t.prefill.sum))
	e.gauge("llamacpp:predicted_tokens_seconds", "Average generation throughput in tokens/s.", rate(t.out, t.decode.sum))
	e.gauge("llamacpp:requests_processing", "Number of requests processing.", running)
	e.gauge("llamacpp:requests_deferred", "Number of requests deferred.", waiting)
}

// rate returns n over seconds, 0 in no time.
func rate(n uint64, seconds float64) float64 {
	if seconds <= 0 {
		return 0
	}
	return float64(n) / seconds
}

// openMetricsType is the media type of OpenMetrics.
const openMetricsType = "application/openmetrics-text; version=1.0.0; charset=utf-8"

// openMetrics is what the management API says of an endpoint's replicas
// (hf-endpoints-documentation, guides/analytics.md), in OpenMetrics.
func (m *model) openMetrics() string {
	var e exposition
	e.labels = fmt.Sprintf("replica_id=%q,", m.Name+"-0")
	e.family("http_requests", "counter", "Requests by status.")
	for _, status := range slices.Sorted(maps.Keys(m.tally.statuses)) {
		e.sample("http_requests_total", fmt.Sprintf(`status_code="%d"`, status), float64(m.tally.statuses[status]))
	}
	e.family("latency_distribution", "summary", "Seconds that requests took.")
	for _, q := range []float64{0.5, 0.9, 0.95, 0.99} {
		e.sample("latency_distribution", fmt.Sprintf(`quantile="%g"`, q), m.tally.total.quantile(q))
	}
	e.sample("latency_distribution_sum", "", m.tally.total.sum)
	e.sample("latency_distribution_count", "", float64(m.tally.total.n))
	running, _ := m.gate.busy()
	share := min(1, float64(running)/float64(max(1, m.effective().Permits)))
	e.family("cpu_usage", "gauge", "Share of the processors in use.")
	e.sample("cpu_usage", "", share)
	e.family("memory_usage", "gauge", "Share of the memory in use.")
	e.sample("memory_usage", "", 0.5)
	return e.String() + "# EOF\n"
}
