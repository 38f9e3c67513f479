package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/flyball-io/flyball/app"
	"github.com/flyball-io/flyball/app/simulate"
	"github.com/flyball-io/flyball/bus/memory"
	"github.com/flyball-io/flyball/internal/cli"
	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/sim"
	"github.com/flyball-io/flyball/web"
	"github.com/flyball-io/flyball/workload"
)

// Bounds of a simulated run. The loop is live: beyond fastestRun its own work
// would take longer than the time between two decisions.
const (
	slowestRun, usualRun, fastestRun = 0.1, 60, 1000
	// highestSimulated bounds the load where nobody says how high it is.
	highestSimulated = 1000
	// endless is how long a load is that is played until somebody ends it.
	endless = 10 * 365 * 24 * time.Hour
)

// simulateFlags say what flyball run simulates.
type simulateFlags struct {
	on      bool
	speed   float64
	load    string
	length  time.Duration
	json    bool
	service scenarioFlags
	trace   traceFlags

	own   []string // names of the flags above
	flags *pflag.FlagSet
}

func (f *simulateFlags) add(flags *pflag.FlagSet) {
	own := pflag.NewFlagSet("simulate", pflag.ContinueOnError)
	own.BoolVar(&f.on, "simulate", false, "scale a simulated service instead of what the documents name")
	own.Float64Var(&f.speed, "speed", usualRun, "simulate: how many times faster than real time runs; 1 is real time")
	own.StringVar(&f.load, "load", "shape:diurnal-flash", "simulate: shape:NAME or the FILE of a trace; it is repeated")
	cli.DurationVar(own, &f.length, "for", 0, "simulate: end after this much simulated time (default when interrupted)")
	own.BoolVar(&f.json, "json", false, "simulate: print the scorecard as one JSON object")
	f.service.addService(own)
	f.trace.defaultPeakRPS = fmt.Sprintf(" (default for a shape: what 70 %% of the most replicas carry, at most %d)", highestSimulated)
	f.trace.add(own)
	for name, field := range map[string]string{"scrape": "as the live loop measures", "metric-window": "usageWindow of the document"} {
		own.Lookup(name).DefValue = ""
		own.Lookup(name).Usage += " (default " + field + ")"
	}
	own.VisitAll(func(flag *pflag.Flag) { f.own = append(f.own, flag.Name) })
	flags.AddFlagSet(own)
	f.flags = flags
	f.service.flags = flags
}

// check reports flags that contradict each other.
func (f *simulateFlags) check() error {
	if !f.on {
		if i := slices.IndexFunc(f.own, f.flags.Changed); i >= 0 {
			return fmt.Errorf("--%s: needs --simulate", f.own[i])
		}
		return nil
	}
	var errs []error
	if !(f.speed >= slowestRun && f.speed <= fastestRun) {
		errs = append(errs, fmt.Errorf("--speed: must be %v to %v, got %v; flyball evaluate is faster", slowestRun, fastestRun, f.speed))
	}
	if f.flags.Changed("for") && f.length < time.Second {
		errs = append(errs, fmt.Errorf("--for: must be at least 1s, got %v", scale.Duration(f.length)))
	}
	if f.flags.Changed("on-exit") {
		errs = append(errs, errors.New("--on-exit: nothing outlives a simulation"))
	}
	_, err := f.scenario()
	errs = append(errs, err)
	_, err = f.open(0)
	errs = append(errs, err)
	return errors.Join(errs...)
}

// stateDir is where a simulation keeps its record when nothing is said.
func (f *simulateFlags) stateDir(usual string) string {
	if f.on {
		return filepath.Join(usual, "simulated")
	}
	return usual
}

// scenario is what no document says.
func (f *simulateFlags) scenario() (sim.Scenario, error) {
	s, err := f.service.scenario()
	if !f.flags.Changed("scrape") {
		s.Metrics.Scrape = 0
	}
	if !f.flags.Changed("metric-window") {
		s.Metrics.Window = 0
	}
	return s, err
}

// simulation is what takes the place of the real world.
type simulation struct {
	clock    *clock.Fast
	begin    func() // lets the time run
	log      *slog.Logger
	load     string // its title
	services *simulate.Services
}

