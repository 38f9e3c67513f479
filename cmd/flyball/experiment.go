package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/flyball-io/flyball/app"
	"github.com/flyball-io/flyball/bus/memory"
	"github.com/flyball-io/flyball/control"
	"github.com/flyball-io/flyball/experiment"
	"github.com/flyball-io/flyball/internal/cli"
	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/record"
	"github.com/flyball-io/flyball/scale"
)

// experimentFlags are the flags of flyball experiment.
type experimentFlags struct {
	mode               string
	interval, duration time.Duration
	ai                 string
	prometheus, rate   string
	place              placeFlags
	publish            string
	min, max           int
	targets            experiment.Targets
	output             string
	verbose, json      bool
	out, says          io.Writer
}

// usualPrometheus is asked where nobody says where one is.
const usualPrometheus = "http://localhost:9090"

func newExperimentCommand() *cobra.Command {
	f := &experimentFlags{}
	cmd := &cobra.Command{
		Use:   "experiment [--mode hpa_only | ai_scaler | comparison]",
		Short: "Compare the HPA with a predicting scaler on a live service, and keep it as CSV",
		Long: `Runs one phase of an experiment on a live service and writes a row at each
interval: what the HPA wants, live and computed, what the other scaler wants and
why, and who was obeyed.

  hpa_only    the HPA scales; it is made when there is none (CPU 60 %, memory
              80 %, scale-down window 60 s), and what was there before is
              restored at the end
  ai_scaler   the HPA rests and the other one scales; it is handed back at the end
  comparison  nobody is obeyed: both are watched

The exact HPA is computed beside the live one in every phase. On Docker Compose
there is no live HPA: the computed one is obeyed in its place. What was changed is
undone at the end and on Ctrl-C; where the program was killed, by the next phase,
or by --restore. Compare phases with flyball experiment report.`,
		Example: `  flyball experiment --mode hpa_only --duration 30 --interval 30
  flyball experiment --mode ai_scaler --duration 30 --interval 30
  flyball experiment -n shop --deployment web --mode comparison --duration 2h
  flyball experiment --compose shop/web --mode ai_scaler --duration 10
  flyball experiment report experiment_data/`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return cli.UsageError{Err: fmt.Errorf("unknown command %q; known: report, restore", "experiment "+args[0])}
			}
			return f.run(cmd)
		},
	}
	f.add(cmd)
	cmd.AddCommand(newExperimentReportCommand(), newExperimentRestoreCommand())
	return cmd
}

func (f *experimentFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&f.mode, "mode", string(experiment.Comparison), "hpa_only, ai_scaler or comparison")
	cli.BareDurationVar(flags, &f.interval, "interval", 30*time.Second, time.Second, "time between two decisions and rows; without a unit seconds")
	cli.BareDurationVar(flags, &f.duration, "duration", 0, time.Minute, "how long; without a unit minutes (default until interrupted)")
	flags.StringVar(&f.ai, "ai", "predictive", "policy that is compared with the HPA: predictive, or any other without configuration of its own")
	flags.StringVar(&f.prometheus, "prometheus-url", usualPrometheus, "Prometheus that --rate-query is asked of")
	flags.StringVar(&f.rate, "rate-query", "", "`PROMQL` of the requests per second of the service; without it decisions are on CPU")
	f.place.addService(flags)
	flags.StringVar(&f.publish, "publish", "127.0.0.1:8080", "Compose: where the balancer takes the requests, `HOST:PORT`")
	flags.IntVar(&f.min, "min-replicas", 1, "fewest replicas, of both")
	flags.IntVar(&f.max, "max-replicas", 10, "most replicas, of both")
	flags.IntVar(&f.targets.CPU, "cpu-target", 60, "CPU target of the HPA, in percent of what is requested")
	flags.IntVar(&f.targets.Memory, "memory-target", 80, "memory target of the HPA, in percent of what is requested")
	flags.StringVar(&f.output, "output-dir", "experiment_data", "folder for the CSV file")
	flags.BoolVar(&f.verbose, "verbose", false, "log everything")
	flags.BoolVar(&f.json, "json", false, "print the summary as JSON")
}

// check says what is wrong with the flags.
func (f *experimentFlags) check(cmd *cobra.Command) error {
	var errs []error
	if !slices.Contains(experiment.Modes(), experiment.Mode(f.mode)) {
		errs = append(errs, fmt.Errorf("--mode: must be hpa_only, ai_scaler or comparison, got %q", f.mode))
	}
	if f.interval < time.Second {
		errs = append(errs, fmt.Errorf("--interval: must be at least 1s, got %v", f.interval))
	}
	if f.min < 1 || f.max < f.min {
		errs = append(errs, fmt.Errorf("--min-replicas: must be 1 to --max-replicas (%d), got %d", f.max, f.min))
	}
	for name, percent := range map[string]int{"cpu-target": f.targets.CPU, "memory-target": f.targets.Memory} {
		if percent < 1 {
			errs = append(errs, fmt.Errorf("--%s: must be at least 1, got %d", name, percent))
		}
	}
	return errors.Join(append(errs, f.place.check(cmd))...)
}

func (f *experimentFlags) run(cmd *cobra.Command) error {
	if err := f.check(cmd); err != nil {
		return cli.UsageError{Err: err}
	}
	f.out, f.says = cmd.OutOrStdout(), cmd.ErrOrStderr()
	ctx, hurry, stop := interruptible(cmd.Context())
	defer stop()
	if f.duration > 0 {
		var over context.CancelFunc
		ctx, over = context.WithTimeout(ctx, f.duration)
		defer over()
	}
	phase, err := f.phase(ctx)
	if err != nil {
		return err
	}
	defer os.RemoveAll(phase.state)
	rows, err := phase.run(ctx, hurry)
	if err != nil {
		return err
	}
	return printSummaries(f.out, f.json, []experiment.Summary{experiment.Summarize(rows)})
}

