package hf

import (
	"errors"
	"io"
	"slices"
	"sync/atomic"
	"time"

	"github.com/hfwatch/hfwatch/probe"
)

const (
	// maxKept bounds the data of events that are kept for the task's check.
	maxKept = 256 << 10
	// firstBlock and lastBlock are the sizes from which and to which the blocks
	// grow that hold it. One buffer that grew would be copied several times over,
	// at every read of a long stream's tokens.
	firstBlock = 4 << 10
	lastBlock  = 32 << 10
	// firstGaps is how many gaps between tokens are made room for at first.
	firstGaps = 64
	// maxHead bounds what is kept of the first event, to tell the engine by.
	maxHead = 512
	// drainTime and drainBytes bound how long and how much is still read after
	// a stream's end mark, so that the connection can be used again and the
	// other side sees no client that hangs up.
	drainTime  = 250 * time.Millisecond
	drainBytes = 64 << 10
)

// ending is how a stream came to its end.
type ending int

const (
	// endEOF is the end of the body as its framing has it.
	endEOF ending = iota
	// endMark is the format's own mark.
	endMark
	// endFailed is an event that carries an error.
	endFailed
	// endBroken is anything else; the stream's err says what.
	endBroken
)

// stream reads one event stream. The time of an event is that of the read
// which brought its last byte, taken before anything is decoded.
type stream struct {
	task     probe.Task
	sent     time.Time
	dec      *Decoder
	progress probe.Progress
	maxBytes int64
	limit    int

	bytes                    int64
	first, answer, lastToken time.Duration
	lastByte                 time.Time
	chunks                   int
	gaps                     []time.Duration
	// allGaps hands the gaps on in the result.
	allGaps bool

	// kept are the events' data; they stand in blocks, of which block is the last.
	keep      bool
	kept      [][]byte
	keptBytes int
	block     []byte

	head   []byte
	failed []byte
	end    ending
	err    error
	// moved is when the last progress was, in nanoseconds since sent; the stall
	// timer reads it from another goroutine, once a token has come.
	moved atomic.Int64
	// began is called at the first token.
	began func()
}

// read reads body until the stream ends, however it does.
func (s *stream) read(body io.Reader) {
	for {
		n, err := s.dec.Fill(body)
		now := time.Now()
		if n > 0 {
			s.lastByte = now
			s.bytes += int64(n)
			if s.drainEvents(now.Sub(s.sent)) {
				return
			}
		}
		switch {
		case s.dec.Err() != nil:
			s.broke(s.dec.Err())
			return
		case s.bytes > s.maxBytes:
			s.broke(errTooLarge)
			return
		case errors.Is(err, io.EOF):
			if data, ok := s.dec.Finish(); ok && s.event(data, now.Sub(s.sent)) {
				return
			}
			s.end = endEOF
			return
		case err != nil:
			s.broke(err)
			return
		}
	}
}

// broke ends the stream with an error.
func (s *stream) broke(err error) { s.end, s.err = endBroken, err }

// drainEvents takes the events that are complete and reports that one of them
// ended the stream.
func (s *stream) drainEvents(at time.Duration) bool {
	for {
		data, ok := s.dec.Next()
		if !ok {
			return false
		}
		if s.event(data, at) {
			return true
		}
	}
}

// event takes one event that came at a time and reports that it ended the
// stream.
func (s *stream) event(data []byte, at time.Duration) bool {
	e := s.task.Event(data, s.progress)
	if len(s.dec.given) != 0 && s.dec.Name() == "error" {
		e.Failed = true
	}
	s.progress = s.progress.Add(e)
	if e.Token || e.Answer {
		s.token(e, at)
	}
	if s.head == nil {
		s.head = append([]byte{}, data[:min(len(data), maxHead)]...)
	}
	switch {
	case e.Failed:
		s.failed = append([]byte{}, data[:min(len(data), maxErrorBody)]...)
		s.end = endFailed
		return true
	case e.End:
		s.end = endMark
		s.keepEvent(data)
		return true
	case s.progress.Events >= s.limit:
		s.broke(errTooLarge)
		return true
	}
	s.keepEvent(data)
	return false
}

// token notes the time of a chunk with generated text.
func (s *stream) token(e probe.Event, at time.Duration) {
	if s.chunks == 0 {
		s.first = at
	} else {
		if len(s.gaps) == cap(s.gaps) {
			s.gaps = slices.Grow(s.gaps, max(firstGaps, len(s.gaps)))
		}
		s.gaps = append(s.gaps, at-s.lastToken)
	}
	if e.Answer && s.progress.Answers == 1 {
		s.answer = at
	}
	s.chunks++
	s.lastToken = at
	s.moved.Store(int64(at))
	if s.chunks == 1 && s.began != nil {
		s.began()
	}
}

// keepEvent keeps data for the task's check while there is room.
func (s *stream) keepEvent(data []byte) {
	if !s.keep {
		return
	}
	if s.keptBytes+len(data) > maxKept {
		s.keep = false
		return
	}
	s.keptBytes += len(data)
	if len(data) > cap(s.block)-len(s.block) {
		s.block = make([]byte, 0, max(firstBlock, min(2*cap(s.block), lastBlock), len(data)))
	}
	from := len(s.block)
	s.block = append(s.block, data...)
	s.kept = append(s.kept, s.block[from:len(s.block):len(s.block)])
}

// events returns the events that were kept and whether some were not.
func (s *stream) events() (events [][]byte, cut bool) {
	return s.kept, len(s.kept) < s.progress.Events
}

// times fills in what the stream's chunks say of time and tokens.
func (s *stream) times(res *probe.Result) {
	res.Chunks = probe.Some(s.chunks)
	if s.chunks == 0 {
		return
	}
	res.FirstToken = probe.Measured(s.first)
	if s.progress.Answers > 0 {
		res.FirstAnswer = probe.Measured(s.answer)
	}
	if s.lastToken == s.first {
		// One chunk, or one read that brought them all: no time between them was
		// measured, which is not the same as none.
		return
	}
	slices.Sort(s.gaps)
	middle := len(s.gaps) / 2
	median := s.gaps[middle]
	if len(s.gaps)%2 == 0 {
		median = (s.gaps[middle-1] + s.gaps[middle]) / 2
	}
	res.GapMedian = probe.Measured(median)
	res.GapMax = probe.Measured(s.gaps[len(s.gaps)-1])
	if s.allGaps {
		res.Gaps = s.gaps
	}
}

// perToken returns (last token - first token) / (tokens - 1), absent where
// there were fewer than two tokens or one read brought them all.
func (s *stream) perToken(tokens probe.Opt[int]) probe.Seconds {
	n, known := tokens.Get()
	if !known || n < 2 || s.lastToken == s.first {
		return probe.Seconds{}
	}
	return probe.Measured((s.lastToken - s.first) / time.Duration(n-1))
}
