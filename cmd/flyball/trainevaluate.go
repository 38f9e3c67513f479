package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/flyball-io/flyball/evaluate"
)

// trainEvaluation is how a model compares on loads that it was not trained on.
type trainEvaluation struct {
	out        string
	analysis   analysis
	Calibrated string            `json:"calibrated_hpa"`
	Equal      []equalCost       `json:"at_equal_violations"`
	Results    *evaluate.Results `json:"results"`
}

// equalCost is what the model costs on a trace over predictive at the violations of
// the model.
type equalCost struct {
	Trace string `json:"trace"`
	// Violations are avoidable ones of all requests, of the model and of predictive
	// as it comes.
	Violations     float64 `json:"avoidable_violation_ratio"`
	BaseViolations float64 `json:"avoidable_violation_ratio_of_predictive"`
	// Replicas are replica-hours over those of predictive as it comes, Equal over
	// those of predictive with the risk at which it violates as much; nil: no risk does.
	Replicas float64  `json:"replica_hours_over_predictive"`
	Equal    *float64 `json:"at_equal_violations"`
	// EqualBase is the same of predictive as it comes: what of Equal is not the model's.
	EqualBase *float64 `json:"predictive_at_equal_violations"`
}

const (
	evaluationFolder = "evaluation"
	protocolFile     = "bench/protocol.yaml"
	tracesVariable   = "FLYBALL_TRACES"
	learnedName      = "learned"
	baseName         = "predictive"
)

// evaluate plays the model, those it is to beat and the oracle.
func (f *trainFlags) evaluate(ctx context.Context, model string) (*trainEvaluation, error) {
	e := &trainEvaluation{out: filepath.Join(f.out, evaluationFolder)}
	judge := evaluateFlags{contestants: f.contestants, perReplicaHour: 1, command: f.command}
	cases, tune, about, err := f.evaluated()
	if err != nil {
		return nil, err
	}
	candidate, err := f.contestants.Parse("learned:model=" + strconv.Quote(model))
	if err != nil {
		return nil, err
	}
	candidate.Params = "" // where the file lies is nobody's concern
	if e.Calibrated, err = f.calibrateHPA(ctx, judge, tune); err != nil {
		return nil, err
	}
	j := newJob()
	j.cases, j.seeds, j.about = cases, seedsFrom(1, 2), about
	if err := errors.Join(j.addOne(candidate), j.add(f.contestants, []string{baseName, "hpa", e.Calibrated, "static"}, false)); err != nil {
		return nil, err
	}
	results, err := judge.judge(ctx, j, "evaluating", true)
	if err != nil {
		return nil, err
	}
	swept := newJob()
	swept.cases, swept.seeds = cases, seedsFrom(1, 1)
	if err := swept.add(f.contestants, []string{baseName}, true); err != nil {
		return nil, err
	}
	swept.contestants = slices.DeleteFunc(swept.contestants, func(c evaluate.Contestant) bool { return c.Knob < 0.1 || c.Knob > 30 })
	sweep, err := judge.judge(ctx, swept, "at equal violations", false)
	if err != nil {
		return nil, err
	}
	e.Equal = equalCosts(results, sweep, swept.families)
	judge.out = e.out
	if err := os.MkdirAll(e.out, 0o777); err != nil {
		return nil, err
	}
	e.analysis, e.Results = analyse(results, j, defaultLevels()), &results
	return e, judge.save(ctx, e.analysis)
}

// evaluated are the loads: those of the protocol's report where its traces are
// known, else bundled shapes; and those that the HPA is calibrated on.
func (f *trainFlags) evaluated() (cases, tune []evaluate.Case, about map[string]string, err error) {
	folder := os.Getenv(tracesVariable)
	if _, missing := os.Stat(protocolFile); folder != "" && missing == nil {
		judge := evaluateFlags{contestants: f.contestants, protocol: protocolFile, folder: folder}
		p, err := evaluate.ReadProtocol(protocolFile, nil)
		if err != nil {
			return nil, nil, nil, err
		}
		open := opener(judge.folder)
		cases, err = openAll(p, p.Report, open)
		if err == nil {
			tune, err = openAll(p, p.Tune, open)
		}
		return cases, tune, map[string]string{}, err
	}
	j, err := f.shapes(bundledShapes())
	return j.cases, j.cases, j.about, err
}

// shapes are loads as flyball evaluate plays them, as a fluid.
func (f *trainFlags) shapes(sources []string) (job, error) {
	j := newJob()
	e := evaluateFlags{contestants: f.contestants, traces: sources, fluid: true, trace: f.trace}
	cmd := newEvaluateCommand() // its defaults are those of the service and the objective
	e.flags = cmd.Flags()
	for _, source := range sources {
		if err := e.flags.Set("trace", source); err != nil {
			return j, err
		}
	}
	e.scenario = f.plainScenario()
	return j, e.addCases(&j)
}

// plainScenario is the service that flyball evaluate plays.
func (f *trainFlags) plainScenario() scenarioFlags {
	s := f.replay.service
	s.slo, s.target, s.min, s.max, s.sync = 500*time.Millisecond, 99.9, 1, 1000, 15*time.Second
	if f.replay.slo > 0 {
		s.slo = f.replay.slo
	}
	if f.replay.good > 0 {
		s.target = f.replay.good
	}
	if f.flags.Changed("min") {
		s.min = f.replay.min
	}
	if f.replay.max > 0 {
		s.max = f.replay.max
	}
	if f.replay.sync > 0 {
		s.sync = f.replay.sync
	}
	return s
}

