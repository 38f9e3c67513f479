package workload

import (
	"math"
	"time"
)

// Diurnal swings between a trough and a peak like the traffic of a day:
//
//	Base + (Peak-Base)·(1-cos(2πt/Period))/2
//
//	Peak ┤    ╭──╮        ╭──╮
//	     │   ╱    ╲      ╱    ╲
//	Base ┤──╯      ╰────╯      ╰──
//	     ┼──────────┬───────────┬► t
//	     0        Period
type Diurnal struct {
	Base, Peak float64       // requests per second
	Period     time.Duration // from trough to trough; must be above 0
	For        time.Duration // how long; 0 = endless
}

// Rate implements [Shape].
func (d Diurnal) Rate(t time.Duration) float64 {
	if !within(t, d.For) {
		return 0
	}
	return d.Base + (d.Peak-d.Base)*(1-math.Cos(d.angle(t)))/2
}

// Expected implements [Shape].
func (d Diurnal) Expected(t time.Duration) float64 {
	t = clamp(t, d.For)
	swing := t.Seconds() - d.Period.Seconds()/(2*math.Pi)*math.Sin(d.angle(t))
	return d.Base*t.Seconds() + (d.Peak-d.Base)/2*swing
}

func (d Diurnal) angle(t time.Duration) float64 {
	return 2 * math.Pi * t.Seconds() / d.Period.Seconds()
}

// Duration implements [Shape].
func (d Diurnal) Duration() time.Duration { return d.For }
