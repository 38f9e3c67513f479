package ensemble

import "math"

// pace is how fast the channels of a horizon learn. Errors of forecasts h steps ahead overlap:
// h of them say little more than one, so it is slower for longer horizons.
type pace struct {
	horizon int
	keep    float64 // what is left of an error's weight after a step
	memory  float64 // steps from which shapes are learned
	start   float64 // steps that the first guess of a shape counts for
	levels  []float64
	rate    float64 // of the shapes' steps, now
	shape   []step
	theta   []step // of the conformal correction
	slopes  []float64
}

func newPace(cfg *Config, horizon int) *pace {
	h, n := float64(horizon), len(cfg.Levels)
	p := &pace{
		horizon: horizon,
		keep:    math.Exp2(-1 / (cfg.ErrorHalfLife * math.Sqrt(h))),
		memory:  cfg.Memory * h,
		start:   10 * h,
		levels:  cfg.Levels,
		shape:   make([]step, n), theta: make([]step, n), slopes: make([]float64, n),
	}
	setSteps(p.theta, p.levels, cfg.Gamma/math.Sqrt(h))
	return p
}

// after makes the shapes' steps those after so many errors: the steps of a mean
// of all of them, until there are more than memory.
func (p *pace) after(errors float64) {
	if rate := 1 / min(errors+p.start, p.memory); rate != p.rate {
		p.rate = rate
		setSteps(p.shape, p.levels, rate)
	}
}

// step is how the quantile of a level is followed: up when a truth lay above
// what was said, down when it lay below, so much that it stays where it is
// when the level is kept.
type step struct{ up, down float64 }

// setSteps sets those for a rate. For errors of size 1 with exponential tails
// the density at the quantile is the smaller of level and 1 − level, so the
// step of Robbins and Monro (1951) is rate/density × (level − 1{truth ≤ said}).
// The step up is at most 1: a tail never jumps further than an error's size.
func setSteps(steps []step, levels []float64, rate float64) {
	for l, level := range levels {
		tail := min(level, 1-level)
		r := min(rate, tail)
		steps[l] = step{up: r * level / tail, down: r * (1 - level) / tail}
	}
}

// farthest bounds what is followed, in error sizes.
const farthest = 1000

func (s step) track(q, truth, said float64) float64 {
	if truth > said && q < farthest {
		return q + s.up
	}
	if truth < said && q > -farthest {
		return q - s.down
	}
	return q
}
