package probe

import (
	"encoding/json"
	"net/http"
	"regexp"
	"time"
)

// Task is how one kind of model is asked and how its answer is judged. An
// implementation holds no state, never touches the network and is safe for
// concurrent use.
type Task interface {
	// Name returns the Hub's name of the task.
	Name() string
	// Build returns the request for ask, or an error that names what in the
	// input or the parameters cannot be asked.
	Build(ask Ask) (Request, error)
	// Event reads the data of one server-sent event of this task's stream.
	// seen is what the stream has shown before it.
	Event(data []byte, seen Progress) Event
	// Check judges a complete answer with a 2xx status. Its outcome is OK or
	// one of the outcomes of a valid exchange with a bad answer: InvalidOutput,
	// WrongAnswer, NoAnswer, Filtered, Truncated, StreamError.
	Check(ask Ask, answer Answer) Verdict
}

// Follower is a Task of which some answers only say where the result is, or
// will be.
type Follower interface {
	// Follow says what comes after a 2xx answer. It is called of the request's own
	// answer and of each that followed it, but for a file.
	Follow(ask Ask, answer Answer) Next
}

// Next is what comes after an answer. The zero value is nothing: the answer is
// the result.
type Next struct {
	// Path and Query are what is asked for by GET at the same provider after Wait.
	Path, Query string
	Wait        time.Duration
	// Link is the address of a file that is the result.
	Link string
	// State is the provider's own word for how far it is.
	State string
	// Failed is true where the provider gave up, and Reason what it says of that.
	Failed bool
	Reason string
}

// Ask is what one request asks: the drawn input and the target's settings.
type Ask struct {
	Route Route
	// Path is the path of an address of one's own, by which a task may tell the
	// dialect of the engine there; empty on the router's routes.
	Path     string
	Model    string
	Provider string
	Input    json.RawMessage
	// Parameters is a JSON object; nil is none.
	Parameters json.RawMessage
	Stream     bool
	Reasoning  bool
	// Nonce makes the request unlike any other; empty leaves caching alone.
	Nonce  string
	Expect *Expect
}

// Request is what a task makes of an Ask.
type Request struct {
	// Path is appended to an address that the route completes: "" or, say,
	// "/pipeline/feature-extraction" or "/v1/chat/completions".
	Path string
	// Query is that of the address, without its question mark.
	Query string
	// ContentType is of Body; Accept may be empty.
	ContentType string
	Accept      string
	// Header is added to the request's; nil is none. It is the same for every
	// request of a target.
	Header map[string]string
	Body   []byte
	// TokensIn and TokensOut are upper bounds for the budget; 0 is a task that
	// is not counted in tokens.
	TokensIn  int
	TokensOut int
	// KeepText is true where the check needs the text of a stream even though
	// nothing is expected of it.
	KeepText bool
}

// Progress is what a stream has shown so far.
type Progress struct {
	// Events counts data events, Tokens those with generated text of any
	// channel, Answers those with text of the answer itself.
	Events, Tokens, Answers int
	// Finish is the last finish reason seen, Ended whether an end mark came.
	Finish string
	Ended  bool
	// Malformed counts events that could not be read.
	Malformed int
	// TokensIn and TokensOut are the last usage seen.
	TokensIn, TokensOut Opt[int]
	// Model is the last model name seen.
	Model string
	// KeepText asks Event to decode each event whole, since the text is needed
	// for Check, instead of scanning once the answer has begun.
	KeepText bool
}

// Event is what one event of a stream held.
type Event struct {
	// Token is true where it carried generated text of any channel, Answer
	// where it carried text of the answer itself.
	Token, Answer bool
	// Finish is the finish reason that it carried, or empty.
	Finish string
	// End is true for the mark that ends a stream.
	End bool
	// Failed is true for an error envelope; its kind is judged from the data.
	Failed bool
	// Malformed is true for data that is not what the stream's format allows.
	Malformed           bool
	TokensIn, TokensOut Opt[int]
	Model               string
}

// Add returns the progress after e.
func (p Progress) Add(e Event) Progress {
	p.Events++
	if e.Token {
		p.Tokens++
	}
	if e.Answer {
		p.Answers++
	}
	if e.Finish != "" {
		p.Finish = e.Finish
	}
	p.Ended = p.Ended || e.End
	if e.Malformed {
		p.Malformed++
	}
	if !e.TokensIn.IsZero() {
		p.TokensIn = e.TokensIn
	}
	if !e.TokensOut.IsZero() {
		p.TokensOut = e.TokensOut
	}
	if e.Model != "" {
		p.Model = e.Model
	}
	return p
}

// Answer is what came back with a 2xx status.
type Answer struct {
	Status int
	Header http.Header
	// Body is the whole body, bounded; of a stream it is empty.
	Body []byte
	// Streamed is true where the answer was an event stream.
	Streamed bool
	// Events are the data of a stream's events, kept up to a bound; EventsCut
	// is true where the bound was reached.
	Events    [][]byte
	EventsCut bool
	Progress  Progress
}

// Verdict is what a task thinks of an answer.
type Verdict struct {
	Outcome Outcome
	// Reason is one sentence that says which rule was broken; empty for OK.
	Reason string
	// Shape names the form that the answer had; set whenever it is recognised,
	// good or bad.
	Shape               string
	TokensIn, TokensOut Opt[int]
	TokensSource        TokensSource
	Finish              string
	Model               string
	// Warnings name what was odd without being wrong.
	Warnings []string
}

// Expect asserts an answer's content. The zero value asserts nothing. Tasks
// read what fits them; the configuration refuses what does not.
type Expect struct {
	Label     string
	MinScore  Opt[float64]
	Contains  []string
	Matches   *regexp.Regexp
	Schema    Validator
	Dimension int
	Equals    json.RawMessage
	MinLength Opt[int]
	MaxLength Opt[int]
	Similar   *Similar
}

// Similar asserts that a vector's cosine similarity to a stored one is at least
// Min.
type Similar struct {
	Vector []float64
	Min    float64
}

// Validator judges a decoded JSON value.
type Validator interface {
	// Validate returns an error that says what in value is wrong.
	Validate(value any) error
}

// IsZero reports that e asserts nothing.
func (e *Expect) IsZero() bool {
	return e == nil || (e.Label == "" && e.MinScore.IsZero() && len(e.Contains) == 0 && e.Matches == nil &&
		e.Schema == nil && e.Dimension == 0 && e.Equals == nil && e.MinLength.IsZero() && e.MaxLength.IsZero() &&
		e.Similar == nil)
}
