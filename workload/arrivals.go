package workload

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// Kind says how arrivals follow from a rate.
type Kind string

// Kinds of arrivals.
const (
	// Poisson arrivals are independent of each other, as of many users.
	Poisson Kind = "poisson"
	// Uniform arrivals are evenly spaced at the current rate. Over recorded
	// requests they are exactly the recorded instants.
	Uniform Kind = "uniform"
)

// ParseKind reads a kind; the error lists those there are.
func ParseKind(text string) (Kind, error) {
	switch k := Kind(text); k {
	case Poisson, Uniform:
		return k, nil
	}
	return "", fmt.Errorf("arrivals %q are not known: must be one of poisson, uniform", text)
}

// Arrivals yields, one after the other, when requests arrive. The same shape,
// kind and seed give the same arrivals whoever asks and whenever. It has one
// owner.
//
// Both kinds are exact by change of time: with Λ(t) the requests expected
// before t, arrival k is where Λ reaches u_k. Evenly spaced, u_k = k + ½;
// for a Poisson process of that rate, u_k is the sum of k+1 exponentials of
// mean 1.
//
//	Λ ┤          ╭──
//	u₂┤┄┄┄┄┄┄┄┄╭─╯
//	u₁┤┄┄┄┄╭───╯
//	u₀┤┄╭──╯┊   ┊
//	  ┼─┴───┴───┴───► t
//	    a₀  a₁  a₂
type Arrivals struct {
	shape Shape
	rng   *rand.Rand
	end   time.Duration // 0 = endless
	level float64       // Λ at the next arrival
	low   time.Duration // an instant with Λ below level…
	count float64       // …and Λ there
	last  time.Duration // the arrival returned last
}

// NewArrivals returns the arrivals of s.
func NewArrivals(s Shape, kind Kind, seed uint64) *Arrivals {
	a := &Arrivals{shape: s, end: s.Duration()}
	if a.end == 0 {
		a.end = farthest
	}
	if kind == Poisson {
		a.rng = rand.New(rand.NewPCG(seed, 0x6172726976616c73)) // "arrivals"
	} else {
		a.level = -0.5
	}
	return a
}

// Next returns when the next request arrives, counted from the start of the
// shape and never before the one returned last, or false when none is left.
func (a *Arrivals) Next() (time.Duration, bool) {
	level := a.level + 1
	if a.rng != nil {
		level = a.level + a.rng.ExpFloat64()
	}
	high, highCount, ok := a.bracket(level)
	if !ok {
		return 0, false
	}
	a.level = level
	a.last = max(a.last, a.narrow(high, highCount))
	return a.last, true
}

// tolerance is how exactly an arrival is placed.
const tolerance = 50 * time.Nanosecond

// farthest is how far an endless shape is searched for its next request.
const farthest = 100 * 365 * 24 * time.Hour

// bracket returns an instant after low where Λ has reached level. The first
// try is a hair behind where the present rate leads: right at once where the
// rate is constant.
func (a *Arrivals) bracket(level float64) (high time.Duration, count float64, ok bool) {
	width := time.Second
	if rate := a.shape.Rate(a.low); rate > 0 {
		width = fromSeconds((level-a.count)/rate) + tolerance
	}
	for {
		high = min(a.low+width, a.end)
		count = a.shape.Expected(high)
		if count >= level {
			return high, count, true
		}
		if high >= a.end {
			return 0, 0, false
		}
		a.low, a.count = high, count
		width *= 2
	}
}

// narrow draws low and high together around the instant where Λ reaches
// level and returns it. It probes on both sides of where a straight line
// between them hits, and halves every fourth time lest one end stays put.
func (a *Arrivals) narrow(high time.Duration, highCount float64) time.Duration {
	hit := func() time.Duration {
		share := (a.level - a.count) / (highCount - a.count)
		return a.low + time.Duration(share*float64(high-a.low))
	}
	for turn := 0; high-a.low > 2*tolerance; turn++ {
		probe := a.low + (high-a.low)/2
		switch turn % 4 {
		case 0, 2:
			probe = max(a.low+1, hit()-tolerance/2)
		case 1:
			probe = min(high-1, hit()+tolerance/2)
		}
		if count := a.shape.Expected(probe); count < a.level {
			a.low, a.count = probe, count
		} else {
			high, highCount = probe, count
		}
	}
	return hit()
}
