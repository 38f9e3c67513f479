package sim

import (
	"math/rand/v2"
	"time"

	"github.com/flyball-io/flyball/workload"
)

// arrivals yields when requests arrive: a Poisson process whose rate is that of
// the load, by change of time (see [workload.Arrivals]). The expected count is
// taken as a straight line within a tenth of a second, which is exact for
// traces and leaves no search per request.
type arrivals struct {
	load        workload.Shape
	random      *rand.Rand
	end         time.Duration
	width       time.Duration // of a slot
	left        time.Duration // of the present slot
	before      float64       // expected before the slot
	after       float64       // expected before its end
	perExpected float64       // nanoseconds per expected request in the slot
	level       float64       // expected before the next request
	ready       [256]time.Duration
	taken       int
}

const arrivalSlot = 100 * time.Millisecond

func newArrivals(s *Scenario) *arrivals {
	a := &arrivals{load: s.Load, random: stream(s, "arrivals"), end: s.Length(), width: arrivalSlot}
	if _, constant := s.Load.(workload.Constant); constant {
		a.width = a.end
	}
	a.left, a.taken = -a.width, len(a.ready)
	return a
}

// next returns when the next request arrives, never when none does.
func (a *arrivals) next() time.Duration {
	if a.taken == len(a.ready) {
		for i := range a.ready {
			a.ready[i] = a.draw()
		}
		a.taken = 0
	}
	at := a.ready[a.taken]
	a.taken++
	return at
}

func (a *arrivals) draw() time.Duration {
	a.level += a.random.ExpFloat64()
	for a.level >= a.after {
		a.left += a.width
		if a.left >= a.end {
			return never
		}
		right := min(a.left+a.width, a.end)
		a.before, a.after = a.after, a.load.Expected(right)
		if a.after > a.before {
			a.perExpected = float64(right-a.left) / (a.after - a.before)
		}
	}
	return a.left + time.Duration((a.level-a.before)*a.perExpected)
}
