package workload

import (
	"fmt"
	"strings"
	"time"
)

// entry is a shape with a name. All of them take an hour and reach about
// 100 requests/s; play them with [Speed] and [Scale].
type entry struct {
	name  string
	about string
	shape func() Shape
}

func catalogue() []entry {
	return []entry{
		{"constant", "100 requests/s all the time", func() Shape {
			return Constant{RPS: 100, For: time.Hour}
		}},
		{"ramp", "10 to 100 requests/s in half an hour, then held", func() Shape {
			return Ramp{From: 10, To: 100, Over: 30 * time.Minute, Hold: 30 * time.Minute}
		}},
		{"step", "20 requests/s, at 15 min 100, at 45 min 20 again", func() Shape {
			return Steps{{20, 15 * time.Minute}, {100, 30 * time.Minute}, {20, 15 * time.Minute}}
		}},
		{"diurnal", "a day in an hour, 15 to 100 requests/s", func() Shape {
			return Diurnal{Base: 15, Peak: 100, Period: time.Hour, For: time.Hour}
		}},
		{"flash-crowd", "20 requests/s, from 20 min a crowd to 100 that thins out", func() Shape {
			return FlashCrowd{
				Base: 20, Peak: 100,
				At: 20 * time.Minute, Rise: time.Minute, Hold: 10 * time.Minute, Decay: 6 * time.Minute,
				For: time.Hour,
			}
		}},
		{"on-off", "random bursts of 100 requests/s over a base of 10, minutes long", func() Shape {
			return OnOff{
				High: 100, Low: 10, HighFor: 4 * time.Minute, LowFor: 6 * time.Minute,
				Random: true, Seed: 1, For: time.Hour,
			}.Shape()
		}},
		{"weekly", "a week in an hour, up to 100 requests/s from Monday to Friday, 45 at the weekend", func() Shape {
			return Weekly{Base: 15, Weekday: 100, Weekend: 45, Day: time.Hour / weekDays, For: time.Hour}
		}},
		{"mmpp", "jumps between 10, 40 and 100 requests/s, minutes in each (Markov-modulated Poisson)", func() Shape {
			return MMPP{
				States: []State{{10, 5 * time.Minute}, {40, 4 * time.Minute}, {100, 2 * time.Minute}},
				Seed:   1, For: time.Hour,
			}.Shape()
		}},
		{"diurnal-flash", "a day in an hour, 15 to 60 requests/s, with a flash crowd to 100 at 42 min", DiurnalFlash},
	}
}

// DiurnalFlash is the workload of the demo: a day in an hour with a flash
// crowd on the way down, when the service has just begun to shrink.
//
//	100 ┤             ╭╮
//	 60 ┤      ╭──╮   │╰╮
//	    │    ╭─╯  ╰───╯ ╰─╮
//	 15 ┤────╯            ╰──
//	    ┼─────────┬────┬────┬► t
//	             30m  42m  60m
func DiurnalFlash() Shape {
	return Sum(
		Diurnal{Base: 15, Peak: 60, Period: time.Hour, For: time.Hour},
		FlashCrowd{
			Peak: 58,
			At:   42 * time.Minute, Rise: time.Minute, Hold: 3 * time.Minute, Decay: 4 * time.Minute,
			For: time.Hour,
		},
	)
}

// Named returns the shape of that name. All take an hour and reach about 100
// requests/s. The error lists the names there are.
func Named(name string) (Shape, error) {
	for _, e := range catalogue() {
		if e.name == name {
			return e.shape(), nil
		}
	}
	return nil, fmt.Errorf("shape %q is not known: must be one of %s", name, strings.Join(Names(), ", "))
}

// Names returns the names of all shapes.
func Names() []string {
	names := []string{}
	for _, e := range catalogue() {
		names = append(names, e.name)
	}
	return names
}

// About returns one line on the shape of that name, empty when there is none.
func About(name string) string {
	for _, e := range catalogue() {
		if e.name == name {
			return e.about
		}
	}
	return ""
}
