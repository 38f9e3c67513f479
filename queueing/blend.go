package queueing

import "fmt"

// Blend answers as a [Curve] for a service between the nodes of a [Library]. It
// is a value: two of the same question are equal. Rates beyond what the
// replicas carry, and backlogs, are as with a curve. It allocates nothing but
// when a curve behind it grows.
type Blend struct {
	shapes    [4]*shape  // nil: none
	shares    [4]float64 // of logarithms
	spans     [4]float64 // of times
	mean      float64
	threshold float64
	capacity  float64 // of one replica
	met       float64 // share of services that take at most the threshold
}

// CapacityPerReplica is the most requests per second that one replica answers
// for long.
func (b *Blend) CapacityPerReplica() float64 { return b.capacity }

// Intrinsic is the share whose service alone takes longer than the threshold.
func (b *Blend) Intrinsic() float64 { return 1 - b.met }

// Avoidable is [Curve.Avoidable].
func (b *Blend) Avoidable(replicas int, rate, backlog float64) float64 {
	s := b.With(replicas)
	return s.Avoidable(rate, backlog)
}

// MeanResponse is [Curve.MeanResponse].
func (b *Blend) MeanResponse(replicas int, rate, backlog float64) float64 {
	s := b.With(replicas)
	return s.MeanResponse(rate, backlog)
}

// Demand is [Curve.Demand], with at most so many replicas.
func (b *Blend) Demand(rate, share float64, most int) (int, error) {
	if b.Intrinsic() > share {
		return 0, fmt.Errorf("%.3g %% of the services alone take longer than %v s, %.3g %% may: %w", b.Intrinsic()*100, b.threshold, share*100, ErrInfeasible)
	}
	n := b.Fewest(rate, share, most)
	if n > most {
		return 0, fmt.Errorf("a rate of %.4g/s needs more than %d replicas: %w", rate, most, ErrInfeasible)
	}
	return n, nil
}

// Fewest is the fewest replicas with which at most a share of the requests
// violates avoidably in the steady state, whatever services alone violate; one
// more than most when that many do not suffice.
func (b *Blend) Fewest(rate, share float64, most int) int {
	low := rate / b.capacity
	switch {
	case !(rate > 0):
		return 0
	case !(low < float64(most)):
		return most + 1
	}
	n := fewest(int(low), func(x int) bool { return x > most || b.Avoidable(x, rate, 0) <= share })
	return min(n, most+1)
}
