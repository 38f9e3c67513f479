package queueing

import (
	"fmt"
	"math"
)

// Curve is a service's law of responses as a table, for those who ask millions
// of times: shares that violate, quantiles and means by the number of replicas,
// the rate of requests, and a backlog. It reads only, allocates nothing, and
// may be used from many goroutines.
//
// A backlog is what waits beyond the steady state, in requests: after an
// overload, say. It delays all that arrive by backlog/(replicas·slots/mean)
// seconds, which leaves so much less of the threshold.
//
// Rates the replicas cannot carry have no steady state. The curve then answers
// for a load of 99.9 %: whoever steps through time carries the surplus as a
// backlog. For loads near 1 that come and go faster than lines settle see
// [Curve.SettledRate].
type Curve struct {
	service   Service
	threshold float64
	met       float64 // share of services that take at most the threshold
	capacity  float64 // of one replica
	most      int

	place []place // by the number of replicas
	nodes int

	logs      []float32 // [node][load][delay]: ln of the avoidable share
	quantiles []float32 // [node][load][level]: seconds
	means     []float32 // [node][load]: seconds
}

// place is where a number of replicas lies between two nodes.
type place struct {
	node  int32
	share float32 // of the next node
}

// Loads are kept as odds ρ/(1−ρ), from 2^lowest to 2^highest with 2^finer nodes
// in each doubling: the bits of the number hold the node and the place behind.
const (
	lowest, highest, finer = -8, 10, 3
	loads                  = (highest-lowest)<<finer + 1
	shift                  = 52 - finer
	firstLoad              = (1023 + lowest) << finer
	delays                 = 32 // cells of the threshold
	delayNodes             = delays + 1
	leastShare             = 1e-12
)

// levels are the quantiles that are kept; others are interpolated.
var levels = [...]float64{0.5, 0.75, 0.9, 0.95, 0.99, 0.999}

// NewCurve computes the curve of a service for a threshold in seconds and 1 to
// most replicas. It takes some tenths of a second for 1,000.
func NewCurve(s Service, threshold float64, most int) (*Curve, error) {
	if err := s.Validate(); err != nil {
		return nil, err
	}
	if !(threshold > 0) || math.IsInf(threshold, 1) || most < 1 {
		return nil, fmt.Errorf("curve: threshold must be above 0 s and at least one replica allowed, got %v s, %d", threshold, most)
	}
	c := &Curve{service: s, threshold: threshold, capacity: s.CapacityPerReplica(), most: most, met: s.Law.CDF(threshold)}
	p := newProfile(s, threshold)
	for _, x := range c.lay(most) {
		c.fill(p, x)
	}
	c.straighten()
	return c, nil
}

// lay chooses the nodes: all to 8, then every 15 %.
func (c *Curve) lay(most int) []int {
	nodes := []int{1}
	for last := 1; last < most; {
		last = min(most, max(last+1, last*115/100))
		nodes = append(nodes, last)
	}
	c.place = make([]place, most+1)
	node := 0
	for x := 1; x <= most; x++ {
		for node+1 < len(nodes) && nodes[node+1] <= x {
			node++
		}
		c.place[x].node = int32(node)
		if node+1 < len(nodes) {
			c.place[x].share = float32(x-nodes[node]) / float32(nodes[node+1]-nodes[node])
		}
	}
	c.nodes = len(nodes)
	return nodes
}

// oddsOf is the odds at a node of the load.
func oddsOf(load int) float64 { return math.Float64frombits(uint64(load+firstLoad) << shift) }

// fill computes one number of replicas.
func (c *Curve) fill(p *profile, x int) {
	for load := range loads {
		odds := oddsOf(load)
		r := p.response(x, odds/(1+odds))
		for d := range delayNodes {
			c.logs = append(c.logs, float32(math.Log(max(leastShare, r.avoidable(d*cells/delays)))))
		}
		for _, level := range levels {
			c.quantiles = append(c.quantiles, float32(p.quantile(r, level)))
		}
		c.means = append(c.means, float32(r.mean()))
	}
}

// straighten makes the tables monotone, where approximations meet: growing with
// load and delay, falling with replicas.
func (c *Curve) straighten() {
	for _, table := range []struct {
		values []float32
		width  int
		inner  bool // grows along its last index too
	}{{c.logs, delayNodes, true}, {c.quantiles, len(levels), true}, {c.means, 1, false}} {
		row := loads * table.width
		for i := range table.values {
			v := &table.values[i]
			if i >= row {
				*v = min(*v, table.values[i-row])
			}
			if i%row >= table.width {
				*v = max(*v, table.values[i-table.width])
			}
			if table.inner && i%table.width > 0 {
				*v = max(*v, table.values[i-1])
			}
		}
	}
}

// load is the node below a rate, and the place behind it.
func (c *Curve) load(capacity, rate float64) (node int, behind float64) {
	const top = 1 << highest
	odds := rate / (capacity - rate)
	switch {
	case rate >= capacity || odds >= top:
		return loads - 2, 1
	case !(odds > 1.0/(1<<-lowest)):
		return 0, 0
	}
	bits := math.Float64bits(odds)
	return int(bits>>shift) - firstLoad, float64(bits&(1<<shift-1)) * (1.0 / (1 << shift))
}

