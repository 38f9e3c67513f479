package workload

import "time"

// Steps is a staircase: each level is held for its time, one after the other.
//
//	│      ┌────┐
//	│ ┌────┘    │
//	│─┘         └─────
//	┼────────────────► t
type Steps []Level

// Level is one stair.
type Level struct {
	RPS float64
	For time.Duration
}

// Step jumps from one rate to another: before for the time at, then after for
// the time hold.
func Step(before, after float64, at, hold time.Duration) Steps {
	return Steps{{RPS: before, For: at}, {RPS: after, For: hold}}
}

// Rate implements [Shape].
func (s Steps) Rate(t time.Duration) float64 {
	if t < 0 {
		return 0
	}
	for _, level := range s {
		if t < level.For {
			return level.RPS
		}
		t -= level.For
	}
	return 0
}

// Expected implements [Shape].
func (s Steps) Expected(t time.Duration) float64 {
	t = max(0, t)
	n := 0.0
	for _, level := range s {
		n += level.RPS * min(t, level.For).Seconds()
		t = max(0, t-level.For)
	}
	return n
}

// Duration implements [Shape].
func (s Steps) Duration() time.Duration {
	total := time.Duration(0)
	for _, level := range s {
		total += level.For
	}
	return total
}
