package sim

import (
	"hash/fnv"
	"math"
	"math/rand/v2"
	"time"
)

// maxPause bounds what one draw of a latency can become.
const maxPause = 24 * time.Hour

// hash64 returns the FNV-1a hash of s.
func hash64(s string) uint64 {
	h := fnv.New64a()
	// A hash never fails to write.
	_, _ = h.Write([]byte(s))
	return h.Sum64()
}

// stream returns the random numbers of the nth request to the model of that
// name. Each request has its own, so that what it draws depends on nothing
// that runs beside it.
func stream(seed uint64, name string, n uint64) *rand.Rand {
	return rand.New(rand.NewPCG(seed, hash64(name)+n*0x9e3779b97f4a7c15))
}

// schedule returns when each of n tokens is ready, counted from when computing
// began; n is at least 1, and without tokens the one entry is the answer's.
// tokensIn is the length of the input, running how many requests compute.
func (l Latency) schedule(rng *rand.Rand, n, tokensIn, running int) []time.Duration {
	slower := 1 + l.Load*float64(running-1)
	at := make([]time.Duration, n)
	at[0] = scale(time.Duration(l.Prefill)+time.Duration(l.PrefillPerToken)*time.Duration(tokensIn), slower*l.jitter(rng))
	for i := 1; i < n; i++ {
		at[i] = at[i-1] + scale(time.Duration(l.PerToken), slower*l.jitter(rng))
	}
	return at
}

// scale returns d times factor, at most maxPause. A factor of 1 is exact.
func scale(d time.Duration, factor float64) time.Duration {
	if factor == 1 {
		return min(d, maxPause)
	}
	return time.Duration(min(float64(d)*factor, float64(maxPause)))
}

// jitter draws a factor.
func (l Latency) jitter(rng *rand.Rand) float64 {
	switch l.Jitter {
	case "uniform":
		return max(0, 1+l.Spread*(2*rng.Float64()-1))
	case "normal":
		return max(0, 1+l.Spread*max(-3, min(3, rng.NormFloat64())))
	case "lognormal":
		// The mean of exp(N(mu, s)) is exp(mu + s*s/2).
		return math.Exp(l.Spread*rng.NormFloat64() - l.Spread*l.Spread/2)
	default:
		return 1
	}
}
