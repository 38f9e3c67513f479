package main

import (
	"bufio"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/flyball-io/flyball/internal/cli"
	"github.com/flyball-io/flyball/queueing"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/sim"
	"github.com/flyball-io/flyball/workload"
)

// scenarioFlags describe a simulated service, for every command that has one.
type scenarioFlags struct {
	mean     time.Duration
	cv       float64
	law      string
	slots    int
	topology string
	startup  time.Duration
	scrape   time.Duration
	window   time.Duration
	seed     uint64

	// What a document says where there is one.
	slo               time.Duration
	target            float64
	min, max, initial int
	sync, warmup      time.Duration

	flags *pflag.FlagSet
}

// addService adds what no document says: the service and how it is measured.
func (f *scenarioFlags) addService(flags *pflag.FlagSet) {
	f.flags = flags
	cli.DurationVar(flags, &f.mean, "service-mean", 80*time.Millisecond, "mean time of one request on a slot")
	flags.Float64Var(&f.cv, "service-cv", 0.5, "its standard deviation over its mean (lognormal)")
	flags.StringVar(&f.law, "service-law", "lognormal", "its distribution: lognormal, exponential, deterministic, or a FILE of measured times in seconds, one a line")
	flags.IntVar(&f.slots, "concurrency", 4, "slots: requests in progress at once on one replica")
	flags.StringVar(&f.topology, "topology", queueing.LeastConn.String(), "how requests spread over replicas: leastconn, central, random, roundrobin or p2c")
	cli.DurationVar(flags, &f.startup, "startup", 30*time.Second, "time from the creation of a replica until it is ready")
	cli.DurationVar(flags, &f.scrape, "scrape", 15*time.Second, "time between two measurements of the replicas' CPU")
	cli.DurationVar(flags, &f.window, "metric-window", 30*time.Second, "time that the replicas' CPU is averaged over")
	flags.Uint64Var(&f.seed, "seed", 1, "seed of arrivals, service times and phases")
}

// addRules adds what a document says where there is one: the objective and the
// limits.
func (f *scenarioFlags) addRules(flags *pflag.FlagSet) {
	cli.DurationVar(flags, &f.slo, "slo", 500*time.Millisecond, "longest time of a good request")
	flags.Float64Var(&f.target, "target", 99.9, "percentage of requests that must be good")
	flags.IntVar(&f.min, "min", 1, "fewest replicas")
	flags.IntVar(&f.max, "max", 1000, "most replicas")
	flags.IntVar(&f.initial, "initial", 0, "replicas at the beginning (default what the first moment demands)")
	cli.DurationVar(flags, &f.sync, "sync", 15*time.Second, "time between two decisions")
	cli.DurationVar(flags, &f.warmup, "warmup", 0, "history that policies see and that is not scored (default of a shape 10m, of a trace none)")
}

// scenario is what the flags say; load, name and start are left out, and what
// addRules adds where it was not called.
func (f *scenarioFlags) scenario() (sim.Scenario, error) {
	s := sim.Default()
	law, err := f.serviceLaw()
	if err != nil {
		return sim.Scenario{}, err
	}
	s.Service = queueing.Service{Law: law, Slots: f.slots}
	if err := s.Service.Topology.UnmarshalText([]byte(f.topology)); err != nil {
		return sim.Scenario{}, fmt.Errorf("--topology: %w", err)
	}
	err = f.inRange()
	if f.flags.Lookup("initial") != nil {
		err = errors.Join(err, f.rulesInRange())
	}
	if err != nil {
		return sim.Scenario{}, err
	}
	s.Replicas.Startup, s.Metrics.Scrape, s.Metrics.Window, s.Seed = f.startup, f.scrape, f.window, f.seed
	if f.flags.Lookup("slo") != nil {
		// 99.9 / 100 is not 0.999.
		s.Objective.Threshold, s.Objective.Target = scale.Duration(f.slo), math.Round(f.target*1e9)/1e11
		s.Replicas.Min, s.Replicas.Max, s.Replicas.Initial = f.min, f.max, f.initial
		s.Sync, s.Warmup = f.sync, f.warmup
	}
	return s, nil
}

// inRange reports every number of the service that makes no sense.
func (f *scenarioFlags) inRange() error {
	var errs []error
	if f.slots < 1 || f.slots > 10_000 {
		errs = append(errs, fmt.Errorf("--concurrency: must be 1 to 10000, got %d", f.slots))
	}
	if f.startup < 0 || f.startup > longestClock {
		errs = append(errs, fmt.Errorf("--startup: must be 0 to %v, got %v", scale.Duration(longestClock), scale.Duration(f.startup)))
	}
	errs = append(errs, paced("scrape", f.scrape, longestWindow), paced("metric-window", f.window, longestWindow))
	return errors.Join(errs...)
}

