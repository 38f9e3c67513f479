package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
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
	"github.com/flyball-io/flyball/workload"
)

// evaluateFlags are the flags of flyball evaluate.
type evaluateFlags struct {
	scenario scenarioFlags
	trace    traceFlags

	traces, policies []string
	sweep            bool
	seeds            int
	fluid, timeline  bool
	out              string
	protocol, folder string
	variants         bool
	forecasts, json  bool
	vertical         bool
	perReplicaHour   float64
	flags            *pflag.FlagSet
	command          []string // as it was given, to be told in the report
	contestants      app.Contestants
}

// Defaults of the evaluation.
const (
	p99RPS       = 1500.0
	defaultOut   = "flyball-evaluation"
	mostSeeds    = 1000
	defaultSeeds = 3
	// warmupOfShapes leaves out the start from the fewest replicas, which says
	// nothing of policies.
	warmupOfShapes = 10 * time.Minute
	secondsOfLine  = 15 * time.Second // between two points of a timeline
)

// bundledShapes are played without --trace: each asks something else of a
// policy.
func bundledShapes() []string {
	return []string{"shape:diurnal", "shape:flash-crowd", "shape:on-off", "shape:step"}
}

// bundledPolicies are played without --policy.
func bundledPolicies() []string {
	return []string{"predictive", "static", "sqrt:beta=2", "threshold", "baseline", "kpa", "hpa", "hpa:requestRate=70%"}
}

func newEvaluateCommand() *cobra.Command {
	f := &evaluateFlags{contestants: app.Contestants{Plugins: builtin.New()}}
	cmd := &cobra.Command{
		Use:   "evaluate",
		Short: "Play policies against workloads in the simulator, and what a clairvoyant would have paid",
		Long: `Plays every policy on every trace with every seed in the simulator, request by
request, and sets what it cost and violated against a clairvoyant that knows the
load beforehand. All policies see the same arrivals, service times and start-up
delays. See docs/evaluation.md for what each figure is.

A trace is a CSV file (t_seconds,requests_per_second; gzip allowed) or
shape:NAME, one of ` + strings.Join(workload.Names(), ", ") + `.
A policy is NAME or NAME:key=value,…; behavior, cooldown and envelope are as in a document.
Besides the policies there are static[:peak=100%], sqrt[:beta=1] and oracle.

Results go to --out: results.json, results.csv, report.html. A second call with
the same arguments goes on where the first was interrupted.`,
		Example: `  flyball evaluate
  flyball evaluate --trace nasa.csv --window 12d:13d --policy hpa:cpuUtilization=60 --policy kpa --seeds 5
  flyball evaluate --trace shape:flash-crowd --policy hpa --policy threshold --sweep
  flyball evaluate --protocol bench/protocol.yaml --traces ../traces --out results
  flyball evaluate --forecasts --traces ../traces --out results
  flyball evaluate --vertical --traces ../traces --out results`,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd) },
	}
	f.add(cmd)
	return cmd
}

func (f *evaluateFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringSliceVar(&f.traces, "trace", nil, "trace `FILE` or shape:NAME, several separated by commas (default some bundled shapes)")
	flags.StringArrayVar(&f.policies, "policy", nil, "policy as `NAME` or NAME:key=value,…; may be given several times (default "+strings.Join(bundledPolicies(), ", ")+")")
	flags.BoolVar(&f.sweep, "sweep", false, "play each policy at every position of its one knob, and tell the cost at equal violations")
	flags.IntVar(&f.seeds, "seeds", defaultSeeds, "how many seeds to play, from --seed on")
	f.trace.defaultPeakRPS = " instead"
	f.trace.add(flags)
	f.scenario.addService(flags)
	f.scenario.addRules(flags)
	flags.BoolVar(&f.fluid, "fluid", false, "play a fluid instead of single requests: much faster, expected values")
	flags.BoolVar(&f.timeline, "timeline", false, "write timeline-TRACE-POLICY-SEED.csv for each run")
	flags.StringVar(&f.out, "out", defaultOut, "folder for the results; empty: only what is printed")
	flags.StringVar(&f.protocol, "protocol", "", "play what this `FILE` lays down instead, such as bench/protocol.yaml")
	flags.StringVar(&f.folder, "traces", "", "folder of the protocol's trace files (default that of the protocol), or of those to forecast")
	flags.BoolVar(&f.variants, "variants", false, "of the protocol play the variants alone: other services, other starts, other signals")
	flags.BoolVar(&f.forecasts, "forecasts", false, "judge the forecasters on --traces or --trace instead, see docs/forecasting.md")
	flags.BoolVar(&f.vertical, "vertical", false, "judge sizes of containers instead, on the CPU of --traces or --trace and on generated memory, see docs/vertical.md")
	flags.BoolVar(&f.json, "json", false, "print what results.json holds")
	flags.Float64Var(&f.perReplicaHour, "cost-per-replica-hour", 1, "price of one replica for one hour")
	flags.Lookup("p99-rps").DefValue = fmt.Sprint(p99RPS)
	f.flags = flags
}