// Avoidable is the share of the requests arriving now that will take longer
// than the threshold although their service meets it. It grows with rate and
// backlog and falls with replicas. Without replicas it is the share of all
// whose service meets the threshold. It is within 1e-12.
func (c *Curve) Avoidable(replicas int, rate, backlog float64) float64 {
	if replicas <= 0 {
		return c.met
	}
	capacity := float64(replicas) * c.capacity
	late := backlog / (capacity * c.threshold) * delays
	if late >= delays {
		return c.met
	}
	late = max(0, late)
	at := c.place[min(replicas, c.most)]
	load, behind := c.load(capacity, rate)
	delay := int(late)
	fl, fd := float32(behind), float32(late-float64(delay))
	from := (int(at.node)*loads+load)*delayNodes + delay
	log := corner(c.logs[from:from+delayNodes+2], fl, fd)
	if at.share > 0 {
		from += loads * delayNodes
		log += at.share * (corner(c.logs[from:from+delayNodes+2], fl, fd) - log)
	}
	return min(c.met, math.Exp(float64(log)))
}

// corner interpolates between four values.
func corner(v []float32, fl, fd float32) float32 {
	_ = v[delayNodes+1]
	near := v[0] + fd*(v[1]-v[0])
	far := v[delayNodes] + fd*(v[delayNodes+1]-v[delayNodes])
	return near + fl*(far-near)
}

// Intrinsic is the share whose service alone takes longer than the threshold.
func (c *Curve) Intrinsic() float64 { return 1 - c.met }

// Quantile is the time in seconds that a share p of the requests arriving now
// takes at most, from arrival to answer. It is infinite without replicas.
func (c *Curve) Quantile(p float64, replicas int, rate, backlog float64) float64 {
	if replicas <= 0 {
		return math.Inf(1)
	}
	level := 0
	for level < len(levels)-2 && p > levels[level+1] {
		level++
	}
	low, high := levels[level], levels[level+1]
	a := c.read(c.quantiles, len(levels), level, replicas, rate)
	b := c.read(c.quantiles, len(levels), level+1, replicas, rate)
	// Tails fall exponentially: straight in ln(1−p).
	share := 0.0
	if p != low {
		share = math.Log((1-low)/(1-p)) / math.Log((1-low)/(1-high))
	}
	return max(0, a+max(-1, share)*(b-a)) + c.delay(replicas, backlog)
}

// MeanResponse is the mean time in seconds of the requests arriving now, from
// arrival to answer. It is infinite without replicas.
func (c *Curve) MeanResponse(replicas int, rate, backlog float64) float64 {
	if replicas <= 0 {
		return math.Inf(1)
	}
	return c.read(c.means, 1, 0, replicas, rate) + c.delay(replicas, backlog)
}

func (c *Curve) delay(replicas int, backlog float64) float64 {
	return max(0, backlog) / (float64(replicas) * c.capacity)
}

// read interpolates one column of a table by replicas and rate.
func (c *Curve) read(table []float32, width, column, replicas int, rate float64) float64 {
	at := c.place[min(replicas, c.most)]
	load, behind := c.load(float64(replicas)*c.capacity, rate)
	from := (int(at.node)*loads+load)*width + column
	v := float64(table[from]) + behind*float64(table[from+width]-table[from])
	if at.share > 0 {
		from += loads * width
		next := float64(table[from]) + behind*float64(table[from+width]-table[from])
		v += float64(at.share) * (next - v)
	}
	return v
}

// Demand is the fewest replicas with which at most a share of the requests
// violates avoidably in the steady state, as [Service.Demand] but from the
// table. It returns [ErrInfeasible] when services alone break the promise or
// more replicas than the curve holds were needed.
func (c *Curve) Demand(rate, share float64) (int, error) {
	if c.Intrinsic() > share {
		return 0, fmt.Errorf("%.3g %% of the services alone take longer than %v s, %.3g %% may: %w", c.Intrinsic()*100, c.threshold, share*100, ErrInfeasible)
	}
	if rate <= 0 {
		return 0, nil
	}
	low := int(rate / c.capacity)
	if low >= c.most || c.Avoidable(c.most, rate, 0) > share {
		return 0, fmt.Errorf("a rate of %.4g/s needs more than %d replicas: %w", rate, c.most, ErrInfeasible)
	}
	return fewest(low, func(x int) bool { return c.Avoidable(min(x, c.most), rate, 0) <= share }), nil
}

// SettledRate is the rate at which as many requests wait on average in the
// steady state as wait now, at most what the replicas carry for long. Lines
// near a load of 1 take long to settle; who steps through time faster than that
// keeps the number that waits as state q,
//
//	dq/dt = rate − SettledRate(replicas, q)
//
// and asks the curve for SettledRate in place of the rate: the point-wise
// stationary fluid flow approximation (Rider 1976; Wang, Tipper, Banerjee 1996).
// Above the load the table ends at, the rest of q is a backlog.
func (c *Curve) SettledRate(replicas int, waiting float64) (rate, backlog float64) {
	if replicas <= 0 {
		return 0, waiting
	}
	capacity := float64(replicas) * c.capacity
	at := func(load int) float64 { // that wait at this load
		odds := oddsOf(load)
		rate := capacity * odds / (1 + odds)
		return rate * max(0, c.MeanResponse(replicas, rate, 0)-c.service.Law.Mean())
	}
	low, high := 0, loads-1
	if top := at(high); waiting >= top {
		odds := oddsOf(high)
		return capacity * odds / (1 + odds), waiting - top
	}
	for low+1 < high {
		if middle := (low + high) / 2; at(middle) <= waiting {
			low = middle
		} else {
			high = middle
		}
	}
	before, after := at(low), at(high)
	odds := oddsOf(low) + (oddsOf(high)-oddsOf(low))*max(0, waiting-before)/max(after-before, 1e-300)
	if low == 0 && waiting < before {
		odds = oddsOf(0) * waiting / before
	}
	return capacity * odds / (1 + odds), 0
}
