package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
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
	p, err := evaluate.ReadProtocol(f.protocol, func(policy string) error {
		_, err := f.contestants.Parse(policy)
		return err
	})
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
		err, s.policies.add(f.contestants, p.Policies, false), s.sweep.add(f.contestants, f.swept(p.Sweep.Policies, s.candidate), true),
		s.grid.add(f.contestants, p.Calibration.All(), false), s.balanced.add(f.contestants, f.swept(p.Topologies.Policies, s.candidate), true),
	}
	// Request by request the candidate plays as it comes, as everybody.
	s.policies.addMissing(s.candidate.asItComes())
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
	for _, text := range s.protocol.Events.Without {
		if out, err := f.contestants.Parse(text); err == nil { // else it is not among them
			j.contestants = slices.DeleteFunc(slices.Clone(j.contestants), func(c evaluate.Contestant) bool { return c.Name() == out.Name() })
		}
	}
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
