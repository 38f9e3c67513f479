package queueing

import "math"

// shorter gives the shares of requests that find all slots busy and at least
// j = 0, 1, … others waiting at both of two random replicas (power of two
// choices).
//
// With many replicas the share u_k of those that have at least k requests is a
// fixed point (Mitzenmacher 1996; Vvedenskaya, Dobrushin, Karpelevich 1996),
// and both have k with probability u_k². With few replicas, or deep lines, all
// grow together: as with the shortest of all lines, which two replicas are. The
// more likely of both counts, and a part of the other that makes the responses
// of 4 to 24 replicas those of simulation.
func (p *profile) shorter(x int, rho float64) []float64 {
	slots := p.service.Slots
	together := p.shortest(x, rho)
	u := p.twoChoices(rho)
	deeper := make([]float64, max(len(u)-slots, len(together)))
	for j := range deeper {
		if slots+j < len(u) {
			deeper[j] = u[slots+j] * u[slots+j]
		}
		if j < len(together) {
			share := 1 - 2/float64(x)
			if j == 0 {
				share *= 0.3
			}
			more, less := max(deeper[j], together[j]), min(deeper[j], together[j])
			deeper[j] = min(1, more+share*less)
			if j > 0 {
				deeper[j] = min(deeper[j-1], deeper[j])
			}
		}
	}
	return deeper
}

// twoChoices returns u. Of replicas with free slots the counts fall as in
// Erlang's system with arrivals at the rate λ(u_k + u_{k+1}); how many have all
// slots busy follows from the mean number of busy slots. From there on
//
//	u_{k+1} = u_k · r(ρ·u_k)
//
// with r the growth of a line at that load: ρ·u_k², exact, for exponential
// services.
func (p *profile) twoChoices(rho float64) []float64 {
	slots := p.service.Slots
	a := rho * float64(slots)
	u, share := make([]float64, slots+1), make([]float64, slots)
	for k := range u {
		u[k] = 1
	}
	for turn, change := 0, 1.0; change > 1e-10 && turn < 300; turn++ {
		change = p.redistribute(a, u, share)
	}
	for last := u[slots]; last > 1e-9; u = append(u, last) {
		last *= growth(rho*last, p.cs2)
	}
	return u
}

// redistribute moves u half of the way to what it implies, and tells how far.
func (p *profile) redistribute(a float64, u, share []float64) (change float64) {
	share[0] = 1
	free, busy := 1.0, 0.0
	for k := 1; k < len(share); k++ {
		share[k] = share[k-1] * a * (u[k-1] + u[k]) / float64(k)
		free += share[k]
		busy += share[k] * float64(k)
	}
	busy /= free
	above := min(1, max(0, (a-busy)/(float64(len(share))-busy)))
	free /= 1 - above
	for k := len(share); k >= 0; k-- {
		if k < len(share) {
			above += share[k] / free
		}
		next := (u[k] + above) / 2
		change = max(change, math.Abs(next-u[k]))
		u[k] = next
	}
	return change
}
