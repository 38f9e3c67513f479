package queueing

import (
	"math"
	"math/rand/v2"
)

// Sampler returns what draws service times of a law, in seconds.
func Sampler(l Law) func(*rand.Rand) float64 {
	switch l := l.(type) {
	case deterministic:
		return func(*rand.Rand) float64 { return float64(l) }
	case exponential:
		return func(r *rand.Rand) float64 { return float64(l) * r.ExpFloat64() }
	case lognormal:
		return func(r *rand.Rand) float64 { return math.Exp(l.mu + l.sigma*r.NormFloat64()) }
	case *empirical:
		return func(r *rand.Rand) float64 { return l.sorted[r.IntN(len(l.sorted))] }
	default:
		return func(r *rand.Rand) float64 { return l.Quantile(r.Float64()) }
	}
}
