// Package cost holds what a schedule of replicas costs: the one number that
// oracle, envelope, lazy capacity provisioning and the learning reward speak of,
// and the cheapest schedule in hindsight.
//
//	cost = Σ f_t(x_t) + β Σ (x_t − x_{t−1})⁺
//
// f_t(x) is what x replicas cost in interval t, violations included; β is what
// it costs to add one, paid on the way up (Lin et al., INFOCOM 2011).
package cost

import "math"

// Of returns what a schedule costs that begins at initial replicas.
func Of(schedule []int, initial int, f func(t, x int) float64, beta float64) float64 {
	total, before := 0.0, initial
	for t, x := range schedule {
		total += f(t, x) + beta*float64(max(0, x-before))
		before = x
	}
	return total
}

// Clairvoyant returns the cheapest schedule over steps intervals with 0 … most
// replicas, and its cost, by dynamic programming in O(steps·most): with C_t(x)
// the least cost of a schedule that ends in x,
//
//	C_t(x) = f_t(x) + min( min_{y ≥ x} C_{t−1}(y),  βx + min_{y ≤ x} (C_{t−1}(y) − βy) )
//
// which takes one pass for the minima from above and one for those from below.
// An infinite f forbids a count. Without any schedule allowed the cost is
// infinite and the schedule nil.
func Clairvoyant(steps, most, initial int, beta float64, f func(t, x int) float64) (schedule []int, total float64) {
	if steps == 0 {
		return []int{}, 0
	}
	least := make([]float64, most+1)
	for x := range least {
		least[x] = beta * float64(max(0, x-initial))
	}
	for x := range least {
		least[x] += f(0, x)
	}
	width, after := most+1, make([]float64, most+1)
	from := make([]int32, steps*width) // the count before, on the cheapest way to each
	for t := 1; t < steps; t++ {
		advance(after, least, from[t*width:(t+1)*width], beta)
		for x := range after {
			after[x] += f(t, x)
		}
		least, after = after, least
	}
	end := cheapest(least)
	if math.IsInf(least[end], 1) {
		return nil, least[end]
	}
	schedule = make([]int, steps)
	for t, x := steps-1, end; t >= 0; t-- {
		schedule[t] = x
		x = int(from[t*width+x])
	}
	return schedule, least[end]
}

// advance computes C_t, less f_t, from C_{t−1} and notes where each count came
// from.
func advance(after, before []float64, from []int32, beta float64) {
	// From above: going down is free.
	best, at := math.Inf(1), int32(len(before)-1)
	for x := len(before) - 1; x >= 0; x-- {
		if before[x] <= best {
			best, at = before[x], int32(x)
		}
		after[x], from[x] = best, at
	}
	// From below: each replica more costs β.
	best, at = math.Inf(1), 0
	for x := range before {
		if reduced := before[x] - beta*float64(x); reduced < best {
			best, at = reduced, int32(x)
		}
		if up := beta*float64(x) + best; up < after[x] {
			after[x], from[x] = up, at
		}
	}
}

func cheapest(costs []float64) int {
	best := 0
	for x, c := range costs {
		if c < costs[best] {
			best = x
		}
	}
	return best
}
