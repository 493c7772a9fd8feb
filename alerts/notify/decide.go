package notify

import (
	"hash/fnv"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// The times of retrying.
const (
	// backoffFirst is the longest wait after the first attempt; it doubles with
	// each further one up to backoffMost. The latter is how long a page can wait
	// after its receiver came back.
	backoffFirst = time.Second
	backoffMost  = time.Minute
	// retryAfterMost bounds what a receiver may ask for: what asks for a day must
	// not silence the pages of a day.
	retryAfterMost = 5 * time.Minute
	// refusedPause is the time from a refusal until what was refused is told in a
	// new message. A page must survive a gateway that says 404 while the receiver
	// behind it restarts.
	refusedPause = 5 * time.Minute
	// refusedKeep is how long a resolve goes on being refused before it is
	// dropped.
	refusedKeep = 24 * time.Hour
)

// tries is how far the delivery of one message has come.
type tries struct {
	// id spreads the waits of messages that fail together.
	id string
	// attempts is the number of attempts that have ended.
	attempts int
	// first is when the first attempt began.
	first time.Time
}

// outcome is what one attempt showed.
type outcome struct {
	// reason is why it failed; empty is success.
	reason Reason
	// again is whether the same message may succeed later.
	again bool
	// retryAfter is how long the receiver asked to be left alone; 0 is not at
	// all.
	retryAfter time.Duration
}

// next returns what follows from the outcome of an attempt that ended at now,
// how long to wait before the next attempt where the action is Retry, and the
// state after it. A message is given up where its next attempt would begin
// later than giveUp after its first.
func next(t tries, now time.Time, o outcome, giveUp time.Duration) (Action, time.Duration, tries) {
	if o.reason == Canceled {
		return Interrupted, 0, t
	}
	t.attempts++
	switch {
	case o.reason == "":
		return Sent, 0, t
	case !o.again:
		return Refused, 0, t
	}
	wait := backoff(t.id, t.attempts)
	if o.retryAfter > 0 {
		wait = min(o.retryAfter, retryAfterMost)
	}
	if now.Add(wait).Sub(t.first) > giveUp {
		return GivenUp, 0, t
	}
	return Retry, wait, t
}

// backoff returns the wait after so many attempts: between half and the whole
// of backoffFirst·2^(attempts-1), at most backoffMost. Where in between is a
// hash, so that it can be computed again.
func backoff(id string, attempts int) time.Duration {
	most := backoffMost
	if shift := attempts - 1; shift < 6 {
		most = min(backoffFirst<<shift, backoffMost)
	}
	h := fnv.New64a()
	_, _ = h.Write([]byte(id + "/" + strconv.Itoa(attempts)))
	share := float64(h.Sum64()>>11) / (1 << 53)
	return most/2 + time.Duration(share*float64(most/2))
}

// retryAfter returns what the headers of a 429 or 503 ask for: a number of
// seconds or a date (RFC 9110, 10.2.3), 0 where they ask for nothing that can
// be understood. A date is read against the answer's own Date where there is
// one, since the two clocks may differ.
func retryAfter(h http.Header, now time.Time) time.Duration {
	value := strings.TrimSpace(h.Get("Retry-After"))
	if value == "" {
		return 0
	}
	if seconds, err := strconv.ParseInt(value, 10, 64); err == nil {
		return time.Duration(min(max(seconds, 0), int64(retryAfterMost/time.Second))) * time.Second
	}
	until, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	if date, err := http.ParseTime(h.Get("Date")); err == nil {
		now = date
	}
	return min(max(until.Sub(now), 0), retryAfterMost)
}
