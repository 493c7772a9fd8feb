package task

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hfwatch/hfwatch/probe"
)

// transcript is what the kept events of a stream said.
type transcript struct {
	text, reasoning, refusal, arguments strings.Builder
	tool                                bool
	calls                               []toolCall
	// full is the whole text that the last event repeats; whole is true where
	// it did.
	full  string
	whole bool
}

// replay reads the events again, now with their text, until enough says so.
func replay(events [][]byte, d dialect, enough func(*transcript) bool) *transcript {
	var t transcript
	var none probe.Progress
	for _, data := range events {
		c := decodeChunk(data, &none, d)
		t.text.WriteString(c.text)
		t.reasoning.WriteString(c.reasoning)
		t.refusal.WriteString(c.refusal)
		t.arguments.WriteString(c.arguments)
		t.tool = t.tool || c.tool
		t.call(c.parts)
		if c.whole {
			t.full, t.whole = c.full, true
		}
		if enough != nil && enough(&t) {
			break
		}
	}
	return &t
}

// mostCalls bounds the calls of one answer.
const mostCalls = 128

// call adds parts of calls, each to the one of its index. A name that comes
// again is the same call's, since some engines repeat it.
func (t *transcript) call(parts []callPart) {
	for _, p := range parts {
		if p.index >= mostCalls {
			continue
		}
		for len(t.calls) <= p.index {
			t.calls = append(t.calls, toolCall{})
		}
		c := &t.calls[p.index]
		if p.name != "" {
			c.name = p.name
		}
		c.arguments += p.arguments
	}
}

// called returns the calls, without the places that stayed empty.
func (t *transcript) called() []toolCall {
	return slices.DeleteFunc(slices.Clone(t.calls), func(c toolCall) bool { return c == toolCall{} })
}

// answered reports whether the transcript shows an answer that can be seen.
func (t *transcript) answered() bool {
	s := t.text.String()
	return t.tool || !blank(s[max(0, len(s)-64):])
}

// streamForm names the form of the first event that shows one.
func streamForm(events [][]byte, d dialect) string {
	var none probe.Progress
	for _, data := range events {
		if form := decodeChunk(data, &none, d).form; form != "" {
			return "stream<" + form + ">"
		}
	}
	return "stream"
}

// streamTokens sets the verdict's counts: the last usage, or else the number of
// chunks with text.
func streamTokens(p probe.Progress, v *probe.Verdict) {
	v.TokensIn, v.TokensOut, v.Finish, v.Model = p.TokensIn, p.TokensOut, p.Finish, p.Model
	switch {
	case !p.TokensOut.IsZero():
		v.TokensSource = probe.TokensUsage
	case p.Tokens > 0:
		v.TokensOut, v.TokensSource = probe.Some(p.Tokens), probe.TokensChunks
	}
}

// streamRules judge the stream of a task that writes text.
type streamRules struct {
	dialect dialect
	// bound is on the tokens, 0 is not known.
	bound int
	// said returns the text to be judged of a transcript.
	said func(*transcript) string
	// offer is what the request asks of the answer's form.
	offer offer
}

// check judges a stream: that it held text, that it ended well, and what it
// said.
func (r streamRules) check(ask probe.Ask, a probe.Answer) probe.Verdict {
	p := a.Progress
	v := good(streamForm(a.Events, r.dialect))
	streamTokens(p, &v)
	if !ask.Stream {
		v.Warnings = append(v.Warnings, "the answer is an event stream, though none was asked for")
	}
	if p.Malformed > 0 {
		v.Warnings = append(v.Warnings, plural(p.Malformed, "event")+" could not be read")
	}
	if outcome, reason := r.ending(ask, p); outcome != probe.OK {
		v.Outcome, v.Reason = outcome, reason
		return v
	}
	switch {
	case !p.Ended:
		v.Warnings = append(v.Warnings, "the stream has a finish reason but no end mark")
	case p.Finish == "" && v.Shape != "stream<tgi>":
		v.Warnings = append(v.Warnings, "the stream has an end mark but no finish reason")
	}
	return r.words(ask, a, v)
}

// ending judges how the stream went and ended, by its progress alone.
func (r streamRules) ending(ask probe.Ask, p probe.Progress) (probe.Outcome, string) {
	switch {
	case p.Events == 0:
		return probe.InvalidOutput, "the stream held no events"
	case p.Finish == "content_filter":
		return probe.Filtered, "a content filter stopped the answer"
	case p.Finish == "error":
		return probe.StreamError, "the stream's finish reason is error"
	case !p.Ended && p.Finish == "":
		return early(p)
	case p.Answers == 0 && p.Finish == "length" && (ask.Reasoning || p.Tokens > 0):
		return probe.NoAnswer, thoughtAway(r.bound)
	case p.Tokens == 0 && !r.oneToken(p):
		return probe.InvalidOutput, fmt.Sprintf("the stream held no text in %s", plural(p.Events, "event"))
	default:
		return probe.OK, ""
	}
}

