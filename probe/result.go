package probe

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"time"
)

// ResultSchema is the version of Result's JSON form. Fields may be added
// without a new number; none changes its meaning or goes away.
const ResultSchema = 1

// Result is what one request came to: plain data that survives JSON, can
// cross a network and may be ingested twice without harm, since its ID says
// which request it is of. What was not measured is absent, not zero.
type Result struct {
	Schema  int    `json:"schema"`
	ID      string `json:"id"`
	Window  string `json:"window,omitempty"`
	Stage   string `json:"stage,omitempty"`
	Episode string `json:"episode,omitempty"`

	Target   string `json:"target"`
	Model    string `json:"model,omitempty"`
	Task     string `json:"task"`
	Kind     Kind   `json:"kind"`
	Lane     Lane   `json:"lane"`
	Location string `json:"location"`

	Outcome Outcome `json:"outcome"`
	Fault   Fault   `json:"fault"`
	Counts  Counts  `json:"counts"`
	// Phase is the part of the exchange that failed; empty where none did.
	Phase Phase `json:"phase,omitempty"`
	// Status is the HTTP status; 0, and absent in JSON, where none came.
	Status int `json:"status,omitempty"`
	// Error is one bounded sentence without secrets; empty for OK.
	Error string `json:"error,omitempty"`
	// Excerpt is the beginning of an answer that was not good, bounded and
	// with control characters replaced.
	Excerpt string `json:"excerpt,omitempty"`
	// Warnings name what was odd about an exchange without making it bad.
	Warnings []string `json:"warnings,omitempty"`

	// Due is when the schedule wanted the request, Sent when it was handed to
	// the transport.
	Due  time.Time `json:"due,omitzero"`
	Sent time.Time `json:"sent,omitzero"`
	// Lag is Sent less Due.
	Lag Seconds `json:"lag_seconds,omitzero"`
	// Response counts from Due to the last token or byte. For a bad result it
	// is the larger of that and the deadline, and Censored is set.
	Response Seconds `json:"response_seconds,omitzero"`
	// Service counts from Sent to the last token or byte, or to the failure.
	Service Seconds `json:"service_seconds,omitzero"`
	// FirstByte counts from Sent to the first byte of the answer after any 1xx.
	FirstByte Seconds `json:"first_byte_seconds,omitzero"`
	// FirstToken counts from Sent to the first generated token of any channel
	// of a stream. For a bad result of a stream without one it is the larger of
	// the elapsed time and the deadline, and Censored is set.
	FirstToken Seconds `json:"first_token_seconds,omitzero"`
	// FirstAnswer counts from Sent to the first token of the answer itself,
	// after any reasoning.
	FirstAnswer Seconds `json:"first_answer_seconds,omitzero"`
	// TPOT is (last token - first token) / (tokens out - 1); absent for fewer
	// than two tokens.
	TPOT Seconds `json:"tpot_seconds,omitzero"`
	// GapMax and GapMedian describe the times between consecutive chunks that
	// carried tokens; Chunks counts those chunks.
	GapMax    Seconds  `json:"gap_max_seconds,omitzero"`
	GapMedian Seconds  `json:"gap_median_seconds,omitzero"`
	Chunks    Opt[int] `json:"chunks,omitzero"`
	// Gaps are all those times of a window's request, in ascending order. They are
	// no part of a record, which has their distribution.
	Gaps []time.Duration `json:"-"`
	// Phases are the parts of the exchange on the connection that was used.
	Phases Phases `json:"phases,omitzero"`
	// Censored is set where Response or FirstToken is a lower bound.
	Censored bool `json:"censored,omitempty"`

	TokensIn  Opt[int] `json:"tokens_in,omitzero"`
	TokensOut Opt[int] `json:"tokens_out,omitzero"`
	// TokensSource says where the counts come from. Values of different sources
	// must not be compared.
	TokensSource TokensSource `json:"tokens_source,omitempty"`
	FinishReason string       `json:"finish_reason,omitempty"`
	// Shape names the form of the answer, such as "list<list<label>>".
	Shape string `json:"shape,omitempty"`
	// Cached is set where the answer was a replay.
	Cached bool `json:"cached,omitempty"`

	// Engine is the software that answered, where the answer shows it.
	Engine   string `json:"engine,omitempty"`
	Provider string `json:"provider,omitempty"`
	Revision string `json:"revision,omitempty"`
	// ServedModel is the model that the answer names.
	ServedModel string `json:"served_model,omitempty"`
	// RequestID is the id by which whoever was asked first can find the request.
	RequestID string `json:"request_id,omitempty"`
	// IDs are the other ids that the answer's header bears, as "name: value":
	// the bill's, the provider's, the edge's.
	IDs []string `json:"ids,omitempty"`
	// Server and Queue are the other side's own account of its time.
	Server Seconds `json:"server_seconds,omitzero"`
	Queue  Seconds `json:"queue_seconds,omitzero"`
	// Polls counts how often the result was asked for after the request itself, of
	// a provider that works on it meanwhile.
	Polls Opt[int] `json:"polls,omitzero"`
	// Estimate is the time that a loading model says it needs. It is recorded
	// and never believed.
	Estimate Seconds `json:"estimate_seconds,omitzero"`
	// RetryAfter is the wait that a 429 or 503 asked for, where it can be
	// trusted: until the reset of a limit of which the draft RateLimit field
	// says that nothing is left, else the whole seconds of Retry-After.
	RetryAfter Seconds `json:"retry_after_seconds,omitzero"`
	// RateLimit is the limit nearest to being spent of those that the answer,
	// good or bad, speaks of.
	RateLimit RateLimit `json:"rate_limit,omitzero"`

	CostUSD Opt[float64] `json:"cost_usd,omitzero"`
	// PriceSource says whose price CostUSD is of: "config" or "router".
	PriceSource string `json:"price_source,omitempty"`

	Protocol string `json:"protocol,omitempty"`
	// Reused is whether the request went over a connection that an earlier one
	// had used; absent where there was no connection.
	Reused     Opt[bool] `json:"connection_reused,omitzero"`
	RemoteAddr string    `json:"remote_addr,omitempty"`

	// Date is the answer's Date header: another clock than ours.
	Date time.Time `json:"date,omitzero"`

	// InputSet is the hash of the pool that the input was drawn from.
	InputSet string `json:"input_set_hash,omitempty"`
	// InputHash is of the input as drawn, without the nonce; ParamsHash of
	// everything else that decides what was asked.
	InputHash  string `json:"input_hash,omitempty"`
	ParamsHash string `json:"params_hash,omitempty"`
	// Version is that of the hfwatch which measured.
	Version string `json:"version,omitempty"`
}

