package builtin

import (
	"math/rand/v2"
	"slices"
)

// picker chooses one of the backends that take work. The pool's lock guards
// its state. It is never called without a candidate.
type picker interface {
	pick(ready []*backend) *backend
}

func newPicker(cfg Config) picker {
	if cfg.Algorithm == PowerOfTwo {
		return &twoChoices{random: rand.New(rand.NewPCG(cfg.Seed, 0))}
	}
	return &leastConnections{}
}

// leastConnections picks the backend with the fewest requests in progress.
// Ties go round: the search starts behind the last choice.
type leastConnections struct{ next int }

func (l *leastConnections) pick(ready []*backend) *backend {
	n := len(ready)
	best := l.next % n
	for i := 1; i < n && ready[best].inFlight > 0; i++ {
		at := l.next + i
		if at >= n {
			at %= n
		}
		if ready[at].inFlight < ready[best].inFlight {
			best = at
		}
	}
	l.next = (best + 1) % n
	return ready[best]
}

// twoChoices picks the less busy of two backends drawn at random
// (Mitzenmacher 2001): nearly as even as looking at all, at constant cost.
type twoChoices struct{ random *rand.Rand }

func (t *twoChoices) pick(ready []*backend) *backend {
	if len(ready) == 1 {
		return ready[0]
	}
	i := t.random.IntN(len(ready))
	j := t.random.IntN(len(ready) - 1)
	if j >= i {
		j++
	}
	if ready[j].inFlight < ready[i].inFlight {
		i = j
	}
	return ready[i]
}

// without returns ready less the backends already tried; all of ready when
// every one was.
func without(ready, tried []*backend) []*backend {
	if len(tried) == 0 {
		return ready
	}
	rest := make([]*backend, 0, len(ready))
	for _, b := range ready {
		if !slices.Contains(tried, b) {
			rest = append(rest, b)
		}
	}
	if len(rest) == 0 {
		return ready
	}
	return rest
}
