package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/flyball-io/flyball/app"
	"github.com/flyball-io/flyball/builtin"
	"github.com/flyball-io/flyball/evaluate"
	"github.com/flyball-io/flyball/internal/cli"
	"github.com/flyball-io/flyball/queueing"
	"github.com/flyball-io/flyball/replay"
	"github.com/flyball-io/flyball/scale"
)

// replayFlags are the flags of flyball replay.
type replayFlags struct {
	past      pastFlags
	documents documentFlags
	service   scenarioFlags

	slo            time.Duration
	good           float64
	min, max       int
	sync           time.Duration
	policies       []string
	seeds          int
	fluid          bool
	smooth         float64
	errors, lost   float64
	out            string
	json           bool
	perReplicaHour float64

	flags       *pflag.FlagSet
	command     []string // as it was given, to be told in the report
	contestants app.Contestants
}

const defaultReplayOut = "flyball-replay"

// replayedPolicies are played without --policy, besides that of the document.
func replayedPolicies() []string {
	return []string{"predictive", "hpa", calibratedHPA, "threshold", "kpa", "static", "oracle"}
}

// calibratedHPA stands for the one position of the HPA's knob that costs least
// on this very history and keeps the objective.
const calibratedHPA = "hpa-calibrated"

func newReplayCommand() *cobra.Command {
	f := &replayFlags{contestants: app.Contestants{Plugins: builtin.New()}}
	cmd := &cobra.Command{
		Use:   "replay [--record DIR|FILE | --prometheus URL …] [-f FILE]",
		Short: "Play your own history through policies: what last week would have cost, and violated",
		Long: `Reads what was recorded of a service, by flyball run or by Prometheus, recovers
from it what was asked of the service, however many replicas there were, fits a
model of the service to it, and plays policies against both in the simulator.
What cannot be recovered is left out and told. See docs/replay.md.

The policy that really ran stands beside its own simulation (with -f, the
document it ran from): the difference says how far the figures can be trusted.`,
		Example: `  flyball replay --last 7d
  flyball replay --record /var/lib/flyball --target shop -f shop.yaml --policy hpa:cpuUtilization=60 --policy kpa
  flyball replay --prometheus http://127.0.0.1:9090 --namespace shop --deployment web --last 7d --slo 300ms
  flyball replay --prometheus http://127.0.0.1:9090 --rate-query 'sum(rate(http_requests_total{app="web"}[1m]))' --service-mean 80ms --concurrency 4`,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd) },
	}
	f.add(cmd)
	return cmd
}

func (f *replayFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.SortFlags = false
	f.past.add(flags)
	f.past.addPrometheus(flags)
	f.documents.add(cmd)
	flags.StringArrayVar(&f.policies, "policy", nil, "policy as `NAME` or NAME:key=value,…; may be given several times (default that of the document, "+strings.Join(replayedPolicies(), ", ")+")")
	flags.IntVar(&f.seeds, "seeds", defaultSeeds, "how many seeds to play, from --seed on")
	f.service.addService(flags)
	for _, name := range []string{"service-mean", "service-cv", "concurrency", "startup", "metric-window"} {
		flags.Lookup(name).Usage += " (default measured)"
		flags.Lookup(name).DefValue = ""
	}
	cli.DurationVar(flags, &f.slo, "slo", 0, "longest time of a good request (default that of the document, else 500ms)")
	flags.Float64Var(&f.good, "slo-target", 0, "percentage of requests that must be good (default that of the document, else 99.9)")
	flags.IntVar(&f.min, "min", 0, "fewest replicas (default that of the document, else 1)")
	flags.IntVar(&f.max, "max", 0, "most replicas (default that of the document, else 1000)")
	cli.DurationVar(flags, &f.sync, "sync", 0, "time between two decisions (default as recorded, else 15s)")
	flags.Float64Var(&f.smooth, "smooth", 400, "smooth the rate over the shortest time that holds so many recorded requests; 0 = off")
	flags.Float64Var(&f.errors, "max-errors", 5, "leave out where this percentage of the requests or more failed")
	flags.Float64Var(&f.lost, "max-lost", 50, "refuse when more than this percentage of the time cannot be recovered")
	flags.BoolVar(&f.fluid, "fluid", false, "play a fluid instead of single requests: much faster, expected values (default where there are many requests)")
	flags.StringVar(&f.out, "out", defaultReplayOut, "folder for the results; empty: only what is printed")
	flags.BoolVar(&f.json, "json", false, "print what results.json holds")
	flags.Float64Var(&f.perReplicaHour, "cost-per-replica-hour", 1, "price of one replica for one hour (default that of the document, else 1)")
	flags.Lookup("cost-per-replica-hour").DefValue = ""
	f.flags = flags
}

