package windows

import (
	"encoding/xml"
	"fmt"
	"io"

	"github.com/hfwatch/hfwatch/load"
)

type junitSuite struct {
	XMLName  xml.Name    `xml:"testsuite"`
	Name     string      `xml:"name,attr"`
	Tests    int         `xml:"tests,attr"`
	Failures int         `xml:"failures,attr"`
	Errors   int         `xml:"errors,attr"`
	Time     string      `xml:"time,attr"`
	Stamp    string      `xml:"timestamp,attr"`
	Cases    []junitCase `xml:"testcase"`
}

type junitCase struct {
	Name    string      `xml:"name,attr"`
	Class   string      `xml:"classname,attr"`
	Failure *junitProse `xml:"failure,omitempty"`
	Error   *junitProse `xml:"error,omitempty"`
	Out     string      `xml:"system-out,omitempty"`
}

type junitProse struct {
	Message string `xml:"message,attr"`
}

// JUnit writes a window as a JUnit XML test suite: one case for the window's own
// verdict, and one for each finding. What has no answer is an error, not a
// failure.
func JUnit(w io.Writer, window load.Window, findings []Finding) error {
	name := "hfwatch load " + Name(window)
	suite := junitSuite{
		Name: name, Time: fmt.Sprintf("%.3f", window.Ended.Sub(window.Started).Seconds()), Stamp: window.Started.UTC().Format("2006-01-02T15:04:05"),
	}
	own := Finding{Text: "the window has a verdict", Answer: Passed, Why: verdict(window)}
	if window.Verdict != load.Complete && window.Verdict != load.ServerLimited {
		own.Answer = Unknown
	}
	for _, f := range append([]Finding{own}, findings...) {
		c := junitCase{Name: f.Text, Class: name}
		switch f.Answer {
		case Failed:
			c.Failure = &junitProse{f.Why}
			suite.Failures++
		case Unknown:
			c.Error = &junitProse{f.Why}
			suite.Errors++
		case Passed:
			c.Out = f.Why
		}
		suite.Cases = append(suite.Cases, c)
	}
	suite.Tests = len(suite.Cases)
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	e := xml.NewEncoder(w)
	e.Indent("", "  ")
	if err := e.Encode(suite); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}