// early judges a stream that has neither finish reason nor end mark.
func early(p probe.Progress) (probe.Outcome, string) {
	switch {
	case p.Tokens > 0:
		return probe.Truncated, fmt.Sprintf("the stream ended after %s with text, without finish reason or end mark", plural(p.Tokens, "event"))
	case p.Malformed > 0:
		return probe.InvalidOutput, fmt.Sprintf("none of the stream's text could be read: %s malformed", plural(p.Malformed, "event"))
	default:
		return probe.Truncated, fmt.Sprintf("the stream ended after %s without text, finish reason or end mark", plural(p.Events, "event"))
	}
}

// thoughtAway says that a reasoning model had no tokens left for its answer.
func thoughtAway(bound int) string {
	if bound == 0 {
		return "the model spent its tokens before it answered; raise parameters.max_tokens"
	}
	return fmt.Sprintf("the model spent its %s before it answered; raise parameters.max_tokens", plural(bound, "token"))
}

// oneToken reports whether a single token was generated and all that the bound
// allowed: it may well be a blank one, and says nothing about the model.
func (r streamRules) oneToken(p probe.Progress) bool {
	out, counted := p.TokensOut.Get()
	return r.bound == 1 || p.Finish == "length" && (p.Tokens == 1 && !counted || counted && out == 1)
}

// blankToken is the warning where a single token was allowed and is blank.
const blankToken = "the one token that was allowed is blank; more of them would prove more"

// words judges the text, as far as the events were kept.
func (r streamRules) words(ask probe.Ask, a probe.Answer, v probe.Verdict) probe.Verdict {
	p := a.Progress
	if ask.Expect.IsZero() && r.offer.none() && p.Answers > 0 && r.seen(a) {
		return v
	}
	t := replay(a.Events, r.dialect, nil)
	said := r.said(t)
	switch {
	case !blank(said) || t.tool:
	case !blank(t.refusal.String()):
		v.Outcome, v.Reason = probe.Filtered, "the model refused: "+quote(t.refusal.String())
		return v
	case !blank(t.reasoning.String()) && p.Finish == "length":
		v.Outcome, v.Reason = probe.NoAnswer, thoughtAway(r.bound)
		return v
	case !blank(t.reasoning.String()):
		v.Warnings = append(v.Warnings, "there is reasoning but no answer")
	case r.oneToken(p):
		v.Warnings = append(v.Warnings, blankToken)
	case len(a.Events) > 0 && !a.EventsCut:
		v.Outcome, v.Reason = probe.InvalidOutput, fmt.Sprintf("the text is blank in all of its %s", plural(p.Tokens, "event"))
		return v
	}
	if outcome, reason := r.offer.check(t.called(), said, p.Finish); outcome != probe.OK {
		v.Outcome, v.Reason = outcome, reason
		return onKept(a, v)
	}
	return onKept(a, expectText(ask, v, said, t.arguments.String(), p.Finish))
}

// seen reports whether an answer that can be seen was kept, or too little was to
// tell.
func (r streamRules) seen(a probe.Answer) bool {
	return len(a.Events) == 0 || a.EventsCut || replay(a.Events, r.dialect, (*transcript).answered).answered()
}

// onKept returns v, unless it holds something against a text that was not kept
// whole.
func onKept(a probe.Answer, v probe.Verdict) probe.Verdict {
	lost := a.EventsCut || len(a.Events) == 0 && a.Progress.Events > 0
	if v.Outcome == probe.OK || !lost {
		return v
	}
	v.Warnings = append(v.Warnings, "the stream was not kept whole, and so not held to this: "+v.Reason)
	v.Outcome, v.Reason = probe.OK, ""
	return v
}

// expectText judges a generated text by `expect`. Of a model that thinks aloud,
// what it says after its thoughts; of a tool call without text, its arguments.
func expectText(ask probe.Ask, v probe.Verdict, said, arguments, finish string) probe.Verdict {
	if ask.Expect.IsZero() {
		return v
	}
	after, thinking := afterThought(said)
	if thinking && finish == "length" {
		v.Outcome, v.Reason = probe.NoAnswer, thoughtAway(0)
		return v
	}
	if blank(after) && arguments != "" {
		after = arguments
	}
	return judge(ask, v, subject{texts: []string{after}, written: true})
}

// afterThought returns the text behind a leading <think>…</think>, and whether
// the thought was never closed.
func afterThought(s string) (after string, open bool) {
	if _, after, closed := strings.Cut(s, "</think>"); closed {
		return after, false
	}
	if lead, _, thinks := strings.Cut(s, "<think>"); thinks && blank(lead) {
		return "", true
	}
	return s, false
}
