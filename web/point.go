package web

import (
	"encoding/json"
	"math"
	"strconv"
	"time"

	"github.com/flyball-io/flyball/control"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/series"
)

// Number is a measured value that may be unknown: NaN inside, null in JSON.
// Unknown is not zero.
type Number float64

// Unknown is the Number nobody measured.
func Unknown() Number { return Number(math.NaN()) }

// Known reports whether somebody measured it.
func (n Number) Known() bool { return series.Finite(float64(n)) }

// MarshalJSON writes at most six significant digits, which is more than any
// chart shows, and null when unknown.
func (n Number) MarshalJSON() ([]byte, error) {
	if !n.Known() {
		return []byte("null"), nil
	}
	short, err := strconv.ParseFloat(strconv.FormatFloat(float64(n), 'g', 6, 64), 64)
	if err != nil {
		return nil, err
	}
	return json.Marshal(short)
}

// UnmarshalJSON reads a number or null.
func (n *Number) UnmarshalJSON(data []byte) error {
	if string(data) == "null" {
		*n = Unknown()
		return nil
	}
	return json.Unmarshal(data, (*float64)(n))
}

// Point is what was known of a target in one second. Latencies are in
// seconds, rates per second.
type Point struct {
	T              float64 `json:"t"` // Unix seconds
	Rate           Number  `json:"rate"`
	P50            Number  `json:"p50"`
	P95            Number  `json:"p95"`
	P99            Number  `json:"p99"`
	ViolationRatio Number  `json:"violationRatio"` // share of requests that were not good, 0..1
	Concurrency    Number  `json:"concurrency"`
	Queue          Number  `json:"queue"`
	Errors         Number  `json:"errors"` // per second
	Ready          Number  `json:"ready"`
	Starting       Number  `json:"starting"`
	Terminating    Number  `json:"terminating"`
	Desired        Number  `json:"desired"`
	// Shadows holds what each shadow would have, by its policy. The map is
	// shared between points and never changed.
	Shadows map[string]int `json:"shadows,omitempty"`
}

// unmeasured returns the point of a second in which nothing was measured.
func unmeasured(at time.Time) Point {
	u := Unknown()
	return Point{
		T: float64(at.Unix()), Rate: u, P50: u, P95: u, P99: u, ViolationRatio: u, Concurrency: u, Queue: u,
		Errors: u, Ready: u, Starting: u, Terminating: u, Desired: u,
	}
}

// measure fills in what a report says; what it does not say stays.
func (p *Point) measure(r control.Report) {
	for i := range r.Samples {
		if r.Samples[i].Replica == "" {
			p.sample(&r.Samples[i])
		}
	}
	if r.Status == nil {
		return
	}
	p.Ready, p.Starting, p.Terminating = 0, 0, 0
	for i := range r.Status.Replicas {
		switch phaseOf(&r.Status.Replicas[i]) {
		case phaseReady:
			p.Ready++
		case phaseStarting:
			p.Starting++
		case phaseTerminating:
			p.Terminating++
		}
	}
}

func (p *Point) sample(s *scale.Sample) {
	switch v := Number(s.Value); s.Signal {
	case scale.RequestRate:
		p.Rate = v
	case scale.ErrorRate:
		p.Errors = v
	case scale.Concurrency:
		p.Concurrency = v
	case scale.QueueDepth:
		p.Queue = v
	case scale.ViolationRatio:
		p.ViolationRatio = v
	case scale.Latency:
		p.latency(s)
	}
}

// latency reads the quantiles; without requests there are none.
func (p *Point) latency(s *scale.Sample) {
	if s.Distribution == nil {
		p.P95 = Number(s.Value)
		return
	}
	p.P50, p.P95, p.P99 = Unknown(), Unknown(), Unknown()
	if s.Distribution.Count() > 0 {
		p.P50 = Number(s.Distribution.Quantile(0.50))
		p.P95 = Number(s.Distribution.Quantile(0.95))
		p.P99 = Number(s.Distribution.Quantile(0.99))
	}
}

// downsample merges the points of each step, whose boundaries are multiples
// of step so that a later request cuts at the same places. The newest step
// may be incomplete.
func downsample(points []Point, step time.Duration) []Point {
	width := step.Seconds()
	if width <= 1 {
		return points
	}
	var out []Point
	for start := 0; start < len(points); {
		slot := math.Floor(points[start].T / width)
		end := start + 1
		for end < len(points) && math.Floor(points[end].T/width) == slot {
			end++
		}
		out = append(out, mergePoints(points[start:end]))
		start = end
	}
	return out
}

// mergePoints keeps what a person must not miss: means of rates, the worst
// quantiles, violations weighted by requests, the last counts.
func mergePoints(points []Point) Point {
	merged := points[len(points)-1]
	merged.Rate = mean(points, func(p *Point) Number { return p.Rate })
	merged.Errors = mean(points, func(p *Point) Number { return p.Errors })
	merged.Concurrency = mean(points, func(p *Point) Number { return p.Concurrency })
	merged.P50 = mean(points, func(p *Point) Number { return p.P50 })
	merged.P95 = highest(points, func(p *Point) Number { return p.P95 })
	merged.P99 = highest(points, func(p *Point) Number { return p.P99 })
	merged.Queue = highest(points, func(p *Point) Number { return p.Queue })
	merged.ViolationRatio = meanViolation(points)
	return merged
}

func mean(points []Point, value func(*Point) Number) Number {
	sum, n := Number(0), 0
	for i := range points {
		if v := value(&points[i]); v.Known() {
			sum, n = sum+v, n+1
		}
	}
	return sum / Number(n) // 0/0: unknown
}

func highest(points []Point, value func(*Point) Number) Number {
	top := Unknown()
	for i := range points {
		if v := value(&points[i]); v.Known() && !(v <= top) {
			top = v
		}
	}
	return top
}

func meanViolation(points []Point) Number {
	bad, all := Number(0), Number(0)
	for i := range points {
		if p := &points[i]; p.ViolationRatio.Known() && p.Rate.Known() {
			bad, all = bad+p.ViolationRatio*p.Rate, all+p.Rate
		}
	}
	if all == 0 {
		return mean(points, func(p *Point) Number { return p.ViolationRatio })
	}
	return bad / all
}
