package workload

import (
	"math/rand/v2"
	"time"
)

// onOffCycles is how many random cycles are drawn before they repeat.
const onOffCycles = 1000

// OnOff describes bursts: a high rate for a while, a low one for a while,
// starting high. With Random the lengths are exponential with the given
// means, drawn from Seed; after 1,000 cycles the drawn lengths repeat.
//
//	High ┤──┐  ┌────┐   ┌┐
//	 Low ┤  └──┘    └───┘└────
//	     ┼───────────────────► t
type OnOff struct {
	High, Low float64       // requests per second
	HighFor   time.Duration // length of a high phase, or its mean; above 0
	LowFor    time.Duration // length of a low phase, or its mean; above 0
	Random    bool
	Seed      uint64
	For       time.Duration // how long; 0 = endless
}

// Shape draws the phases.
func (o OnOff) Shape() Shape {
	cycles := 1
	if o.Random {
		cycles = onOffCycles
	}
	rng := rand.New(rand.NewPCG(o.Seed, 0x6f6e6f6666)) // "onoff"
	length := func(mean time.Duration) float64 {
		if !o.Random {
			return mean.Seconds()
		}
		return rng.ExpFloat64() * mean.Seconds()
	}
	phases := &pieces{}
	for range cycles {
		phases.add(length(o.HighFor), o.High, o.High)
		phases.add(length(o.LowFor), o.Low, o.Low)
	}
	return Clip(Repeat(phases), 0, o.For)
}
