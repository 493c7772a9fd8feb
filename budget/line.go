package budget

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"strconv"
)

const (
	// journalSchema is the form of the journal that this code writes.
	journalSchema = 1
	// maxLine bounds a line of the journal, newline included.
	maxLine = 64 << 10
)

// The kinds of line. Each says a whole state and none a difference, so that a
// line that is lost cannot turn another into too little.
const (
	// opJournal begins the file and names its form.
	opJournal = "journal"
	// opSpent is what a target spent on a day, in a compacted journal.
	opSpent = "spent"
	// opReserve is a lease, which counts at its ceiling from here on.
	opReserve = "reserve"
	// opSettle is what a lease counts as from here on.
	opSettle = "settle"
)

// record is one line of the journal.
type record struct {
	Op     string `json:"op"`
	Schema int    `json:"schema,omitzero"`
	Lease  *Lease `json:"lease,omitzero"`
	ID     string `json:"id,omitzero"`
	Target string `json:"target,omitzero"`
	Day    day    `json:"day,omitzero"`
	Spent  Amount `json:"spent,omitzero"`
	Left   Amount `json:"left,omitzero"`
}

// appendLine appends a record as one line: the checksum (CRC-32 of IEEE 802.3)
// of the JSON in eight hexadecimal digits, a space, the JSON, a newline.
func appendLine(buf []byte, r record) ([]byte, error) {
	text, err := json.Marshal(r)
	if err != nil {
		return buf, err
	}
	if len(text)+10 > maxLine {
		return buf, fmt.Errorf("a line of %d bytes is too long for the journal", len(text))
	}
	buf = fmt.Appendf(buf, "%08x ", crc32.ChecksumIEEE(text))
	return append(append(buf, text...), '\n'), nil
}

// parseLine reads a line without its newline. It returns false if the line is
// not what appendLine wrote.
func parseLine(line []byte) (record, bool) {
	if len(line) < 10 || line[8] != ' ' {
		return record{}, false
	}
	sum, err := strconv.ParseUint(string(line[:8]), 16, 32)
	if err != nil || uint32(sum) != crc32.ChecksumIEEE(line[9:]) {
		return record{}, false
	}
	var r record
	if json.Unmarshal(line[9:], &r) != nil {
		return record{}, false
	}
	return r, r.valid()
}

// valid reports whether the record can be booked.
func (r record) valid() bool {
	inRange := func(a Amount, bound int64) bool { return a == a.clamped(bound) }
	switch r.Op {
	case opJournal:
		return r.Schema >= 1
	case opSpent:
		return r.Target != "" && r.Day.valid() && inRange(r.Spent, maxSum)
	case opReserve:
		l := r.Lease
		return l != nil && l.ID != "" && l.Target != "" && l.N >= 1 && l.N <= maxBlock && inRange(l.Ceiling, maxAmount)
	case opSettle:
		return r.ID != "" && r.Target != "" && r.Day.valid() && inRange(r.Spent, maxSum) && inRange(r.Left, maxSum)
	}
	return false
}

// replay is what a journal said.
type replay struct {
	books *books
	// lines are the valid ones, corrupt those that are not; firstCorrupt is the
	// number of the first of these. torn is whether the last line was cut off.
	lines, corrupt, firstCorrupt int
	torn                         bool
}

// leased is a lease during a replay.
type leased struct {
	target string
	day    day
	value  Amount
}

// errNewer is a journal that a later hfwatch wrote.
var errNewer = errors.New("it was written by a newer hfwatch")

// readJournal books every valid line of a journal. Leases that were not
// settled count at their ceilings: their process is gone.
func readJournal(ctx context.Context, in io.Reader) (replay, error) {
	out := replay{books: newBooks()}
	open := map[string]leased{}
	lines := bufio.NewReaderSize(in, maxLine)
	for n := 1; ; n++ {
		line, whole, err := nextLine(lines)
		if err != nil && !errors.Is(err, io.EOF) {
			return out, err
		}
		end := err != nil
		if end && len(line) == 0 && whole {
			break
		}
		r, ok := parseLine(line)
		switch {
		case ok && whole:
			out.lines++
			if err := out.take(r, open); err != nil {
				return out, err
			}
		case end:
			out.torn = true
		default:
			out.corrupt++
			if out.firstCorrupt == 0 {
				out.firstCorrupt = n
			}
		}
		if end {
			break
		}
		if n%1024 == 0 && ctx.Err() != nil {
			return out, context.Cause(ctx)
		}
	}
	for _, l := range open {
		out.books.book(l.target, l.day, l.value)
	}
	return out, nil
}

// take books one line.
func (out *replay) take(r record, open map[string]leased) error {
	switch r.Op {
	case opJournal:
		if r.Schema > journalSchema {
			return fmt.Errorf("%w (form %d, this one knows %d)", errNewer, r.Schema, journalSchema)
		}
	case opSpent:
		out.books.book(r.Target, r.Day, r.Spent)
	case opReserve:
		open[r.Lease.ID] = leased{r.Lease.Target, dayOf(r.Lease.At), r.Lease.Ceiling.times(r.Lease.N)}
	case opSettle:
		if r.Left.IsZero() {
			// Nothing follows for this lease; keeping it would let the map grow
			// with the journal.
			delete(open, r.ID)
			out.books.book(r.Target, r.Day, r.Spent)
			return nil
		}
		open[r.ID] = leased{r.Target, r.Day, r.Spent.plus(r.Left)}
	}
	return nil
}

// nextLine returns the next line without its newline, and false if it was too
// long, in which case all of it is skipped. At the end of the file the error
// is io.EOF and the line is what stood after the last newline.
func nextLine(in *bufio.Reader) ([]byte, bool, error) {
	line, err := in.ReadSlice('\n')
	whole := true
	for errors.Is(err, bufio.ErrBufferFull) {
		whole = false
		line, err = in.ReadSlice('\n')
	}
	return bytes.TrimSuffix(line, []byte("\n")), whole, err
}

// snapshot returns a journal that says what the books hold. Leases stand in it
// as open ones, so that what settles them later finds them.
func (b *books) snapshot() ([]byte, error) {
	buf, err := appendLine(nil, record{Op: opJournal, Schema: journalSchema})
	if err != nil {
		return nil, err
	}
	leases := map[string]account{}
	for _, h := range b.open {
		a := leases[h.lease.Target]
		a.add(h.day, h.value())
		leases[h.lease.Target] = a
	}
	for target, a := range b.accounts {
		if target == "" {
			continue
		}
		for _, d := range *a {
			inLeases := leases[target].on(d.day)
			rest := d.amount.minus(inLeases)
			if rest.IsZero() {
				continue
			}
			if buf, err = appendLine(buf, record{Op: opSpent, Target: target, Day: d.day, Spent: rest}); err != nil {
				return nil, err
			}
		}
	}
	for _, h := range b.open {
		if buf, err = appendLine(buf, record{Op: opReserve, Lease: &h.lease}); err != nil {
			return nil, err
		}
		if buf, err = appendLine(buf, h.record()); err != nil {
			return nil, err
		}
	}
	return buf, nil
}

// record says what the lease counts as.
func (h *held) record() record {
	return record{
		Op: opSettle, ID: h.lease.ID, Target: h.lease.Target, Day: h.day,
		Spent: h.spent, Left: h.lease.Ceiling.times(h.left),
	}
}
