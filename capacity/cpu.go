package capacity

import (
	"math"
	"sort"
	"time"

	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/series"
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
	points := s.Points
	for len(points) > 0 && points[len(points)-1].At.After(to) {
		points = points[:len(points)-1]
	}
	whole := since(points, from.Add(max(0, s.Window)))
	sum, n := 0.0, 0.0
	for i := len(points) - 1; i >= whole; i-- {
		if v := points[i].Value; plausible(v) {
			sum, n = sum+v, n+1
		}
	}
	// Without one that begins within, the newest will do that ends within.
	for i := whole - 1; i >= 0 && n == 0 && !points[i].At.Before(from); i-- {
		if v := points[i].Value; plausible(v) {
			sum, n = v, 1
		}
	}
	return sum / max(1, n)
}

// since is where the points begin that are not before an instant.
func since(points []series.Point, at time.Time) int {
	return sort.Search(len(points), func(i int) bool { return !points[i].At.Before(at) })
}

func (w *work) known() bool { return w.Each.known() }

// perReplica is the requests per second that fill the CPU of a replica.
func (w *work) perReplica() float64 { return max(1, w.Full) / w.Each.value() }
