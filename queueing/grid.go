package queueing

import "math"

// cells is how many cells of time there are up to the threshold, and span how
// many in all.
const (
	cells = 128
	span  = 2 * cells
)

// grid is a law of times that are multiples of one width; mass[i] is the share
// at i widths. What is missing to 1 lies beyond the grid.
type grid struct{ mass [span + 1]float64 }

// spread puts a law with the given tail on a grid and keeps its mean: the mass
// at i·dt is Iᵢ − Iᵢ₊₁ with Iᵢ the mean of the tail over the cell that ends at
// i·dt, by Simpson's rule.
func spread(dt float64, tail func(t float64) float64) *grid {
	const parts = 4
	mean := func(cell int) float64 {
		sum, h := 0.0, dt/parts
		for k := range parts {
			t := float64(cell*parts+k) * h
			sum += tail(t) + 4*tail(t+h/2) + tail(t+h)
		}
		return sum / (6 * parts)
	}
	g := &grid{}
	before := 1.0
	for i := range g.mass {
		next := min(before, mean(i))
		g.mass[i], before = before-next, next
	}
	return g
}

// spreadExponential is [spread] of an exponential law.
func spreadExponential(dt, mean float64) *grid {
	g := &grid{}
	falls := math.Exp(-dt / mean)
	tail := mean / dt * (1 - falls)
	g.mass[0] = 1 - tail
	for i := 1; i <= span; i++ {
		g.mass[i] = tail * (1 - falls)
		tail *= falls
	}
	return g
}

// add is the law of the sum of two independent times.
func (g *grid) add(h *grid) *grid {
	sum := &grid{}
	for i, a := range g.mass {
		if a < 1e-18 {
			continue
		}
		to := sum.mass[i:]
		for j, b := range h.mass[:span+1-i] {
			to[j] += a * b
		}
	}
	return sum
}

// compound is the law of first and a geometric number of steps, each more with
// probability r (Panjer 1981): vᵢ(1 − r·h₀) = (1−r)·firstᵢ + r·Σ_{j≥1} hⱼ·vᵢ₋ⱼ.
func compound(first, step *grid, r float64) *grid {
	last := span
	for last > 0 && step.mass[last] < 1e-15 {
		last--
	}
	v := &grid{}
	scale := 1 / (1 - r*step.mass[0])
	for i := range v.mass {
		n := min(i, last)
		sum, back := 0.0, v.mass[i-n:i]
		for j, h := range step.mass[1 : n+1] {
			sum += h * back[n-1-j]
		}
		v.mass[i] = ((1-r)*first.mass[i] + r*sum) * scale
	}
	return v
}

// maybe is the law of a time that is 0 unless, with probability p, it has the
// law g.
func (g *grid) maybe(p float64) *grid {
	w := &grid{}
	for i, m := range g.mass {
		w.mass[i] = p * m
	}
	w.mass[0] += 1 - p
	return w
}

// tails returns the shares above i widths, and the factor by which they fall
// from one width to the next at the end of the grid and beyond.
func (g *grid) tails() (above [span + 1]float64, decay float64) {
	left := 1.0
	for i, m := range g.mass {
		left = max(0, left-m)
		above[i] = left
	}
	const look = span / 4
	if above[span] < 1e-14 {
		return above, 0
	}
	return above, math.Pow(above[span]/above[span-look], 1.0/look)
}

// mean is the mean of the law in widths, its end continued geometrically.
func (g *grid) mean() float64 {
	above, decay := g.tails()
	sum := 0.0
	for _, a := range above {
		sum += a
	}
	return sum + above[span]*decay/(1-min(decay, 1-1e-9))
}
