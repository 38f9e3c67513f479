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
// backlog. Near a load of 1 lines take long to settle: whoever steps faster
// than that asks for the rate at which as many wait as wait now.
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

// levels are the quantiles that are kept; between them others are interpolated.
var levels = [...]float64{0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999}

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
	c.fillAll(c.lay(most))
	return c, nil
}

// loadNode is the node below a rate, and the place behind it.
func loadNode(capacity, rate float64) (node int, behind float64) {
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
	delay, fd := 0, float32(0)
	if backlog > 0 {
		late := backlog / (capacity * c.threshold) * delays
		if late >= delays {
			return c.met
		}
		delay = int(late)
		fd = float32(late - float64(delay))
	}
	at := c.place[min(replicas, c.most)]
	load, behind := loadNode(capacity, rate)
	log := c.log(at, load, delay, float32(behind), fd)
	if share := math.Exp(float64(log)); share < c.met {
		return share
	}
	return c.met
}

// log interpolates the logarithm of the avoidable share.
func (c *Curve) log(at place, load, delay int, fl, fd float32) float32 {
	from := (int(at.node)*loads+load)*delayNodes + delay
	log := corner(c.logs[from:from+delayNodes+2], fl, fd)
	if at.share > 0 {
		from += loads * delayNodes
		log += at.share * (corner(c.logs[from:from+delayNodes+2], fl, fd) - log)
	}
	return log
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
// takes at most, from arrival to answer. It is infinite without replicas. Below
// 10 % and above 99.9 % it answers for those.
func (c *Curve) Quantile(p float64, replicas int, rate, backlog float64) float64 {
	if replicas <= 0 {
		return math.Inf(1)
	}
	p = min(levels[len(levels)-1], max(levels[0], p))
	level := 0
	for level < len(levels)-2 && p > levels[level+1] {
		level++
	}
	low, high := levels[level], levels[level+1]
	a := c.read(c.quantiles, len(levels), level, replicas, rate)
	b := c.read(c.quantiles, len(levels), level+1, replicas, rate)
	// Tails fall exponentially: straight in ln(1−p).
	share := 1.0
	if p < high {
		share = math.Log((1-low)/(1-p)) / math.Log((1-low)/(1-high))
	}
	return a + share*(b-a) + c.delay(replicas, backlog)
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
	load, behind := loadNode(float64(replicas)*c.capacity, rate)
	return readAt(table, width, column, at, load, behind)
}

// readAt is read at a place and load.
func readAt(table []float32, width, column int, at place, load int, behind float64) float64 {
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
