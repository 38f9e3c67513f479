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
	first := p.ahead[0]
	if slots == 1 && p.cs2 < 1 {
		first = p.overshoot(p.mean/rho, 1-ca2)
	}
	law := compound(first, p.left, p.turnGrowth(rho, sigma, ca2))
	if slots == 1 {
		return p.withLongOnes(law.maybe(p.turnWaits(rho, sigma, ca2)), rho)
	}
	// Hayward's approximation: a stream of peakedness z meets servers as a
	// Poisson stream meets 1/z of them (Fredericks 1980).
	// That too in proportion to what is exact for exponential services.
	exact := 1.0
	if near := hayward(slots, rho, (1+ca2)/2); near > 0 {
		exact = turnWaitsExponential(x, slots, rho, sigma) / near
	}
	waits := hayward(slots, rho, 1+(ca2-1)*p.rough) * math.Pow(exact, 1/max(1, p.cs2))
	return law.maybe(min(1, waits))
}

// hayward is Erlang's C for a stream of peakedness z.
func hayward(slots int, rho, z float64) float64 {
	c := float64(slots) / z
	b := between(erlangBs(int(c)+1, rho*c), c)
	return b / (1 - rho*(1-b))
}

// turnWaitsExponential is the share that waits with exponential services. With
// many slots the terms of the exact formula cancel to nothing, and Hayward's is
// near.
func turnWaitsExponential(x, slots int, rho, sigma float64) float64 {
	if slots <= 16 {
		return everyXthWaits(x, slots, rho, sigma)
	}
	return hayward(slots, rho, (1+1/float64(x))/2)
}

// everyXthWaits is the share that waits in E_x/M/s (Takács 1962; Gross and
// Harris, Fundamentals of queueing theory, 5.3): with φ_j = (1 + j/(xρs))^−x and
// C_j = Π_{i≤j} φᵢ/(1−φᵢ),
//
//	1 / (1 + (1−σ) Σ_{j≤s} binom(s,j)/(C_j(1−φ_j)) · (s(1−φ_j) − j)/(s(1−σ) − j))
func everyXthWaits(x, slots int, rho, sigma float64) float64 {
	s, sum, factor := float64(slots), 0.0, 1.0
	for k := 1; k <= slots; k++ {
		j := float64(k)
		phi := math.Pow(1+j/(float64(x)*rho*s), -float64(x))
		factor *= (s - j + 1) / j * (1 - phi) / phi
		if !(factor < 1e300) {
			return 0 // next to no load
		}
		sum += factor / (1 - phi) * (s*(1-phi) - j) / (s*(1-sigma) - j)
	}
	return 1 / (1 + (1-sigma)*sum)
}

// overshoot is what is left of a service that is longer than the time to the
// next arrival, with a weight; else what is left of one found in its middle.
func (p *profile) overshoot(apart, weight float64) *grid {
	longer := 1 - p.service.Law.CDF(apart)
	if longer < 1e-12 {
		return p.ahead[0]
	}
	return spread(p.dt, func(t float64) float64 {
		return weight*(1-p.service.Law.CDF(apart+t))/longer + (1-weight)*p.service.Law.Excess(t)/p.mean
	})
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

// turnWaits is the share that waits with one slot. Where services vary much it is
// that of Krämer and Langenbach-Belz (1976), in proportion to what is exact for
// exponential services; where they vary little, by Spitzer's identity (1956),
//
//	1 − e^−Σ P(S₁+…+S_n > A₁+…+A_n)/n
//
// with lognormal sums, of mean n·E[S] and n·E[A].
func (p *profile) turnWaits(rho, sigma, ca2 float64) float64 {
	if p.cs2 < 1 {
		sum, apart := 0.0, 1/rho
		for n := 1.0; n < 400; n++ {
			vs, va := math.Log1p(p.cs2/n), math.Log1p(ca2/n) // of the logarithms
			term := normalCDF(-(math.Log(apart) + vs/2 - va/2) / math.Sqrt(vs+va))
			sum += term / n
			if term < 1e-9 {
				break
			}
		}
		return -math.Expm1(-sum)
	}
	share := func(cs2 float64) float64 {
		return rho + (ca2-1)*rho*(1-rho)*(1+ca2+rho*cs2)/(1+rho*(cs2-1)+rho*rho*(4*ca2+cs2))
	}
	return min(1, max(0, share(p.cs2)*sigma/share(1)))
}

// withLongOnes makes sure that a long service delays whoever comes next, at
// regular arrivals A apart, by more than t when it is longer than t + A. Where
// services vary much, one delays all that come after it: the n-th when it is
// longer than t + A + n(A−E[S]). The sum over n is an integral but for its first
// term.
func (p *profile) withLongOnes(wait *grid, rho float64) *grid {
	apart := p.mean / rho
	gain := apart - p.mean
	above, _ := wait.tails()
	before := 1.0
	for i := range wait.mass {
		from := float64(i)*p.dt + apart
		tail := max(above[i], 1-p.service.Law.CDF(from))
		if p.cs2 > 1 {
			tail = math.Hypot(above[i], 1-p.service.Law.CDF(from)+p.service.Law.Excess(from+gain/2)/gain)
		}
		tail = min(before, tail)
		wait.mass[i], before = before-tail, tail
	}
	return wait
}
