package ensemble

import (
	"math"
)

// channel is one thing that is forecast: the value at a horizon, or the
// largest until then.
type channel struct {
	horizon int
	peak    bool

	Experts   []expert
	Loss      float64   // running mean of the mixture's pinball loss: the unit of weights
	Theta     []float64 // conformal correction of each level, in error sizes
	Quantiles []float64 // what is said now
	Score     score
	Promises  []promise // what was said, until it is known; by step modulo the horizon
}

// promise is what was said of a step.
type promise struct {
	Step      int64
	Points    []float64 // the number of each expert
	Sizes     []float64 // and the size of its errors
	Quantiles []float64 // what was said of all together
	Size      float64   // and their size of errors
}

func newChannel(cfg Config, experts, horizon int, peak bool) channel {
	levels := len(cfg.Levels)
	c := channel{
		horizon: horizon, peak: peak,
		Theta: make([]float64, levels), Quantiles: make([]float64, levels), Score: newScore(levels),
	}
	for range experts {
		c.Experts = append(c.Experts, newExpert(cfg, 1/float64(experts)))
	}
	for range horizon {
		c.Promises = append(c.Promises, promise{
			Step: math.MinInt64, Points: make([]float64, experts), Sizes: make([]float64, experts), Quantiles: make([]float64, levels),
		})
	}
	return c
}

// at is where the promise of a step is kept.
func (c *channel) at(step int64) *promise {
	return &c.Promises[modulo(step, int64(c.horizon))]
}

// settle learns from what a step turned out to be.
func (c *channel) settle(cfg *Config, step int64, truth float64) {
	p := c.at(step)
	if p.Step != step {
		return // nothing was said of it
	}
	c.weigh(cfg, p, truth)
	for k := range c.Experts {
		c.Experts[k].learn(cfg, p.Points[k], p.Sizes[k], truth)
	}
	c.correct(cfg, p, truth)
	c.Score.count(cfg.Levels, p.Quantiles, truth)
}

// promise says what is expected of the step a horizon after the newest.
func (c *channel) promise(cfg *Config, step int64, value float64, paths [][]float64) {
	p := c.at(step)
	p.Step, p.Size = step+int64(c.horizon), 0
	clear(p.Quantiles)
	for k := range c.Experts {
		e := &c.Experts[k]
		point := paths[k][c.horizon-1]
		if c.peak {
			point = largest(paths[k][:c.horizon])
		}
		size := e.size(cfg, point, value)
		p.Points[k], p.Sizes[k] = point, size
		p.Size += e.Weight * size
		for l, z := range e.Shape {
			p.Quantiles[l] += e.Weight * math.Max(0, point+size*z)
		}
	}
	floor := 0.0
	for l := range p.Quantiles {
		floor = math.Max(floor, p.Quantiles[l]+c.Theta[l]*p.Size)
		p.Quantiles[l] = floor
	}
	copy(c.Quantiles, p.Quantiles)
}

func largest(values []float64) float64 {
	most := values[0]
	for _, v := range values[1:] {
		most = math.Max(most, v)
	}
	return most
}

// correct moves each level's quantile by quantile tracking: up when the truth
// lay above it, down when it lay below, so much that it stays where it is when
// the level is kept. Whatever the series, the share of values above it then
// tends to what was asked for (Gibbs, Candès 2021; Angelopoulos, Candès,
// Tibshirani 2023). A tail is moved as much by its few misses as the middle by
// its many.
func (c *channel) correct(cfg *Config, p *promise, truth float64) {
	for l, level := range cfg.Levels {
		c.Theta[l] = track(c.Theta[l], level, cfg.Gamma, truth, p.Quantiles[l])
	}
}

// track moves the quantile q of a level by one truth. For errors of size 1 with
// exponential tails the density at the quantile is the smaller of level and
// 1 − level, so rate/density × (level − 1{truth ≤ said}) is the step of Robbins
// and Monro (1951); the step up is at most 1.
func track(q, level, rate, truth, said float64) float64 {
	tail := math.Min(level, 1-level)
	rate = math.Min(rate, tail)
	switch {
	case truth > said:
		return math.Min(q+rate*level/tail, farthest)
	case truth < said:
		return math.Max(q-rate*(1-level)/tail, -farthest)
	}
	return q
}

// farthest bounds what is tracked, in error sizes.
const farthest = 1000
