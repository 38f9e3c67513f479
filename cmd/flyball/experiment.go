package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/flyball-io/flyball/experiment"
	"github.com/flyball-io/flyball/internal/cli"
	"github.com/flyball-io/flyball/policy/advised"
)

// experimentFlags are the flags of flyball experiment.
type experimentFlags struct {
	mode               string
	interval, duration time.Duration
	ai                 string
	ollama, model      string
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

// experimentData is the folder of CSV files where nobody names one.
const experimentData = "experiment_data"

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

The other one is a language model (--ai llm, on Ollama), asked at each interval. It
advises a policy, within bounds, and is obeyed as far as its advice has been worth:
predictive, by the requests, with --rate-query; else the HPA, by the CPU.
--ai names a policy instead.

The exact HPA is computed beside the live one in every phase. On Docker Compose
there is no live HPA: the computed one is obeyed in its place. What was changed is
undone at the end and on Ctrl-C; where the program was killed, by the next phase,
or by flyball experiment restore. Compare phases with flyball experiment report.`,
		Example: `  flyball experiment --mode hpa_only --duration 30 --interval 30
  flyball experiment --mode ai_scaler --duration 30 --interval 30
  flyball experiment --mode ai_scaler --duration 30 --rate-query 'sum(rate(http_requests_total[1m]))'
  flyball experiment -n shop --deployment web --mode comparison --duration 2h
  flyball experiment --mode ai_scaler --ai predictive --duration 30
  flyball experiment --compose shop/web --mode ai_scaler --model llama3.2:3b --duration 10
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
	flags.StringVar(&f.ai, "ai", llmAI, "what is compared with the HPA: llm, or a policy: predictive, learned, any other without configuration of its own")
	flags.StringVar(&f.ollama, ollamaFlag, "http://localhost:11434/v1", "with --ai llm: `URL` of Ollama, or of another server that speaks OpenAI's protocol")
	flags.StringVar(&f.model, modelFlag, advised.DefaultOpenAI, "with --ai llm: name of the model")
	flags.StringVar(&f.prometheus, "prometheus-url", usualPrometheus, "Prometheus that --rate-query is asked of")
	flags.StringVar(&f.rate, "rate-query", "", "`PROMQL` of the requests per second of the service; without it decisions are on CPU")
	f.place.addService(flags)
	flags.StringVar(&f.publish, "publish", "127.0.0.1:8080", "Compose: where the balancer takes the requests, `HOST:PORT`")
	flags.IntVar(&f.min, "min-replicas", 1, "fewest replicas, of both")
	flags.IntVar(&f.max, "max-replicas", 10, "most replicas, of both")
	flags.IntVar(&f.targets.CPU, "cpu-target", 60, "CPU target of the HPA, in percent of what is requested")
	flags.IntVar(&f.targets.Memory, "memory-target", 80, "memory target of the HPA, in percent of what is requested")
	flags.StringVar(&f.output, "output-dir", experimentData, "folder for the CSV file")
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
	errs = append(errs, f.checkAI(cmd)...)
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
	if err := f.reach(ctx); err != nil {
		return err
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

func (f *experimentFlags) log() *slog.Logger {
	level := slog.LevelWarn
	if f.verbose {
		level = slog.LevelDebug
	}
	return slog.New(slog.NewTextHandler(f.says, &slog.HandlerOptions{Level: level}))
}
