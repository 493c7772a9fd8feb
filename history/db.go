package history

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/driver"

	"github.com/hfwatch/hfwatch/probe"
)

// forms returns the steps from one form of the file to the next, oldest first;
// the form of a file is the number of steps that made it. The id of a result
// makes recording twice harmless.
func forms() []string { return []string{form1, form2, form3, form4} }

const form1 = `
CREATE TABLE IF NOT EXISTS results (
	id TEXT PRIMARY KEY,
	due INTEGER NOT NULL,
	target TEXT NOT NULL,
	location TEXT NOT NULL,
	kind TEXT NOT NULL,
	outcome TEXT NOT NULL,
	counts TEXT NOT NULL,
	result TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS results_by_target ON results (target, location, kind, due);
CREATE INDEX IF NOT EXISTS results_by_due ON results (due);
CREATE TABLE IF NOT EXISTS targets (
	target TEXT NOT NULL,
	location TEXT NOT NULL,
	first_seen INTEGER NOT NULL,
	last_result INTEGER,
	last_success INTEGER,
	PRIMARY KEY (target, location)
) STRICT, WITHOUT ROWID;
`

const form2 = `
CREATE TABLE events (
	id TEXT PRIMARY KEY,
	kind TEXT NOT NULL,
	at INTEGER NOT NULL,
	target TEXT NOT NULL,
	location TEXT NOT NULL,
	data TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX events_by_kind ON events (kind, at);
CREATE INDEX events_by_target ON events (target, at);
CREATE INDEX events_by_at ON events (at);
`

const form3 = `
CREATE TABLE hours (
	target TEXT NOT NULL,
	location TEXT NOT NULL,
	kind TEXT NOT NULL,
	start INTEGER NOT NULL,
	params TEXT NOT NULL,
	data TEXT NOT NULL,
	PRIMARY KEY (target, location, kind, start, params)
) STRICT, WITHOUT ROWID;
CREATE INDEX hours_by_start ON hours (start);
CREATE INDEX results_by_counts ON results (counts, due);
`

// form4 adds the results that are committed and not yet in their hours. Of those
// that are kept themselves the text is not held twice.
const form4 = `
CREATE TABLE unrolled (
	id TEXT PRIMARY KEY,
	sampled TEXT NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO unrolled SELECT id, '' FROM results WHERE NOT EXISTS (SELECT 1 FROM hours);
`

// openDB opens the file and brings its form up to date.
func openDB(ctx context.Context, path string) (*sql.DB, error) {
	if err := checkHead(path); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	db, err := driver.Open("file:"+(&url.URL{Path: path}).EscapedPath(), prepare)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	// One connection keeps memory small and writes in order; queries wait for
	// a batch at most.
	db.SetMaxOpenConns(1)
	var version int
	if err := db.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", path, err), db.Close())
	}
	if known := len(forms()); version > known {
		return nil, errors.Join(fmt.Errorf("%s: %w (form %d, this one knows %d)", path, errNewer, version, known), db.Close())
	}
	if err := migrate(ctx, db, version); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", path, err), db.Close())
	}
	return db, nil
}

// migrate brings a file from one form to the newest, each step in a
// transaction of its own, so that one that is cut short leaves the form before.
func migrate(ctx context.Context, db *sql.DB, version int) error {
	for i, step := range forms()[version:] {
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, fmt.Sprintf("%sPRAGMA user_version = %d;", step, version+i+1)); err != nil {
			return errors.Join(fmt.Errorf("form %d: %w", version+i+1, err), tx.Rollback())
		}
		if err := tx.Commit(); err != nil {
			return fmt.Errorf("form %d: %w", version+i+1, err)
		}
	}
	return nil
}

// prepare sets up a connection. One that fails leaves the log as it is, where
// SQLite would otherwise move it into a file that may be corrupt.
func prepare(conn *sqlite3.Conn) error {
	if err := keepLog(conn, true); err != nil {
		return err
	}
	if err := conn.Exec(`
PRAGMA busy_timeout = 5000;
PRAGMA auto_vacuum = incremental;
PRAGMA journal_mode = wal;
PRAGMA synchronous = normal;
PRAGMA cache_size = -512;`); err != nil {
		return err
	}
	return keepLog(conn, false)
}

// keepLog sets whether the last connection leaves the log in its file
// (https://sqlite.org/c3ref/c_dbconfig_defensive.html).
func keepLog(conn *sqlite3.Conn, keep bool) error {
	_, err := conn.Config(sqlite3.DBCONFIG_NO_CKPT_ON_CLOSE, keep)
	return err
}

// entry is a result or an event as it waits to be written.
type entry struct {
	seq    uint64 // its number among all that were handed over
	result probe.Result
	event  *Event // set instead of the result
	// sampled is set where the result is counted in its hour alone.
	sampled bool
	text    []byte
}

// encode returns the entry of a result.
func encode(r probe.Result) (entry, error) {
	text, err := json.Marshal(r)
	if err != nil {
		return entry{}, fmt.Errorf("result %s of %s: %w", r.ID, r.Target, err)
	}
	return entry{result: r, text: text}, nil
}

