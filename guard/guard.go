// Package guard holds the rules that may change a recommended number and must
// say so. Their order is part of the design: health, rollout and data first,
// then behaviour, cooldown, objective floor, wake, envelope, budget, bounds.
package guard

import (
	"time"

	"github.com/flyball-io/flyball/scale"
)

// Unconditional is a guard that holds even when the policy has no opinion.
// The others are then not asked: they would take the count that is held for a
// recommendation and remember it.
type Unconditional interface {
	Unconditional()
}

// Witness is a guard that learns from what it sees even when it is not asked,
// because the policy has no opinion.
type Witness interface {
	Witness(obs scale.Observation)
}

// StandIn is an unconditional guard that knows a count of its own where the
// policy has no opinion. It is then asked for that in the place of Limit; held is
// the count that would be held.
type StandIn interface {
	Unconditional
	Instead(obs scale.Observation, held int) (int, scale.Reason)
}

// Conditioned is a guard with something to say that lasts, also while it
// changes nothing: a budget that is used up, replicas that fail. Condition is
// asked after Limit, with the same observation, and changes nothing.
type Conditioned interface {
	Condition(obs scale.Observation) (since time.Time, reason scale.Reason, holds bool)
}

// Spender is a guard that counts what replicas cost.
type Spender interface {
	// Spent is what they have cost since midnight, and what they may in a day.
	Spent() (today, perDay float64)
}

// Guard is one rule between a recommendation and a decision.
//
// Limit returns the count it allows for want and, when that differs from
// want, the reason. It is called once per observation, in order of time, and
// may remember what it saw; like a policy it has no clock and no I/O.
// Applied tells it that the target was really told to change its count, at
// the time of the observation that led to it: only that may start a cooldown
// or use up a rate.
//
// Snapshot and Restore keep the promises of [policy.Policy].
type Guard interface {
	Name() string
	Limit(obs scale.Observation, want int) (int, scale.Reason)
	Applied(at time.Time, from, to int)
	Snapshot() ([]byte, error)
	Restore(snapshot []byte) error
}
