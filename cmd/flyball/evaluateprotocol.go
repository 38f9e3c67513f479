package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/flyball-io/flyball/evaluate"
	"github.com/flyball-io/flyball/internal/cli"
	"github.com/flyball-io/flyball/queueing"
	"github.com/flyball-io/flyball/workload"
)

// stages are what a protocol plays, one after the other.
type stages struct {
	protocol evaluate.Protocol
	// tune and report are whole windows as a fluid, excerpts parts of both
	// request by request.
	tune, report, excerpts []evaluate.Case
	policies               job // settings as they come
	sweep                  job
	grid                   job
	balanced               job
	candidate              candidate
}

// runProtocol plays a protocol. Everything it asks for is checked before.
func (f *evaluateFlags) runProtocol(cmd *cobra.Command) error {
	if f.variants {
		return f.runVariants(cmd)
	}
	s, err := f.stages()
	if err == nil {
		err = f.writable()
	}
	if err != nil {
		return cli.UsageError{Err: err}
	}
	ctx, _, stop := interruptible(cmd.Context())
	defer stop()
	a, err := f.playStages(ctx, s)
	if err != nil {
		return err
	}
	if err := f.save(ctx, a); err != nil {
		return err
	}
	return f.show(cmd.OutOrStdout(), a)
}

// withProtocol are the flags that go with a protocol; the others it lays down.
func withProtocol() []string {
	return []string{"protocol", "traces", "out", "json", "cost-per-replica-hour", "timeline", "variants"}
}

// readProtocol reads the protocol, and says how its trace files are opened.
func (f *evaluateFlags) readProtocol() (evaluate.Protocol, func(file string) (*workload.Trace, error), error) {
	if other := f.others(withProtocol()); len(other) > 0 {
		return evaluate.Protocol{}, nil, fmt.Errorf("--protocol lays down --%s: leave it out", strings.Join(other, ", --"))
	}
	p, err := evaluate.ReadProtocol(f.protocol)
	return p, opener(cmp.Or(f.folder, filepath.Dir(f.protocol))), err
}

// opener reads each trace file of a folder once.
func opener(folder string) func(file string) (*workload.Trace, error) {
	known := map[string]*workload.Trace{}
	return func(file string) (*workload.Trace, error) {
		if t := known[file]; t != nil {
			return t, nil
		}
		t, err := workload.OpenTrace(filepath.Join(folder, file))
		known[file] = t
		return t, err
	}
}

func (f *evaluateFlags) stages() (stages, error) {
	p, open, err := f.readProtocol()
	if err != nil {
		return stages{}, err
	}
	s := stages{protocol: p}
	var errs []error
	s.tune, err = openAll(p, p.Tune, open)
	errs = append(errs, err)
	s.report, err = openAll(p, p.Report, open)
	errs = append(errs, err)
	errs = append(errs, f.chosen(&s))
	if err := errors.Join(errs...); err != nil {
		return stages{}, err
	}
	for _, c := range slices.Concat(s.tune, s.report) {
		s.excerpts = append(s.excerpts, evaluate.Cut(c, p.Events.Excerpts, p.Events.Length.Std(), p.Events.Warmup.Std())...)
	}
	return s, nil
}

// chosen makes the contestants of all stages.
func (f *evaluateFlags) chosen(s *stages) error {
	p := s.protocol
	cluster := clusters(p)
	newJob := func(seeds int) job {
		j := newJob()
		j.seeds, j.cluster = seedsFrom(1, seeds), cluster
		return j
	}
	s.policies, s.sweep = newJob(p.Fluid.Seeds), newJob(p.Sweep.Seeds)
	s.grid, s.balanced = newJob(p.Calibration.Seeds), newJob(p.Topologies.Seeds)
	var err error
	s.candidate, err = f.candidate(p)
	errs := []error{
		err, s.policies.add(f.contestants, p.Policies, false), s.sweep.add(f.contestants, p.Sweep.Policies, true),
		s.grid.add(f.contestants, p.Calibration.All(), false), s.balanced.add(f.contestants, p.Topologies.Policies, true),
	}
	s.policies.cases = slices.Concat(s.tune, s.report)
	s.sweep.cases, s.grid.cases = s.policies.cases, s.policies.cases
	var topologies []queueing.Topology
	for _, name := range p.Topologies.Names {
		var t queueing.Topology
		errs = append(errs, t.UnmarshalText([]byte(name)))
		topologies = append(topologies, t)
	}
	named := slices.DeleteFunc(slices.Clone(s.policies.cases), func(c evaluate.Case) bool { return !slices.Contains(p.Topologies.Traces, c.Trace) })
	s.balanced.cases = evaluate.Balanced(named, topologies)
	return errors.Join(errs...)
}