// calibrateHPA finds the one setting for all loads that costs least and keeps the
// objective on each; else the one that violates least on the worst.
func (f *trainFlags) calibrateHPA(ctx context.Context, judge evaluateFlags, cases []evaluate.Case) (string, error) {
	j := newJob()
	j.cases, j.seeds = cases, seedsFrom(1, 1)
	if err := j.add(f.contestants, []string{"hpa"}, true); err != nil {
		return "", err
	}
	results, err := judge.judge(ctx, j, "calibrating hpa", false)
	if err != nil {
		return "", err
	}
	return bestHPA(results.Runs, len(cases), 1-cases[0].Scenario.Objective.Target)
}

// bestHPA is the policy that calibrateHPA looks for, among those that were played on
// all loads: one that failed has paid for the others alone.
func bestHPA(runs []evaluate.Run, loads int, allowed float64) (string, error) {
	type sum struct {
		hours, worst float64
		loads        int
	}
	of := map[string]*sum{}
	var order []string
	for _, run := range runs {
		s := of[run.Policy]
		if s == nil {
			s = &sum{}
			of[run.Policy] = s
			order = append(order, run.Policy)
		}
		s.hours, s.worst, s.loads = s.hours+run.ReplicaHours, max(s.worst, run.AvoidableViolationRatio), s.loads+1
	}
	order = slices.DeleteFunc(order, func(policy string) bool { return of[policy].loads < loads })
	if len(order) == 0 {
		return "", errors.New("no setting of the hpa could be played on all loads")
	}
	best := slices.MinFunc(order, func(a, b string) int {
		x, y := of[a], of[b]
		holdsX, holdsY := x.worst <= allowed, y.worst <= allowed
		switch {
		case holdsX && holdsY:
			return compareFloats(x.hours, y.hours)
		case holdsX != holdsY:
			return map[bool]int{true: -1, false: 1}[holdsX]
		}
		return compareFloats(x.worst, y.worst)
	})
	return best, nil
}

func compareFloats(a, b float64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// equalCosts sets the model against predictive on each trace that both were played on.
func equalCosts(results, sweep evaluate.Results, families evaluate.Families) []equalCost {
	traces, runs := evaluate.ByTrace(results.Runs)
	_, swept := evaluate.ByTrace(sweep.Runs)
	var all []equalCost
	for _, trace := range traces {
		e := equalCost{Trace: trace}
		hours, baseHours := 0.0, 0.0
		for _, p := range evaluate.Pool(runs[trace]) {
			switch p.Policy {
			case learnedName:
				e.Violations, hours = p.Violations, p.ReplicaHours
			case baseName:
				e.BaseViolations, baseHours = p.Violations, p.ReplicaHours
			}
		}
		if hours == 0 || baseHours == 0 {
			continue // a play failed, and is told as such
		}
		e.Replicas = hours / baseHours
		if len(swept[trace]) > 0 {
			frontier := families.Frontier(swept[trace], families.Of(swept[trace][0].Policy))
			if at, ok := frontier.CostAt(e.Violations); ok {
				e.Equal = new(hours / at)
			}
			if at, ok := frontier.CostAt(e.BaseViolations); ok {
				e.EqualBase = new(baseHours / at)
			}
		}
		all = append(all, e)
	}
	return all
}

func (e *trainEvaluation) print(w io.Writer, width int) {
	fmt.Fprintln(w, foldText(e.analysis.job.inShort(), width))
	printOveralls(w, overalls(e.analysis.results.Runs), width, 1)
	for _, failure := range e.analysis.results.Failures {
		fmt.Fprint(w, foldText(fmt.Sprintf("failed: %s on %s, seed %d: %s", failure.Policy, failure.Trace, failure.Seed, failure.Error), width))
	}
	fmt.Fprintln(w)
	e.equalTable().print(w, width)
	fmt.Fprint(w, foldText("× hours: replica-hours of the model over those of predictive as it comes; equal: over those of predictive with the risk at which it violates as much as the model (–: at no risk it does). its own: the same of predictive as it comes.", width))
}

func (e *trainEvaluation) equalTable() alignedTable {
	column := func(text func(equalCost) string) []string {
		var cells []string
		for _, c := range e.Equal {
			cells = append(cells, text(c))
		}
		return append(cells, "")
	}
	names := column(func(c equalCost) string { return c.Trace })
	ratio := func(v *float64) string {
		if v == nil {
			return "–"
		}
		return fmt.Sprintf("%.3f", *v)
	}
	equal := column(func(c equalCost) string { return ratio(c.Equal) })
	logs, n, hours := 0.0, 0.0, 0.0
	for _, c := range e.Equal {
		hours += math.Log(c.Replicas) / float64(len(e.Equal))
		if c.Equal != nil {
			logs, n = logs+math.Log(*c.Equal), n+1
		}
	}
	replicas := column(func(c equalCost) string { return fmt.Sprintf("%.3f", c.Replicas) })
	last := len(names) - 1
	names[last], replicas[last] = "geometric mean", fmt.Sprintf("%.3f", math.Exp(hours))
	if n > 0 {
		equal[last] = fmt.Sprintf("%.3f", math.Exp(logs/n))
	}
	var t alignedTable
	t.add("trace", false, names...)
	t.add("avoidable %", true, column(func(c equalCost) string { return percent(c.Violations) })...)
	t.add("predictive %", true, column(func(c equalCost) string { return percent(c.BaseViolations) })...)
	t.add("× hours", true, replicas...)
	t.add("equal", true, equal...)
	t.add("its own", true, column(func(c equalCost) string { return ratio(c.EqualBase) })...)
	return t
}
