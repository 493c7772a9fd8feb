package media

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
)

const pngMagic = "\x89PNG\r\n\x1a\n"

// png walks the chunks to IEND, each with its checksum.
func (i *Info) png(data []byte) error {
	pixels := 0
	for at := len(pngMagic); ; {
		if len(data)-at < 12 {
			return cut(data, "a chunk")
		}
		length, kind := int(binary.BigEndian.Uint32(data[at:])), string(data[at+4:at+8])
		if length < 0 || length > len(data)-at-12 {
			return cut(data, fmt.Sprintf("the chunk %q", kind))
		}
		body := data[at+8 : at+8+length]
		if got := crc32.ChecksumIEEE(data[at+4 : at+8+length]); got != binary.BigEndian.Uint32(data[at+8+length:]) {
			return fmt.Errorf("the chunk %q has a wrong checksum", kind)
		}
		switch {
		case i.Width == 0 && (kind != "IHDR" || length != 13):
			return errors.New("the first chunk is no IHDR")
		case kind == "IHDR":
			i.Width, i.Height = int(binary.BigEndian.Uint32(body)), int(binary.BigEndian.Uint32(body[4:]))
			if err := i.sized(); err != nil {
				return err
			}
		case kind == "IDAT":
			pixels += length
		case kind == "IEND" && pixels == 0:
			return errors.New("there is no IDAT: it holds no pixels")
		case kind == "IEND":
			return nil
		}
		at += 12 + length
	}
}

// jpeg walks the markers to EOI: those before the scan by their lengths, the
// scan's data by looking for the next marker.
func (i *Info) jpeg(data []byte) error {
	scans := 0
	for at := 2; ; {
		if len(data)-at < 2 {
			return cut(data, "a marker")
		}
		if data[at] != 0xff {
			return fmt.Errorf("byte %d is no marker", at)
		}
		marker := data[at+1]
		switch {
		case marker == 0xff: // A fill byte.
			at++
			continue
		case marker == 0xd9 && scans == 0:
			return errors.New("there is no scan: it holds no pixels")
		case marker == 0xd9:
			return i.sized()
		case marker == 0x01 || marker >= 0xd0 && marker <= 0xd8:
			at += 2
			continue
		}
		length, err := i.segment(data, at)
		if err != nil {
			return err
		}
		at += 2 + length
		if marker == 0xda {
			scans++
			n := scanEnd(data[at:])
			if n < 0 {
				return cut(data, "the scan's data")
			}
			at += n
		}
	}
}

// segment reads the segment at an offset, and the size where it is a frame's.
func (i *Info) segment(data []byte, at int) (length int, err error) {
	if len(data)-at < 4 {
		return 0, cut(data, "a segment")
	}
	marker := data[at+1]
	length = int(binary.BigEndian.Uint16(data[at+2:]))
	if length < 2 || length > len(data)-at-2 {
		return 0, cut(data, fmt.Sprintf("the segment %#x", marker))
	}
	frame := marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc
	if frame && length >= 7 && i.Width == 0 {
		i.Height, i.Width = int(binary.BigEndian.Uint16(data[at+5:])), int(binary.BigEndian.Uint16(data[at+7:]))
	}
	return length, nil
}

// scanEnd returns where a scan's data ends: at a marker that is neither a
// stuffed byte nor a restart; below 0 is nowhere.
func scanEnd(data []byte) int {
	for at := 0; ; {
		n := bytes.IndexByte(data[at:], 0xff)
		if n < 0 || at+n+1 >= len(data) {
			return -1
		}
		at += n
		switch next := data[at+1]; {
		case next == 0 || next >= 0xd0 && next <= 0xd7:
			at += 2
		case next == 0xff:
			at++
		default:
			return at
		}
	}
}

