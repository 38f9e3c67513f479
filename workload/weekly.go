package workload

import (
	"math"
	"time"
)

// Weekly is the traffic of a working week, over and over: five days with a
// high wave each, two with a low one. It begins in the night to Monday.
//
//	Weekday ┤ ╭╮ ╭╮ ╭╮ ╭╮ ╭╮
//	Weekend ┤ ││ ││ ││ ││ ││ ╭╮ ╭╮
//	   Base ┤─╯╰─╯╰─╯╰─╯╰─╯╰─╯╰─╯╰─
//	        ┼──┬──┬──┬──┬──┬──┬──┬► t
//	          Mo Tu We Th Fr Sa Su
//
// Within a day the rate is that of [Diurnal]:
//
//	Base + (peak of the day-Base)·(1-cos(2πt/Day))/2
type Weekly struct {
	Base             float64       // requests per second at night
	Weekday, Weekend float64       // requests per second at noon
	Day              time.Duration // length of a day; must be above 0
	For              time.Duration // how long; 0 = endless
}

const (
	weekDays    = 7
	workingDays = 5
)

// Rate implements [Shape].
func (w Weekly) Rate(t time.Duration) float64 {
	if !within(t, w.For) {
		return 0
	}
	return w.Base + w.swing(int(t/w.Day))*(1-math.Cos(w.angle(t%w.Day)))/2
}

// Expected implements [Shape].
func (w Weekly) Expected(t time.Duration) float64 {
	t = clamp(t, w.For)
	days, day := int(t/w.Day), w.Day.Seconds()
	// A whole day of a wave holds half of what its peak would.
	week := workingDays*w.swing(0) + (weekDays-workingDays)*w.swing(workingDays)
	waves := float64(days/weekDays) * week * day / 2
	for d := range days % weekDays {
		waves += w.swing(d) * day / 2
	}
	today := t % w.Day
	waves += w.swing(days) * (today.Seconds() - day/(2*math.Pi)*math.Sin(w.angle(today))) / 2
	return w.Base*t.Seconds() + waves
}

// swing is how far the wave of a day rises over the base.
func (w Weekly) swing(day int) float64 {
	if day%weekDays < workingDays {
		return w.Weekday - w.Base
	}
	return w.Weekend - w.Base
}

func (w Weekly) angle(today time.Duration) float64 {
	return 2 * math.Pi * today.Seconds() / w.Day.Seconds()
}

// Duration implements [Shape].
func (w Weekly) Duration() time.Duration { return w.For }
