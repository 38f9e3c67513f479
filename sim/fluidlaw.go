package sim

import (
	"math"

	"github.com/flyball-io/flyball/queueing"
)

// fluidLaw is what chance adds to the fluid: the lines that form although the
// slots suffice. In the steady state a curve knows them. Near a load of 1 they
// take long to settle, so how many wait is a state q that moves towards it
// (point-wise stationary fluid flow; Rider 1976, Wang, Tipper, Banerjee 1996):
//
//	dq/dt = λ − r(q),   r(q) the rate at which q wait in the steady state
//
// and requests meet the law of r(q). A step solves q' + h·r(q') = q + hλ.
type fluidLaw struct {
	curve     *queueing.Curve
	threshold float64
	mean      float64
	perServer float64 // capacity of a replica
	replicas  int
	capacity  float64
	at        int     // node of the load where q lies
	behind    float64 // place behind it, 0..1
	waiting   *queues // at the nodes, for this many replicas
	known     []*queues
	weights   []*weights // by replicas
	delayed   Latencies  // counts of requests by how long they waited in lines
	failed    Latencies
}

// Nodes of the load: its odds ρ/(1−ρ) from 2^lowestOdds to 2^highestOdds, each
// doubling cut into oddsParts.
const (
	lowestOdds, highestOdds, oddsParts = -8, 10, 8
	oddsNodes                          = (highestOdds-lowestOdds)*oddsParts + 1
	finer                              = 4 // weights to a node
)

// queues is how many wait in the steady state at the nodes.
type queues [oddsNodes]float64

// weights is how many requests met the law of some load.
type weights [oddsNodes * finer]float64

// loads are the loads ρ at the nodes.
var loads = func() (rho [oddsNodes]float64) {
	for i := range rho {
		o := oddsAt(float64(i))
		rho[i] = o / (1 + o)
	}
	return rho
}()

// oddsAt are the odds at a place among the nodes.
func oddsAt(place float64) float64 {
	doubling := math.Floor(place / oddsParts)
	return math.Ldexp(1+(place-doubling*oddsParts)/oddsParts, int(doubling)+lowestOdds)
}

func newFluidLaw(s *Scenario, c *queueing.Curve) *fluidLaw {
	return &fluidLaw{
		curve: c, threshold: s.Objective.Threshold.Std().Seconds(), mean: s.Service.Law.Mean(),
		perServer: s.Service.CapacityPerReplica(),
	}
}

// resize goes over to another number of replicas.
func (l *fluidLaw) resize(replicas int) {
	l.replicas, l.capacity = replicas, float64(replicas)*l.perServer
	if replicas == 0 {
		return
	}
	for len(l.known) <= replicas {
		l.known, l.weights = append(l.known, nil), append(l.weights, nil)
	}
	if l.known[replicas] == nil {
		l.known[replicas], l.weights[replicas] = l.learn(), new(weights)
	}
	l.waiting = l.known[replicas]
}

// learn reads off the curve how many wait: rate times mean wait (Little).
func (l *fluidLaw) learn() *queues {
	w := new(queues)
	for i := range w {
		rate := l.capacity * loads[i]
		w[i] = rate * max(0, l.curve.MeanResponse(l.replicas, rate, 0)-l.mean)
		if i > 0 {
			w[i] = max(w[i], w[i-1])
		}
	}
	return w
}

// find looks for the place where waiting + served·ρ is sum, near the last one.
func (l *fluidLaw) find(sum, served float64) {
	w, i := l.waiting, l.at
	for i+2 < oddsNodes && w[i+1]+served*loads[i+1] <= sum {
		i++
	}
	for i > 0 && w[i]+served*loads[i] > sum {
		i--
	}
	low, high := w[i]+served*loads[i], w[i+1]+served*loads[i+1]
	l.at = i
	switch {
	case sum < low:
		l.behind = 0
	case sum >= high:
		l.behind = 1
	default:
		l.behind = (sum - low) / (high - low)
	}
}

// settle moves q by a step with so many expected requests, and returns the rate
// whose law they meet.
func (l *fluidLaw) settle(q *float64, expected, h float64) float64 {
	sum := *q + expected
	served := l.capacity * h
	l.find(sum, served)
	w := l.waiting
	next := w[l.at] + l.behind*(w[l.at+1]-w[l.at])
	if low := w[0] + served*loads[0]; sum < low {
		next = w[0] * sum / low
	}
	*q = next
	return (sum - next) / h
}

// settled is the rate at which q wait in the steady state.
func (l *fluidLaw) settled(q float64) float64 {
	l.find(q, 0)
	return l.capacity * (loads[l.at] + l.behind*(loads[l.at+1]-loads[l.at]))
}

// overload moves q by a step with all slots in use and a line: little is added,
// and less the longer all of it is.
func (l *fluidLaw) overload(q *float64, line, h float64) {
	all := *q + line
	if all >= l.waiting[oddsNodes-1] {
		return
	}
	*q += h * (l.capacity - l.settled(all))
}

// answer counts requests that meet the law of a rate after a wait in a line.
func (w *Fluid) answer(n, rate, wait float64, scored bool) {
	l := w.law
	avoidable := n * l.curve.Avoidable(w.replicas, rate, wait*w.capacity)
	intrinsic := n * w.intrinsic
	w.step.notGood += avoidable + intrinsic
	w.mixes.add(mix{replicas: w.replicas, rate: rate, wait: wait, count: n})
	if lost := n * w.impatient(wait); lost > 0 {
		w.step.failed += lost
		if scored {
			w.score.r.Failed += lost
		}
	}
	if !scored {
		return
	}
	r := &w.score.r
	r.Avoidable += avoidable
	r.Intrinsic += intrinsic
	r.Violations += avoidable + intrinsic
	if w.score.timeline {
		w.score.moment.Requests += n
		w.score.moment.Avoidable += avoidable
	}
	if wait > 0 || w.replicas == 0 {
		l.delayed.Add(wait, n)
		return
	}
	l.weights[w.replicas][l.at*finer+min(finer-1, int(l.behind*finer))] += n
}

// impatient is the share that does not wait for the end of its service.
func (w *Fluid) impatient(wait float64) float64 {
	if math.IsInf(w.patience, 1) {
		return 0
	}
	return 1 - w.scenario.Service.Law.CDF(w.patience-wait)
}

// fail counts requests that were not answered.
func (w *Fluid) fail(n, took float64, scored bool) {
	w.step.failed += n
	w.step.notGood += n
	w.mixes.add(mix{replicas: 0, wait: took, count: n})
	if !scored {
		return
	}
	r := &w.score.r
	r.Failed += n
	r.Violations += n
	r.Intrinsic += n * w.intrinsic
	r.Avoidable += n * (1 - w.intrinsic)
	if w.score.timeline {
		w.score.moment.Requests += n
		w.score.moment.Avoidable += n * (1 - w.intrinsic)
	}
	w.law.failed.Add(took, n)
}
