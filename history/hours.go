package history

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"

	"github.com/hfwatch/hfwatch/probe"
)

// HourQuery says which hours are asked for. What is zero does not restrict.
type HourQuery struct {
	Target, Location string
	Kinds            []probe.Kind
	// From and To bound Start: From is in, To is not.
	From, To time.Time
	// Signals are whose distributions are wanted; none is all of them.
	Signals []Signal
}

// Hours returns the hours that the query asks for, in order of target,
// location, kind, start and parameters. A day of one target takes some 50 kB;
// EachHour is for more than fits into memory. The error is ErrUnavailable while
// the file is not open, and ErrClosed after Close.
func (r *Records) Hours(ctx context.Context, q HourQuery) ([]Hour, error) {
	var out []Hour
	err := r.EachHour(ctx, q, func(h Hour) error {
		out = append(out, h)
		return nil
	})
	return out, err
}

// hoursChunk is how many hours one query reads, so that the writer waits for
// milliseconds at most.
const hoursChunk = 200

// EachHour calls f with each hour that Hours would return, and ends with its
// first error.
func (r *Records) EachHour(ctx context.Context, q HourQuery, f func(Hour) error) error {
	db, err := r.handle()
	if err == nil {
		// So that what is committed is told.
		err = r.rollUp(ctx, db)
	}
	if err != nil {
		return fmt.Errorf("hours: %w", err)
	}
	var after *Hour
	for {
		chunk, err := r.hours(ctx, q, after)
		if err != nil {
			return fmt.Errorf("hours: %w", err)
		}
		for _, h := range chunk {
			if err := f(h); err != nil {
				return err
			}
		}
		if len(chunk) < hoursChunk {
			return nil
		}
		after = &chunk[len(chunk)-1]
	}
}

// hours reads the next chunk after an hour.
func (r *Records) hours(ctx context.Context, q HourQuery, after *Hour) ([]Hour, error) {
	db, err := r.handle()
	if err != nil {
		return nil, err
	}
	where, args := q.where(after)
	//nolint:gosec // The conditions are constants; every value is an argument.
	text := `SELECT target, location, kind, start, params, data FROM hours WHERE ` + where +
		` ORDER BY target, location, kind, start, params LIMIT ?`
	rows, err := db.QueryContext(ctx, text, append(args, hoursChunk)...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var out []Hour
	for rows.Next() {
		var h Hour
		var kind string
		var start sql.NullInt64
		var data []byte
		if err := rows.Scan(&h.Target, &h.Location, &kind, &start, &h.Params, &data); err != nil {
			return nil, err
		}
		h.Kind, h.Start = probe.Kind(kind), at(start)
		if err := h.decode(data, q.Signals); err != nil {
			return nil, fmt.Errorf("%s at %s: %w", h.Target, h.Start.Format(time.RFC3339), err)
		}
		out = append(out, h)
	}
	return out, rows.Err()
}

// where returns the condition and its arguments.
func (q HourQuery) where(after *Hour) (string, []any) {
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
		add("start >= ?", q.From.UnixNano())
	}
	if !q.To.IsZero() {
		add("start < ?", q.To.UnixNano())
	}
	if after != nil {
		add("(target, location, kind, start, params) > (?, ?, ?, ?, ?)",
			after.Target, after.Location, string(after.Kind), after.Start.UnixNano(), after.Params)
	}
	return strings.Join(conditions, " AND "), args
}
