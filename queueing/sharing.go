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
}

func (p *profile) sharing(x int, rho float64) *sharing {
	if p.exponentials == nil {
		like := p.service
		like.Law, like.Sharing = Exponential(p.mean), false
		p.exponentials = newProfile(like, p.threshold)
	}
	wait := p.exponentials.wait(x, rho).mean() * p.dt
	return &sharing{p: p, excess: wait / p.mean, free: 1 - rho}
}

// beyond is the share of requests with a service of s that take longer than
// s + t, by the normal approximation of the gamma law (Wilson and Hilferty
// 1931).
func (g *sharing) beyond(s, t float64) float64 {
	mean := g.excess * s
	switch {
	case t < 0:
		return 1
	case mean < 1e-12*g.p.mean:
		return 0
	}
	tau := g.p.mean * (1 + g.p.cs2) / 2
	y := s * g.free / tau
	variance := 2 * g.excess * tau * tau / (g.free * g.free * g.free) * (y + math.Expm1(-y))
	ninth := variance / (9 * mean * mean)
	return normalCDF((1 - ninth - math.Cbrt(t/mean)) / math.Sqrt(ninth))
}

// late is the share of requests with services up to so many cells that take
// longer than end.
func (g *sharing) late(upTo int, end float64) float64 {
	const stride = 2
	p, sum, before := g.p, 0.0, 0.0
	for i := stride; i <= upTo; i += stride {
		mass := p.within[i] - before
		before = p.within[i]
		if mass > 0 {
			s := (float64(i) - stride/2.0) * p.dt
			sum += mass * g.beyond(s, end-s)
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
