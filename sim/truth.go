package sim

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"slices"
	"strings"
	"time"
)

// maxHeaderNames is how many names of headers a record keeps.
const maxHeaderNames = 64

// TruthRecord is what the server truly did with one request. Times are the
// server's own; absent ones did not happen.
type TruthRecord struct {
	// Sequence counts requests in the order of their arrival, from 1.
	Sequence uint64 `json:"sequence"`
	// Model is the scenario's name of the model, empty where no model was found.
	Model    string `json:"model,omitempty"`
	Provider string `json:"provider,omitempty"`
	Method   string `json:"method"`
	Path     string `json:"path"`
	// Route names the kind of route, such as "tgi generate_stream".
	Route string `json:"route,omitempty"`
	Task  string `json:"task,omitempty"`
	// ID is the client's X-Amzn-Trace-Id or X-Request-Id.
	ID string `json:"id,omitempty"`

	Received time.Time `json:"received"`
	// Started is when computing began, after the queue.
	Started time.Time `json:"started,omitzero"`
	// HeadersSent is just before the headers were sent, FirstToken and LastToken
	// just before the events with those were; of an answer in one piece, or
	// without tokens, the last two are absent.
	HeadersSent time.Time `json:"headers_sent,omitzero"`
	FirstToken  time.Time `json:"first_token,omitzero"`
	// FirstAnswer is that of the first token that is not reasoning.
	FirstAnswer time.Time `json:"first_answer,omitzero"`
	LastToken   time.Time `json:"last_token,omitzero"`
	Done        time.Time `json:"done"`
	// Tokens are the times of all tokens, kept where the scenario asks for it.
	Tokens []time.Time `json:"tokens,omitempty"`
	// TokensSent counts tokens, not events.
	TokensSent int `json:"tokens_sent,omitempty"`
	EventsSent int `json:"events_sent,omitempty"`

	// Cold is the phase in which the request found a model that sleeps, Woke that
	// it woke it, Slowed by how much it was slower for coming so soon after.
	Cold   string  `json:"cold,omitempty"`
	Woke   bool    `json:"woke,omitempty"`
	Slowed float64 `json:"slowed,omitempty"`

	// InFlight is how many other requests the model had when this arrived.
	InFlight     int     `json:"in_flight"`
	QueueSeconds float64 `json:"queue_seconds"`

	// Did is "ok", the kind of the fault that struck, or what else happened:
	// bad_request, unknown_model, no_route, queue_full, no_token, client_gone.
	Did    string `json:"did"`
	Stream bool   `json:"stream,omitempty"`
	// Status is what was sent, 0 where nothing was.
	Status int  `json:"status,omitempty"`
	Cached bool `json:"cached,omitempty"`

	BodyBytes  int    `json:"body_bytes"`
	BodySHA256 string `json:"body_sha256"`
	// Authorized says that an Authorization header came, TokenHash tells tokens
	// apart; the header itself is never kept.
	Authorized bool   `json:"authorized"`
	TokenHash  string `json:"token_hash,omitempty"`
	// Headers are the names of the request's headers, in order.
	Headers []string `json:"headers"`
}

// TokenHash returns what the ground-truth log has of a token: the first eight
// bytes of its SHA-256, in hexadecimal.
func TokenHash(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:8])
}

// requestToken returns the token of r's Authorization header and whether r has
// that header.
func requestToken(r *http.Request) (token string, authorized bool) {
	values := r.Header.Values("Authorization")
	if len(values) == 0 {
		return "", false
	}
	scheme, token, _ := strings.Cut(values[0], " ")
	if token == "" {
		return scheme, true
	}
	return strings.TrimSpace(token), true
}

// newRecord returns the record of a request that has just arrived.
func newRecord(r *http.Request, sequence uint64, now time.Time) TruthRecord {
	rec := TruthRecord{
		Sequence: sequence, Received: now, Method: r.Method, Path: clip(r.URL.Path, 512), Did: "ok",
		Headers: sortedKeys(r.Header),
	}
	rec.Headers = rec.Headers[:min(len(rec.Headers), maxHeaderNames)]
	for _, name := range []string{"X-Amzn-Trace-Id", "X-Request-Id"} {
		if rec.ID == "" {
			rec.ID = clip(r.Header.Get(name), 256)
		}
	}
	if token, authorized := requestToken(r); authorized {
		rec.Authorized, rec.TokenHash = true, TokenHash(token)
	}
	return rec
}

// clip returns at most n bytes of s.
func clip(s string, n int) string {
	if len(s) > n {
		return s[:n]
	}
	return s
}

// Truth returns the ground-truth log: the finished requests that are kept, in
// the order of their arrival. Requests in flight are not in it.
func (s *Server) Truth() []TruthRecord {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := slices.Clone(s.truth.records)
	slices.SortFunc(all, func(a, b TruthRecord) int { return cmp.Compare(a.Sequence, b.Sequence) })
	return all
}

// ring keeps the latest records.
type ring struct {
	limit   int
	records []TruthRecord
	oldest  int
}

// add keeps rec, in place of the oldest if the ring is full.
func (r *ring) add(rec TruthRecord) {
	if len(r.records) < r.limit {
		r.records = append(r.records, rec)
		return
	}
	r.records[r.oldest] = rec
	r.oldest = (r.oldest + 1) % r.limit
}

// clear forgets all.
func (r *ring) clear() { r.records, r.oldest = nil, 0 }

// recent is a bounded set of strings that forgets the oldest.
type recent struct {
	limit int
	known map[string]bool
	order []string
}

// newRecent returns a set of at most limit.
func newRecent(limit int) *recent { return &recent{limit: limit, known: map[string]bool{}} }

// add reports whether s was in the set, and puts it there.
func (r *recent) add(s string) bool {
	if r.known[s] {
		return true
	}
	if len(r.order) >= r.limit {
		delete(r.known, r.order[0])
		r.order = r.order[1:]
	}
	r.known[s] = true
	r.order = append(r.order, s)
	return false
}

// clear forgets all.
func (r *recent) clear() { r.known, r.order = map[string]bool{}, nil }
