package advised

import (
	"math"
	"math/bits"
	"slices"
	"time"

	"github.com/flyball-io/flyball/scale"
)

// mostWindows is how many p95 latencies are remembered: at four decisions a minute
// a quarter of an hour.
const mostWindows = 60

// windows are the p95 latencies of late, in seconds, oldest first.
type windows struct {
	At      time.Time `json:"at,omitzero"` // of the newest
	Latency []float64 `json:"latency,omitempty"`
	sorted  [mostWindows]float64
}

// see takes in the newest latency, once.
func (w *windows) see(s *scale.Signal) {
	if s == nil || s.Trust != scale.Fresh || len(s.Points) == 0 {
		return
	}
	newest := s.Points[len(s.Points)-1]
	if !newest.At.After(w.At) || !(newest.Value >= 0 && newest.Value <= 1e9) {
		return
	}
	if len(w.Latency) == mostWindows {
		w.Latency = w.Latency[:copy(w.Latency, w.Latency[1:])]
	}
	w.At, w.Latency = newest.At, append(w.Latency, newest.Value)
}

// usual is the median and the robust standard deviation, 1.4826 times the median
// distance from it (Rousseeuw, Croux 1993); NaN without any.
func (w *windows) usual() (baseline, sigma float64) {
	n := len(w.Latency)
	if n == 0 {
		return math.NaN(), math.NaN()
	}
	sorted := w.sorted[:n]
	copy(sorted, w.Latency)
	baseline = median(sorted)
	for i, v := range w.Latency {
		sorted[i] = math.Abs(v - baseline)
	}
	return baseline, 1.4826 * median(sorted)
}

// median sorts all.
func median(all []float64) float64 {
	slices.Sort(all)
	n := len(all)
	return (all[(n-1)/2] + all[n/2]) / 2
}

// low is how many of the newest in a row are more than sigma below the baseline.
func (w *windows) low(baseline, sigma float64) int {
	n := 0
	for n < len(w.Latency) && w.Latency[len(w.Latency)-1-n] < baseline-sigma {
		n++
	}
	return n
}

// misses are the newest windows, a bit each: 1 where the objective was missed.
type misses struct {
	Bits uint8 `json:"bits"`
	// Since is when it became repeated; zero: it is not.
	Since time.Time `json:"since,omitzero"`
}

// repeated of the newest recent windows is again and again: one alone is chance,
// and half of them no accident.
const repeated, recent = 3, 5

func (m *misses) see(at time.Time, missed bool) {
	m.Bits = m.Bits << 1 & (1<<recent - 1)
	if missed {
		m.Bits |= 1
	}
	m.Since = onset(m.Since, at, bits.OnesCount8(m.Bits) >= repeated)
}

// onset is since when something holds; zero: it does not.
func onset(since, now time.Time, holds bool) time.Time {
	switch {
	case !holds:
		return time.Time{}
	case since.IsZero():
		return now
	}
	return since
}
