package main

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/flyball-io/flyball/evaluate"
)

// Names of the HPA that was tuned, among families.
const (
	tunedForAll   = "hpa, one setting for all"
	tunedPerTrace = "hpa, tuned per trace"
)

// analyse puts the stages together: figures are told of the report traces.
func (s stages) analyse(whole, excerpts, swept, grid, balanced evaluate.Results) analysis {
	levels := s.protocol.Levels
	a := analysis{job: s.policies, levels: levels, Knobs: s.sweep.knobs}
	a.results = whole
	a.results.Runs = append(slices.Clone(whole.Runs), excerpts.Runs...)
	a.results.Header.Cases = append(slices.Clone(whole.Header.Cases), excerpts.Header.Cases...)
	a.results.Failures = slices.Concat(whole.Failures, excerpts.Failures, swept.Failures, grid.Failures, balanced.Failures)
	tune := func(r evaluate.Run) bool { return contains(s.tune, r.Trace) }
	report := func(r evaluate.Run) bool { return contains(s.report, r.Trace) }
	swept.Runs = only(swept.Runs, report)
	a.Standings = swept.Standings(s.sweep.families, levels)
	isHPA := func(r evaluate.Run) bool { return report(r) && strings.HasPrefix(r.Policy, reference+":") }
	a.Hindsight = evaluate.InHindsight(only(append(slices.Clone(grid.Runs), swept.Runs...), isHPA), levels)
	for _, level := range levels {
		for _, signal := range append([]string{""}, s.protocol.Calibration.Signals...) {
			of := evaluate.Only(grid.Runs, func(policy string) bool { return signal == "" || signalOf(policy) == signal })
			if c, ok := evaluate.Calibrate(only(of, tune), level); ok {
				c.Signal = signal
				c.Apply(only(of, report))
				a.Calibrated = append(a.Calibrated, c)
			}
		}
	}
	a.Standings = append(append(a.Standings, a.tuned()...), s.candidate.fixed(a.Standings, only(whole.Runs, report), s.protocol.Policies, levels)...)
	for _, level := range levels {
		for _, base := range []string{tunedForAll, tunedPerTrace} {
			a.Comparisons = append(a.Comparisons, evaluate.CompareAt(a.Standings, base, level, s.policies.cluster, bootstrapSeed)...)
		}
	}
	if s.candidate.family != "" {
		whole.Runs = only(whole.Runs, report)
		a.results.Targets = s.candidate.judge(whole, slices.Concat(swept.Runs, only(grid.Runs, report)), s.sweep.families, levels, a.Calibrated, s.policies.cluster)
	}
	a.show(s, swept, only(grid.Runs, report))
	a.Topologies = evaluate.TopologyCosts(balanced.Runs, s.balanced.families, levels)
	return a
}

// show says what the report is about: the traces of the report, at all
// positions of the knobs, and the settings that were calibrated.
func (a *analysis) show(s stages, swept evaluate.Results, grid []evaluate.Run) {
	a.shownFamilies = maps.Clone(s.sweep.families)
	for _, c := range a.Calibrated {
		if _, known := a.shownFamilies[c.Setting]; known || c.Signal != "" {
			continue
		}
		a.shownFamilies[c.Setting] = fmt.Sprintf("hpa, one setting for %s %%", strconv.FormatFloat(c.Level*100, 'g', 4, 64))
		swept.Runs = append(swept.Runs, evaluate.Only(grid, func(policy string) bool { return policy == c.Setting })...)
	}
	swept.Header.Cases = slices.DeleteFunc(slices.Clone(swept.Header.Cases), func(c evaluate.CaseHeader) bool { return !contains(s.report, c.Trace) })
	swept.Failures, swept.Targets = a.results.Failures, a.results.Targets
	a.shown = &swept
	a.others = slices.Concat(s.sweep.contestants, s.grid.contestants)
	a.job.cases = slices.Concat(s.report, s.tune)
}

// standingsOver makes standings of costs, over the clairvoyant's among known ones.
func standingsOver(known []evaluate.Standing) (all *[]evaluate.Standing, add func(trace, family string, level float64, hours *float64, violated bool)) {
	oracle := map[string]*float64{}
	key := func(trace string, level float64) string { return fmt.Sprint(trace, " ", level) }
	for _, s := range known {
		if s.Family == evaluate.OracleFamily {
			oracle[key(s.Trace, s.Level)] = s.ReplicaHours
		}
	}
	all = new([]evaluate.Standing)
	return all, func(trace, family string, level float64, hours *float64, violated bool) {
		s := evaluate.Standing{Trace: trace, Family: family, Level: level, ReplicaHours: hours, Violated: violated}
		if best := oracle[key(trace, level)]; best != nil && hours != nil {
			s.OverOracle = new(*hours / *best)
		}
		*all = append(*all, s)
	}
}

// Ends of the names of settings as they come, among families.
const (
	asItComes      = ", as it comes"
	defaultSetting = ", default setting"
)

// fixed are the standings of settings as they come: of those of the HPA on CPU
// among policies, and of the candidate's. They may break the level.
func (c candidate) fixed(known []evaluate.Standing, played []evaluate.Run, policies []string, levels []float64) []evaluate.Standing {
	all, add := standingsOver(known)
	traces, of := evaluate.ByTrace(played)
	for i, level := range levels {
		for _, trace := range traces {
			for _, p := range evaluate.Pool(of[trace]) {
				if signalOf(p.Policy) == "cpuUtilization" && slices.Contains(policies, p.Policy) {
					add(trace, p.Policy+asItComes, level, new(p.ReplicaHours), p.Violations > level)
				}
				if i < len(c.defaults) && p.Policy == c.defaults[i] {
					add(trace, c.family+defaultSetting, level, new(p.ReplicaHours), p.Violations > level)
				}
			}
		}
	}
	return *all
}

// tuned are the standings of the tuned HPA on the report traces.
func (a analysis) tuned() []evaluate.Standing {
	all, add := standingsOver(a.Standings)
	for _, c := range a.Calibrated {
		for _, p := range c.Report {
			add(p.Trace, on(tunedForAll, c.Signal), c.Level, new(p.ReplicaHours), p.Violations > c.Level)
		}
	}
	for _, h := range a.Hindsight {
		add(h.Trace, on(tunedPerTrace, h.Signal), h.Level, h.ReplicaHours, false)
	}
	return *all
}

// on names what was held to a signal.
func on(family, signal string) string {
	if signal == "" {
		return family
	}
	return family + ", on " + signal
}

func contains(cases []evaluate.Case, trace string) bool {
	return slices.ContainsFunc(cases, func(c evaluate.Case) bool { return c.Trace == trace })
}

func only(runs []evaluate.Run, keep func(evaluate.Run) bool) []evaluate.Run {
	return slices.DeleteFunc(slices.Clone(runs), func(r evaluate.Run) bool { return !keep(r) })
}
