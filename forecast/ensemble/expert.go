package ensemble

import (
	"math"

	"github.com/flyball-io/flyball/forecast"
)

// expert is what a channel knows of one model: how large its errors are, how
// they are distributed, and how much it counts.
type expert struct {
	Weight float64
	Seen   float64   // errors seen, forgotten over ErrorHalfLife
	Errors float64   // sum of their sizes over growth, forgotten likewise
	Count  float64   // errors seen, at most Memory
	Shape  []float64 // quantiles of error / size, one per level
	Loss   float64   // running mean of its pinball loss
	last   float64   // the newest, while weights are moved
}

// newExpert begins with the shape of a Laplace distribution: of errors whose
// mean size is 1, with tails that a first guess should have.
func newExpert(cfg Config, weight float64) expert {
	e := expert{Weight: weight}
	for _, level := range cfg.Levels {
		e.Shape = append(e.Shape, laplace(level))
	}
	return e
}

// laplace is the quantile of a Laplace distribution with mean absolute error 1.
func laplace(level float64) float64 {
	if level < 0.5 {
		return math.Log(2 * level)
	}
	return -math.Log(2 * (1 - level))
}

// growth is how errors grow with the level: with its root, as the counts of
// independent arrivals do.
func growth(point float64) float64 { return math.Sqrt(point) }

// size is how large an error of this point is expected to be.
func (e *expert) size(cfg *Config, point, value float64) float64 {
	level := math.Max(point, value)
	g := growth(level)
	if g == 0 {
		return e.Errors / (e.Seen + 1)
	}
	return g * (e.Errors + cfg.Prior*g) / (e.Seen + 1)
}

// learn takes an error into account.
func (e *expert) learn(cfg *Config, point, size, truth float64) {
	g := growth(math.Max(point, truth))
	if g == 0 {
		g = 1
	}
	decay := math.Exp2(-1 / cfg.ErrorHalfLife)
	e.Errors = decay*e.Errors + math.Abs(truth-point)/g
	e.Seen = decay*e.Seen + 1
	e.Count = math.Min(e.Count+1, cfg.Memory)
	rate := 1 / (e.Count + 10)
	z := 0.0
	if size > 0 {
		z = (truth - point) / size
	}
	most := math.Inf(-1)
	for l, level := range cfg.Levels {
		e.Shape[l] = math.Max(most, track(e.Shape[l], level, rate, z, e.Shape[l]))
		most = e.Shape[l]
	}
}

// loss is the pinball loss of a promise, the mean over all levels.
func (e *expert) loss(cfg *Config, point, size, truth float64) float64 {
	sum := 0.0
	for l, level := range cfg.Levels {
		sum += forecast.Pinball(level, math.Max(0, point+size*e.Shape[l]), truth)
	}
	return sum / float64(len(cfg.Levels))
}

// lossMemory is over how many steps the losses that are shown are averaged.
const lossMemory = 200

// weigh moves weight to the experts that were right: exponentially in their
// loss, in units of the mean loss, and a share of all is spread evenly again
// (Herbster, Warmuth 1998), so that the best of late leads soon.
func (c *channel) weigh(cfg *Config, p *promise, truth float64) {
	mean := 0.0
	for k := range c.Experts {
		e := &c.Experts[k]
		loss := e.loss(cfg, p.Points[k], p.Sizes[k], truth)
		mean += e.Weight * loss
		e.Loss += (loss - e.Loss) / math.Min(c.Score.Settled+1, lossMemory)
		e.last = loss
	}
	c.Loss += (mean - c.Loss) / math.Min(c.Score.Settled+1, lossMemory)
	if !(c.Loss > 0) {
		return
	}
	total := 0.0
	for k := range c.Experts {
		e := &c.Experts[k]
		e.Weight *= math.Exp(-cfg.Rate * clamp((e.last-mean)/c.Loss, 20))
		total += e.Weight
	}
	n := float64(len(c.Experts))
	for k := range c.Experts {
		e := &c.Experts[k]
		e.Weight = (1-cfg.Share)*e.Weight/total + cfg.Share/n
	}
}

// clamp keeps one loss, however large, from moving all weight for good.
func clamp(v, most float64) float64 { return math.Max(-most, math.Min(v, most)) }
