package capacity

import (
	"math"

	"github.com/flyball-io/flyball/queueing"
)

// Staffed is what a [Learner] knows of some number of replicas, for those who ask
// about many rates. It holds until the next observation.
type Staffed struct {
	learner  *Learner
	replicas float64
	curves   queueing.Staffed
}

// With is what is known of so many replicas.
func (l *Learner) With(replicas int) Staffed {
	return Staffed{learner: l, replicas: float64(replicas), curves: l.model.blend.With(replicas)}
}

// Avoidable is [Learner.Avoidable].
func (s *Staffed) Avoidable(rate, backlog float64) float64 {
	l := s.learner
	rate, backlog = sane(rate), sane(backlog)
	switch {
	case l.model.ready:
		return s.avoidable(rate, backlog, l.model.factor)
	case l.WorkOnly() && rate+backlog > 0:
		return math.Erfc((s.replicas-rate-backlog)/math.Sqrt(2*(rate+backlog))) / 2
	}
	return 0
}

// load is a rate as the curves are to be asked: in proportion to what a replica
// carries, where that is no whole number of slots, in doubt higher, and with
// corrected odds.
func (s *Staffed) load(rate, factor float64) float64 {
	m := &s.learner.model
	rho := rate / (s.replicas * m.perReplica)
	square := rho * rho
	rho *= 1 + m.source.doubt()*min(1, square*square*square*square)
	if rho < 1 {
		rho /= rho + (1-rho)/factor
	}
	return rho * s.replicas * m.blend.CapacityPerReplica()
}

// avoidable is the avoidable share of the model with a correction.
func (s *Staffed) avoidable(rate, backlog, factor float64) float64 {
	m := &s.learner.model
	if s.replicas <= 0 {
		return 1 - m.blend.Intrinsic()
	}
	return s.curves.Avoidable(s.load(max(0, rate), factor), backlog*m.blend.CapacityPerReplica()/m.perReplica)
}

// stretch is the mean response over the mean service at a load of rho.
func (s *Staffed) stretch(rho float64) float64 {
	m := &s.learner.model
	return s.curves.MeanResponse(rho*s.replicas*m.blend.CapacityPerReplica(), 0) / m.traits.Mean
}

// loadOf is the load at which responses are stretched so, by halving.
func (s *Staffed) loadOf(stretch float64) float64 {
	low, high := 0.0, 1.0
	for range 11 {
		if middle := (low + high) / 2; s.stretch(middle) < stretch {
			low = middle
		} else {
			high = middle
		}
	}
	return (low + high) / 2
}
