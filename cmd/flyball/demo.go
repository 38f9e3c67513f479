package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/flyball-io/flyball/app/demo"
	"github.com/flyball-io/flyball/builtin"
	"github.com/flyball-io/flyball/internal/cli"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/workload"
)

// Limits of the demonstration.
const (
	demoDuration = 3 * time.Minute
	traceSpeed   = 20
	// fastest keeps the time between decisions at an eighth of a second.
	fastest = 120
)

type demoFlags struct {
	policy, compare string
	shape, trace    string
	window          string
	speed, peakRPS  float64
	duration        time.Duration
	maxReplicas     int
	seed            uint64
	listen          string
	noBrowser, json bool
	verbose         bool
	simulate        bool
	changed         func(flag string) bool // given on the command line
}

func newDemoCommand() *cobra.Command {
	f := &demoFlags{}
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Watch real processes being scaled under real load; nothing needs to be installed",
		Long: `Starts sample processes behind the built-in balancer, sends them real HTTP load
that follows a week, Monday to Sunday, compressed to three minutes, scales them,
and shows every decision with its reason here and on the dashboard. Ends with a
scorecard and leaves nothing behind. Policies named without parameters are told
that the sample works on 4 requests at once: hpa keeps 70 % of them busy,
predictive takes it as a hint.`,
		Example: `  flyball demo
  flyball demo --duration 1m --no-browser
  flyball demo --compare hpa
  flyball demo --policy kpa --compare 'hpa:metrics=[{"signal":"requestRate","averageValue":35}]'
  flyball demo --trace nasa.csv --window 12d13h:12d15h --speed 40`,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd) },
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&f.policy, "policy", "predictive", "policy as NAME or NAME:key=value,…")
	flags.StringVar(&f.compare, "compare", "", "a second service under the same load with this policy")
	flags.StringVar(&f.shape, "shape", "weekly", "workload shape: "+strings.Join(workload.Names(), ", "))
	flags.StringVar(&f.trace, "trace", "", "recorded trace to play instead (`FILE`)")
	flags.StringVar(&f.window, "window", "", "part of the trace to play, such as 0h:24h")
	flags.Float64Var(&f.speed, "speed", 0, "how many times faster than life time runs (default: all of a shape within --duration; 20 for a trace)")
	flags.Float64Var(&f.peakRPS, "peak-rps", 400, "highest rate of the load, requests per second")
	cli.DurationVar(flags, &f.duration, "duration", demoDuration, "how long the load lasts, in real time")
	flags.IntVar(&f.maxReplicas, "max", 20, "most replicas of each service")
	flags.Uint64Var(&f.seed, "seed", 1, "seed of the load and the service times")
	flags.StringVar(&f.listen, "listen", "127.0.0.1:7070", "loopback address of the dashboard")
	flags.BoolVar(&f.noBrowser, "no-browser", false, "do not open the dashboard in a browser")
	flags.BoolVar(&f.simulate, "simulate", false, "play all of it in the simulator instead, in a second: what the scorecard should be")
	flags.BoolVar(&f.json, "json", false, "print the scorecard as one JSON object")
	flags.BoolVar(&f.verbose, "verbose", false, "log what happens to every replica")
	return cmd
}

func (f *demoFlags) run(cmd *cobra.Command) error {
	f.changed = cmd.Flags().Changed
	options, err := f.options()
	if err != nil {
		return cli.UsageError{Err: err}
	}
	if f.simulate {
		result, err := demo.Simulate(options)
		if err != nil {
			return err
		}
		return f.print(cmd.OutOrStdout(), result)
	}
	ctx, hurry, stop := interruptible(cmd.Context())
	defer stop()
	options.Hurry = hurry
	if options.Dashboard, err = listenLoopback(cmd.Context(), f.listen); err != nil {
		return cli.UsageError{Err: fmt.Errorf("--listen: %w", err)}
	}
	defer options.Dashboard.Close()
	if options.StateDir, err = os.MkdirTemp("", "flyball-demo-"); err != nil {
		return fmt.Errorf("scratch folder: %w", err)
	}
	defer os.RemoveAll(options.StateDir)

	options.Screen, options.Width = cmd.ErrOrStderr(), cli.ScreenWidth(cmd.ErrOrStderr())
	line := cli.NewProgress(os.Stderr)
	options.Progress = func(p demo.Progress) { line.Show(p.Elapsed, p.String()) }
	if !f.noBrowser {
		openBrowser(ctx, "http://"+options.Dashboard.Addr().String())
	}
	result, err := demo.Run(ctx, options)
	line.Done()
	if err != nil {
		return err
	}
	return f.print(cmd.OutOrStdout(), result)
}

func (f *demoFlags) print(w io.Writer, result demo.Result) error {
	if !f.json {
		return printed(w, result.Print)
	}
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(result)
}

