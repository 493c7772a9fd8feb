package daemon

import (
	"encoding/json"
	"strings"
	"sync"
	"time"

	"github.com/hfwatch/hfwatch/config"
	"github.com/hfwatch/hfwatch/history"
	"github.com/hfwatch/hfwatch/probe"
)

// Bounds of what is remembered of a target's answers.
const (
	// driftMemory is how long a value stays known: one that comes back within it
	// is no news, so that two replicas which take turns are told of once.
	driftMemory = 24 * time.Hour
	// driftHeld is after how many results in a row a value was there to stay, and
	// leaving it is news, whatever comes.
	driftHeld = 12
	// driftValues and driftInputs bound the values of a fact, and the inputs whose
	// shapes are known.
	driftValues = 8
	driftInputs = 64
	// driftAgreed is how many inputs must have had one shape for an input that is
	// new to be expected to have it too.
	driftAgreed = 3
)

// change is what an answer showed that the ones before did not.
type change struct {
	What   string `json:"what"`
	Before string `json:"before"`
	After  string `json:"after"`
	// Result is the ID of the first result that showed it, Outcome its outcome.
	Result  string        `json:"result,omitempty"`
	Outcome probe.Outcome `json:"outcome,omitempty"`
}

// fact is one thing that answers show, and what it has been.
type fact struct {
	last string
	held int
	seen map[string]time.Time
}

// see takes a value and returns the one before, where that it changed is news.
func (f *fact) see(value string, at time.Time) (before string, news bool) {
	if f.seen == nil {
		f.seen = map[string]time.Time{}
	}
	when, known := f.seen[value]
	before, held := f.last, f.held
	f.seen[value] = at
	f.forget()
	if value == f.last {
		f.held++
		return "", false
	}
	f.last, f.held = value, 1
	recent := known && at.Sub(when) < driftMemory
	return before, before != "" && (!recent || held >= driftHeld)
}

// forget drops the oldest value where there are too many.
func (f *fact) forget() {
	if len(f.seen) <= driftValues {
		return
	}
	oldest := f.last
	for value, at := range f.seen {
		if oldest == f.last || at.Before(f.seen[oldest]) {
			oldest = value
		}
	}
	delete(f.seen, oldest)
}

// learned is what is known of one target's answers to one kind of request.
type learned struct {
	params string
	facts  map[string]*fact
	// shapes and answers are of each input: the form of the answer, and whether it
	// was as expected.
	shapes, answers byInput
}

// byInput is one thing that the answers to each input show. Inputs of several forms
// have answers of several, so that each is compared with its own.
type byInput struct {
	facts  map[string]*fact
	inputs []string // the keys of facts, oldest first
	told   map[[2]string]time.Time
}

// see takes the value of the answer to an input, and returns the one before where
// that it changed is news. One of an input that is new is compared with what all
// others agree on.
func (b *byInput) see(input, value string, at time.Time) (before string, news bool) {
	if b.facts == nil {
		b.facts, b.told = map[string]*fact{}, map[[2]string]time.Time{}
	}
	f := b.facts[input]
	if f == nil {
		before = b.agreed()
		if len(b.inputs) >= driftInputs {
			delete(b.facts, b.inputs[0])
			b.inputs = b.inputs[1:]
		}
		f = &fact{}
		b.facts[input], b.inputs = f, append(b.inputs, input)
		f.see(value, at)
		news = before != "" && before != value
	} else {
		before, news = f.see(value, at)
	}
	if !news {
		return "", false
	}
	// The other inputs will change in the same way: one event is enough.
	last, told := b.told[[2]string{before, value}]
	b.told[[2]string{before, value}] = at
	return before, !told || at.Sub(last) >= driftMemory
}

// agreed returns the one value that enough inputs had, or nothing.
func (b *byInput) agreed() string {
	var value string
	for _, f := range b.facts {
		if value != "" && f.last != value {
			return ""
		}
		value = f.last
	}
	if len(b.facts) < driftAgreed {
		return ""
	}
	return value
}

// asExpected is the answer that keeps every expectation.
const asExpected = "as expected"

// keeping says whether an answer was as expected, or which key of `expect` it
// broke: similar_to, equals, min_length and so on.
func keeping(res probe.Result) string {
	key, _, named := strings.Cut(res.Error, ":")
	if res.Outcome != probe.WrongAnswer || !named || !strings.HasPrefix(key, "expect.") {
		return asExpected
	}
	return "not by " + key
}

// learn takes an answer that was the task's, and adds what of it is news.
func (l *learned) learn(res probe.Result, add func(what, before, after string)) {
	if res.Shape != "" {
		if before, news := l.shapes.see(res.InputHash, res.Shape, res.Sent); news {
			add("shape", before, res.Shape)
		}
	}
	now := keeping(res)
	before, news := l.answers.see(res.InputHash, now, res.Sent)
	if now != asExpected {
		now = res.Error
	}
	if news {
		add("answer", before, now)
	}
}

// drifts is what is known of every target's answers. It is safe for concurrent
// use.
type drifts struct {
	mu  sync.Mutex
	all map[string]*learned
}

// learn takes a result and returns what it shows that is news. Only baseline
// results teach, and only those that a model answered; of one whose answer was
// not the task's, the shape says nothing. Whatever changes the request makes
// everything new.
func (d *drifts) learn(res probe.Result) []change {
	if res.Kind != probe.Baseline || res.Status < 200 || res.Status > 299 || res.Cached {
		return nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.all == nil {
		d.all = map[string]*learned{}
	}
	l := d.all[res.Target]
	if l == nil || l.params != res.ParamsHash {
		l = &learned{params: res.ParamsHash, facts: map[string]*fact{}}
		d.all[res.Target] = l
	}
	var changes []change
	add := func(what, before, after string) {
		changes = append(changes, change{What: what, Before: before, After: after, Result: res.ID, Outcome: res.Outcome})
	}
	if res.Outcome == probe.OK || res.Outcome == probe.WrongAnswer {
		l.learn(res, add)
	}
	for _, one := range []struct{ what, value string }{
		{"model", res.ServedModel}, {"revision", res.Revision}, {"provider", res.Provider}, {"engine", res.Engine},
	} {
		if one.value == "" {
			continue
		}
		if l.facts[one.what] == nil {
			l.facts[one.what] = &fact{}
		}
		if before, news := l.facts[one.what].see(one.value, res.Sent); news {
			add(one.what, before, one.value)
		}
	}
	return changes
}

// keep forgets every target that is not among those given.
func (d *drifts) keep(targets map[string]config.Model) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for name := range d.all {
		if _, ok := targets[name]; !ok {
			delete(d.all, name)
		}
	}
}

// drift tells of what a result shows that is news: a counter, an event and a
// line in the log.
func (d *Daemon) drift(res probe.Result) {
	for _, c := range d.drifts.learn(res) {
		d.exporter.Drifted(res.Target, c.What)
		d.targetEvent(history.KindDrift, "drift-"+res.ID+"-"+c.What, res.Sent, res.Target, c)
		d.logger.Warn("answers changed", "target", res.Target, "what", c.What, "before", c.Before, "after", c.After, "id", res.ID)
	}
}

// targetEvent records an event of a target, where there are records.
func (d *Daemon) targetEvent(kind history.EventKind, id string, at time.Time, target string, data any) {
	if d.records == nil {
		return
	}
	text, err := json.Marshal(data)
	if err != nil {
		d.logger.Error("event cannot be written as JSON", "id", id, "err", err)
		return
	}
	d.records.RecordEvent(history.Event{ID: id, Kind: kind, At: at, Target: target, Location: d.runner.Location, Data: text})
}
