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
// and requests meet the law of r(q). A step solves q' + h·r(q') = q + hλ. That
// is right in the long run and too fast on the way up: at a load of 1 the line
// grows as √(2at) and not as the √(4at/π) of a random walk that cannot go below
// 0. So growing goes at 2/π of the pace.
type fluidLaw struct {
	curve     *queueing.Curve
	threshold float64
	mean      float64
	perServer float64 // requests per second that a replica answers
	replicas  int
	capacity  float64
	rate      float64 // r(q)
	at        int     // node of the load where q lies
	behind    float64 // place behind it, 0..1
	known     []*lawOf
	*lawOf              // of this many replicas
	delayed   Latencies // requests by how long they waited in lines
	failed    Latencies
}

const growing = 2 / math.Pi

// Nodes of the load: its odds ρ/(1−ρ) from 2^lowestOdds to 2^highestOdds, each
// doubling cut into oddsParts, and these for shares into finer.
const (
	lowestOdds, highestOdds, oddsParts = -8, 10, 16
	oddsNodes                          = (highestOdds-lowestOdds)*oddsParts + 1
	finer                              = 4
)

// lawOf is what is known of the steady state of some number of replicas.
type lawOf struct {
	queues    [oddsNodes]float64         // how many wait at a load
	avoidable [oddsNodes * finer]float64 // share; NaN: not asked yet
	met       [oddsNodes]float64         // how many requests met this load
}

// loads are the loads ρ at the nodes.
var loads = func() (rho [oddsNodes]float64) {
	for i := range rho {
		rho[i] = loadAt(float64(i))
	}
	return rho
}()

// loadAt is the load at a place among the nodes.
func loadAt(place float64) float64 {
	doubling := math.Floor(place / oddsParts)
	odds := math.Ldexp(1+(place-doubling*oddsParts)/oddsParts, int(doubling)+lowestOdds)
	return odds / (1 + odds)
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
	for len(l.known) <= replicas {
		l.known = append(l.known, nil)
	}
	if l.known[replicas] == nil {
		l.known[replicas] = l.learn()
	}
	l.lawOf = l.known[replicas]
}

// learn reads off the curve how many wait: rate times mean wait (Little).
func (l *fluidLaw) learn() *lawOf {
	x := new(lawOf)
	for i := range x.queues {
		rate := l.capacity * loads[i]
		if l.replicas > 0 {
			x.queues[i] = rate * max(0, l.curve.MeanResponse(l.replicas, rate, 0)-l.mean)
		}
		if i > 0 {
			x.queues[i] = max(x.queues[i], x.queues[i-1])
		}
	}
	for i := range x.avoidable {
		x.avoidable[i] = math.NaN()
	}
	return x
}

// find looks for the place where q + served·ρ is sum, near the last one, and
// returns q.
func (l *fluidLaw) find(sum, served float64) (q float64) {
	x, i := l.lawOf, l.at
	for i+2 < oddsNodes && x.queues[i+1]+served*loads[i+1] <= sum {
		i++
	}
	for i > 0 && x.queues[i]+served*loads[i] > sum {
		i--
	}
	low, high := x.queues[i]+served*loads[i], x.queues[i+1]+served*loads[i+1]
	l.at, l.behind = i, (sum-low)/(high-low)
	switch {
	case sum < low:
		l.behind = 0
		return x.queues[0] * sum / low
	case sum >= high:
		l.behind = 1
	}
	return x.queues[i] + l.behind*(x.queues[i+1]-x.queues[i])
}

// settle moves q by a step with so many expected requests.
func (l *fluidLaw) settle(q *float64, expected, h float64) {
	if expected > l.rate*h {
		expected, h = expected*growing, h*growing
	}
	sum := *q + expected
	*q = l.find(sum, l.capacity*h)
	l.rate = (sum - *q) / h
}

// settled is the rate at which q wait in the steady state.
func (l *fluidLaw) settled(q float64) float64 {
	l.find(q, 0)
	return l.capacity * (loads[l.at] + l.behind*(loads[l.at+1]-loads[l.at]))
}

// overload moves q by a step with all slots in use and a line: less is added
// the longer all of it is.
func (l *fluidLaw) overload(q *float64, line, h float64) {
	if all := *q + 2*line; all < l.queues[oddsNodes-1] {
		*q += growing * h * (l.capacity - l.settled(all))
	}
	l.rate = l.settled(*q)
}

// meet goes to the place of a load.
func (l *fluidLaw) meet(load float64) {
	load = min(load, loads[oddsNodes-1])
	fraction, exponent := math.Frexp(load / (1 - load))
	place := max(0, (float64(exponent-1-lowestOdds)+2*fraction-1)*oddsParts)
	l.at = min(int(place), oddsNodes-2)
	l.behind = min(1, place-float64(l.at))
	l.rate = load * l.capacity
}

// violating is the avoidable share at the place that was found last.
func (l *fluidLaw) violating() float64 {
	place := l.behind * finer
	behind := min(finer-1, int(place))
	i := l.at*finer + behind
	low, high := l.avoidable[i], l.avoidable[i+1]
	if math.IsNaN(low + high) {
		low, high = l.ask(i), l.ask(i+1)
	}
	return low + (place-float64(behind))*(high-low)
}

func (l *fluidLaw) ask(i int) float64 {
	l.avoidable[i] = l.curve.Avoidable(l.replicas, l.capacity*loadAt(float64(i)/finer), 0)
	return l.avoidable[i]
}
