package present

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/flyball-io/flyball/evaluate"
	"github.com/flyball-io/flyball/evaluate/report"
)

// comparisons set every policy against the reference: with one setting for all
// traces first, where one was calibrated, then as it stands.
func (in Input) comparisons(all []side) []report.Comparison {
	var bases []side
	for _, c := range in.Calibrated {
		if c.Level == in.level() {
			bases = append(bases, in.fixed(c))
		}
	}
	if i := slices.IndexFunc(all, in.isReference); i >= 0 {
		bases = append(bases, all[i])
	}
	// The first comparison is the page's answer: about a policy, not a yardstick.
	candidates := slices.Clone(all)
	slices.SortStableFunc(candidates, func(a, b side) int {
		switch {
		case a.yardstick == b.yardstick:
			return 0
		case a.yardstick:
			return 1
		default:
			return -1
		}
	})
	var comparisons []report.Comparison
	for _, base := range bases {
		for _, candidate := range candidates {
			if candidate.oracle || candidate.name == base.name || len(base.runs) == 0 {
				continue
			}
			if c := in.compare(base, candidate); len(c.Rows) > 0 {
				comparisons = append(comparisons, c)
			}
		}
	}
	return comparisons
}

func (in Input) isReference(s side) bool {
	kind, _, _ := cut(s.family)
	return s.family == in.Reference || kind == in.Reference
}

// fixed is the reference with one setting for all traces.
func (in Input) fixed(c evaluate.Calibrated) side {
	s := side{name: c.Setting + " for every workload", family: c.Setting, runs: map[string][]evaluate.Run{}}
	traces, of := evaluate.ByTrace(in.Results.Runs)
	for _, trace := range traces {
		if own := evaluate.Only(of[trace], func(policy string) bool { return policy == c.Setting }); len(own) > 0 {
			s.traces, s.runs[trace] = append(s.traces, trace), own
		}
	}
	return s
}

// compare goes through the metrics on the traces that both were played on; at
// equal violations, those on which both hold the level.
func (in Input) compare(base, candidate side) report.Comparison {
	c := report.Comparison{Baseline: base.name, Candidate: candidate.name}
	equal := base.swept && candidate.swept
	var traces []string
	for _, trace := range base.traces {
		if len(candidate.runs[trace]) > 0 && (!equal || in.holds(base, trace) && in.holds(candidate, trace)) {
			traces = append(traces, trace)
		}
	}
	if len(traces) == 0 {
		return c
	}
	c.Note = "Values are means over traces and seeds. Improvements are geometric means of those of each trace, with intervals from drawing whole traces (10,000 resamples)."
	if equal {
		c.Basis = fmt.Sprintf("at %s\u00a0%% avoidable violations, on %s", number(in.level()*100), in.traceCount(len(traces)))
		c.Note += " Each policy is at its cheapest setting on each trace that holds the level."
	}
	for _, m := range report.Metrics() {
		if row, ok := in.row(m, base, candidate, traces); ok {
			c.Rows = append(c.Rows, row)
		}
	}
	if equal {
		in.interpolate(&c, base, candidate, traces)
	}
	return c
}

// traceCount says how many traces the comparison is about, and of how many.
func (in Input) traceCount(n int) string {
	names, _ := evaluate.ByTrace(in.Results.Runs)
	switch {
	case n < len(names):
		return fmt.Sprintf("the %d of %d traces on which both hold them", n, len(names))
	case n == 1:
		return "1 trace"
	default:
		return fmt.Sprintf("%d traces", n)
	}
}

func (in Input) holds(s side, trace string) bool {
	return evaluate.Pool(s.runs[trace])[0].Violations <= in.level()
}

// row pairs a metric by trace. Where some value is zero a ratio says nothing of
// that trace, and the two means are all there is.
func (in Input) row(m report.Metric, base, candidate side, traces []string) (report.Row, bool) {
	row, pairs, n := report.Row{Key: m.Key}, []evaluate.Pair{}, 0.0
	positive := true
	for _, trace := range traces {
		b, okB := mean(base.runs[trace], m.Key)
		c, okC := mean(candidate.runs[trace], m.Key)
		if !okB || !okC {
			continue
		}
		row.Baseline, row.Candidate, n = row.Baseline+b, row.Candidate+c, n+1
		positive = positive && b > 0 && c > 0
		pairs = append(pairs, evaluate.Pair{Trace: in.Cluster(trace), Candidate: c, Reference: b})
	}
	if n == 0 {
		return row, false
	}
	row.Baseline, row.Candidate = row.Baseline/n, row.Candidate/n
	if positive {
		row.Improvement = improvement(m, pairs)
	}
	return row, true
}

// improvement turns ratios around: 0.69 of the hours are 31 % better. One trace
// alone has no interval.
func improvement(m report.Metric, pairs []evaluate.Pair) *report.Estimate {
	c, ok := evaluate.Compare(pairs, bootstrapSeed)
	if !ok || c.Traces < 2 {
		return nil
	}
	if m.MoreIsBetter {
		return &report.Estimate{Value: c.Ratio - 1, Low: c.Low - 1, High: c.High - 1}
	}
	return &report.Estimate{Value: 1 - c.Ratio, Low: 1 - c.High, High: 1 - c.Low}
}

// interpolate sets the cost at equal violations in: between the settings that
// were played, as the standings tell it.
func (in Input) interpolate(c *report.Comparison, base, candidate side, traces []string) {
	hours := map[string]map[string]float64{base.family: {}, candidate.family: {}}
	for _, s := range in.Results.Standings(in.Families, []float64{in.level()}) {
		if of := hours[s.Family]; of != nil && s.ReplicaHours != nil {
			of[s.Trace] = *s.ReplicaHours
		}
	}
	var pairs []evaluate.Pair
	b, n := [2]float64{}, 0.0
	for _, trace := range traces {
		x, y := hours[base.family][trace], hours[candidate.family][trace]
		if x <= 0 || y <= 0 {
			continue
		}
		b[0], b[1], n = b[0]+x, b[1]+y, n+1
		pairs = append(pairs, evaluate.Pair{Trace: in.Cluster(trace), Candidate: y, Reference: x})
	}
	i := slices.IndexFunc(c.Rows, func(row report.Row) bool { return row.Key == "replica_hours" })
	if i < 0 || n == 0 {
		return
	}
	c.Rows[i] = report.Row{Key: "replica_hours", Baseline: b[0] / n, Candidate: b[1] / n, Improvement: improvement(report.Metric{}, pairs)}
	c.Note += " Replica-hours are those between two settings that meet the level exactly."
}

// mean is that of a metric over seeds; false where it was never measured.
func mean(runs []evaluate.Run, key string) (float64, bool) {
	sum, n := 0.0, 0.0
	for _, run := range runs {
		if v, ok := field(run, key); ok {
			sum, n = sum+v, n+1
		}
	}
	return sum / max(n, 1), n > 0
}

// field is a metric of a run, by its name in results.json.
func field(run evaluate.Run, key string) (float64, bool) {
	if key == "cost_ratio" {
		return run.ReplicaHours / max(run.OracleEqualReplicaHours, 1e-12), run.OracleEqualReplicaHours > 0
	}
	text, err := json.Marshal(run)
	if err != nil {
		return 0, false // a number that is none
	}
	var fields map[string]any
	if json.Unmarshal(text, &fields) != nil {
		return 0, false
	}
	v, ok := fields[key].(float64)
	return v, ok
}
