package main

import (
	"fmt"
	"math"
	"strings"

	"github.com/flyball-io/flyball/evaluate"
	page "github.com/flyball-io/flyball/evaluate/report"
	"github.com/flyball-io/flyball/replay"
)

// page is the report for a manager.
func (r *replayed) page() page.Report {
	d := r.demand
	s := r.scenario
	return page.Report{
		Title:  fmt.Sprintf("Replay of %s, %s to %s", r.history.Target, minute(d.Start), minute(d.Start.Add(d.Length))),
		Answer: r.answer(),
		Setting: fmt.Sprintf("%s; %.3g ms for a request (CV %.2g), %d at a time on a replica; ready after %s",
			r.history.Source, 1000*s.Service.Law.Mean(), s.Service.Law.CV(), s.Service.Slots, inWords(s.Replicas.Startup)),
		Objective:   page.Objective{Threshold: s.Objective.Threshold.Std(), Target: s.Objective.Target},
		Comparisons: r.comparisons(),
		Traces:      []page.Trace{{Name: r.history.Target, About: r.history.Source, Start: d.Start, Length: d.Length, Unscored: unscoredOf(d), Demand: r.needed, Lines: r.lines}},
		Runs:        r.pageRuns(),
		Calibration: []page.Table{r.recordedTable(), r.modelTable(), lostTable(d)},
		Limits:      r.limits(),
		Reproduce:   page.Reproduce{Command: shellWords(r.flags.command), Version: programVersion(), Seeds: r.job.seeds, Traces: []string{r.history.Source}},
	}
}

// answer is what a manager wants to know: what it was, and what the cheapest
// would have been that keeps the objective.
func (r *replayed) answer() string {
	text := ""
	if o := r.recorded; o.ReplicaHours > 0 {
		text = fmt.Sprintf("%s took %.3g replica-hours", r.history.Target, o.ReplicaHours)
		if o.ViolationRatio != nil {
			text += fmt.Sprintf(" and %s\u00a0%% of its requests were not good", percent(*o.ViolationRatio))
		}
		text += ". "
	}
	var best *overall
	all := overalls(r.results.Runs)
	for i := range all {
		o := &all[i]
		if o.policy != evaluate.OracleFamily && o.avoidable <= 1-r.scenario.Objective.Target && (best == nil || o.hours < best.hours) {
			best = o
		}
	}
	if best == nil {
		return text + "None of the policies that were tried would have kept the objective."
	}
	text += fmt.Sprintf("Of the policies that keep the objective %s would have been the cheapest: %.3g replica-hours", r.label(best.policy), best.hours)
	if change := 100 * (best.hours/r.recorded.ReplicaHours - 1); r.recorded.ReplicaHours > 0 {
		text += fmt.Sprintf(", %.3g\u00a0%% %s", math.Abs(change), map[bool]string{true: "less", false: "more"}[change < 0])
	}
	return text + r.breaks(best.policy) + "."
}

// breaks says what a policy would have broken beside what was recorded: what it
// costs is no answer without that.
func (r *replayed) breaks(policy string) string {
	violations := r.violations(policy)
	text := fmt.Sprintf(", with %s\u00a0%% of the requests not good", percent(violations))
	if was := r.recorded.ViolationRatio; was != nil && violations > 1.25**was {
		text = fmt.Sprintf(", but it breaks more: %s\u00a0%% of the requests not good", percent(violations))
	}
	if may := 1 - r.scenario.Objective.Target; violations <= may {
		text += fmt.Sprintf(", within the %.3g\u00a0%% that may be", 100*may)
	}
	return text
}

// violations is the mean over seeds.
func (r *replayed) violations(policy string) float64 {
	sum := 0.0
	for _, run := range r.results.Runs {
		if run.Policy == policy {
			sum += run.ViolationRatio / float64(len(r.job.seeds))
		}
	}
	return sum
}

func unscoredOf(d *replay.Demand) []page.Unscored {
	var all []page.Unscored
	for _, s := range d.Lost {
		all = append(all, page.Unscored{From: s.From, To: s.To, Why: s.Why})
	}
	return all
}

