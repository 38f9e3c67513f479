package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/flyball-io/flyball/app"
	"github.com/flyball-io/flyball/app/training"
	"github.com/flyball-io/flyball/builtin"
	"github.com/flyball-io/flyball/internal/cli"
)

// trainFlags are the flags of flyball train.
type trainFlags struct {
	algorithm, environment string
	steps, episodes        int
	seeds                  int
	config, out, from      string
	stated                 []byte // what the file of --config says
	resume, clone          bool
	noEvaluate, json       bool

	visualize string
	compare   []string
	loads     int // of each family, to compare on
	traces    []string
	trace     traceFlags

	claim *training.Claim // of out

	historyOf string
	span      string      // the part of it that is learned from
	replay    replayFlags // with --history

	flags       *pflag.FlagSet
	names       []string // of the flags of flyball train alone
	command     []string
	contestants app.Contestants
}

const defaultTrainOut = "flyball-training"

func newTrainCommand() *cobra.Command {
	f := &trainFlags{contestants: app.Contestants{Plugins: builtin.New()}}
	f.replay.contestants = f.contestants
	cmd := &cobra.Command{
		Use:   "train [--algo ppo|a2c|dqn] [--episodes N | --steps N] [--history RECORD|URL] | --visualize MODEL | --compare MODELS",
		Short: "Train a policy by reinforcement learning in the simulator: model, curves, and how it compares",
		Long: `Trains a model that corrects the predictive policy, on loads and services that
are drawn at random, and judges it on others. Writes into --out: model.flyball
(policy learned runs it), summary.csv, pictures of the curves as PNG and SVG,
config.yaml, a checkpoint, and in evaluation/ how it compares with hpa, an hpa
that is calibrated, predictive and the oracle on loads it was not trained on.
The same configuration and seed give the same model. See docs/learning.md.

Ctrl-C leaves a checkpoint; --resume goes on from it. Some 500,000 steps are
needed to learn anything on drawn loads; a first look at all that is written takes
a minute with few loads (docs/learning.md#a-first-try).

--history trains on your own recorded demand: the record of flyball run, or a
Prometheus by its URL. The last week is held out (the last third where less was
recorded); the candidate becomes model.flyball only if it wins there against
predictive and against the model that is there.`,
		Example: `  flyball train --algo ppo --episodes 2000
  flyball train --algo dqn --steps 5000000 --seeds 3 --out dqn
  flyball train --resume --out dqn
  flyball train --visualize flyball-training/model.flyball --trace shape:flash-crowd
  flyball train --compare flyball-training
  flyball train --history /var/lib/flyball --target shop -f shop.yaml --init model.flyball
  flyball train --env cartpole --algo ppo --no-evaluate`,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd) },
	}
	f.add(cmd)
	return cmd
}

func (f *trainFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&f.algorithm, "algo", "ppo", "algorithm: "+strings.Join(training.Algorithms(), ", "))
	flags.IntVar(&f.episodes, "episodes", 0, "train so many episodes, an hour of a service each")
	flags.IntVar(&f.steps, "steps", 0, "train so many steps, a decision each (default 1000000; of cartpole 200000 to 500000)")
	flags.IntVar(&f.seeds, "seeds", 1, "how many seeds to train, from --seed on, as many at a time as there are cores; the best is kept")
	flags.StringVar(&f.out, "out", defaultTrainOut, "folder for all that is written")
	flags.StringVar(&f.config, "config", "", "`FILE` with the configuration, such as config.yaml of an earlier training")
	flags.BoolVar(&f.resume, "resume", false, "go on from the checkpoint in --out")
	flags.StringVar(&f.environment, "env", "scaling", "what to learn: "+strings.Join(training.Environments(), ", "))
	flags.BoolVar(&f.clone, "clone", false, "begin with what the oracle would do (behaviour cloning; ppo, a2c)")
	flags.StringVar(&f.from, "init", "", "begin with this `MODEL` (ppo, a2c)")
	flags.BoolVar(&f.noEvaluate, "no-evaluate", false, "train alone, compare with nobody")
	flags.BoolVar(&f.json, "json", false, "print what was found as JSON")
	flags.StringVar(&f.visualize, "visualize", "", "show what this `MODEL` does on --trace instead")
	flags.StringSliceVar(&f.compare, "compare", nil, "set these `MODELS`, or those of the seeds in a folder, against predictive at equal violations instead")
	flags.IntVar(&f.loads, "loads", 8, "with --compare: how many loads of each family to draw, with --seed")
	flags.StringSliceVar(&f.traces, "trace", []string{"shape:flash-crowd"}, "with --visualize: trace `FILE` or shape:NAME, several separated by commas")
	f.trace.defaultPeakRPS = " instead"
	f.trace.add(flags)
	flags.Lookup("p99-rps").DefValue = fmt.Sprint(p99RPS)
	flags.StringVar(&f.historyOf, "history", "", "train on what was recorded: folder or file of a `RECORD`, or URL of a Prometheus")
	f.addHistory(cmd)
	f.flags = flags
	flags.VisitAll(func(flag *pflag.Flag) { f.names = append(f.names, flag.Name) })
}

