package sim

import (
	"math"

	"github.com/flyball-io/flyball/queueing"
	"github.com/flyball-io/flyball/series"
)

// points are the shares of a law that are counted as one time each: a
// twentieth of the requests up to the ninth tenth, finer beyond.
var points = func() (all []point) {
	edges := []float64{0.9, 0.92, 0.94, 0.96, 0.98, 0.99, 0.995, 0.998, 0.999, 0.9995, 1}
	from := 0.0
	for i := 1; i <= 18; i++ {
		all = append(all, newPoint(from, float64(i)/20))
		from = float64(i) / 20
	}
	for _, to := range edges[1:] {
		all = append(all, newPoint(from, to))
		from = to
	}
	return all
}()

// point is a share of a law, and where its time lies between two known quantiles.
type point struct {
	share  float64
	level  int
	behind float64
	at     float64 // quantile
}

// lawLevels are the quantiles of which the others are interpolated.
var lawLevels = [...]float64{0.5, 0.75, 0.9, 0.95, 0.99, 0.999}

func newPoint(from, to float64) point {
	p := point{share: to - from, at: (from + to) / 2}
	for p.level < len(lawLevels)-2 && p.at > lawLevels[p.level+1] {
		p.level++
	}
	low, high := lawLevels[p.level], lawLevels[p.level+1]
	p.behind = math.Log((1-low)/(1-p.at)) / math.Log((1-low)/(1-high))
	return p
}

// law is the quantiles of the responses with so many replicas at a rate.
func law(c *queueing.Curve, replicas int, rate float64) (quantiles [len(lawLevels)]float64) {
	for i, level := range lawLevels {
		quantiles[i] = c.Quantile(level, replicas, rate, 0)
	}
	return quantiles
}

func (p *point) time(quantiles *[len(lawLevels)]float64) float64 {
	low, high := quantiles[p.level], quantiles[p.level+1]
	return max(0, low+p.behind*(high-low))
}

// latencies adds the laws that requests met to a count of latencies.
func (l *fluidLaw) latencies(to *Latencies) {
	for replicas, all := range l.weights {
		if all == nil {
			continue
		}
		for i, n := range all {
			if n == 0 {
				continue
			}
			odds := oddsAt((float64(i) + 0.5) / finer)
			q := law(l.curve, replicas, float64(replicas)*l.perServer*odds/(1+odds))
			for k := range points {
				to.Add(points[k].time(&q), n*points[k].share)
			}
		}
	}
	alone := law(l.curve, 1, 0)
	for i, n := range l.delayed.counts {
		if n > 0 {
			wait := (latencyEdge(i) + latencyEdge(i+1)) / 2
			for k := range points {
				to.Add(wait+points[k].time(&alone), n*points[k].share)
			}
		}
	}
	to.Merge(&l.failed)
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
	ticks  [][]mix
	now    int
	moment []mix
	merged []mix
}

func newMixes(w *Fluid, ticks int) mixes {
	return mixes{world: w, ticks: make([][]mix, max(1, ticks))}
}

func (m *mixes) add(x mix) {
	m.ticks[m.now] = blend(m.ticks[m.now], x)
	if m.world.score.timeline && m.world.score.on {
		m.moment = blend(m.moment, x)
	}
}

// turn begins the next tick.
func (m *mixes) turn() {
	m.now = (m.now + 1) % len(m.ticks)
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

// fill counts the responses of the last ticks.
func (m *mixes) fill(h *series.Histogram) {
	m.merged = m.merged[:0]
	for i := range m.ticks {
		for _, x := range m.ticks[(m.now+1+i)%len(m.ticks)] {
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
		q := law(m.world.law.curve, x.replicas, x.rate)
		for k := range points {
			carry = addShare(h, x.wait+points[k].time(&q), x.count*points[k].share+carry)
		}
	}
}

func addShare(h *series.Histogram, seconds, n float64) (left float64) {
	whole := math.Floor(n)
	h.AddN(seconds, uint64(whole))
	return n - whole
}
