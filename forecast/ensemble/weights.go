package ensemble

import (
	"math"

	"github.com/flyball-io/flyball/forecast"
)

// lossMemory is over how many steps the mixture's loss is averaged.
const lossMemory = 200

// weigh moves weight to the experts that would have made the mixture better:
// exponentially in the slope of the mixture's pinball loss along each, in units
// of the mean loss. So it comes close to the best mixture, not only to the best
// expert (the gradient trick: Kivinen, Warmuth 1997; Devaine, Gaillard,
// Goude, Stoltz 2013). A share of all weight is spread evenly again (fixed
// share: Herbster, Warmuth 1998), so that the best of late leads soon.
//
//	w_k ∝ w_k · exp(−rate · slope_k / loss),  slope_k = Σ_l (1{y < q_l} − level_l) · q_kl / levels
//
// q_kl is the expert's quantile by its number and the size of its errors then,
// and the shape of their distribution now: shapes move over a thousand steps,
// and keeping those of each promise would make it three times as large.
//
// It returns the loss.
func (c *channel) weigh(cfg *Config, p *promise, truth float64) float64 {
	loss, mean := c.loss(cfg, p, truth), 0.0
	c.Loss += (loss - c.Loss) / min(c.Score.Settled+1, lossMemory)
	for k := range c.Experts {
		e := &c.Experts[k]
		e.slope = e.along(c.pace.slopes, p.Points[k], p.Sizes[k])
		mean += e.Weight * e.slope
	}
	if c.Loss > 0 {
		c.move(cfg, mean)
	}
	return loss
}

// loss is that of the mixture, the mean over the levels; slopes become its
// derivatives with respect to each quantile.
func (c *channel) loss(cfg *Config, p *promise, truth float64) float64 {
	loss, n := 0.0, float64(len(cfg.Levels))
	slopes := c.pace.slopes[:len(p.Quantiles)]
	for l, q := range p.Quantiles {
		level := cfg.Levels[l]
		loss += forecast.Pinball(level, q, truth) / n
		slopes[l] = slope(level, q, truth) / n
	}
	return loss
}

// along is the slope in the direction of what the expert said, with its shape of now.
func (e *expert) along(slopes []float64, point, size float64) float64 {
	sum := 0.0
	for l, z := range e.Shape[:len(slopes)] {
		if q := point + size*z; q > 0 {
			sum += slopes[l] * q
		}
	}
	return sum
}

func (c *channel) move(cfg *Config, mean float64) {
	total := 0.0
	for k := range c.Experts {
		e := &c.Experts[k]
		e.Weight *= math.Exp(-cfg.Rate * clamp((e.slope-mean)/c.Loss, mostLoss))
		total += e.Weight
	}
	for k := range c.Experts {
		e := &c.Experts[k]
		e.Weight = (1-cfg.Share)*e.Weight/total + cfg.Share/float64(len(c.Experts))
	}
}

// slope is the derivative of the pinball loss with respect to the quantile.
func slope(level, q, truth float64) float64 {
	switch {
	case truth > q:
		return -level
	case truth < q:
		return 1 - level
	}
	return 0
}

// mostLoss keeps one loss, however large, from deciding all: with the default
// rate it moves a weight by e at most.
const mostLoss = 20

func clamp(v, most float64) float64 { return max(-most, min(v, most)) }
