package media

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
)

// Mark returns data with a comment that holds the note, so that its bytes are
// unlike any other's and its picture or sound is the same. It returns data
// itself where the note is empty or the format has no place for it, as Ogg,
// whose pages bear checksums over all that they hold.
func Mark(data []byte, note string) []byte {
	if _, err := Read(data); note == "" || err != nil {
		return data
	}
	switch Sniff(data) {
	case PNG:
		// Behind IHDR, which is 25 bytes long, stands a text chunk.
		text := append([]byte("tEXtComment\x00"), note...)
		chunk := binary.BigEndian.AppendUint32(nil, uint32(len(text)-4))
		chunk = append(chunk, text...)
		return inserted(data, len(pngMagic)+25, binary.BigEndian.AppendUint32(chunk, crc32.ChecksumIEEE(text)))
	case JPEG:
		// Readers want JFIF's or Exif's segment first, so that it goes behind those
		// of applications.
		at := 2
		for data[at] == 0xff && data[at+1]&0xf0 == 0xe0 {
			at += 2 + int(binary.BigEndian.Uint16(data[at+2:]))
		}
		return inserted(data, at, append(binary.BigEndian.AppendUint16([]byte{0xff, 0xfe}, uint16(2+len(note))), note...))
	case GIF:
		block := append([]byte{0x21, 0xfe, byte(len(note))}, note...)
		return inserted(data, 13+table(data[10]), append(block, 0))
	case WAV, WebP:
		return markedRIFF(data, note)
	case FLAC:
		// An application block behind STREAMINFO, which may say that it is the last.
		end := 8 + int(binary.BigEndian.Uint32(data[4:])&0xffffff)
		block := append([]byte("\x02\x00\x00\x00hfwn"), note...)
		block[3] = byte(4 + len(note))
		block[0] |= data[4] & 0x80
		out := inserted(data, end, block)
		out[4] &= 0x7f
		return out
	case MP3:
		// A tag of ID3v1 at the end, its title the note.
		tag := make([]byte, 128)
		copy(tag, "TAG")
		copy(tag[3:33], note)
		if n := len(data); n >= 128 && string(data[n-128:n-125]) == "TAG" {
			data = data[:n-128]
		}
		return append(bytes.Clone(data), tag...)
	default:
		return data
	}
}

// markedRIFF returns a RIFF file with a chunk of ours at its end, which readers
// skip.
func markedRIFF(data []byte, note string) []byte {
	chunk := append(binary.LittleEndian.AppendUint32([]byte("hfwn"), uint32(len(note))), note...)
	if len(note)&1 != 0 {
		chunk = append(chunk, 0)
	}
	if int(binary.LittleEndian.Uint32(data[4:]))+8 != len(data) || len(data)&1 != 0 {
		// It was streamed: whatever follows would belong to its sound.
		return data
	}
	out := append(bytes.Clone(data), chunk...)
	binary.LittleEndian.PutUint32(out[4:], uint32(len(out)-8))
	return out
}

// inserted returns data with part at an offset.
func inserted(data []byte, at int, part []byte) []byte {
	out := make([]byte, 0, len(data)+len(part))
	out = append(out, data[:at]...)
	out = append(out, part...)
	return append(out, data[at:]...)
}
