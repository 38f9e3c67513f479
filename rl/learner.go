package rl

import (
	"context"

	"github.com/flyball-io/flyball/neural"
)

// Learner is an algorithm with what it has learned so far. One goroutine calls it.
type Learner interface {
	// Learn acts in env for at least steps steps (of all copies together) and
	// learns from them, whole updates at a time. Further calls go on, and so do the
	// schedules of learning rate and exploration. progress, which may be nil,
	// hears of each update and may take a Checkpoint. It returns ctx's error when
	// that ends first, and an error if what was learned is no longer finite.
	Learn(ctx context.Context, env Environment, steps int, progress func(Progress)) error
	// Policy is a copy of the net that acts, as it is now: from an observation to a
	// number per action, of which the largest that is allowed is the best.
	Policy() *neural.Net
	// Checkpoint is everything that learning depends on, the environment too if it
	// is Resumable. Resume goes on from it, in a learner of the same algorithm,
	// configuration and sizes; another's is refused.
	Checkpoint() ([]byte, error)
	Resume(checkpoint []byte) error
}

// Progress is a point of the learning curves: what one update did, and what
// happened since the one before.
type Progress struct {
	Steps    int     // taken so far, of all copies together
	Updates  int     // done so far
	Episodes int     // that ended since the last Progress
	Return   float64 // mean sum of rewards of these episodes; NaN if none ended
	Length   float64 // mean number of their steps; NaN if none ended
	// Figures of the algorithm, then of the environment; always the same names in
	// the same order. docs/learning-algorithms.md says what each means.
	Figures []Figure
}

// Figure is one named number of a learning curve.
type Figure struct {
	Name  string
	Value float64
}
