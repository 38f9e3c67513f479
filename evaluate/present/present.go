// Package present makes a report of what an evaluation came to: it chooses
// whom to set against whom, and at which setting.
//
//	results.json + timelines ─► present.Report ─► report.Write ─► report.html
package present

import (
	"cmp"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/flyball-io/flyball/evaluate"
	"github.com/flyball-io/flyball/evaluate/report"
	"github.com/flyball-io/flyball/sim"
)

// Input is an evaluation as its command holds it. Only Results are needed.
type Input struct {
	Results evaluate.Results
	// Families are the policies whose knob was swept.
	Families evaluate.Families
	// Levels are the shares of avoidable violations at which costs are told; the
	// first is that of the comparison.
	Levels []float64
	// Reference is the policy, or the family, that others are set against;
	// empty: "hpa".
	Reference string
	// Calibrated are settings of the reference for every workload.
	Calibrated []evaluate.Calibrated
	Topologies []evaluate.TopologyCost
	// PerTrace are costs at equal violations, trace by trace.
	PerTrace []evaluate.Standing
	// Cluster names what traces have in common that are not independent of each
	// other; nil: nothing.
	Cluster func(trace string) string
	// Timeline returns that of a run, nil when none was kept.
	Timeline func(run evaluate.Run) ([]sim.Moment, error)
	// Demand is that of a trace, if known.
	Demand map[string]*evaluate.Demand
	// About says where a trace comes from.
	About map[string]string
	// Unscored are the stretches of a trace that count for nothing.
	Unscored map[string][]report.Unscored
	Title    string
	Currency string
	// Command is how the evaluation was called.
	Command string
	Limits  []string
}

// bootstrapSeed makes confidence intervals the same every time.
const bootstrapSeed = 1

// Report says what there is to say. It fails only where a timeline can't be read.
func Report(in Input) (report.Report, error) {
	if in.Reference == "" {
		in.Reference = "hpa"
	}
	if in.Cluster == nil {
		in.Cluster = func(trace string) string { return trace }
	}
	in.Results.Runs = slices.Clone(in.Results.Runs)
	in.Families = in.named()
	header := in.Results.Header
	r := report.Report{
		Title: in.Title, Setting: setting(header.Cases), Currency: in.Currency, Limits: in.Limits,
		Frontiers: in.frontiers(), Standings: in.standings(), PerTrace: in.perTrace(), Topologies: in.topologies(), Calibration: in.calibration(),
		Reproduce: report.Reproduce{Command: in.Command, Version: header.Version, Protocol: header.Protocol, Seeds: header.Seeds},
	}
	if t := in.Results.Targets; t != nil {
		r.Targets = Targets(*t)
	}
	for _, failure := range in.Results.Failures {
		r.Limits = append(r.Limits, fmt.Sprintf("%s on %s with seed %d came to nothing: %s.", failure.Policy, failure.Trace, failure.Seed, failure.Error))
	}
	if len(header.Cases) > 0 {
		c := header.Cases[0]
		r.Objective = report.Objective{Threshold: time.Duration(math.Round(c.ThresholdSeconds*1e6)) * time.Microsecond, Target: c.Target}
	}
	for _, c := range header.Cases {
		r.Reproduce.Traces = append(r.Reproduce.Traces, c.Trace)
	}
	all := in.sides()
	for _, s := range all {
		if !s.oracle {
			r.Policies = append(r.Policies, s.name)
		}
		r.Runs = append(r.Runs, s.losses()...)
	}
	r.Comparisons = in.comparisons(all)
	var err error
	r.Traces, err = in.timelines(all)
	return r, err
}

// setting is what was played, in words, where all cases had the same.
func setting(cases []evaluate.CaseHeader) string {
	if len(cases) == 0 {
		return ""
	}
	words := func(c evaluate.CaseHeader) string {
		text := fmt.Sprintf("service %s, %d at a time; %s; start-up %s\u00a0s", short(c.Service), c.Slots, c.Topology, number(c.StartupSeconds))
		if c.Fluid {
			text += "; fluid simulator (expected values)"
		}
		return text
	}
	first := words(cases[0])
	for _, c := range cases[1:] {
		if words(c) != first {
			return "services differ between traces"
		}
	}
	return first
}

var long = regexp.MustCompile(`\d+\.\d{4,}`)

// short writes the numbers of a text as people do.
func short(text string) string {
	return long.ReplaceAllStringFunc(text, func(digits string) string {
		v, err := strconv.ParseFloat(digits, 64)
		if err != nil {
			return digits
		}
		return number(v)
	})
}

// side is a policy as it stands in comparisons: with one setting for all
// traces, or on each trace with the cheapest that holds the level.
type side struct {
	name   string
	family string
	// setting is told where the name doesn't tell it.
	setting string
	runs    map[string][]evaluate.Run // by trace
	traces  []string
	swept   bool
	oracle  bool
	// yardstick: static and square-root staffing, which show what is possible.
	yardstick bool
}

// sides are the families in order of their first runs; the clairvoyant is no
// policy, and left out of comparisons.
func (in Input) sides() []side {
	var all []side
	traces, of := evaluate.ByTrace(in.Results.Runs)
	for _, trace := range traces {
		for _, run := range of[trace] {
			family := in.Families.Of(run.Policy)
			if !slices.ContainsFunc(all, func(s side) bool { return s.family == family }) {
				_, swept := in.Families[run.Policy]
				all = append(all, side{name: family, family: family, swept: swept, runs: map[string][]evaluate.Run{}, oracle: isOracle(family), yardstick: isYardstick(family)})
			}
		}
	}
	for i := range all {
		for _, trace := range traces {
			own := evaluate.Only(of[trace], func(policy string) bool { return in.Families.Of(policy) == all[i].family })
			if len(own) == 0 {
				continue
			}
			chosen := in.choose(own)
			all[i].traces = append(all[i].traces, trace)
			all[i].runs[trace] = evaluate.Only(own, func(policy string) bool { return policy == chosen })
		}
	}
	return all
}

func isOracle(family string) bool {
	return family == evaluate.OracleFamily || strings.HasPrefix(family, evaluate.OracleFamily+":")
}

func isYardstick(family string) bool {
	kind, _, _ := cut(family)
	return kind == "static" || kind == "sqrt"
}

// choose is the cheapest setting that holds the level on a trace, or else the
// one with the fewest violations.
func (in Input) choose(runs []evaluate.Run) string {
	level := in.level()
	return slices.MinFunc(evaluate.Pool(runs), func(a, b evaluate.Point) int {
		if heldA, heldB := a.Violations <= level, b.Violations <= level; heldA && heldB {
			return cmp.Compare(a.ReplicaHours, b.ReplicaHours)
		}
		return cmp.Or(cmp.Compare(a.Violations, b.Violations), cmp.Compare(a.ReplicaHours, b.ReplicaHours))
	}).Policy
}

func (in Input) level() float64 {
	if len(in.Levels) == 0 {
		return 0.001
	}
	return in.Levels[0]
}

// losses are the runs that tell where a policy does worst.
func (s side) losses() []report.Run {
	if s.oracle {
		return nil
	}
	var all []report.Run
	for _, trace := range s.traces {
		for _, run := range s.runs[trace] {
			all = append(all, report.Run{
				Trace: trace, Policy: s.name, ReplicaHours: run.ReplicaHours,
				Oracle: cmp.Or(run.OracleEqualReplicaHours, run.OracleEveryStepReplicaHours), Avoidable: run.AvoidableViolationRatio,
			})
		}
	}
	return all
}
