package main

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// maxLine bounds a line of the exposition.
const maxLine = 1 << 20

// sums adds up the samples of a series of the text exposition by the value of
// one of its labels. It reads what hfwatch writes: no braces or quotes within
// label values.
func sums(text io.Reader, series, label string) (map[string]float64, error) {
	found := map[string]float64{}
	lines := bufio.NewScanner(text)
	lines.Buffer(nil, maxLine)
	for lines.Scan() {
		rest, ok := strings.CutPrefix(lines.Text(), series+"{")
		if !ok {
			continue
		}
		labels, value, ok := strings.Cut(rest, "} ")
		if !ok {
			return nil, fmt.Errorf("%q is no sample", lines.Text())
		}
		n, err := strconv.ParseFloat(value, 64)
		if err != nil {
			return nil, fmt.Errorf("%q: %w", lines.Text(), err)
		}
		_, of, ok := strings.Cut(","+labels, ","+label+`="`)
		if !ok {
			return nil, fmt.Errorf("%q has no label %s", lines.Text(), label)
		}
		of, _, _ = strings.Cut(of, `"`)
		found[of] += n
	}
	return found, lines.Err()
}