func (f *replayFlags) run(cmd *cobra.Command) error {
	f.command = append([]string{"flyball"}, os.Args[1:]...)
	spec, err := f.check(cmd)
	if err != nil {
		return cli.UsageError{Err: err}
	}
	ctx, _, stop := interruptible(cmd.Context())
	defer stop()
	history, err := f.past.history(ctx)
	if err != nil {
		return err
	}
	if spec, err = f.chosen(spec, history.Target); err != nil {
		return cli.UsageError{Err: err}
	}
	r, err := f.recover(history, spec)
	if err != nil {
		return err
	}
	if err := f.judge(ctx, r); err != nil {
		return err
	}
	if err := f.save(r); err != nil {
		return fmt.Errorf("--out: %w", err)
	}
	if f.json {
		return printJSON(cmd.OutOrStdout(), r.document())
	}
	return printed(cmd.OutOrStdout(), r.print)
}

// check reports every fault of the flags before anything is read.
func (f *replayFlags) check(cmd *cobra.Command) ([]app.Spec, error) {
	var errs []error
	fault := func(wrong bool, format string, args ...any) {
		if wrong {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	fault(f.seeds < 1 || f.seeds > mostSeeds, "--seeds: must be 1 to %d, got %d", mostSeeds, f.seeds)
	fault(!(f.perReplicaHour >= 0 && f.perReplicaHour <= 1e9), "--cost-per-replica-hour: must be 0 or more, got %v", f.perReplicaHour)
	fault(!(f.errors > 0 && f.errors <= 100), "--max-errors: must be above 0 and at most 100, got %v", f.errors)
	fault(!(f.lost >= 0 && f.lost < 100), "--max-lost: must be 0 or more and below 100, got %v", f.lost)
	fault(!(f.smooth >= 0) || math.IsInf(f.smooth, 1), "--smooth: must be 0 or more, got %v", f.smooth)
	fault(f.slo < 0, "--slo: must be above 0, got %v", scale.Duration(f.slo))
	fault(f.flags.Changed("slo-target") && !(f.good > 0 && f.good < 100), "--slo-target: must be above 0 and below 100, got %v", f.good)
	fault(f.min < 0 || f.max < 0 || f.max > 0 && f.max < f.min, "--min, --max: must be 0 or more, and the most not below the fewest, got %d and %d", f.min, f.max)
	fault(f.sync < 0, "--sync: must be above 0, got %v", scale.Duration(f.sync))
	_, err := f.service.scenario()
	errs = append(errs, err, f.past.check())
	for _, text := range f.policies {
		if text == calibratedHPA {
			continue
		}
		if _, err := f.contestants.Parse(text); err != nil {
			errs = append(errs, fmt.Errorf("--policy %s: %w", text, err))
		}
	}
	var specs []app.Spec
	if len(f.documents.files) > 0 {
		var err error
		specs, err = f.documents.decode(cmd.InOrStdin())
		errs = append(errs, err)
	}
	if f.out != "" {
		errs = append(errs, (&evaluateFlags{out: f.out}).writable())
	}
	return specs, errors.Join(errs...)
}

// chosen is the document of the target, if there are any.
func (f *replayFlags) chosen(specs []app.Spec, target string) ([]app.Spec, error) {
	if len(specs) == 0 {
		return nil, nil
	}
	i := slices.IndexFunc(specs, func(s app.Spec) bool { return s.Name == target })
	if i < 0 && len(specs) == 1 && f.past.server != "" {
		i = 0 // Prometheus knows it by another name
	}
	if i < 0 {
		return nil, fmt.Errorf("--file: no document is named %q, as the target of the record is", target)
	}
	return specs[i : i+1], nil
}

// recover makes a scenario of a history.
func (f *replayFlags) recover(h *replay.History, specs []app.Spec) (*replayed, error) {
	r := &replayed{flags: f, history: h}
	if len(specs) > 0 {
		r.spec = &specs[0]
		if cost := r.spec.Cost; cost != nil && !f.flags.Changed("cost-per-replica-hour") {
			f.perReplicaHour = cost.PerReplicaHour
		}
	}
	given, err := f.given()
	if err != nil {
		return nil, cli.UsageError{Err: err}
	}
	if r.service, err = replay.Calibrate(h, given); err != nil {
		return nil, err
	}
	rules := replay.DefaultRules()
	rules.Errors, rules.Most = f.errors/100, f.lost/100
	if r.demand, err = replay.Recover(h, r.service, rules); err != nil {
		return nil, err
	}
	var topology queueing.Topology
	if err := topology.UnmarshalText([]byte(f.service.topology)); err != nil {
		return nil, err
	}
	if r.fit, err = replay.FitOf(h, r.service, r.demand, topology); err != nil {
		return nil, err
	}
	if r.scenario, err = f.scenario(r, topology); err != nil {
		return nil, err
	}
	h.Promise(r.scenario.Objective.Threshold.Std())
	r.recorded = h.Outcome(r.demand)
	return r, nil
}

// given are the flags that hold over what is measured.
func (f *replayFlags) given() (replay.GivenValues, error) {
	g := replay.GivenValues{Sync: f.sync}
	changed := f.flags.Changed
	if changed("service-mean") {
		g.Mean = f.service.mean.Seconds()
	}
	if changed("service-cv") {
		g.CV, g.HasCV = f.service.cv, true
	}
	if changed("concurrency") {
		g.Slots = f.service.slots
	}
	if changed("startup") {
		g.Startup, g.HasStartup = f.service.startup, true
	}
	if changed("metric-window") {
		g.Window = f.service.window
	}
	if changed("service-law") {
		law, err := f.service.serviceLaw()
		if err != nil {
			return g, err
		}
		switch f.service.law {
		case "lognormal":
		case "exponential", "deterministic":
			g.CV, g.HasCV = law.CV(), true
		default: // a file of times
			g.Mean, g.CV, g.HasCV = law.Mean(), law.CV(), true
		}
	}
	return g, nil
}

// judge plays everything, with progress on one line.
func (f *replayFlags) judge(ctx context.Context, r *replayed) error {
	j := evaluateFlags{out: "", perReplicaHour: f.perReplicaHour, flags: f.flags, contestants: f.contestants}
	contestants, err := f.players(ctx, r)
	if err != nil {
		return err
	}
	r.job = newJob()
	for _, c := range contestants {
		if err := r.job.addOne(c); err != nil {
			return cli.UsageError{Err: err}
		}
	}
	r.job.seeds = seedsFrom(f.service.seed, f.seeds)
	fluid := f.fluid || !f.flags.Changed("fluid") && r.demand.Trace.Expected(r.demand.Length)*float64(f.seeds*(len(contestants)+9)) > manyRequests
	r.job.cases = []evaluate.Case{{Trace: r.history.Target, Scenario: r.scenario, Fluid: fluid}}
	r.results, err = j.judge(ctx, r.job, "", true)
	if err != nil {
		return err
	}
	return r.draw(ctx)
}

// manyRequests are played in about a minute; more are played as a fluid.
const manyRequests = 400e6

// players are the contestants.
func (f *replayFlags) players(ctx context.Context, r *replayed) ([]evaluate.Contestant, error) {
	texts := f.policies
	var all []evaluate.Contestant
	if r.spec != nil {
		all = append(all, r.spec.Contestant())
	}
	if len(texts) == 0 {
		texts = replayedPolicies()
	}
	for _, text := range texts {
		if text == calibratedHPA {
			c, found, err := f.calibrate(ctx, r)
			if err != nil {
				return nil, err
			}
			if found && !slices.ContainsFunc(all, func(o evaluate.Contestant) bool { return o.Name() == c.Name() }) {
				all = append(all, c)
			}
			continue
		}
		c, err := f.contestants.Parse(text)
		if err != nil {
			return nil, cli.UsageError{Err: fmt.Errorf("--policy %s: %w", text, err)}
		}
		all = append(all, c)
	}
	return all, nil
}

// calibrate finds the HPA that costs least on this history and keeps the
// objective, in the fluid simulator; else the one that violates least.
func (f *replayFlags) calibrate(ctx context.Context, r *replayed) (evaluate.Contestant, bool, error) {
	sweep, err := f.contestants.Sweep("hpa")
	if err != nil {
		return evaluate.Contestant{}, false, err
	}
	quick := evaluateFlags{perReplicaHour: 1, flags: f.flags}
	j := newJob()
	j.contestants, j.seeds = sweep.Contestants, seedsFrom(f.service.seed, 1)
	j.cases = []evaluate.Case{{Trace: r.history.Target, Scenario: r.scenario, Fluid: true}}
	results, err := quick.judge(ctx, j, "calibrating hpa", false)
	if err != nil {
		return evaluate.Contestant{}, false, err
	}
	best, held := -1, false
	for i, run := range results.Runs {
		holds := run.AvoidableViolationRatio <= 1-r.scenario.Objective.Target
		switch {
		case best < 0, holds && !held,
			holds && run.ReplicaHours < results.Runs[best].ReplicaHours,
			!held && run.AvoidableViolationRatio < results.Runs[best].AvoidableViolationRatio:
			best, held = i, held || holds
		}
	}
	if best < 0 {
		return evaluate.Contestant{}, false, nil
	}
	name := results.Runs[best].Policy
	i := slices.IndexFunc(sweep.Contestants, func(c evaluate.Contestant) bool { return c.Name() == name })
	r.calibrated, r.calibratedHolds = name, held
	c := sweep.Contestants[i]
	c.Knob = 0
	return c, true, nil
}
