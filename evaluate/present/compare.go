package present

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/flyball-io/flyball/evaluate"
	"github.com/flyball-io/flyball/evaluate/report"
	"github.com/flyball-io/flyball/scale"
)

// comparisons set every policy against the reference: with one setting for all
// traces first, where one was calibrated, then as it stands.
func (in Input) comparisons(all []side) []report.Comparison {
	var bases []side
	for _, c := range in.Calibrated {
		if c.Level == in.level() && c.Signal == "" {
			bases = append(bases, in.fixed(c))
		}
	}
	if i := slices.IndexFunc(all, in.isReference); i >= 0 {
		bases = append(bases, all[i])
	}
	// The first comparison is the page's answer: about the candidate if there is
	// one, else a policy, not a yardstick, nor the reference with other settings.
	candidates := slices.Clone(all)
	slices.SortStableFunc(candidates, func(a, b side) int { return cmp.Compare(in.rank(a), in.rank(b)) })
	var comparisons []report.Comparison
	for _, base := range bases {
		for _, candidate := range candidates {
			if candidate.oracle || candidate.name == base.name || oneSetting(candidate.name) || len(base.runs) == 0 {
				continue
			}
			if c := in.compare(base, candidate); len(c.Rows) > 0 {
				comparisons = append(comparisons, c)
			}
		}
	}
	return comparisons
}

// oneSetting is the reference with one setting for all traces: a yardstick that
// others are held against.
func oneSetting(name string) bool { return strings.Contains(name, ", one setting for ") }

func (in Input) rank(s side) int {
	switch t := in.Results.Targets; {
	case t != nil && s.family == t.Candidate:
		return -1
	case s.family == in.Reference:
		return 2
	case s.yardstick:
		return 1
	default:
		return 0
	}
}

func (in Input) isReference(s side) bool {
	kind, _, _ := cut(s.family)
	return s.family == in.Reference || kind == in.Reference
}

// named gives the setting that was calibrated for all traces one name, wherever
// it appears.
func (in Input) named() evaluate.Families {
	named := maps.Clone(in.Families)
	for _, c := range in.Calibrated {
		family, known := in.Families[c.Setting]
		shared := slices.ContainsFunc(slices.Collect(maps.Keys(in.Families)), func(policy string) bool {
			return policy != c.Setting && in.Families[policy] == family
		})
		if known && !shared && c.Level == in.level() {
			named[c.Setting] = forAll(c.Setting)
		}
	}
	return named
}

// forAll is short: parameters stand below it.
func forAll(setting string) string {
	kind, _, _ := cut(setting)
	if kind == "hpa" {
		kind = "HPA"
	}
	return kind + ", one setting for all"
}

// fixed is the reference with one setting for all traces.
func (in Input) fixed(c evaluate.Calibrated) side {
	s := side{name: forAll(c.Setting), family: in.Families.Of(c.Setting), runs: map[string][]evaluate.Run{}}
	_, s.setting, _ = cut(c.Setting)
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
	c := report.Comparison{Baseline: base.name, Candidate: candidate.name, BaselineSetting: base.setting, CandidateSetting: candidate.setting}
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
	c.Note = in.note(len(traces))
	if equal {
		c.Equal = true
		c.Basis = fmt.Sprintf("at %s\u00a0%% avoidable violations, on %s", number(in.level()*100), in.traceCount(len(traces)))
		c.Note += " Each policy is at its cheapest setting on each trace that holds the level. What is in the block Cost is interpolated between two settings, to meet the level exactly."
	}
	played := in.played(base, candidate, traces)
	if equal {
		played = in.interpolated(played)
	}
	for _, m := range report.Metrics() {
		if p := in.pair(m, played); len(p.base) > 0 {
			c.Rows = append(c.Rows, p.row())
		}
	}
	return c
}

// note says how the values of a comparison come about.
func (in Input) note(traces int) string {
	seeds := len(in.Results.Header.Seeds)
	switch {
	case traces > 1 && seeds > 1:
		return "Values are means over seeds on each trace, and geometric means over traces, or medians or plain means where it says so. " + intervals
	case traces > 1:
		return "Values are geometric means over traces, or medians or plain means where it says so. " + intervals
	case seeds > 1:
		return "Values are means over seeds, on one trace: that has no interval."
	default:
		return "Values are of one trace with one seed: that has no interval."
	}
}

const intervals = "What the candidate has more or less is between the two values shown; intervals are from drawing whole traces (10,000 resamples)."

// traceCount says how many traces the comparison is about, and of how many.
func (in Input) traceCount(n int) string {
	names, _ := evaluate.ByTrace(in.Results.Runs)
	if n < len(names) {
		return fmt.Sprintf("the %d of %s on which both hold them", n, scale.Count(len(names), "trace"))
	}
	return scale.Count(n, "trace")
}

func (in Input) holds(s side, trace string) bool {
	return evaluate.Pool(s.runs[trace])[0].Violations <= in.level()
}

// match is a trace on which both were played. The scales are what a replica-hour
// played stands for at exactly the level; overOracle is known where they are.
type match struct {
	trace           string
	base, candidate played
}

type played struct {
	family     string
	runs       []evaluate.Run
	scale      float64
	overOracle float64
}

func (in Input) played(base, candidate side, traces []string) []match {
	var all []match
	for _, trace := range traces {
		all = append(all, match{trace, played{base.family, base.runs[trace], 1, 0}, played{candidate.family, candidate.runs[trace], 1, 0}})
	}
	return all
}

// interpolated moves costs to the level: between the settings that were played,
// as the standings tell it.
func (in Input) interpolated(all []match) []match {
	standings := in.Results.Standings(in.Families, []float64{in.level()})
	move := func(p *played, trace string) {
		i := slices.IndexFunc(standings, func(s evaluate.Standing) bool { return s.Trace == trace && s.Family == p.family })
		hours, _ := mean(p.runs, "replica_hours")
		if i < 0 || standings[i].ReplicaHours == nil || hours <= 0 {
			return
		}
		p.scale = *standings[i].ReplicaHours / hours
		if over := standings[i].OverOracle; over != nil {
			p.overOracle = *over
		}
	}
	for i := range all {
		move(&all[i].base, all[i].trace)
		move(&all[i].candidate, all[i].trace)
	}
	return all
}

// value is a metric over seeds; all of the block Cost goes with replica-hours.
func (p played) value(m report.Metric) (float64, bool) {
	if m.Key == "cost_ratio" && p.overOracle > 0 {
		return p.overOracle, true
	}
	v, ok := mean(p.runs, m.Key)
	if m.Group == report.Cost {
		v *= p.scale
	}
	return v, ok
}

// pair takes the traces on which both have the metric.
func (in Input) pair(m report.Metric, all []match) pairing {
	p := pairing{metric: m}
	for _, of := range all {
		b, okB := of.base.value(m)
		c, okC := of.candidate.value(m)
		if okB && okC {
			p.add(in.Cluster(of.trace), b, c)
		}
	}
	return p
}

// mean is that of a metric over seeds, of violations over all their requests;
// false where it was never measured.
func mean(runs []evaluate.Run, key string) (float64, bool) {
	sum, n := 0.0, 0.0
	for _, run := range runs {
		weight := 1.0
		if strings.HasSuffix(key, "violation_ratio") && run.Requests > 0 {
			weight = run.Requests
		}
		if v, ok := field(run, key); ok {
			sum, n = sum+weight*v, n+weight
		}
	}
	if n == 0 {
		return 0, false
	}
	return sum / n, true
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
