package sim

import (
	"errors"
	"time"
)

// tgiVersion is the fingerprint of TGI's current form.
const tgiVersion = "3.3.7-sha-db931fc"

// SSE is how a model streams. The zero value is the backend's own way; see
// Personalities for the ways that are known.
type SSE struct {
	// Style is the form of events: tgi (role in every chunk, id empty, usage
	// null), tgi-old (the same of 2024, without space and [DONE]), vllm (role
	// and empty content first), sglang (the same, with matched_stop), llama.cpp
	// (role and null content first, times last), role-only (role alone first, at
	// once), or text-first (text in every chunk). TGI's native routes have their own form
	// under tgi and tgi-old.
	Style string `json:"style,omitempty"`
	// Reasoning is how thinking comes: reasoning_content, reasoning or think
	// (inline); ReasoningTokens is how much, 8 by default.
	Reasoning       string `json:"reasoning,omitempty"`
	ReasoningTokens int    `json:"reasoning_tokens,omitempty"`
	// TokensPerEvent is how many tokens an event after the first holds; 0 is 1.
	TokensPerEvent int `json:"tokens_per_event,omitempty"`
	// NoDone leaves out [DONE], NoSpace the space after "data:"; CRLF ends lines
	// so; FilterFirst begins with a chunk without choices.
	NoDone      bool `json:"no_done,omitempty"`
	NoSpace     bool `json:"no_space,omitempty"`
	CRLF        bool `json:"crlf,omitempty"`
	FilterFirst bool `json:"filter_first,omitempty"`
	// Comments is after how long a silence a comment comes; 0 is 15 s for the
	// TGI styles and never for others.
	Comments Duration `json:"comments,omitempty"`
	// Usage is where usage comes: asked (in a chunk of its own, if the request
	// asks for it), last (in the last chunk with choices), every or none; empty
	// is the style's own.
	Usage string `json:"usage,omitempty"`
}

// Personalities returns the ways of streaming that are known from real
// servers, by name.
func Personalities() map[string]SSE {
	return map[string]SSE{
		"tgi":               {Style: "tgi"},
		"tgi-old":           {Style: "tgi-old"},
		"vllm":              {Style: "vllm"},
		"sglang":            {Style: "sglang"},
		"llama.cpp":         {Style: "llama.cpp"},
		"role-only":         {Style: "role-only"},
		"text-first":        {Style: "text-first"},
		"reasoning_content": {Style: "vllm", Reasoning: "reasoning_content"},
		"reasoning":         {Style: "vllm", Reasoning: "reasoning"},
		"think":             {Style: "text-first", Reasoning: "think"},
		"multi-token":       {Style: "role-only", TokensPerEvent: 5},
		"no-done":           {Style: "vllm", NoDone: true},
		"comments":          {Style: "vllm", Comments: Duration(15 * time.Second)},
		"no-space":          {Style: "vllm", NoSpace: true},
		"crlf":              {Style: "vllm", CRLF: true},
		"filter-first":      {Style: "vllm", FilterFirst: true},
		"usage-every":       {Style: "vllm", Usage: "every"},
	}
}

// validate checks a way of streaming.
func (s SSE) validate() error {
	if s.ReasoningTokens > 0 && s.Reasoning == "" {
		return errors.New("sse.reasoning_tokens: wants reasoning")
	}
	if s.Comments < 0 {
		return errors.New("sse.comments: is negative")
	}
	return first(
		oneOf("sse.style", s.Style, "tgi", "tgi-old", "vllm", "sglang", "llama.cpp", "role-only", "text-first"),
		oneOf("sse.reasoning", s.Reasoning, "reasoning_content", "reasoning", "think"),
		oneOf("sse.usage", s.Usage, "asked", "last", "every", "none"),
		within("sse.reasoning_tokens", s.ReasoningTokens, 0, 100_000),
		within("sse.tokens_per_event", s.TokensPerEvent, 0, 1000),
	)
}

// effective returns s with the defaults of backend.
func (s SSE) effective(backend string) SSE {
	fill(&s.Style, map[string]string{BackendTGI: "tgi", BackendHF: "tgi", BackendProvider: "text-first", BackendSGLang: "sglang", BackendLlama: "llama.cpp"}[backend], "vllm")
	if s.Style == "tgi" || s.Style == "tgi-old" {
		fill(&s.Comments, Duration(15*time.Second))
	}
	if s.Style == "tgi-old" {
		s.NoSpace, s.NoDone = true, true
		fill(&s.Usage, "none")
	}
	if s.Style == "role-only" || s.Style == "text-first" {
		fill(&s.Usage, "last")
	}
	fill(&s.Usage, "asked")
	fill(&s.TokensPerEvent, 1)
	if s.Reasoning != "" {
		fill(&s.ReasoningTokens, 8)
	}
	return s
}

// tgiStyle reports whether chat comes in TGI's form.
func (x *exchange) tgiStyle() bool { return x.b.SSE.Style == "tgi" || x.b.SSE.Style == "tgi-old" }
