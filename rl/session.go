package rl

import (
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/flyball-io/flyball/neural"
)

// sizes of an environment, as they are in checkpoints.
type sizes struct{ Copies, Width, Actions int }

func sizesOf(env Environment) sizes { return sizes{env.Copies(), env.Width(), env.Actions()} }

func (s sizes) validate() error {
	if s.Copies < 1 || s.Width < 1 || s.Actions < 1 {
		return fmt.Errorf("environment: %d copies, %d numbers, %d actions: each must be at least 1", s.Copies, s.Width, s.Actions)
	}
	return nil
}

// session is what all learners have: where the environment is, the random
// numbers, and what is counted.
type session struct {
	sizes
	source   *rand.PCG // the state of random
	random   *rand.Rand
	steps    int
	updates  int
	episodes episodes

	env     Environment // of the last Learn
	step    *Step       // what it answered last
	resumed []byte      // the environment of a checkpoint, until Learn has one
}

func newSession(env Environment, seed uint64) session {
	s := session{sizes: sizesOf(env), source: rand.NewPCG(seed, 0), step: NewStep(env)}
	s.random = rand.New(s.source)
	s.episodes = newEpisodes(s.Copies)
	return s
}

// begin goes on in the environment of the last call, or where a checkpoint left
// it; in another, all episodes begin anew.
func (s *session) begin(env Environment) (anew bool, err error) {
	if of := sizesOf(env); of != s.sizes {
		return false, fmt.Errorf("environment of %+v, but the learner is for %+v", of, s.sizes)
	}
	if env == s.env {
		return false, nil
	}
	saved := s.resumed
	s.env, s.resumed = env, nil
	if resumable, ok := env.(Resumable); ok && saved != nil {
		if err := resumable.Restore(saved); err != nil {
			return false, fmt.Errorf("put the environment back where the checkpoint left it: %w", err)
		}
		return false, nil
	}
	s.episodes = newEpisodes(s.Copies)
	env.Reset(s.step)
	return true, s.check(s.step)
}

// act takes the actions and counts them.
func (s *session) act(actions []int) error {
	s.env.Act(actions, s.step)
	s.steps += s.Copies
	s.episodes.add(s.step)
	return s.check(s.step)
}

// check refuses an answer that nothing can be learned from. What is not finite
// would poison every parameter with one update.
func (s *session) check(step *Step) error {
	for c := range s.Copies {
		row := step.Observations[c*s.Width : (c+1)*s.Width]
		if !neural.Finite(row) || !neural.Finite(step.Rewards[c:c+1]) {
			return fmt.Errorf("step %d, copy %d: observation %v or reward %v is not finite", s.steps, c, row, step.Rewards[c])
		}
		if step.Truncated[c] && !neural.Finite(step.Final[c*s.Width:(c+1)*s.Width]) {
			return fmt.Errorf("step %d, copy %d: the final observation is not finite", s.steps, c)
		}
		if step.Truncated[c] && !anyOf(step.FinalAllowed[c*s.Actions:(c+1)*s.Actions]) {
			return fmt.Errorf("step %d, copy %d: no action is allowed in the final observation", s.steps, c)
		}
		if !anyOf(step.Allowed[c*s.Actions : (c+1)*s.Actions]) {
			return fmt.Errorf("step %d, copy %d: no action is allowed", s.steps, c)
		}
	}
	return nil
}

func anyOf(allowed []bool) bool {
	for _, ok := range allowed {
		if ok {
			return true
		}
	}
	return false
}

// progress is the point of the learning curves after an update, without the
// algorithm's figures; those of the environment follow them.
func (s *session) progress(figures ...Figure) Progress {
	p := Progress{Steps: s.steps, Updates: s.updates, Figures: figures}
	p.Episodes, p.Return, p.Length = s.episodes.take()
	if reporter, ok := s.env.(Reporter); ok {
		reporter.Report(func(name string, value float64) { p.Figures = append(p.Figures, Figure{name, value}) })
	}
	return p
}

// annealed falls from whole to 0 along the horizon; without one it stays.
func (s *session) annealed(whole float64, horizon int) float64 {
	if horizon == 0 {
		return whole
	}
	return whole * math.Max(0, 1-float64(s.steps)/float64(horizon))
}

// episodes adds up the rewards of each copy's episode.
type episodes struct {
	Returns []float64 // so far, of the episode that runs
	Lengths []int

	Ended       int // since the last take
	SumReturns  float64
	SumOfLength int
}

func newEpisodes(copies int) episodes {
	return episodes{Returns: make([]float64, copies), Lengths: make([]int, copies)}
}

func (e *episodes) add(step *Step) {
	for c, reward := range step.Rewards {
		e.Returns[c] += float64(reward)
		e.Lengths[c]++
		if step.Terminated[c] || step.Truncated[c] {
			e.Ended++
			e.SumReturns += e.Returns[c]
			e.SumOfLength += e.Lengths[c]
			e.Returns[c], e.Lengths[c] = 0, 0
		}
	}
}

// take is how many episodes ended, their mean return and length.
func (e *episodes) take() (ended int, mean, length float64) {
	ended = e.Ended
	mean, length = e.SumReturns/float64(ended), float64(e.SumOfLength)/float64(ended)
	e.Ended, e.SumReturns, e.SumOfLength = 0, 0, 0
	return ended, mean, length
}
