package history

import (
	"bufio"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/parquet-go/parquet-go"

	"github.com/hfwatch/hfwatch/probe"
)

// Format is a form of export: a closed set.
type Format string

// The forms of export.
const (
	// FormatJSONL is one result a line, as it was recorded, with all its evidence.
	FormatJSONL Format = "jsonl"
	// FormatCSV is the columns of Row, with a header (RFC 4180); what was not
	// measured is empty.
	FormatCSV Format = "csv"
	// FormatParquet is the columns of Row, compressed with zstd.
	FormatParquet Format = "parquet"
)

// Formats returns the closed set.
func Formats() []Format { return []Format{FormatJSONL, FormatCSV, FormatParquet} }

// ResultQuery says which results are asked for. What is zero does not restrict.
type ResultQuery struct {
	Target, Location string
	Kinds            []probe.Kind
	// From and To bound Due: From is in, To is not.
	From, To time.Time
}

// resultsChunk is how many results one query reads, so that the writer waits
// for milliseconds at most.
const resultsChunk = 500

// EachResult calls f with the JSON form of each result that is kept and that
// the query asks for, in order of Due, and ends with its first error. It holds
// a chunk in memory.
func (r *Records) EachResult(ctx context.Context, q ResultQuery, f func([]byte) error) error {
	var due int64
	id := ""
	for first := true; ; first = false {
		where, args := q.where(first, due, id)
		texts, lastDue, lastID, err := r.chunk(ctx, where, args)
		if err != nil {
			return fmt.Errorf("results: %w", err)
		}
		for _, text := range texts {
			if err := f(text); err != nil {
				return err
			}
		}
		if len(texts) < resultsChunk {
			return nil
		}
		due, id = lastDue, lastID
	}
}

// chunk reads one chunk and returns where it ends.
func (r *Records) chunk(ctx context.Context, where string, args []any) (texts [][]byte, due int64, id string, err error) {
	db, err := r.handle()
	if err != nil {
		return nil, 0, "", err
	}
	//nolint:gosec // The conditions are constants; every value is an argument.
	rows, err := db.QueryContext(ctx, `SELECT due, id, result FROM results WHERE `+where+` ORDER BY due, id LIMIT ?`, append(args, resultsChunk)...)
	if err != nil {
		return nil, 0, "", err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var text string
		if err := rows.Scan(&due, &id, &text); err != nil {
			return nil, 0, "", err
		}
		texts = append(texts, []byte(text))
	}
	return texts, due, id, rows.Err()
}

// where returns the condition for what comes after a result.
func (q ResultQuery) where(first bool, due int64, id string) (string, []any) {
	conditions, args := []string{"TRUE"}, []any{}
	add := func(condition string, values ...any) {
		conditions, args = append(conditions, condition), append(args, values...)
	}
	if q.Target != "" {
		add("target = ?", q.Target)
	}
	if q.Location != "" {
		add("location = ?", q.Location)
	}
	if len(q.Kinds) > 0 {
		kinds := make([]any, 0, len(q.Kinds))
		for _, k := range q.Kinds {
			kinds = append(kinds, string(k))
		}
		add("kind IN (?"+strings.Repeat(",?", len(kinds)-1)+")", kinds...)
	}
	if !q.From.IsZero() {
		add("due >= ?", q.From.UnixNano())
	}
	if !q.To.IsZero() {
		add("due < ?", q.To.UnixNano())
	}
	if !first {
		add("due >= ? AND (due, id) > (?, ?)", due, due, id)
	}
	return strings.Join(conditions, " AND "), args
}

// Row is a result as a table has it. Times are in seconds; what was not measured
// is absent.
type Row struct {
	ID            string    `parquet:"id"`
	Due           time.Time `parquet:"due,timestamp(microsecond)"`
	Target        string    `parquet:"target,dict"`
	Model         string    `parquet:"model,dict"`
	Task          string    `parquet:"task,dict"`
	Provider      string    `parquet:"provider,dict"`
	Location      string    `parquet:"location,dict"`
	Kind          string    `parquet:"kind,dict"`
	Window        string    `parquet:"window,dict"`
	Outcome       string    `parquet:"outcome,dict"`
	Fault         string    `parquet:"fault,dict"`
	Counts        string    `parquet:"counts,dict"`
	Phase         string    `parquet:"phase,dict"`
	Status        int64     `parquet:"status"`
	Censored      bool      `parquet:"censored"`
	Response      *float64  `parquet:"response_seconds,optional"`
	Service       *float64  `parquet:"service_seconds,optional"`
	Lag           *float64  `parquet:"lag_seconds,optional"`
	FirstByte     *float64  `parquet:"first_byte_seconds,optional"`
	FirstToken    *float64  `parquet:"first_token_seconds,optional"`
	FirstAnswer   *float64  `parquet:"first_answer_seconds,optional"`
	TPOT          *float64  `parquet:"tpot_seconds,optional"`
	TokensIn      *int64    `parquet:"tokens_in,optional"`
	TokensOut     *int64    `parquet:"tokens_out,optional"`
	CostUSD       *float64  `parquet:"cost_usd,optional"`
	Revision      string    `parquet:"revision,dict"`
	RequestID     string    `parquet:"request_id"`
	Error         string    `parquet:"error"`
	SchemaVersion int64     `parquet:"schema"`
}