// options checks every flag before anything starts.
func (f *demoFlags) options() (demo.Options, error) {
	plugins := builtin.New()
	o := demo.Options{Plugins: plugins, Seed: f.seed, MaxReplicas: f.maxReplicas, Duration: f.duration, Version: programVersion(), Log: f.log()}
	var errs []error
	var err error
	if o.Policy, err = demo.ParsePolicy(f.policy, plugins); err != nil {
		errs = append(errs, fmt.Errorf("--policy: %w", err))
	}
	if f.changed("compare") {
		compare, err := demo.ParsePolicy(f.compare, plugins)
		if err != nil {
			errs = append(errs, fmt.Errorf("--compare: %w", err))
		}
		o.Compare = &compare
	}
	if f.maxReplicas < 1 || f.maxReplicas > 200 {
		errs = append(errs, fmt.Errorf("--max: must be 1 to 200, got %d", f.maxReplicas))
	}
	if f.duration < time.Second {
		errs = append(errs, fmt.Errorf("--duration: must be at least 1s, got %v", f.duration))
	}
	if !(f.peakRPS > 0 && f.peakRPS <= 10_000) {
		errs = append(errs, fmt.Errorf("--peak-rps: must be above 0 and at most 10000, got %v", f.peakRPS))
	}
	if f.changed("speed") && !(f.speed >= 1 && f.speed <= fastest) {
		errs = append(errs, fmt.Errorf("--speed: must be 1 to %d, got %v", fastest, f.speed))
	}
	if len(errs) == 0 {
		errs = append(errs, f.workload(&o))
	}
	if o.Executable, err = os.Executable(); err != nil {
		errs = append(errs, fmt.Errorf("find this program: %w", err))
	}
	return o, errors.Join(errs...)
}

func (f *demoFlags) log() *slog.Logger {
	if f.verbose {
		return slog.New(slog.NewTextHandler(os.Stderr, nil))
	}
	return slog.New(slog.DiscardHandler)
}

// workload chooses the load, scales it to the peak and compresses its time.
func (f *demoFlags) workload(o *demo.Options) error {
	shape, err := f.original(o)
	if err != nil {
		return err
	}
	o.Speed = f.speed
	switch {
	case o.Speed == 0 && f.trace == "" && shape.Duration() > 0:
		o.Speed = min(fastest, max(1, shape.Duration().Seconds()/f.duration.Seconds()))
	case o.Speed == 0:
		o.Speed = traceSpeed
	}
	played := workload.Clip(shape, 0, time.Duration(float64(f.duration)*o.Speed))
	factor, err := workload.Factor(played, 1, f.peakRPS)
	if err != nil {
		return fmt.Errorf("%s: %w", o.Workload, err)
	}
	o.Shape = workload.Speed(workload.Scale(played, factor), o.Speed)
	if length := o.Shape.Duration(); length > 0 {
		o.Duration = min(o.Duration, length)
	}
	return nil
}

func (f *demoFlags) original(o *demo.Options) (workload.Shape, error) {
	switch {
	case f.changed("trace") && f.trace == "":
		return nil, errors.New("--trace: must not be empty")
	case f.changed("trace") && f.changed("shape"):
		return nil, errors.New("--shape and --trace exclude each other: give one of them")
	case f.trace == "":
		o.Workload = "shape " + f.shape
		if f.window != "" {
			return nil, errors.New("--window: needs --trace")
		}
		shape, err := workload.Named(f.shape)
		if err != nil {
			return nil, fmt.Errorf("--shape: %w", err)
		}
		return shape, nil
	}
	o.Workload = "trace " + filepath.Base(f.trace)
	shape, err := workload.Open(f.trace)
	if err != nil {
		return nil, fmt.Errorf("--trace: %w", err)
	}
	if f.window == "" {
		return shape, nil
	}
	from, to, err := workload.ParseWindow(f.window)
	if err == nil && from >= shape.Duration() {
		err = fmt.Errorf("%q begins after the end of the trace at %v", f.window, scale.Duration(shape.Duration()))
	}
	if err != nil {
		return nil, fmt.Errorf("--window: %w", err)
	}
	return workload.Clip(shape, from, to), nil
}

// openBrowser shows the dashboard where there is a screen to show it on; a
// failure is no fault, the address is printed anyway.
func openBrowser(ctx context.Context, url string) {
	switch {
	case runtime.GOOS == "darwin":
		_ = exec.CommandContext(ctx, "open", url).Start()
	case runtime.GOOS == "windows":
		_ = exec.CommandContext(ctx, "rundll32", "url.dll,FileProtocolHandler", url).Start()
	case os.Getenv("DISPLAY") != "" || os.Getenv("WAYLAND_DISPLAY") != "":
		_ = exec.CommandContext(ctx, "xdg-open", url).Start()
	}
}
