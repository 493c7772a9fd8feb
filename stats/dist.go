package stats

import "math"

// normalTail returns P(Z > z) of the standard normal distribution.
func normalTail(z float64) float64 { return math.Erfc(z/math.Sqrt2) / 2 }

// normalQuantile returns the z with P(Z <= z) = p.
func normalQuantile(p float64) float64 { return math.Sqrt2 * math.Erfinv(2*p-1) }

// twoSided returns the probability of a standard normal value at least as far
// from 0 as z.
func twoSided(z float64) float64 { return min(1, 2*normalTail(math.Abs(z))) }

// lgamma is math.Lgamma of a positive x, whose sign is known.
func lgamma(x float64) float64 {
	v, _ := math.Lgamma(x)
	return v
}

// logBinomial returns ln P(B = k), B ~ Binomial(n, p), 0 < p < 1.
func logBinomial(k, n int, p float64) float64 {
	choose := lgamma(float64(n)+1) - lgamma(float64(k)+1) - lgamma(float64(n-k)+1)
	return choose + float64(k)*math.Log(p) + float64(n-k)*math.Log1p(-p)
}

// binomialAtMost returns P(B <= k), B ~ Binomial(n, p), through the identity
// with the incomplete beta function (Abramowitz and Stegun, 26.5.24).
func binomialAtMost(k, n int, p float64) float64 {
	switch {
	case k < 0:
		return 0
	case k >= n:
		return 1
	}
	return incompleteBeta(float64(n-k), float64(k)+1, 1-p)
}

// binomialAtLeast returns P(B >= k), B ~ Binomial(n, p), without the loss of
// digits of 1 - P(B <= k-1).
func binomialAtLeast(k, n int, p float64) float64 {
	switch {
	case k <= 0:
		return 1
	case k > n:
		return 0
	}
	return incompleteBeta(float64(k), float64(n-k)+1, p)
}

// incompleteBeta returns the regularised incomplete beta function I_x(a, b) by
// its continued fraction (DLMF 8.17.22) with Lentz's algorithm, on the side
// where it converges fast.
func incompleteBeta(a, b, x float64) float64 {
	switch {
	case x <= 0:
		return 0
	case x >= 1:
		return 1
	}
	front := math.Exp(lgamma(a+b) - lgamma(a) - lgamma(b) + a*math.Log(x) + b*math.Log1p(-x))
	if x < (a+1)/(a+b+2) {
		return min(1, front*betaFraction(a, b, x)/a)
	}
	return max(0, 1-front*betaFraction(b, a, 1-x)/b)
}

// betaFraction evaluates the continued fraction of incompleteBeta. The number
// of steps grows with the root of max(a, b).
func betaFraction(a, b, x float64) float64 {
	const tiny, eps, steps = 1e-300, 1e-15, 100_000
	away := func(v float64) float64 {
		if math.Abs(v) < tiny {
			return tiny
		}
		return v
	}
	c, d := 1.0, 1/away(1-(a+b)*x/(a+1))
	h := d
	for i := 1; i <= steps; i++ {
		m := float64(i)
		even := m * (b - m) * x / ((a + 2*m - 1) * (a + 2*m))
		d = 1 / away(1+even*d)
		c = away(1 + even/c)
		h *= d * c
		odd := -(a + m) * (a + b + m) * x / ((a + 2*m) * (a + 2*m + 1))
		d = 1 / away(1+odd*d)
		c = away(1 + odd/c)
		h *= d * c
		if math.Abs(d*c-1) < eps {
			break
		}
	}
	return h
}

// studentTail returns P(T > t) of Student's distribution with df degrees of
// freedom (Abramowitz and Stegun, 26.7.1).
func studentTail(t, df float64) float64 {
	half := incompleteBeta(df/2, 0.5, df/(df+t*t)) / 2
	if t < 0 {
		return 1 - half
	}
	return half
}

// studentQuantile returns the t with P(T <= t) = p for p above one half, by
// bisection: it is called once for a whole analysis.
func studentQuantile(p, df float64) float64 {
	lo, hi := 0.0, 1.0
	for studentTail(hi, df) > 1-p && hi < 1e9 {
		lo, hi = hi, 2*hi
	}
	for range 80 {
		mid := (lo + hi) / 2
		if studentTail(mid, df) > 1-p {
			lo = mid
		} else {
			hi = mid
		}
	}
	return (lo + hi) / 2
}
