package sampleapp

import (
	"hash/fnv"
	"math"
	"math/rand/v2"
	"sync"
	"time"
)

// dice draws service times and failures.
type dice struct {
	mean time.Duration
	cv   float64
	law  Law

	mu  sync.Mutex // guards rng
	rng *rand.Rand
}

// newDice seeds by the configured seed and the replica's name, so that
// replicas started with the same arguments do not move in step.
func newDice(cfg Config) *dice {
	h := fnv.New64a()
	h.Write([]byte(cfg.Replica))
	return &dice{
		mean: cfg.ServiceMean.Std(),
		cv:   cfg.ServiceCV,
		law:  cfg.ServiceLaw,
		rng:  rand.New(rand.NewPCG(cfg.Seed, h.Sum64())),
	}
}

func (d *dice) serviceTime() time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch d.law {
	case Deterministic:
		return d.mean
	case Exponential:
		return time.Duration(float64(d.mean) * d.rng.ExpFloat64())
	default:
		// A lognormal of mean m and coefficient of variation c is
		// exp(N(ln m - s²/2, s²)) with s² = ln(1 + c²).
		s2 := math.Log1p(d.cv * d.cv)
		return time.Duration(float64(d.mean) * math.Exp(math.Sqrt(s2)*d.rng.NormFloat64()-s2/2))
	}
}

// fails is true with probability p.
func (d *dice) fails(p float64) bool {
	if p <= 0 {
		return false
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.rng.Float64() < p
}