// Bounds of what a simulation keeps and does. Beyond them it would not end, or
// not fit into memory, and no service is like that.
const (
	shortestClock, longestWindow, longestClock = 100 * time.Millisecond, time.Hour, 24 * time.Hour
	shortestService                            = 100 * time.Microsecond
	// mostReplicas and mostRPS are what one evaluation takes.
	mostReplicas = 100_000
	mostRPS      = 1e6
)

// paced checks the time between two ticks of a clock.
func paced(flag string, d, longest time.Duration) error {
	if d < shortestClock || d > longest {
		return fmt.Errorf("--%s: must be %v to %v, got %v", flag, scale.Duration(shortestClock), scale.Duration(longest), scale.Duration(d))
	}
	return nil
}

// rulesInRange reports what addRules added and makes no sense.
func (f *scenarioFlags) rulesInRange() error {
	errs := []error{paced("sync", f.sync, longestClock)}
	if f.max < 1 || f.max > mostReplicas {
		errs = append(errs, fmt.Errorf("--max: must be 1 to %d, got %d", mostReplicas, f.max))
	} else if f.initial > f.max {
		errs = append(errs, fmt.Errorf("--initial: must be at most --max of %d, got %d", f.max, f.initial))
	}
	return errors.Join(errs...)
}

// serviceLaw is how long requests take on a slot.
func (f *scenarioFlags) serviceLaw() (queueing.Law, error) {
	if f.mean < shortestService {
		return nil, fmt.Errorf("--service-mean: must be at least 0.1ms, got %v", f.mean)
	}
	if !(f.cv >= 0 && f.cv <= 100) {
		return nil, fmt.Errorf("--service-cv: must be 0 to 100, got %v", f.cv)
	}
	switch f.law {
	case "lognormal":
		return queueing.Lognormal(f.mean.Seconds(), f.cv), nil
	case "exponential":
		return queueing.Exponential(f.mean.Seconds()), nil
	case "deterministic":
		return queueing.Deterministic(f.mean.Seconds()), nil
	}
	law, err := readLaw(f.law)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("--service-law: must be lognormal, exponential, deterministic or a file of times in seconds, got %q, which is no file", f.law)
	}
	if err != nil {
		return nil, fmt.Errorf("--service-law: %w", err)
	}
	return law, nil
}

// mostTimes is how many measured times a law is made of at most.
const mostTimes = 1_000_000

// readLaw is the law of measured times, one a line in seconds; # begins a comment.
func readLaw(path string) (queueing.Law, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	var times []float64
	lines := bufio.NewScanner(file)
	for n := 1; lines.Scan(); n++ {
		text, _, _ := strings.Cut(lines.Text(), "#")
		if text = strings.TrimSpace(text); text == "" {
			continue
		}
		seconds, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return nil, fmt.Errorf("%s:%d: must be a number of seconds, got %q", path, n, cli.OneLine(text))
		}
		if times = append(times, seconds); len(times) > mostTimes {
			return nil, fmt.Errorf("%s: holds more than %d times", path, mostTimes)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	law, err := queueing.Empirical(times)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return law, nil
}

// traceFlags say how shapes and traces become loads, for every command that
// plays them.
type traceFlags struct {
	window         string
	peak, p99      float64
	rebin          time.Duration
	smooth         float64
	interpolate    bool
	warmup         time.Duration // of scenarioFlags, where there is one
	shapeWarmup    time.Duration // of a shape instead
	defaultPeakRPS string        // what the help says of it
}

func (f *traceFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&f.window, "window", "", "part of the trace to play, such as 0h:24h (default all)")
	flags.Float64Var(&f.peak, "peak-rps", 0, "scale the load so that its highest rate is this"+f.defaultPeakRPS)
	flags.Float64Var(&f.p99, "p99-rps", 0, "scale the load so that its rate is this or less 99 % of the time; 0 = as it is")
	cli.DurationVar(flags, &f.rebin, "rebin", 0, "trace: merge its bins to this width")
	flags.Float64Var(&f.smooth, "smooth", 400, "trace: smooth the rate over the shortest time that holds so many recorded requests; 0 = off")
	flags.BoolVar(&f.interpolate, "interpolate", false, "trace: let the rate run in straight lines between the centres of its bins")
}

// loadOf is one of the loads that a command plays.
type loadOf struct {
	Title string // for people: "shape diurnal"
	Name  string // for file names: "diurnal", "nasa"
	Shape workload.Shape
	Gaps  []workload.Span
	// Warmup is how much of it is history.
	Warmup time.Duration
}

