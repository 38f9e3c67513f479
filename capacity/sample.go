package capacity

import (
	"time"

	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/series"
)

// sample is what the newest measurements say, all of the same time; what is
// not known is negative.
type sample struct {
	at          time.Time
	window      time.Duration
	ready       int
	rate        float64 // requests arriving per second
	concurrency float64 // in progress or waiting, all replicas
	utilization float64 // requests in progress per slot
	queue       float64 // held because no replica is ready
	errors      float64 // failed per second

	// Of the requests answered in the window.
	answered float64
	mean     float64 // seconds
	variance float64
	latency  *series.Histogram
	others   float64 // answered in the window too, and left out of these
}

// read takes the newest fresh measurements out of an observation.
func read(obs *scale.Observation) sample {
	s := sample{ready: obs.ReadyReplicas(), rate: -1, concurrency: -1, utilization: -1, queue: -1, errors: -1, answered: -1}
	for i := range obs.Signals {
		signal := &obs.Signals[i]
		switch signal.Name {
		case scale.RequestRate:
			if p := newest(signal); p != nil {
				s.rate, s.at, s.window = p.Value, p.At, signal.Window
			}
		case scale.Concurrency:
			take(&s.concurrency, signal)
		case scale.Utilization:
			take(&s.utilization, signal)
		case scale.ErrorRate:
			take(&s.errors, signal)
		case scale.QueueDepth:
			take(&s.queue, signal)
		case scale.Latency:
			if d := signal.Distribution; newest(signal) != nil && d != nil && d.Count() > 0 && plausible(d.Mean()) {
				s.latency, s.answered, s.mean, s.variance = d, float64(d.Count()), d.Mean(), d.Variance()
			}
		}
	}
	return s
}

// newest is the newest point of a signal; nil when it is not to be reckoned with.
func newest(signal *scale.Signal) *series.Point {
	if signal.Trust != scale.Fresh || len(signal.Points) == 0 {
		return nil
	}
	if p := &signal.Points[len(signal.Points)-1]; plausible(p.Value) {
		return p
	}
	return nil
}

func take(value *float64, signal *scale.Signal) {
	if p := newest(signal); p != nil {
		*value = p.Value
	}
}

// plausible reports whether a measurement can be reckoned with: its square times
// any count is finite.
func plausible(v float64) bool { return v >= 0 && v <= 1e15 }

// leaveOut leaves out of the response times those of requests that came longer ago
// than a time. The rest, of which it returns the share, is held in kept.
func (s *sample) leaveOut(older time.Duration, kept *series.Histogram) (share float64) {
	share = kept.Below(older.Seconds(), s.latency)
	s.others = s.answered - float64(kept.Count())
	s.latency, s.answered, s.mean, s.variance = kept, float64(kept.Count()), kept.Mean(), kept.Variance()
	return share
}

// throughput is the requests answered per second; those that arrive where
// nobody counts answers.
func (s *sample) throughput() float64 {
	if s.answered >= 0 && s.window > 0 {
		return (s.answered + s.others) / s.window.Seconds()
	}
	return s.rate
}