// unread refuses flags that were given and that a mode does not read.
func (f *trainFlags) unread(mode string, read []string) error {
	var errs []error
	f.flags.Visit(func(flag *pflag.Flag) {
		if slices.Contains(f.names, flag.Name) && !slices.Contains(read, flag.Name) {
			errs = append(errs, fmt.Errorf("--%s: does not go with --%s", flag.Name, mode))
		}
	})
	return errors.Join(errs...)
}

// addHistory adds the flags of replay that say how a history is read.
func (f *trainFlags) addHistory(cmd *cobra.Command) {
	flags, r := cmd.Flags(), &f.replay
	r.flags, r.seeds, r.perReplicaHour = flags, 1, 1
	past := pflag.NewFlagSet("past", pflag.ContinueOnError)
	r.past.add(past)
	r.past.addPrometheus(past)
	past.VisitAll(func(flag *pflag.Flag) {
		// --history names either; smooth is the trace's too.
		if flag.Name != "record" && flag.Name != "prometheus" {
			flag.Usage = "history: " + strings.TrimPrefix(flag.Usage, "Prometheus: ")
			flags.AddFlag(flag)
		}
	})
	r.past.flags = flags
	r.documents.add(cmd)
	r.service.addService(flags)
	cli.DurationVar(flags, &r.slo, "slo", 0, "longest time of a good request (default that of the document, else 500ms)")
	flags.Float64Var(&r.good, "slo-target", 0, "percentage of requests that must be good (default that of the document, else 99.9)")
	flags.IntVar(&r.min, "min", 0, "fewest replicas (default that of the document, else 1)")
	flags.IntVar(&r.max, "max", 0, "most replicas (default that of the document, else 1000)")
	cli.DurationVar(flags, &r.sync, "sync", 0, "time between two decisions (default as recorded, else 15s)")
	flags.Float64Var(&r.errors, "max-errors", 5, "history: leave out where this percentage of the requests or more failed")
	flags.Float64Var(&r.lost, "max-lost", 50, "history: refuse when more than this percentage of the time cannot be recovered")
	flags.Lookup("seed").Usage = "seed of everything that is drawn"
}

func (f *trainFlags) run(cmd *cobra.Command) error {
	f.command = append([]string{"flyball"}, os.Args[1:]...)
	if f.visualize != "" {
		return f.runVisualize(cmd)
	}
	if len(f.compare) > 0 {
		return f.runCompare(cmd.Context(), cmd)
	}
	job, err := f.job()
	defer func() { f.claim.Release() }() // whichever it has by then
	if err != nil {
		return cli.UsageError{Err: err}
	}
	ctx, _, stop := interruptible(cmd.Context())
	defer stop()
	if f.historyOf != "" {
		return f.runHistory(ctx, cmd, job)
	}
	result, err := f.train(ctx, &job)
	if err != nil {
		return err
	}
	t := trained{flags: f, result: result}
	return t.finish(ctx, cmd.OutOrStdout(), result.Model != nil)
}

// train prepares and trains, with progress on one line.
func (f *trainFlags) train(ctx context.Context, job *training.Job) (training.Result, error) {
	err := f.claimed(job, training.NewClaim)
	if err != nil {
		return training.Result{}, err
	}
	meter := newTrainMeter()
	defer meter.line.Done()
	if job.Ground == nil {
		if job.Ground, err = training.NewGround(ctx, job.Config, meter.preparing); err != nil {
			return training.Result{}, f.stopped(err)
		}
	}
	job.Progress = meter.show
	result, err := training.Train(ctx, *job)
	return result, f.stopped(err)
}

// stopped says how to go on.
func (f *trainFlags) stopped(err error) error {
	switch {
	case errors.Is(err, training.ErrStopped):
		return fmt.Errorf("interrupted; a checkpoint is in %s: %s", f.out, f.goesOn("goes on from there"))
	case errors.Is(err, training.ErrBrokenOff):
		return fmt.Errorf("%w; a checkpoint is in %s: once that is mended, %s", err, f.out, f.goesOn("goes on from there"))
	case errors.Is(err, context.Canceled):
		return errors.New("interrupted before anything was learned")
	}
	return err
}

// goesOn is the command that goes on with what is in the folder, what it does, and
// which flags belong to it.
func (f *trainFlags) goesOn(does string) string {
	out := shellWords([]string{f.out})
	if f.historyOf == "" {
		return fmt.Sprintf("flyball train --resume --out %s %s", out, does)
	}
	return fmt.Sprintf("flyball train --resume --history %s --out %s %s, with the other flags as before but those of the training, and with --from and --to where the history grows (it was from %s)",
		shellWords([]string{f.historyOf}), out, does, f.span)
}
