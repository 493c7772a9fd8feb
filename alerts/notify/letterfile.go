package notify

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/hfwatch/hfwatch/probe"
)

const (
	// letterFileBytes is the size at which the file becomes the older one, of
	// which there is one.
	letterFileBytes = 4 << 20
	// letterQueue bounds the letters that wait for the disk.
	letterQueue = 1024
	// lettersKnown bounds the letters that are remembered, so that what is dropped
	// at each evaluation is written once.
	lettersKnown = 4096
	// secretsMost bounds the secrets that are looked for; those of receivers that
	// were taken out stay among them.
	secretsMost = 4096
)

// LetterFileOptions say where a LetterFile is.
type LetterFileOptions struct {
	// Path is the file's; its folder must be there. The older one has ".1" behind
	// its name.
	Path string
	// Logger takes a line when writing begins to fail and when it works again;
	// nil is silence.
	Logger *slog.Logger
	// Written and Lost are told how many letters were written, and how many were
	// not since there was no room or the disk failed; nil is nobody.
	Written, Lost func(n int)
	// MaxBytes is the size of one file, 4 MiB by default.
	MaxBytes int64
}

// LetterFile is the file of dead letters: one JSON object a line, readable by
// its owner alone. Its own goroutine writes it, so that a disk that hangs delays
// nobody. It may be used from several goroutines.
type LetterFile struct {
	opts  LetterFileOptions
	queue chan Letter
	stop  chan struct{}
	done  chan struct{}

	mu      sync.Mutex
	secrets []string
	hide    *strings.Replacer

	// What follows is the writer's.
	file    *os.File
	size    int64
	known   map[string]struct{}
	failing bool
}

// OpenLetterFile returns a running LetterFile, to be ended by Close. Nothing is
// opened before the first letter.
func OpenLetterFile(o LetterFileOptions) *LetterFile {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	for _, f := range []*func(int){&o.Written, &o.Lost} {
		if *f == nil {
			*f = func(int) {}
		}
	}
	if o.MaxBytes <= 0 {
		o.MaxBytes = letterFileBytes
	}
	f := &LetterFile{
		opts: o, queue: make(chan Letter, letterQueue), stop: make(chan struct{}), done: make(chan struct{}),
		hide: strings.NewReplacer(), known: map[string]struct{}{},
	}
	go f.run()
	return f
}

// Put queues letters. Those for which there is no room are lost, and counted.
func (f *LetterFile) Put(letters []Letter, more int) {
	for _, l := range letters {
		select {
		case f.queue <- l:
		default:
			more++
		}
	}
	if more > 0 {
		f.opts.Lost(more)
	}
}

// Hide adds secrets to those that no letter shows.
func (f *LetterFile) Hide(secrets []probe.Secret) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, s := range secrets {
		if text := s.Reveal(); text != "" && !slices.Contains(f.secrets, text) {
			f.secrets = append(f.secrets, text)
		}
	}
	f.secrets = f.secrets[max(0, len(f.secrets)-secretsMost):]
	// The longest come first: of two that begin alike the first is taken.
	longest := slices.Clone(f.secrets)
	slices.SortFunc(longest, func(a, b string) int { return len(b) - len(a) })
	var pairs []string
	for _, text := range longest {
		pairs = append(pairs, text, probe.Redacted)
	}
	f.hide = strings.NewReplacer(pairs...)
}

// Close writes what is queued and ends the writer. Its error says that ctx ended
// first. Nothing may be put after it began.
func (f *LetterFile) Close(ctx context.Context) error {
	close(f.stop)
	select {
	case <-f.done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("closing %s: %w", f.opts.Path, context.Cause(ctx))
	}
}

// run writes until the end.
func (f *LetterFile) run() {
	defer close(f.done)
	defer f.close()
	for {
		select {
		case l := <-f.queue:
			f.write(l)
		case <-f.stop:
			for {
				select {
				case l := <-f.queue:
					f.write(l)
				default:
					return
				}
			}
		}
	}
}

// write writes one letter, unless the same was written before.
func (f *LetterFile) write(l Letter) {
	key := fmt.Sprintf("%q %s %s %s %d", l.Receiver, l.Reason, l.Alert.Fingerprint, l.Alert.Status, l.Alert.StartsAt.UnixNano())
	if _, known := f.known[key]; known {
		return
	}
	f.mu.Lock()
	hide := f.hide
	f.mu.Unlock()
	text, err := l.line(hide)
	if err == nil {
		err = f.append(text)
	}
	f.say(err)
	if err != nil {
		f.opts.Lost(1)
		return
	}
	if len(f.known) >= lettersKnown {
		clear(f.known)
	}
	f.known[key] = struct{}{}
	f.opts.Written(1)
}

// append writes a line, to a file that has room for it.
func (f *LetterFile) append(text []byte) error {
	if f.file != nil && f.size+int64(len(text)) > f.opts.MaxBytes {
		f.close()
		if err := os.Rename(f.opts.Path, f.opts.Path+".1"); err != nil {
			return err
		}
	}
	if f.file == nil {
		if err := f.open(); err != nil {
			return err
		}
	}
	n, err := f.file.Write(text)
	f.size += int64(n)
	if err == nil {
		err = f.file.Sync()
	}
	if err != nil {
		// A line that is torn must not be the beginning of the next.
		f.close()
	}
	return err
}

// open opens the file for its owner alone, behind what it holds.
func (f *LetterFile) open() error {
	file, err := os.OpenFile(f.opts.Path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	info, err := file.Stat()
	if err == nil {
		// It may have been there with other rights.
		err = file.Chmod(0o600)
	}
	if err != nil {
		return errors.Join(err, file.Close())
	}
	f.file, f.size = file, info.Size()
	last := make([]byte, 1)
	if f.size > 0 {
		if _, err := file.ReadAt(last, f.size-1); err == nil && last[0] != '\n' {
			_, _ = file.WriteString("\n")
			f.size++
		}
	}
	return nil
}

// close closes the file, if it is open.
func (f *LetterFile) close() {
	if f.file != nil {
		_ = f.file.Close()
		f.file = nil
	}
}

// say logs the first failure of a row and its end.
func (f *LetterFile) say(err error) {
	if (err != nil) == f.failing {
		return
	}
	f.failing = err != nil
	if f.failing {
		f.opts.Logger.Error("what receivers were not told cannot be written down", "err", err)
		return
	}
	f.opts.Logger.Info("what receivers were not told is written down again")
}
