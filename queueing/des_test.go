package queueing_test

import (
	"math/rand/v2"

	"github.com/flyball-io/flyball/queueing"
)

// world is a small simulator of first come, first served, independent of the
// formulas: it looks at requests one by one, in the order of their arrivals.
type world struct {
	service  queueing.Service
	replicas int
	free     [][]float64 // per line, a heap of the times at which its slots get free
	ends     heap        // of the requests in progress
	progress []int       // per replica, waiting included
	turn     int
	keep     bool // the response times
	rng      *rand.Rand
}

func newWorld(s queueing.Service, replicas int, seed uint64) *world {
	w := &world{service: s, replicas: replicas, progress: make([]int, replicas), rng: rand.New(rand.NewPCG(seed, 1))}
	lines, slots := replicas, s.Slots
	if s.Topology == queueing.Central {
		lines, slots = 1, replicas*s.Slots
	}
	for range lines {
		w.free = append(w.free, make([]float64, slots))
	}
	return w
}

// outcome counts requests; avoidable by threshold.
type outcome struct {
	requests  float64
	avoidable []float64
	responses []float64
}

// run sends requests and counts those that violate, after a tenth of warm-up.
func (w *world) run(rate float64, requests int, thresholds ...float64) outcome {
	o := outcome{avoidable: make([]float64, len(thresholds))}
	now := 0.0
	for i := range requests {
		now += w.rng.ExpFloat64() / rate
		takes := w.service.Law.Quantile(w.rng.Float64())
		for len(w.ends) > 0 && w.ends[0].at <= now {
			w.progress[w.ends.pop().replica]--
		}
		replica := w.choose()
		line := w.free[replica]
		end := max(now, line[0]) + takes
		line[0] = end
		sink(line)
		w.progress[replica]++
		if w.service.Topology == queueing.LeastConn || w.service.Topology == queueing.PowerOfTwo {
			w.ends.push(departure{end, replica})
		}
		if i < requests/10 {
			continue
		}
		o.requests++
		if w.keep {
			o.responses = append(o.responses, end-now)
		}
		for k, threshold := range thresholds {
			if takes <= threshold && end-now > threshold {
				o.avoidable[k]++
			}
		}
	}
	for k := range o.avoidable {
		o.avoidable[k] /= o.requests
	}
	return o
}

func (w *world) choose() int {
	switch w.service.Topology {
	case queueing.Random:
		return w.rng.IntN(w.replicas)
	case queueing.RoundRobin:
		w.turn = (w.turn + 1) % w.replicas
		return w.turn
	case queueing.PowerOfTwo:
		a := w.rng.IntN(w.replicas)
		if w.replicas == 1 {
			return a
		}
		b := w.rng.IntN(w.replicas - 1)
		if b >= a {
			b++
		}
		if w.progress[b] < w.progress[a] {
			return b
		}
		return a
	case queueing.LeastConn:
		best, ties := 0, 1
		for r := 1; r < w.replicas; r++ {
			switch d := w.progress[r] - w.progress[best]; {
			case d < 0:
				best, ties = r, 1
			case d == 0:
				if ties++; w.rng.IntN(ties) == 0 {
					best = r
				}
			}
		}
		return best
	}
	return 0
}

// sink restores a heap of times after its least was raised.
func sink(h []float64) {
	for i := 0; ; {
		child := 2*i + 1
		if child >= len(h) {
			return
		}
		if child+1 < len(h) && h[child+1] < h[child] {
			child++
		}
		if h[i] <= h[child] {
			return
		}
		h[i], h[child] = h[child], h[i]
		i = child
	}
}

type departure struct {
	at      float64
	replica int
}

// heap has the earliest departure first.
type heap []departure

func (h *heap) push(d departure) {
	*h = append(*h, d)
	for i := len(*h) - 1; i > 0; {
		parent := (i - 1) / 2
		if (*h)[parent].at <= (*h)[i].at {
			return
		}
		(*h)[parent], (*h)[i] = (*h)[i], (*h)[parent]
		i = parent
	}
}

func (h *heap) pop() departure {
	old := *h
	first := old[0]
	last := len(old) - 1
	old[0] = old[last]
	*h = old[:last]
	for i := 0; ; {
		child := 2*i + 1
		if child >= last {
			return first
		}
		if child+1 < last && old[child+1].at < old[child].at {
			child++
		}
		if old[i].at <= old[child].at {
			return first
		}
		old[i], old[child] = old[child], old[i]
		i = child
	}
}
