package sim

import (
	"math"
	"math/rand/v2"
	"time"

	"github.com/flyball-io/flyball/workload"
)

// fluidLoad yields the load in slots as long as a step: what is expected, and
// what comes, with the chance of a Poisson process. Slots lie at fixed instants,
// so that every policy meets the same load however its decisions cut the steps.
type fluidLoad struct {
	shape  workload.Shape
	random *rand.Rand
	length time.Duration
	width  time.Duration
	end    time.Duration // of the running slot
	before float64       // expected before end

	expected, actual float64 // requests per second in the slot
}

func newFluidLoad(s *Scenario) *fluidLoad {
	l := &fluidLoad{shape: s.Load, random: stream(s, "arrivals"), length: s.Length(), width: s.Step}
	if l.width == 0 {
		l.width = time.Second
	}
	return l
}

// next goes on to the next slot. Nothing comes after the end of the load.
func (l *fluidLoad) next() {
	from := l.end
	l.end += l.width
	if from < l.length {
		l.end = min(l.end, l.length)
	}
	after := l.shape.Expected(l.end)
	mean := max(0, after-l.before)
	l.before = after
	width := float64(l.end-from) * 1e-9
	l.expected, l.actual = mean/width, l.count(mean)/width
}

// count draws how many come of an expected number.
func (l *fluidLoad) count(mean float64) float64 {
	switch {
	case mean <= 0:
		return 0
	case mean < 16:
		return l.few(mean)
	default:
		// The normal law with its first correction for skewness (Cornish and
		// Fisher 1938).
		z := l.random.NormFloat64()
		return max(0, mean+math.Sqrt(mean)*z+(z*z-1)/6)
	}
}

// few inverts the sum of the Poisson probabilities.
func (l *fluidLoad) few(mean float64) float64 {
	u, k := l.random.Float64(), 0.0
	for p := math.Exp(-mean); u > p && k < 100; {
		u -= p
		k++
		p *= mean / k
	}
	return k
}
