package queueing

import "math"

// profile is what is worked out once for a service and a threshold, to learn
// the law of the waits for any number of replicas and rate.
//
// Each law is built of two: R, the time until the first of n services in
// progress ends, each somewhere in its middle, with P(R>t) = (E[(S−t)⁺]/E[S])ⁿ;
// and the times between further ends, as if one slot were n times as fast
// (Tijms, van Hoorn, Federgruen, Approximations for the steady-state
// probabilities in the M/G/c queue, 1981).
type profile struct {
	service   Service
	threshold float64
	dt        float64
	mean      float64
	cs2       float64 // squared coefficient of variation
	// within[i] is the share of services that take at most i·dt.
	within [span + 1]float64
	// ahead[j] is the law of the wait of who finds the slots of his replica
	// busy and j others waiting there.
	ahead []*grid
	steps *grid
	// rough is the peakedness that a regular stream loses in the slots:
	// E[min(S,S')]/E[S] (Eckberg 1983).
	rough float64
	// first is the last residual asked for.
	first struct {
		n   int
		law *grid
	}
	// left is the law of what is left of a step found in its middle.
	left *grid
	// mass and short are the share of the services in each stride of cells, and
	// their mean, for sharing.
	mass, short [span / stride]float64
	// exponentials is the same with exponential services, for sharing.
	exponentials *profile
}

func newProfile(s Service, threshold float64) *profile {
	p := &profile{service: s, threshold: threshold, dt: threshold / cells, mean: s.Law.Mean(), cs2: s.Law.CV() * s.Law.CV()}
	for i := range p.within {
		p.within[i] = s.Law.CDF(float64(i) * p.dt)
	}
	const parts, means = 4000, 40
	for i := range parts {
		above := 1 - s.Law.CDF((float64(i)+0.5)*p.mean*means/parts)
		p.rough += above * above * means / parts
	}
	p.steps = spread(p.dt, func(t float64) float64 { return 1 - s.Law.CDF(t*float64(s.Slots)) })
	p.left = spread(p.dt, func(t float64) float64 { return s.Law.Excess(t*float64(s.Slots)) / p.mean })
	p.ahead = []*grid{p.residual(s.Slots)}
	p.gather()
	return p
}

// residual is the law of the time until the first of n services ends.
func (p *profile) residual(n int) *grid {
	if p.first.n != n {
		p.first.n = n
		p.first.law = spread(p.dt, func(t float64) float64 { return math.Pow(p.service.Law.Excess(t)/p.mean, float64(n)) })
	}
	return p.first.law
}

// gather fills mass and short: E[S; a<S≤b] = aF̄(a) + E[(S−a)⁺] − bF̄(b) − E[(S−b)⁺].
func (p *profile) gather() {
	for k := range p.mass {
		a, b := p.within[k*stride], p.within[(k+1)*stride]
		if k == 0 {
			a = 0
		}
		from, to := float64(k*stride)*p.dt, float64((k+1)*stride)*p.dt
		if p.mass[k] = b - a; p.mass[k] > 0 {
			sum := from*(1-a) + p.service.Law.Excess(from) - to*(1-b) - p.service.Law.Excess(to)
			p.short[k] = min(to, max(from, sum/p.mass[k]))
		}
	}
}

// behind is the law of the wait of who finds j waiting at his replica; nil from
// where it is nearly always longer than the grid.
func (p *profile) behind(j int) *grid {
	for len(p.ahead) <= j {
		last := p.ahead[len(p.ahead)-1]
		if last == nil {
			return nil
		}
		next := last.add(p.steps)
		if above, _ := next.tails(); above[span] > 1-1e-9 {
			next = nil
		}
		p.ahead = append(p.ahead, next)
	}
	return p.ahead[j]
}

// wait is the law of the wait with x replicas at a load of rho < 1.
func (p *profile) wait(x int, rho float64) *grid {
	slots := p.service.Slots
	if x == 1 {
		return p.oneLine(slots, rho)
	}
	switch p.service.Topology {
	case Central:
		return p.oneLine(x*slots, rho)
	case RoundRobin:
		return p.inTurn(x, rho)
	case LeastConn:
		return p.byDepth(p.shortest(x, rho))
	case PowerOfTwo:
		return p.byDepth(p.shorter(x, rho))
	}
	return p.oneLine(slots, rho)
}

// byDepth is the law of the wait when a share deeper[j] of the requests finds
// at least j others waiting at its replica, whose slots are all busy.
func (p *profile) byDepth(deeper []float64) *grid {
	w := &grid{}
	w.mass[0] = 1 - deeper[0]
	for j, share := range deeper {
		if j+1 < len(deeper) {
			share -= deeper[j+1]
		}
		g := p.behind(j)
		if j == 0 && p.service.Slots == 1 {
			g = p.young(share / (p.mean * max(1e-9, 1-deeper[0])))
		}
		if g == nil {
			break
		}
		for i, m := range g.mass {
			w.mass[i] += share * m
		}
	}
	return w
}

// young is what is left of a service that has met no arrival yet, when they come
// at a rate while nobody waits behind it: balancers that look at lines keep away
// from replicas that were busy for long. Its tail is
//
//	∫₀^∞ P(S > t+a) e^−rate·a da / ∫₀^∞ P(S > a) e^−rate·a da
func (p *profile) young(rate float64) *grid {
	g, end := &grid{}, float64(span)*p.dt
	falls := math.Exp(-rate * p.dt)
	// From the end: tail = ∫₀^∞ P(S > t+a) e^−rate·a da.
	tail := p.service.Law.Excess(end) / (1 + rate*end)
	var tails [span + 1]float64
	for i := span; i >= 0; i-- {
		if i < span {
			tail = tail*falls + p.dt/2*(1-p.within[i]+falls*(1-p.within[i+1]))
		}
		tails[i] = tail
	}
	before := 1.0
	for i := range g.mass {
		next := tails[i] / tails[0]
		if i < span {
			next = (tails[i] + tails[i+1]) / (2 * tails[0])
		}
		g.mass[i], before = before-next, next
	}
	return g
}

// avoidable is the share of requests that take longer than the threshold less
// a delay of so many cells, although their service takes at most the threshold.
func (p *profile) avoidable(wait *grid, delay int) float64 {
	left, within := cells-delay, 0.0
	for i := range left + 1 {
		within += wait.mass[i] * p.within[left-i]
	}
	return max(0, p.within[cells]-within)
}
