package media

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
)

// ogg walks the pages, each with its checksum, to the one that says that it is
// the last. The rate is that of Opus, Vorbis, FLAC or Speex.
func (i *Info) ogg(data []byte) error {
	var rate, skip, end uint64
	first, last := true, false
	for at := 0; at < len(data); {
		page := data[at:]
		if len(page) < 27 || !bytes.HasPrefix(page, []byte("OggS")) {
			return cut(data, "a page")
		}
		segments := int(page[26])
		if len(page) < 27+segments {
			return cut(data, "a page")
		}
		length := 27 + segments
		for _, n := range page[27 : 27+segments] {
			length += int(n)
		}
		if length > len(page) {
			return cut(data, "a page")
		}
		if oggSum(page[:length]) != binary.LittleEndian.Uint32(page[22:]) {
			return fmt.Errorf("the page at byte %d has a wrong checksum", at)
		}
		if first {
			if rate, skip = oggRate(page[27+segments : length]); rate == 0 {
				return errors.New("holds neither Opus nor Vorbis, FLAC or Speex")
			}
			first = false
		}
		if position := binary.LittleEndian.Uint64(page[6:]); position != 1<<64-1 {
			end = max(end, position)
		}
		last = page[5]&4 != 0
		at += length
	}
	if !last {
		return fmt.Errorf("%w: its last page does not say that it is the last", ErrCut)
	}
	return i.lasts(end-min(end, skip), rate)
}

// oggRate returns the rate in which a stream's positions count, and how many
// samples at its beginning are not played.
func oggRate(head []byte) (rate, skip uint64) {
	switch {
	case bytes.HasPrefix(head, []byte("OpusHead")) && len(head) >= 12:
		return 48000, uint64(binary.LittleEndian.Uint16(head[10:]))
	case bytes.HasPrefix(head, []byte("\x01vorbis")) && len(head) >= 16:
		return uint64(binary.LittleEndian.Uint32(head[12:])), 0
	case bytes.HasPrefix(head, []byte("\x7fFLAC")) && len(head) >= 13+4+18:
		return binary.BigEndian.Uint64(head[13+4+10:]) >> 44, 0
	case bytes.HasPrefix(head, []byte("Speex   ")) && len(head) >= 40:
		return uint64(binary.LittleEndian.Uint32(head[36:])), 0
	}
	return 0, 0
}

// oggSum is the checksum of a page with its own field as zeros: CRC-32 with the
// polynomial 0x04c11db7, not reflected.
func oggSum(page []byte) (sum uint32) {
	table := oggTable()
	for at, b := range page {
		if at >= 22 && at < 26 {
			b = 0
		}
		sum = sum<<8 ^ table[byte(sum>>24)^b]
	}
	return sum
}

// oggTable returns the table of the checksum.
func oggTable() (table [256]uint32) {
	for i := range table {
		sum := uint32(i) << 24
		for range 8 {
			if sum&0x80000000 != 0 {
				sum = sum<<1 ^ 0x04c11db7
			} else {
				sum <<= 1
			}
		}
		table[i] = sum //nolint:gosec // The index runs over the table itself.
	}
	return table
}
