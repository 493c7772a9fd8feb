package hf

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/hfwatch/hfwatch/probe"
)

// evidence fills in what an answer's header says of who answered, and of the
// time that it took there. The texts are as sent; secrets.hide bounds them.
func evidence(res *probe.Result, h http.Header, streamed bool) {
	res.Engine = engineOf(h)
	res.Cached = replayed(h)
	res.Provider = field(h, "X-Inference-Provider")
	res.Revision = field(h, "X-Sha")
	res.RequestID, res.IDs = requestIDs(h)
	res.RetryAfter, res.RateLimit = retryAfter(res.Status, h), tightest(rateLimits(h))
	if text := field(h, "Date"); text != "" && field(h, "Age") == "" {
		// What a cache kept for a while bears the time at which it was made.
		if at, err := http.ParseTime(text); err == nil {
			res.Date = at.UTC()
		}
	}
	if topic := field(h, "X-Hf-Warning"); topic != "" {
		res.Warnings = append(res.Warnings, "the Hub warns: "+topic)
	}
	if !res.Cached {
		// A replay repeats the times of the original.
		res.Server, res.Queue = serverTimes(res.Engine, h, streamed)
	}
}

// requestIDs returns what the header calls the request, the name first by which
// whoever was asked first can find it: the router's or the engine's own id, the
// bill's (x-inference-id of hf-inference, inference-id of the other providers), a
// provider's, a cloud's, an edge's.
func requestIDs(h http.Header) (first string, others []string) {
	for _, name := range [...]string{"X-Request-Id", "X-Inference-Id", "Inference-Id", "X-Fal-Request-Id", "X-Amzn-Requestid", "Cf-Ray", "X-Amz-Cf-Id"} {
		switch id := field(h, name); {
		case id == "":
		case first == "":
			first = id
		default:
			others = append(others, strings.ToLower(name)+": "+id)
		}
	}
	return first, others
}

// replayed reports that the answer came out of a cache: hf-inference says so
// in x-compute-type, the edges in headers of their own.
func replayed(h http.Header) bool {
	return strings.EqualFold(strings.TrimSpace(field(h, "X-Compute-Type")), "cache") ||
		strings.HasPrefix(strings.ToLower(field(h, "X-Cache")), "hit") ||
		strings.EqualFold(field(h, "Cf-Cache-Status"), "HIT")
}

// serverTimes returns the time in all and in the queue, in the units that the
// engine uses: x-compute-time is in seconds with a fraction from TGI and
// hf-inference, and in whole milliseconds from TEI; x-total-time and
// x-queue-time are in milliseconds. Where the engine is not known a whole
// number could be either, and is left out. Before a stream has ended the
// gateways' figures are of its beginning, and are left out too.
func serverTimes(engine string, h http.Header, streamed bool) (server, queue probe.Seconds) {
	compute := field(h, "X-Compute-Time")
	fraction := strings.Contains(compute, ".")
	switch engine {
	case engineTEI:
		queue = duration(field(h, "X-Queue-Time"), time.Millisecond)
		server = firstMeasured(duration(field(h, "X-Total-Time"), time.Millisecond), duration(compute, time.Millisecond))
		return server, queue
	case engineTGI:
		queue = duration(field(h, "X-Queue-Time"), time.Millisecond)
		if fraction {
			server = duration(compute, time.Second)
		}
		return firstMeasured(server, duration(field(h, "X-Total-Time"), time.Millisecond)), queue
	}
	if fraction {
		return duration(compute, time.Second), queue
	}
	if streamed {
		return server, queue
	}
	return firstMeasured(
		duration(field(h, "Fireworks-Server-Processing-Time"), time.Second),
		duration(field(h, "X-Fal-Raw-Time"), time.Second),
		duration(field(h, "Openai-Processing-Ms"), time.Millisecond),
		duration(serverTiming(field(h, "Server-Timing")), time.Millisecond),
		duration(field(h, "X-Envoy-Upstream-Service-Time"), time.Millisecond),
	), queue
}

// serverTiming returns the duration of the metric "total" in a Server-Timing
// header, which is in milliseconds.
func serverTiming(value string) string {
	for metric := range strings.SplitSeq(value, ",") {
		name, rest, _ := strings.Cut(strings.TrimSpace(metric), ";")
		if strings.TrimSpace(name) != "total" {
			continue
		}
		for part := range strings.SplitSeq(rest, ";") {
			if number, ok := strings.CutPrefix(strings.TrimSpace(part), "dur="); ok {
				return number
			}
		}
	}
	return ""
}

// duration returns a number of units, absent where text is none or cannot be a
// time of one answer.
func duration(text string, unit time.Duration) probe.Seconds {
	if text == "" {
		// Most headers are not there, and the error of strconv costs memory.
		return probe.Seconds{}
	}
	n, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	if err != nil || !(n >= 0) || n*float64(unit) > float64(24*time.Hour) {
		return probe.Seconds{}
	}
	return probe.Measured(time.Duration(n * float64(unit)))
}

// firstMeasured returns the first that is not absent.
func firstMeasured(of ...probe.Seconds) probe.Seconds {
	for _, s := range of {
		if !s.IsZero() {
			return s
		}
	}
	return probe.Seconds{}
}

// headerTokens returns the counts that TGI writes into the header of an answer
// that is no stream.
func headerTokens(h http.Header) (in, out probe.Opt[int]) {
	return count(field(h, "X-Prompt-Tokens")), count(field(h, "X-Generated-Tokens"))
}

// count returns a number of tokens.
func count(text string) probe.Opt[int] {
	if text == "" {
		return probe.Opt[int]{}
	}
	n, err := strconv.ParseUint(strings.TrimSpace(text), 10, 31)
	if err != nil {
		return probe.Opt[int]{}
	}
	return probe.Some(int(n))
}

// field returns the first value of a header whose name is canonical: what
// h.Get does, without making a name canonical that is.
func field(h http.Header, name string) string {
	if v := h[name]; len(v) > 0 {
		return v[0]
	}
	return ""
}
