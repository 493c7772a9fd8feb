package notify

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hfwatch/hfwatch/probe"
)

// TestSignature holds Sign against a value made with openssl.
func TestSignature(t *testing.T) {
	// printf '1700000000.{"version":"4"}' | openssl dgst -sha256 -hmac key
	const want = "v1=a0a7b6107590b8abf6dabb1d22c5b0d2be3911da07ac51d5453ffe6309ec3921"
	got := Sign(probe.NewSecret("key"), time.Unix(1_700_000_000, 999), []byte(`{"version":"4"}`))
	if got != want {
		t.Errorf("Sign = %s, want %s", got, want)
	}
}

func TestVerify(t *testing.T) {
	key, body := probe.NewSecret("key"), []byte(`{"version":"4"}`)
	now := time.Unix(1_700_000_000, 0)
	at := func(d time.Duration) string { return strconv.FormatInt(now.Add(d).Unix(), 10) }
	good := Sign(key, now, body)
	old := Sign(key, now.Add(-5*time.Minute), body)
	for _, c := range []struct {
		name            string
		key             probe.Secret
		timestamp, sign string
		body            string
		want            error
	}{
		{"as it was sent", key, at(0), good, string(body), nil},
		{"five minutes old, which is just allowed", key, at(-5 * time.Minute), old, string(body), nil},
		{"five minutes ahead", key, at(5 * time.Minute), Sign(key, now.Add(5*time.Minute), body), string(body), nil},
		{"a second older", key, at(-301 * time.Second), Sign(key, now.Add(-301*time.Second), body), string(body), ErrExpired},
		{"a second further ahead", key, at(301 * time.Second), Sign(key, now.Add(301*time.Second), body), string(body), ErrExpired},
		{"with the signature of another key beside it", key, at(0), "v1=" + strings.Repeat("ab", 32) + ", " + good, string(body), nil},
		{"with a signature of a later version beside it", key, at(0), "v2=xyz," + good, string(body), nil},
		{"in capitals", key, at(0), "v1=" + strings.ToUpper(good[3:]), string(body), nil},
		{"by another key", probe.NewSecret("other"), at(0), good, string(body), ErrMismatch},
		{"another body", key, at(0), good, string(body) + "\n", ErrMismatch},
		{"an old signature under a new time", key, at(0), old, string(body), ErrMismatch},
		{"cut short", key, at(0), good[:20], string(body), ErrMismatch},
		{"not hexadecimal", key, at(0), "v1=zz", string(body), ErrMismatch},
		{"an empty signature", key, at(0), "v1=", string(body), ErrMismatch},
		{"no signature", key, at(0), "", string(body), ErrNoSignature},
		{"without a version", key, at(0), good[3:], string(body), ErrNoSignature},
		{"no timestamp", key, "", good, string(body), ErrTimestamp},
		{"a date", key, "2023-11-14T22:13:20Z", good, string(body), ErrTimestamp},
		{"a fraction", key, at(0) + ".0", good, string(body), ErrTimestamp},
		{"a sign before it", key, "+" + at(0), good, string(body), ErrTimestamp},
		{"a space before it", key, " " + at(0), good, string(body), ErrTimestamp},
		{"no key at all", probe.Secret{}, at(0), Sign(probe.Secret{}, now, body), string(body), ErrNoKey},
	} {
		err := Verify(c.key, c.timestamp, c.sign, []byte(c.body), now, 5*time.Minute)
		if !errors.Is(err, c.want) || (c.want == nil) != (err == nil) {
			t.Errorf("%s: Verify = %v, want %v", c.name, err, c.want)
		}
	}
}

func TestNext(t *testing.T) {
	begin := time.Unix(1_700_000_000, 0)
	const giveUp = 15 * time.Minute
	down := outcome{reason: ServerError, again: true}
	asks := func(d time.Duration) outcome { return outcome{reason: RateLimited, again: true, retryAfter: d} }
	for _, c := range []struct {
		name     string
		attempts int
		after    time.Duration
		o        outcome
		action   Action
		wait     time.Duration
		then     int
	}{
		{"delivered at once", 0, 0, outcome{}, Sent, 0, 1},
		{"delivered late is delivered", 30, time.Hour, outcome{}, Sent, 0, 31},
		{"refused", 0, 0, outcome{reason: ClientError}, Refused, 0, 1},
		{"failed once", 0, 0, down, Retry, backoff("id", 1), 1},
		{"failed three times", 2, 10 * time.Second, down, Retry, backoff("id", 3), 3},
		{"asked for 7 s", 0, 0, asks(7 * time.Second), Retry, 7 * time.Second, 1},
		{"asked for more than is granted", 0, 0, asks(time.Hour), Retry, 5 * time.Minute, 1},
		{"the next attempt is just in time", 5, 10 * time.Minute, asks(5 * time.Minute), Retry, 5 * time.Minute, 6},
		{"the next attempt would be too late", 5, 10*time.Minute + 1, asks(5 * time.Minute), GivenUp, 0, 6},
		{"too late already", 20, time.Hour, down, GivenUp, 0, 21},
		{"our own end is no attempt", 3, time.Minute, outcome{reason: Canceled, again: true}, Interrupted, 0, 3},
	} {
		state := tries{id: "id", attempts: c.attempts, first: begin}
		action, wait, then := next(state, begin.Add(c.after), c.o, giveUp)
		want := tries{id: "id", attempts: c.then, first: begin}
		if action != c.action || wait != c.wait || then != want {
			t.Errorf("%s: next = %s, %v, %+v, want %s, %v, %+v", c.name, action, wait, then, c.action, c.wait, want)
		}
	}
}

