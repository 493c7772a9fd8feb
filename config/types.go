package config

import (
	"fmt"
	"math"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hfwatch/hfwatch/alerts"
)

// value is a scalar with a notation of its own.
type value interface {
	// parse sets the value from its text, or returns what is wrong with it and
	// what to write instead.
	parse(text string) (what, remedy string)
	// pattern returns the regular expression that the JSON Schema holds texts
	// against, and whether a plain number is allowed too.
	pattern() (expr string, number bool)
}

// duration is a length of time with its unit: 90s, 1h30m, 60d, 4w.
type duration time.Duration

func (d *duration) parse(text string) (string, string) {
	if text == "0" || text == "0s" {
		*d = 0
		return "", ""
	}
	got, err := alerts.ParseDuration(text)
	if err == nil {
		*d = duration(got)
		return "", ""
	}
	if _, err := strconv.ParseFloat(text, 64); err == nil {
		return quote(text) + " is a duration without a unit", "write " + strings.TrimPrefix(text, "-") + "s for seconds, or 1h30m, 60d, 4w"
	}
	return quote(text) + " is not a duration", "write for instance 90s, 1h30m, 60d or 4w"
}

func (*duration) pattern() (string, bool) {
	return `^(0|(\d+(\.\d+)?w)?(\d+(\.\d+)?d)?(\d+(\.\d+)?(h|m|s|ms|us|µs|ns))*)$`, false
}

// get returns the duration.
func (d duration) get() time.Duration { return time.Duration(d) }

// String returns the duration as a person writes it: 1h30m, not 1h30m0s.
func (d duration) String() string { return short(time.Duration(d)) }

// short returns d without units that are zero, in days from two on.
func short(d time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case d > 0 && d%(7*day) == 0 && d >= 4*7*day:
		return fmt.Sprintf("%dw", d/(7*day))
	case d > 0 && d%day == 0 && d >= 2*day:
		return fmt.Sprintf("%dd", d/day)
	}
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// age is a duration that is best written in days: 60d.
type age duration

func (a *age) parse(text string) (string, string) {
	var d duration
	what, remedy := d.parse(text)
	if n, ok := finite(text); what != "" && ok && n > 0 {
		remedy = "write " + text + "d for days, or 8w"
	}
	*a = age(d)
	return what, remedy
}

func (*age) pattern() (string, bool) { return (*duration)(nil).pattern() }

// get returns the duration.
func (a age) get() time.Duration { return time.Duration(a) }

// String returns the duration as a person writes it.
func (a age) String() string { return short(a.get()) }

// rate is a number of requests a second: 5/s, 30/m, 100/h, 1000/d.
type rate float64

func (r *rate) parse(text string) (string, string) {
	const remedy = "write for instance 5/s or 30/m"
	number, unit, found := strings.Cut(text, "/")
	per, known := map[string]float64{"s": 1, "m": 60, "h": 3600, "d": 86400}[unit]
	if !found || !known {
		return quote(text) + " is not a rate", remedy
	}
	n, ok := finite(number)
	if !ok || n < 0 {
		return quote(text) + " is not a rate", remedy
	}
	*r = rate(n / per)
	return "", ""
}

func (*rate) pattern() (string, bool) { return `^\d+(\.\d+)?/[smhd]$`, false }

// size is a number of bytes: 2GiB, 512MiB, 10GB.
type size int64

func (s *size) parse(text string) (string, string) {
	const remedy = "write for instance 512MiB, 2GiB or 10GB"
	number := strings.TrimRight(text, "BKMGTikb")
	unit, known := map[string]float64{
		"B": 1, "kB": 1e3, "KB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12,
		"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40,
	}[strings.TrimSpace(text[len(number):])]
	n, ok := finite(strings.TrimSpace(number))
	switch {
	case ok && text == number:
		return quote(text) + " is a size without a unit", remedy
	case !ok || !known || n < 0 || n*unit > 1<<60:
		return quote(text) + " is not a size", remedy
	}
	*s = size(math.Round(n * unit))
	return "", ""
}

