// Package doctor says what is wrong with an installation, from facts that others
// have gathered: whose the token is and what it may do, who pays, what the
// router and the Hub have of each model, what the management API says of each
// endpoint, how each host was reached, how far the clock is off, how much room
// there is, and how the smallest requests were answered.
//
// Every function takes values and returns findings: nothing here asks, dials,
// opens or reads a clock. Each finding names one thing, says what is so, and
// where that is wrong what to do about it. Nothing in a finding is a secret: the
// facts are given without any, and what a server said is bounded and cleaned.
package doctor

import (
	"fmt"
	"io"
	"strings"

	"github.com/hfwatch/hfwatch/probe"
)

// Grade is how bad a finding is.
type Grade string

// The grades, from good to bad.
const (
	OK Grade = "ok"
	// Unknown could not be learned, or says nothing either way.
	Unknown Grade = "unknown"
	// Warning works now, and may not tomorrow or not as it was meant.
	Warning Grade = "warning"
	// Problem keeps something from being watched.
	Problem Grade = "problem"
)

// Finding is one line of what the doctor says.
type Finding struct {
	// Check is what was looked at: token, bill_to, model, endpoint, dns, connect,
	// proxy, tls, clock, data, receiver, daemon or account.
	Check string `json:"check"`
	// About is the thing itself: a host, a target, a scope.
	About string `json:"about"`
	Grade Grade  `json:"grade"`
	// Says is what is so.
	Says string `json:"says"`
	// Do is what to do about it; empty where there is nothing to do.
	Do string `json:"do,omitempty"`
}

// Line returns the finding as people read it.
func (f Finding) Line() string {
	text := fmt.Sprintf("%-7s  %-8s  %s: %s", f.Grade, f.Check, f.About, f.Says)
	if f.Do != "" {
		text += "; " + f.Do
	}
	return text
}

// Tally counts findings by grade.
type Tally map[Grade]int

// Summary writes what came of all findings, and what it cost at most.
func (t Tally) Summary(w io.Writer) error {
	_, err := fmt.Fprintf(w, "\n%s, %s, %s that could not be learned, %s in order.\n",
		several(t[Problem], "problem"), several(t[Warning], "warning"), several(t[Unknown], "thing"), several(t[OK], "thing"))
	return err
}

// several returns a number and its word.
func several(n int, word string) string {
	switch n {
	case 0:
		return "no " + word + "s"
	case 1:
		return "1 " + word
	}
	return fmt.Sprintf("%d %ss", n, word)
}

// maxSaid bounds what a finding repeats of a server's words, in bytes.
const maxSaid = 300

// said returns the text of an error, bounded, on one line and without tokens.
func said(err error) string { return probe.Clean(probe.RedactTokens(err.Error()), maxSaid) }

// few returns a list as words, the first of them.
func few(names []string) string {
	const most = 5
	if len(names) > most {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
	}
	return strings.Join(names, ", ")
}