// RateLimit is what an answer's header says of one limit. It is recorded, and
// is no cause by itself: many servers send such fields with every answer.
type RateLimit struct {
	// Name is the bucket's, such as "api" or "requests-minute"; empty where the
	// header names none.
	Name string `json:"name,omitempty"`
	// Quota is how much a window lets through, Remaining how much of it is left,
	// in requests or tokens as the name says.
	Quota     Opt[float64] `json:"quota,omitzero"`
	Remaining Opt[float64] `json:"remaining,omitzero"`
	// Reset is the time until the limit is whole again, Window how long its
	// window is.
	Reset  Seconds `json:"reset_seconds,omitzero"`
	Window Seconds `json:"window_seconds,omitzero"`
}

// IsZero reports that nothing was said.
func (r RateLimit) IsZero() bool { return r == RateLimit{} }

// Phases are durations of the parts of one exchange. What did not happen, such
// as TLS over plain HTTP, is absent.
type Phases struct {
	DNS     Seconds `json:"dns,omitzero"`
	Connect Seconds `json:"connect,omitzero"`
	TLS     Seconds `json:"tls,omitzero"`
	// Write is from the connection being ready to the request being written.
	Write Seconds `json:"write,omitzero"`
	// Wait is from there to the first byte of the answer.
	Wait Seconds `json:"wait,omitzero"`
	// Read is from the first byte to the last.
	Read Seconds `json:"read,omitzero"`
}

// IsZero reports that no phase was measured.
func (p Phases) IsZero() bool { return p == Phases{} }

// TokensSource says who counted tokens.
type TokensSource string

// The sources of a token count.
const (
	// TokensUsage is the answer's own usage object.
	TokensUsage TokensSource = "usage"
	// TokensHeader is a header such as x-generated-tokens.
	TokensHeader TokensSource = "header"
	// TokensChunks is the number of chunks that carried tokens, which is a lower
	// bound.
	TokensChunks TokensSource = "chunks"
)

// ID returns the identity of one request: 32 hexadecimal digits of a hash of
// where, of what, in which lane and when it was due, and of its number among
// those due at the same time.
func ID(location, target string, lane Lane, due time.Time, seq uint64) string {
	// The text is that of "%q %q %q %d %d".
	text := make([]byte, 0, 128)
	for _, part := range [...]string{location, target, string(lane)} {
		text = append(strconv.AppendQuote(text, part), ' ')
	}
	text = append(strconv.AppendInt(text, due.UnixNano(), 10), ' ')
	sum := sha256.Sum256(strconv.AppendUint(text, seq, 10))
	return hex.EncodeToString(sum[:16])
}

// Enters reports whether r enters response times and ratios: only results
// that count as good or bad do, so that a fault of the account or of the
// monitor never moves a percentile.
func (r Result) Enters() bool { return r.Counts == Good || r.Counts == Bad }

// Censor sets the times of a bad result to lower bounds, so that no percentile
// improves as a target gets worse: its response time becomes the larger of the
// elapsed time and the deadline, and so does the first token of a stream that
// saw none. It leaves every other result as it is.
func (r *Result) Censor(deadline time.Duration, stream bool) {
	if r.Counts != Bad {
		return
	}
	r.Censored = true
	if d, _ := r.Response.Get(); d < deadline || r.Response.IsZero() {
		r.Response = Measured(max(d, deadline))
	}
	if stream && r.FirstToken.IsZero() {
		elapsed, _ := r.Service.Get()
		r.FirstToken = Measured(max(elapsed, deadline))
	}
}
