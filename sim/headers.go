package sim

import (
	"crypto/sha1" //nolint:gosec // Git's commits are SHA-1; nothing is protected by these.
	"encoding/hex"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// computeType is what TGI and TEI say of any hardware.
const computeType = "gpu+optimized" //nolint:misspell // The wire's own spelling.

// fakeSHA returns what looks like a commit of the repository id.
func fakeSHA(id string) string {
	sum := sha1.Sum([]byte(id)) //nolint:gosec // See the import.
	return hex.EncodeToString(sum[:])
}

// commonHeaders sets what comes on every answer, good or bad.
func (x *exchange) commonHeaders(h http.Header, status int) {
	if x.atRouter {
		x.routerHeaders(h, status)
	}
	for _, said := range x.rate {
		said.header(h)
	}
	if x.model == nil {
		return
	}
	switch x.spec.Backend {
	case BackendHF:
		h.Set("Server", "uvicorn")
		h.Set("X-Sha", x.b.SHA)
	case BackendVLLM, BackendSGLang, BackendToolkit:
		h.Set("Server", "uvicorn")
	case BackendLlama:
		h.Set("Server", "llama.cpp")
	case BackendProvider:
		h.Set("Server", "cloudflare")
		x.providerHeaders(h, status)
	}
	if status == http.StatusOK {
		for name, value := range x.b.Headers {
			h.Set(name, value)
		}
	}
}

// routerHeaders sets those of the router and of the edge before it.
func (x *exchange) routerHeaders(h http.Header, status int) {
	h.Set("X-Powered-By", "huggingface-moon")
	h.Set("X-Robots-Tag", "none")
	h.Set("Via", "1.1 sim.cloudfront.net (CloudFront)")
	h.Set("X-Cache", "Miss from cloudfront")
	if status >= http.StatusBadRequest {
		h.Set("X-Cache", "Error from cloudfront")
	}
	// The request's id is the router's own with the client's trace id behind it.
	root := fmt.Sprintf("Root=1-%08x-%024x", x.rec.Received.Unix(), x.rec.Sequence)
	if id := x.r.Header.Get("X-Amzn-Trace-Id"); id != "" {
		root += ";" + id
	}
	h.Set("X-Request-Id", root)
	if x.model == nil {
		return
	}
	if x.b.ServedBy != "" {
		h.Set("X-Inference-Provider", x.b.ServedBy)
	}
	billing := "Inference-Id"
	if x.spec.provider() == BackendHF {
		billing = "X-Inference-Id"
	}
	h.Set(billing, fmt.Sprintf("sim-%d", x.rec.Sequence))
}

// milliseconds returns d in whole milliseconds, as TGI and TEI print it.
func milliseconds(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }

// answerHeaders sets what the backend says of a good answer in one piece, in
// its own units: TGI's compute time is float seconds and its other times
// whole milliseconds, TEI's are all whole milliseconds, hf-inference's is
// seconds with three decimals.
func (x *exchange) answerHeaders(h http.Header, j job, compute time.Duration) {
	queue := x.rec.Started.Sub(x.arrived)
	total := queue + compute
	switch x.spec.Backend {
	case BackendTGI:
		h.Set("X-Compute-Type", computeType)
		h.Set("X-Compute-Time", strconv.FormatFloat(total.Seconds(), 'f', -1, 64))
		h.Set("X-Compute-Characters", strconv.Itoa(j.chars))
		h.Set("X-Total-Time", milliseconds(total))
		h.Set("X-Validation-Time", "0")
		h.Set("X-Queue-Time", milliseconds(queue))
		h.Set("X-Inference-Time", milliseconds(compute))
		h.Set("X-Time-Per-Token", milliseconds(compute/time.Duration(max(1, j.tokens()))))
		h.Set("X-Prompt-Tokens", strconv.Itoa(j.tokensIn))
		h.Set("X-Generated-Tokens", strconv.Itoa(j.tokens()))
	case BackendTEI:
		h.Set("X-Compute-Type", computeType)
		h.Set("X-Compute-Time", milliseconds(total))
		h.Set("X-Compute-Characters", strconv.Itoa(j.chars))
		h.Set("X-Compute-Tokens", strconv.Itoa(j.tokensIn))
		h.Set("X-Total-Time", milliseconds(total))
		h.Set("X-Tokenization-Time", "0")
		h.Set("X-Queue-Time", milliseconds(queue))
		h.Set("X-Inference-Time", milliseconds(compute))
	case BackendHF:
		h.Set("X-Compute-Type", "cpu")
		h.Set("X-Compute-Time", strconv.FormatFloat(compute.Seconds(), 'f', 3, 64))
		h.Set("X-Compute-Characters", strconv.Itoa(j.chars))
	case BackendProvider:
		x.providerTimes(h, total, compute)
	}
}

// streamHeaders sets what the backend says as it opens a stream: no timings.
func (x *exchange) streamHeaders(h http.Header, j job) {
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-cache")
	switch x.spec.Backend {
	case BackendTGI:
		h.Set("X-Accel-Buffering", "no")
		h.Set("X-Compute-Type", computeType)
		h.Set("X-Compute-Characters", strconv.Itoa(j.chars))
	case BackendVLLM, BackendSGLang, BackendProvider:
		h.Set("Content-Type", "text/event-stream; charset=utf-8")
	}
}
