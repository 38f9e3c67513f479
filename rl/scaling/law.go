package scaling

import (
	"math"

	"github.com/flyball-io/flyball/queueing"
	"github.com/flyball-io/flyball/sim"
)

// law is what the queueing model says of a service, as tables that a step reads
// once: by the number of replicas and their load, in the steady state, and by how
// long requests wait in a line.
//
// Loads are kept as odds ρ/(1−ρ), in doublings that are cut into parts, as
// [queueing.Curve] does. Within a part answers lie on a line; shares of late
// requests are convex there, so they are never below the curve's.
type law struct {
	carried      float32 // requests per second of a replica
	slots        float32 // of one
	threshold    float32 // seconds
	perThreshold float32 // 1 over it
	intrinsic    float32 // share whose service alone is too long
	most         int     // replicas
	cells        []cell  // [replicas][load]

	// waits[k] is the integral, over waits up to k parts of the threshold, of the
	// share that misses it by a wait, and late that share beyond.
	waits [waitParts + 1]float32
	late  float32
}

// cell is the steady state of some replicas at a load.
type cell struct {
	avoidable float32 // share
	latency   float32 // 95 % within, over the threshold
	used      float32 // requests in progress per slot
}

const (
	leastOdds, mostOdds = -4, 8
	oddsBits, oddsParts = 3, 1 << oddsBits
	loads               = (mostOdds-leastOdds)*oddsParts + 1
	waitParts           = 32
)

// newLaw makes the tables of a scenario's service for as many replicas as it may
// have.
func newLaw(s *sim.Scenario, curve *queueing.Curve, most int) *law {
	l := &law{
		carried: float32(s.Service.CapacityPerReplica()), slots: float32(s.Service.Slots),
		threshold: float32(s.Objective.Threshold.Std().Seconds()), intrinsic: float32(curve.Intrinsic()),
		most: most, cells: make([]cell, (most+1)*loads), late: float32(1 - curve.Intrinsic()),
	}
	for x := 1; x <= most; x++ {
		for i := range loads {
			l.cells[x*loads+i] = l.ask(curve, x, i)
		}
	}
	l.perThreshold = 1 / l.threshold
	l.fillWaits(curve)
	return l
}

func (l *law) ask(curve *queueing.Curve, replicas, node int) cell {
	// Parts of a doubling lie on a line, as the bits of a number do.
	odds := math.Ldexp(1+float64(node%oddsParts)/oddsParts, node/oddsParts+leastOdds)
	rate := odds / (1 + odds) * float64(replicas) * float64(l.carried)
	return cell{
		avoidable: float32(curve.Avoidable(replicas, rate, 0)),
		latency:   float32(curve.Quantile(0.95, replicas, rate, 0)) / l.threshold,
		used:      float32(rate*curve.MeanResponse(replicas, rate, 0)) / (float32(replicas) * l.slots),
	}
}

// fillWaits integrates the share that a wait makes late. How many replicas answer
// hardly matters to that: a fifth of all is taken, at a load of two thirds.
func (l *law) fillWaits(curve *queueing.Curve) {
	x := max(1, l.most/5)
	capacity := float64(x) * float64(l.carried)
	share := func(part float64) float32 {
		return float32(curve.Avoidable(x, capacity*2/3, part*float64(l.threshold)*capacity))
	}
	for k := range waitParts {
		middle := share((float64(k) + 0.5) / waitParts)
		l.waits[k+1] = l.waits[k] + middle/waitParts
	}
}

// steady is the steady state of some replicas at a rate, of a capacity for it. Where
// that is not above the rate there is none: then it is that of a load close below 1.
func (l *law) steady(replicas int, rate, capacity float32) cell {
	if replicas <= 0 {
		return cell{avoidable: l.late, latency: 1, used: 1}
	}
	row := l.cells[min(replicas, l.most)*loads:][:loads]
	const top = 1 << mostOdds
	if rate >= capacity {
		return row[loads-1]
	}
	odds := rate / (capacity - rate) // ρ/(1−ρ)
	switch {
	case !(odds < top):
		return row[loads-1]
	case odds <= 1.0/(1<<-leastOdds):
		return row[0].scaled(rate / capacity)
	}
	bits := math.Float32bits(odds)
	const shift, first = 23 - oddsBits, (127 + leastOdds) << oddsBits
	i := int(bits>>shift) - first
	behind := float32(bits&(1<<shift-1)) * (1.0 / (1 << shift))
	a, b := &row[i], &row[i+1]
	return cell{
		avoidable: a.avoidable + behind*(b.avoidable-a.avoidable),
		latency:   a.latency + behind*(b.latency-a.latency),
		used:      a.used + behind*(b.used-a.used),
	}
}

// scaled is the least load that is kept, for one below it: what is used goes down
// with it.
func (c cell) scaled(load float32) cell {
	const least = 1.0 / (1 + 1<<-leastOdds)
	c.used *= load * (1 / least)
	c.avoidable *= load * (1 / least)
	return c
}

// waiting is the mean share of requests made late by waits that go evenly from one
// to another, in seconds.
func (l *law) waiting(from, to float32) float32 {
	a, b := from/l.threshold, to/l.threshold
	if a > b {
		a, b = b, a
	}
	if b-a < 1e-3 {
		return l.share((a + b) / 2)
	}
	return (l.integral(b) - l.integral(a)) / (b - a)
}

// share is the one of a wait, in thresholds.
func (l *law) share(wait float32) float32 {
	if wait >= 1 {
		return l.late
	}
	k := int(wait * waitParts)
	return (l.waits[k+1] - l.waits[k]) * waitParts
}

// integral of the share from no wait to one, in thresholds.
func (l *law) integral(wait float32) float32 {
	if wait >= 1 {
		return l.waits[waitParts] + (wait-1)*l.late
	}
	place := wait * waitParts
	k := int(place)
	return l.waits[k] + (place-float32(k))*(l.waits[k+1]-l.waits[k])
}
