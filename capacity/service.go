package capacity

import (
	"math"
	"time"
)

// learnService takes the waits of the model out of the response times. At light
// load there are none: such samples count more, in proportion to the square of
// what is idle and of the share of the service in the response, and a response
// that nobody can take apart yet next to nothing.
func (l *Learner) learnService(s *sample, weight float64, later time.Duration) {
	m := &l.memory
	mean, idle := s.mean, guess
	if l.model.ready {
		mean = l.unloaded(s)
		idle = max(0.1, 1-l.busy(s)*mean)
	}
	alone := mean / s.mean
	if l.saturated(s) {
		idle, alone = 1, 1 // answers per second tell the service exactly
	}
	err := math.Sqrt(s.variance/s.answered) / s.mean
	if l.model.source == fromLatency && idle < 0.3 {
		err = math.Inf(1) // rather a wait than a service that takes longer at once
	}
	weight *= idle * alone * idle * alone
	if grown := m.Mean.add(mean, weight, err, later); grown > 1 {
		// Slots that are busy for longer carry less; where they end is not known then.
		m.Reach.slow(grown)
	}
	if alone > 0.7 && !l.saturated(s) {
		wait := s.mean - mean
		variance := max(0, s.variance-2*wait*wait)
		m.CV2.add(max(leastCV*leastCV, variance/(mean*mean)), weight*math.Pow(alone, 4), math.Exp(-later.Seconds()/longMemory.Seconds()))
	}
}

// saturated reports that all slots are busy, where their number is known: twice
// as many wait as are served. Where lines are left over from fewer replicas, only
// those of then are busy.
func (l *Learner) saturated(s *sample) bool {
	known := l.model.source == fromHint || l.model.source == fromUtilization
	return l.model.ready && known && s.others == 0 && s.concurrency > 3*float64(s.ready)*max(1, l.model.perReplica*l.model.traits.Mean)
}

// guess is the idle share taken where the load is not known.
const guess = 1e-3

// leastCV is a variation nobody can tell from none.
const leastCV = 0.01

// unloaded is the mean service behind the mean response. Where the slots are
// known it is the one with which the model has that response, by halving; all
// slots busy, it is no more than slots over answers per second. Where it is known
// what a replica carries, the load and so the stretch are. Where nothing but
// response times is known there is no wait until they grow.
func (l *Learner) unloaded(s *sample) float64 {
	busy, staffed := l.busy(s), l.With(s.ready)
	switch l.model.source {
	case fromLatency:
		return s.mean
	case fromCPU:
		return s.mean / staffed.stretch(min(settled, busy*l.model.traits.Mean))
	}
	low, high := 0.0, min(s.mean, 1/max(1e-9, busy))
	for range 11 {
		if middle := (low + high) / 2; middle*staffed.stretch(busy*middle) < s.mean {
			low = middle
		} else {
			high = middle
		}
	}
	return (low + high) / 2
}

// busy is the load for each second of the mean service.
func (l *Learner) busy(s *sample) float64 {
	return s.throughput() / (float64(s.ready) * l.model.perReplica * l.model.traits.Mean)
}
