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

// quantile is the time that a share p of the responses takes at most. Beyond
// the grid responses fall geometrically, as they do at its end.
func (p *profile) quantile(r response, share float64) float64 {
	low, high := 0, span
	over := 1 - share
	if end := r.above(span); end > over {
		decay := math.Log(r.above(span*3/4)/end) / (span / 4)
		return (span + math.Log(end/over)/max(decay, 1e-6)) * p.dt
	}
	if r.above(0) <= over {
		return 0
	}
	for low+1 < high {
		if middle := (low + high) / 2; r.above(middle) > over {
			low = middle
		} else {
			high = middle
		}
	}
	before, after := r.above(low), r.above(high)
	return (float64(low) + (before-over)/(before-after)) * p.dt
}
