package hf

import (
	"errors"

	"github.com/hfwatch/hfwatch/probe"
)

// judged is what the way in which a stream ended says of it.
type judged struct {
	// check is true where the stream is whole and the task has the last word.
	check bool
	failure
	warning string
}

// judgeStream decides what a stream came to: one that showed a finish reason
// or an end mark is whole, however its connection ended; of the others the
// kind of end decides. cause is why the exchange's own context ended, if it
// did; closeDelimited is true where the connection's end is the body's.
func judgeStream(end ending, p probe.Progress, err, cause error, closeDelimited bool) judged {
	if end == endBroken && (p.Ended || p.Finish != "") && !errors.Is(err, errTooLarge) && !errors.Is(err, errTooLong) {
		return judged{check: true, warning: "the stream broke off after its finish reason"}
	}
	switch {
	case end == endMark || p.Ended:
		return wholeUnlessEmpty(p, "")
	case end == endBroken:
		if f := brokenBody(err, cause, closeDelimited); f != nil {
			if f.outcome == probe.Timeout && p.Tokens == 0 {
				f.phase, f.reason = probe.PhaseFirstToken, "the deadline passed before the first token"
			}
			return judged{failure: *f}
		}
	}
	switch {
	case p.Finish != "":
		return wholeUnlessEmpty(p, "the stream ended without its end mark")
	case p.Tokens == 0:
		return emptyStream()
	}
	return judged{failure: failure{probe.Truncated, probe.PhaseBody, "the stream ended without a finish reason or an end mark"}}
}

// wholeUnlessEmpty returns that the stream is whole, but for one without any
// content whose finish reason explains nothing.
func wholeUnlessEmpty(p probe.Progress, warning string) judged {
	if p.Tokens == 0 && p.Finish == "" {
		return emptyStream()
	}
	return judged{check: true, warning: warning}
}

// emptyStream is a stream that had no content.
func emptyStream() judged {
	return judged{failure: failure{probe.InvalidOutput, probe.PhaseBody, "the stream was empty: it held no generated text"}}
}
