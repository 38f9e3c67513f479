package capacity

import (
	"math"
	"time"

	"github.com/flyball-io/flyball/scale"
)

// work learns what a request costs in CPU, in seconds of one replica's CPU as
// requested.
//
//	work = CPU utilization · ready replicas / requests per second
//
// over the window of the CPU, which is longer than that of the requests and
// must have seen as many replicas ready all the time.
type work struct {
	Each    estimate  `json:"each"`
	Sampled time.Time `json:"sampled,omitzero"`
	// Full is the highest utilization seen, at least 1: replicas may use more
	// than they request.
	Full float64 `json:"full"`
	// Load is the CPU used by all ready replicas, in replicas; Requests tells
	// that there are requests to relate it to.
	Load     float64 `json:"load"`
	Requests bool    `json:"requests"`
}

// saturated is a utilization beyond which requests wait for CPU, so that those
// that arrive are not those that are worked on.
const saturated = 0.95

func (w *work) observe(obs *scale.Observation, s *sample, steady time.Time) {
	w.Requests = w.Requests || s.rate > 0
	cpu := obs.Signal(scale.CPUUtilization)
	if cpu == nil || cpu.Trust != scale.Fresh || len(cpu.Points) == 0 || s.ready == 0 {
		return
	}
	p := cpu.Points[len(cpu.Points)-1]
	if !plausible(p.Value) || !p.At.After(w.Sampled) {
		return
	}
	later := p.At.Sub(w.Sampled)
	if w.Sampled.IsZero() || later > time.Hour {
		later = cpu.Window
	}
	w.Sampled = p.At
	w.Load = p.Value * float64(s.ready)
	rate := meanWithin(obs.Signal(scale.RequestRate), p.At.Add(-cpu.Window), p.At)
	if p.Value < 0.01 || p.Value > saturated*max(1, w.Full) || !(rate > 0) || steady.After(p.At.Add(-cpu.Window)) {
		return
	}
	w.Full = max(1, w.Full, min(p.Value, 64))
	weight := rate * min(later, max(cpu.Window, time.Second)).Seconds()
	w.Each.add(w.Load/rate, weight, 1/math.Sqrt(weight), later)
}

// meanWithin is the mean of a signal over a time; 0 when nothing is known.
func meanWithin(s *scale.Signal, from, to time.Time) float64 {
	if s == nil || s.Trust != scale.Fresh {
		return 0
	}
	i := len(s.Points) - 1
	for i >= 0 && s.Points[i].At.After(to) {
		i--
	}
	// One point will do that reaches back too far, further ones begin within.
	sum, n, whole := 0.0, 0.0, from.Add(max(0, s.Window))
	for first := from; i >= 0 && !s.Points[i].At.Before(first); i-- {
		if p := &s.Points[i]; plausible(p.Value) {
			sum, n = sum+p.Value, n+1
			first = whole
		}
	}
	return sum / max(1, n)
}

func (w *work) known() bool { return w.Each.known() }

// perReplica is the requests per second that fill the CPU of a replica.
func (w *work) perReplica() float64 { return max(1, w.Full) / w.Each.value() }
