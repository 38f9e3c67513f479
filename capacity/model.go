package capacity

import (
	"math"

	"github.com/flyball-io/flyball/queueing"
)

// model is the queueing model of what is known now.
type model struct {
	ready      bool
	traits     queueing.Traits
	blend      queueing.Blend
	perReplica float64 // requests per second
	source     source
	factor     float64 // of the correction
}

// source is where the requests per second of a replica are from, the surest
// first.
type source int

const (
	unknown source = iota
	fromHint
	fromUtilization
	fromCPU
	fromLatency
)

var sources = [...]string{"unknown", "hint", "learned from utilization", "learned from CPU", "learned from latency"}

func (s source) String() string { return sources[s] }

// doubt is the relative error of what a replica carries. It makes a load so much
// higher where all slots are busy, and by its eighth power less below: close to
// a load of 1 a replica that carries a hundredth less is one that never catches
// up, elsewhere it makes no difference.
func (s source) doubt() float64 {
	return [...]float64{unknown: 0, fromHint: 0.005, fromUtilization: 0.01, fromCPU: 0.015, fromLatency: 0.03}[s]
}

// refresh makes the model of what is known.
func (l *Learner) refresh() {
	m := &l.memory
	l.model.factor = m.Correction.factor()
	t := queueing.Traits{Mean: l.cfg.ServiceMean.Std().Seconds(), CV: l.cfg.ServiceCV, Sharing: l.cfg.Sharing, Topology: l.topology}
	if t.Mean == 0 {
		t.Mean = m.Mean.value()
	}
	if t.CV == 0 && m.CV2.Weight > 0 {
		t.CV = math.Sqrt(m.CV2.mean())
	} else if t.CV == 0 {
		t.CV = assumedCV
	}
	slots, from := l.slots(t.Mean)
	l.model.ready = t.Mean > 0 && slots > 0 && l.threshold > 0
	if !l.model.ready {
		return
	}
	t.Slots = max(1, int(math.Round(min(slots, 1e6))))
	l.model.perReplica, l.model.source = slots/t.Mean, from
	if t == l.model.traits {
		return
	}
	blend, err := l.curves.Blend(t, l.threshold)
	if err != nil {
		l.model.ready = false
		return
	}
	l.model.traits, l.model.blend = t, blend
}

// assumedCV is taken until the variation was measured.
const assumedCV = 1

// slots is how many requests a replica works on at once, which need not be a
// whole number where it follows from the work of one.
func (l *Learner) slots(mean float64) (float64, source) {
	m := &l.memory
	reach := m.Reach.perReplica(mean) * mean
	switch {
	case l.cfg.Concurrency > 0:
		return float64(l.cfg.Concurrency), fromHint
	case m.Slots.known():
		return math.Round(max(1, m.Slots.value())), fromUtilization
	case m.CPU.known() && m.CPU.perReplica()*mean <= reach:
		return m.CPU.perReplica() * mean, fromCPU
	default:
		return reach, fromLatency
	}
}

// load is a rate as the curves are to be asked: in proportion to what a replica
// carries, where that is no whole number of slots, in doubt higher, and with
// corrected odds.
func (l *Learner) load(replicas int, rate, factor float64) float64 {
	rho := rate / (float64(replicas) * l.model.perReplica)
	square := rho * rho
	rho *= 1 + l.model.source.doubt()*min(1, square*square*square*square)
	if rho < 1 {
		rho /= rho + (1-rho)/factor
	}
	return rho * float64(replicas) * l.model.blend.CapacityPerReplica()
}

// avoidable is the avoidable share of the model with a correction.
func (l *Learner) avoidable(replicas int, rate, backlog, factor float64) float64 {
	b := &l.model.blend
	if replicas <= 0 {
		return 1 - b.Intrinsic()
	}
	return b.Avoidable(replicas, l.load(replicas, max(0, rate), factor), backlog*b.CapacityPerReplica()/l.model.perReplica)
}

// stretch is the mean response over the mean service at a load of rho.
func (l *Learner) stretch(replicas int, rho float64) float64 {
	b := &l.model.blend
	return b.MeanResponse(replicas, rho*float64(replicas)*b.CapacityPerReplica(), 0) / l.model.traits.Mean
}

// loadOf is the load at which responses are stretched so, by halving.
func (l *Learner) loadOf(replicas int, stretch float64) float64 {
	low, high := 0.0, 1.0
	for range 11 {
		if middle := (low + high) / 2; l.stretch(replicas, middle) < stretch {
			low = middle
		} else {
			high = middle
		}
	}
	return (low + high) / 2
}
