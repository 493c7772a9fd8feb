package history

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
)

// eventsChunk is how many events one query reads. A window with its histograms
// can have a mebibyte.
const eventsChunk = 20

// EachEvent calls f with each event that is kept and that the query asks for, in
// order of time, and ends with its first error. Limit is not heeded. It holds a
// chunk in memory.
func (r *Records) EachEvent(ctx context.Context, q EventQuery, f func(Event) error) error {
	var last Event
	for {
		all, err := r.eventsAfter(ctx, q, last)
		if err != nil {
			return fmt.Errorf("events: %w", err)
		}
		for _, e := range all {
			if err := f(e); err != nil {
				return err
			}
		}
		if len(all) < eventsChunk {
			return nil
		}
		last = all[len(all)-1]
	}
}

// eventsAfter reads the chunk that follows an event; the zero Event is before
// all.
func (r *Records) eventsAfter(ctx context.Context, q EventQuery, last Event) ([]Event, error) {
	db, err := r.handle()
	if err != nil {
		return nil, err
	}
	where, args := q.where()
	if last.ID != "" {
		where += " AND (at, id) > (?, ?)"
		args = append(args, last.At.UnixNano(), last.ID)
	}
	// #nosec G202 -- the condition is made of literals; values are arguments.
	rows, err := db.QueryContext(ctx,
		`SELECT id, kind, at, target, location, data FROM events WHERE `+where+` ORDER BY at, id LIMIT ?`, append(args, eventsChunk)...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var out []Event
	for rows.Next() {
		e, err := scanEvent(rows)
		if err != nil {
			return nil, err
		}
		out = append(out, e)
	}
	return out, rows.Err()
}

// ExportEvents writes the events that the query asks for as JSON lines, in order
// of time and streaming. What waits to be written into the records is not among
// them yet.
func (r *Records) ExportEvents(ctx context.Context, w io.Writer, q EventQuery) error {
	out := bufio.NewWriter(w)
	err := r.EachEvent(ctx, q, func(e Event) error {
		text, err := json.Marshal(e)
		if err != nil {
			return err
		}
		_, err = out.Write(append(text, '\n'))
		return err
	})
	if err != nil {
		return fmt.Errorf("export: %w", err)
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("export: %w", err)
	}
	return nil
}
