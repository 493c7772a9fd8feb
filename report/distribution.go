package report

import (
	"cmp"
	"math"
	"slices"

	"github.com/hfwatch/hfwatch/stats"
)

// Distribution is a histogram as plain numbers: each value in ascending order
// with how often it came. Histograms are merged in this form, since reports
// merge hundreds of hours that hold a dozen results each.
type Distribution struct {
	Values []float64
	Counts []int64
	N      int64
}

// NewDistribution returns the distribution of values with their counts, in any
// order. Values that are not finite and counts below 1 are left out.
func NewDistribution(values []float64, counts []int64) Distribution {
	type pair struct {
		value float64
		count int64
	}
	pairs := make([]pair, 0, len(values))
	for i, v := range values[:min(len(values), len(counts))] {
		if counts[i] > 0 && !math.IsNaN(v) && !math.IsInf(v, 0) {
			pairs = append(pairs, pair{v, counts[i]})
		}
	}
	slices.SortFunc(pairs, func(a, b pair) int { return cmp.Compare(a.value, b.value) })
	d := Distribution{Values: make([]float64, 0, len(pairs)), Counts: make([]int64, 0, len(pairs))}
	for _, p := range pairs {
		if k := len(d.Values); k > 0 && d.Values[k-1] == p.value {
			d.Counts[k-1] += p.count
		} else {
			d.Values, d.Counts = append(d.Values, p.value), append(d.Counts, p.count)
		}
		d.N += p.count
	}
	return d
}

// Merge returns the distribution of all values of ds.
func Merge(ds ...Distribution) Distribution {
	size := 0
	for _, d := range ds {
		size += len(d.Values)
	}
	values, counts := make([]float64, 0, size), make([]int64, 0, size)
	for _, d := range ds {
		values, counts = append(values, d.Values...), append(counts, d.Counts...)
	}
	return NewDistribution(values, counts)
}

// at returns the value of a rank, from 1.
func (d Distribution) at(rank int64) float64 {
	for i, c := range d.Counts {
		if rank -= c; rank <= 0 {
			return d.Values[i]
		}
	}
	return d.Values[len(d.Values)-1]
}

// Quantile returns the p-quantile, the smallest value that at least a share p
// does not exceed; absent without values.
func (d Distribution) Quantile(p float64) (float64, bool) {
	rank, ok := stats.QuantileRank(int(d.N), p)
	if !ok {
		return 0, false
	}
	return d.at(int64(rank)), true
}

// above counts the values beyond v.
func (d Distribution) above(v float64) int64 {
	i, found := slices.BinarySearch(d.Values, v)
	if found {
		i++
	}
	var n int64
	for _, c := range d.Counts[i:] {
		n += c
	}
	return n
}

// max returns the largest value; absent without values.
func (d Distribution) max() (float64, bool) {
	if len(d.Values) == 0 {
		return 0, false
	}
	return d.Values[len(d.Values)-1], true
}
