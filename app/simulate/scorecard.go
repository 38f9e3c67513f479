package simulate

import (
	"fmt"
	"io"

	"github.com/flyball-io/flyball/scale"
)

// Scorecard is what became of one service. Times are simulated; latencies
// count from the first attempt of a request.
type Scorecard struct {
	Target            string  `json:"target"`
	Policy            string  `json:"policy"`
	PolicyDescription string  `json:"policy_description"`
	DurationSeconds   float64 `json:"duration_seconds"`
	Requests          int64   `json:"requests"`
	FailedRequests    int64   `json:"failed_requests"`
	ViolationRatio    float64 `json:"violation_ratio"`
	AvoidableRatio    float64 `json:"avoidable_violation_ratio"`
	ThresholdSeconds  float64 `json:"threshold_seconds"`
	// ObjectiveTarget is the share of requests that must be good; 0: none is stated.
	ObjectiveTarget float64 `json:"objective_target"`
	Mean            float64 `json:"latency_mean_seconds"`
	P50             float64 `json:"latency_p50_seconds"`
	P90             float64 `json:"latency_p90_seconds"`
	P95             float64 `json:"latency_p95_seconds"`
	P99             float64 `json:"latency_p99_seconds"`
	// ReplicaHours are from creation to the end of draining.
	ReplicaHours   float64 `json:"replica_hours"`
	MaxReplicas    int     `json:"max_replicas"`
	ScalingActions int     `json:"scaling_actions"`
}

// Result is what a simulated run came to.
type Result struct {
	Simulated bool        `json:"simulated"` // always
	Workload  string      `json:"workload"`
	Seed      uint64      `json:"seed"`
	Services  []Scorecard `json:"services"`
}

// Result plays every service up to the present and sums up.
func (s *Services) Result(load string) Result {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := Result{Simulated: true, Workload: load, Seed: s.options.Scenario.Seed, Services: []Scorecard{}}
	for _, one := range s.all {
		r.Services = append(r.Services, one.scorecard())
	}
	return r
}

func (s *service) scorecard() Scorecard {
	o := s.world.Outcome()
	c := Scorecard{
		Target: s.spec.Name, Policy: s.spec.Policy.Kind, PolicyDescription: s.spec.Policy.Description(), DurationSeconds: o.Length.Seconds(),
		Requests: int64(o.Requests), FailedRequests: int64(o.Failed), ViolationRatio: o.ViolationRatio(), AvoidableRatio: o.AvoidableRatio(),
		ThresholdSeconds: s.world.Objective().Threshold.Std().Seconds(),
		Mean:             o.Latencies.Mean(), P50: o.Latencies.Quantile(0.5), P90: o.Latencies.Quantile(0.9), P95: o.Latencies.Quantile(0.95), P99: o.Latencies.Quantile(0.99),
		ReplicaHours: o.ReplicaHours(), MaxReplicas: o.MaxReplicas, ScalingActions: o.Actions,
	}
	if s.spec.Objective != nil {
		c.ObjectiveTarget = s.spec.Objective.Target
	}
	return c
}

// Print writes the scorecards as tables.
func (r Result) Print(w io.Writer) {
	for _, c := range r.Services {
		fmt.Fprintf(w, "\nScorecard  %s, simulated, %s, %s\n\n", c.Target, r.Workload, scale.Because("", "{0s}", c.DurationSeconds))
		c.print(w)
	}
	fmt.Fprintln(w)
}

func (c *Scorecard) print(w io.Writer) {
	row := func(label, format string, value any) {
		fmt.Fprintf(w, "  %-28s%16s\n", label, fmt.Sprintf(format, value))
	}
	row("policy", "%s", c.Policy)
	row("requests", "%d", c.Requests)
	row("failed", "%d", c.FailedRequests)
	row("failed or over "+scale.Because("", "{0s}", c.ThresholdSeconds).String(), "%.3f %%", 100*c.ViolationRatio)
	row("  more replicas had helped", "%.3f %%", 100*c.AvoidableRatio)
	if c.ObjectiveTarget > 0 {
		row("  allowed by the objective", "%.3f %%", 100*(1-c.ObjectiveTarget))
	}
	for _, l := range []struct {
		label   string
		seconds float64
	}{{"latency mean", c.Mean}, {"latency p50", c.P50}, {"latency p90", c.P90}, {"latency p95", c.P95}, {"latency p99", c.P99}} {
		row(l.label, "%.0f ms", 1000*l.seconds)
	}
	row("replica-hours", "%.3f", c.ReplicaHours)
	row("most replicas", "%d", c.MaxReplicas)
	row("scaling actions", "%d", c.ScalingActions)
}
