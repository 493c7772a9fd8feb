package stats

import (
	"math"
	"slices"
	"testing"
)

// hourly returns n hourly medians with a daily cycle of 5 % and 8 % of noise.
func hourly(seed uint64, n int, rho float64) []float64 {
	out := memory(generator(seed), n, 0.08, rho)
	for i, e := range out {
		out[i] = 500 * (1 + 0.05*math.Sin(2*math.Pi*float64(i)/24)) * math.Exp(e)
	}
	return out
}

// scaled returns xs times k.
func scaled(xs []float64, k float64) []float64 {
	out := slices.Clone(xs)
	for i := range out {
		out[i] *= k
	}
	return out
}

// TestCompare has a sentence for each verdict.
func TestCompare(t *testing.T) {
	two := hourly(1, 336, 0.5)
	earlier, later := two[:168], two[168:]
	unpaired := DefaultCompare(1)
	unpaired.Paired = false
	for _, c := range []struct {
		why   string
		later []float64
		o     CompareOptions
		want  Change
	}{
		{"the same week over again is the same", earlier, DefaultCompare(1), ChangeNone},
		{"18 % slower is slower", scaled(later, 1.18), DefaultCompare(1), ChangeUp},
		{"and without pairs", scaled(later, 1.18), unpaired, ChangeUp},
		{"a sixth faster is faster", scaled(later, 1/1.18), unpaired, ChangeDown},
		{"5 % reaches over the margin", scaled(later, 1.05), unpaired, ChangeUnclear},
	} {
		got, ok := Compare(earlier, c.later, c.o)
		if !ok || got.Change != c.want || !got.Interval.Contains(got.Ratio) || got.Paired != c.o.Paired || got.Before != 168 {
			t.Errorf("%s: %+v, want %s", c.why, got, c.want)
		}
	}
	exact, _ := Compare(earlier, scaled(earlier, 1.2), DefaultCompare(1))
	if !near(exact.Ratio, 1.2) || !near(exact.Interval.Low, 1.2) || exact.P != 0 && exact.P > 1e-9 {
		t.Errorf("an exact fifth more = %+v", exact)
	}
	same, _ := Compare(earlier, earlier, DefaultCompare(1))
	if same.P != 1 || same.Ratio != 1 {
		t.Errorf("the same = %+v, want ratio 1 and p 1", same)
	}
}

// TestCompareIsFair: units do not matter, the seed alone decides the draws, and
// the other way round is the inverse.
func TestCompareIsFair(t *testing.T) {
	two := hourly(2, 336, 0.5)
	a, b := two[:168], scaled(two[168:], 1.1)
	for _, paired := range []bool{true, false} {
		o := DefaultCompare(9)
		o.Paired = paired
		got, _ := Compare(a, b, o)
		again, _ := Compare(a, b, o)
		if got != again {
			t.Errorf("the same seed gives %+v and %+v", got, again)
		}
		ms, _ := Compare(scaled(a, 1000), scaled(b, 1000), o)
		if !near(ms.Ratio, got.Ratio) || math.Abs(ms.Interval.Low-got.Interval.Low) > 1e-9 || ms.Change != got.Change {
			t.Errorf("in milliseconds %+v, in seconds %+v", ms, got)
		}
		back, _ := Compare(b, a, o)
		if !near(back.Ratio, 1/got.Ratio) || math.Abs(back.Interval.Low*got.Interval.High-1) > 0.01 || math.Abs(back.P-got.P) > 0.01 {
			t.Errorf("the other way round %+v, want the inverse of %+v", back, got)
		}
		o.Seed++
		other, _ := Compare(a, b, o)
		if other.Interval == got.Interval || math.Abs(other.Interval.Low-got.Interval.Low) > 0.01 {
			t.Errorf("another seed gives %v, the first %v", other.Interval, got.Interval)
		}
	}
}

