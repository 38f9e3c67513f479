// Package replay turns what was recorded of a service into a load and a model
// of the service, so that any policy can be tried on last week: the demand is
// recovered independently of how many replicas there were, what cannot be
// recovered is left out and said, and the model is fitted to what was measured.
//
//	record or Prometheus ─► History ─► Calibrate ─► Service ─┐
//	                            └────► Recover ──► Demand ───┴─► scenario ─► evaluate
package replay

import (
	"math"
	"slices"
	"time"
)

// Moment is what was measured at an instant. NaN is what was not.
type Moment struct {
	// At is when replicas were counted; the counts hold until the next moment.
	At time.Time
	// From and To bound the stretch that the rates stand for.
	From, To time.Time

	Rate        float64 // requests per second
	Errors      float64 // per second: answered with 5xx, refused, timed out
	Concurrency float64 // requests in progress
	Held        float64 // requests that wait because no replica is ready
	CPU         float64 // used by requested
	// Mean and quantiles of the latency, in seconds.
	Mean, P50, P95, P99 float64
	NotGood             float64 // share of the requests
	// Buckets are the latencies of the window; nil: no histogram was recorded.
	Buckets *Buckets

	Asked, Ready, Starting, Terminating float64
	// ReadySince is when the replica that became ready last did; zero: not known.
	ReadySince time.Time
}

// unknown is a moment of which nothing was measured.
func unknown(at time.Time) Moment {
	n := math.NaN()
	return Moment{At: at, Rate: n, Errors: n, Concurrency: n, Held: n, CPU: n, Mean: n, P50: n, P95: n, P99: n, NotGood: n,
		Asked: n, Ready: n, Starting: n, Terminating: n}
}

func known(values ...float64) bool { return !slices.ContainsFunc(values, math.IsNaN) }

// seconds is how long the rates of the moment stand for.
func (m *Moment) seconds() float64 { return m.To.Sub(m.From).Seconds() }

// Requests is how many arrived in the stretch; NaN where that is not known.
func (m *Moment) Requests() float64 { return m.Rate * m.seconds() }

// paid is how many replicas there were, those included that start or end.
func (m *Moment) paid() float64 {
	switch {
	case known(m.Ready, m.Starting, m.Terminating):
		return m.Ready + m.Starting + m.Terminating
	case known(m.Asked, m.Ready):
		return math.Max(m.Asked, m.Ready)
	case known(m.Asked):
		return m.Asked
	}
	return m.Ready
}

// perReplica is how many requests were in progress on each ready replica.
func (m *Moment) perReplica() float64 {
	if !(m.Ready > 0) {
		return math.NaN()
	}
	return m.Concurrency / m.Ready
}

// response is the mean time of a request by Little's law, else as measured.
func (m *Moment) response() float64 {
	if m.Rate > 0 && known(m.Concurrency) {
		return m.Concurrency / m.Rate
	}
	return m.Mean
}

// History is what was recorded of one service, in order of time.
type History struct {
	Target  string
	Source  string // in words: where it comes from
	Moments []Moment
	// Step is the usual time between two moments.
	Step time.Duration
	// Arrivals says that rates count requests as they come. Without, they count
	// answers, which cannot be more than the replicas give.
	Arrivals bool
	// Policies decided, in the order in which they did.
	Policies []string
	// Changes of the count that the executor made.
	Changes []Change
	// Decisions says that the moments are decisions: Step is the time between two.
	Decisions bool
	// Windows that values average over; 0: not known.
	RateWindow, CPUWindow time.Duration
	// Notes are for people: what was found where, and what is missing.
	Notes []string
}

// Change is one that was made: so many more or fewer replicas.
type Change struct {
	At       time.Time
	From, To int
}

// holes between moments are longer than this many steps.
const holes = 2.5

// settle finds the usual step and gives each moment the stretch that its rates
// stand for: up to half way to its neighbours, as its window lies before it.
// measured is when the rates of a moment were, window what they average over.
//
//	window ├────c───┤ measured
//	   ...──┼───────┼──...  half way to the centres beside it
func (h *History) settle(measured []time.Time, windows []time.Duration) {
	gaps := make([]time.Duration, 0, len(h.Moments))
	for i := 1; i < len(h.Moments); i++ {
		gaps = append(gaps, h.Moments[i].At.Sub(h.Moments[i-1].At))
	}
	if len(gaps) == 0 {
		return
	}
	slices.Sort(gaps)
	h.Step = gaps[len(gaps)/2].Round(time.Millisecond)
	centre := func(i int) time.Time { return measured[i].Add(-windows[i] / 2) }
	hole := time.Duration(holes * float64(h.Step))
	for i := range h.Moments {
		m, c := &h.Moments[i], centre(i)
		m.From, m.To = c.Add(-h.Step/2), c.Add(h.Step/2)
		if i > 0 && c.Sub(centre(i-1)) < hole {
			m.From = h.Moments[i-1].To
		}
		if i+1 < len(h.Moments) {
			if next := centre(i + 1); next.Sub(c) < hole {
				m.To = c.Add(next.Sub(c) / 2)
			}
		}
		if m.To.Before(m.From) {
			m.To = m.From
		}
	}
}

// median of some numbers, which it sorts; NaN of none.
func median(values []float64) float64 { return quantile(values, 0.5) }

// quantile of some numbers, which it sorts; NaN of none.
func quantile(values []float64, p float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	slices.Sort(values)
	at := p * float64(len(values)-1)
	low := int(at)
	high := min(low+1, len(values)-1)
	return values[low] + (values[high]-values[low])*(at-float64(low))
}
