package workload

import (
	"math/rand/v2"
	"time"
)

// mostSojourns is how many stays in a state are drawn before they repeat.
const mostSojourns = 10_000

// MMPP describes a Markov-modulated Poisson process: the rate jumps between a
// few states as the users of a service change what they do together. The time
// in a state is exponential with its mean; the next state is any of the others
// with the same chance. With [Poisson] arrivals it is the textbook process of
// bursty traffic (Fischer and Meier-Hellstern 1993).
//
//	state 2 ┤     ┌─┐        ┌┐
//	state 1 ┤  ┌──┘ │   ┌────┘│
//	state 0 ┤──┘    └───┘     └────
//	        ┼──────────────────────► t
//
// It is in a state for a share of the time in proportion to the state's mean
// stay, from the first instant on.
type MMPP struct {
	States []State // at least one
	Seed   uint64
	For    time.Duration // how long; 0 = endless, the stays then repeat after 10,000
}

// State is one of an [MMPP].
type State struct {
	RPS  float64       // requests per second
	Stay time.Duration // mean time until it is left; above 0
}

// Mean returns the mean rate in the long run: Σ stay·rate / Σ stay.
func (m MMPP) Mean() float64 {
	requests, seconds := 0.0, 0.0
	for _, s := range m.States {
		requests += s.RPS * s.Stay.Seconds()
		seconds += s.Stay.Seconds()
	}
	return requests / seconds
}

// Shape draws the stays: the same for the same seed.
func (m MMPP) Shape() Shape {
	rng := rand.New(rand.NewPCG(m.Seed, 0x6d6d7070)) // "mmpp"
	stays := &pieces{}
	state := m.first(rng)
	for range mostSojourns {
		s := m.States[state]
		stays.add(rng.ExpFloat64()*s.Stay.Seconds(), s.RPS, s.RPS)
		if m.For > 0 && stays.length >= m.For.Seconds() {
			break
		}
		state = m.next(rng, state)
	}
	return Clip(Repeat(stays), 0, m.For)
}

// first draws the state at 0 as one would find it at any instant.
func (m MMPP) first(rng *rand.Rand) int {
	total := time.Duration(0)
	for _, s := range m.States {
		total += s.Stay
	}
	at := time.Duration(rng.Float64() * float64(total))
	for i, s := range m.States {
		if at < s.Stay {
			return i
		}
		at -= s.Stay
	}
	return len(m.States) - 1
}

// next draws one of the other states.
func (m MMPP) next(rng *rand.Rand, state int) int {
	if len(m.States) == 1 {
		return state
	}
	next := rng.IntN(len(m.States) - 1)
	if next >= state {
		next++
	}
	return next
}
