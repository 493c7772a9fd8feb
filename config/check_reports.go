package config

import (
	"path/filepath"
	"strings"
	"time"

	"github.com/hfwatch/hfwatch/report"
)

// The bounds of a report's period.
const (
	leastReport = 7 * 24 * time.Hour
	mostReport  = 366 * 24 * time.Hour
)

// reports checks the reports that are made on a schedule.
func (c *checker) reports() {
	first := map[string]spot{}
	for i := range c.raw.Reports {
		raw := &c.raw.Reports[i]
		if raw.n == nil {
			continue
		}
		c.unique(raw.where, "report", raw.Name, first)
		out := ScheduledReport{Name: raw.Name, Since: raw.Since.get(), Format: report.Format(raw.Format), File: raw.File}
		if out.Since < leastReport || out.Since > mostReport {
			c.problem(raw.at("since"), raw.Since.String()+" is not from 7d to 366d", "write 28d, so that three weeks stand beside this one")
		}
		if !c.raw.History {
			c.problem(raw.here(), "a report is made of records, and history is off", "remove it, or history: off")
		}
		if raw.Webhook != nil {
			out.Webhook = c.webhook(raw.Webhook)
		}
		switch {
		case raw.File == "" && raw.Webhook == nil:
			c.problem(raw.here(), "the report goes nowhere", "write file: reports/{date}.html, or webhook: {url_file: …}")
		case raw.has("file"):
			c.reportFile(raw)
		}
		if !raw.has("schedule") {
			c.problem(raw.at("schedule"), "is missing", `write when it is made, such as "0 7 * * 1"`)
			continue
		}
		s := c.schedule(raw.at("schedule"), raw.Schedule)
		out.Schedule = s.Schedule
		c.cfg.Reports = append(c.cfg.Reports, out)
	}
}

// reportFile checks the file's name; whether it can be written is seen when it
// is.
func (c *checker) reportFile(raw *rawReport) {
	name := strings.ReplaceAll(raw.File, "{date}", "")
	switch {
	case strings.ContainsAny(name, "{}"):
		c.problem(raw.at("file"), quote(raw.File)+" has a brace that is not {date}", "write for instance reports/{date}.html")
	case name == "" || strings.HasSuffix(name, "/") || strings.ContainsRune(filepath.Dir(raw.File), '{'):
		c.problem(raw.at("file"), quote(raw.File)+" is not a file in a directory that stays the same", "write for instance reports/{date}.html")
	}
}
