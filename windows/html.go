package windows

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"io"

	"github.com/hfwatch/hfwatch/load"
)

//go:embed page.html
var pageHTML string

// shownGraph is a chart as the template reads it.
type shownGraph struct {
	Title string
	Lines []struct{ Name, Class string }
	SVG   template.HTML
}

// shownPart is a table of a stage, a model or a length.
type shownPart struct {
	Name, Rate, Requests string
	Rows                 []row
}

// shownGraphs returns those of the charts that have something to show.
func shownGraphs(w load.Window, all []graph) []shownGraph {
	var out []shownGraph
	for _, g := range all {
		s := shownGraph{Title: g.title, SVG: g.svg(w)}
		for _, l := range g.lines {
			s.Lines = append(s.Lines, struct{ Name, Class string }{l.name, l.class})
		}
		if s.SVG != "" {
			out = append(out, s)
		}
	}
	return out
}

// HTML writes a window and its findings as one HTML file that loads nothing and
// runs nothing.
func HTML(w io.Writer, window load.Window, findings []Finding, warnings []string) error {
	parsed, err := template.New("window").Parse(pageHTML)
	if err != nil {
		return fmt.Errorf("report of a window: %w", err)
	}
	var charts []shownGraph
	if window.Capacity != nil {
		over, all := ladder(window.Capacity)
		charts = shownGraphs(over, all)
	}
	charts = append(charts, shownGraphs(window, graphs(window))...)
	parts := func(all []load.Part) []shownPart {
		var out []shownPart
		for _, p := range all {
			out = append(out, shownPart{
				Name: partName(window, p), Rate: rate(p.AchievedRate), Rows: rows(p.Summary),
				Requests: fmt.Sprintf("%d sent: %s", p.Sent, outcomes(p.Summary)),
			})
		}
		return out
	}
	stages, title := parts(window.Stages), "Stages"
	if window.Capacity != nil {
		title = "Rungs of the search"
	}
	if len(stages) < 2 {
		stages = nil
	}
	var out bytes.Buffer
	if err := parsed.Execute(&out, struct {
		Name, ID, Location, Version string
		Good                        bool
		Facts                       [][2]string
		Head                        []string
		Rows                        []row
		Findings                    []Finding
		Warnings                    []string
		Charts                      []shownGraph
		Stages, Models, Lengths     []shownPart
		PartsTitle                  string
		Failures                    any
	}{
		Name(window), window.ID, window.Location, window.Version, window.Verdict == load.Complete, facts(window), head(), rows(window.Summary),
		findings, warnings, charts, stages, parts(window.Models), parts(window.Lengths), title, window.Failures[:min(20, len(window.Failures))],
	}); err != nil {
		return fmt.Errorf("report of a window: %w", err)
	}
	_, err = w.Write(out.Bytes())
	return err
}
