package load

import (
	"fmt"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// decodeHDR reads an HdrHistogram V2 in base64.
func decodeHDR(text string) (*hdrhistogram.PackedHistogram, error) {
	h, err := hdrhistogram.DecodePacked([]byte(text))
	if err != nil {
		return nil, fmt.Errorf("hdr: %w", err)
	}
	return h, nil
}
