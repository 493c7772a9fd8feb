package hf

import "github.com/hfwatch/hfwatch/probe"

// judged is what the way in which a stream ended says of it.
type judged struct {
	// check is true where the stream is whole and the task has the last word.
	check bool
	failure
	warning string
}

// judgeStream decides what a stream came to: one that showed a finish reason
// or an end mark is whole, however its connection ended; of the others the
// kind of end decides. broken is why it broke off, nil where its body ended as
// its framing has it. A free stream, whose format nobody knows, is whole where
// its body is.
func judgeStream(end ending, p probe.Progress, broken *failure, free bool) judged {
	whole := p.Ended || p.Finish != ""
	switch {
	case broken != nil && broken.outcome == probe.InvalidOutput:
		return judged{failure: *broken}
	case broken != nil && whole:
		return judged{check: true, warning: "the stream broke off after its finish reason"}
	case broken != nil && broken.outcome == probe.Timeout && p.Tokens == 0:
		return judged{failure: failure{probe.Timeout, probe.PhaseFirstToken, "the deadline passed before the first token"}}
	case broken != nil:
		return judged{failure: *broken}
	case free:
		return judged{check: true}
	case p.Tokens == 0 && p.Finish == "":
		return judged{failure: failure{probe.InvalidOutput, probe.PhaseBody, "the stream was empty: it held no generated text"}}
	case end == endMark || whole:
		return judged{check: true}
	}
	return judged{failure: failure{probe.Truncated, probe.PhaseBody, "the stream ended without a finish reason or an end mark"}}
}
