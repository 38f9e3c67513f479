package replay

import (
	"fmt"
	"math"
	"time"
)

// judge says of which moments the demand is known.
type judge struct {
	history *History
	service *Service
	Rules
	low float64 // latency (p95, else mean) at low load; NaN: not known
}

// verdict is why the demand of a moment is not known; "" where it is.
func (j *judge) verdict(i int) (why, text string) {
	m := &j.history.Moments[i]
	switch {
	case !known(m.Rate):
		return Missing, "the rate of requests was not measured"
	case m.Errors > 0 && m.Errors >= j.Errors*m.Rate:
		return Dropped, fmt.Sprintf("%.0f %% of the requests or more failed", j.Errors*100)
	}
	busy, measured := j.busy(m)
	switch {
	case measured && busy >= j.Full && j.throttled(i):
		return Saturated, fmt.Sprintf("the replicas were at least %.0f %% busy: more may have been asked than was answered", j.Full*100)
	case !measured && j.slower(i):
		return Saturated, fmt.Sprintf("latency was %v times that of low load, while the rate stood still", j.Slower)
	}
	return "", ""
}

// busy is the share of the slots in use, as far as anybody measured it.
func (j *judge) busy(m *Moment) (share float64, measured bool) {
	if x := m.perReplica(); known(x) && j.service != nil && j.service.Slots > 0 {
		return x / float64(j.service.Slots), true
	}
	if known(m.CPU) {
		full := 1.0
		if j.service != nil && j.service.CPUFull > 0 {
			full = j.service.CPUFull
		}
		return m.CPU / full, true
	}
	return 0, false
}

// nearly is how close a rate is to what the replicas answer when it may be
// bounded by it.
const nearly = 0.1

// pinned is how long a rate must be what full replicas answer until that is no
// coincidence: a load that grows past it does so for a moment only.
const pinned = time.Minute

// throttled reports whether full replicas may hide a part of the demand. Rates
// of answers are always bounded by them. Rates of arrivals are bounded where
// clients wait for their answers before they ask again: then as much arrives
// as is answered, and goes on to. Where clearly more or less arrives it is not
// the replicas that decide how much: a queue grows, or a queue is worked off.
func (j *judge) throttled(i int) bool {
	if !j.history.Arrivals || j.service == nil || !(j.service.Mean > 0) {
		return true
	}
	if !j.atCapacity(i) {
		return false
	}
	moments := j.history.Moments
	from, to := i, i
	for from > 0 && j.atCapacity(from-1) {
		from--
	}
	for to+1 < len(moments) && j.atCapacity(to+1) {
		to++
	}
	return from < to && moments[to].To.Sub(moments[from].From) >= pinned
}

// atCapacity reports whether full replicas answered about as much as arrived.
func (j *judge) atCapacity(i int) bool {
	m := &j.history.Moments[i]
	busy, measured := j.busy(m)
	if !measured || busy < j.Full || !known(m.Rate) {
		return false
	}
	carried := m.Ready * j.service.Capacity()
	return !(m.Ready > 0) || math.Abs(m.Rate/carried-1) <= nearly
}

// slower reports whether the latency says what no utilization does: far above
// that of low load and growing, while the rate does not.
func (j *judge) slower(i int) bool {
	m := &j.history.Moments[i]
	if i == 0 || !known(j.low, latency(m)) || latency(m) < j.Slower*j.low {
		return false
	}
	before := &j.history.Moments[i-1]
	grown := !known(latency(before)) || latency(m) >= 0.9*latency(before)
	return grown && known(before.Rate) && m.Rate <= before.Rate*1.05
}

// latency is the p95, else the mean.
func latency(m *Moment) float64 {
	if known(m.P95) {
		return m.P95
	}
	return m.response()
}

// lowLatency is the usual latency at low load.
func (h *History) lowLatency(s *Service) float64 {
	var of []float64
	for _, i := range h.calm(s) {
		if v := latency(&h.Moments[i]); known(v) {
			of = append(of, v)
		}
	}
	return median(of)
}
