package kpa

import (
	"time"

	"github.com/flyball-io/flyball/series"
)

// kept is how many points a stable window holds at most: enough for a point
// per second of five minutes.
const kept = 300

// history is the points of the stable window. Points that come closer than
// the window divided by kept are thinned: memory is bounded, however long the
// window is and however often the signal comes.
type history struct {
	ring    *series.Ring
	window  time.Duration
	spacing time.Duration
}

func newHistory(window time.Duration) history {
	return history{ring: series.NewRing(kept), window: window, spacing: window / (kept - 10)}
}

// rarely is how many windows may lie between two values of a signal that comes
// more rarely than the window is long.
const rarely = 10

// endsBefore reports whether the points say nothing of the window before at,
// because nobody decided for a while or there was no data. Where decisions
// come that seldom, or values (then there never is more than one in a window),
// it is no gap.
func (h *history) endsBefore(at time.Time, sync time.Duration) bool {
	points := h.ring.Points()
	if len(points) == 0 {
		return false
	}
	usual := max(h.window, 2*sync)
	if len(points) == 1 {
		usual = max(usual, rarely*h.window)
	}
	return at.Sub(points[len(points)-1].At) > usual
}

// take adds the points that are new and forgets those that are too old, but
// not the newest. It reports whether there is any. A point seen before is not
// counted again.
func (h *history) take(points []series.Point, at time.Time) bool {
	last, some := h.ring.Last()
	if some && last.At.After(at) { // the clock was set back
		h.ring, some = series.NewRing(kept), false
	}
	for _, p := range points {
		if p.At.After(at) || !series.Finite(p.Value) || p.Value < 0 {
			continue
		}
		if some && (!p.At.After(last.At) || p.At.Sub(last.At) < h.spacing) {
			continue
		}
		h.ring.Add(p)
		last, some = p, true
	}
	oldest := at.Add(-h.window)
	if some && last.At.Before(oldest) {
		oldest = last.At
	}
	h.ring.DropBefore(oldest)
	return some
}

// mean averages the points after an instant. A signal that comes more rarely
// than the window is long counts with its newest value.
func (h *history) mean(after time.Time) float64 {
	sum, n := 0.0, 0
	points := h.ring.Points()
	for i := len(points) - 1; i >= 0 && points[i].At.After(after); i-- {
		sum += points[i].Value
		n++
	}
	if n == 0 {
		return points[len(points)-1].Value
	}
	return sum / float64(n)
}

// delay keeps the wishes of the scale-down delay that may still be the
// largest: newer ones are smaller.
type delay struct {
	Wishes []wish `json:"wishes,omitempty"`
}

type wish struct {
	At       time.Time `json:"at"`
	Replicas int       `json:"replicas"`
}

// most notes a wish and returns the largest of the time before at.
func (d *delay) most(at time.Time, length time.Duration, n int) int {
	for len(d.Wishes) > 0 && d.Wishes[len(d.Wishes)-1].Replicas <= n {
		d.Wishes = d.Wishes[:len(d.Wishes)-1]
	}
	gone := 0
	for gone < len(d.Wishes) && (at.Sub(d.Wishes[gone].At) > length || d.Wishes[gone].At.After(at)) {
		gone++ // too old, or of a clock that was set back since
	}
	d.Wishes = append(d.Wishes[:0], d.Wishes[gone:]...)
	if len(d.Wishes) == kept { // bounded: the smallest is held a little longer instead
		d.Wishes[kept-1].At = at
	} else {
		d.Wishes = append(d.Wishes, wish{at, n})
	}
	return d.Wishes[0].Replicas
}
