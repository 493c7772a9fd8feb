package stats

import (
	"cmp"
	"math"
	"slices"
)

// RankTest is the result of MannWhitney.
type RankTest struct {
	// U counts the pairs in which the value of xs is the larger, ties by half.
	U float64
	// Z is U in standard errors from its expectation: positive where xs tends to
	// be larger.
	Z float64
	// P is the two-sided probability of a U as far out if both come from one
	// distribution: exact where Exact is set, else by the normal approximation.
	P     float64
	Exact bool
}

// exactPairs bounds the product of the sizes for which P is counted exactly.
const exactPairs = 400

// MannWhitney compares two independent samples by ranks (Mann and Whitney, "On a
// test of whether one of two random variables is stochastically larger than the
// other", 1947): exactly for small samples without ties, else with the variance
// corrected for ties. Z and the normal P have no continuity correction. Values
// that are correlated in time make P too small: multiply Z by √((1-ρ)/(1+ρ)), see
// EffectiveSize. Absent where a sample is empty or all values are equal.
func MannWhitney(xs, ys []float64) (RankTest, bool) {
	nx, ny := len(xs), len(ys)
	if nx == 0 || ny == 0 || !finite(xs) || !finite(ys) {
		return RankTest{}, false
	}
	all := slices.Concat(xs, ys)
	ranks, ties := midRanks(all)
	sum := 0.0
	for _, r := range ranks[:nx] {
		sum += r
	}
	a, b, n := float64(nx), float64(ny), float64(nx+ny)
	u := sum - a*(a+1)/2
	spread := a * b / 12 * ((n + 1) - ties/(n*(n-1)))
	if spread <= 0 {
		return RankTest{}, false
	}
	z := (u - a*b/2) / math.Sqrt(spread)
	if ties == 0 && nx*ny <= exactPairs {
		return RankTest{U: u, Z: z, P: exactRankP(int(u), nx, ny), Exact: true}, true
	}
	return RankTest{U: u, Z: z, P: twoSided(z)}, true
}

// midRanks returns the rank from 1 of each value, equal values sharing the mean
// of theirs, and Σ(t³-t) over the groups of t equal values.
func midRanks(xs []float64) (ranks []float64, ties float64) {
	order := make([]int, len(xs))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(xs[a], xs[b]) })
	ranks = make([]float64, len(xs))
	for i := 0; i < len(order); {
		j := i + 1
		for j < len(order) && xs[order[j]] == xs[order[i]] {
			j++
		}
		for _, k := range order[i:j] {
			ranks[k] = float64(i+j+1) / 2
		}
		t := float64(j - i)
		ties += t*t*t - t
		i = j
	}
	return ranks, ties
}

// exactRankP returns the two-sided probability of u among all orders of nx and
// ny different values, which the recurrence of Mann and Whitney counts:
// w(u; m, n) = w(u-n; m-1, n) + w(u; m, n-1).
func exactRankP(u, nx, ny int) float64 {
	most := nx * ny
	u = min(u, most-u)
	// ways[m][k] is the number of orders of m and the n so far with U = k.
	ways := make([][]float64, nx+1)
	for m := range ways {
		ways[m] = make([]float64, most+1)
		ways[m][0] = 1
	}
	for n := 1; n <= ny; n++ {
		for m := 1; m <= nx; m++ {
			for k := most; k >= n; k-- {
				ways[m][k] += ways[m-1][k-n]
			}
		}
	}
	total, tail := 0.0, 0.0
	for k, w := range ways[nx] {
		total += w
		if k <= u {
			tail += w
		}
	}
	return min(1, 2*tail/total)
}

// RankTestSize returns how many independent values each side of MannWhitney needs
// to see that one side is ratio times the other, for lognormal values with sigma
// the standard deviation of the logarithm, at the two-sided level alpha and with
// the power given: (z_{α/2}+z_β)²·2σ²/ln²r, the size for a t-test, times π/3, the
// price of ranks (Lehmann, "Nonparametrics", 1975, 2.4). Absent for a ratio of 1.
func RankTestSize(ratio, sigma, alpha, power float64) (int, bool) {
	if !(ratio > 0) || ratio == 1 || math.IsInf(ratio, 0) || !(sigma > 0) || math.IsInf(sigma, 0) || !share(alpha) || !share(power) {
		return 0, false
	}
	z := normalQuantile(1-alpha/2) + normalQuantile(power)
	l := math.Log(ratio)
	n := math.Ceil(z * z * 2 * sigma * sigma / (l * l) * math.Pi / 3)
	if n > math.MaxInt32 {
		return 0, false
	}
	return int(max(n, 1)), true
}

// MeanTest is the result of Welch: the difference of the means of ys and xs.
type MeanTest struct {
	Difference float64
	// T is the difference in standard errors, DF its degrees of freedom.
	T, DF float64
	// P is two-sided.
	P float64
	// Interval holds the difference with the confidence asked for.
	Interval Interval
}

// Welch compares the means of two independent samples whose variances may differ
// (Welch, Biometrika 34, 1947). Absent below two values on a side and where
// neither side varies.
func Welch(xs, ys []float64, confidence float64) (MeanTest, bool) {
	if len(xs) < 2 || len(ys) < 2 || !share(confidence) || !finite(xs) || !finite(ys) {
		return MeanTest{}, false
	}
	mx, sx := variance(xs)
	my, sy := variance(ys)
	nx, ny := float64(len(xs)), float64(len(ys))
	vx, vy := sx/(nx-1)/nx, sy/(ny-1)/ny
	se := math.Sqrt(vx + vy)
	if se == 0 {
		return MeanTest{}, false
	}
	t := MeanTest{Difference: my - mx}
	t.T = t.Difference / se
	t.DF = (vx + vy) * (vx + vy) / (vx*vx/(nx-1) + vy*vy/(ny-1))
	t.P = min(1, 2*studentTail(math.Abs(t.T), t.DF))
	half := studentQuantile((1+confidence)/2, t.DF) * se
	t.Interval = Interval{Low: t.Difference - half, High: t.Difference + half}
	return t, true
}

// BenjaminiHochberg returns for each p-value its q-value: the smallest rate of
// false discoveries at which it would be called one, p·m/rank made monotone
// (Benjamini and Hochberg, "Controlling the false discovery rate", 1995). The
// order of the input is kept; it controls the rate for independent series and
// for those that rise and fall together. A NaN counts as 1.
func BenjaminiHochberg(ps []float64) []float64 {
	order := make([]int, len(ps))
	qs := make([]float64, len(ps))
	for i, p := range ps {
		order[i], qs[i] = i, p
		if math.IsNaN(p) {
			qs[i] = 1
		}
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(qs[b], qs[a]) })
	least, m := 1.0, float64(len(ps))
	for i, k := range order {
		least = min(least, qs[k]*m/(m-float64(i)))
		qs[k] = least
	}
	return qs
}
