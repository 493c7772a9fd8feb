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

// schema is the form of the file. The id makes recording twice harmless.
const schema = `
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
PRAGMA user_version = 1;
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
	if version > 1 {
		return nil, errors.Join(fmt.Errorf("%s: %w (form %d, this one knows 1)", path, errNewer, version), db.Close())
	}
	if _, err := db.ExecContext(ctx, schema); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", path, err), db.Close())
	}
	return db, nil
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

// entry is a result as it waits to be written.
type entry struct {
	result probe.Result
	text   []byte
}

// encode returns the entry of a result.
func encode(r probe.Result) (entry, error) {
	text, err := json.Marshal(r)
	if err != nil {
		return entry{}, fmt.Errorf("result %s of %s: %w", r.ID, r.Target, err)
	}
	return entry{r, text}, nil
}

// write commits the entries in one transaction.
func write(ctx context.Context, db *sql.DB, entries []entry) (err error) {
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
	for _, e := range entries {
		r := e.result
		if _, err := insert.ExecContext(ctx, r.ID, r.Due.UnixNano(), r.Target, r.Location, string(r.Kind),
			string(r.Outcome), string(r.Counts), string(e.text)); err != nil {
			return err
		}
		if err := touch(ctx, tx, r); err != nil {
			return err
		}
	}
	return tx.Commit()
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

// retain deletes one chunk of what is too old, or of the oldest where the file
// is too large, and reports whether there may be more.
func retain(ctx context.Context, db *sql.DB, before time.Time, maxBytes int64) (more bool, err error) {
	query, args := `DELETE FROM results WHERE id IN (SELECT id FROM results WHERE due < ? ORDER BY due LIMIT ?)`,
		[]any{before.UnixNano(), retainChunk}
	if maxBytes > 0 {
		var used int64
		err := db.QueryRowContext(ctx,
			`SELECT (page_count - freelist_count) * page_size FROM pragma_page_count, pragma_freelist_count, pragma_page_size`).Scan(&used)
		if err != nil {
			return false, err
		}
		if used > maxBytes {
			query = `DELETE FROM results WHERE id IN (SELECT id FROM results ORDER BY due LIMIT ?)`
			args = []any{sizeChunk}
		}
	}
	res, err := db.ExecContext(ctx, query, args...)
	if err != nil {
		return false, err
	}
	n, err := res.RowsAffected()
	if err != nil || n == 0 {
		return false, err
	}
	_, err = db.ExecContext(ctx, `PRAGMA incremental_vacuum`)
	return n >= sizeChunk, err
}
