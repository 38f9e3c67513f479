package evaluate

import (
	"cmp"
	"iter"
	"math"
	"slices"
	"time"

	"github.com/flyball-io/flyball/sim"
	"github.com/flyball-io/flyball/workload"
)

// stretch is a part of the scored time in which neither supply nor demand changes.
type stretch struct {
	from, to time.Duration
	demand   int
	sim.Change
	last bool // of its span of scored time
}

func (s stretch) seconds() float64 { return (s.to - s.from).Seconds() }

// stretches walks through the scored time.
func stretches(scored []workload.Span, d *Demand, changes []sim.Change) iter.Seq[stretch] {
	return func(yield func(stretch) bool) {
		for _, span := range scored {
			at, found := slices.BinarySearchFunc(changes, span.From, func(c sim.Change, t time.Duration) int { return cmp.Compare(c.At, t) })
			if !found {
				at = max(0, at-1) // the change that holds
			}
			for t := span.From; t < span.To; {
				for at+1 < len(changes) && changes[at+1].At <= t {
					at++
				}
				to := min(span.To, d.change(t))
				if at+1 < len(changes) {
					to = min(to, changes[at+1].At)
				}
				if !yield(stretch{t, to, d.At(t), changes[at], to == span.To}) {
					return
				}
				t = to
			}
		}
	}
}

// score fills in what supply over demand says of a run: the elasticity metrics
// of the SPEC research group (Herbst et al., ACM TOMPECS 2018), in percent, the
// accuracy of each moment being divided by its demand (by one where there is
// none), T the scored time, s the ready replicas and d the demand:
//
//	θ_U = 100/T ∫ max(d−s, 0)/d dt     θ_O = 100/T ∫ max(s−d, 0)/d dt
//	τ_U = 100/T ∫ [s < d] dt           τ_O = 100/T ∫ [s > d] dt
//
// Mean and variance are of the paid replicas over time.
func (r *Run) score(scored []workload.Span, d *Demand, changes []sim.Change) {
	var total, underTime, overTime, within, under, over, paid, squares float64
	for s := range stretches(scored, d, changes) {
		dt, short := s.seconds(), float64(s.demand-s.Ready)
		total += dt
		r.UndershootReplicaSeconds += max(0, short) * dt
		under += max(0, short) / float64(max(1, s.demand)) * dt
		over += max(0, -short) / float64(max(1, s.demand)) * dt
		r.DemandReplicaHours += float64(s.demand) * dt / 3600
		paid += float64(s.Billed) * dt
		squares += float64(s.Billed) * float64(s.Billed) * dt
		switch {
		case short > 0:
			underTime += dt
		case short < 0:
			overTime += dt
		}
		if math.Abs(short) <= 1 {
			within += dt
		}
	}
	r.HoursScored = total / 3600
	if total == 0 {
		return
	}
	r.ThetaU, r.ThetaO, r.TauU, r.TauO = 100*under/total, 100*over/total, 100*underTime/total, 100*overTime/total
	r.AccuracyWithinOne = within / total
	r.MeanReplicas = paid / total
	r.ReplicaVariance = max(0, squares/total-r.MeanReplicas*r.MeanReplicas)
	r.scoreMoves(scored, d, changes)
	r.scoreSteps(scored, d, changes)
}

// scoreMoves fills in how often the counts move.
//
// Jitter is how many more changes of the supply than of the demand there are
// per minute (BUNGEE): above 0 the supply oscillates, below it is sluggish.
// Instability is the share of quarters of a minute, in percent, over which
// supply and demand do not go the same way (up, down or not at all).
func (r *Run) scoreMoves(scored []workload.Span, d *Demand, changes []sim.Change) {
	direction, supplied, demanded, samples, unlike := 0, 0, 0, 0, 0
	for _, span := range scored {
		first := true
		var before, sampled stretch
		next := (span.From + sampleStep - 1) / sampleStep * sampleStep
		for s := range stretches([]workload.Span{span}, d, changes) {
			if first {
				before, sampled, first = s, s, false
			}
			if sign := sign(s.Desired - before.Desired); sign != 0 {
				r.ScalingActions++
				if sign == -direction {
					r.DirectionChanges++
				}
				direction = sign
			}
			supplied += abs(sign(s.Ready - before.Ready))
			demanded += abs(sign(s.demand - before.demand))
			for ; next < s.to; next += sampleStep {
				if next >= span.From+sampleStep {
					samples++
					unlike += min(1, abs(sign(s.Ready-sampled.Ready)-sign(s.demand-sampled.demand)))
				}
				sampled = s
			}
			before = s
		}
	}
	r.JitterPerMinute = jitter(supplied, demanded, r.HoursScored*60)
	r.Instability = 100 * float64(unlike) / float64(max(1, samples))
}

// jitter is the changes of the supply less those of the demand, per unit of time.
func jitter(supplied, demanded int, time float64) float64 {
	return float64(supplied-demanded) / time
}

func sign(n int) int {
	switch {
	case n > 0:
		return 1
	case n < 0:
		return -1
	}
	return 0
}

func abs(n int) int { return max(n, -n) }

// median of some numbers, which it sorts; the mean of the middle two of an even
// number of them, and 0 of none.
func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	slices.Sort(values)
	middle := len(values) / 2
	if len(values)%2 == 1 {
		return values[middle]
	}
	return (values[middle-1] + values[middle]) / 2
}
