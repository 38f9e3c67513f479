package evaluate

import (
	"cmp"
	"slices"
	"time"

	"github.com/flyball-io/flyball/sim"
)

// Schedule is how many replicas are to be ready in each step of time.
type Schedule struct {
	Step     time.Duration
	Replicas []int
	// Initial are ready at the beginning, and Lead is how long a start takes.
	Initial int
	Lead    time.Duration
}

// call is a count that is asked for at an instant.
type call struct {
	at time.Duration
	n  int
}

// calls are the counts to ask for: those that are to be ready at an instant are
// asked for Lead before it, those that are not needed any more go at once.
//
//	wanted ready   4 ───┐        ┌─── 4          Lead = two steps
//	                    └─ 2 ────┘
//	asked for      4 ───┐  ┌───────── 4
//	                    └──┘
//
// A replica that goes is always a ready one, never one that starts for later: to
// stop one and have another ready within less than Lead of it would cost more
// than to keep it, so no cheapest schedule does.
func (s Schedule) calls() []call {
	var moves []call
	before := s.Initial
	for k, x := range s.Replicas {
		at := time.Duration(k) * s.Step
		if x > before {
			at = max(0, at-s.Lead)
		}
		if x != before {
			moves = append(moves, call{at, x - before})
		}
		before = x
	}
	slices.SortStableFunc(moves, func(a, b call) int { return cmp.Compare(a.at, b.at) })
	n, calls := s.Initial, moves[:0]
	for _, move := range moves {
		n += move.n
		if last := len(calls) - 1; last >= 0 && calls[last].at == move.at {
			calls[last].n = n
		} else {
			calls = append(calls, call{move.at, n})
		}
	}
	return calls
}

// Play plays a world of a scenario to its end by the schedule.
func (s Schedule) Play(scenario *sim.Scenario, w sim.World) *sim.Result {
	calls := s.calls()
	for _, c := range calls {
		w.Advance(c.at)
		w.SetReplicas(c.n)
	}
	w.Advance(scenario.Length())
	r := w.Result()
	r.Actions = len(calls)
	return r
}
