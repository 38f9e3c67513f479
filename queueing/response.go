package queueing

import "math"

// response is the law of the time from arrival to answer with some number of
// replicas at one load.
type response interface {
	// avoidable is the avoidable share when all start so many cells later.
	avoidable(delay int) float64
	// above is the share that takes longer than so many cells.
	above(cells int) float64
	mean() float64
}

// response is the law with x replicas at a load of rho < 1.
func (p *profile) response(x int, rho float64) response {
	if p.service.Sharing {
		return p.sharing(x, rho)
	}
	return &lined{p: p, wait: p.wait(x, rho)}
}

// lined is the response of who waits in line: W + S.
type lined struct {
	p    *profile
	wait *grid
}

func (l *lined) avoidable(delay int) float64 { return l.p.avoidable(l.wait, delay) }

func (l *lined) above(cells int) float64 {
	within := 0.0
	for i, m := range l.wait.mass[:cells+1] {
		within += m * l.p.within[cells-i]
	}
	return max(0, 1-within)
}

func (l *lined) mean() float64 { return l.p.mean + l.wait.mean()*l.p.dt }

// quantiles are the times that shares of the responses take at most. Beyond the
// grid responses fall geometrically, as they do at its end.
func (p *profile) quantiles(r response, shares []float64) []float64 {
	var known [span + 1]float64
	above := func(i int) float64 {
		if known[i] == 0 {
			known[i] = r.above(i) + 1e-300
		}
		return known[i]
	}
	times := make([]float64, len(shares))
	for k, share := range shares {
		times[k] = p.crossing(above, 1-share) * p.dt
	}
	return times
}

// crossing is where, in cells, the share above falls to over.
func (p *profile) crossing(above func(i int) float64, over float64) float64 {
	if end := above(span); end > over {
		decay := math.Log(above(span*3/4)/end) / (span / 4)
		return span + math.Log(end/over)/max(decay, 1e-6)
	}
	if above(0) <= over {
		return 0
	}
	low, high := 0, span
	for low+1 < high {
		if middle := (low + high) / 2; above(middle) > over {
			low = middle
		} else {
			high = middle
		}
	}
	return float64(low) + (above(low)-over)/(above(low)-above(high))
}
