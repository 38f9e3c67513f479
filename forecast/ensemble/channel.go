package ensemble

import (
	"slices"

	"github.com/flyball-io/flyball/forecast"
)

// channel is one thing that is forecast: the value at a horizon, or the
// largest until then.
type channel struct {
	horizon int
	peak    bool
	pace    *pace // that of the horizon

	Experts  []expert
	Loss     float64                   // running mean of the mixture's pinball loss: the unit of weights
	Theta    forecast.Numbers[float64] // conformal correction of each level, in error sizes
	Score    score
	Promises []promise // what was said, until it is known; by step modulo the horizon
}

// promise is what was said of a step.
type promise struct {
	Step      int64
	Points    forecast.Numbers[float64] // the number of each expert
	Sizes     forecast.Numbers[float64] // and the size of its errors
	Size      float64                   // their weighted mean
	Own       forecast.Numbers[float64] // quantiles of all experts together, corrected
	Quantiles forecast.Numbers[float64] // what was said: the same, raised where something else shows more
}

func newChannel(cfg *Config, experts int, pace *pace, peak bool) channel {
	levels, horizon := len(cfg.Levels), pace.horizon
	c := channel{
		horizon: horizon, peak: peak, pace: pace,
		Theta: make([]float64, levels), Score: newScore(levels),
	}
	for range experts {
		c.Experts = append(c.Experts, newExpert(cfg, 1/float64(experts)))
	}
	for range horizon {
		c.Promises = append(c.Promises, promise{
			Step: never, Points: make([]float64, experts), Sizes: make([]float64, experts),
			Own: make([]float64, levels), Quantiles: make([]float64, levels),
		})
	}
	c.gather()
	return c
}

// gather lays all numbers of a channel side by side. They are read together, and
// those of one target among thousands come from beyond the caches.
func (c *channel) gather() {
	var all []*forecast.Numbers[float64]
	all = append(all, &c.Theta, &c.Score.Kept)
	for k := range c.Experts {
		all = append(all, &c.Experts[k].Shape)
	}
	for i := range c.Promises {
		p := &c.Promises[i]
		all = append(all, &p.Points, &p.Sizes, &p.Own, &p.Quantiles)
	}
	size := 0
	for _, numbers := range all {
		size += len(*numbers)
	}
	room := make([]float64, 0, size)
	for _, numbers := range all {
		from := len(room)
		room = append(room, *numbers...)
		*numbers = room[from:len(room):len(room)]
	}
}

// at is where the promise of a step is kept.
func (c *channel) at(step int64) *promise {
	return &c.Promises[modulo(step, int64(c.horizon))]
}

// settle learns from what a step turned out to be. Of a step that was not
// measured nothing is learned: everything stays as it is.
func (c *channel) settle(cfg *Config, step int64, truth float64) {
	p := c.at(step)
	if p.Step != step {
		return // nothing was said of it
	}
	loss := c.weigh(cfg, p, truth)
	c.pace.after(c.Score.Settled)
	for k := range c.Experts {
		c.Experts[k].learn(c.pace.keep, c.pace.shape, p.Points[k], p.Sizes[k], truth)
	}
	c.correct(p, truth)
	c.Score.count(p.Quantiles, truth, loss)
}

// promise says what is expected of the step a horizon after the newest: the
// weighted mean of the experts' quantiles, corrected.
func (c *channel) promise(cfg *Config, step int64, value float64, paths [][]float64) {
	p := c.at(step)
	surprise := p.Step == step && value > p.Own[len(p.Own)-1]
	p.Step, p.Size = step+int64(c.horizon), 0
	own := p.Own
	clear(own)
	for k := range c.Experts {
		e := &c.Experts[k]
		point := paths[k][c.horizon-1]
		if c.peak {
			point = slices.Max(paths[k][:c.horizon])
		}
		size := e.size(cfg, point, value)
		p.Points[k], p.Sizes[k] = point, size
		weight := e.Weight
		p.Size += weight * size
		for l, z := range e.Shape[:len(own)] {
			if q := point + size*z; q > 0 {
				own[l] += weight * q
			}
		}
	}
	floor, unit := 0.0, p.Size
	for l, theta := range c.Theta[:len(own)] {
		if q := own[l] + theta*unit; q > floor {
			floor = q
		}
		own[l] = floor
	}
	copy(p.Quantiles, own)
	if surprise {
		p.stay(cfg, value)
	}
}

// stay moves the upper half up to a value that was above all that was said of
// it: whatever made it may last, and what the experts learn from it shows in
// what they say only a horizon later.
func (p *promise) stay(cfg *Config, value float64) {
	middle := -1.0
	for l, level := range cfg.Levels {
		if level < 0.5 {
			continue
		}
		if middle < 0 {
			middle = p.Own[l]
		}
		p.Quantiles[l] = max(p.Own[l], value+p.Own[l]-middle)
	}
}

// raise lifts what was said just now to what another channel says: a peak is
// nowhere below a value that it is the largest of.
func (c *channel) raise(step int64, other *channel) {
	p, q := c.at(step), other.at(step).Quantiles
	for l := range p.Quantiles {
		p.Quantiles[l] = max(p.Quantiles[l], q[l])
	}
}

// correct moves each level of the mixture by quantile tracking. As long as the
// correction stays within [farthest] error sizes, the share of truths above a
// quantile tends to at most what was asked for, whatever the series: what the
// correction has moved is the surplus of misses times gamma (Gibbs, Candès 2021;
// Angelopoulos, Candès, Tibshirani 2023). Tails grow as long as they are missed.
// Where something has raised what was said, it does not sink by more than
// an error's size below that, to be there when it no longer does: truths below
// are then not counted against those above, so it is at most, not exactly, what
// was asked for. What is obtained is measured (docs/forecasting.md).
func (c *channel) correct(p *promise, truth float64) {
	for l, said := range p.Quantiles {
		if truth < said && p.Own[l] < said-p.Size {
			continue
		}
		c.Theta[l] = c.pace.theta[l].track(c.Theta[l], truth, said)
	}
}
