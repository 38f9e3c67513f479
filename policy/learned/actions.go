package learned

import (
	"errors"
	"fmt"
	"slices"
)

// Actions are what an agent may choose from: factors on the count that the base
// policy wants, growing, 1 among them. Choosing 1 is doing as the base does.
//
// Each is a step from the next: where a factor makes no difference, because the
// service is small, it is a replica more (or less) than its neighbour. With eight
// factors and a base of 3:
//
//	0.7  0.8  0.9   1   1.1  1.25  1.5  2
//	  0    1    2   3    4     5    6   7
type Actions []float32

// StandardActions is the table of the design: down by at most three tenths,
// because what is missing is missed by users, and up to twice the base.
func StandardActions() Actions { return Actions{0.7, 0.8, 0.9, 1, 1.1, 1.25, 1.5, 2} }

// mostActions bounds what a file may say.
const mostActions = 64

// Validate reports what is wrong with a table.
func (a Actions) Validate() error {
	if len(a) < 2 || len(a) > mostActions {
		return fmt.Errorf("actions: must be 2 to %d factors, got %d", mostActions, len(a))
	}
	for i, f := range a {
		if !(f > 0 && f <= 100) || i > 0 && !(f > a[i-1]) {
			return fmt.Errorf("actions: must be growing factors above 0 and at most 100, got %v", []float32(a))
		}
	}
	if !slices.Contains(a, 1) {
		return errors.New("actions: must hold the factor 1, which does as the base policy")
	}
	return nil
}

// Base is the action that does as the base policy.
func (a Actions) Base() int { return slices.Index(a, 1) }

// Count is the number of replicas that an action stands for, before bounds:
// it may be below 0. The neutral action is told, since Base searches.
func (a Actions) Count(action, neutral, base int) int {
	n := int(float32(base)*a[action] + 0.5) // rounded: neither is below 0
	if action < neutral {
		return min(n, base-(neutral-action))
	}
	return max(n, base+action-neutral)
}

// Allow tells which actions lead to different counts from least to most: of those
// that end at the same bound, the one nearest to the base. The base must lie
// within the bounds; doing as it does is always allowed.
func (a Actions) Allow(allowed []bool, neutral, base, least, most int) {
	allowed = allowed[:len(a)]
	if a.Count(0, neutral, base) >= least && a.Count(len(a)-1, neutral, base) <= most { // mostly
		for i := range allowed {
			allowed[i] = true
		}
		return
	}
	below := base > least
	for i := neutral - 1; i >= 0; i-- {
		allowed[i] = below
		below = below && a.Count(i, neutral, base) > least
	}
	above := base < most
	for i := neutral + 1; i < len(a); i++ {
		allowed[i] = above
		above = above && a.Count(i, neutral, base) < most
	}
	allowed[neutral] = true
}
