package queueing

import (
	"fmt"
	"math"
	"slices"
)

// Law is how long services take, in seconds. Its methods read only: one value
// may serve many.
type Law interface {
	Mean() float64
	// CV is the coefficient of variation: standard deviation over mean.
	CV() float64
	// CDF is the share of services that take at most t.
	CDF(t float64) float64
	// Quantile is the time that a share p of the services takes at most.
	Quantile(p float64) float64
	// Excess is the mean of what a service takes longer than t: E[(S−t)⁺].
	// 1 − Excess(t)/Mean is the law of what is left of a service somebody
	// finds in progress.
	Excess(t float64) float64
	String() string
}

type deterministic float64

// Deterministic is the law of services that all take the same.
func Deterministic(mean float64) Law { return deterministic(mean) }

func (d deterministic) Mean() float64            { return float64(d) }
func (d deterministic) CV() float64              { return 0 }
func (d deterministic) Quantile(float64) float64 { return float64(d) }
func (d deterministic) Excess(t float64) float64 { return max(0, float64(d)-max(0, t)) }
func (d deterministic) String() string           { return fmt.Sprintf("deterministic %v s", float64(d)) }
func (d deterministic) CDF(t float64) (at float64) {
	if t >= float64(d) {
		at = 1
	}
	return at
}

type exponential float64

// Exponential is the law of services without memory.
func Exponential(mean float64) Law { return exponential(mean) }

func (e exponential) Mean() float64              { return float64(e) }
func (e exponential) CV() float64                { return 1 }
func (e exponential) CDF(t float64) float64      { return -math.Expm1(-max(0, t) / float64(e)) }
func (e exponential) Quantile(p float64) float64 { return -float64(e) * math.Log1p(-p) }
func (e exponential) Excess(t float64) float64   { return float64(e) * math.Exp(-max(0, t)/float64(e)) }
func (e exponential) String() string             { return fmt.Sprintf("exponential %v s", float64(e)) }

// lognormal is the law of e^(mu + sigma·N).
type lognormal struct{ mean, cv, mu, sigma float64 }

// Lognormal is the law of services whose logarithm is normal; deterministic
// when cv is 0. With σ² = ln(1+cv²) and μ = ln(mean) − σ²/2.
func Lognormal(mean, cv float64) Law {
	if cv == 0 {
		return Deterministic(mean)
	}
	variance := math.Log1p(cv * cv)
	return lognormal{mean: mean, cv: cv, mu: math.Log(mean) - variance/2, sigma: math.Sqrt(variance)}
}

func (l lognormal) Mean() float64 { return l.mean }
func (l lognormal) CV() float64   { return l.cv }

func (l lognormal) CDF(t float64) float64 {
	if t <= 0 {
		return 0
	}
	return normalCDF((math.Log(t) - l.mu) / l.sigma)
}

func (l lognormal) Quantile(p float64) float64 {
	return math.Exp(l.mu + l.sigma*math.Sqrt2*math.Erfinv(2*p-1))
}

// Excess is m·Φ(d+σ) − t·Φ(d), d = (μ − ln t)/σ: the price of a call (Black and
// Scholes 1973) without interest.
func (l lognormal) Excess(t float64) float64 {
	if t <= 0 {
		return l.mean
	}
	d := (l.mu - math.Log(t)) / l.sigma
	return max(0, l.mean*normalCDF(d+l.sigma)-t*normalCDF(d))
}

func (l lognormal) String() string { return fmt.Sprintf("lognormal %v s, CV %v", l.mean, l.cv) }

func normalCDF(z float64) float64 { return math.Erfc(-z/math.Sqrt2) / 2 }

// empirical is the law of drawing from a sample.
type empirical struct {
	sorted []float64
	above  []float64 // above[i] is the sum of sorted[i:]
	cv     float64
}

// Empirical is the law of drawing from a sample of measured services. The
// sample must not be empty and hold only finite times above 0.
func Empirical(sample []float64) (Law, error) {
	if len(sample) == 0 {
		return nil, fmt.Errorf("empirical law: the sample is empty, want at least one service time")
	}
	e := &empirical{sorted: slices.Sorted(slices.Values(sample)), above: make([]float64, len(sample)+1)}
	if low, high := e.sorted[0], e.sorted[len(sample)-1]; !(low > 0) || math.IsInf(high, 1) {
		return nil, fmt.Errorf("empirical law: service times must be finite and above 0, got %v to %v", low, high)
	}
	for i := len(sample) - 1; i >= 0; i-- {
		e.above[i] = e.above[i+1] + e.sorted[i]
	}
	mean, squares := e.Mean(), 0.0
	for _, x := range e.sorted {
		squares += (x - mean) * (x - mean)
	}
	e.cv = math.Sqrt(squares/float64(len(sample))) / mean
	return e, nil
}

// rank is how many of the sample are at most t.
func (e *empirical) rank(t float64) int {
	at, _ := slices.BinarySearchFunc(e.sorted, t, func(x, t float64) int {
		if x <= t {
			return -1
		}
		return 1
	})
	return at
}

func (e *empirical) Mean() float64         { return e.above[0] / float64(len(e.sorted)) }
func (e *empirical) CV() float64           { return e.cv }
func (e *empirical) CDF(t float64) float64 { return float64(e.rank(t)) / float64(len(e.sorted)) }

func (e *empirical) Quantile(p float64) float64 {
	n := len(e.sorted)
	return e.sorted[min(n-1, max(0, int(math.Ceil(p*float64(n)))-1))]
}

func (e *empirical) Excess(t float64) float64 {
	if t <= 0 {
		return e.Mean()
	}
	at := e.rank(t)
	return max(0, (e.above[at]-t*float64(len(e.sorted)-at))/float64(len(e.sorted)))
}

func (e *empirical) String() string {
	return fmt.Sprintf("%d measured services, mean %.4g s, CV %.3g", len(e.sorted), e.Mean(), e.cv)
}
