// Package media says what a picture or a sound is: its format, its size or its
// duration, and whether it is whole. It walks the structure of a file, its
// chunks, pages, frames and their checksums, and decodes no pixel and no
// sample, so that it costs little beside the exchange that brought the file.
//
// It refuses to guess: bytes that are not one of the formats that it knows are
// none, and a file that ends before its own structure does is truncated. It
// never reads beyond the bytes it is given, allocates next to nothing, and
// holds no state.
//
// The structures are those of the PNG specification (W3C), ITU-T T.81 (JPEG),
// the WebP container specification and RFC 6386, the GIF89a specification, the
// RIFF/WAVE specification, RFC 9639 (FLAC), ISO/IEC 11172-3 (MPEG audio),
// RFC 3533 (Ogg), RFC 7845 (Opus) and the Vorbis I specification.
package media

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Format is a file format.
type Format string

// The formats.
const (
	PNG  Format = "png"
	JPEG Format = "jpeg"
	WebP Format = "webp"
	GIF  Format = "gif"
	WAV  Format = "wav"
	FLAC Format = "flac"
	MP3  Format = "mp3"
	Ogg  Format = "ogg"
)

// Formats returns the closed set of formats.
func Formats() []Format { return []Format{PNG, JPEG, WebP, GIF, WAV, FLAC, MP3, Ogg} }

// Type returns the media type of the format, in the spelling that the inference
// toolkit knows.
func (f Format) Type() string {
	switch f {
	case PNG, JPEG, WebP, GIF:
		return "image/" + string(f)
	case MP3:
		return "audio/mpeg"
	default:
		return "audio/" + string(f)
	}
}

// Name returns the format's name as it is written.
func (f Format) Name() string {
	switch f {
	case WebP:
		return "WebP"
	case Ogg:
		return "Ogg"
	default:
		return strings.ToUpper(string(f))
	}
}

// Image reports whether the format is of pictures; the others are of sounds.
func (f Format) Image() bool { return f == PNG || f == JPEG || f == WebP || f == GIF }

// Info is what a file is.
type Info struct {
	Format Format
	// Width and Height are a picture's size in pixels.
	Width, Height int
	// Duration is how long a sound is.
	Duration time.Duration
}

// String returns the info as a person reads it: "PNG of 64 x 48", "WAV of
// 0.25 s".
func (i Info) String() string {
	if i.Format.Image() {
		return fmt.Sprintf("%s of %d x %d", i.Format.Name(), i.Width, i.Height)
	}
	return fmt.Sprintf("%s of %g s", i.Format.Name(), i.Duration.Round(time.Millisecond).Seconds())
}

// Sniff returns the format that data begins like, or nothing.
func Sniff(data []byte) Format {
	starts := func(magic string) bool { return bytes.HasPrefix(data, []byte(magic)) }
	riff := func(kind string) bool { return starts("RIFF") && len(data) >= 12 && string(data[8:12]) == kind }
	switch {
	case starts(pngMagic):
		return PNG
	case starts("\xff\xd8\xff"):
		return JPEG
	case riff("WEBP"):
		return WebP
	case starts("GIF87a"), starts("GIF89a"):
		return GIF
	case riff("WAVE"):
		return WAV
	case starts("fLaC"):
		return FLAC
	case starts("OggS"):
		return Ogg
	case starts("ID3"), len(data) >= 4 && mpegFrame(data).length > 0:
		return MP3
	}
	return ""
}

// Read returns what data is. An error says in one clause what is wrong with it:
// of no known format, ended early, or broken. The info holds what was read
// before that.
func Read(data []byte) (Info, error) {
	info := Info{Format: Sniff(data)}
	var err error
	switch info.Format {
	case PNG:
		err = info.png(data)
	case JPEG:
		err = info.jpeg(data)
	case WebP:
		err = info.webp(data)
	case GIF:
		err = info.gif(data)
	case WAV:
		err = info.wav(data)
	case FLAC:
		err = info.flac(data)
	case MP3:
		err = info.mp3(data)
	case Ogg:
		err = info.ogg(data)
	default:
		return info, fmt.Errorf("begins with %q, which is no picture and no sound that is known", data[:min(len(data), 12)])
	}
	if err != nil {
		return info, fmt.Errorf("%s: %w", info.Format.Name(), err)
	}
	return info, nil
}

// ErrCut is what the error of a file wraps that ends before its structure does.
var ErrCut = errors.New("ends early")

// cut returns the error of such a file.
func cut(data []byte, in string) error {
	return fmt.Errorf("%w, after %d bytes, in %s", ErrCut, len(data), in)
}

// sized returns an error where the picture has no area or an absurd one.
func (i *Info) sized() error {
	const most = 1 << 16
	if i.Width <= 0 || i.Height <= 0 || i.Width > most || i.Height > most {
		return fmt.Errorf("a size of %d x %d", i.Width, i.Height)
	}
	return nil
}

// lasts sets the duration of so many samples at a rate.
func (i *Info) lasts(samples, rate uint64) error {
	const most = 1 << 40
	switch {
	case rate == 0 || rate > 10_000_000:
		return fmt.Errorf("a rate of %d samples a second", rate)
	case samples > most:
		return fmt.Errorf("%d samples are too many to be true", samples)
	}
	i.Duration = time.Duration(float64(samples) / float64(rate) * float64(time.Second))
	if i.Duration <= 0 {
		return fmt.Errorf("no sound at all: a duration of 0")
	}
	return nil
}
