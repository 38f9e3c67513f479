package capacity

import (
	"math"
	"time"
)

// alone is the share of the requests that took longer than the objective allows
// while replicas were hardly used: nothing waited there, so it was the service
// itself. What is measured under load says nothing of that: a line that stands
// makes any service look slow.
type alone struct {
	Late average   `json:"late"`
	At   time.Time `json:"at,omitzero"` // of the newest sample in it
	// Busy is when replicas were last used more than that.
	Busy time.Time `json:"busy,omitzero"`
	// Most is the highest rate of answers of one replica that was seen.
	Most float64 `json:"most"`
}

const (
	// hardly is the highest use of a replica at which its answers are taken for those
	// of the service alone.
	hardly = 0.5
	// broken is the share of failures from which on answers are not of the service:
	// who cannot be reached takes long as well.
	broken = 0.05
	// proof is how many late requests must be seen, and for how long they count.
	proof, proven = 5, longMemory
)

// observe takes in a sample with answers.
func (a *alone) observe(l *Learner, s *sample, steady bool, weight float64, later time.Duration) {
	each := s.throughput() / float64(s.ready)
	a.Most = max(a.Most, each)
	if a.use(l, s, each) > hardly {
		a.Busy = s.at
	}
	// The first window after that has answers of those who waited before.
	if !steady || s.errors*s.window.Seconds() > broken*s.answered || s.at.Sub(a.Busy) < 2*s.window {
		return
	}
	a.Late.add(s.latency.ShareAbove(l.threshold), weight, math.Exp(-later.Seconds()/longMemory.Seconds()))
	a.At = s.at
}

// use is how much of a replica is used. Where nobody measures what it carries, it is
// the share of what one was seen to answer, unless most have nothing to do.
func (a *alone) use(l *Learner, s *sample, each float64) float64 {
	if l.model.ready && l.model.source != fromLatency {
		return max(each, s.rate/float64(s.ready)) / l.model.perReplica
	}
	use := each / a.Most
	if s.concurrency >= 0 {
		use = min(use, s.concurrency/float64(s.ready))
	}
	return use
}

// Alone is the share of requests whose service alone misses the objective, as far
// as that was seen lately at replicas that were hardly used, or follows from what is
// stated of the service; else 0. [Learner.Intrinsic] is what the model makes of all
// that was measured, and is to be reckoned with, not to be told.
func (l *Learner) Alone() float64 {
	if l.cfg.ServiceMean > 0 && l.cfg.ServiceCV > 0 {
		return l.Intrinsic()
	}
	a := &l.memory.Alone
	if a.At.IsZero() || l.memory.At.Sub(a.At) > proven || a.Late.Sum < proof {
		return 0
	}
	return min(l.Intrinsic(), a.Late.mean())
}
