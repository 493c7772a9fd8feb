package history_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/parquet-go/parquet-go"

	"github.com/hfwatch/hfwatch/history"
	"github.com/hfwatch/hfwatch/probe"
)

// TestExport writes every result once, in order, in every form, and reads it
// back.
func TestExport(t *testing.T) {
	r := open(t, history.Options{})
	defer func() { _ = r.Close(t.Context()) }()
	const many = 1234 // More than two chunks.
	var all []probe.Result
	for n := range many {
		res := timed(n, probe.Bad, time.Duration(n+1)*time.Millisecond)
		res.Error, res.RequestID = "=HYPERLINK(\"x\"), a\nline", "req"
		if n%2 == 0 {
			res.FirstToken, res.TokensIn, res.CostUSD = probe.Seconds{}, probe.Opt[int]{}, probe.Opt[float64]{}
		}
		all = append(all, res)
		r.Record(res)
	}
	waitWritten(t, r)
	export := func(format history.Format, q history.ResultQuery) []byte {
		var out bytes.Buffer
		if err := r.Export(t.Context(), &out, format, q); err != nil {
			t.Fatal(err)
		}
		return out.Bytes()
	}
	var got []probe.Result
	for line := range strings.Lines(string(export(history.FormatJSONL, history.ResultQuery{}))) {
		var res probe.Result
		if err := json.Unmarshal([]byte(line), &res); err != nil {
			t.Fatal(err)
		}
		got = append(got, res)
	}
	if diff := cmp.Diff(all, got); diff != "" {
		t.Errorf("JSON lines (-want +got):\n%s", diff)
	}
	table, err := csv.NewReader(bytes.NewReader(export(history.FormatCSV, history.ResultQuery{}))).ReadAll()
	if err != nil || len(table) != many+1 {
		t.Fatalf("CSV has %d lines, %v", len(table), err)
	}
	rows, err := parquet.Read[history.Row](bytes.NewReader(export(history.FormatParquet, history.ResultQuery{})), int64(len(export(history.FormatParquet, history.ResultQuery{}))))
	if err != nil || len(rows) != many {
		t.Fatalf("Parquet has %d rows, %v", len(rows), err)
	}
	column := func(name string) int { return slices.Index(table[0], name) }
	for n, want := range all {
		row, line := rows[n], table[n+1]
		if row.ID != want.ID || !row.Due.Equal(want.Due) || row.Error != want.Error || *row.Response != (time.Duration(n+1)*time.Millisecond).Seconds() || (row.CostUSD == nil) != (n%2 == 0) {
			t.Fatalf("row %d of Parquet is %+v", n, row)
		}
		if line[column("id")] != want.ID || line[column("error")] != "'"+want.Error || (line[column("first_token_seconds")] == "") != (n%2 == 0) || line[column("tokens_out")] != "7" {
			t.Fatalf("line %d of CSV is %q", n, line)
		}
	}
	some := export(history.FormatJSONL, history.ResultQuery{
		Target: "a", Location: "l", Kinds: []probe.Kind{probe.Baseline, probe.Manual}, From: all[10].Due, To: all[20].Due,
	})
	if n := bytes.Count(some, []byte("\n")); n != 10 {
		t.Errorf("%d results of ten minutes", n)
	}
	if n := len(export(history.FormatJSONL, history.ResultQuery{Target: "other"})); n != 0 {
		t.Errorf("%d bytes of an unknown target", n)
	}
	if err := r.Export(t.Context(), &bytes.Buffer{}, "xml", history.ResultQuery{}); err == nil {
		t.Error("Export() as xml = nil")
	}
}

// TestExportEvents writes every event once, in order, of those that share a
// time too, and no other than those asked for.
func TestExportEvents(t *testing.T) {
	r := open(t, history.Options{})
	defer func() { _ = r.Close(t.Context()) }()
	var want []string
	for n := range 95 { // Five to a time, twenty to a chunk.
		e := event(fmt.Sprintf("e%03d", n), history.KindEpisode, n/5, "a")
		want = append(want, e.ID)
		r.RecordEvent(e)
	}
	r.RecordEvent(event("w", history.KindWindow, 3, "a"))
	r.RecordEvent(event("b", history.KindEpisode, 3, "b"))
	waitWritten(t, r)
	minute := func(n int) time.Time { return time.Date(2026, 11, 1, 0, n, 0, 0, time.UTC) }
	for _, row := range []struct {
		why  string
		ask  history.EventQuery
		want []string
	}{
		{"all of a target and a kind", history.EventQuery{Kinds: []history.EventKind{history.KindEpisode}, Target: "a"}, want},
		{"three whole chunks", history.EventQuery{Kinds: []history.EventKind{history.KindEpisode}, Target: "a", To: minute(12)}, want[:60]},
		{"two, whose limit is not heeded", history.EventQuery{Kinds: []history.EventKind{history.KindEpisode}, Target: "a", From: minute(11), Limit: 1}, want[55:]},
		{"none", history.EventQuery{Kinds: []history.EventKind{history.KindDrift}}, nil},
	} {
		var out bytes.Buffer
		if err := r.ExportEvents(t.Context(), &out, row.ask); err != nil {
			t.Fatal(err)
		}
		var got []string
		for line := range strings.Lines(out.String()) {
			var e history.Event
			if err := json.Unmarshal([]byte(line), &e); err != nil || len(e.Data) == 0 || e.At.Location() != time.UTC {
				t.Fatalf("%s: %q: %v", row.why, line, err)
			}
			got = append(got, e.ID)
		}
		if diff := cmp.Diff(row.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", row.why, diff)
		}
	}
	if err := r.ExportEvents(t.Context(), short{}, history.EventQuery{}); !errors.Is(err, io.ErrShortWrite) {
		t.Errorf("into a full disk: %v", err)
	}
}

// short is a place that takes nothing.
type short struct{}

func (short) Write([]byte) (int, error) { return 0, io.ErrShortWrite }
