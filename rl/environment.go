// Package rl is reinforcement learning by three textbook algorithms, each in one
// file with its equations and sources: PPO, A2C and DQN, and behaviour cloning
// to start from somebody who knows. It knows nothing of scaling: what is to be
// decided comes as an [Environment], what was learned leaves as a [neural.Net].
//
//	Environment ── observations, rewards, masks ──► Learner ──► Policy (a net)
//	     ▲                                             │
//	     └──────────────── actions ────────────────────┘
//
// Seeds in, curves out: the same seed gives the same bytes, whatever GOMAXPROCS
// is, also when training is stopped and resumed from a checkpoint.
package rl

// Environment is a number of independent copies of a decision problem, stepped
// together. Its answers depend on its seed and the actions alone. One goroutine
// calls it.
type Environment interface {
	Copies() int
	Width() int   // numbers in an observation
	Actions() int // an action is one of 0 … Actions−1
	// Reset begins every copy anew. It fills step.Observations and step.Allowed;
	// the rest of step means nothing until Act.
	Reset(step *Step)
	// Act takes one action per copy and fills all of step, but Final and
	// FinalAllowed only for copies whose episode ended. Such a copy begins the next
	// at once: Observations holds the first of the new one, Final the last of the old.
	Act(actions []int, step *Step)
}

// Step is what copies answer. NewStep makes one; an environment writes into its
// slices and keeps none of them.
type Step struct {
	Observations []float32 // copies × width
	Final        []float32 // copies × width: the last observation of an episode that ended
	Rewards      []float32 // copies
	Terminated   []bool    // copies: the episode is over, nothing comes after it
	Truncated    []bool    // copies: the episode was cut off; what would have come is estimated from Final
	Allowed      []bool    // copies × actions: which actions may be taken next; at least one in each row
	FinalAllowed []bool    // copies × actions: which could have been taken in Final; an environment that forbids nothing there leaves it as it is
}

// NewStep is a step of the environment's size, in which nothing is forbidden in Final.
func NewStep(env Environment) *Step {
	n := env.Copies()
	s := &Step{
		Observations: make([]float32, n*env.Width()),
		Final:        make([]float32, n*env.Width()),
		Rewards:      make([]float32, n),
		Terminated:   make([]bool, n),
		Truncated:    make([]bool, n),
		Allowed:      make([]bool, n*env.Actions()),
		FinalAllowed: make([]bool, n*env.Actions()),
	}
	for i := range s.FinalAllowed {
		s.FinalAllowed[i] = true
	}
	return s
}

// Resumable is an environment that can be put back where it was. A checkpoint
// taken beside one goes on to the same bytes as if never stopped; beside another
// environment, episodes begin anew.
type Resumable interface {
	Environment
	Snapshot() ([]byte, error)
	Restore(snapshot []byte) error
}

// Reporter is an environment that has figures of its own, cost and violations
// for example.
type Reporter interface {
	// Report calls add for each figure of what happened since the last Report, in
	// an order that never changes.
	Report(add func(name string, value float64))
}