// TestBackoff: waits double up to a minute, lie in their upper half, are the
// same each time and differ between messages.
func TestBackoff(t *testing.T) {
	for n, most := range map[int]time.Duration{
		1: time.Second, 2: 2 * time.Second, 3: 4 * time.Second, 6: 32 * time.Second,
		7: time.Minute, 8: time.Minute, 100: time.Minute, 1 << 30: time.Minute,
	} {
		seen := map[time.Duration]bool{}
		for i := range 100 {
			id := fmt.Sprint(i)
			d := backoff(id, n)
			if d < most/2 || d > most || d != backoff(id, n) {
				t.Errorf("backoff(%s, %d) = %v, want the same in %v to %v", id, n, d, most/2, most)
			}
			seen[d] = true
		}
		if len(seen) < 90 {
			t.Errorf("backoff of 100 messages after %d attempts: %d values, want about 100", n, len(seen))
		}
	}
}

func TestRetryAfterHeader(t *testing.T) {
	now := time.Date(2026, 11, 24, 3, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name, value, date string
		want              time.Duration
	}{
		{"absent", "", "", 0},
		{"seconds", "7", "", 7 * time.Second},
		{"seconds with spaces", " 7 ", "", 7 * time.Second},
		{"zero", "0", "", 0},
		{"negative", "-7", "", 0},
		{"a day is capped", "86400", "", 5 * time.Minute},
		{"a number beyond all times", "9223372036854775807", "", 5 * time.Minute},
		{"a number beyond all numbers", "9999999999999999999999", "", 0},
		{"a fraction is no number of seconds", "1.5", "", 0},
		{"a date", "Tue, 24 Nov 2026 03:00:42 GMT", "", 42 * time.Second},
		{"a date that has passed", "Tue, 24 Nov 2026 02:00:00 GMT", "", 0},
		{"a date far ahead", "Tue, 24 Nov 2036 02:00:00 GMT", "", 5 * time.Minute},
		{"a date by the server's own clock", "Tue, 24 Nov 2026 09:00:42 GMT", "Tue, 24 Nov 2026 09:00:00 GMT", 42 * time.Second},
		{"words", "later", "", 0},
	} {
		h := http.Header{}
		h.Set("Retry-After", c.value)
		if c.date != "" {
			h.Set("Date", c.date)
		}
		if got := retryAfter(h, now); got != c.want {
			t.Errorf("%s: retryAfter(%q) = %v, want %v", c.name, c.value, got, c.want)
		}
	}
}

func TestRedactor(t *testing.T) {
	u, err := url.Parse("https://127.0.0.1:8443/hooks/s3cr%65t-token/x?sig=abcd1234")
	if err != nil {
		t.Fatal(err)
	}
	r := newRedactor(u)
	for in, want := range map[string]string{
		"dial tcp 127.0.0.1:8443: connect: connection refused": "dial tcp 127.0.0.1:8443: connect: connection refused",
		"POST " + u.String() + " failed":                       "POST <secret> failed",
		"no S3CRET-TOKEN here":                                 "no <secret> here",
		"sig ABCD1234 is wrong":                                "sig <secret> is wrong",
		"two\nlines\x00 and\ttabs":                             "two lines and tabs",
		"bad\xff bytes":                                        "bad bytes",
		strings.Repeat("ä", 201):                               strings.Repeat("ä", 200) + "…",
	} {
		if got := r.text(in); got != want {
			t.Errorf("text(%q) = %q, want %q", in, got, want)
		}
	}
	if got := r.excerpt([]byte("short, then half: s3cr"), true); strings.Contains(got, "s3cr") {
		t.Errorf("excerpt of a cut body = %q, want nothing of its end", got)
	}
}
