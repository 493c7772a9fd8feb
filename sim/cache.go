package sim

import (
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// replay is an answer that can be given again.
type replay struct {
	contentType string
	body        []byte
	compute     time.Duration
}

// replays keeps a bounded number of answers by their request's body.
type replays struct {
	mu    sync.Mutex
	limit int
	all   map[string]replay
	order []string
	last  replay
}

// newReplays returns a store of at most limit answers.
func newReplays(limit int) *replays { return &replays{limit: limit, all: map[string]replay{}} }

// put keeps r under key, in place of the oldest if the store is full.
func (c *replays) put(key string, r replay) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.last = r
	if _, known := c.all[key]; !known {
		if len(c.order) >= c.limit {
			delete(c.all, c.order[0])
			c.order = c.order[1:]
		}
		c.order = append(c.order, key)
	}
	c.all[key] = r
}

// get returns what is kept under key, or the last answer of all if whatever is true.
func (c *replays) get(key string, whatever bool) (replay, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if whatever {
		return c.last, c.last.contentType != ""
	}
	r, ok := c.all[key]
	return r, ok
}

// cacheKey is what makes two requests the same: task and body.
func (x *exchange) cacheKey() string { return string(x.api) + " " + x.task + " " + x.rec.BodySHA256 }

// replayed returns the answer to replay to this request, if there is one.
func (x *exchange) replayed(j job) (replay, bool) {
	if x.b.Cache == "off" || j.stream {
		return replay{}, false
	}
	if strings.EqualFold(x.r.Header.Get("X-Use-Cache"), "false") && x.b.Cache == "on" {
		return replay{}, false
	}
	return x.model.cache.get(x.cacheKey(), x.b.Cache == "any")
}

// keep keeps a good answer for replaying.
func (x *exchange) keep(contentType string, body []byte, compute time.Duration) {
	if x.b.Cache == "off" || x.rec.Did != "ok" {
		return
	}
	x.model.cache.put(x.cacheKey(), replay{contentType, body, compute})
}

// sendReplay answers at once with r: its type says cache, its time is that of
// the first computation.
func (x *exchange) sendReplay(r replay) {
	x.rec.Cached = true
	h := x.w.Header()
	x.commonHeaders(h, http.StatusOK)
	h.Set("Content-Type", r.contentType)
	h.Set("X-Compute-Type", "cache")
	h.Set("X-Compute-Time", strconv.FormatFloat(r.compute.Seconds(), 'f', 3, 64))
	x.writeWhole(http.StatusOK, r.body)
}