// simulation makes the services of specs, whose time stands still until it
// begins: nothing is late before the loop runs.
func (f *runFlags) simulation(specs []app.Spec) (*simulation, error) {
	scenario, err := f.simulate.scenario()
	if err != nil {
		return nil, cli.UsageError{Err: err}
	}
	load, err := f.simulate.open(0)
	if err != nil {
		return nil, cli.UsageError{Err: err}
	}
	clk := clock.NewFast(clock.System.Now(), f.simulate.speed)
	s := &simulation{clock: clk, begin: clk.Hold(), log: f.log(clk), load: load.Title}
	s.services = simulate.New(simulate.Options{Scenario: scenario, Clock: clk, Log: s.log, Load: func(most int) (workload.Shape, error) {
		return f.simulate.shape(simulate.LargestRate(most, scenario.Service))
	}})
	return s, prepare(specs, s.log)
}

// simulated runs the controller against simulated services until ctx is done or
// the time is over, and prints what came of it.
func (f *runFlags) simulated(ctx, hurry context.Context, specs []app.Spec, out io.Writer) error {
	s, err := f.simulation(specs)
	if err != nil {
		return err
	}
	dashboard, err := f.serving.open(ctx, s.log)
	if err != nil {
		return cli.UsageError{Err: err}
	}
	defer dashboard.Close()
	store, err := f.record.openAnew(ctx, f.stateDir, s.log)
	if err != nil {
		return err
	}
	err = f.play(ctx, s, dashboard, app.Options{
		Deps:  app.Deps{Bus: memory.New(), Clock: s.clock, Wall: clock.System, Log: s.log, StateDir: f.stateDir, Store: store},
		Specs: specs, Open: s.services.Open, Ending: app.Ending{StopReplicas: true, Hurry: hurry},
		Simulation: &web.Simulation{Speed: f.simulate.speed, Load: s.load},
	})
	if err = errors.Join(err, store.Close()); err != nil {
		return err
	}
	return f.simulate.print(out, s.services.Result(s.load))
}

// play makes the controller and runs it until ctx is done or the time is over.
func (f *runFlags) play(ctx context.Context, s *simulation, dashboard *serving, o app.Options) error {
	o.Reload = func() ([]app.Spec, error) {
		specs, err := f.documents.decode(nil)
		if err == nil {
			err = prepare(specs, s.log)
		}
		return specs, err
	}
	controller, err := f.controller(ctx, dashboard, o)
	if err != nil {
		return err
	}
	ctx, end := f.simulate.until(ctx, s.clock)
	defer end()
	s.begin()
	return controller.Run(ctx)
}

// prepare readies specs for simulated services and says what is not as live.
func prepare(specs []app.Spec, log *slog.Logger) error {
	notes, err := simulate.Prepare(specs)
	if err != nil {
		return cli.UsageError{Err: err}
	}
	for _, note := range notes {
		log.Warn("not as it is live", slog.String("what", note))
	}
	return nil
}

// until is done with ctx, or once the simulated time is over.
func (f *simulateFlags) until(ctx context.Context, clk clock.Clock) (context.Context, context.CancelFunc) {
	ctx, end := context.WithCancel(ctx)
	if f.length == 0 {
		return ctx, end
	}
	over := clk.After(f.length)
	go func() {
		defer end()
		select {
		case <-over:
		case <-ctx.Done():
		}
	}()
	return ctx, end
}

// shape is the load of a service that carries so many requests per second well:
// what is asked for again and again, as long as the simulation lasts.
func (f *simulateFlags) shape(carried float64) (workload.Shape, error) {
	load, err := f.open(carried)
	if err != nil {
		return nil, err
	}
	length := f.length
	if length == 0 {
		length = endless
	}
	return workload.Clip(workload.Repeat(load.Shape), 0, length), nil
}

// open reads the load. A shape is made as high as the service carries, unless
// that is 0 or a flag says how high.
func (f *simulateFlags) open(carried float64) (loadOf, error) {
	trace := f.trace
	if strings.HasPrefix(f.load, "shape:") && !f.flags.Changed("peak-rps") && !f.flags.Changed("p99-rps") {
		trace.peak = min(carried, highestSimulated)
	}
	load, err := trace.open(f.load)
	if err != nil {
		return loadOf{}, fmt.Errorf("--load: %w", err)
	}
	return load, nil
}

func (f *simulateFlags) print(w io.Writer, r simulate.Result) error {
	if !f.json {
		r.Print(w)
		return nil
	}
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(r)
}
