package ensemble

import "math"

// expert is what a channel knows of one model: how large its errors are, how
// they are distributed, and how much it counts.
type expert struct {
	Weight float64
	Errors float64   // sum of the sizes of its errors, forgotten over the half-life
	Seen   float64   // how many they are, forgotten likewise
	Count  float64   // all errors seen
	Shape  []float64 // quantiles of error / size, one per level
	Loss   float64   // running mean of its pinball loss

	loss, slope float64 // the newest, while weights are moved
}

// newExpert begins with the shape of a Laplace distribution: heavier tails than
// the normal one, as a first guess should have.
func newExpert(cfg *Config, weight float64) expert {
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

// size is how large an error is expected to be: as the newest were. Before the
// first it is a share of the level.
func (e *expert) size(cfg *Config, point, value float64) float64 {
	if e.Seen == 0 {
		return cfg.Prior * math.Max(point, value)
	}
	return e.Errors / e.Seen
}

// learn takes an error into account. The guess from before the first counts as
// one error.
func (e *expert) learn(p *pace, point, size, truth float64) {
	if e.Seen == 0 {
		e.Seen, e.Errors = 1, size
	}
	e.Errors = p.keep*e.Errors + math.Abs(truth-point)
	e.Seen = p.keep*e.Seen + 1
	if size <= 0 {
		return // a shape of nothing
	}
	e.Count++
	rate := 1 / math.Min(e.Count+p.start, p.memory)
	z, most := (truth-point)/size, math.Inf(-1)
	for l := range p.levels {
		most = math.Max(most, p.levels[l].track(e.Shape[l], rate, z, e.Shape[l]))
		e.Shape[l] = most
	}
}

// pace is how fast a channel learns. Errors of forecasts h steps ahead overlap:
// h of them say little more than one, so it is slower for longer horizons.
type pace struct {
	keep   float64 // what is left of an error's weight after a step
	memory float64 // steps from which shapes are learned
	start  float64 // steps that the first guess of a shape counts for
	gamma  float64 // step of the conformal correction
	levels []tracker
}

func newPace(cfg *Config, horizon int) pace {
	h := float64(horizon)
	p := pace{
		keep:   math.Exp2(-1 / (cfg.ErrorHalfLife * math.Sqrt(h))),
		memory: cfg.Memory * h,
		start:  10 * h,
		gamma:  cfg.Gamma / math.Sqrt(h),
	}
	for _, level := range cfg.Levels {
		tail := math.Min(level, 1-level)
		p.levels = append(p.levels, tracker{tail: tail, up: level / tail, down: (1 - level) / tail})
	}
	return p
}

// tracker follows the quantile of a level: up when a truth lay above what was
// said, down when it lay below, so much that it stays where it is when the
// level is kept. For errors of size 1 with exponential tails the density at the
// quantile is the smaller of level and 1 − level, so the step of Robbins and
// Monro (1951) is rate/density × (level − 1{truth ≤ said}). The step up is at
// most 1: then a tail takes as many steps down as it has misses.
type tracker struct{ tail, up, down float64 }

func (t *tracker) track(q, rate, truth, said float64) float64 {
	rate = math.Min(rate, t.tail)
	switch {
	case truth > said:
		return math.Min(q+rate*t.up, farthest)
	case truth < said:
		return math.Max(q-rate*t.down, -farthest)
	}
	return q
}

// farthest bounds what is tracked, in error sizes.
const farthest = 1000
