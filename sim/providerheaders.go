package sim

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Providers behind the router let headers of their own through: ids, times, and
// rate limits whose units are each provider's. These are in the forms of real
// answers of 2025; a limit of the scenario's own replaces the limits.

// providerHeaders sets what comes with every answer of the provider.
func (x *exchange) providerHeaders(h http.Header, status int) {
	number := x.rec.Sequence
	ray := fmt.Sprintf("%016x-IAD", number)
	switch x.spec.provider() {
	case "fireworks-ai":
		h.Set("Cf-Ray", ray)
		x.limits(h, []rateField{
			{"limit-requests", "60"},
			{"remaining-requests", "59"},
			{"limit-tokens-prompt", "60000"},
			{"remaining-tokens-prompt", "59954"},
			{"limit-tokens-generated", "6000"},
			{"remaining-tokens-generated", "5469"},
			{"over-limit", overLimit(status)},
		})
	case "together":
		h.Set("Cf-Ray", ray)
		x.limits(h, []rateField{
			{"limit", "100"}, {"remaining", "199"}, {"reset", "2"}, {"limit-tokens", "33333"}, {"remaining-tokens", "32051"},
		})
		if len(x.rate) == 0 {
			// It comes with good answers, and says nothing of them.
			h.Set("Retry-After", "2")
		}
	case "nscale", "ovhcloud":
		x.limits(h, []rateField{
			{"limit-requests", "600"},
			{"remaining-requests", "599"},
			{"reset-requests", "1s"},
			{"limit-tokens", "400000"},
			{"remaining-tokens", "399973"},
			{"reset-tokens", "1s"},
		})
	case "groq":
		h.Set("Cf-Ray", ray)
		x.limits(h, []rateField{
			{"limit-requests", "14400"},
			{"remaining-requests", "14370"},
			{"reset-requests", "2m59.56s"},
			{"limit-tokens", "18000"},
			{"remaining-tokens", "17997"},
			{"reset-tokens", "7.66ms"},
		})
	case "cerebras":
		h.Set("Cf-Ray", ray)
		x.limits(h, []rateField{
			{"limit-requests-day", "14400"},
			{"remaining-requests-day", "14399"},
			{"reset-requests-day", "33011.38"},
			{"limit-tokens-minute", "60000"},
			{"remaining-tokens-minute", "59954"},
			{"reset-tokens-minute", "33.93"},
		})
	case "fal-ai":
		h.Set("X-Fal-Request-Id", fmt.Sprintf("%08x-0000-4000-8000-%012x", number, number))
	case "novita", "deepinfra", "openai":
		h.Set("Cf-Ray", ray)
	}
}

// rateField is a header of the family x-ratelimit-.
type rateField struct{ name, value string }

// limits sets fields of the family, unless the scenario's own limit speaks.
func (x *exchange) limits(h http.Header, fields []rateField) {
	if len(x.rate) > 0 {
		return
	}
	for _, f := range fields {
		h.Set("X-Ratelimit-"+f.name, f.value)
	}
}

// overLimit is what fireworks says of a status.
func overLimit(status int) string {
	if status == http.StatusTooManyRequests {
		return "yes"
	}
	return "no"
}

// providerTimes sets what the provider says of the time that a good answer took
// there, each in its own unit.
func (x *exchange) providerTimes(h http.Header, total, compute time.Duration) {
	seconds := func(d time.Duration) string { return strconv.FormatFloat(d.Seconds(), 'f', 3, 64) }
	switch x.spec.provider() {
	case "fireworks-ai":
		h.Set("Fireworks-Server-Processing-Time", seconds(compute))
		h.Set("Server-Timing", fmt.Sprintf(`total;dur=%.1f;desc="Total Response Time"`, float64(total)/float64(time.Millisecond)))
		h.Set("X-Envoy-Upstream-Service-Time", milliseconds(total))
	case "fal-ai":
		h.Set("X-Fal-Raw-Time", strings.TrimRight(strconv.FormatFloat(compute.Seconds(), 'f', 9, 64), "0"))
	default:
		h.Set("X-Envoy-Upstream-Service-Time", milliseconds(total))
	}
}
