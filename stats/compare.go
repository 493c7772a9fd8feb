package stats

import (
	"math"
	"math/rand/v2"
	"slices"
)

// CompareOptions are the settings of Compare; DefaultCompare has those that
// were measured.
type CompareOptions struct {
	// Block is the number of values that are resampled together: a day's worth,
	// so that the daily cycle and most of the correlation stay whole.
	Block int
	// Margin is the change that matters, as a share: 0.05 for 5 %.
	Margin     float64
	Confidence float64
	Resamples  int
	Seed       uint64
	// Paired compares value with value, the same hours of two weeks, where both
	// sides have the same length and at least four fifths of the pairs exist.
	Paired bool
}

// DefaultCompare returns the settings for hourly values: blocks of 24, a margin of
// 5 %, 95 % confidence, 2000 resamples, paired.
func DefaultCompare(seed uint64) CompareOptions {
	return CompareOptions{Block: 24, Margin: 0.05, Confidence: 0.95, Resamples: 2000, Seed: seed, Paired: true}
}

// Change says how one period compares with another.
type Change string

const (
	// ChangeUp is larger by more than the margin, with the confidence asked for.
	ChangeUp Change = "up"
	// ChangeDown is smaller by more than the margin.
	ChangeDown Change = "down"
	// ChangeNone is the same within the margin, with the confidence asked for.
	ChangeNone Change = "none"
	// ChangeUnclear says that the interval reaches over the margin.
	ChangeUnclear Change = "unclear"
)

// Comparison is the result of Compare.
type Comparison struct {
	// Ratio is the median of the later period over that of the earlier one, or
	// the median of the ratios of pairs; Interval is its interval.
	Ratio    float64
	Interval Interval
	Change   Change
	// P is the two-sided probability of a ratio as far from 1 by chance, for
	// BenjaminiHochberg over many series: the bootstrap's standard error with
	// Student's distribution, one and a half degrees of freedom for each block but
	// one of a side, since blocks overlap. In simulation it is right to ρ = 0.5
	// between hours, half too small at 0.8 and not to be trusted beyond.
	P float64
	// Before and After are the numbers of values, Pairs that of pairs; Paired
	// says that pairs were compared.
	Before, After, Pairs int
	Paired               bool
}

// Compare says whether later is slower or faster than earlier: the ratio of
// medians (Kalibera and Jones, "Rigorous benchmarking in reasonable time", 2013,
// report ratios with intervals) by a circular block bootstrap of whole days
// (Politis and Romano, 1992), and a change only where the whole interval lies
// beyond a margin of practice. Values are positive, in time order and evenly
// spaced, one an hour; NaN marks an hour without a value. The interval is the
// percentile interval, widened on the scale of logarithms by √(k/(k-1)) for k
// blocks, since few blocks understate their own spread. Absent below three
// blocks' worth of values on a side, or for values that are not positive.
func Compare(earlier, later []float64, o CompareOptions) (Comparison, bool) {
	if o.Block < 1 || o.Resamples < 1 || !share(o.Confidence) || !(o.Margin >= 0) || math.IsInf(o.Margin, 0) {
		return Comparison{}, false
	}
	a, na, okA := presentLogs(earlier)
	b, nb, okB := presentLogs(later)
	if !okA || !okB || na < 3*o.Block || nb < 3*o.Block {
		return Comparison{}, false
	}
	c := Comparison{Before: na, After: nb}
	pairs := make([]float64, min(len(a), len(b)))
	for i := range pairs {
		if pairs[i] = b[i] - a[i]; !math.IsNaN(pairs[i]) {
			c.Pairs++
		}
	}
	c.Paired = o.Paired && len(a) == len(b) && 5*c.Pairs >= 4*len(a) && c.Pairs >= 3*o.Block
	r := rand.New(rand.NewPCG(o.Seed, 0x7765_656b)) // the second word spells week
	draws := make([]float64, o.Resamples)
	blocks := min(len(a), len(b)) / o.Block
	var centre, df float64
	if c.Paired {
		p := newResampler(pairs, o.Block)
		for i := range draws {
			draws[i] = p.median(r)
		}
		centre, df = p.whole(), float64(blocks-1)
	} else {
		before, after := newResampler(a, o.Block), newResampler(b, o.Block)
		for i := range draws {
			draws[i] = after.median(r) - before.median(r)
		}
		centre, df = after.whole()-before.whole(), float64(len(a)/o.Block+len(b)/o.Block-2)
	}
	c.conclude(centre, draws, df, float64(blocks), o)
	return c, true
}