func (*size) pattern() (string, bool) { return `^\d+(\.\d+)? ?([kKMGT]?B|[KMGT]iB)$`, false }

// String returns the size with the largest unit that fits without a rest.
func (s size) String() string {
	for _, u := range []struct {
		name string
		size size
	}{{"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}} {
		if s >= u.size && s%u.size == 0 {
			return fmt.Sprintf("%d%s", s/u.size, u.name)
		}
	}
	return fmt.Sprintf("%dB", int64(s))
}

// ratio is a number from 0 to 1: 0.2 or 20%.
type ratio float64

func (r *ratio) parse(text string) (string, string) {
	number, percent := strings.CutSuffix(text, "%")
	n, ok := finite(number)
	if percent {
		n /= 100
	}
	if !ok || n < 0 || n > 1 {
		return quote(text) + " is not a ratio from 0 to 1", "write 0.2 or 20%"
	}
	*r = ratio(n)
	return "", ""
}

func (*ratio) pattern() (string, bool) { return `^(0(\.\d+)?|1(\.0+)?|(\d{1,2}(\.\d+)?|100)%)$`, true }

// span is a duration, or a range of them drawn from evenly: 2s or 1s-4s.
type span struct{ min, max time.Duration }

func (s *span) parse(text string) (string, string) {
	low, high, found := strings.Cut(text, "-")
	if !found {
		high = low
	}
	var a, b duration
	if what, _ := a.parse(low); what != "" {
		return quote(text) + " is not a time or a range of times", "write 2s or 1s-4s"
	}
	if what, _ := b.parse(high); what != "" || b < a {
		return quote(text) + " is not a time or a range of times", "write 2s or 1s-4s, the smaller first"
	}
	s.min, s.max = a.get(), b.get()
	return "", ""
}

func (*span) pattern() (string, bool) {
	return `^\d+(\.\d+)?(h|m|s|ms)(-\d+(\.\d+)?(h|m|s|ms))?$`, false
}

// counts is a number, or a range of them drawn from evenly: 2 or 1-3.
type counts struct{ min, max int }

func (c *counts) parse(text string) (string, string) {
	low, high, found := strings.Cut(text, "-")
	if !found {
		high = low
	}
	a, errA := strconv.Atoi(strings.TrimSpace(low))
	b, errB := strconv.Atoi(strings.TrimSpace(high))
	if errA != nil || errB != nil || a < 1 || b < a || b > 1000 {
		return quote(text) + " is not a number or a range of numbers from 1 to 1000", "write 2 or 1-3"
	}
	c.min, c.max = a, b
	return "", ""
}

func (*counts) pattern() (string, bool) { return `^\d+(-\d+)?$`, true }

// address is a URL. Its text never shows credentials or the values of a query.
type address struct{ u *url.URL }

func (a *address) parse(text string) (string, string) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme == "" || u.Host == "" || u.Hostname() == "" || strings.TrimSpace(text) != text {
		// The text is not shown: it may hold credentials.
		return "is not a URL", "write it whole, as https://host/path"
	}
	a.u = u
	return "", ""
}

func (*address) pattern() (string, bool) { return `^[a-z][a-z0-9+]*://[^/]+|^\$\{.+\}$`, false }

// String returns the address without credentials or the values of its query.
func (a address) String() string {
	if a.u == nil {
		return ""
	}
	u := *a.u
	if u.User != nil {
		u.User = url.User("redacted")
	}
	if q := u.Query(); len(q) > 0 {
		for name := range q {
			q[name] = []string{"redacted"}
		}
		u.RawQuery = q.Encode()
	}
	return u.String()
}

// finite reads a finite number.
func finite(text string) (float64, bool) {
	f, err := strconv.ParseFloat(text, 64)
	return f, err == nil && !math.IsNaN(f) && !math.IsInf(f, 0)
}

// labelName is what Prometheus allows as a label's name.
var labelName = regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_]*$`)

// sortedKeys returns the keys of a map in order.
func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
