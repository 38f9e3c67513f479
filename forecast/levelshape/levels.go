package levelshape

import "math"

// levels are the means of the latest seasons, four weeks of days.
type levels struct {
	Logs  [28]float64 // the newest first
	Count int
	Next  float64 // what the running season is expected to be; 0 = unknown
}

// fits reports whether add could have made it.
func (l *levels) fits() bool { return l.Count >= 0 && l.Count <= len(l.Logs) }

// week is how many seasons ago a season may have been alike: days of a week.
const week = 7

// add takes the mean of a season that ended; 0 is one that says nothing.
func (l *levels) add(level float64) {
	if level <= 0 {
		l.Next = 0 // after an outage there is only what it runs at
		return
	}
	copy(l.Logs[1:], l.Logs[:])
	l.Logs[0] = math.Log(level)
	l.Count = min(l.Count+1, len(l.Logs))
	l.Next = math.Exp(l.Logs[0] + l.change())
}

// change is what the logarithm of the level is expected to change by: the
// ridge regression of changes u on 1 and x = log L(d−6) − log L(d), solved in
// closed form. The prior is a random walk, no change at all, and weighs as
// much as two seasons.
//
//	(XᵀX + Λ)·(c, w) = Xᵀu
func (l *levels) change() float64 {
	var n, sx, sxx, su, sxu float64
	for d := 1; d+week-1 < l.Count; d++ {
		x, u := l.Logs[d+week-1]-l.Logs[d], l.Logs[d-1]-l.Logs[d]
		n++
		sx += x
		sxx += x * x
		su += u
		sxu += x * u
	}
	if n == 0 {
		return 0
	}
	a, b := n+2, sxx+2*sxx/n
	if det := a*b - sx*sx; det > 1e-12 {
		c, w := (b*su-sx*sxu)/det, (a*sxu-sx*su)/det
		return bound(c + w*(l.Logs[week-1]-l.Logs[0]))
	}
	return 0
}

// bound believes in no more than four times or a quarter from one season to the next.
func bound(change float64) float64 { return max(-2*math.Ln2, min(change, 2*math.Ln2)) }
