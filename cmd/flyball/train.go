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
	"github.com/flyball-io/flyball/app/training"
	"github.com/flyball-io/flyball/builtin"
	"github.com/flyball-io/flyball/internal/cli"
	"github.com/flyball-io/flyball/policy/learned"
	"github.com/flyball-io/flyball/scale"
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

Ctrl-C leaves a checkpoint; --resume goes on from it.

--history trains on your own recorded demand: the record of flyball run, or a
Prometheus by its URL. The last week is held out (the last third where less was
recorded); the candidate becomes model.flyball only if it wins there against
predictive and against the model that is there.`,
		Example: `  flyball train --algo ppo --episodes 2000
  flyball train --algo dqn --steps 5000000 --seeds 3 --out dqn
  flyball train --resume --out dqn
  flyball train --visualize flyball-training/model.flyball --trace shape:flash-crowd
  flyball train --compare flyball-training
  flyball train --history /var/lib/flyball --target shop -f shop.yaml --from model.flyball
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
	if result.Model != nil {
		if err := training.WriteModel(t.model(), result.Model); err != nil {
			return err
		}
		if !f.noEvaluate {
			if t.evaluation, err = f.evaluate(ctx, t.model()); err != nil {
				return err
			}
		}
	}
	return t.show(cmd.OutOrStdout())
}

// job checks every flag before anything is trained.
func (f *trainFlags) job() (training.Job, error) {
	job := training.Job{Dir: f.out, Resume: f.resume}
	var errs []error
	if f.out == "" {
		errs = append(errs, errors.New("--out: must name a folder"))
	}
	if f.flags.Changed("trace") {
		errs = append(errs, errors.New("--trace: goes with --visualize"))
	}
	if f.flags.Changed("loads") {
		errs = append(errs, errors.New("--loads: goes with --compare"))
	}
	errs = append(errs, f.onlyWithHistory(), f.begun())
	cfg, err := f.configuration()
	errs = append(errs, err)
	if err == nil && f.from != "" {
		if cfg, job.From, err = f.beginWith(cfg); err != nil {
			errs = append(errs, fmt.Errorf("--init: %w", err))
		}
	}
	if err == nil {
		errs = append(errs, flagWords(cfg.Validate()))
	}
	job.Config = cfg
	if err := errors.Join(errs...); err != nil {
		return job, err
	}
	return job, (&evaluateFlags{out: f.out}).writable()
}

// begun refuses to begin over a training that is not finished, and to go on with one
// of a history as if it were of none: what did not win would be the model.
func (f *trainFlags) begun() error {
	if f.out == "" {
		return nil
	}
	b, err := training.ReadBegun(f.out)
	switch {
	case err != nil:
		return fmt.Errorf("--out: %w", err)
	case f.resume && b.History && f.historyOf == "":
		return fmt.Errorf("--resume: the training in %s learns from a history: --history names it, with the flags as before", f.out)
	case !f.resume && b.Unfinished != "":
		return fmt.Errorf("--out: a training in %s is not finished: --resume goes on with it; choose another folder, or take %s away to begin anew", f.out, b.Unfinished)
	}
	return nil
}

// beginWith reads the model of --init, and takes from it what is not said.
func (f *trainFlags) beginWith(c training.Config) (training.Config, *learned.Model, error) {
	m, err := training.ReadModel(f.from)
	if err != nil {
		return c, nil, err
	}
	c, err = c.BeginWith(m, f.stated)
	return c, m, err
}

// onlyWithHistory refuses flags about a past that is not asked for.
func (f *trainFlags) onlyWithHistory() error {
	if f.historyOf != "" {
		return nil
	}
	var errs []error
	for _, name := range append([]string{"target", "from", "to", "last", "file", "max-errors", "max-lost", "slo", "slo-target", "min", "max", "sync",
		"service-mean", "service-cv", "service-law", "concurrency", "topology", "startup", "scrape", "metric-window"}, f.replay.past.own...) {
		if flag := f.flags.Lookup(name); flag != nil && flag.Changed {
			errs = append(errs, fmt.Errorf("--%s: goes with --history or --visualize; what is drawn is said by --config", name))
		}
	}
	return errors.Join(errs...)
}

// flagWords names the fields that flags set as flags do.
func flagWords(err error) error {
	if err == nil {
		return nil
	}
	lines := strings.Split(err.Error(), "\n")
	for i, line := range lines {
		for _, name := range []string{"steps", "episodes", "seeds", "clone"} {
			if strings.HasPrefix(line, name+":") {
				lines[i] = "--" + line
			}
		}
	}
	return errors.New(strings.Join(lines, "\n"))
}

