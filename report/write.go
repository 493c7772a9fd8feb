package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// Format is a form in which a report is written.
type Format string

// The formats.
const (
	Text     Format = "text"
	Markdown Format = "markdown"
	HTML     Format = "html"
	JSON     Format = "json"
)

// Formats returns the closed list.
func Formats() []Format { return []Format{Text, Markdown, HTML, JSON} }

// Write writes the report in a format. HTML is one file that loads nothing.
// The error is of an unknown format or of w.
func Write(w io.Writer, r Report, f Format) error {
	switch f {
	case Text:
		return buffered(w, func(b *bytes.Buffer) { text(b, document(r)) })
	case Markdown:
		return buffered(w, func(b *bytes.Buffer) { markdown(b, document(r)) })
	case HTML:
		return page(w, r)
	case JSON:
		encoder := json.NewEncoder(w)
		encoder.SetEscapeHTML(false)
		encoder.SetIndent("", "  ")
		return encoder.Encode(r)
	default:
		return fmt.Errorf("report: there is no format %q; the formats are text, markdown, html and json", f)
	}
}

// buffered writes what a function made.
func buffered(w io.Writer, write func(*bytes.Buffer)) error {
	var b bytes.Buffer
	write(&b)
	_, err := w.Write(b.Bytes())
	return err
}

// text writes blocks for a terminal.
func text(w *bytes.Buffer, blocks []block) {
	for _, b := range blocks {
		switch {
		case b.title != "":
			fmt.Fprintf(w, "%s\n", b.title)
		case b.heading != "":
			fmt.Fprintf(w, "\n%s\n%s\n", b.heading, strings.Repeat("-", utf8.RuneCountInString(b.heading)))
		case b.text != "":
			fmt.Fprintf(w, "%s\n", b.text)
		case b.table != nil:
			b.table.align(w, "  ", "  ")
		}
	}
}

// align writes the table in columns of equal width, without trailing blanks.
func (t table) align(w *bytes.Buffer, indent, gap string) {
	rows := append([][]string{t.head}, t.rows...)
	widths := make([]int, len(t.head))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	for _, row := range rows {
		line := indent
		for i, cell := range row {
			line += cell + strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell)) + gap
		}
		fmt.Fprintln(w, strings.TrimRight(line, " "))
	}
}

// markdown writes blocks as GitHub renders them.
func markdown(w *bytes.Buffer, blocks []block) {
	for i, b := range blocks {
		if i > 0 && b.chart == nil {
			fmt.Fprintln(w)
		}
		switch {
		case b.title != "":
			fmt.Fprintf(w, "# %s\n", escaped(b.title))
		case b.heading != "":
			fmt.Fprintf(w, "## %s\n", escaped(b.heading))
		case b.text != "":
			fmt.Fprintf(w, "%s\n", escaped(b.text))
		case b.table != nil:
			cells(w, b.table.head)
			fmt.Fprintf(w, "|%s\n", strings.Repeat(" --- |", len(b.table.head)))
			for _, row := range b.table.rows {
				cells(w, row)
			}
		}
	}
}

// cells writes one row of a Markdown table.
func cells(w *bytes.Buffer, row []string) {
	w.WriteString("|")
	for _, cell := range row {
		fmt.Fprintf(w, " %s |", escaped(cell))
	}
	w.WriteString("\n")
}

// escaped keeps what comes from outside, such as names and revisions, from
// being read as Markdown or HTML.
func escaped(s string) string {
	return strings.NewReplacer("\\", "\\\\", "|", "\\|", "<", "&lt;", "*", "\\*", "_", "\\_", "`", "\\`", "[", "\\[", "\n", " ").Replace(s)
}
