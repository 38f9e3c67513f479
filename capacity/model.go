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
	blend, err := l.curves.Move(&l.model.blend, t, l.threshold)
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