// open reads shape:NAME or the file of a trace.
func (f *traceFlags) open(source string) (loadOf, error) {
	window, err := f.part()
	if err != nil {
		return loadOf{}, err
	}
	if err := f.checkScale(); err != nil {
		return loadOf{}, err
	}
	load, err := f.read(source, window)
	if err != nil {
		return loadOf{}, err
	}
	if peak := workload.Peak(load.Shape); peak > mostRPS*1.001 {
		return loadOf{}, fmt.Errorf("reaches %.4g requests/s: must be at most %g; --peak-rps scales it", peak, mostRPS)
	}
	return load, nil
}

// checkScale reports rates that no load is scaled to.
func (f *traceFlags) checkScale() error {
	var errs []error
	for _, rate := range []struct {
		flag  string
		value float64
	}{{"peak-rps", f.peak}, {"p99-rps", f.p99}} {
		if !(rate.value >= 0 && rate.value <= mostRPS) {
			errs = append(errs, fmt.Errorf("--%s: must be 0 (the load as it is) to %g, got %v", rate.flag, mostRPS, rate.value))
		}
	}
	if f.peak > 0 && f.p99 > 0 {
		errs = append(errs, fmt.Errorf("--peak-rps, --p99-rps: exclude each other, got %v and %v", f.peak, f.p99))
	}
	return errors.Join(errs...)
}

// read makes the load of a source.
func (f *traceFlags) read(source string, window workload.Span) (loadOf, error) {
	if name, is := strings.CutPrefix(source, "shape:"); is {
		return f.shape(name, window)
	}
	trace, err := workload.OpenTrace(source)
	if errors.Is(err, os.ErrNotExist) {
		return loadOf{}, fmt.Errorf("%w; a shape is named shape:NAME, one of %s", err, strings.Join(workload.Names(), ", "))
	}
	if err != nil {
		return loadOf{}, err
	}
	if err := f.fits(trace.Duration(), window); err != nil {
		return loadOf{}, err
	}
	trace, err = workload.Prepare(trace, workload.Options{
		Window: window, Warmup: f.warmup, Rebin: f.rebin, Smooth: f.smooth, P99RPS: f.p99, PeakRPS: f.peak, Interpolate: f.interpolate})
	if errors.Is(err, workload.ErrUnscaled) {
		err = fmt.Errorf("%w (--p99-rps or --peak-rps)", err)
	}
	if err != nil {
		return loadOf{}, err
	}
	name, _, _ := strings.Cut(filepath.Base(source), ".")
	return loadOf{Title: "trace " + filepath.Base(source), Name: name, Shape: trace, Gaps: trace.Gaps(), Warmup: f.warmup}, nil
}

// fits reports a window or bins that a trace of some length does not have.
func (f *traceFlags) fits(length time.Duration, window workload.Span) error {
	if window.From >= length || window.To > length {
		return fmt.Errorf("--window: %q must lie within the trace of %v", f.window, scale.Duration(length))
	}
	if f.rebin > length {
		return fmt.Errorf("--rebin: must be at most the length of the trace, %v, got %v", scale.Duration(length), scale.Duration(f.rebin))
	}
	return nil
}

func (f *traceFlags) part() (workload.Span, error) {
	if f.window == "" {
		return workload.Span{}, nil
	}
	from, to, err := workload.ParseWindow(f.window)
	if err != nil {
		return workload.Span{}, fmt.Errorf("--window: %w", err)
	}
	return workload.Span{From: from, To: to}, nil
}

func (f *traceFlags) shape(name string, window workload.Span) (loadOf, error) {
	shape, err := workload.Named(name)
	if err != nil {
		return loadOf{}, err
	}
	if window.From >= shape.Duration() {
		return loadOf{}, fmt.Errorf("--window: %q begins after the end of the shape at %v", f.window, scale.Duration(shape.Duration()))
	}
	warmup := max(f.warmup, f.shapeWarmup)
	if window != (workload.Span{}) {
		if f.shapeWarmup > 0 {
			warmup = min(warmup, window.From) // nobody asked for it
		}
		shape = workload.Clip(shape, max(0, window.From-warmup), window.To)
	}
	shape, err = f.scaled(shape)
	return loadOf{Title: "shape " + name, Name: name, Shape: shape, Warmup: warmup}, err
}

// scaled brings a shape to the rate that is asked for.
func (f *traceFlags) scaled(shape workload.Shape) (workload.Shape, error) {
	rate, quantile := f.peak, 1.0
	if f.p99 > 0 {
		rate, quantile = f.p99, 0.99
	}
	if rate == 0 {
		return shape, nil
	}
	factor, err := workload.Factor(shape, quantile, rate)
	if err != nil {
		return nil, fmt.Errorf("--peak-rps, --p99-rps: %w", err)
	}
	return workload.Scale(shape, factor), nil
}