// openAll reads traces of the protocol.
func openAll(p evaluate.Protocol, traces []evaluate.ProtocolTrace, open func(file string) (*workload.Trace, error)) ([]evaluate.Case, error) {
	var cases []evaluate.Case
	var errs []error
	for _, t := range traces {
		c, err := p.Case(t, open)
		cases, errs = append(cases, c), append(errs, err)
	}
	return cases, errors.Join(errs...)
}

// clusters says which file a trace is of: its windows are one observation.
func clusters(p evaluate.Protocol) func(trace string) string {
	files := map[string]string{}
	for _, t := range slices.Concat(p.Tune, p.Report) {
		files[t.Name] = t.File
	}
	return func(trace string) string {
		name, _, _ := strings.Cut(trace, "/") // an excerpt
		name, _, _ = strings.Cut(name, "@")   // a variant
		return files[name]
	}
}

// playStages plays everything. All stages keep their plays in one folder.
func (f *evaluateFlags) playStages(ctx context.Context, s stages) (analysis, error) {
	windows := s.policies
	windows.addMissing(s.candidate.contestants)
	whole, err := f.judge(ctx, windows, "1/5 windows", true)
	if err != nil {
		return analysis{}, err
	}
	excerpts, err := f.playExcerpts(ctx, s)
	if err != nil {
		return analysis{}, err
	}
	swept, err := f.judge(ctx, s.sweep, "3/5 knobs", true)
	if err != nil {
		return analysis{}, err
	}
	grid, err := f.judge(ctx, s.grid, "4/5 calibration", true)
	if err != nil {
		return analysis{}, err
	}
	balanced, err := f.judge(ctx, s.balanced, "5/5 topologies", false)
	if err != nil {
		return analysis{}, err
	}
	return s.analyse(whole, excerpts, swept, grid, balanced), nil
}

// playExcerpts plays excerpts request by request. What the clairvoyant would
// have paid for them comes from a fluid: request by request its schedules would
// take three times as long as all policies.
func (f *evaluateFlags) playExcerpts(ctx context.Context, s stages) (evaluate.Results, error) {
	j := s.policies
	j.cases, j.seeds = s.excerpts, seedsFrom(1, s.protocol.Events.Seeds)
	played, err := f.judge(ctx, j, "2/5 excerpts", false)
	if err != nil {
		return played, err
	}
	j.cases, j.contestants = slices.Clone(j.cases), nil
	for i := range j.cases {
		j.cases[i].Fluid = true
	}
	oracle, err := f.judge(ctx, j, "2/5 excerpts", true)
	played.Against(oracle)
	return played, err
}

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
	a.Standings = append(a.Standings, a.tuned()...)
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

// tuned are the standings of the tuned HPA on the report traces.
func (a analysis) tuned() []evaluate.Standing {
	oracle := map[string]*float64{}
	key := func(trace string, level float64) string { return fmt.Sprint(trace, " ", level) }
	for _, s := range a.Standings {
		if s.Family == evaluate.OracleFamily {
			oracle[key(s.Trace, s.Level)] = s.ReplicaHours
		}
	}
	var all []evaluate.Standing
	add := func(trace, family string, level float64, hours *float64, violated bool) {
		s := evaluate.Standing{Trace: trace, Family: family, Level: level, ReplicaHours: hours, Violated: violated}
		if best := oracle[key(trace, level)]; best != nil && hours != nil {
			s.OverOracle = new(*hours / *best)
		}
		all = append(all, s)
	}
	for _, c := range a.Calibrated {
		for _, p := range c.Report {
			add(p.Trace, on(tunedForAll, c.Signal), c.Level, new(p.ReplicaHours), p.Violations > c.Level)
		}
	}
	for _, h := range a.Hindsight {
		add(h.Trace, on(tunedPerTrace, h.Signal), h.Level, h.ReplicaHours, false)
	}
	return all
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
