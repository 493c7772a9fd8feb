package media

import (
	"bytes"
	"encoding/binary"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"math"
)

// SamplePicture returns a small picture, drawn here and free to use, as PNG or
// JPEG: a sun over the sea, with a boat.
func SamplePicture(f Format) []byte {
	const width, height = 320, 240
	var colours color.Palette
	for _, rgb := range [][3]uint8{{0x8c, 0xc8, 0xf0}, {0x1b, 0x4f, 0x8a}, {0xff, 0xd2, 0x3f}, {0x6b, 0x3a, 0x1e}, {0xf7, 0xf7, 0xf2}} {
		colours = append(colours, color.RGBA{R: rgb[0], G: rgb[1], B: rgb[2], A: 0xff})
	}
	img := image.NewPaletted(image.Rect(0, 0, width, height), colours)
	for y := range height {
		for x := range width {
			img.SetColorIndex(x, y, sampleColour(x, y))
		}
	}
	var buf bytes.Buffer
	// A buffer takes whatever is written.
	if f == JPEG {
		_ = jpeg.Encode(&buf, img, &jpeg.Options{Quality: 80})
	} else {
		_ = (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&buf, img)
	}
	return buf.Bytes()
}

// sampleColour returns the colour of a point: sky, sea, sun, hull or sail.
func sampleColour(x, y int) uint8 {
	switch {
	case y >= 165 && y < 185 && x >= 120+(y-165) && x < 220-(y-165):
		return 3
	case y >= 70 && y < 160 && x >= 170 && x < 172+(y-70)*5/9:
		return 4
	case y >= 66 && y < 165 && x >= 166 && x < 169:
		return 3
	case y >= 172:
		return 1
	case (x-70)*(x-70)+(y-60)*(y-60) < 35*35:
		return 2
	default:
		return 0
	}
}

// SampleSound returns one second of a rising tone as WAV, made here and free to
// use: 16 kHz, one channel, 16 bits. Nobody speaks in it.
func SampleSound() []byte {
	const rate, bytesPerSample = 16000, 2
	b := []byte("RIFF")
	b = binary.LittleEndian.AppendUint32(b, 36+rate*bytesPerSample)
	b = append(b, "WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00"...)
	b = binary.LittleEndian.AppendUint32(b, rate)
	b = binary.LittleEndian.AppendUint32(b, rate*bytesPerSample)
	b = append(b, "\x02\x00\x10\x00data"...)
	b = binary.LittleEndian.AppendUint32(b, rate*bytesPerSample)
	for i := range rate {
		t := float64(i) / rate
		// A tone whose frequency rises from 220 Hz to 880 Hz has the phase
		// 2π(220t + 330t²).
		v := 0.4 * math.Sin(2*math.Pi*(220*t+330*t*t))
		b = binary.LittleEndian.AppendUint16(b, uint16(int16(v*math.MaxInt16)))
	}
	return b
}