// rowOf returns the row of a result.
func rowOf(r probe.Result) Row {
	seconds := func(s probe.Seconds) *float64 {
		d, ok := s.Get()
		if !ok {
			return nil
		}
		v := d.Seconds()
		return &v
	}
	count := func(o probe.Opt[int]) *int64 {
		n, ok := o.Get()
		if !ok {
			return nil
		}
		v := int64(n)
		return &v
	}
	row := Row{
		ID: r.ID, Due: r.Due, Target: r.Target, Model: r.Model, Task: r.Task, Provider: r.Provider, Location: r.Location, Kind: string(r.Kind),
		Window: r.Window, Outcome: string(r.Outcome), Fault: string(r.Fault), Counts: string(r.Counts), Phase: string(r.Phase), Status: int64(r.Status),
		Censored: r.Censored, Response: seconds(r.Response), Service: seconds(r.Service), Lag: seconds(r.Lag), FirstByte: seconds(r.FirstByte),
		FirstToken: seconds(r.FirstToken), FirstAnswer: seconds(r.FirstAnswer), TPOT: seconds(r.TPOT), TokensIn: count(r.TokensIn),
		TokensOut: count(r.TokensOut), Revision: r.Revision, RequestID: r.RequestID, Error: r.Error, SchemaVersion: int64(r.Schema),
	}
	if cost, ok := r.CostUSD.Get(); ok {
		row.CostUSD = &cost
	}
	return row
}

// columns returns the names of a row's columns in CSV.
func columns() []string {
	return []string{
		"id", "due", "target", "model", "task", "provider", "location", "kind", "window", "outcome", "fault", "counts", "phase", "status",
		"censored", "response_seconds", "service_seconds", "lag_seconds", "first_byte_seconds", "first_token_seconds", "first_answer_seconds",
		"tpot_seconds", "tokens_in", "tokens_out", "cost_usd", "revision", "request_id", "error", "schema",
	}
}

// cells returns the row's values in CSV, in the order of columns. A value that
// a spreadsheet would take for a formula begins with an apostrophe: error texts
// and names of models are not ours.
func (r Row) cells() []string {
	float := func(v *float64) string {
		if v == nil {
			return ""
		}
		return strconv.FormatFloat(*v, 'g', -1, 64)
	}
	integer := func(v *int64) string {
		if v == nil {
			return ""
		}
		return strconv.FormatInt(*v, 10)
	}
	text := func(s string) string {
		if s != "" && strings.ContainsRune("=+-@\t\r", rune(s[0])) {
			return "'" + s
		}
		return s
	}
	return []string{
		r.ID, r.Due.UTC().Format(time.RFC3339Nano), text(r.Target), text(r.Model), r.Task, text(r.Provider), text(r.Location), r.Kind, text(r.Window),
		r.Outcome, r.Fault, r.Counts, r.Phase, strconv.FormatInt(r.Status, 10), strconv.FormatBool(r.Censored), float(r.Response), float(r.Service),
		float(r.Lag), float(r.FirstByte), float(r.FirstToken), float(r.FirstAnswer), float(r.TPOT), integer(r.TokensIn), integer(r.TokensOut),
		float(r.CostUSD), text(r.Revision), text(r.RequestID), text(r.Error), strconv.FormatInt(r.SchemaVersion, 10),
	}
}

// rowGroup is how many rows a Parquet file holds in memory before it writes
// them.
const rowGroup = 10_000

// Export writes the results that the query asks for, streaming. What waits to
// be written into the records is not among them yet, and of a flood only those
// that were kept; the hours hold all.
func (r *Records) Export(ctx context.Context, w io.Writer, format Format, q ResultQuery) error {
	put, end, err := exporter(w, format)
	if err != nil {
		return err
	}
	if err := r.EachResult(ctx, q, put); err != nil {
		return err
	}
	if err := end(); err != nil {
		return fmt.Errorf("export: %w", err)
	}
	return nil
}

// exporter returns what takes each result, and what ends the file.
func exporter(w io.Writer, format Format) (put func([]byte) error, end func() error, err error) {
	rows := func(f func(Row) error) func([]byte) error {
		return func(text []byte) error {
			var res probe.Result
			if err := json.Unmarshal(text, &res); err != nil {
				return fmt.Errorf("export: %w", err)
			}
			return f(rowOf(res))
		}
	}
	switch format {
	case FormatJSONL:
		out := bufio.NewWriter(w)
		return func(text []byte) error {
			_, err := out.Write(append(text, '\n'))
			return err
		}, out.Flush, nil
	case FormatCSV:
		out := csv.NewWriter(w)
		if err := out.Write(columns()); err != nil {
			return nil, nil, fmt.Errorf("export: %w", err)
		}
		return rows(func(r Row) error { return out.Write(r.cells()) }), func() error { out.Flush(); return out.Error() }, nil
	case FormatParquet:
		out := parquet.NewGenericWriter[Row](w, parquet.Compression(&parquet.Zstd), parquet.MaxRowsPerRowGroup(rowGroup))
		return rows(func(r Row) error {
			_, err := out.Write([]Row{r})
			return err
		}), out.Close, nil
	default:
		return nil, nil, fmt.Errorf("export: the format %q is none of %v", format, Formats())
	}
}