func printSummaries(w io.Writer, asJSON bool, all []experiment.Summary) error {
	if !asJSON {
		return experiment.Print(w, all)
	}
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(all)
}

// phase is one run of an experiment, ready to begin.
type phase struct {
	f     *experimentFlags
	mode  experiment.Mode
	spec  app.Spec
	live  *experiment.HPA // nil: there is no cluster
	state string
	file  *experiment.File
}

// hpaName is how the decisions of the computed HPA are known.
const hpaName = "hpa"

// run runs the controller and writes rows until ctx is done.
func (p *phase) run(ctx, hurry context.Context) (rows []experiment.Row, err error) {
	undo, err := p.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, undo()) }()
	p.file, err = experiment.Create(p.f.output, p.mode, clock.System.Now())
	if err != nil {
		return nil, cli.UsageError{Err: fmt.Errorf("--output-dir: %w", err)}
	}
	defer func() { err = errors.Join(err, p.file.Close()) }()
	fmt.Fprintf(p.f.says, "%s: %s, a row every %v in %s; Ctrl-C ends it\n", p.mode, p.spec.Target.Facts().Description, scale.Duration(p.f.interval), p.file.Path)
	deps := app.Deps{Bus: memory.New(), Clock: clock.System, Log: p.f.log(), StateDir: p.state}
	decided, err := control.Decisions(deps.Bus, p.spec.Name).Subscribe(ctx)
	if err != nil {
		return nil, err
	}
	reports, err := control.Reports(deps.Bus, p.spec.Name).Subscribe(ctx)
	if err != nil {
		return nil, err
	}
	controller, err := app.NewController(ctx, app.Options{
		Deps: deps, Specs: []app.Spec{p.spec}, Open: openerOf(deps), Version: programVersion(),
		Ending: app.Ending{StopReplicas: true, Hurry: hurry},
	})
	if err != nil {
		return nil, cli.UsageError{Err: err}
	}
	running, end := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() {
		defer end() // without a controller there is nothing to be seen
		ended <- controller.Run(running)
	}()
	rows, err = p.watch(running, decided, reports)
	end()
	return rows, errors.Join(err, unlessInterrupted(ctx, <-ended))
}

// begin restores what a phase that was killed has left, makes the live HPA what
// it is to be, and returns what undoes that.
func (p *phase) begin(ctx context.Context) (undo func() error, err error) {
	if p.live == nil {
		return func() error { return nil }, nil
	}
	says := func(what string, err error) error {
		if what != "" {
			fmt.Fprintln(p.f.says, what)
		}
		return err
	}
	undo = func() error {
		patient, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
		defer cancel()
		return says(p.live.Restore(patient))
	}
	if p.mode == experiment.HPAOnly {
		return undo, says(p.live.Install(ctx))
	}
	return func() error { return nil }, says(p.live.Restore(ctx))
}

// watch writes a row for each interval until ctx is done.
func (p *phase) watch(ctx context.Context, decided <-chan record.Decided, reports <-chan control.Report) ([]experiment.Row, error) {
	var rows []experiment.Row
	var samples []scale.Sample
	var next time.Time
	for {
		select {
		case <-ctx.Done():
			return rows, nil
		case r := <-reports:
			if r.Measured {
				samples = r.Samples
			}
		case d := <-decided:
			if d.Decision.At.Before(next) {
				continue // it also decides when something happens in between
			}
			next = d.Decision.At.Add(p.f.interval - p.f.interval/4)
			row := p.row(ctx, d, samples)
			if err := p.file.Append(row); err != nil {
				return rows, err
			}
			rows = append(rows, row)
			p.tell(row)
		}
	}
}

func (p *phase) row(ctx context.Context, d record.Decided, samples []scale.Sample) experiment.Row {
	seen := experiment.Seen{Mode: p.mode, Decided: d, HPA: hpaName, AI: p.f.ai, Targets: p.f.targets, Applied: d.Mode == scale.Apply, Samples: samples}
	if p.live != nil {
		status, err := p.live.Status(ctx)
		if err != nil && ctx.Err() == nil {
			fmt.Fprintf(p.f.says, "the live HPA cannot be read: %v\n", err)
		}
		seen.Live = status
	}
	return seen.Row()
}

// tell prints a row for people.
func (p *phase) tell(r experiment.Row) {
	wish := func(n *int) string {
		if n == nil {
			return "–"
		}
		return fmt.Sprint(*n)
	}
	line := fmt.Sprintf("%s  replicas %d  hpa %s (live %s)  %s %s", r.Timestamp.Local().Format(time.TimeOnly), r.CurrentReplicas,
		wish(r.HPASimDesired), wish(r.HPADesiredReplicas), p.f.ai, wish(r.AIRecommendedReplicas))
	if r.CPUMillicores != nil {
		line += fmt.Sprintf("  CPU %.0fm", *r.CPUMillicores)
	}
	fmt.Fprintf(p.f.says, "%s  %s\n", line, cmp.Or(r.AIReasoning, "no reason"))
}

func (f *experimentFlags) log() *slog.Logger {
	level := slog.LevelWarn
	if f.verbose {
		level = slog.LevelDebug
	}
	return slog.New(slog.NewTextHandler(f.says, &slog.HandlerOptions{Level: level}))
}
