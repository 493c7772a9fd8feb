package load

import (
	"bytes"
	"compress/zlib"
	"encoding/base64"
	"encoding/binary"
	"math"
	"math/bits"

	"github.com/HdrHistogram/hdrhistogram-go"
)

const (
	// cookieV2 and cookieV2Zipped begin the two parts of an HdrHistogram V2: its
	// version and the width of its counts, of LEB128 (org.HdrHistogram,
	// AbstractHistogram.encodeIntoCompressedByteBuffer; hdrhistogram-go,
	// packed_encoding.go).
	cookieV2       = 0x1c849303 | 0x10
	cookieV2Zipped = 0x1c849304 | 0x10
	// headerV2 is the length of what stands before the counts, headerZipped of what
	// stands before the compressed part, in bytes.
	headerV2     = 40
	headerZipped = 8
	// halfBits is how many bits tell values apart within one power of two at three
	// digits: 1,024 steps, of at most a thousandth each.
	halfBits = 10
)

// encoder writes histograms in the form of records. It has one compressor for all
// of them, which at the library's own level takes 800 KB: one for each histogram
// of a window's curve, as the library makes them, is tens of megabytes at a
// window's end, the more the longer it was.
type encoder struct {
	zip *zlib.Writer
	out bytes.Buffer
	// body is what is compressed, text what is returned.
	body, text []byte
	// packed takes what is dense.
	packed *hdrhistogram.PackedHistogram
}

// newEncoder returns an encoder, which is for one goroutine at a time.
func newEncoder() *encoder {
	zip, err := zlib.NewWriterLevel(nil, zlib.BestCompression)
	if err != nil {
		panic(err) // It fails for an unknown level alone.
	}
	return &encoder{zip: zip}
}

// encode returns the histogram as an HdrHistogram V2 in base64, byte for byte what
// its own EncodeV2 returns. It is empty where there is no such form, which ranges
// of ours always have.
func (e *encoder) encode(h store) string {
	p, ok := h.(*hdrhistogram.PackedHistogram)
	if dense, is := h.(*hdrhistogram.Histogram); is {
		p, ok = e.pack(dense), true
	}
	if !ok || p.LowestTrackableValue() != 1 || p.SignificantFigures() != digits {
		// A record by another hand may have another geometry.
		text, err := h.EncodeV2()
		if err != nil {
			return ""
		}
		return string(text)
	}
	e.fill(p)
	e.out.Reset()
	e.out.Write(make([]byte, headerZipped))
	e.zip.Reset(&e.out)
	// Neither fails into memory.
	_, _ = e.zip.Write(e.body)
	_ = e.zip.Close()
	whole := e.out.Bytes()
	binary.BigEndian.PutUint32(whole, cookieV2Zipped)
	binary.BigEndian.PutUint32(whole[4:], uint32(len(whole)-headerZipped))
	e.text = base64.StdEncoding.AppendEncode(e.text[:0], whole)
	return string(e.text)
}

// pack returns the values of a dense histogram in the packed one that all of them
// share.
func (e *encoder) pack(dense *hdrhistogram.Histogram) *hdrhistogram.PackedHistogram {
	if e.packed == nil || e.packed.HighestTrackableValue() != dense.HighestTrackableValue() {
		e.packed = hdrhistogram.NewPacked(dense.LowestTrackableValue(), dense.HighestTrackableValue(), digits)
	}
	e.packed.Reset()
	e.packed.MergeFrom(dense)
	return e.packed
}

// fill makes the part that is compressed: the range, and each count up to the
// last, with a run of zeros as one negative number.
func (e *encoder) fill(p *hdrhistogram.PackedHistogram) {
	e.body = append(e.body[:0], make([]byte, headerV2)...)
	b := e.body
	next := int64(0)
	for value, count := range p.ForEachBucket {
		at := indexOf(value)
		switch zeros := at - next; {
		case zeros > 1:
			b = binary.AppendVarint(b, -zeros)
		case zeros == 1:
			b = binary.AppendVarint(b, 0)
		}
		b = binary.AppendVarint(b, count)
		next = at + 1
	}
	if next == 0 {
		b = binary.AppendVarint(b, 0)
	}
	binary.BigEndian.PutUint32(b[0:], cookieV2)
	binary.BigEndian.PutUint32(b[4:], uint32(len(b)-headerV2))
	binary.BigEndian.PutUint32(b[8:], 0)
	binary.BigEndian.PutUint32(b[12:], digits)
	binary.BigEndian.PutUint64(b[16:], 1)
	binary.BigEndian.PutUint64(b[24:], uint64(p.HighestTrackableValue()))
	binary.BigEndian.PutUint64(b[32:], math.Float64bits(1))
	e.body = b
}

// indexOf returns where a value is counted, in a range that begins at 1 with three
// digits: the first 2,048 values have a place each, and each power of two beyond
// has 1,024.
func indexOf(value int64) int64 {
	const first = 1<<(halfBits+1) - 1
	bucket := bits.Len64(uint64(value)|first) - (halfBits + 1)
	return int64(bucket)<<halfBits + value>>bucket
}