// webp walks the RIFF chunks and reads the size of VP8, VP8L or VP8X.
func (i *Info) webp(data []byte) error {
	pixels := false
	err := riff(data, func(kind string, body []byte) error {
		switch {
		case kind == "VP8X" && len(body) >= 10:
			i.Width, i.Height = 1+uint24(body[4:]), 1+uint24(body[7:])
		case kind == "VP8 " && len(body) >= 10 && string(body[3:6]) == "\x9d\x01\x2a":
			pixels = true
			if i.Width == 0 {
				i.Width, i.Height = int(binary.LittleEndian.Uint16(body[6:])&0x3fff), int(binary.LittleEndian.Uint16(body[8:])&0x3fff)
			}
		case kind == "VP8L" && len(body) >= 5 && body[0] == 0x2f:
			pixels = true
			if bits := binary.LittleEndian.Uint32(body[1:]); i.Width == 0 {
				i.Width, i.Height = 1+int(bits&0x3fff), 1+int(bits>>14&0x3fff)
			}
		case kind == "ANMF":
			pixels = true
		case kind == "VP8 " || kind == "VP8L" || kind == "VP8X":
			return fmt.Errorf("the chunk %q is broken", kind)
		}
		return nil
	})
	switch {
	case err != nil:
		return err
	case !pixels:
		return errors.New("there is no VP8 chunk: it holds no pixels")
	}
	return i.sized()
}

// uint24 reads 24 bits, the lowest byte first.
func uint24(b []byte) int { return int(b[0]) | int(b[1])<<8 | int(b[2])<<16 }

// riffTotal returns the bytes of a RIFF file by its own account, or all of them
// where whoever wrote it could not know: all ones, or 0.
func riffTotal(data []byte) int {
	size := binary.LittleEndian.Uint32(data[4:])
	if size == 0 || size == 1<<32-1 {
		return len(data)
	}
	return int(size) + 8
}

// riff walks the chunks of a RIFF file. A chunk of sound that a stream wrote
// without knowing its length, all ones, is as long as the rest.
func riff(data []byte, chunk func(kind string, body []byte) error) error {
	total := riffTotal(data)
	if total > len(data) {
		return cut(data, fmt.Sprintf("a RIFF file of %d", total))
	}
	for at := 12; len(data)-at >= 8; {
		kind, length := string(data[at:at+4]), int(binary.LittleEndian.Uint32(data[at+4:]))
		at += 8
		if length == 1<<32-1 && kind == "data" {
			length = len(data) - at
		}
		if length > len(data)-at {
			return cut(data, fmt.Sprintf("the chunk %q", kind))
		}
		if err := chunk(kind, data[at:at+length]); err != nil {
			return err
		}
		at += length + length&1
		if at >= total {
			break
		}
	}
	return nil
}

// gif walks the blocks to the trailer.
func (i *Info) gif(data []byte) error {
	if len(data) < 13 {
		return cut(data, "the header")
	}
	i.Width, i.Height = int(binary.LittleEndian.Uint16(data[6:])), int(binary.LittleEndian.Uint16(data[8:]))
	if err := i.sized(); err != nil {
		return err
	}
	at, frames := 13+table(data[10]), 0
	for {
		if at >= len(data) {
			return cut(data, "a block")
		}
		switch data[at] {
		case 0x3b:
			if frames == 0 {
				return errors.New("there is no picture in it")
			}
			return nil
		case 0x21: // An extension: a label, then blocks.
			at += 2
		case 0x2c: // A picture: its place, its colours, the code's size, then blocks.
			if at+10 > len(data) {
				return cut(data, "a picture's header")
			}
			frames++
			at += 10 + table(data[at+9]) + 1
		default:
			return fmt.Errorf("byte %d begins no block", at)
		}
		for {
			if at >= len(data) {
				return cut(data, "a block")
			}
			n := int(data[at])
			at += 1 + n
			if n == 0 {
				break
			}
		}
	}
}

// table returns the bytes of a GIF's colour table by its flags.
func table(flags byte) int {
	if flags&0x80 == 0 {
		return 0
	}
	return 3 << (1 + flags&7)
}
