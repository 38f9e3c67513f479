package queueing

import "math"

// shortest gives the shares of requests that find all slots busy and at least
// j = 0, 1, … others waiting at every replica, when each goes to the shortest
// line (least connections).
//
// All slots are busy with a probability between that of one central line,
// Erlang's C (which assumes that a free slot takes from any line), and that of
// lines that never help each other: those without a wait are then a loss
// system, whose servers are c less the p·a that are busy where somebody waits,
//
//	p = B(c − p·a, a)
//
// The geometric mean of both is within 1–2 % of the load that simulation
// finds. To find one more waiting everywhere the line of all must grow by x:
// each costs a factor rˣ, with r the ratio of the line's geometric law. For
// exponential services that is ρˣ, exact as the line grows (Kingman 1961, Two
// similar queues in parallel).
func (p *profile) shortest(x int, rho float64) []float64 {
	c := x * p.service.Slots
	a := rho * float64(c)
	blocked := erlangBs(c, a)
	apart := fixedPoint(func(share float64) float64 { return between(blocked, float64(c)-a*share) })
	found := math.Sqrt(apart * waiting(blocked[c], c, a))
	return p.fall(found, math.Pow(growth(rho, p.cs2), float64(x)))
}

// fall is found, found·factor, found·factor², … to nothing, or to lines so deep
// that nobody looks there.
func (p *profile) fall(found, factor float64) []float64 {
	deeper := make([]float64, 1, 64)
	deeper[0] = found
	for found > 1e-13 && len(deeper) < 1<<14 && (len(deeper) < 3 || p.behind(len(deeper)-2) != nil) {
		found *= factor
		deeper = append(deeper, found)
	}
	return deeper
}

// growth is the ratio r of the geometric law of a line at load rho, from its
// mean by Pollaczek and Khinchine: r/(1−r) = ρ/(1−ρ) · (1+c²ₛ)/2.
func growth(rho, cs2 float64) float64 {
	q := rho * (1 + cs2) / 2
	return q / (1 - rho + q)
}

// erlangBs holds Erlang's B for 0 … c servers.
func erlangBs(c int, a float64) []float64 {
	b := make([]float64, c+1)
	b[0] = 1
	for k := 1; k <= c; k++ {
		b[k] = a * b[k-1] / (float64(k) + a*b[k-1])
	}
	return b
}

// between continues Erlang's B to a real number of servers: its logarithm is
// nearly straight from one to the next.
func between(b []float64, c float64) float64 {
	if c <= 0 {
		return 1
	}
	k := min(int(c), len(b)-2)
	if b[k] < 1e-290 {
		return 0
	}
	return b[k] * math.Pow(b[k+1]/b[k], c-float64(k))
}

// fixedPoint is the p in [0, 1] with f(p) = p, for f that grows slower than p
// from f(0) ≥ 0.
func fixedPoint(f func(p float64) float64) float64 {
	low, high := 0.0, 1.0
	for range 40 {
		if middle := (low + high) / 2; f(middle) > middle {
			low = middle
		} else {
			high = middle
		}
	}
	return (low + high) / 2
}
