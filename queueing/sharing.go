package queueing

import "math"

// sharing is the law of responses with x replicas that share their slots among
// all they have (M/G/s-PS) at one load.
//
// The mean time of a request that needs s seconds alone is s·(1+f), with f the
// mean wait over the mean service of first come, first served with exponential
// services: how many are there does not depend on the law of services, only on
// its mean. With one slot f = ρ/(1−ρ). The excess over s is taken as a gamma
// variable with that mean f·s, and a variance that is exact for one slot and
// exponential services (Ott 1984, The sojourn-time distribution in the M/G/1
// queue with processor sharing),
//
//	Var = 2fτ·s/(1−ρ)² − 2fτ²/(1−ρ)³ · (1 − e^−s(1−ρ)/τ)
//
// with τ = E[S²]/2E[S], which makes it right for other laws where s is short or
// long.
type sharing struct {
	p      *profile
	excess float64 // f
	free   float64 // 1−ρ
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
	g := &sharing{p: p, excess: wait / p.mean, free: 1 - rho}
	for k, s := range p.short {
		if p.mass[k] > 0 && s > 0 {
			g.means[k], g.spreads[k] = g.excess*s, g.spread(s)
		}
	}
	return g
}

// spread is the standard deviation of the cube root of the excess over its
// mean: a third of its coefficient of variation.
func (g *sharing) spread(s float64) float64 {
	tau := g.p.mean * (1 + g.p.cs2) / 2
	y := s * g.free / tau
	variance := 2 * g.excess * tau * tau / (g.free * g.free * g.free) * (y + math.Expm1(-y))
	return math.Sqrt(variance) / (3 * g.excess * s)
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
