package sim

import (
	"math"

	"github.com/flyball-io/flyball/queueing"
	"github.com/flyball-io/flyball/series"
)

// point is a share of the requests that is counted as one time.
type point struct {
	share  float64
	alone  float64 // what its services take
	level  int     // the known quantile below, −1: none
	behind float64 // place between it, or 0, and the next, 0..1
}

// lawLevels are the quantiles of which the others are interpolated.
var lawLevels = [...]float64{0.5, 0.75, 0.9, 0.95, 0.99, 0.999}

// lawPoints are the shares of a law that are counted as one time each: about
// the multiples of step up to 98 %, finer beyond. The quantiles people ask for
// lie in the middle of one.
func lawPoints(service queueing.Law, step float64) []point {
	var all []point
	from := 0.0
	add := func(to float64) {
		all = append(all, newPoint(service, from, to))
		from = to
	}
	for i := 0.5; i*step < 0.985-1e-9; i++ {
		add(i * step)
	}
	for _, to := range []float64{0.985, 0.989, 0.991, 0.995, 0.9985, 0.9995, 1} {
		add(to)
	}
	return all
}

func newPoint(service queueing.Law, from, to float64) point {
	at := (from + to) / 2
	p := point{share: to - from, alone: service.Quantile(at), level: -1}
	if at <= lawLevels[0] {
		p.behind = at / lawLevels[0]
		return p
	}
	p.level = 0
	for p.level < len(lawLevels)-2 && at > lawLevels[p.level+1] {
		p.level++
	}
	// Tails fall exponentially: straight in ln(1−p).
	low, high := lawLevels[p.level], lawLevels[p.level+1]
	p.behind = math.Log((1-low)/(1-at)) / math.Log((1-low)/(1-high))
	return p
}

// quantiles are how much longer those of the responses are than those of the
// services. Below the median the shorter the less.
type quantiles [len(lawLevels)]float64

// quantilesAt reads off the curve what so many replicas answer at a rate.
func (m *mixes) quantilesAt(replicas int, rate float64) (q quantiles) {
	for i, level := range lawLevels {
		q[i] = m.world.law.curve.Quantile(level, replicas, rate, 0) - m.alone[i]
	}
	return q
}

func (p *point) time(q *quantiles) float64 {
	if p.level < 0 {
		return p.alone + p.behind*q[0]
	}
	low, high := q[p.level], q[p.level+1]
	return max(0, p.alone+low+p.behind*(high-low))
}

// latencies adds the laws that requests met to a count of latencies.
func (m *mixes) latencies(to *Latencies) {
	l := m.world.law
	for replicas, x := range l.known {
		if x == nil {
			continue
		}
		for i, n := range x.met {
			if n > 0 {
				q := m.quantilesAt(replicas, float64(replicas)*l.perServer*loadAt(float64(i)+0.5))
				m.spread(to, m.fine, &q, 0, n)
			}
		}
	}
	var alone quantiles
	for i, n := range l.delayed.counts {
		if n > 0 {
			m.spread(to, m.coarse, &alone, (latencyEdge(i)+latencyEdge(i+1))/2, n)
		}
	}
	to.Merge(&l.failed)
}

func (m *mixes) spread(to *Latencies, points []point, q *quantiles, wait, n float64) {
	for k := range points {
		to.Add(min(wait+points[k].time(q), m.world.patience), n*points[k].share)
	}
}

// mix is requests that met one law; without replicas, that waited and failed.
type mix struct {
	replicas          int
	rate, wait, count float64
}

// mixes is the laws of the last ticks of the balancer, for the signal, and of
// the running moment, for the timeline.
type mixes struct {
	world  *Fluid
	fine   []point
	coarse []point
	alone  [len(lawLevels)]float64 // quantiles of the service
	ticks  [][]mix                 // in a ring
	now    int                     // the running one
	moment []mix
	merged []mix
}

func newMixes(w *Fluid, ticks int) mixes {
	law := w.scenario.Service.Law
	m := mixes{world: w, fine: lawPoints(law, 0.01), coarse: lawPoints(law, 0.05), ticks: make([][]mix, ticks)}
	for i, level := range lawLevels {
		m.alone[i] = law.Quantile(level)
	}
	return m
}

func (m *mixes) add(x mix) {
	m.ticks[m.now] = blend(m.ticks[m.now], x)
	if m.world.score.timeline && m.world.score.on {
		m.moment = blend(m.moment, x)
	}
}

// turn begins a tick.
func (m *mixes) turn(tick int) {
	m.now = tick % len(m.ticks)
	m.ticks[m.now] = m.ticks[m.now][:0]
}

// blend adds x to the last of all if their laws are about the same.
func blend(all []mix, x mix) []mix {
	if n := len(all); n > 0 {
		last := &all[n-1]
		if last.replicas == x.replicas && math.Abs(last.rate-x.rate) <= 0.02*last.rate && math.Abs(last.wait-x.wait) <= 0.02*last.wait {
			sum := last.count + x.count
			if sum > 0 {
				last.rate += (x.rate - last.rate) * x.count / sum
				last.wait += (x.wait - last.wait) * x.count / sum
			}
			last.count = sum
			return all
		}
	}
	return append(all, x)
}

// fill counts the responses from one tick to another.
func (m *mixes) fill(h *series.Histogram, from, to int) {
	m.merged = m.merged[:0]
	for tick := from; tick <= to; tick++ {
		for _, x := range m.ticks[tick%len(m.ticks)] {
			m.merged = blend(m.merged, x)
		}
	}
	m.count(m.merged, h)
}

// fillMoment counts the responses of the moment and begins another.
func (m *mixes) fillMoment(h *series.Histogram) {
	m.count(m.moment, h)
	m.moment = m.moment[:0]
}

// count adds whole requests: what is left of one share is carried to the next.
func (m *mixes) count(all []mix, h *series.Histogram) {
	carry := 0.0
	for _, x := range all {
		if x.replicas == 0 {
			carry = addShare(h, x.wait, x.count+carry)
			continue
		}
		q := m.quantilesAt(x.replicas, x.rate)
		for k := range m.coarse {
			p := &m.coarse[k]
			carry = addShare(h, min(x.wait+p.time(&q), m.world.patience), x.count*p.share+carry)
		}
	}
}

func addShare(h *series.Histogram, seconds, n float64) (left float64) {
	whole := math.Floor(n)
	h.AddN(seconds, uint64(whole))
	return n - whole
}
