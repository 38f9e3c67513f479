package present

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/flyball-io/flyball/evaluate"
	"github.com/flyball-io/flyball/evaluate/report"
)

func cut(name string) (kind, params string, ok bool) { return strings.Cut(name, ":") }

// number writes three significant digits, or all that are before the point.
func number(v float64) string {
	if v == 0 || math.Abs(v) >= 100 {
		return strconv.FormatFloat(v, 'f', 0, 64)
	}
	rounded, err := strconv.ParseFloat(strconv.FormatFloat(v, 'g', 3, 64), 64)
	if err != nil {
		return strconv.FormatFloat(v, 'g', 3, 64)
	}
	return strconv.FormatFloat(rounded, 'f', -1, 64)
}

// frontiers are one of each trace, after that of all pooled.
func (in Input) frontiers() []report.Frontier {
	traces, of := evaluate.ByTrace(in.Results.Runs)
	var all []report.Frontier
	for _, trace := range traces {
		f := report.Frontier{Name: trace}
		for _, p := range in.points(of[trace]) {
			f.Curves = add(f.Curves, p.family, p.Point)
		}
		if len(f.Curves) > 0 {
			f.Oracle = in.oracle(trace)
			all = append(all, f)
		}
	}
	if len(traces) < 2 {
		return all
	}
	return append([]report.Frontier{in.pooled(traces, of)}, all...)
}

// spot is a setting of a family in a plot.
type spot struct {
	policy, family string
	report.Point
}

// points are the settings on one trace that the oracle's hours are known for.
// The oracle itself is a line of the plot.
func (in Input) points(runs []evaluate.Run) []spot {
	oracles, seeds := map[string]float64{}, map[string]float64{}
	for _, run := range runs {
		hours := run.OracleEqualReplicaHours
		if hours <= 0 {
			hours = run.OracleEveryStepReplicaHours
		}
		oracles[run.Policy] += hours
		seeds[run.Policy]++
	}
	var all []spot
	for _, p := range evaluate.Pool(runs) {
		family := in.Families.Of(p.Policy)
		oracle := oracles[p.Policy] / seeds[p.Policy]
		if isOracle(family) || oracle <= 0 {
			continue
		}
		s := spot{p.Policy, family, report.Point{Ratio: p.ReplicaHours / oracle, Avoidable: p.Violations}}
		if _, swept := in.Families[p.Policy]; swept {
			s.Setting = number(p.Knob)
		}
		all = append(all, s)
	}
	return all
}

// oracle are the clairvoyant's schedules that were played on each of the traces,
// from the one that breaks most: the price of a violation tells them apart. All
// cost what an oracle pays, so they lie on its line.
func (in Input) oracle(traces ...string) []report.Point {
	sums, counts := map[float64]float64{}, map[float64]int{}
	for _, trace := range traces {
		own, seeds := map[float64]float64{}, 0.0
		for _, c := range in.Results.Clairvoyants {
			if c.Trace != trace {
				continue
			}
			seeds++
			for _, p := range c.Priced {
				own[p.Theta] += p.AvoidableRatio
			}
		}
		for theta, late := range own {
			sums[theta] += late / seeds / float64(len(traces))
			counts[theta]++
		}
	}
	var all []report.Point
	for _, theta := range slices.Sorted(maps.Keys(sums)) {
		if counts[theta] == len(traces) {
			all = append(all, report.Point{Setting: number(theta) + "\u00a0replica-seconds for a violation", Ratio: 1, Avoidable: sums[theta]})
		}
	}
	return all
}

func add(curves []report.Curve, family string, p report.Point) []report.Curve {
	i := slices.IndexFunc(curves, func(c report.Curve) bool { return c.Policy == family })
	if i < 0 {
		i = len(curves)
		curves = append(curves, report.Curve{Policy: family})
	}
	curves[i].Points = append(curves[i].Points, p)
	return curves
}

