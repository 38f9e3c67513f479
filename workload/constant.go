package workload

import "time"

// Constant is the same rate all the time.
//
//	RPS ┤────────────────
//	  0 ┼───────────────► t
type Constant struct {
	RPS float64
	For time.Duration // how long; 0 = endless
}

// Rate implements [Shape].
func (c Constant) Rate(t time.Duration) float64 {
	if !within(t, c.For) {
		return 0
	}
	return c.RPS
}

// Expected implements [Shape].
func (c Constant) Expected(t time.Duration) float64 { return c.RPS * clamp(t, c.For).Seconds() }

// Duration implements [Shape].
func (c Constant) Duration() time.Duration { return c.For }
