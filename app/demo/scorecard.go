package demo

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/flyball-io/flyball/internal/cli"
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
	MeanReplicas   float64  `json:"mean_replicas"`
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
		ReplicaHours: t.replicaSeconds / 3600, MeanReplicas: t.mean(), MaxReplicas: t.maxReplicas, ScalingActions: t.actions, Shadows: t.wishes(),
	}
}

// Print writes the scorecard as a table, one column per service, and what
// comes of it in a sentence, on a screen so many columns wide.
func (r Result) Print(w io.Writer, width int) {
	title := "Scorecard"
	if r.Simulated {
		title = "Simulated scorecard"
	}
	fmt.Fprintf(w, "\n%s  %s, %s, times ÷ %s\n\n", title, r.Workload,
		scale.Because("", "{0s}", r.DurationSeconds), scale.Number(r.TimeCompression))
	rows := r.rows()
	label, cell := 0, 10
	for _, row := range rows {
		label = max(label, utf8.RuneCountInString(row[0]))
		for _, text := range row[1:] {
			cell = max(cell, utf8.RuneCountInString(text))
		}
	}
	for _, row := range rows {
		fmt.Fprintf(w, "  %-*s", label, row[0])
		for _, text := range row[1:] {
			fmt.Fprintf(w, "  %*s", cell, text)
		}
		fmt.Fprintln(w)
	}
	r.printNotes(w, width)
}

// rows are a label and a cell for each service.
func (r Result) rows() [][]string {
	var rows [][]string
	row := func(label string, cell func(Scorecard) string) {
		cells := []string{label}
		for _, c := range r.cards() {
			cells = append(cells, cell(c))
		}
		rows = append(rows, cells)
	}
	latency := func(label string, of func(load.Latency) float64) {
		row(label, func(c Scorecard) string { return fmt.Sprintf("%.0f ms", 1000*of(c.Latency)) })
	}
	hours := "replica-hours (real time)"
	if r.Simulated {
		hours = "replica-hours"
	}
	row("policy", func(c Scorecard) string { return c.Policy })
	row("requests", func(c Scorecard) string { return fmt.Sprint(c.Requests) })
	row("failed", func(c Scorecard) string { return fmt.Sprint(c.FailedRequests) })
	row("failed or over "+scale.Because("", "{0s}", r.ThresholdSeconds).String(), func(c Scorecard) string { return fmt.Sprintf("%.3f %%", 100*c.ViolationRatio) })
	row("  allowed by the objective", func(Scorecard) string { return fmt.Sprintf("%.3f %%", 100*(1-r.ObjectiveTarget)) })
	latency("latency mean", func(l load.Latency) float64 { return l.Mean })
	latency("latency p50", func(l load.Latency) float64 { return l.P50 })
	latency("latency p90", func(l load.Latency) float64 { return l.P90 })
	latency("latency p95", func(l load.Latency) float64 { return l.P95 })
	latency("latency p99", func(l load.Latency) float64 { return l.P99 })
	row(hours, func(c Scorecard) string { return fmt.Sprintf("%.4f", c.ReplicaHours) })
	row("mean replicas", func(c Scorecard) string { return fmt.Sprintf("%.2f", c.MeanReplicas) })
	row("most replicas", func(c Scorecard) string { return fmt.Sprint(c.MaxReplicas) })
	row("scaling actions", func(c Scorecard) string { return fmt.Sprint(c.ScalingActions) })
	return rows
}

// printNotes says what the table cannot. With two services the wishes are the
// first one's, since both see the same kind of load.
func (r Result) printNotes(w io.Writer, width int) {
	say := func(text string, indent int) {
		fmt.Fprintln(w, strings.Join(cli.Wrap(text, width, indent), "\n"))
	}
	if len(r.Shadows) > 0 {
		fmt.Fprintln(w)
		say("  watched beside it, never applied:", 2)
	}
	for _, s := range r.Shadows {
		say(fmt.Sprintf("    %s: mean wish %.2f, at most %s", s.Policy, s.MeanReplicas, scale.Count(s.MaxReplicas, "replica")), 6)
	}
	for _, warning := range r.Warnings {
		fmt.Fprintln(w)
		say("  note: "+warning, 4)
	}
	if r.Interrupted {
		fmt.Fprintln(w)
		say("  interrupted: the figures cover what was played until then", 4)
	}
	if text := r.verdict(); text != "" {
		fmt.Fprintln(w)
		say("  "+text, 2)
	}
	fmt.Fprintln(w)
}
