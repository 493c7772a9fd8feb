package media

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
)

// wav reads the format and the length of the data.
func (i *Info) wav(data []byte) error {
	var perSecond, size uint64
	sound := false
	err := riff(data, func(kind string, body []byte) error {
		switch {
		case kind == "fmt " && len(body) < 16:
			return errors.New("the chunk \"fmt \" is too short")
		case kind == "fmt ":
			perSecond = uint64(binary.LittleEndian.Uint32(body[8:]))
		case kind == "data":
			sound = true
			size += uint64(len(body))
		}
		return nil
	})
	switch {
	case err != nil:
		return err
	case perSecond == 0:
		return errors.New("there is no format that says how many bytes a second has")
	case !sound:
		return errors.New("there is no data chunk: it holds no sound")
	}
	return i.lasts(size, perSecond)
}

// flac reads STREAMINFO, and holds the last frame to it: that its checksum is
// right, and where the number of samples is known, that all of them are there.
func (i *Info) flac(data []byte) error {
	at, last := 4, false
	var rate, total uint64
	for !last {
		if len(data)-at < 4 {
			return cut(data, "a metadata block")
		}
		last = data[at]&0x80 != 0
		kind, length := data[at]&0x7f, int(binary.BigEndian.Uint32(data[at:])&0xffffff)
		if length > len(data)-at-4 {
			return cut(data, "a metadata block")
		}
		body := data[at+4 : at+4+length]
		if kind == 0 && length >= 34 {
			bits := binary.BigEndian.Uint64(body[10:])
			rate, total = bits>>44, bits&0xfffffffff
		}
		at += 4 + length
	}
	if rate == 0 {
		return errors.New("there is no STREAMINFO with a rate")
	}
	frames := bytes.TrimRight(data[at:], "\x00")
	if n := len(frames); n >= 128 && string(frames[n-128:n-125]) == "TAG" {
		frames = frames[:n-128]
	}
	if len(frames) < 8 {
		return cut(data, "the first frame")
	}
	samples, whole := lastFrame(data[at:])
	if !whole && len(frames) < len(data)-at {
		samples, whole = lastFrame(frames)
	}
	switch {
	case !whole && total > 0 && samples < total:
		return fmt.Errorf("%w, after less than %d of %d samples", ErrCut, samples, total)
	case !whole:
		return fmt.Errorf("%w, in its last frame: no checksum is right", ErrCut)
	case samples < total:
		return fmt.Errorf("%w, after %d of %d samples", ErrCut, samples, total)
	}
	return i.lasts(samples, rate)
}

// lastFrame returns the sample that the last frame ends with, and whether that
// frame is whole by its checksum. Where none is, it is the last that begins.
func lastFrame(data []byte) (samples uint64, whole bool) {
	fixed := firstBlockSize(data)
	tries := 0
	for at := len(data) - 8; at >= 0 && tries < 16; at-- {
		if data[at] != 0xff || data[at+1]&0xfe != 0xf8 {
			continue
		}
		end, ok := frameHeader(data[at:], fixed)
		if !ok {
			continue
		}
		tries++
		body := data[at:]
		if crc16(body[:len(body)-2]) == binary.BigEndian.Uint16(body[len(body)-2:]) {
			return end, true
		}
		samples = max(samples, end)
	}
	return samples, false
}

// firstBlockSize returns the samples of the first frame, which all frames of a
// stream of fixed blocks have but the last.
func firstBlockSize(data []byte) uint64 {
	size, _, _, ok := flacHeader(data)
	if !ok {
		return 0
	}
	return size
}

// frameHeader returns the sample behind the frame that data begins with.
func frameHeader(data []byte, fixed uint64) (end uint64, ok bool) {
	size, number, variable, ok := flacHeader(data)
	if !ok {
		return 0, false
	}
	if !variable {
		number *= fixed
	}
	return number + size, true
}

// flacHeader reads a frame's header (RFC 9639, section 9.1): the samples in the
// frame, and its number, or its first sample's where blocks are variable.
func flacHeader(data []byte) (size, number uint64, variable, ok bool) {
	if len(data) < 8 || data[0] != 0xff || data[1]&0xfe != 0xf8 {
		return 0, 0, false, false
	}
	variable = data[1]&1 != 0
	number, n := coded(data[4:])
	if n == 0 {
		return 0, 0, false, false
	}
	size, at := blockSize(data, 4+n)
	switch rate := data[2] & 15; rate {
	case 12:
		at++
	case 13, 14:
		at += 2
	case 15:
		at = len(data)
	}
	if size == 0 || at >= len(data) || crc8(data[:at]) != data[at] {
		return 0, 0, false, false
	}
	return size, number, variable, true
}

// blockSize returns how many samples a frame has, and where its header goes on
// behind them; 0 is no size.
func blockSize(data []byte, at int) (size uint64, next int) {
	code := data[2] >> 4
	switch {
	case code == 0, code == 6 && at >= len(data), code == 7 && at+1 >= len(data):
		return 0, at
	case code == 1:
		return 192, at
	case code <= 5:
		return 576 << (code - 2), at
	case code == 6:
		return uint64(data[at]) + 1, at + 1
	case code == 7:
		return uint64(binary.BigEndian.Uint16(data[at:])) + 1, at + 2
	default:
		return 256 << (code - 8), at
	}
}

// coded reads a number in UTF-8's way, extended to 36 bits; 0 bytes is none.
func coded(data []byte) (v uint64, n int) {
	first := data[0]
	switch {
	case first < 0x80:
		return uint64(first), 1
	case first < 0xc0 || first == 0xff:
		return 0, 0
	}
	n = 1
	for mask := byte(0x40); first&mask != 0; mask >>= 1 {
		n++
	}
	if n > len(data) {
		return 0, 0
	}
	v = uint64(first) & (1<<(7-min(n, 7)) - 1)
	for _, b := range data[1:n] {
		if b&0xc0 != 0x80 {
			return 0, 0
		}
		v = v<<6 | uint64(b&0x3f)
	}
	return v, n
}

// crc8 is that of FLAC's frame headers, x⁸+x²+x+1.
func crc8(data []byte) (sum byte) {
	for _, b := range data {
		sum ^= b
		for range 8 {
			if sum&0x80 != 0 {
				sum = sum<<1 ^ 0x07
			} else {
				sum <<= 1
			}
		}
	}
	return sum
}

// crc16 is that of FLAC's frames, x¹⁶+x¹⁵+x²+1.
func crc16(data []byte) (sum uint16) {
	for _, b := range data {
		sum ^= uint16(b) << 8
		for range 8 {
			if sum&0x8000 != 0 {
				sum = sum<<1 ^ 0x8005
			} else {
				sum <<= 1
			}
		}
	}
	return sum
}
