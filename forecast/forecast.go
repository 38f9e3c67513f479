// Package forecast is the contract of those who tell what a load will be, and
// how their word is judged. Models that say one number have folders of their
// own; forecast/ensemble makes of several of them quantiles that hold.
//
//	value ─► models (one number each) ─► experts (weights by pinball loss)
//	                                        └─► conformal correction ─► quantiles of the value and of the peak
package forecast

import "time"

// Largest is the largest value a model has to cope with; what is above it
// counts as it. Squares and sums of it are still finite.
const Largest = 1e15

// Clean makes of any number one that a model may be given: finite, at least 0
// and at most Largest. NaN counts as 0.
func Clean(value float64) float64 {
	if !(value > 0) {
		return 0
	}
	return min(value, Largest)
}

// Model says one number for each step to come: what it expects of a series of
// values at least 0 and at most [Largest], one per step.
//
// Update takes the value of a step. Steps are counted from the Unix epoch, so
// that a step number says where in the day it is: number = Unix time / step. They come in
// order; one that is left out was not measured, and a model goes on over the
// gap as well as it can. Predict writes what it expects of the 1st, 2nd, …
// step after the newest; it changes nothing, and writes finite values at least
// 0 from the first update on. Neither allocates in steady state.
//
// Snapshot and Restore keep the promises of policies: restored in the
// middle a model goes on as if never stopped, and a snapshot of another kind, version or
// configuration is refused with [scale.ErrSnapshot].
type Model interface {
	Update(step int64, value float64)
	Predict(out []float64)
	Snapshot() ([]byte, error)
	Restore(snapshot []byte) error
}

// Forecaster says how sure it is: quantiles of a series of values at least 0.
//
// Update takes the mean of the step that ends at an instant. What is not finite
// or below 0, or not a step later than the newest, is left out. What is far earlier
// says that the clock was set back: the forecaster begins anew.
//
// Quantiles writes for each of Levels the quantile of the value so many steps
// after the newest; Peak that of the largest value among the steps 1 …
// horizon. Both grow with the level, change nothing and allocate nothing.
// A horizon between two that the forecaster was built for is answered in
// proportion between them, one before the first by the first, beyond the
// longest by the longest. Before the first update they
// are all 0 and Known is false.
type Forecaster interface {
	Update(at time.Time, value float64)
	Known() bool
	Levels() []float64
	Quantiles(horizon int, out []float64)
	Peak(horizon int, out []float64)
	Snapshot() ([]byte, error)
	Restore(snapshot []byte) error
}

// Pinball is the loss of a quantile q of a level for a value y: what being
// below costs the level, and being above its rest (Koenker, Bassett 1978).
func Pinball(level, q, y float64) float64 {
	if y >= q {
		return level * (y - q)
	}
	return (1 - level) * (q - y)
}