// write commits the entries in one transaction. What skip says of was counted
// before.
func write(ctx context.Context, db *sql.DB, entries []entry, skip func(id string) bool) (err error) {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, tx.Rollback())
		}
	}()
	insert, err := tx.PrepareContext(ctx, `INSERT OR IGNORE INTO results VALUES (?,?,?,?,?,?,?,?)`)
	if err != nil {
		return err
	}
	defer func() { _ = insert.Close() }()
	var fresh []entry
	counted := map[string]bool{}
	for _, e := range entries {
		if e.event != nil {
			if err := putEvent(ctx, tx, *e.event); err != nil {
				return err
			}
			continue
		}
		isNew := !counted[e.result.ID] && !skip(e.result.ID)
		if isNew {
			if isNew, err = put(ctx, tx, insert, e); err != nil {
				return err
			}
		}
		if isNew {
			fresh, counted[e.result.ID] = append(fresh, e), true
		}
		if err := touch(ctx, tx, e.result); err != nil {
			return err
		}
	}
	if err := await(ctx, tx, fresh); err != nil {
		return err
	}
	return tx.Commit()
}

// put writes a result, or nothing where it is sampled, and reports whether it
// was not there before.
func put(ctx context.Context, tx *sql.Tx, insert *sql.Stmt, e entry) (isNew bool, err error) {
	r := e.result
	if e.sampled {
		var n int
		err := tx.QueryRowContext(ctx, `SELECT (SELECT count(*) FROM results WHERE id = ?1) + (SELECT count(*) FROM unrolled WHERE id = ?1)`, r.ID).Scan(&n)
		return n == 0, err
	}
	n, err := affected(insert.ExecContext(ctx, r.ID, r.Due.UnixNano(), r.Target, r.Location, string(r.Kind),
		string(r.Outcome), string(r.Counts), string(e.text)))
	return n > 0, err
}

// touch keeps the times of a target, which outlive its results.
func touch(ctx context.Context, tx *sql.Tx, r probe.Result) error {
	if r.Kind != probe.Baseline {
		return nil
	}
	due := r.Due.UnixNano()
	var good any
	if r.Counts == probe.Good {
		good = due
	}
	_, err := tx.ExecContext(ctx, `
INSERT INTO targets VALUES (?1, ?2, ?3, ?4, ?5)
ON CONFLICT (target, location) DO UPDATE SET
	first_seen = min(first_seen, excluded.first_seen),
	last_result = max(coalesce(last_result, excluded.last_result), coalesce(excluded.last_result, last_result)),
	last_success = max(coalesce(last_success, excluded.last_success), coalesce(excluded.last_success, last_success))`,
		r.Target, r.Location, due, due, good)
	return err
}

// Times are what is known of a target from before; absent where nothing is.
type Times struct {
	FirstSeen   time.Time
	LastResult  time.Time
	LastSuccess time.Time
}

// Times returns the times of a target: its first result, its last one and its
// last good one, as they were due. The error is ErrUnavailable while the file
// is not open, and ErrClosed after Close.
func (r *Records) Times(ctx context.Context, target, location string) (Times, error) {
	db, err := r.handle()
	if err != nil {
		return Times{}, fmt.Errorf("times of %s: %w", target, err)
	}
	var first, result, success sql.NullInt64
	err = db.QueryRowContext(ctx,
		`SELECT first_seen, last_result, last_success FROM targets WHERE target = ? AND location = ?`, target, location).
		Scan(&first, &result, &success)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return Times{}, fmt.Errorf("times of %s: %w", target, err)
	}
	return Times{at(first), at(result), at(success)}, nil
}

// at returns the time of nanoseconds since the epoch, or the zero time.
func at(ns sql.NullInt64) time.Time {
	if !ns.Valid {
		return time.Time{}
	}
	return time.Unix(0, ns.Int64).UTC()
}

// Last returns the last n results of one kind of a target, oldest first. The error
// is ErrUnavailable while the file is not open, and ErrClosed after Close.
func (r *Records) Last(ctx context.Context, target, location string, kind probe.Kind, n int) ([]probe.Result, error) {
	db, err := r.handle()
	if err != nil {
		return nil, fmt.Errorf("last results of %s: %w", target, err)
	}
	rows, err := db.QueryContext(ctx, `
SELECT result FROM (
	SELECT due, result FROM results WHERE target = ? AND location = ? AND kind = ? ORDER BY due DESC LIMIT ?
) ORDER BY due`, target, location, string(kind), n)
	if err != nil {
		return nil, fmt.Errorf("last results of %s: %w", target, err)
	}
	defer func() { _ = rows.Close() }()
	var out []probe.Result
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			return nil, fmt.Errorf("last results of %s: %w", target, err)
		}
		var res probe.Result
		if err := json.Unmarshal([]byte(text), &res); err != nil {
			return nil, fmt.Errorf("last results of %s: %w", target, err)
		}
		out = append(out, res)
	}
	return out, rows.Err()
}