func (f *evaluateFlags) run(cmd *cobra.Command) error {
	f.command = append([]string{"flyball"}, os.Args[1:]...)
	switch {
	case f.forecasts:
		return f.runForecasts(cmd)
	case f.vertical:
		return f.runVertical(cmd)
	case f.protocol != "":
		return f.runProtocol(cmd)
	}
	job, err := f.job()
	if err == nil {
		err = f.writable()
	}
	if err != nil {
		return cli.UsageError{Err: err}
	}
	ctx, _, stop := interruptible(cmd.Context())
	defer stop()
	results, err := f.judge(ctx, job, "", true)
	if err != nil {
		return err
	}
	a := analyse(results, job, defaultLevels())
	if err := f.save(ctx, a); err != nil {
		return err
	}
	return f.show(cmd.OutOrStdout(), a)
}

// show prints what was found, and reports when it cannot.
func (f *evaluateFlags) show(out io.Writer, a analysis) error {
	if f.json {
		return printJSON(out, a.document())
	}
	return printed(out, func(w io.Writer, width int) { f.print(w, width, a) })
}

// writable reports a folder that cannot be written to before anything is played.
func (f *evaluateFlags) writable() error {
	if f.out == "" {
		if f.timeline {
			return errors.New("--timeline: needs --out, the folder for its files")
		}
		return nil
	}
	if err := os.MkdirAll(f.out, 0o777); err != nil {
		return fmt.Errorf("--out: %w", err)
	}
	probe, err := os.CreateTemp(f.out, ".flyball-*")
	if err != nil {
		return fmt.Errorf("--out: %s cannot be written to: %w", f.out, err)
	}
	probe.Close()
	return os.Remove(probe.Name())
}

// judge plays everything, with progress on one line.
func (f *evaluateFlags) judge(ctx context.Context, j job, stage string, oracle bool) (evaluate.Results, error) {
	bar := newProgressBar(stage)
	defer bar.done()
	o := evaluate.Options{Progress: bar.show, Keep: f.out, Version: programVersion(), Protocol: f.protocol, PerReplicaHour: f.perReplicaHour, NoOracle: !oracle, OracleOnce: true}
	if f.timeline {
		o.Timelines = f.out
	}
	results, err := unlessStuck(ctx, func() (evaluate.Results, error) { return evaluate.Judge(ctx, j.cases, j.contestants, j.seeds, o) })
	switch {
	case errors.Is(err, context.Canceled) && f.out != "":
		return results, fmt.Errorf("interrupted; what is done is kept in %s: the same command goes on from there", f.out)
	case errors.Is(err, context.Canceled):
		return results, errors.New("interrupted")
	case errors.Is(err, queueing.ErrInfeasible):
		return results, cli.UsageError{Err: err}
	}
	return results, err
}

// graceOfPlays is how long plays have to end after a Ctrl-C.
const graceOfPlays = time.Second

// unlessStuck works until ctx is done, and a little longer. What nothing can
// stop, such as a schedule of the oracle for a huge fleet, is left behind: the
// program ends, and what is kept is whole lines.
func unlessStuck[T any](ctx context.Context, work func() (T, error)) (T, error) {
	var result T
	var err error
	done := make(chan struct{})
	go func() {
		defer close(done)
		result, err = work()
	}()
	select {
	case <-done:
		return result, err
	case <-ctx.Done():
	}
	select {
	case <-done:
		return result, err
	case <-time.After(graceOfPlays):
		var none T
		return none, ctx.Err()
	}
}

// others lists the flags that are given besides those allowed.
func (f *evaluateFlags) others(allowed []string) []string {
	var names []string
	f.flags.Visit(func(flag *pflag.Flag) {
		if !slices.Contains(allowed, flag.Name) {
			names = append(names, flag.Name)
		}
	})
	return names
}

func reportPath(out string) string { return filepath.Join(out, "report.html") }

// save writes what is found into the folder. The pictures of the report are
// played for it, which takes a while.
func (f *evaluateFlags) save(ctx context.Context, a analysis) error {
	if f.out == "" {
		return nil
	}
	if len(a.results.Runs) == 0 {
		return fmt.Errorf("nothing was played to the end: what %s holds is left as it is%s", f.out, firstFailure(a.results))
	}
	if err := a.results.Save(f.out); err != nil {
		return fmt.Errorf("--out: %w", err)
	}
	if err := a.save(filepath.Join(f.out, "comparison.json")); err != nil {
		return fmt.Errorf("--out: %w", err)
	}
	_, err := unlessStuck(ctx, func() (struct{}, error) { return struct{}{}, f.writeReport(a) })
	if errors.Is(err, context.Canceled) {
		return fmt.Errorf("interrupted; %s has the results, and %s is not written to its end", f.out, reportPath(f.out))
	}
	return err
}

// firstFailure says why there are no results.
func firstFailure(r evaluate.Results) string {
	if len(r.Failures) == 0 {
		return ""
	}
	return ": " + r.Failures[0].Error
}
