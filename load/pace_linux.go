package load

import (
	"errors"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// filePacer waits for a timerfd through the runtime's network poller, with the
// read's deadline as a second clock. An idle process sleeps in epoll_wait, whose
// own timeout counts in milliseconds but which the timerfd ends to some ten
// microseconds; a busy one looks at its timers, and so at the deadline, between
// any two goroutines. Neither holds a thread, as a nanosleep would, which on a
// single processor keeps it from the goroutines that have work to do until the
// runtime's monitor takes it away.
type filePacer struct {
	quit <-chan struct{}
	fd   int
	file *os.File
	buf  [8]byte
}

// newPrecisePacer returns a file pacer, or a timer where there is no timerfd.
func newPrecisePacer(quit <-chan struct{}) pacer {
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		return newTimerPacer(quit)
	}
	file := os.NewFile(uintptr(fd), "timerfd")
	if err := file.SetReadDeadline(time.Time{}); err != nil {
		// The poller does not take it.
		_ = file.Close()
		return newTimerPacer(quit)
	}
	return &filePacer{quit: quit, fd: fd, file: file}
}

func (p *filePacer) wait(t time.Time) bool {
	for {
		select {
		case <-p.quit:
			return false
		default:
		}
		d := time.Until(t)
		if d <= 0 {
			return true
		}
		spec := unix.ItimerSpec{Value: unix.NsecToTimespec(int64(d))}
		if err := unix.TimerfdSettime(p.fd, 0, &spec, nil); err != nil {
			return true
		}
		// The deadline is looked at only where the processor is busy: a little later,
		// so that on an idle one the file alone wakes us.
		if err := p.file.SetReadDeadline(t.Add(20 * time.Microsecond)); err != nil {
			return true
		}
		if _, err := p.file.Read(p.buf[:]); err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			return true
		}
	}
}

func (p *filePacer) wake() { _ = p.file.SetReadDeadline(time.Unix(1, 0)) }

func (p *filePacer) close() { _ = p.file.Close() }
