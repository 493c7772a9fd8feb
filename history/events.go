package history

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// EventKind is what an Event tells of: a closed set.
type EventKind string

// The kinds of event.
const (
	// KindWindow is a load window, with all that was measured.
	KindWindow EventKind = "window"
	// KindEpisode is a cold start with its warm-up.
	KindEpisode EventKind = "episode"
	// KindAlert is a change of an alert's state.
	KindAlert EventKind = "alert"
	// KindReload is a configuration that was put in place, or refused.
	KindReload EventKind = "reload"
	// KindDrift is a change of what a target answers.
	KindDrift EventKind = "drift"
	// KindAccount is a change of what an account allows.
	KindAccount EventKind = "account"
	// KindClock is a step of the wall clock.
	KindClock EventKind = "clock"
	// KindReport is a report that was made.
	KindReport EventKind = "report"
)

// EventKinds returns the closed set.
func EventKinds() []EventKind {
	return []EventKind{KindWindow, KindEpisode, KindAlert, KindReload, KindDrift, KindAccount, KindClock, KindReport}
}

// MaxEvent is how many bytes an event's Data may have.
const MaxEvent = 1 << 20

// Event is something that happened, beside the results: plain data that may be
// recorded again, since the newest record of an ID replaces the ones before.
type Event struct {
	// ID identifies the event; not empty.
	ID   string    `json:"id"`
	Kind EventKind `json:"kind"`
	// At is when it happened or began.
	At time.Time `json:"at"`
	// Target and Location are of what it concerns; Target is empty where that
	// is no single target.
	Target   string `json:"target,omitempty"`
	Location string `json:"location,omitempty"`
	// Data is one JSON value of at most MaxEvent bytes, in the form that the
	// Kind's owner documents; absent is none. It holds no secrets.
	Data json.RawMessage `json:"data,omitempty"`
}

// check returns why an event cannot be recorded, or nil.
func (e Event) check() error {
	switch {
	case e.ID == "":
		return errors.New("it has no id")
	case !slices.Contains(EventKinds(), e.Kind):
		return fmt.Errorf("its kind %q is none of the closed set", e.Kind)
	case e.At.IsZero():
		return errors.New("it has no time")
	case len(e.Data) > MaxEvent:
		return fmt.Errorf("its data has %d bytes and %d are allowed", len(e.Data), MaxEvent)
	case len(e.Data) > 0 && !json.Valid(e.Data):
		return errors.New("its data is not JSON")
	}
	return nil
}

// RecordEvent hands an event to the writer, through the queue of Record: it
// never waits, and the same becomes of it where the queue is full. The Data
// must not be changed afterwards.
func (r *Records) RecordEvent(e Event) {
	if err := e.check(); err != nil {
		r.opts.Observer.RecordsDropped(1, DropInvalid)
		r.opts.Logger.Error("event cannot be recorded", "id", e.ID, "kind", string(e.Kind), "err", err)
		return
	}
	r.enqueue(entry{event: &e, text: e.Data})
}

// putEvent writes one event; the newest of an ID is kept.
func putEvent(ctx context.Context, tx *sql.Tx, e Event) error {
	_, err := tx.ExecContext(ctx, `
INSERT INTO events VALUES (?1, ?2, ?3, ?4, ?5, ?6)
ON CONFLICT (id) DO UPDATE SET
	kind = excluded.kind, at = excluded.at, target = excluded.target, location = excluded.location, data = excluded.data`,
		e.ID, string(e.Kind), e.At.UnixNano(), e.Target, e.Location, string(e.Data))
	return err
}

// EventQuery says which events are asked for. What is zero does not restrict.
type EventQuery struct {
	Kinds            []EventKind
	Target, Location string
	// From and To bound At: From is in, To is not.
	From, To time.Time
	// Limit is how many are returned at most; 0 is DefaultEvents.
	Limit int
}

// DefaultEvents is how many events a query returns that sets no Limit.
const DefaultEvents = 100

// where returns the condition and its arguments.
func (q EventQuery) where() (string, []any) {
	conditions, args := []string{"TRUE"}, []any{}
	add := func(condition string, values ...any) {
		conditions, args = append(conditions, condition), append(args, values...)
	}
	if len(q.Kinds) > 0 {
		kinds := make([]any, 0, len(q.Kinds))
		for _, k := range q.Kinds {
			kinds = append(kinds, string(k))
		}
		add("kind IN (?"+strings.Repeat(",?", len(kinds)-1)+")", kinds...)
	}
	if q.Target != "" {
		add("target = ?", q.Target)
	}
	if q.Location != "" {
		add("location = ?", q.Location)
	}
	if !q.From.IsZero() {
		add("at >= ?", q.From.UnixNano())
	}
	if !q.To.IsZero() {
		add("at < ?", q.To.UnixNano())
	}
	return strings.Join(conditions, " AND "), args
}

// Events returns the events that the query asks for, newest first. What waits
// to be written is not among them yet. The error is ErrUnavailable while the
// file is not open, and ErrClosed after Close.
func (r *Records) Events(ctx context.Context, q EventQuery) ([]Event, error) {
	db, err := r.handle()
	if err != nil {
		return nil, fmt.Errorf("events: %w", err)
	}
	if q.Limit <= 0 {
		q.Limit = DefaultEvents
	}
	where, args := q.where()
	// #nosec G202 -- the condition is made of literals; values are arguments.
	rows, err := db.QueryContext(ctx,
		`SELECT id, kind, at, target, location, data FROM events WHERE `+where+` ORDER BY at DESC, id LIMIT ?`,
		append(args, q.Limit)...)
	if err != nil {
		return nil, fmt.Errorf("events: %w", err)
	}
	defer func() { _ = rows.Close() }()
	var out []Event
	for rows.Next() {
		e, err := scanEvent(rows)
		if err != nil {
			return nil, fmt.Errorf("events: %w", err)
		}
		out = append(out, e)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("events: %w", err)
	}
	return out, nil
}

// scanEvent reads one row of events.
func scanEvent(rows *sql.Rows) (Event, error) {
	var e Event
	var kind, data string
	var ns sql.NullInt64
	if err := rows.Scan(&e.ID, &kind, &ns, &e.Target, &e.Location, &data); err != nil {
		return Event{}, err
	}
	e.Kind, e.At = EventKind(kind), at(ns)
	if data != "" {
		e.Data = json.RawMessage(data)
	}
	return e, nil
}
