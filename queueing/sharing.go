package queueing

import "math"

// sharing is the law of responses with x replicas that share their slots among
// all they have (M/G/s-PS) at one load.
//
// The mean time of a request that needs s seconds alone is s·(1+f), with f the
// mean wait over the mean service of first come, first served with exponential
// services: how many are there does not depend on the law of services, only on
// its mean. With one slot f = ρ/(1−ρ). The excess over s is taken as a gamma
// variable with that mean f·s. Its variance is that of a slowness which has the
// variance v of the one found at arrival and forgets it at a rate κ by the
// request's own work,
//
//	Var = 2v/κ² · (κs − 1 + e^−κs),   v = f·g(1+ρ) − f²,   κ = (1−ρ)(1+f)/(g·τ)
//
// with g = f/C the slowness of those that share a slot, a share C of all, and
// τ = E[S²]/2E[S]. For one slot and exponential services, where g = 1/(1−ρ), it
// is exact (Ott 1984, The sojourn-time distribution in the M/G/1 queue with
// processor sharing).
type sharing struct {
	p      *profile
	excess float64 // f
	// By stride of service times: the mean excess, and the standard deviation of
	// the cube root of an excess over its mean.
	means, spreads [span / stride]float64
}

func (p *profile) sharing(x int, rho float64) *sharing {
	if p.exponentials == nil {
		like := p.service
		like.Law, like.Sharing = Exponential(p.mean), false
		p.exponentials = newProfile(like, p.threshold)
	}
	wait := p.exponentials.wait(x, rho).mean() * p.dt
	g := &sharing{p: p, excess: wait / p.mean}
	if g.excess < 1e-9 {
		return g
	}
	slow := g.excess / max(g.excess*(1-rho), p.exponentials.finds(x, rho))
	variance := g.excess*slow*(1+rho) - g.excess*g.excess
	forgets := (1 - rho) * (1 + g.excess) / (slow * p.mean * (1 + p.cs2) / 2)
	for k, s := range p.short {
		if p.mass[k] > 0 && s > 0 {
			y := forgets * s
			g.means[k] = g.excess * s
			// A third of the coefficient of variation (Wilson and Hilferty).
			g.spreads[k] = math.Sqrt(2*variance*(y+math.Expm1(-y))) / (forgets * 3 * g.means[k])
		}
	}
	return g
}

// finds is the share that finds all slots of its replica busy.
func (p *profile) finds(x int, rho float64) float64 {
	slots := p.service.Slots
	switch {
	case x > 1 && p.service.Topology == LeastConn:
		return p.shortest(x, rho)[0]
	case x > 1 && p.service.Topology == PowerOfTwo:
		return p.shorter(x, rho)[0]
	case x > 1 && p.service.Topology == RoundRobin:
		return turnWaitsExponential(x, slots, rho, everyXth(x, rho))
	case p.service.Topology == Central:
		slots *= x
	}
	return ErlangC(slots, rho*float64(slots))
}

// beyond is the share of requests with a service of the k-th stride that take
// longer than end, by the normal approximation of the gamma law (Wilson and
// Hilferty 1931).
func (g *sharing) beyond(k int, end float64) float64 {
	over := end - g.p.short[k]
	switch {
	case over < 0:
		return 1
	case g.means[k] < 1e-9*g.p.mean:
		return 0
	}
	return normalCDF((1 - g.spreads[k]*g.spreads[k] - math.Cbrt(over/g.means[k])) / g.spreads[k])
}

// stride is how many cells of service times are looked at as one.
const stride = 4

// late is the share of requests with services up to so many cells that take
// longer than end.
func (g *sharing) late(upTo int, end float64) float64 {
	sum := 0.0
	for k, mass := range g.p.mass[:upTo/stride] {
		if mass > 1e-15 {
			sum += mass * g.beyond(k, end)
		}
	}
	return sum
}

func (g *sharing) avoidable(delay int) float64 {
	return g.late(cells, float64(cells-delay)*g.p.dt)
}

func (g *sharing) above(cells int) float64 {
	return 1 - g.p.within[span] + g.late(span, float64(cells)*g.p.dt)
}

func (g *sharing) mean() float64 { return g.p.mean * (1 + g.excess) }
