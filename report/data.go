package report

import (
	"time"

	"github.com/hfwatch/hfwatch/probe"
)

// Data is all that a report is made of.
type Data struct {
	Location, Version string
	// To ends the period; Build cuts it to the full hour. Since is its length.
	To    time.Time
	Since time.Duration
	// Targets are in the order in which they are to be told.
	Targets []TargetData
	// Changes concern every target, such as another version of hfwatch.
	Changes []Change
	// Notes say what could not be read.
	Notes []string
}

// TargetData is what the records hold of one target.
type TargetData struct {
	Name, Model, Task, Provider string
	// Hours are of baseline results, in any order. One hour may have several
	// rows, each of another Likeness.
	Hours []Hour
	// Spent are all results whatever their kind, for money.
	Spent      []Spending
	ColdStarts []ColdStart
	Windows    []Capacity
	Changes    []Change
}

// Hour is what one hour of baseline results of one likeness came to.
type Hour struct {
	Start time.Time
	// Likeness is what results must share to be compared: the prompt set, the
	// parameters and the source of token counts.
	Likeness Likeness
	// Distributions are of seconds. Response holds bad results at the larger of
	// their elapsed time and their deadline.
	Response, FirstToken, TPOT Distribution
	// Causes count the results.
	Causes map[Class]int64
}

// Likeness is what two results must share to be compared.
type Likeness struct{ Inputs, Params, Tokens string }

// Class is an outcome with whose fault it was and how it counted.
type Class struct {
	Outcome probe.Outcome
	Fault   probe.Fault
	Counts  probe.Counts
}

// Spending is what an hour cost.
type Spending struct {
	Start time.Time
	Money Money
}

// ColdStart is one episode.
type ColdStart struct {
	At time.Time
	// Took is from the first request to the first valid answer; absent where
	// that was not seen.
	Took, WarmUp probe.Seconds
	// GaveUp is set where there was none at all.
	GaveUp   bool
	Sentence string
}

// of returns the hour's distribution of a signal.
func (h Hour) of(s Signal) Distribution {
	switch s {
	case FirstToken:
		return h.FirstToken
	case TPOT:
		return h.TPOT
	case Response:
		return h.Response
	default:
		return Distribution{}
	}
}

// counted returns how many results of the hour counted good, bad and apart.
func (h Hour) counted() Counted {
	var c Counted
	for class, n := range h.Causes {
		switch class.Counts {
		case probe.Good:
			c.Good += n
		case probe.Bad:
			c.Bad += n
		case probe.Apart:
			c.Apart += n
		}
	}
	return c
}

// within returns the hours that start in [from, to).
func within(hours []Hour, from, to time.Time) []Hour {
	var out []Hour
	for _, h := range hours {
		if !h.Start.Before(from) && h.Start.Before(to) {
			out = append(out, h)
		}
	}
	return out
}

// merged returns the distribution of a signal over all hours.
func merged(hours []Hour, s Signal) Distribution {
	all := make([]Distribution, len(hours))
	for i, h := range hours {
		all[i] = h.of(s)
	}
	return Merge(all...)
}
