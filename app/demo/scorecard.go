package demo

import (
	"fmt"
	"io"

	"github.com/flyball-io/flyball/load"
	"github.com/flyball-io/flyball/scale"
)

// Scorecard is what one service did under the load. Latencies count from the
// instant a request was meant to be sent; replica-hours are real hours, each
// replica from its creation to the end of its draining.
type Scorecard struct {
	Policy            string  `json:"policy"`
	PolicyDescription string  `json:"policy_description"`
	Requests          int64   `json:"requests"`
	FailedRequests    int64   `json:"failed_requests"`
	ViolationRatio    float64 `json:"violation_ratio"`
	load.Latency
	ReplicaHours   float64  `json:"replica_hours"`
	MaxReplicas    int      `json:"max_replicas"`
	ScalingActions int      `json:"scaling_actions"`
	Shadows        []Shadow `json:"shadows"`
}

// Shadow is what a policy wished that was watched but not obeyed.
type Shadow struct {
	Policy       string  `json:"policy"`
	MeanReplicas float64 `json:"mean_replicas"`
	MaxReplicas  int     `json:"max_replicas"`
}

// Result is the outcome of a demonstration.
type Result struct {
	Scorecard
	Compare *Scorecard `json:"compare,omitempty"`

	Workload         string  `json:"workload"`
	DurationSeconds  float64 `json:"duration_seconds"`
	TimeCompression  float64 `json:"time_compression"`
	ThresholdSeconds float64 `json:"threshold_seconds"`
	ObjectiveTarget  float64 `json:"objective_target"`
	Seed             uint64  `json:"seed"`
	Interrupted      bool    `json:"interrupted"`
	// Simulated is true when nothing real was scaled.
	Simulated bool     `json:"simulated"`
	Warnings  []string `json:"warnings"`
}

func newScorecard(policy, description string, r load.Result, t *tally) Scorecard {
	return Scorecard{
		Policy: policy, PolicyDescription: description,
		Requests: r.Requests, FailedRequests: r.FailedRequests, ViolationRatio: r.ViolationRatio, Latency: r.Latency,
		ReplicaHours: t.replicaSeconds / 3600, MaxReplicas: t.maxReplicas, ScalingActions: t.actions, Shadows: t.wishes(),
	}
}

// Print writes the scorecard as a table, one column per service.
func (r Result) Print(w io.Writer) {
	cards := []Scorecard{r.Scorecard}
	if r.Compare != nil {
		cards = append(cards, *r.Compare)
	}
	title, hours := "Scorecard", "replica-hours (real time)"
	if r.Simulated {
		title, hours = "Simulated scorecard", "replica-hours"
	}
	fmt.Fprintf(w, "\n%s  %s, %s, times ÷ %s\n\n", title, r.Workload,
		scale.Because("", "{0s}", r.DurationSeconds), scale.Number(r.TimeCompression))
	row := func(label string, cell func(Scorecard) string) {
		fmt.Fprintf(w, "  %-28s", label)
		for _, c := range cards {
			fmt.Fprintf(w, "%16s", cell(c))
		}
		fmt.Fprintln(w)
	}
	threshold := scale.Because("", "{0s}", r.ThresholdSeconds).String()
	row("policy", func(c Scorecard) string { return c.Policy })
	row("requests", func(c Scorecard) string { return fmt.Sprint(c.Requests) })
	row("failed", func(c Scorecard) string { return fmt.Sprint(c.FailedRequests) })
	row("failed or over "+threshold, func(c Scorecard) string { return fmt.Sprintf("%.3f %%", 100*c.ViolationRatio) })
	row("  allowed by the objective", func(Scorecard) string { return fmt.Sprintf("%.3f %%", 100*(1-r.ObjectiveTarget)) })
	latency := func(label string, of func(load.Latency) float64) {
		row(label, func(c Scorecard) string { return fmt.Sprintf("%.0f ms", 1000*of(c.Latency)) })
	}
	latency("latency mean", func(l load.Latency) float64 { return l.Mean })
	latency("latency p50", func(l load.Latency) float64 { return l.P50 })
	latency("latency p90", func(l load.Latency) float64 { return l.P90 })
	latency("latency p95", func(l load.Latency) float64 { return l.P95 })
	latency("latency p99", func(l load.Latency) float64 { return l.P99 })
	row(hours, func(c Scorecard) string { return fmt.Sprintf("%.4f", c.ReplicaHours) })
	row("most replicas", func(c Scorecard) string { return fmt.Sprint(c.MaxReplicas) })
	row("scaling actions", func(c Scorecard) string { return fmt.Sprint(c.ScalingActions) })
	for i, c := range cards {
		printShadows(w, i, c)
	}
	for _, warning := range r.Warnings {
		fmt.Fprintln(w, "\n  note:", warning)
	}
	if r.Interrupted {
		fmt.Fprintln(w, "\n  interrupted: the figures cover what was played until then")
	}
	fmt.Fprintln(w)
}

// printShadows says what the watched policies wished; with two services only
// the first one's, since both see the same kind of load.
func printShadows(w io.Writer, service int, c Scorecard) {
	if service > 0 || len(c.Shadows) == 0 {
		return
	}
	fmt.Fprintln(w, "\n  watched beside it, never applied:")
	for _, s := range c.Shadows {
		fmt.Fprintf(w, "    %-40s mean wish %.1f, at most %d replicas\n", s.Policy, s.MeanReplicas, s.MaxReplicas)
	}
}
