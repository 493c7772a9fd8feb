package report

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"time"
)

//go:embed page.html
var pageHTML string

// shownBlock is a block as the page's template reads it.
type shownBlock struct {
	Title, Heading, Text string
	Head                 []string
	Rows                 [][]string
	Chart                template.HTML
}

// page writes the report as one HTML file that loads nothing and runs nothing.
func page(w io.Writer, r Report) error {
	parsed, err := template.New("report").Parse(pageHTML)
	if err != nil {
		return fmt.Errorf("report: %w", err)
	}
	var shown []shownBlock
	for _, b := range document(r) {
		s := shownBlock{Title: b.title, Heading: b.heading, Text: b.text}
		if b.table != nil {
			s.Head, s.Rows = b.table.head, b.table.rows
		}
		if b.chart != nil {
			s.Chart = chart(*b.chart, r.From, r.To)
		}
		shown = append(shown, s)
	}
	var out bytes.Buffer
	if err := parsed.Execute(&out, struct {
		Location, Version, To string
		Blocks                []shownBlock
	}{r.Location, r.Version, r.To.UTC().Format(time.DateTime), shown}); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	_, err = w.Write(out.Bytes())
	return err
}
