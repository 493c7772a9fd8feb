package load

import "math"

// The draws of this file are inverse distribution functions of uniform numbers,
// our own: what a library draws from a seed changes with the library, and a seed
// must mean the same arrivals for ever.

// exponential returns the u-quantile of the exponential distribution of mean 1.
func exponential(u float64) float64 { return -math.Log1p(-u) }

// gammaQuantile returns the u-quantile of the gamma distribution of the shape k
// and mean 1, by bisection and Newton's method on the regularised incomplete
// gamma function.
func gammaQuantile(k, u float64) float64 {
	if k == 1 {
		return exponential(u)
	}
	if u <= 0 {
		return 0
	}
	lg, _ := math.Lgamma(k)
	// The start of Wilson and Hilferty (1931), or the lower tail's own power.
	z := normalQuantile(u)
	c := 1 / (9 * k)
	x := k * math.Pow(max(1-c+z*math.Sqrt(c), 0), 3)
	if x <= 1e-3*k {
		x = math.Exp((math.Log(u) + math.Log(k) + lg) / k)
	}
	low, high := 0.0, math.Inf(1)
	for range 100 {
		p := gammaP(k, lg, x)
		if p > u {
			high = x
		} else {
			low = x
		}
		density := math.Exp((k-1)*math.Log(x) - x - lg)
		next := x - (p-u)/density
		if !(next > low && next < high) {
			next = low + (high-low)/2
			if math.IsInf(high, 1) {
				next = 2*x + 1
			}
		}
		if math.Abs(next-x) <= 1e-12*x || next == 0 {
			return next / k
		}
		x = next
	}
	return x / k
}

// gammaP returns the regularised lower incomplete gamma function P(k, x), by its
// series below k+1 and by a continued fraction beyond (Abramowitz and Stegun,
// 6.5.29 and 6.5.31, the latter by Lentz's method). lg is log Γ(k).
func gammaP(k, lg, x float64) float64 {
	if x <= 0 {
		return 0
	}
	front := math.Exp(k*math.Log(x) - x - lg)
	if x < k+1 {
		term := 1 / k
		sum := term
		for n := k + 1; math.Abs(term) > 1e-17*sum; n++ {
			term *= x / n
			sum += term
		}
		return front * sum
	}
	const tiny = 1e-300
	b := x + 1 - k
	c, d := 1/tiny, 1/b
	h := d
	for i := 1.0; i < 1e6; i++ {
		a := -i * (i - k)
		b += 2
		d = a*d + b
		if math.Abs(d) < tiny {
			d = tiny
		}
		c = b + a/c
		if math.Abs(c) < tiny {
			c = tiny
		}
		d = 1 / d
		h *= d * c
		if math.Abs(d*c-1) < 1e-16 {
			break
		}
	}
	return 1 - front*h
}

// normalQuantile returns the u-quantile of the normal distribution.
func normalQuantile(u float64) float64 {
	u = min(max(u, 1e-300), 1-1e-16)
	return math.Sqrt2 * math.Erfinv(2*u-1)
}