// TestSeedsMeanTheSameForEver pins the draws of a seed.
func TestSeedsMeanTheSameForEver(t *testing.T) {
	a, b := make([]float64, 72), make([]float64, 72)
	for i := range a {
		a[i] = 100 + float64(i*37%23)
		b[i] = 110 + float64(i*29%31)
	}
	o := DefaultCompare(42)
	o.Paired = false
	got, ok := Compare(a, b, o)
	if !ok || !near(got.Ratio, 126.0/111) || math.Abs(got.Interval.Low-wantLow) > 1e-9 || math.Abs(got.Interval.High-wantHigh) > 1e-9 {
		t.Errorf("Compare = %.12f %.12f %.12f, want %.12f %.12f %.12f", got.Ratio, got.Interval.Low, got.Interval.High, 126.0/111, wantLow, wantHigh)
	}
}

// The interval of TestSeedsMeanTheSameForEver.
const (
	wantLow  = 1.102123036571
	wantHigh = 1.163672898623
)

// TestCompareWithGaps: missing hours are left out, and too few are no week.
func TestCompareWithGaps(t *testing.T) {
	two := hourly(3, 336, 0.5)
	a, b := slices.Clone(two[:168]), scaled(two[168:], 1.2)
	for i := 0; i < 168; i += 10 {
		a[i] = math.NaN()
	}
	got, ok := Compare(a, b, DefaultCompare(1))
	if !ok || !got.Paired || got.Before != 151 || got.After != 168 || got.Pairs != 151 || got.Change != ChangeUp {
		t.Errorf("with a tenth missing = %+v", got)
	}
	for i := range b[:60] {
		b[i] = math.NaN()
	}
	got, ok = Compare(a, b, DefaultCompare(1))
	if !ok || got.Paired || got.After != 108 || got.Change != ChangeUp {
		t.Errorf("with a third missing = %+v, want no pairs", got)
	}
	for i := range b[:100] {
		b[i] = math.NaN()
	}
	if got, ok := Compare(a, b, DefaultCompare(1)); ok {
		t.Errorf("less than three days compare as %+v", got)
	}
	if _, ok := Compare(a, scaled(a, -1), DefaultCompare(1)); ok {
		t.Error("negative values compare")
	}
	if _, ok := Compare(a, a, CompareOptions{}); ok {
		t.Error("the zero options compare")
	}
}

// TestResamplerCountsRight compares the counted median with a sorted one.
func TestResamplerCountsRight(t *testing.T) {
	ys := memory(generator(4), 50, 1, 0.3)
	ys[7], ys[8], ys[20] = math.NaN(), ys[9], ys[10]
	for _, block := range []int{1, 7, 50, 60} {
		p := newResampler(ys, block)
		r, mirror := generator(5), generator(5)
		for range 200 {
			var drawn []float64
			for left := len(ys); left > 0; left -= block {
				at := int(mirror.Uint64N(uint64(len(ys))))
				for k := range min(block, left) {
					if y := ys[(at+k)%len(ys)]; !math.IsNaN(y) {
						drawn = append(drawn, y)
					}
				}
			}
			want, _ := Median(drawn)
			if got := p.median(r); !near(got, want) {
				t.Fatalf("block %d: median %g, sorting says %g", block, got, want)
			}
		}
	}
}

// TestWeeks is the acceptance of the comparison, in small: bench/stats prints
// the whole table.
func TestWeeks(t *testing.T) {
	const reps = 100
	for _, rho := range []float64{0, 0.5, 0.8} {
		alarms, found := 0, 0
		for i := range reps {
			two := hourly(uint64(1000+i), 336, rho)
			o := DefaultCompare(uint64(i))
			o.Resamples = 500
			if c, _ := Compare(two[:168], two[168:], o); c.Change == ChangeUp || c.Change == ChangeDown {
				alarms++
			}
			if c, _ := Compare(two[:168], scaled(two[168:], 1.18), o); c.Change == ChangeUp {
				found++
			}
		}
		if alarms > 1 || found < reps*95/100 {
			t.Errorf("ρ = %g: %d false alarms of %d, %d found", rho, alarms, reps, found)
		}
	}
}