// configuration is what the file says, and the flags over it.
func (f *trainFlags) configuration() (training.Config, error) {
	if f.resume {
		return f.resumed()
	}
	var c training.Config
	var err error
	given := func(flag, value string) string {
		if f.flags.Changed(flag) || f.config == "" {
			return value
		}
		return ""
	}
	if f.config == "" {
		c, err = training.Default(f.algorithm, f.environment)
	} else {
		if f.stated, err = os.ReadFile(f.config); err == nil {
			if c, err = training.Read(f.stated, given("algo", f.algorithm), given("env", f.environment)); err != nil {
				err = fmt.Errorf("%s: %w", f.config, err)
			}
		}
	}
	if err != nil {
		words := strings.NewReplacer("algorithm: must", "--algo: must", "environment: must", "--env: must")
		if f.config == "" {
			err = errors.New(words.Replace(err.Error()))
		}
		return c, err
	}
	return c, f.overrule(&c)
}

// overrule writes flags over a configuration.
func (f *trainFlags) overrule(c *training.Config) error {
	if f.flags.Changed("steps") && f.flags.Changed("episodes") {
		return errors.New("--steps, --episodes: exclude each other")
	}
	if f.flags.Changed("steps") {
		c.Steps, c.Episodes = f.steps, 0
	}
	if f.flags.Changed("episodes") {
		if f.episodes < 1 {
			return fmt.Errorf("--episodes: must be at least 1, got %d", f.episodes)
		}
		c.SetEpisodes(f.episodes)
	}
	if f.flags.Changed("seeds") {
		c.Seeds = f.seeds
	}
	if f.flags.Changed("seed") || f.config == "" {
		c.Seed = f.replay.service.seed
	}
	if f.clone && c.Clone == nil {
		c.Clone = training.DefaultClone()
	}
	return nil
}

// resumed is the configuration of the training that goes on.
func (f *trainFlags) resumed() (training.Config, error) {
	var errs []error
	for _, name := range []string{"algo", "steps", "episodes", "seed", "seeds", "config", "env", "clone", "init"} {
		if f.flags.Changed(name) {
			errs = append(errs, fmt.Errorf("--%s: --resume goes on with what %s says", name, filepath.Join(f.out, training.ConfigFile)))
		}
	}
	if len(errs) > 0 {
		return training.Config{}, errors.Join(errs...)
	}
	c, err := training.Resumed(f.out)
	if errors.Is(err, os.ErrNotExist) {
		return c, fmt.Errorf("--resume: no training was begun in %s: %w", f.out, err)
	}
	return c, err
}

// train prepares and trains, with progress on one line.
func (f *trainFlags) train(ctx context.Context, job *training.Job) (training.Result, error) {
	meter := newTrainMeter()
	defer meter.line.Done()
	var err error
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
	case errors.Is(err, training.ErrStopped) && f.historyOf != "":
		return fmt.Errorf("interrupted; a checkpoint is in %s: flyball train --resume --history %s --out %s goes on from there, with the other flags as before but those of the training, and with --from and --to where the history grows (it was from %s)",
			f.out, shellWords([]string{f.historyOf}), shellWords([]string{f.out}), f.span)
	case errors.Is(err, training.ErrStopped):
		return fmt.Errorf("interrupted; a checkpoint is in %s: flyball train --resume --out %s goes on from there", f.out, shellWords([]string{f.out}))
	case errors.Is(err, context.Canceled):
		return errors.New("interrupted before anything was learned")
	}
	return err
}

// trainMeter shows how far a training is.
type trainMeter struct {
	line    *cli.Progress
	began   time.Time
	first   int
	known   bool
	verdict *training.Verdict
}

func newTrainMeter() *trainMeter {
	return &trainMeter{line: cli.NewProgress(os.Stderr), began: time.Now()}
}

// preparing tells that so many of all loads were played under the base policy.
func (m *trainMeter) preparing(done, all int) {
	elapsed := time.Since(m.began)
	text := fmt.Sprintf("preparing %s %d of %s", bar(float64(done)/float64(all)), done, scale.Count(all, "load"))
	if left := remaining(done, all, elapsed); left >= 0 {
		text += fmt.Sprintf("  %d:%02d left", int(left.Minutes()), int(left.Seconds())%60)
	}
	m.line.Show(elapsed, text)
}

func (m *trainMeter) show(s training.Status) {
	if !m.known {
		m.first, m.known, m.began = s.Steps, true, time.Now()
	}
	if s.Newest.Verdict != nil {
		m.verdict = s.Newest.Verdict
	}
	elapsed := time.Since(m.began)
	const width = 20
	full := min(width, width*s.Steps/max(1, s.All))
	text := fmt.Sprintf("[%s%s] %3d %%  %s of %s steps", strings.Repeat("█", full), strings.Repeat("░", width-full), min(100, 100*s.Steps/max(1, s.All)), inThousands(s.Steps), inThousands(s.All))
	if n := s.Steps - m.first; n > 0 && elapsed > time.Second {
		text += fmt.Sprintf("  %s/s", inThousands(int(float64(n)/elapsed.Seconds())))
	}
	if left := remaining(s.Steps-m.first, s.All-m.first, elapsed); left >= 0 {
		text += fmt.Sprintf("  %d:%02d left", int(left.Minutes()), int(left.Seconds())%60)
	}
	if r := s.Newest.Return; r == r {
		text += fmt.Sprintf("  reward %.3g", r)
	}
	if m.verdict != nil {
		text += fmt.Sprintf("  cost %.3f × predictive", m.verdict.OverBase)
	}
	m.line.Show(elapsed, text)
}

