package daemon

import (
	"bytes"
	"context"
	_ "embed"
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/hfwatch/hfwatch/coldstart"
	"github.com/hfwatch/hfwatch/internal/prom"
	"github.com/hfwatch/hfwatch/probe"
)

//go:embed front.html
var frontHTML string

// frontRow is one target on the front page.
type frontRow struct {
	Name, Task, Model, Provider string
	State                       string // good, bad, apart or unknown
	// Warmth is the state of the model by all evidence, and Since when it began;
	// empty is not known.
	Warmth, Since       string
	Outcomes            []string
	Service, FirstToken string
	When                string
	Error               string
	Next                string
}

// front is the front page.
type front struct {
	Version, Location, Now string
	Targets                []frontRow
	Firing                 []frontAlert
	Alerting               bool
	// Blind is true while samples cannot be stored and alerts stand still.
	Blind bool
}

// frontAlert is one firing alert on the front page.
type frontAlert struct {
	Name, Severity, Summary, Since string
	// Silences say who holds its page back, until when and why.
	Silences []string
}

// serveFront shows the targets and what fires.
func (d *Daemon) serveFront(w http.ResponseWriter, r *http.Request) {
	page, err := template.New("front").Parse(frontHTML)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	var out bytes.Buffer
	if err := page.Execute(&out, d.front(r.Context(), time.Now())); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
	_, _ = w.Write(out.Bytes())
}

// front returns what the front page shows at a time.
func (d *Daemon) front(ctx context.Context, now time.Time) front {
	watched := d.now.Load()
	f := front{Version: d.opts.Version, Location: watched.cfg.Location, Now: now.UTC().Format(time.DateTime), Alerting: d.evaluator.rules != nil, Blind: d.evaluator.blind.Load()}
	for _, m := range watched.cfg.Models {
		row := frontRow{Name: m.Target.Name, Task: m.Target.Task.Name(), Model: m.Target.Model, Provider: m.Target.Provider, State: "unknown"}
		if res, outcomes, ok := d.memos.last(m.Target.Name); ok {
			row.State, row.Error = string(res.Counts), res.Error
			for _, o := range outcomes {
				row.Outcomes = append(row.Outcomes, string(o))
			}
			row.Service, row.FirstToken = shown(res.Service), "-"
			if m.Target.Stream && !res.Censored {
				row.FirstToken = shown(res.FirstToken)
			}
			row.When = res.Due.UTC().Format(time.TimeOnly)
		}
		if v := d.tracker.View(m.Target.Name); v.State != coldstart.Unknown {
			row.Warmth, row.Since = string(v.State), moment(v.Since, now)
		}
		if next := d.scheduler.Next(m.Target.Name, probe.LaneBaseline); !next.IsZero() {
			row.Next = next.UTC().Format(time.TimeOnly)
		}
		f.Targets = append(f.Targets, row)
	}
	if d.evaluator.rules == nil {
		return f
	}
	for _, a := range d.evaluator.rules.Alerts() {
		if a.State == prom.StateFiring && a.Labels["severity"] != "info" {
			f.Firing = append(f.Firing, frontAlert{
				a.Rule, a.Labels["severity"], a.Annotations["summary"], a.FiredAt.UTC().Format(time.DateTime), d.silencing(ctx, a.Labels),
			})
		}
	}
	slices.SortFunc(f.Firing, func(a, b frontAlert) int { return strings.Compare(a.Severity+a.Name, b.Severity+b.Name) })
	return f
}

// silencing says of each silence that holds back an alert who set it, until when
// and why.
func (d *Daemon) silencing(ctx context.Context, labels map[string]string) []string {
	var out []string
	for _, one := range d.silences.Of(ctx, labelSet(labels)) {
		out = append(out, fmt.Sprintf("silenced by %s until %s UTC: %s", one.CreatedBy, one.EndsAt.UTC().Format(time.DateTime), one.Comment))
	}
	return out
}

// moment returns a time as the front page has it, with its day where that is not
// the day of now.
func moment(at, now time.Time) string {
	at, now = at.UTC(), now.UTC()
	if at.Truncate(24 * time.Hour).Equal(now.Truncate(24 * time.Hour)) {
		return at.Format(time.TimeOnly)
	}
	return at.Format("2006-01-02 15:04")
}

// shown returns a duration as people read it.
func shown(s probe.Seconds) string {
	v, ok := s.Get()
	if !ok {
		return "-"
	}
	return v.Round(time.Millisecond).String()
}
