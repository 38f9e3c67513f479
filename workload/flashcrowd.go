package workload

import (
	"math"
	"time"
)

// FlashCrowd is a quiet service that suddenly becomes popular: a steep
// straight rise, a plateau, then the crowd thins out exponentially (after
// each Decay 37 % of it is left).
//
//	Peak ┤      ╭────╮
//	     │     ╱      ╲
//	     │    ╱        ╰╮
//	Base ┤───╯           ╰─────────
//	     ┼───┬──┬────┬────────────┬► t
//	         At +Rise +Hold   (Decay) For
//
// A base of 0 leaves only the crowd, to be laid over another shape with [Sum].
type FlashCrowd struct {
	Base, Peak float64       // requests per second
	At         time.Duration // when the rise begins
	Rise       time.Duration // 0 jumps at once
	Hold       time.Duration
	Decay      time.Duration // time constant; 0 drops at once
	For        time.Duration // how long in all; 0 = endless
}

// Rate implements [Shape].
func (f FlashCrowd) Rate(t time.Duration) float64 {
	if !within(t, f.For) {
		return 0
	}
	return f.Base + (f.Peak-f.Base)*f.crowd(t-f.At)
}

// crowd returns the share (0..1) of the crowd that is there, since after its
// start.
func (f FlashCrowd) crowd(since time.Duration) float64 {
	switch left := since - f.Rise - f.Hold; {
	case since < 0:
		return 0
	case since < f.Rise:
		return since.Seconds() / f.Rise.Seconds()
	case left < 0:
		return 1
	case f.Decay <= 0:
		return 0
	default:
		return math.Exp(-left.Seconds() / f.Decay.Seconds())
	}
}

// Expected implements [Shape].
func (f FlashCrowd) Expected(t time.Duration) float64 {
	t = clamp(t, f.For)
	since := max(0, t-f.At)
	rise := min(since, f.Rise).Seconds()
	hold := max(0, min(since-f.Rise, f.Hold)).Seconds()
	crowd := hold
	if f.Rise > 0 {
		crowd += rise * rise / (2 * f.Rise.Seconds())
	}
	if left := since - f.Rise - f.Hold; left > 0 && f.Decay > 0 {
		crowd += f.Decay.Seconds() * -math.Expm1(-left.Seconds()/f.Decay.Seconds())
	}
	return f.Base*t.Seconds() + (f.Peak-f.Base)*crowd
}

// Duration implements [Shape].
func (f FlashCrowd) Duration() time.Duration { return f.For }
