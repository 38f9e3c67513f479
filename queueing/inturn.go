package queueing

import "math"

// inTurn is the law of the wait when replicas get requests one after the
// other: of a Poisson stream each gets every x-th, at times between arrivals
// that have a variation of c²ₐ = 1/x (Erlang's law of x phases).
//
// A geometric number of steps follows R as in [profile.oneLine], with a ratio
// that is exact for one slot and exponential services (E_x/M/1).
func (p *profile) inTurn(x int, rho float64) *grid {
	slots, ca2 := p.service.Slots, 1/float64(x)
	sigma := everyXth(x, rho)
	law := compound(p.ahead[0], p.left, p.turnGrowth(rho, sigma, ca2))
	if slots == 1 {
		return p.withLongOnes(law.maybe(p.turnWaits(rho, sigma, ca2)), rho)
	}
	// Hayward's approximation: a stream of peakedness z meets servers as a
	// Poisson stream meets 1/z of them (Fredericks 1980).
	z := 1 + (ca2-1)*p.rough
	c, a := float64(slots)/z, rho*float64(slots)/z
	b := between(erlangBs(int(c)+1, a), c)
	return law.maybe(b / (1 - rho*(1-b)))
}

// everyXth is the share that waits in E_x/M/1, and the ratio of its line: the
// σ < 1 with σ = (1 + (1−σ)/(xρ))^−x.
func everyXth(x int, rho float64) float64 {
	return fixedPoint(func(s float64) float64 { return math.Pow(1+(1-s)/(float64(x)*rho), -float64(x)) - 1e-15 })
}

// turnGrowth carries the ratio of exponential services over to others so that
// waits in heavy traffic are in the ratio of (c²ₐ + c²ₛ)/2 (Kingman 1962). The
// more services vary the less regular arrivals help.
func (p *profile) turnGrowth(rho, sigma, ca2 float64) float64 {
	q := sigma / (1 - sigma) * (ca2 + p.cs2) / (ca2 + 1) * 2 / (1 + p.cs2)
	if p.cs2 > 1 {
		poisson := rho / (1 - rho) * (ca2 + p.cs2) / (1 + p.cs2)
		q = math.Pow(q, 1/p.cs2) * math.Pow(poisson, 1-1/p.cs2)
	}
	return q / (1 + q)
}

// turnWaits is the share that waits with one slot: that of Krämer and
// Langenbach-Belz (1976), in proportion to what is exact for exponential
// services.
func (p *profile) turnWaits(rho, sigma, ca2 float64) float64 {
	share := func(cs2 float64) float64 {
		return rho + (ca2-1)*rho*(1-rho)*(1+ca2+rho*cs2)/(1+rho*(cs2-1)+rho*rho*(4*ca2+cs2))
	}
	return min(1, max(0, share(p.cs2)*sigma/share(1)))
}

// withLongOnes makes sure that one long service delays all that come after it:
// the n-th after it, at regular arrivals A apart, still waits longer than t
// when the service was longer than t + A + n(A−E[S]). The sum over n is an
// integral but for its first term.
func (p *profile) withLongOnes(wait *grid, rho float64) *grid {
	apart := p.mean / rho
	gain := apart - p.mean
	above, _ := wait.tails()
	before := 1.0
	for i := range wait.mass {
		from := float64(i)*p.dt + apart
		long := 1 - p.service.Law.CDF(from) + p.service.Law.Excess(from+gain/2)/gain
		tail := max(above[i], long)
		if p.cs2 > 1 {
			tail = math.Hypot(above[i], long)
		}
		tail = min(before, tail)
		wait.mass[i], before = before-tail, tail
	}
	return wait
}