func (r *replayed) pageRuns() []page.Run {
	var all []page.Run
	for _, run := range r.results.Runs {
		all = append(all, page.Run{Trace: run.Trace, Policy: run.Policy, ReplicaHours: run.ReplicaHours, Oracle: run.OracleEqualReplicaHours, Avoidable: run.AvoidableViolationRatio})
	}
	return all
}

// comparisons set every policy against the first: that of the document where
// there is one.
func (r *replayed) comparisons() []page.Comparison {
	means := map[string]map[string]float64{}
	var order []string
	n := float64(len(r.job.seeds))
	for _, run := range r.results.Runs {
		if means[run.Policy] == nil {
			means[run.Policy] = map[string]float64{}
			order = append(order, run.Policy)
		}
		for key, v := range map[string]float64{
			"latency_mean_seconds": run.LatencyMean, "latency_p95_seconds": run.LatencyP95, "latency_p99_seconds": run.LatencyP99,
			"scaling_actions": float64(run.ScalingActions), "direction_changes": float64(run.DirectionChanges),
			"replica_hours": run.ReplicaHours, "cost": run.Cost, "mean_replicas": run.MeanReplicas,
			"overshoot_ratio": run.OvershootRatio, "undershoot_replica_seconds": run.UndershootReplicaSeconds,
			"violation_ratio": run.ViolationRatio, "avoidable_violation_ratio": run.AvoidableViolationRatio, "failed_requests": run.FailedRequests,
		} {
			means[run.Policy][key] += v / n
		}
	}
	basis := "on this history"
	if n > 1 {
		basis += ", mean over seeds"
	}
	var all []page.Comparison
	for _, candidate := range order[min(1, len(order)):] {
		c := page.Comparison{Baseline: order[0], Candidate: candidate, Basis: basis,
			Note: "Both are simulations on the recovered demand; neither is tuned to violate as much as the other. See the table of what was recorded below."}
		for _, m := range page.Metrics() {
			a, known := means[order[0]][m.Key]
			if known {
				c.Rows = append(c.Rows, page.Row{Key: m.Key, Baseline: a, Candidate: means[candidate][m.Key]})
			}
		}
		all = append(all, c)
	}
	return all
}

func (r *replayed) recordedTable() page.Table {
	t := page.Table{Title: "What was recorded, and every policy on it", Text: r.trust(),
		Columns: []string{"policy", "replica-hours", "violated %", "avoidable %"}, Rows: [][]string{r.recordedRow()[:4]}}
	for _, o := range overalls(r.results.Runs) {
		t.Rows = append(t.Rows, []string{r.label(o.policy), fmt.Sprintf("%.2f", o.hours), percent(r.violations(o.policy)), percent(o.avoidable)})
	}
	return t
}

func (r *replayed) modelTable() page.Table {
	t := page.Table{Title: "The model of the service", Text: r.fitInWords(), Columns: []string{"value, where it comes from and how it was found"}}
	for _, v := range r.service.Values {
		t.Rows = append(t.Rows, []string{fmt.Sprintf("%s %s, %s: %s", v.Name, valueText(v), v.Origin, v.How)})
	}
	return t
}

func lostTable(d *replay.Demand) page.Table {
	t := page.Table{Title: "Demand that cannot be recovered", Columns: []string{"when and why", "for", "share of the time"},
		Text: fmt.Sprintf("%s of the time is known. Nothing is scored in the rest; policies see a load there that runs straight from what was seen before to what was seen after.", shareOfTime(1-d.LostShare()))}
	for _, s := range d.Lost {
		t.Rows = append(t.Rows, []string{minute(d.Start.Add(s.From)) + ", " + s.Text, inWords(s.To - s.From), shareOfTime((s.To - s.From).Seconds() / d.Length.Seconds())})
	}
	return t
}

// limits say what the figures do not.
func (r *replayed) limits() []string {
	all := []string{
		"All policies are simulated on a model of the service fitted to the record: what it does besides queueing (caches that warm up, collection of garbage, other services that are slow) is not in it.",
		"Clients are taken to come as they did: that slower answers had kept some away, or better ones had brought more, nobody knows.",
		"Timelines show each policy played again as a fluid: expected values, not single requests.",
	}
	if len(r.assumed) > 0 {
		all = append(all, "Assumed: "+strings.Join(r.assumed, "; ")+".")
	}
	return append(all, r.history.Notes...)
}
