package workload

import "time"

// Ramp goes from one rate to another in a straight line, then holds.
//
//	  To ┤        ╭────────
//	     │     ╭──╯
//	From ┤──╯
//	     ┼────────┬───────┬─► t
//	     0       Over   + Hold
type Ramp struct {
	From, To float64       // requests per second
	Over     time.Duration // length of the slope; 0 jumps at once
	Hold     time.Duration // how long To is held after it; 0 ends with the slope
}

// Rate implements [Shape].
func (r Ramp) Rate(t time.Duration) float64 {
	switch {
	case t < 0 || t >= r.Duration():
		return 0
	case t >= r.Over:
		return r.To
	}
	return r.From + (r.To-r.From)*t.Seconds()/r.Over.Seconds()
}

// Expected implements [Shape].
func (r Ramp) Expected(t time.Duration) float64 {
	t = max(0, min(t, r.Duration()))
	slope := min(t, r.Over).Seconds()
	n := r.From * slope
	if r.Over > 0 {
		n += (r.To - r.From) * slope * slope / (2 * r.Over.Seconds())
	}
	return n + r.To*max(0, t-r.Over).Seconds()
}

// Duration implements [Shape].
func (r Ramp) Duration() time.Duration { return r.Over + r.Hold }
