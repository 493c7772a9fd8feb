package hf

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/hfwatch/hfwatch/probe"
)

// rateInHeaders reports that the header of a 429 names a rate as the limit.
// The Hub and many providers send such fields with every answer: one that
// still has something left is no cause.
func rateInHeaders(h http.Header) bool {
	mentioned, left, spent := false, false, false
	for name, values := range h {
		lower := strings.ToLower(name)
		if lower == "ratelimit" {
			// The draft "RateLimit header fields for HTTP": "api";r=0;t=55.
			for _, value := range values {
				mentioned = true
				if remaining, ok := parameter(value, "r"); ok {
					left, spent = left || remaining > 0, spent || remaining == 0
				}
			}
			continue
		}
		if !strings.HasPrefix(lower, "x-ratelimit-") && !strings.HasPrefix(lower, "ratelimit-") || lower == "ratelimit-policy" {
			continue
		}
		mentioned = true
		if !strings.Contains(lower, "remaining") {
			continue
		}
		if n, err := strconv.ParseFloat(strings.TrimSpace(values[0]), 64); err == nil {
			left, spent = left || n > 0, spent || n <= 0
		}
	}
	return spent || mentioned && !left
}

// parameter returns the number behind name= in a structured header field.
func parameter(value, name string) (float64, bool) {
	for part := range strings.FieldsFuncSeq(value, func(r rune) bool { return r == ';' || r == ',' }) {
		key, number, ok := strings.Cut(strings.TrimSpace(part), "=")
		if !ok || key != name {
			continue
		}
		if n, err := strconv.ParseFloat(number, 64); err == nil {
			return n, true
		}
	}
	return 0, false
}

// maxRetryAfter bounds what a server may ask for.
const maxRetryAfter = 31 * 24 * time.Hour

// retryAfter returns the wait that a 429 or 503 asks for. Only whole seconds
// are read, as huggingface_hub reads them; on other answers the field means
// nothing.
func retryAfter(status int, h http.Header) probe.Seconds {
	if status != http.StatusTooManyRequests && status != http.StatusServiceUnavailable {
		return probe.Seconds{}
	}
	seconds, err := strconv.ParseUint(strings.TrimSpace(h.Get("Retry-After")), 10, 32)
	if err != nil {
		return probe.Seconds{}
	}
	return probe.Measured(min(time.Duration(seconds)*time.Second, maxRetryAfter))
}

// estimate returns the time that a loading model says it needs.
func estimate(e envelope) probe.Seconds {
	if e.estimate < 0 || e.estimate > maxRetryAfter.Seconds() {
		return probe.Seconds{}
	}
	return probe.Measured(time.Duration(e.estimate * float64(time.Second)))
}
