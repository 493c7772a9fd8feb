package sim

import (
	"bytes"
	"encoding/binary"
	"image/png"
)

// mediaFormats are the formats in which a model can give pictures and sounds.
func mediaFormats() []string { return []string{"jpeg", "png", "wav", "flac"} }

// picture returns a picture in the model's format; hf-inference sends JPEG whatever
// Accept says.
func (x *exchange) picture() (contentType string, body []byte) {
	if x.b.Media != "png" {
		return "image/jpeg", x.jpeg()
	}
	var buf bytes.Buffer
	// A buffer takes whatever is written.
	_ = png.Encode(&buf, x.painted())
	return "image/png", buf.Bytes()
}

// sound returns a sound in the model's format.
func (x *exchange) sound() (contentType string, body []byte) {
	if x.b.Media == "flac" {
		return "audio/flac", flacSilence()
	}
	return "audio/wav", silence()
}

// flacSilence returns a quarter of a second of it as FLAC (RFC 9639): 8 kHz, one
// channel, 16 bits, in one frame of one constant.
func flacSilence() []byte {
	const rate, samples = 8000, 2000
	b := []byte("fLaC\x80\x00\x00\x22")
	b = binary.BigEndian.AppendUint16(b, samples)
	b = binary.BigEndian.AppendUint16(b, samples)
	b = append(b, make([]byte, 6)...) // The sizes of frames are not said.
	// 20 bits of rate, 3 of channels less one, 5 of bits less one, 36 of samples.
	b = binary.BigEndian.AppendUint64(b, rate<<44|15<<36|samples)
	b = append(b, make([]byte, 16)...) // Nor is the checksum of the sound.
	frame := []byte{0xff, 0xf8, 0x74, 0x08, 0x00}
	frame = binary.BigEndian.AppendUint16(frame, samples-1)
	frame = append(frame, byte(checksum(frame, 8, 0x07)))
	frame = append(frame, 0, 0, 0)
	frame = binary.BigEndian.AppendUint16(frame, checksum(frame, 16, 0x8005))
	return append(b, frame...)
}

// checksum returns the CRC of data, of that many bits.
func checksum(data []byte, bits int, polynomial uint32) uint16 {
	var crc uint32
	for _, c := range data {
		crc ^= uint32(c) << (bits - 8)
		for range 8 {
			crc <<= 1
			if crc>>bits != 0 {
				crc = crc&(1<<bits-1) ^ polynomial
			}
		}
	}
	return uint16(crc)
}
