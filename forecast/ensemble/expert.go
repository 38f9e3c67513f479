package ensemble

import (
	"math"

	"github.com/flyball-io/flyball/forecast"
)

// expert is what a channel knows of one model: how large its errors are, how
// they are distributed, and how much it counts.
type expert struct {
	Weight float64
	Errors float64                   // sum of the sizes of its errors, forgotten over the half-life
	Seen   float64                   // how many they are, forgotten likewise
	Shape  forecast.Numbers[float64] // quantiles of error / size, one per level

	slope float64 // of the mixture's loss along it, while weights are moved
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
		return cfg.Prior * max(point, value)
	}
	return e.Errors / e.Seen
}

// learn takes an error into account. The guess from before the first counts as
// one error.
func (e *expert) learn(keep float64, steps []step, point, size, truth float64) {
	if e.Seen == 0 {
		e.Seen, e.Errors = 1, size
	}
	e.Errors = keep*e.Errors + math.Abs(truth-point)
	e.Seen = keep*e.Seen + 1
	if size <= 0 {
		return // a shape of nothing
	}
	z, most := (truth-point)/size, math.Inf(-1)
	shape := e.Shape[:len(steps)]
	for l, s := range steps {
		q := shape[l]
		if q = s.track(q, z, q); q > most {
			most = q
		}
		shape[l] = most
	}
}
