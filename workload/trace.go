package workload

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/flyball-io/flyball/scale"
)

// Trace is a recorded rate, bin by bin. Where the source left rows out there
// is a gap: nothing is played there, and whoever scores suspends scoring.
//
//	rps ┤  ┌──┐              ┌─
//	    │──┘  └─┐        ┌───┘
//	    │       └──  gap │
//	    ┼────────────────────────► t
//
// The rate is constant within a bin, or on request ([Trace.Interpolated]) runs
// in straight lines from centre to centre of neighbouring bins. A Trace never
// changes; every method that alters it returns another one.
type Trace struct {
	name         string
	quantity     string // what the file calls the rate
	bins         []Bin
	length       time.Duration
	scale        float64 // what the recorded rates were multiplied by
	interpolated bool
	*pieces
}

// Bin is one row of a trace.
type Bin struct {
	At    time.Duration // left edge
	Width time.Duration
	RPS   float64 // mean requests per second
}

// Span is a part of the time, from From up to To.
type Span struct{ From, To time.Duration }

// RequestRate is the quantity of a trace that recorded requests per second.
// Others, such as cpu_percent, are a load only once they are scaled to one.
const RequestRate = "requests_per_second"

// NewTrace returns a trace of bins, which must be in order and apart, with
// finite rates of 0 or more. What lies between them is a gap.
func NewTrace(name string, bins []Bin) (*Trace, error) {
	end := time.Duration(0)
	for i, b := range bins {
		switch {
		case b.At < end:
			return nil, fmt.Errorf("trace %s bin %d: begins at %v: must not be before %v, where the one before it ends", name, i, b.At, end)
		case b.Width <= 0 || b.At+b.Width < 0 || b.At+b.Width > maxTime*time.Second:
			return nil, fmt.Errorf("trace %s bin %d: is %v wide at %v: must be above 0, and end within ten years", name, i, b.Width, b.At)
		case !(b.RPS >= 0 && b.RPS <= maxRate):
			return nil, fmt.Errorf("trace %s bin %d: rate %v: must be 0 to %v", name, i, b.RPS, maxRate)
		}
		end = b.At + b.Width
	}
	if len(bins) == 0 {
		return nil, fmt.Errorf("trace %s: is empty: must hold at least one bin", name)
	}
	return newTrace(Trace{name: name, quantity: RequestRate, scale: 1}, slices.Clone(bins), end), nil
}

// newTrace takes over bins, which must be in order, apart and within length.
func newTrace(like Trace, bins []Bin, length time.Duration) *Trace {
	t := like
	t.bins, t.length = bins, length
	t.pieces = &pieces{pieces: make([]piece, 0, len(bins))}
	if t.interpolated {
		t.addLines()
	} else {
		t.addBins()
	}
	t.silence(length)
	return &t
}

// silence adds no load up to the instant until.
func (t *Trace) silence(until time.Duration) {
	if gap := until.Seconds() - t.pieces.length; gap > 1e-6 {
		t.add(gap, 0, 0)
	}
	t.pieces.length = until.Seconds() // no rounding error adds up
}

func (t *Trace) addBins() {
	for _, b := range t.bins {
		t.silence(b.At)
		t.add(b.Width.Seconds(), b.RPS, b.RPS)
	}
}

// addLines adds two lines for each bin: from its left edge to its centre and
// on to its right edge. The rate at an edge lies on the line between the two
// centres; beside a gap it stays at the bin's own.
func (t *Trace) addLines() {
	for i, b := range t.bins {
		t.silence(b.At)
		half := b.Width.Seconds() / 2
		t.add(half, t.edge(i-1, i), b.RPS)
		t.add(half, b.RPS, t.edge(i+1, i))
	}
}

