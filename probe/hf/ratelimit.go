package hf

import (
	"cmp"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hfwatch/hfwatch/probe"
)

// rateInHeaders reports that the header of a 429 names a rate as the limit.
// The Hub and many providers send such fields with every answer: one that
// still has something left is no cause.
func rateInHeaders(h http.Header) bool {
	// Fireworks says so in a word of its own.
	left, spent := false, strings.EqualFold(field(h, "X-Ratelimit-Over-Limit"), "yes")
	all := rateLimits(h)
	for _, l := range all {
		remaining, said := l.Remaining.Get()
		left, spent = left || said && remaining > 0, spent || said && remaining <= 0
	}
	return spent || len(all) > 0 && !left
}

// tightest returns the limit that is nearest to being spent: of what is left
// of its quota, or of the number left where no quota is said.
func tightest(all []probe.RateLimit) probe.RateLimit {
	share := func(l probe.RateLimit) float64 {
		remaining, said := l.Remaining.Get()
		quota, bounded := l.Quota.Get()
		switch {
		case !said:
			return math.Inf(1)
		case bounded && quota > 0:
			return remaining / quota
		}
		return remaining
	}
	if len(all) == 0 {
		return probe.RateLimit{}
	}
	return slices.MinFunc(all, func(a, b probe.RateLimit) int {
		resetA, _ := a.Reset.Get()
		resetB, _ := b.Reset.Get()
		return cmp.Or(cmp.Compare(share(a), share(b)), cmp.Compare(resetB, resetA), cmp.Compare(a.Name, b.Name))
	})
}

// maxLimits bounds how many limits of one answer are read.
const maxLimits = 32

// rateLimits returns what the header says of limits: the fields RateLimit and
// RateLimit-Policy of the IETF draft "RateLimit header fields for HTTP", as the
// Hub sends them, and the families ratelimit-* and x-ratelimit-* that providers
// let through.
func rateLimits(h http.Header) []probe.RateLimit {
	all := draftLimits(h)
	var families map[string]*probe.RateLimit
	for name, values := range h {
		field, suffix, ok := familyField(name)
		if !ok || len(values) == 0 {
			continue
		}
		if families == nil {
			families = map[string]*probe.RateLimit{}
		}
		if families[suffix] == nil {
			families[suffix] = &probe.RateLimit{Name: suffix}
		}
		l := families[suffix]
		switch field {
		case "limit":
			l.Quota = number(values[0])
		case "remaining":
			l.Remaining = number(values[0])
		case "reset":
			l.Reset = resetTime(values[0], h)
		}
	}
	for _, l := range families {
		all = append(all, *l)
	}
	slices.SortFunc(all, func(a, b probe.RateLimit) int { return strings.Compare(a.Name, b.Name) })
	return all[:min(len(all), maxLimits)]
}

// familyField takes a name such as X-Ratelimit-Remaining-Tokens-Minute apart
// into its field and the name of the bucket behind it.
func familyField(name string) (field, suffix string, ok bool) {
	if len(name) < len("ratelimit-limit") {
		return "", "", false
	}
	rest, ok := strings.CutPrefix(strings.TrimPrefix(strings.ToLower(name), "x-"), "ratelimit-")
	if !ok || len(rest) > maxBucket {
		return "", "", false
	}
	field, suffix, _ = strings.Cut(rest, "-")
	return field, suffix, field == "limit" || field == "remaining" || field == "reset"
}

// maxBucket bounds a bucket's name, in bytes.
const maxBucket = 48

// draftField is the name of the draft's field RateLimit as net/http writes it.
const draftField = "Ratelimit"

// draftLimits reads the draft's two fields. Of version 9 a limit is
// "api";r=0;t=55 and its policy "fixed window";"api";q=500;w=300; of the
// versions before 8 a limit is limit=100, remaining=50, reset=5.
func draftLimits(h http.Header) []probe.RateLimit {
	limits := h[draftField]
	if len(limits) == 0 {
		return nil
	}
	var all []probe.RateLimit
	old := probe.RateLimit{}
	for _, item := range listItems(limits) {
		name, params := itemParts(item)
		l := probe.RateLimit{Name: name, Remaining: number(params["r"]), Reset: secondsIn(params["t"])}
		if l.Remaining.IsZero() && l.Reset.IsZero() {
			old.Quota = either(old.Quota, number(params["limit"]))
			old.Remaining = either(old.Remaining, number(params["remaining"]))
			if s := secondsIn(params["reset"]); !s.IsZero() {
				old.Reset = s
			}
			continue
		}
		all = append(all, l)
	}
	if !old.IsZero() {
		all = append(all, old)
	}
	for _, item := range listItems(h.Values("RateLimit-Policy")) {
		name, params := itemParts(item)
		for i := range all {
			if all[i].Name == name {
				all[i].Quota, all[i].Window = either(number(params["q"]), all[i].Quota), secondsIn(params["w"])
			}
		}
	}
	return all[:min(len(all), maxLimits)]
}

