package cost

import "math"

// walk finds the cheapest schedule of an instance for a price of violations, by
// dynamic programming over the slopes of the least cost.
//
// Let C_t(x) be the least cost of a schedule that ends in x, draining charged
// with the start. It is convex, so its slopes s_t(x) = C_t(x+1) − C_t(x) say
// all. To change x between steps costs nothing downwards and β upwards, which
// clips the slopes to [0, β] (Lin et al., INFOCOM 2011):
//
//	s_t(x) = length − θ·saved_t(x) + min(max(s_{t−1}(x), 0), β)
//
// Looking back, the best count before x is x itself unless that lies outside
// of what was worth having: x_{t−1} = clamp(x_t, low, high), with s < 0 below
// low and s < β below high.
type walk struct {
	instance  Instance
	steps     int
	beta      float64
	slopes    []float64
	low, high []int32 // by step
	replicas  []int   // the schedule found last
}

func newWalk(i Instance) walk {
	n := len(i.Demand)
	return walk{
		instance: i, steps: n, beta: i.up() + i.down(), slopes: make([]float64, i.Most),
		low: make([]int32, n), high: make([]int32, n), replicas: make([]int, n),
	}
}

// forward takes step t; saved is what one replica more saves in violations, nil
// for nothing.
func (w *walk) forward(t int, saved []float32, price float64) {
	length, slopes := w.instance.length(t), w.slopes
	low := min(w.instance.Initial, w.instance.Most)
	high := low // before the first step slopes are 0 below, β above
	if t > 0 {
		low, high = int(w.low[t-1]), int(w.high[t-1])
	}
	for x := range slopes[:low] {
		slopes[x] = length
	}
	for x := low; x < high; x++ {
		slopes[x] += length
	}
	for x := high; x < len(slopes); x++ {
		slopes[x] = length + w.beta
	}
	for x, s := range saved {
		slopes[x] -= price * float64(s)
	}
	w.limit(t)
	below0 := below(slopes, 0)
	w.low[t], w.high[t] = int32(below0), int32(below0+below(slopes[below0:], w.beta))
}

// limit makes what is not allowed endlessly dear.
func (w *walk) limit(t int) {
	least, most := w.instance.limits(t)
	for x := range w.slopes[:least] {
		w.slopes[x] = math.Inf(-1)
	}
	for x := most; x < len(w.slopes); x++ {
		w.slopes[x] = math.Inf(1)
	}
}

// back follows the cheapest schedule from its end. Draining was charged with
// the start: it does not happen to those left at the end.
func (w *walk) back() {
	x := below(w.slopes, w.instance.down())
	for t := w.steps - 1; t >= 0; t-- {
		if t < w.steps-1 {
			x = min(max(x, int(w.low[t])), int(w.high[t]))
		}
		w.replicas[t] = x
	}
}

// below is how many of the growing slopes are under a limit.
func below(slopes []float64, limit float64) int {
	low, high := 0, len(slopes)
	for low < high {
		if middle := int(uint(low+high) >> 1); slopes[middle] < limit {
			low = middle + 1
		} else {
			high = middle
		}
	}
	return low
}
