package workload

import (
	"fmt"
	"time"
)

// Rebinned returns the trace in wider bins, counted from its start: the
// requests of the bins in each are summed. What lies across an edge is
// divided, the rate being constant within a bin. Gaps stay where and as long
// as they are; the mean rate of what was recorded holds around them.
//
//	recorded ┤▂▆ ▃▅▇▂▂   requests and recorded time stay the same
//	rebinned ┤▄▄ ▄▅▅▅▂
//
// The last bin may be narrower. A width of 0 changes nothing.
func (t *Trace) Rebinned(width time.Duration) (*Trace, error) {
	if width == 0 {
		return t, nil
	}
	if usual := t.step(); width < usual {
		return nil, fmt.Errorf("bins of %v: must be at least as wide as those of %s, %v", width, t.name, usual)
	}
	wide := &rebinning{width: width}
	for _, b := range t.bins {
		for b.Width > 0 {
			part := b
			part.Width = min(b.Width, width-b.At%width) // up to the next edge
			wide.add(part)
			b.At, b.Width = b.At+part.Width, b.Width-part.Width
		}
	}
	wide.finish()
	return newTrace(*t, wide.bins, t.length), nil
}

// step is the usual width of a bin: that of most.
func (t *Trace) step() time.Duration {
	counts, most := map[time.Duration]int{}, time.Duration(0)
	for _, b := range t.bins {
		counts[b.Width]++
		if n := counts[b.Width]; n > counts[most] || (n == counts[most] && b.Width < most) {
			most = b.Width
		}
	}
	return most
}

// rebinning collects the recorded stretches of one wide bin at a time.
type rebinning struct {
	width     time.Duration
	bins      []Bin // done; from open on those of the wide bin at work
	open      int
	requests  float64
	recorded  time.Duration
	following time.Duration // where the wide bin at work ends
}

func (r *rebinning) add(part Bin) {
	if part.At >= r.following {
		r.finish()
		r.following = part.At - part.At%r.width + r.width
	}
	r.requests += part.RPS * part.Width.Seconds()
	r.recorded += part.Width
	if last := len(r.bins) - 1; last >= r.open && r.bins[last].At+r.bins[last].Width == part.At {
		r.bins[last].Width += part.Width
		return
	}
	r.bins = append(r.bins, part)
}

// finish gives the stretches of the wide bin at work their mean rate.
func (r *rebinning) finish() {
	for i := r.open; i < len(r.bins); i++ {
		r.bins[i].RPS = r.requests / r.recorded.Seconds()
	}
	r.open, r.requests, r.recorded = len(r.bins), 0, 0
}
