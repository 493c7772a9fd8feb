package load

import (
	"time"

	"github.com/hfwatch/hfwatch/probe"
)

// one sends one request that is due and records what came of it.
func (e *engine) one(j job, seq uint64) {
	shot := probe.Shot{
		Target: e.o.Targets[j.Step], Kind: probe.WindowKind, Lane: probe.LaneWindow, Due: e.start.Add(j.at), Seq: seq,
		Window: e.plan.Window, Stage: e.stages[j.Stage], Timeout: e.o.Timeout, Reuse: true, Input: e.input(&j), Memo: e.memos[j.Step],
	}
	call, err := e.o.Runner.Prepare(shot)
	if err != nil {
		e.took(j, e.o.Runner.Failed(call, err))
		return
	}
	j.input = len(call.Ask.Input)
	settle, err := e.admit(&call)
	if err != nil {
		e.end(&Stop{EndBudget, err.Error()})
		e.rec.unsent(j.Arrival, j.at, time.Since(e.start))
		return
	}
	res := e.o.Runner.Run(e.ctx, call, probe.Circumstances{})
	if settle != nil {
		settle(res)
	}
	e.took(j, res)
}

// admit asks whether a call may be sent.
func (e *engine) admit(call *probe.Call) (func(probe.Result), error) {
	if e.o.Admission == nil {
		return nil, nil
	}
	return e.o.Admission.Admit(call)
}

// charsPerToken is how many characters stand for a token of a trace where an
// input of such a length is looked for.
const charsPerToken = 4

// input returns the input that an arrival asks for by its length, nil where it
// leaves that to the target.
func (e *engine) input(j *job) []byte {
	length := j.Length
	if length == 0 {
		length = j.TokensIn * charsPerToken
	}
	if length == 0 || e.o.Targets[j.Step].Inputs.SampleMax != 0 {
		return nil
	}
	return e.pools[j.Step].Pick(length, j.Number)
}

// took records a result and acts on what it means.
func (e *engine) took(j job, res probe.Result) {
	done := time.Since(e.start)
	if !res.Sent.IsZero() {
		if took, ok := res.Service.Get(); ok {
			// The exchange's own clock, not ours after it.
			done = res.Sent.Sub(e.start) + took
		}
	}
	stop := e.rec.record(j, &res, done)
	if e.o.Observe != nil {
		e.observe(res)
	}
	if stop != nil {
		e.end(stop)
	}
	if e.told != nil {
		e.told(j, &res, done)
	}
}

// observe hands a result on, one at a time.
func (e *engine) observe(res probe.Result) {
	e.rec.seen.Lock()
	defer e.rec.seen.Unlock()
	e.o.Observe(res)
}