// edge returns the rate on the edge between bin i and its neighbour.
func (t *Trace) edge(neighbour, i int) float64 {
	b := t.bins[i]
	if neighbour < 0 || neighbour >= len(t.bins) {
		return b.RPS
	}
	n := t.bins[neighbour]
	if n.At+n.Width != b.At && b.At+b.Width != n.At {
		return b.RPS
	}
	share := b.Width.Seconds() / (b.Width + n.Width).Seconds()
	return b.RPS + (n.RPS-b.RPS)*share
}

// Name returns where the trace came from.
func (t *Trace) Name() string { return t.name }

// Quantity returns what the source recorded: [RequestRate], or cpu_percent or
// busy_cores, which stand for a load only once they are scaled to one.
func (t *Trace) Quantity() string { return t.quantity }

// Bins returns the recorded bins in order. They must not be changed.
func (t *Trace) Bins() []Bin { return t.bins }

// Duration implements [Shape].
func (t *Trace) Duration() time.Duration { return t.length }

// Gaps returns the parts without a record, in order.
func (t *Trace) Gaps() []Span {
	gaps, end := []Span{}, time.Duration(0)
	for _, b := range t.bins {
		if b.At > end {
			gaps = append(gaps, Span{From: end, To: b.At})
		}
		end = b.At + b.Width
	}
	if t.length > end {
		gaps = append(gaps, Span{From: end, To: t.length})
	}
	return gaps
}

// Interpolated returns the trace with the rate running in straight lines
// between the centres of its bins, which avoids jumps at the edges of coarse
// bins that no scaler could foresee.
func (t *Trace) Interpolated() *Trace {
	like := *t
	like.interpolated = true
	return newTrace(like, t.bins, t.length)
}

// Scaled returns the trace with all rates multiplied by factor.
func (t *Trace) Scaled(factor float64) *Trace {
	like := *t
	like.scale *= factor
	bins := make([]Bin, len(t.bins))
	for i, b := range t.bins {
		b.RPS *= factor
		bins[i] = b
	}
	return newTrace(like, bins, t.length)
}

// Window returns the part from the instant from up to the instant to, which
// then begins at 0. What lies beyond the end is left off; a to of 0 means up
// to the end.
func (t *Trace) Window(from, to time.Duration) (*Trace, error) {
	asked := Span{From: from, To: to}
	if to == 0 || to > t.length {
		to = t.length
	}
	if from < 0 || from >= to {
		return nil, fmt.Errorf("window %s of %s: must lie within 0 and %v", asked.typed(), t.name, scale.Duration(t.length))
	}
	bins := []Bin{}
	for _, b := range t.bins {
		left, right := max(b.At, from), min(b.At+b.Width, to)
		if left < right {
			bins = append(bins, Bin{At: left - from, Width: right - left, RPS: b.RPS})
		}
	}
	if len(bins) == 0 {
		return nil, fmt.Errorf("window %s of %s: nothing was recorded there", asked.typed(), t.name)
	}
	return newTrace(*t, bins, to-from), nil
}

// typed is the span as [ParseWindow] reads it.
func (s Span) typed() string {
	if s.To == 0 {
		return fmt.Sprintf("%v:", scale.Duration(s.From))
	}
	return fmt.Sprintf("%v:%v", scale.Duration(s.From), scale.Duration(s.To))
}

// ParseWindow reads a window such as "0h:24h" or "14d12h:15d"; either side
// may be left out.
func ParseWindow(text string) (from, to time.Duration, err error) {
	left, right, found := strings.Cut(text, ":")
	if !found {
		return 0, 0, fmt.Errorf("window %q: must be FROM:TO, for example 0h:24h", text)
	}
	read := func(side string) time.Duration {
		if side == "" || err != nil {
			return 0
		}
		d, fault := scale.ParseDuration(side)
		if fault != nil || d < 0 {
			err = fmt.Errorf("window %q: %q is not a time: use a number with a unit (s, m, h, d), for example 14d12h", text, side)
		}
		return d.Std()
	}
	from, to = read(left), read(right)
	if err == nil && right != "" && from >= to {
		err = fmt.Errorf("window %q: must end after it begins", text)
	}
	return from, to, err
}
