package history

import (
	"context"
	"errors"
	"fmt"
)

// errClosed is that the records were closed before something was written.
var errClosed = errors.New("records: closed")

// Flush returns once everything that was recorded before it is committed, where
// no kill -9 can lose it, or given up, or why it is not. While the disk fails it
// does not wait for the next attempt.
func (r *Records) Flush(ctx context.Context) error {
	r.mu.Lock()
	until := r.seq
	r.mu.Unlock()
	for {
		r.mu.Lock()
		waits := len(r.queue) > 0 && r.queue[0].seq <= until
		turned, failed, closed := r.turned, r.failed, r.closed
		r.mu.Unlock()
		switch {
		case !waits:
			return nil
		case failed != nil:
			return failed
		case closed:
			return errClosed
		}
		select {
		case r.hurry <- struct{}{}:
		default:
		}
		select {
		case <-turned:
		case <-ctx.Done():
			return fmt.Errorf("records: %w", context.Cause(ctx))
		}
	}
}

// turn ends one of the writer's rounds.
func (r *Records) turn(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failed = err
	close(r.turned)
	r.turned = make(chan struct{})
}
