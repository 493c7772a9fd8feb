package hf

import (
	"context"
	"sync"
	"time"
)

// stallWatch ends an exchange whose stream has begun and then makes no
// progress. Its timer is not set anew at each token: when it fires it looks
// when the last one was, and waits for the rest.
type stallWatch struct {
	limit  time.Duration
	s      *stream
	cancel context.CancelCauseFunc

	mu      sync.Mutex
	timer   *time.Timer
	stopped bool
}

// start begins to watch.
func (w *stallWatch) start() {
	if w.limit <= 0 {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.timer = time.AfterFunc(w.limit, w.look)
}

// look ends the exchange or waits on.
func (w *stallWatch) look() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.stopped {
		return
	}
	moved := w.s.sent.Add(time.Duration(w.s.moved.Load()))
	if rest := w.limit - time.Since(moved); rest > 0 {
		w.timer.Reset(rest)
		return
	}
	w.cancel(errStalled)
}

// stop ends the watch.
func (w *stallWatch) stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stopped = true
	if w.timer != nil {
		w.timer.Stop()
	}
}
