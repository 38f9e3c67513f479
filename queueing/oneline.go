package queueing

// oneLine is the law of the wait in one line before c servers (M/G/c), and of
// each replica when requests spread at random: those split off a Poisson stream
// at random are one.
//
// Who waits, with the probability of Erlang's C, waits for R and a geometric
// number of steps, one more with probability ρ: with c = 1 the formula of
// Pollaczek and Khinchine, whose steps are what is left of a service; exact
// too for exponential services with any c. With more servers one long service
// stops only one of them, so the steps are exponential with the same mean,
// (1+c²ₛ)/2 · E[S]/c.
func (p *profile) oneLine(c int, rho float64) *grid {
	waits := ErlangC(c, rho*float64(c))
	step := p.mean / float64(c) * (1 + p.cs2) / 2
	switch {
	case c == 1:
		return compound(p.residual(1), p.residual(1), rho).maybe(waits)
	case p.mean/float64(c) < 2*p.dt:
		// Too short for the grid one by one; their sum is exponential.
		return spreadExponential(p.dt, step/(1-rho)).maybe(waits)
	}
	return compound(p.residual(c), spreadExponential(p.dt, step), rho).maybe(waits)
}