// either returns a, or b where a is absent.
func either(a, b probe.Opt[float64]) probe.Opt[float64] {
	if a.IsZero() {
		return b
	}
	return a
}

// listItems cuts the values of a list field at the commas outside of quotation
// marks.
func listItems(values []string) []string {
	var items []string
	for _, value := range values {
		quoted := false
		items = append(items, strings.FieldsFunc(value, func(r rune) bool {
			if r == '"' {
				quoted = !quoted
			}
			return r == ',' && !quoted
		})...)
	}
	return items[:min(len(items), maxLimits)]
}

// itemParts returns the last name in quotation marks of an item, and its
// parameters.
func itemParts(item string) (name string, params map[string]string) {
	params = map[string]string{}
	for part := range strings.SplitSeq(item, ";") {
		part = strings.TrimSpace(part)
		if text, ok := strings.CutPrefix(part, `"`); ok {
			name = clean(strings.TrimSuffix(text, `"`), maxBucket)
			continue
		}
		if key, value, ok := strings.Cut(part, "="); ok {
			params[strings.ToLower(strings.TrimSpace(key))] = strings.TrimSpace(value)
		}
	}
	return name, params
}

// number returns a number that is not negative; of "100, 100;w=60" the first.
func number(text string) probe.Opt[float64] {
	text, _, _ = strings.Cut(text, ",")
	text, _, _ = strings.Cut(text, ";")
	n, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	if err != nil || !(n >= 0) || n > 1e15 {
		return probe.Opt[float64]{}
	}
	return probe.Some(n)
}

// secondsIn returns a number of seconds as a duration.
func secondsIn(text string) probe.Seconds {
	n, ok := number(text).Get()
	if !ok || n > maxRetryAfter.Seconds() {
		return probe.Seconds{}
	}
	return probe.Measured(time.Duration(n * float64(time.Second)))
}

// epoch is the number of seconds above which a reset is a time and no duration.
const epoch = 1e9

// resetTime returns the time until a reset. Providers write it as a duration
// ("1m2.5s", "120ms"), as seconds ("33.93", "2"), as Unix time in seconds or
// milliseconds, or as a date; the last three by the clock of the answer's own
// Date.
func resetTime(text string, h http.Header) probe.Seconds {
	text = strings.TrimSpace(text)
	if s := secondsIn(text); !s.IsZero() {
		return s
	}
	if d, err := time.ParseDuration(text); err == nil && d >= 0 && d <= maxRetryAfter {
		return probe.Measured(d)
	}
	now, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		return probe.Seconds{}
	}
	var at time.Time
	if n, ok := number(text).Get(); ok && n > epoch {
		if n > epoch*1000 {
			n /= 1000
		}
		at = time.UnixMilli(int64(n * 1000))
	} else if at, err = time.Parse(time.RFC3339, text); err != nil {
		return probe.Seconds{}
	}
	if d := at.Sub(now); d <= maxRetryAfter && d > -maxRetryAfter {
		return probe.Measured(max(0, d))
	}
	return probe.Seconds{}
}

// maxRetryAfter bounds what a server may ask for.
const maxRetryAfter = 31 * 24 * time.Hour

// retryAfter returns the wait that a 429 or 503 asks for. As huggingface_hub
// does (utils/_http.py), it believes the draft's reset only where nothing is
// left, and waits a second longer; else only the whole seconds of Retry-After.
// On other answers these fields mean nothing, and the resets of providers' own
// fields, whose units differ, are recorded and not obeyed.
func retryAfter(status int, h http.Header) probe.Seconds {
	if status != http.StatusTooManyRequests && status != http.StatusServiceUnavailable {
		return probe.Seconds{}
	}
	if status == http.StatusTooManyRequests {
		spent := probe.Seconds{}
		for _, l := range draftLimits(h) {
			reset, ok := l.Reset.Get()
			if remaining, said := l.Remaining.Get(); !ok || !said || remaining > 0 {
				continue
			}
			if have, _ := spent.Get(); reset+time.Second > have {
				spent = probe.Measured(min(reset+time.Second, maxRetryAfter))
			}
		}
		if !spent.IsZero() {
			return spent
		}
	}
	n, err := strconv.ParseUint(strings.TrimSpace(h.Get("Retry-After")), 10, 32)
	if err != nil {
		return probe.Seconds{}
	}
	return probe.Measured(min(time.Duration(n)*time.Second, maxRetryAfter))
}

// estimate returns the time that a loading model says it needs.
func estimate(e envelope) probe.Seconds {
	if e.estimate < 0 || e.estimate > maxRetryAfter.Seconds() {
		return probe.Seconds{}
	}
	return probe.Measured(time.Duration(e.estimate * float64(time.Second)))
}
