package media

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
)

// frame is the header of a frame of MPEG audio; length 0 is none.
type frame struct {
	length, samples, rate int
	// side is where a Xing header would stand.
	side int
}

// mpegFrame reads the header that data begins with.
func mpegFrame(data []byte) frame {
	if len(data) < 4 || data[0] != 0xff || data[1]&0xe0 != 0xe0 {
		return frame{}
	}
	version, layer := data[1]>>3&3, 4-data[1]>>1&3
	code, rateCode, padding := data[2]>>4, data[2]>>2&3, int(data[2]>>1&1)
	if version == 1 || layer == 4 || code == 0 || code == 15 || rateCode == 3 {
		return frame{}
	}
	rates := [3]int{44100, 48000, 32000}
	f := frame{rate: rates[rateCode], samples: 1152, side: 36}
	mono := data[3]>>6 == 3
	low := version != 3
	if low {
		f.rate /= 2
		f.side = 21
	}
	if version == 0 {
		f.rate /= 2
	}
	if mono {
		f.side = 21
		if low {
			f.side = 13
		}
	}
	kbit := bitRate(low, layer, code)
	switch layer {
	case 1:
		f.samples = 384
		f.length = (12*kbit*1000/f.rate + padding) * 4
	case 3:
		if low {
			f.samples = 576
		}
		f.length = f.samples/8*kbit*1000/f.rate + padding
	default:
		f.length = 144*kbit*1000/f.rate + padding
	}
	return f
}

// bitRate returns the thousands of bits a second of a code from 1 to 14
// (ISO/IEC 11172-3, 2.4.2.3, and 13818-3, 2.4.2.3).
func bitRate(low bool, layer, code byte) int {
	table := [14]int{32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320}
	switch {
	case !low && layer == 1:
		return 32 * int(code)
	case !low && layer == 2:
		table = [14]int{32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384}
	case low && layer == 1:
		table = [14]int{32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256}
	case low:
		table = [14]int{8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160}
	}
	return table[code-1]
}

// mp3 walks the frames behind a tag. Where the first frame tells how many there
// are, fewer are a file that was cut.
func (i *Info) mp3(data []byte) error {
	at := id3(data)
	if at > len(data) {
		return cut(data, "its ID3 tag")
	}
	frames, told := 0, 0
	var samples uint64
	rate := 0
	for at < len(data) {
		f := mpegFrame(data[at:])
		if f.length == 0 {
			break
		}
		if f.length > len(data)-at {
			return cut(data, fmt.Sprintf("frame %d", frames+1))
		}
		if n, is := xing(data[at:at+f.length], f.side); frames == 0 && is {
			// The first frame describes the others and sounds like nothing.
			told = n
		} else {
			samples += uint64(f.samples)
			frames++
		}
		rate = f.rate
		at += f.length
	}
	switch {
	case frames == 0:
		return errors.New("there is no frame in it")
	case told > frames:
		return fmt.Errorf("%w, after %d of %d frames", ErrCut, frames, told)
	case at < len(data) && !trailer(data[at:]):
		return fmt.Errorf("byte %d begins no frame", at)
	}
	return i.lasts(samples, uint64(rate))
}

// xing returns the frames that a Xing or Info header counts, and whether a
// frame holds such a header.
func xing(data []byte, side int) (frames int, is bool) {
	if len(data) < side+12 {
		return 0, false
	}
	head := data[side:]
	if string(head[:4]) != "Xing" && string(head[:4]) != "Info" {
		return 0, false
	}
	if head[7]&1 == 0 {
		return 0, true
	}
	return int(binary.BigEndian.Uint32(head[8:])), true
}

// id3 returns how long the tag is that data begins with.
func id3(data []byte) int {
	if len(data) < 10 || string(data[:3]) != "ID3" {
		return 0
	}
	n := 10
	if data[5]&0x10 != 0 {
		n += 10
	}
	return n + int(data[6]&0x7f)<<21 + int(data[7]&0x7f)<<14 + int(data[8]&0x7f)<<7 + int(data[9]&0x7f)
}

// trailer reports whether what follows the last frame is a tag or padding.
func trailer(data []byte) bool {
	return bytes.HasPrefix(data, []byte("TAG")) || bytes.HasPrefix(data, []byte("APETAGEX")) ||
		bytes.HasPrefix(data, []byte("ID3")) || len(bytes.Trim(data, "\x00")) == 0
}
