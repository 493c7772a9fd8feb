package media

import (
	"bytes"
	"encoding/binary"
	"errors"
	"flag"
	"hash/crc32"
	"image"
	"image/color"
	"image/gif"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// samples are whole files of every format, made here.
func samples(t *testing.T) map[string][]byte {
	t.Helper()
	var animated bytes.Buffer
	frame := image.NewPaletted(image.Rect(0, 0, 7, 5), color.Palette{color.Black, color.White})
	if err := gif.EncodeAll(&animated, &gif.GIF{Image: []*image.Paletted{frame, frame}, Delay: []int{1, 1}}); err != nil {
		t.Fatal(err)
	}
	streamed := bytes.Clone(SampleSound())
	copy(streamed[4:], "\xff\xff\xff\xff")
	copy(streamed[40:], "\xff\xff\xff\xff")
	return map[string][]byte{
		"PNG of 320 x 240":     SamplePicture(PNG),
		"JPEG of 320 x 240":    SamplePicture(JPEG),
		"GIF of 7 x 5":         animated.Bytes(),
		"WebP of 12 x 9":       webpOf("VP8 ", "\x00\x00\x00\x9d\x01\x2a\x0c\x00\x09\x00pixels"),
		"WebP of 13 x 10":      webpOf("VP8L", "\x2f\x0c\x40\x02\x00pixels"),
		"WAV of 1 s":           SampleSound(),
		"WAV of 1 s, streamed": streamed,
		"FLAC of 0.512 s":      flacOf(2),
		"MP3 of 0.24 s":        mp3Of(10, true),
		"MP3 of 0.072 s":       mp3Of(3, false),
		"Ogg of 0.5 s":         oggOf(true),
	}
}

// webpOf returns a WebP with one chunk.
func webpOf(kind, body string) []byte {
	chunk := append([]byte(kind), binary.LittleEndian.AppendUint32(nil, uint32(len(body)))...)
	chunk = append(chunk, body...)
	if len(body)&1 != 0 {
		chunk = append(chunk, 0)
	}
	return append(binary.LittleEndian.AppendUint32([]byte("RIFF"), uint32(4+len(chunk))), append([]byte("WEBP"), chunk...)...)
}

// flacOf returns so many frames of 4096 constant samples at 16 kHz.
func flacOf(frames int) []byte {
	info := make([]byte, 34)
	binary.BigEndian.PutUint16(info, 4096)
	binary.BigEndian.PutUint16(info[2:], 4096)
	binary.BigEndian.PutUint64(info[10:], 16000<<44|15<<36|uint64(frames*4096))
	out := append([]byte("fLaC\x80\x00\x00\x22"), info...)
	for n := range frames {
		// 4096 samples, rate and bits as in STREAMINFO, one channel.
		head := []byte{0xff, 0xf8, 0xc0, 0x08, byte(n)}
		head = append(head, crc8(head))
		body := append(head, 0x00, 0x12, 0x34) // A constant subframe.
		out = append(out, binary.BigEndian.AppendUint16(body, crc16(body))...)
	}
	return out
}

// mp3Of returns so many frames of MPEG-1 layer III, 64 kbit/s at 48 kHz, behind
// an ID3 tag and, told, a frame that counts them.
func mp3Of(frames int, told bool) []byte {
	out := []byte("ID3\x04\x00\x00\x00\x00\x00\x05tag!!")
	one := make([]byte, 192)
	copy(one, "\xff\xfb\x54\xc4")
	if told {
		head := bytes.Clone(one)
		copy(head[21:], "Xing\x00\x00\x00\x01")
		binary.BigEndian.PutUint32(head[29:], uint32(frames))
		out = append(out, head...)
	}
	return append(out, bytes.Repeat(one, frames)...)
}

// oggOf returns half a second of Opus in two pages.
func oggOf(ends bool) []byte {
	page := func(flags byte, position uint64, body string) []byte {
		p := append([]byte("OggS\x00"), flags)
		p = binary.LittleEndian.AppendUint64(p, position)
		p = append(p, make([]byte, 12)...)
		p = append(p, 1, byte(len(body)))
		p = append(p, body...)
		binary.LittleEndian.PutUint32(p[22:], oggSum(p))
		return p
	}
	end := byte(0)
	if ends {
		end = 4
	}
	return append(page(2, 0, "OpusHead\x01\x01\x38\x01\x80\xbb\x00\x00\x00\x00\x00"), page(end, 24000+312, "sound")...)
}

// TestRead: whole files are what they are, marked or not.
func TestRead(t *testing.T) {
	t.Parallel()
	for want, data := range samples(t) {
		for _, data := range [][]byte{data, Mark(data, "0a1b2c3d"), Mark(data, "0a1b2c3")} {
			got, err := Read(data)
			if err != nil || got.String() != strings.TrimSuffix(want, ", streamed") {
				t.Errorf("Read(%s) = %v, %v", want, got, err)
			}
		}
	}
}

// TestMark: a note changes the bytes and nothing else, but where it says so.
func TestMark(t *testing.T) {
	t.Parallel()
	for name, data := range samples(t) {
		before := bytes.Clone(data)
		one, two := Mark(data, "0a1b2c3d"), Mark(data, "d3c2b1a0")
		if !bytes.Equal(before, data) {
			t.Errorf("%s: Mark changed its argument", name)
		}
		same := strings.HasPrefix(name, "Ogg") || strings.HasSuffix(name, "streamed")
		if bytes.Equal(one, two) != same || bytes.Contains(one, []byte("0a1b2c3d")) == same {
			t.Errorf("%s: two marks gave the same bytes: %v, want %v", name, bytes.Equal(one, two), same)
		}
	}
	picture, err := png.Decode(bytes.NewReader(Mark(SamplePicture(PNG), "0a1b2c3d")))
	if err != nil || picture.Bounds().Dx() != 320 {
		t.Errorf("Decode of a marked picture = %v, want it to be one", err)
	}
	jpg := SamplePicture(JPEG)
	exif := append(append([]byte("\xff\xd8\xff\xe1\x00\x0aExif\x00\x00MM"), "\xff\xed\x00\x04ab"...), jpg[2:]...)
	if got := Mark(exif, "0a1b2c3d"); !bytes.HasPrefix(got, exif[:20]) || bytes.Index(got, []byte("0a1b2c3d")) < 20 {
		t.Errorf("Mark of a JPEG with Exif begins with %q, want what it began with", got[:40])
	}
	if got := Mark([]byte("text"), "0a1b2c3d"); string(got) != "text" {
		t.Errorf("Mark(text) = %q, want it as it is", got)
	}
}

// TestTruncated: of every file every beginning is refused, and those of some
// length as cut.
func TestTruncated(t *testing.T) {
	t.Parallel()
	for name, data := range samples(t) {
		if strings.HasSuffix(name, "streamed") || name == "MP3 of 0.072 s" {
			// Nothing in them says how long they are.
			continue
		}
		step := max(1, len(data)/400)
		for n := 0; n < len(data); n += step {
			if got, err := Read(data[:n]); err == nil {
				t.Errorf("Read(%s, cut to %d of %d) = %v, want an error", name, n, len(data), got)
			} else if n > len(data)/2 && !errors.Is(err, ErrCut) {
				t.Errorf("Read(%s, cut to %d of %d) = %v, want that it ends early", name, n, len(data), err)
			}
		}
	}
	if _, err := Read(oggOf(false)); !errors.Is(err, ErrCut) {
		t.Errorf("Read(an ogg without its last page) = %v, want that it ends early", err)
	}
}

// TestBroken: files that are whole and wrong.
func TestBroken(t *testing.T) {
	t.Parallel()
	flipped := func(data []byte, at int) []byte {
		data = bytes.Clone(data)
		data[at] ^= 0x55
		return data
	}
	empty := func(data []byte) []byte {
		binary.BigEndian.PutUint32(data[16:], 0)
		binary.BigEndian.PutUint32(data[29:], crc32.ChecksumIEEE(data[12:29]))
		return data
	}
	silent := append([]byte{}, SampleSound()[:44]...)
	binary.LittleEndian.PutUint32(silent[4:], 36)
	binary.LittleEndian.PutUint32(silent[40:], 0)
	for _, c := range []struct {
		data []byte
		want string
	}{
		{nil, `begins with "", which is no picture and no sound that is known`},
		{[]byte(`{"error":"x"}`), `begins with "{\"error\":\"x\"", which is no picture and no sound that is known`},
		{flipped(SamplePicture(PNG), 45), "PNG: the chunk \"PLTE\" has a wrong checksum"},
		{empty(SamplePicture(PNG)), "PNG: a size of 0 x 240"},
		{[]byte("\xff\xd8\xff\xd9"), "JPEG: there is no scan: it holds no pixels"},
		{webpOf("ICCP", "none"), "WebP: there is no VP8 chunk: it holds no pixels"},
		{webpOf("VP8 ", "nothing here"), "WebP: the chunk \"VP8 \" is broken"},
		{silent, "WAV: no sound at all: a duration of 0"},
		{flipped(oggOf(true), 30), "Ogg: the page at byte 0 has a wrong checksum"},
		{flipped(flacOf(1), 50), "FLAC: ends early, in its last frame: no checksum is right"},
		{[]byte("ID3\x04\x00\x00\x00\x00\x00\x00"), "MP3: there is no frame in it"},
		{append(mp3Of(3, false), "HTML"...), "MP3: byte 591 begins no frame"},
	} {
		if got, err := Read(c.data); err == nil || err.Error() != c.want {
			t.Errorf("Read(%.20q) = %v, %v, want %q", c.data, got, err, c.want)
		}
	}
}

var update = flag.Bool("update", false, "write the sample media")

// TestSamples: the files among the examples are the samples.
func TestSamples(t *testing.T) {
	t.Parallel()
	for name, data := range map[string][]byte{"boat.png": SamplePicture(PNG), "boat.jpg": SamplePicture(JPEG), "tone.wav": SampleSound()} {
		name = filepath.Join("..", "..", "examples", "media", name)
		if *update {
			if err := os.WriteFile(name, data, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := os.ReadFile(name); err != nil || !bytes.Equal(got, data) {
			t.Errorf("%s is not the sample, %v; run the tests with -update", name, err)
		}
	}
}

// TestFormats: each is named by a type, and is a picture or a sound.
func TestFormats(t *testing.T) {
	t.Parallel()
	for _, f := range Formats() {
		kind, _, _ := strings.Cut(f.Type(), "/")
		if (kind == "image") != f.Image() || (kind == "audio") == f.Image() {
			t.Errorf("%s.Type() = %s, Image() = %v", f, f.Type(), f.Image())
		}
	}
	if d := (Info{Format: WAV, Duration: 250 * time.Millisecond}).String(); d != "WAV of 0.25 s" {
		t.Errorf("String() = %q", d)
	}
}
