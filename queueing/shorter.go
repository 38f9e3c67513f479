package queueing

import "math"

// deepest is how many waiting the fixed point of two choices looks at: lines
// fall doubly exponentially.
const deepest = 60

// shorter gives the shares of requests that find all slots busy and at least
// j = 0, 1, … others waiting at both of two random replicas (power of two
// choices).
//
// With many replicas the share u_k of those that have at least k requests is
// the fixed point of a replica that gets requests at the rate
// λ(u_k + u_{k+1}) while it has k (Mitzenmacher 1996; Vvedenskaya,
// Dobrushin, Karpelevich 1996), and both have k with probability u_k². With
// few replicas, or deep lines, all grow together: never less likely than with
// the shortest of all lines.
func (p *profile) shorter(x int, rho float64) []float64 {
	slots := p.service.Slots
	together := p.shortest(x, rho)
	u := p.twoChoices(rho)
	deeper := make([]float64, max(deepest, len(together)))
	for j := range deeper {
		if j < deepest {
			deeper[j] = u[slots+j] * u[slots+j]
		}
		if j < len(together) {
			deeper[j] = max(deeper[j], together[j])
		}
	}
	return deeper
}

// twoChoices returns u. Below slots the counts fall as in Erlang's system,
// above by the growth at the local load; the share with all slots busy makes
// the mean number of busy slots right.
func (p *profile) twoChoices(rho float64) []float64 {
	slots := p.service.Slots
	u, share := make([]float64, slots+deepest+2), make([]float64, slots+deepest+1)
	for k := range u {
		u[k] = math.Pow(rho, float64(max(0, k-slots+1)))
	}
	for range 60 {
		change := p.redistribute(rho, u, share)
		if change < 1e-12 {
			break
		}
	}
	return u
}

func (p *profile) redistribute(rho float64, u, share []float64) (change float64) {
	slots, top := p.service.Slots, len(share)-1
	a := rho * float64(slots)
	share[0] = 1
	low, busy := 1.0, 0.0
	for k := 1; k < slots; k++ {
		share[k] = share[k-1] * a * (u[k-1] + u[k]) / float64(k)
		low += share[k]
		busy += share[k] * float64(k)
	}
	share[slots] = 1
	high := 1.0
	for k := slots + 1; k <= top; k++ {
		share[k] = share[k-1] * growth(rho*(u[k-1]+u[k]), p.cs2)
		high += share[k]
	}
	busy /= low
	full := min(1, max(0, (a-busy)/(float64(slots)-busy)))
	above := 0.0
	for k := top; k >= 0; k-- {
		if k >= slots {
			above += share[k] / high * full
		} else {
			above += share[k] / low * (1 - full)
		}
		next := (u[k] + above) / 2
		change = max(change, math.Abs(next-u[k]))
		u[k] = next
	}
	return change
}
