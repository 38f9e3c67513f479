package replay

import (
	"math"
	"time"

	"github.com/flyball-io/flyball/queueing"
	"github.com/flyball-io/flyball/sim"
)

// Outcome is what was really run, over the time whose demand is known.
type Outcome struct {
	Hours        float64 `json:"hours"`
	Requests     float64 `json:"requests"`
	ReplicaHours float64 `json:"replica_hours"`
	// ViolationRatio is null where nobody measured it.
	ViolationRatio *float64 `json:"violation_ratio"`
	MeanReplicas   float64  `json:"mean_replicas"`
	ScalingActions int      `json:"scaling_actions"`
	// P95 is the median over time of the p95 of a window; null: not measured. It
	// is no p95 of all requests.
	P95 *float64 `json:"latency_p95_of_windows_seconds"`
}

// Outcome sums up what was recorded where the demand is known.
func (h *History) Outcome(d *Demand) Outcome {
	var o Outcome
	paid, counted := 0.0, 0.0
	for i := range h.Moments[:len(h.Moments)-1] {
		m, next := &h.Moments[i], &h.Moments[i+1]
		if d.lostAt(m.At) || !known(m.paid()) || next.At.Sub(m.At) > time.Duration(holes*float64(h.Step)) {
			continue
		}
		seconds := next.At.Sub(m.At).Seconds()
		paid, counted = paid+h.paidFrom(i)*seconds, counted+seconds
		if known(m.Asked, next.Asked) && m.Asked != next.Asked {
			o.ScalingActions++
		}
	}
	o.Hours = d.Known.Hours()
	if counted > 0 {
		o.MeanReplicas = paid / counted
		o.ReplicaHours = o.MeanReplicas * o.Hours // the ends of stretches, where no count is told, are as the rest
	}
	h.requests(d, &o)
	return o
}

// paidFrom is how many were paid between a moment and the next, on average.
// More are there from the moment on in which they were asked for; those that
// are gone by the next moment went half way to it, as far as anybody knows.
func (h *History) paidFrom(i int) float64 {
	m, next := &h.Moments[i], &h.Moments[i+1]
	paid, after := m.paid(), next.paid()
	switch {
	case known(after) && after < paid:
		return (paid + after) / 2
	case known(after) && after > paid && !h.Decisions:
		return (paid + after) / 2
	case known(after) && after > paid:
		return after // asked for by the decision of this moment
	}
	return paid
}

// requests sums up what requests met.
func (h *History) requests(d *Demand, o *Outcome) {
	bad, judged := 0.0, 0.0
	var p95 []float64
	for i := range h.Moments {
		m := &h.Moments[i]
		n := m.Requests()
		if !known(n) || d.lostAt(m.From.Add(m.To.Sub(m.From)/2)) {
			continue
		}
		o.Requests += n
		if known(m.NotGood) {
			bad, judged = bad+n*m.NotGood, judged+n
		}
		if known(m.P95) {
			p95 = append(p95, m.P95)
		}
	}
	if judged > 0 {
		ratio := bad / judged
		o.ViolationRatio = &ratio
	}
	if len(p95) > 0 {
		v := median(p95)
		o.P95 = &v
	}
}

// Fit is how well the model says what was measured, over moments at rest whose
// demand is known.
type Fit struct {
	Moments int `json:"moments"`
	// Relative errors: predicted over measured, less one. The median shows a
	// bias, the other how far nine in ten are off at most.
	P95Bias          *float64 `json:"p95_bias"`
	P95Error         *float64 `json:"p95_error"`
	UtilizationBias  *float64 `json:"utilization_bias"`
	UtilizationError *float64 `json:"utilization_error"`
	// Of is what utilization was compared: "CPU", else "requests in progress".
	Of string `json:"utilization_of,omitempty"`
}

// FitOf sets the model against a history.
func FitOf(h *History, s *Service, d *Demand, t queueing.Topology) (Fit, error) {
	most := 1
	for i := range h.Moments {
		if r := h.Moments[i].Ready; known(r) {
			most = max(most, int(r))
		}
	}
	curve, err := queueing.NewCurve(s.Model(t), 10*s.Mean, most)
	if err != nil {
		return Fit{}, err
	}
	var f Fit
	var p95, used []float64
	for i := range h.Moments {
		m := &h.Moments[i]
		if d.lostAt(m.At) || !h.steady(i) || !h.still(i) || !(m.Ready >= 1) || m.Rate > 0.98*m.Ready*s.Capacity() {
			continue
		}
		f.Moments++
		if m.P95 > 0 && m.Requests() >= 5*enoughRequests {
			p95 = append(p95, predictedP95(curve, m)/m.P95-1)
		}
		busy := m.Rate * s.Mean / (m.Ready * float64(s.Slots))
		switch {
		case s.CPUFull > 0 && m.CPU > 0:
			f.Of = "CPU"
			used = append(used, busy*s.CPUFull/m.CPU-1)
		case s.CPUFull == 0 && m.Concurrency > 0:
			f.Of = "requests in progress"
			used = append(used, m.Rate*curve.MeanResponse(int(m.Ready), m.Rate, 0)/m.Concurrency-1)
		}
	}
	f.P95Bias, f.P95Error = biasAndError(p95)
	f.UtilizationBias, f.UtilizationError = biasAndError(used)
	return f, nil
}

// predictedP95 is what would be measured if the model were right: through the
// same buckets, where those are wide.
func predictedP95(curve *queueing.Curve, m *Moment) float64 {
	if m.Buckets == nil {
		return curve.Quantile(0.95, int(m.Ready), m.Rate, 0)
	}
	counts := map[float64]float64{}
	for _, edge := range m.Buckets.Edges {
		low, high := 0., 1. // the share that takes at most so long
		for range 20 {
			p := (low + high) / 2
			if curve.Quantile(p, int(m.Ready), m.Rate, 0) <= edge {
				low = p
			} else {
				high = p
			}
		}
		counts[edge] = low
	}
	return newBuckets(counts).Quantile(0.95)
}

// biasAndError are the median, and what nine in ten deviate at most.
func biasAndError(errors []float64) (bias, most *float64) {
	if len(errors) == 0 {
		return nil, nil
	}
	b, deviations := median(errors), make([]float64, len(errors))
	for i, e := range errors {
		deviations[i] = math.Abs(e)
	}
	e := quantile(deviations, 0.9)
	return &b, &e
}

// Timeline is the history as the report draws it, a moment for each step.
func (h *History) Timeline(d *Demand, s *Service, step time.Duration) []sim.Moment {
	var line []sim.Moment
	next := time.Duration(0)
	for i := range h.Moments {
		m := &h.Moments[i]
		at := m.At.Sub(d.Start)
		if at < next || at < 0 || at > d.Length {
			continue
		}
		next = at + step*9/10
		one := sim.Moment{At: at, Desired: whole(m.Asked), Ready: whole(m.Ready), Billed: whole(m.paid()), RequestRate: zero(m.Rate), P95: zero(m.P95), Requests: zero(m.Requests())}
		if x := m.perReplica(); known(x) {
			one.Utilization = min(1, x/float64(s.Slots))
		} else if s.CPUFull > 0 {
			one.Utilization = min(1, zero(m.CPU)/s.CPUFull)
		}
		line = append(line, one)
	}
	return line
}

func whole(v float64) int { return int(math.Round(zero(v))) }

// zero is a number in place of what is not known.
func zero(v float64) float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return 0
	}
	return v
}
