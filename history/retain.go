package history

import (
	"context"
	"database/sql"
	"time"
)

// retain deletes what is too old or too much, in small transactions.
func (r *Records) retain(ctx context.Context) {
	if r.opts.Retention == 0 && r.opts.MaxBytes == 0 {
		return
	}
	db, err := r.handle()
	if err != nil {
		return // Which is logged and counted where it is tried to write.
	}
	now := r.opts.Now()
	if now.IsZero() {
		return
	}
	before := time.Unix(0, 0)
	if r.opts.Retention > 0 {
		before = now.Add(-r.opts.Retention)
	}
	for range 1000 {
		more, err := retain(ctx, db, now, before, r.opts.MaxBytes)
		if err != nil {
			r.opts.Logger.Error("old records cannot be deleted", "path", r.opts.Path, "err", err)
			return
		}
		if !more {
			return
		}
	}
}

// retain deletes one chunk of what is too old, or of what the file can do
// without where it is too large, and reports whether there may be more.
func retain(ctx context.Context, db *sql.DB, now, before time.Time, maxBytes int64) (more bool, err error) {
	deleted, full, err := expire(ctx, db, before)
	if err == nil && !full && maxBytes > 0 {
		var n int64
		n, err = shrink(ctx, db, now, maxBytes)
		deleted, full = deleted+n, n >= sizeChunk
	}
	if err != nil || deleted == 0 {
		return false, err
	}
	_, err = db.ExecContext(ctx, `PRAGMA incremental_vacuum`)
	return full, err
}

// expire deletes what is older, a chunk of each table at most, and reports
// whether one was full.
func expire(ctx context.Context, db *sql.DB, before time.Time) (deleted int64, full bool, err error) {
	for _, statement := range []string{
		`DELETE FROM results WHERE id IN (SELECT id FROM results WHERE due < ? ORDER BY due LIMIT ?)`,
		`DELETE FROM events WHERE id IN (SELECT id FROM events WHERE at < ? ORDER BY at LIMIT ?)`,
		`DELETE FROM hours WHERE (target, location, kind, start, params) IN
			(SELECT target, location, kind, start, params FROM hours WHERE start < ? ORDER BY start LIMIT ?)`,
	} {
		n, err := affected(db.ExecContext(ctx, statement, before.UnixNano(), retainChunk))
		if err != nil {
			return deleted, false, err
		}
		deleted, full = deleted+n, full || n >= retainChunk
	}
	return deleted, full, nil
}

// failureAge is how many times as old as a good result a result must be that is
// not good, to go first where the file is too large.
const failureAge = 4

// shrink deletes a small chunk where the file is larger than allowed, beginning
// with what tells least: old good results, old other ones, and once there is no
// result left, the oldest events, and then the oldest hours.
func shrink(ctx context.Context, db *sql.DB, now time.Time, maxBytes int64) (deleted int64, err error) {
	var used int64
	err = db.QueryRowContext(ctx,
		`SELECT (page_count - freelist_count) * page_size FROM pragma_page_count, pragma_freelist_count, pragma_page_size`).Scan(&used)
	if err != nil || used <= maxBytes {
		return 0, err
	}
	var good, other sql.NullInt64
	err = db.QueryRowContext(ctx, `
SELECT (SELECT min(due) FROM results WHERE counts = 'good'),
	(SELECT min(oldest) FROM (SELECT min(due) AS oldest FROM results WHERE counts = 'bad' UNION ALL SELECT min(due) FROM results WHERE counts = 'apart'))`).
		Scan(&good, &other)
	if err != nil {
		return 0, err
	}
	results := `DELETE FROM results WHERE id IN (SELECT id FROM results WHERE counts = 'good' ORDER BY due LIMIT ?)`
	if other.Valid && (!good.Valid || now.Sub(at(other)) > failureAge*now.Sub(at(good))) {
		results = `DELETE FROM results WHERE id IN (SELECT id FROM results WHERE counts <> 'good' ORDER BY due LIMIT ?)`
	}
	for _, statement := range []string{
		results,
		`DELETE FROM events WHERE id IN (SELECT id FROM events ORDER BY at LIMIT ?)`,
		`DELETE FROM hours WHERE (target, location, kind, start, params) IN
			(SELECT target, location, kind, start, params FROM hours ORDER BY start LIMIT ?)`,
	} {
		deleted, err = affected(db.ExecContext(ctx, statement, sizeChunk))
		if err != nil || deleted > 0 {
			return deleted, err
		}
	}
	return 0, nil
}

// affected returns how many rows a statement changed.
func affected(res sql.Result, err error) (int64, error) {
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}