// overlap is by how much overlapping blocks know a variance better than disjoint
// ones (Künsch, "The jackknife and the bootstrap for general stationary
// observations", Annals of Statistics 17, 1989).
const overlap = 1.5

// conclude turns the bootstrap's logarithms into an interval and a verdict.
func (c *Comparison) conclude(centre float64, draws []float64, df, blocks float64, o CompareOptions) {
	widen := math.Sqrt(blocks / (blocks - 1))
	for i, d := range draws {
		draws[i] = centre + widen*(d-centre)
	}
	_, squares := variance(draws)
	slices.Sort(draws)
	low, _ := Quantile(draws, (1-o.Confidence)/2)
	high, _ := Quantile(draws, (1+o.Confidence)/2)
	c.Ratio = math.Exp(centre)
	// A percentile interval need not hold the estimate; what is printed does.
	c.Interval = Interval{Low: math.Exp(min(low, centre)), High: math.Exp(max(high, centre))}
	c.Change = changeOf(c.Interval, o.Margin)
	se := math.Sqrt(squares / float64(len(draws)))
	switch {
	case centre == 0:
		c.P = 1
	case se == 0:
		c.P = 0
	default:
		c.P = min(1, 2*studentTail(math.Abs(centre)/se, overlap*max(1, df)))
	}
}

// changeOf compares an interval of a ratio with a margin.
func changeOf(i Interval, margin float64) Change {
	up, down := 1+margin, 1/(1+margin)
	switch {
	case i.Low > up:
		return ChangeUp
	case i.High < down:
		return ChangeDown
	case i.Low >= down && i.High <= up:
		return ChangeNone
	}
	return ChangeUnclear
}

// presentLogs returns the logarithms, NaN staying NaN, and how many there are.
func presentLogs(xs []float64) (ys []float64, n int, ok bool) {
	ys = make([]float64, len(xs))
	for i, x := range xs {
		if ys[i] = math.NaN(); math.IsNaN(x) {
			continue
		}
		if x <= 0 || math.IsInf(x, 0) {
			return nil, 0, false
		}
		ys[i] = math.Log(x)
		n++
	}
	return ys, n, true
}

// resampler draws medians of a series resampled in circular blocks. It counts
// ranks instead of sorting, since each draw holds the same values again.
type resampler struct {
	sorted []float64
	// rank is where each value of the series stands in sorted, -1 for none.
	rank   []int
	counts []int
	block  int
}

// newResampler prepares a series of which at least one value is present.
func newResampler(ys []float64, block int) *resampler {
	p := &resampler{rank: make([]int, len(ys)), block: block}
	for _, y := range ys {
		if !math.IsNaN(y) {
			p.sorted = append(p.sorted, y)
		}
	}
	slices.Sort(p.sorted)
	p.counts = make([]int, len(p.sorted))
	for i, y := range ys {
		p.rank[i] = -1
		if !math.IsNaN(y) {
			p.rank[i], _ = slices.BinarySearch(p.sorted, y)
		}
	}
	return p
}

// whole returns the median of the series itself.
func (p *resampler) whole() float64 { return medianSorted(p.sorted) }

// median returns the median of one resample as long as the series.
func (p *resampler) median(r *rand.Rand) float64 {
	clear(p.counts)
	n, total := len(p.rank), 0
	for left := n; left > 0; left -= p.block {
		at := int(r.Uint64N(uint64(n)))
		for k := range min(p.block, left) {
			if rank := p.rank[(at+k)%n]; rank >= 0 {
				p.counts[rank]++
				total++
			}
		}
	}
	if total == 0 {
		return p.whole()
	}
	// The two middle ranks, from 0; the same for an odd number.
	low, high := (total-1)/2, total/2
	first := -1.0
	seen := 0
	for i, c := range p.counts {
		if seen += c; seen > low && c > 0 && seen-c <= low {
			first = p.sorted[i]
		}
		if seen > high {
			return first + (p.sorted[i]-first)/2
		}
	}
	return p.whole()
}