func inThousands(n int) string {
	switch {
	case n >= 1_000_000:
		return fmt.Sprintf("%.2fM", float64(n)/1e6)
	case n >= 10_000:
		return fmt.Sprintf("%dk", n/1000)
	}
	return fmt.Sprint(n)
}

// trained is what came of a training.
type trained struct {
	flags      *trainFlags
	result     training.Result
	evaluation *trainEvaluation
	promotion  *promotion
}

func (t *trained) model() string { return filepath.Join(t.flags.out, training.ModelFile) }

// document is what --json prints.
func (t *trained) document() any {
	d := struct {
		Out        string             `json:"out"`
		Config     training.Config    `json:"config"`
		Steps      int                `json:"steps"`
		Model      string             `json:"model,omitempty"`
		Seed       uint64             `json:"seed"`
		Judged     *training.Verdict  `json:"judged,omitempty"`
		Returns    []float64          `json:"returns,omitempty"`
		Failed     []training.Failure `json:"failed,omitempty"`
		Promotion  *promotion         `json:"promotion,omitempty"`
		Evaluation *trainEvaluation   `json:"evaluation,omitempty"`
	}{Out: t.flags.out, Config: t.result.Config, Seed: t.result.Seed, Returns: t.result.Returns, Failed: t.result.Failed, Promotion: t.promotion, Evaluation: t.evaluation}
	for i := range t.result.Points {
		d.Steps = max(d.Steps, t.result.Points[i].Steps)
	}
	if t.result.Model != nil {
		d.Model, d.Judged = t.model(), &t.result.Verdict
	} else {
		d.Seed = t.result.Config.Seed
	}
	return d
}

func (t *trained) show(out io.Writer) error {
	if t.flags.json {
		return printJSON(out, t.document())
	}
	return printed(out, t.print)
}

func (t *trained) print(w io.Writer, width int) {
	c := t.result.Config
	steps := 0
	for i := range t.result.Points {
		steps = max(steps, t.result.Points[i].Steps)
	}
	fmt.Fprint(w, foldText(fmt.Sprintf("%s on %s, %s steps each", c.Algorithm, c.Environment, inThousands(steps))+seedWords(c), width))
	for i, r := range t.result.Returns {
		fmt.Fprintf(w, "seed %d: %.1f per episode with the best actions, mean of 20\n", c.Seed+uint64(i), r)
	}
	for _, failed := range t.result.Failed {
		fmt.Fprint(w, foldText(fmt.Sprintf("seed %d failed: %s. What was its best until then is kept.", failed.Seed, failed.Error), width))
	}
	if v := t.result.Verdict; t.result.Model != nil {
		fmt.Fprint(w, foldText(fmt.Sprintf("On %s that were drawn apart from those it was trained on it costs %.3f × what predictive does (replica-hours %.3f ×), and violates %.2f × what is allowed, predictive %.2f ×.",
			scale.Count(c.Workloads.Judged, "load"), v.OverBase, v.Replicas, v.Violations, v.BaseViolations), width))
	}
	if t.promotion != nil {
		fmt.Fprintln(w)
		t.promotion.print(w, width)
	}
	if t.evaluation != nil {
		fmt.Fprintln(w)
		t.evaluation.print(w, width)
	}
	t.files(w)
}

func seedWords(c training.Config) string {
	if c.Seeds == 1 {
		return fmt.Sprintf(", seed %d", c.Seed)
	}
	return fmt.Sprintf(", seeds %d to %d", c.Seed, c.Seed+uint64(c.Seeds)-1)
}

// files says what lies where.
func (t *trained) files(w io.Writer) {
	fmt.Fprintln(w)
	rows := [][2]string{}
	if t.result.Model != nil && (t.promotion == nil || t.promotion.Promoted) {
		rows = append(rows, [2]string{"model", t.model()})
	}
	rows = append(rows, [2]string{"curves", filepath.Join(t.flags.out, "reward.png") + pictures(t.result.Model)}, [2]string{"summary", filepath.Join(t.flags.out, training.SummaryFile)})
	if t.evaluation != nil {
		rows = append(rows, [2]string{"report", reportPath(t.evaluation.out)})
	}
	for _, r := range rows {
		fmt.Fprintf(w, "%-8s %s\n", r[0]+":", r[1])
	}
}

func pictures(m *learned.Model) string {
	if m == nil {
		return ""
	}
	names := []string{"cost.png", "violations.png", "latency.png"}
	slices.Sort(names)
	return ", " + strings.Join(names, ", ") + " (and .svg)"
}
