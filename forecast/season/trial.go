package season

import (
	"math"

	"github.com/flyball-io/flyball/forecast"
)

// Ahead is the horizon at which a [Trial] compares, in steps: no multiple of a
// short season, after which all is as it was.
const Ahead = 11

// Trial lets variants of a forecast, with a season and without, say the level so
// many steps ahead, and keeps how wrong they were.
type Trial struct {
	Promises [Ahead]promise
	Misses   forecast.Numbers[float64] // mean absolute error of promises that came due
}

// promise is what the variants said at a step.
type promise struct {
	Step   int64
	Levels forecast.Numbers[float64]
}

// NewTrial returns one of so many variants.
func NewTrial(variants int) Trial {
	t := Trial{Misses: make([]float64, variants)}
	for i := range t.Promises {
		t.Promises[i].Levels = make([]float64, variants)
	}
	return t
}

// Fits reports whether it is one of so many variants: what a snapshot says must
// be asked.
func (t *Trial) Fits(variants int) bool {
	ok := len(t.Misses) == variants
	for i := range t.Promises {
		ok = ok && len(t.Promises[i].Levels) == variants
	}
	return ok
}

func (t *Trial) at(step int64) *promise { return &t.Promises[(step%Ahead+Ahead)%Ahead] }

// Judge learns from the value of a step how wrong was what the variants said of
// it; expected is what a level of a variant comes to there.
func (t *Trial) Judge(step int64, value, memory float64, expected func(variant int, level float64) float64) {
	p := t.at(step)
	if p.Step != step-Ahead || p.Step == 0 {
		return
	}
	for v, level := range p.Levels {
		t.Misses[v] += (math.Abs(value-expected(v, level)) - t.Misses[v]) / memory
	}
}

// Promise returns the levels to be said at a step, to be filled in.
func (t *Trial) Promise(step int64) []float64 {
	p := t.at(step)
	p.Step = step
	return p.Levels
}

// Forget drops what was said: it was of another season.
func (t *Trial) Forget() {
	for i := range t.Promises {
		t.Promises[i].Step = 0
	}
}

// Best is the variant that was wrong least, among equals the first.
func (t *Trial) Best() int {
	best := 0
	for v, miss := range t.Misses {
		if miss < t.Misses[best] {
			best = v
		}
	}
	return best
}
