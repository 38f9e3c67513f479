package main

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"slices"

	"github.com/flyball-io/flyball/evaluate"
)

// analysis is what the runs of an evaluation say.
type analysis struct {
	job     job
	results evaluate.Results
	levels  []float64
	// shown is what the report is about where that is not all results, with
	// contestants that are not of the job.
	shown         *evaluate.Results
	shownFamilies evaluate.Families
	others        []evaluate.Contestant

	Standings   []evaluate.Standing         `json:"standings,omitempty"`
	Comparisons []evaluate.FamilyComparison `json:"comparisons,omitempty"`
	Calibrated  []evaluate.Calibrated       `json:"calibrated,omitempty"`
	Hindsight   []evaluate.Hindsight        `json:"hindsight,omitempty"`
	Topologies  []evaluate.TopologyCost     `json:"topologies,omitempty"`
	Knobs       map[string]string           `json:"knobs,omitempty"`
}

// reference is the policy that others are set against.
const reference = "hpa"

// bootstrapSeed makes confidence intervals the same every time.
const bootstrapSeed = 1

// defaultLevels are the shares of avoidable violations at which costs are told.
func defaultLevels() []float64 { return []float64{0.001, 0.01} }

// analyse tells costs at equal violations where knobs were swept.
func analyse(r evaluate.Results, j job, levels []float64) analysis {
	a := analysis{job: j, results: r, levels: levels, Knobs: j.knobs}
	if len(j.families) == 0 {
		return a
	}
	a.Standings = r.Standings(j.families, levels)
	for _, level := range levels {
		a.Comparisons = append(a.Comparisons, evaluate.CompareAt(a.Standings, reference, level, j.cluster, bootstrapSeed)...)
	}
	return a
}

// document is what --json prints: results.json, and where there is a comparison
// that as well.
func (a analysis) document() any {
	if len(a.Standings) == 0 {
		return a.results
	}
	return struct {
		evaluate.Results
		Analysis analysis `json:"comparison"`
	}{a.results, a}
}

func (a analysis) save(path string) error {
	text, err := json.MarshalIndent(a, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(text, '\n'), 0o644)
}

// overall is what a policy came to over all traces and seeds.
type overall struct {
	policy                string
	avoidable, worst      float64 // shares of requests: pooled, and on the worst trace
	worstTrace            string
	p95                   float64 // seconds, the median over traces, as in the report
	hours                 float64 // sum over traces, mean over seeds
	overOracle, worstOver float64 // geometric mean and worst trace, at the run's own violations
	actions               float64 // per hour
	cost                  float64
}

// overalls sums up each policy over the traces of the runs, in their order.
func overalls(runs []evaluate.Run) []overall {
	var order []string
	of := map[string][]evaluate.Run{}
	for _, r := range runs {
		if of[r.Policy] == nil {
			order = append(order, r.Policy)
		}
		of[r.Policy] = append(of[r.Policy], r)
	}
	var all []overall
	for _, policy := range order {
		all = append(all, sumUp(policy, of[policy]))
	}
	return all
}

func sumUp(policy string, runs []evaluate.Run) overall {
	o := overall{policy: policy}
	traces, of := evaluate.ByTrace(runs)
	var p95s []float64
	logs, counted, hours := 0.0, 0, 0.0
	for _, trace := range traces {
		seeds := float64(len(of[trace]))
		p := evaluate.Pool(of[trace])[0]
		var oracle, p95, actions, cost, scored float64
		for _, r := range of[trace] {
			oracle, p95, actions = oracle+r.OracleEqualReplicaHours/seeds, p95+r.LatencyP95/seeds, actions+float64(r.ScalingActions)/seeds
			cost, scored = cost+r.Cost/seeds, scored+r.HoursScored/seeds
		}
		o.avoidable += p.Violations / float64(len(traces))
		if p.Violations > o.worst || o.worstTrace == "" {
			o.worst, o.worstTrace = p.Violations, trace
		}
		o.hours, o.actions, o.cost, hours = o.hours+p.ReplicaHours, o.actions+actions, o.cost+cost, hours+scored
		p95s = append(p95s, p95)
		if oracle > 0 {
			over := p.ReplicaHours / oracle
			logs, counted, o.worstOver = logs+math.Log(over), counted+1, max(o.worstOver, over)
		}
	}
	o.p95 = middle(p95s)
	if hours > 0 {
		o.actions /= hours
	}
	if counted > 0 {
		o.overOracle = math.Exp(logs / float64(counted))
	}
	return o
}

// middle is the median, of an even number the mean of the two in the middle.
func middle(values []float64) float64 {
	slices.Sort(values)
	n := len(values)
	return (values[n/2] + values[(n-1)/2]) / 2
}

// readableTime writes seconds so that it can be read: "480 ms", "1.2 s", "96 s".
func readableTime(v float64) string {
	switch {
	case v < 0.9995:
		return fmt.Sprintf("%.0f ms", v*1000)
	case v < 9.95:
		return fmt.Sprintf("%.1f s", v)
	default:
		return fmt.Sprintf("%.0f s", v)
	}
}

// percent writes a share: "0.012".
func percent(share float64) string {
	switch p := share * 100; {
	case p == 0:
		return "0"
	case p < 0.0005:
		return "0.000"
	case p < 1:
		return fmt.Sprintf("%.3f", p)
	default:
		return fmt.Sprintf("%.1f", p)
	}
}
