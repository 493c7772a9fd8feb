package history

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/hfwatch/hfwatch/probe"
)

// hourKey is what the results of one Hour share.
type hourKey struct {
	target, location string
	kind             probe.Kind
	start            int64 // nanoseconds since the epoch
	params           string
}

// keyOf returns the key of a result's hour.
func keyOf(r probe.Result) hourKey {
	return hourKey{r.Target, r.Location, r.Kind, r.Due.UTC().Truncate(time.Hour).UnixNano(), r.ParamsHash}
}

const (
	// rollEvery is how often results are added to their hours. Packing an hour's
	// histograms takes a millisecond, which is much for every result of a second
	// and little for those of a minute.
	rollEvery = time.Minute
	// rollChunk is how many results one transaction adds at most.
	rollChunk = 20_000
)

// await notes results as not yet in their hours, in the transaction that
// writes them: after a crash they are there to be added, and none is twice.
func await(ctx context.Context, tx *sql.Tx, fresh []entry) error {
	if len(fresh) == 0 {
		return nil
	}
	insert, err := tx.PrepareContext(ctx, `INSERT OR IGNORE INTO unrolled VALUES (?, ?)`)
	if err != nil {
		return err
	}
	defer func() { _ = insert.Close() }()
	for _, e := range fresh {
		text := ""
		if e.sampled {
			text = string(e.text)
		}
		if _, err := insert.ExecContext(ctx, e.result.ID, text); err != nil {
			return err
		}
	}
	return nil
}

// rollUp adds what awaits it to its hours, a chunk in a transaction of its own.
func (r *Records) rollUp(ctx context.Context, db *sql.DB) error {
	for {
		n, err := r.rollSome(ctx, db)
		if err != nil {
			return fmt.Errorf("roll-up: %w", err)
		}
		if n < rollChunk {
			return nil
		}
	}
}

// rollSome adds one chunk and returns how many results it had.
func (r *Records) rollSome(ctx context.Context, db *sql.DB) (n int, err error) {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return 0, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, tx.Rollback())
		}
	}()
	waiting, ids, err := awaiting(ctx, tx)
	if err != nil {
		return 0, err
	}
	if len(ids) == 0 {
		return 0, tx.Rollback()
	}
	if err := r.addTo(ctx, tx, waiting); err != nil {
		return 0, err
	}
	done, err := tx.PrepareContext(ctx, `DELETE FROM unrolled WHERE id = ?`)
	if err != nil {
		return 0, err
	}
	defer func() { _ = done.Close() }()
	for _, id := range ids {
		if _, err := done.ExecContext(ctx, id); err != nil {
			return 0, err
		}
	}
	return len(ids), tx.Commit()
}

// waitingResult is a result that is not in its hour yet.
type waitingResult struct {
	result  probe.Result
	sampled bool
}

// awaiting returns a chunk of the results that await their hours, and the ids
// of all that were looked at: retention may have taken a result before.
func awaiting(ctx context.Context, tx *sql.Tx) (out []waitingResult, ids []string, err error) {
	rows, err := tx.QueryContext(ctx, `
SELECT u.id, u.sampled, r.result FROM unrolled u LEFT JOIN results r ON r.id = u.id LIMIT ?`, rollChunk)
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var id, sampled string
		var kept sql.NullString
		if err := rows.Scan(&id, &sampled, &kept); err != nil {
			return nil, nil, err
		}
		ids = append(ids, id)
		text := kept.String
		if sampled != "" {
			text = sampled
		}
		var res probe.Result
		if text != "" && json.Unmarshal([]byte(text), &res) == nil {
			out = append(out, waitingResult{res, sampled != ""})
		}
	}
	return out, ids, rows.Err()
}

// addTo adds results to their hours.
func (r *Records) addTo(ctx context.Context, tx *sql.Tx, results []waitingResult) error {
	hours := map[hourKey]*Hour{}
	for _, one := range results {
		key := keyOf(one.result)
		h := hours[key]
		if h == nil {
			var err error
			if h, err = r.hour(ctx, tx, key); err != nil {
				return fmt.Errorf("hour of %s: %w", key.target, err)
			}
			hours[key] = h
		}
		h.add(one.result, one.sampled)
	}
	for key, h := range hours {
		text, err := h.encode()
		if err != nil {
			return fmt.Errorf("hour of %s: %w", key.target, err)
		}
		if _, err := tx.ExecContext(ctx, `INSERT OR REPLACE INTO hours VALUES (?, ?, ?, ?, ?, ?)`,
			key.target, key.location, string(key.kind), key.start, key.params, string(text)); err != nil {
			return err
		}
	}
	return nil
}

// hour returns the hour of a key as the file has it, or an empty one. One that
// cannot be read is begun anew, so that the results after it are counted.
func (r *Records) hour(ctx context.Context, tx *sql.Tx, key hourKey) (*Hour, error) {
	h := &Hour{}
	var text []byte
	err := tx.QueryRowContext(ctx,
		`SELECT data FROM hours WHERE target = ? AND location = ? AND kind = ? AND start = ? AND params = ?`,
		key.target, key.location, string(key.kind), key.start, key.params).Scan(&text)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return h, nil
	case err != nil:
		return nil, err
	}
	if err := h.decode(text, nil); err != nil {
		r.opts.Logger.Error("an hour cannot be read and is begun anew", "target", key.target, "err", err)
		return &Hour{}, nil
	}
	return h, nil
}

// roll adds what awaits it to its hours and says what went wrong; it is tried
// again. Where nothing was written since the last time there is nothing to ask for.
func (r *Records) roll(ctx context.Context) {
	if !r.unrolled {
		return
	}
	db, err := r.handle()
	if err != nil {
		return // Which is logged and counted where it is tried to write.
	}
	if err := r.rollUp(ctx, db); err != nil {
		r.opts.Observer.RecordsFailed()
		r.opts.Logger.Error("results are not in their hours yet", "path", r.opts.Path, "err", err)
		return
	}
	r.unrolled = false
}