// pooled takes the settings that were played on every trace: the geometric mean
// of their ratios, the mean of their violations.
func (in Input) pooled(traces []string, of map[string][]evaluate.Run) report.Frontier {
	sums, counts := map[string]*spot{}, map[string]int{}
	var order []string
	for _, trace := range traces {
		for _, p := range in.points(of[trace]) {
			sum := sums[p.policy]
			if sum == nil {
				sum = &spot{policy: p.policy, family: p.family, Point: report.Point{Setting: p.Setting}}
				sums[p.policy], order = sum, append(order, p.policy)
			}
			sum.Ratio, sum.Avoidable = sum.Ratio+math.Log(p.Ratio), sum.Avoidable+p.Avoidable
			counts[p.policy]++
		}
	}
	var f report.Frontier
	for _, policy := range order {
		if n := float64(counts[policy]); counts[policy] == len(traces) {
			p := sums[policy].Point
			p.Ratio, p.Avoidable = math.Exp(p.Ratio/n), p.Avoidable/n
			f.Curves = add(f.Curves, sums[policy].family, p)
		}
	}
	f.Oracle = in.oracle(traces...)
	return f
}

// standings are the costs at equal violations, over all traces. Without a sweep
// there is nothing to tell.
func (in Input) standings() []report.Standing {
	if len(in.Families) == 0 {
		return nil
	}
	var all []report.Standing
	standings := in.Results.Standings(in.Families, in.Levels)
	for _, level := range in.Levels {
		for _, sum := range evaluate.SumUp(standings, level) {
			if isOracle(sum.Family) {
				continue
			}
			s := report.Standing{Policy: sum.Family, Level: level, Reached: sum.Held, Of: sum.Traces, WorstTrace: sum.WorstTrace}
			if sum.Median == nil {
				s.Reached = 0
				all = append(all, s)
				continue
			}
			s.Median, s.Worst = *sum.Median, *sum.Worst
			if c, ok := evaluate.Compare(in.overOracle(standings, sum.Family, level), bootstrapSeed); ok {
				s.Mean = report.Estimate{Value: c.Ratio, Low: c.Low, High: c.High}
			}
			all = append(all, s)
		}
	}
	return all
}

func (in Input) overOracle(standings []evaluate.Standing, family string, level float64) []evaluate.Pair {
	var pairs []evaluate.Pair
	for _, s := range standings {
		if s.Family == family && s.Level == level && s.OverOracle != nil {
			pairs = append(pairs, evaluate.Pair{Trace: in.Cluster(s.Trace), Candidate: *s.OverOracle, Reference: 1})
		}
	}
	return pairs
}

// topologies sum the hours of a policy over the traces on which it holds the
// level however requests are balanced.
func (in Input) topologies() []report.Topology {
	fails := map[[2]string]bool{} // policy and trace
	for _, t := range in.Topologies {
		if t.Level == in.level() && t.ReplicaHours == nil {
			fails[[2]string{t.Family, t.Trace}] = true
		}
	}
	var all []report.Topology
	for _, t := range in.Topologies {
		if t.Level != in.level() || fails[[2]string{t.Family, t.Trace}] {
			continue
		}
		i := slices.IndexFunc(all, func(other report.Topology) bool { return other.Name == t.Topology && other.Policy == t.Family })
		if i < 0 {
			i = len(all)
			first := !slices.ContainsFunc(all, func(other report.Topology) bool { return other.Policy == t.Family })
			all = append(all, report.Topology{Name: t.Topology, Policy: t.Family, Avoidable: t.Level, Current: first})
		}
		all[i].ReplicaHours += *t.ReplicaHours
	}
	return all
}

// calibration is the one setting for every workload.
func (in Input) calibration() []report.Table {
	if len(in.Calibrated) == 0 {
		return nil
	}
	t := report.Table{
		Title:   "One setting for every workload",
		Text:    "The cheapest setting that holds the level on each tuning trace, by the geometric mean of its replica-hours over the oracle's. It was chosen before the traces of the report were played.",
		Columns: []string{"Setting", "Avoidable violations", "By the oracle's, tuning traces", "Holds the level on tuning traces", "… on traces of the report"},
	}
	for _, c := range in.Calibrated {
		setting := c.Setting
		if c.Signal != "" {
			setting += " (held to " + c.Signal + ")"
		}
		t.Rows = append(t.Rows, []string{setting, number(c.Level*100) + "\u00a0%", fmt.Sprintf("%.2f\u00a0×", c.OverOracle), held(c.Tuning, c.Level), held(c.Report, c.Level)})
	}
	return []report.Table{t}
}

func held(points []evaluate.TracePoint, level float64) string {
	n := 0
	for _, p := range points {
		if p.Violations <= level {
			n++
		}
	}
	return fmt.Sprintf("%d of %d", n, len(points))
}
