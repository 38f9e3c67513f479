package cli

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/workload"
)

// highestRate is the most requests per second that a flag may ask for; one
// machine sends a few ten thousand.
const highestRate = 1_000_000

// WorkloadFlags are the flags that say how many requests arrive when.
type WorkloadFlags struct {
	rps                float64
	rampStart, rampEnd float64
	rampDuration, hold time.Duration
	shape, trace       string
	window             string
	interpolate        bool
	speed              float64
	peakRPS, p99RPS    float64
	duration           time.Duration
	arrivals           string
	endless            bool // a constant rate is, where no duration is given
	recorded           []workload.Request

	flags *pflag.FlagSet
}

// Add adds the flags to flags.
func (w *WorkloadFlags) Add(flags *pflag.FlagSet) {
	w.flags = flags
	flags.Float64Var(&w.rps, "rps", 50, "constant rate in requests per second")
	flags.Float64Var(&w.rampStart, "ramp-start", 0, "ramp: rate at its start, requests per second")
	flags.Float64Var(&w.rampEnd, "ramp-end", 0, "ramp: rate at its end, requests per second")
	DurationVar(flags, &w.rampDuration, "ramp-duration", 0, "ramp: how long it takes")
	DurationVar(flags, &w.hold, "hold", 0, "ramp: how long its end is held")
	flags.StringVar(&w.shape, "shape", "", "workload shape: "+strings.Join(workload.Names(), ", "))
	flags.StringVar(&w.trace, "trace", "", "recorded trace: CSV `FILE` with the header t_seconds,requests_per_second, may be gzipped")
	flags.StringVar(&w.window, "window", "", "part of the trace to play, such as 0h:24h or 14d12h:15d (default all)")
	flags.BoolVar(&w.interpolate, "interpolate", false, "trace: let the rate run in straight lines between the centres of its bins")
	flags.Float64Var(&w.speed, "speed", 1, "play a shape or trace this many times as fast; its rates stay what they are")
	flags.Float64Var(&w.peakRPS, "peak-rps", 0, "scale a shape or trace so that its highest rate is this")
	flags.Float64Var(&w.p99RPS, "p99-rps", 0, "scale a shape or trace so that its rate is this or less 99 % of the time")
	DurationVar(flags, &w.duration, "duration", 0, "how long to send; 0 sends until interrupted (default 30s, or all of a ramp, shape or trace)")
	flags.StringVar(&w.arrivals, "arrivals", "", "poisson (independent users) or uniform (evenly spaced) (default uniform for a constant rate or a ramp, poisson for a shape or trace; recorded single requests keep their instants)")
}

// DefaultRate is the constant rate where none is given.
func (w *WorkloadFlags) DefaultRate(rps float64) {
	w.rps = rps
	w.flags.Lookup("rps").DefValue = fmt.Sprint(rps)
}

// Endless lets a constant rate go on where no duration is given: something else
// ends it.
func (w *WorkloadFlags) Endless() { w.endless = true }

// Recorded are the single requests of the trace that was planned, in its window;
// none of another workload.
func (w *WorkloadFlags) Recorded() []workload.Request { return w.recorded }

// Plan is a workload ready to be played.
type Plan struct {
	Title    string // what is played, for people
	Shape    workload.Shape
	Arrivals workload.Kind
}

// defaultDuration is how long a constant rate is sent.
const defaultDuration = 30 * time.Second

// Plan returns what the flags ask for. Its errors are of type [UsageError],
// and name the flag, its value and what is allowed.
func (w *WorkloadFlags) Plan() (Plan, error) {
	plan, err := w.plan()
	if err != nil {
		return Plan{}, UsageError{err}
	}
	return plan, nil
}

func (w *WorkloadFlags) plan() (Plan, error) {
	if err := w.oneWorkload(); err != nil {
		return Plan{}, err
	}
	if err := w.inRange(); err != nil {
		return Plan{}, err
	}
	plan, err := w.base()
	if err != nil {
		return Plan{}, err
	}
	if w.arrivals != "" {
		if plan.Arrivals, err = workload.ParseKind(w.arrivals); err != nil {
			return Plan{}, fmt.Errorf("--arrivals: %w", err)
		}
	}
	if w.duration > 0 {
		plan.Shape = workload.Clip(plan.Shape, 0, w.duration)
	}
	return plan, nil
}

// base returns the workload without the cut and the kind of arrivals that
// flags may ask for.
func (w *WorkloadFlags) base() (Plan, error) {
	switch {
	case w.trace != "":
		return w.fromTrace()
	case w.shape != "":
		shape, err := workload.Named(w.shape)
		if err != nil {
			return Plan{}, fmt.Errorf("--shape: %w", err)
		}
		return w.adjusted("shape "+w.shape, shape, workload.Poisson)
	case w.isRamp():
		ramp := workload.Ramp{From: w.rampStart, To: w.rampEnd, Over: w.rampDuration, Hold: w.hold}
		if w.duration > 0 {
			ramp.Hold = max(0, w.duration-w.rampDuration)
		}
		if ramp.Duration() == 0 {
			return Plan{}, errors.New("--ramp-duration: must be above 0 where nothing is held after the ramp")
		}
		return Plan{fmt.Sprintf("ramp %v to %v requests/s", w.rampStart, w.rampEnd), ramp, workload.Uniform}, nil
	}
	length := w.duration
	if !w.flags.Changed("duration") {
		length = defaultDuration
		if w.endless {
			length = 0
		}
	}
	return Plan{fmt.Sprintf("%v requests/s", w.rps), workload.Constant{RPS: w.rps, For: length}, workload.Uniform}, nil
}

func (w *WorkloadFlags) fromTrace() (Plan, error) {
	from, to := time.Duration(0), time.Duration(0)
	if w.window != "" {
		var err error
		if from, to, err = workload.ParseWindow(w.window); err != nil {
			return Plan{}, fmt.Errorf("--window: %w", err)
		}
	}
	shape, err := workload.Open(w.trace)
	if err != nil {
		return Plan{}, err
	}
	title := "trace " + filepath.Base(w.trace)
	trace, ok := shape.(*workload.Trace)
	if !ok { // single requests
		if w.interpolate {
			return Plan{}, fmt.Errorf("--interpolate: %s holds single requests: needs a trace with the header t_seconds,requests_per_second", w.trace)
		}
		if from >= shape.Duration() {
			return Plan{}, fmt.Errorf("--window: %q begins after the end of the trace at %v", w.window, shape.Duration())
		}
		shape = workload.Clip(shape, from, to)
		if requests, is := shape.(*workload.Requests); is {
			w.recorded = requests.Records()
		}
		return w.adjusted(title, shape, workload.Uniform)
	}
	if trace.Quantity() != workload.RequestRate && !w.flags.Changed("peak-rps") && !w.flags.Changed("p99-rps") {
		return Plan{}, fmt.Errorf("--trace: %s holds %s, which is a load only when it is scaled: needs --peak-rps or --p99-rps", w.trace, trace.Quantity())
	}
	if trace, err = trace.Window(from, to); err != nil {
		return Plan{}, fmt.Errorf("--window: %w", err)
	}
	if w.interpolate {
		trace = trace.Interpolated()
	}
	return w.adjusted(title, trace, workload.Poisson)
}

// adjusted applies the flags that scale and speed up.
func (w *WorkloadFlags) adjusted(title string, shape workload.Shape, kind workload.Kind) (Plan, error) {
	for _, to := range []struct {
		flag          string
		rps, quantile float64
	}{{"peak-rps", w.peakRPS, 1}, {"p99-rps", w.p99RPS, 0.99}} {
		if !w.flags.Changed(to.flag) {
			continue
		}
		factor, err := workload.Factor(shape, to.quantile, to.rps)
		if err != nil {
			return Plan{}, fmt.Errorf("--%s: %w", to.flag, err)
		}
		shape = workload.Scale(shape, factor)
	}
	if w.speed != 1 {
		shape = workload.Speed(shape, w.speed)
		title += fmt.Sprintf(" at speed %v", w.speed)
	}
	return Plan{title, shape, kind}, nil
}

func (w *WorkloadFlags) isRamp() bool {
	return slices.ContainsFunc([]string{"ramp-start", "ramp-end", "ramp-duration", "hold"}, w.flags.Changed)
}

// oneWorkload reports flags that contradict each other or lack another.
func (w *WorkloadFlags) oneWorkload() error {
	given := []string{}
	for _, name := range []string{"rps", "shape", "trace"} {
		if w.flags.Changed(name) {
			given = append(given, "--"+name)
		}
	}
	if w.isRamp() {
		given = append(given, "--ramp-…")
		for _, needed := range []string{"ramp-end", "ramp-duration"} {
			if !w.flags.Changed(needed) {
				return fmt.Errorf("--%s: must be given for a ramp", needed)
			}
		}
		if w.flags.Changed("hold") && w.flags.Changed("duration") {
			return errors.New("--hold and --duration both say how long the ramp's end is held: give one of them")
		}
	}
	if len(given) > 1 {
		return fmt.Errorf("%s exclude each other: give one of --rps, --ramp-…, --shape, --trace (scale a shape or trace with --peak-rps)",
			strings.Join(given, " and "))
	}
	if w.flags.Changed("peak-rps") && w.flags.Changed("p99-rps") {
		return errors.New("--peak-rps and --p99-rps exclude each other: give one of them")
	}
	return w.onlyWith()
}

// onlyWith reports flags that need another to have a meaning.
func (w *WorkloadFlags) onlyWith() error {
	for _, name := range []string{"window", "interpolate"} {
		if w.flags.Changed(name) && w.trace == "" {
			return fmt.Errorf("--%s: needs --trace", name)
		}
	}
	for _, name := range []string{"speed", "peak-rps", "p99-rps"} {
		if w.flags.Changed(name) && w.trace == "" && w.shape == "" {
			return fmt.Errorf("--%s: needs --trace or --shape", name)
		}
	}
	for _, name := range []string{"trace", "shape", "window"} {
		if f := w.flags.Lookup(name); f.Changed && f.Value.String() == "" {
			return fmt.Errorf("--%s: must not be empty", name)
		}
	}
	return nil
}

// inRange reports numbers that make no sense.
func (w *WorkloadFlags) inRange() error {
	for _, rate := range []struct {
		flag  string
		value float64
	}{{"rps", w.rps}, {"peak-rps", w.peakRPS}, {"p99-rps", w.p99RPS}} {
		if w.flags.Changed(rate.flag) && !(rate.value > 0 && rate.value <= highestRate) {
			return fmt.Errorf("--%s: must be above 0 and at most %d requests/s, got %v", rate.flag, highestRate, rate.value)
		}
	}
	for _, rate := range []struct {
		flag  string
		value float64
	}{{"ramp-start", w.rampStart}, {"ramp-end", w.rampEnd}} {
		if !(rate.value >= 0 && rate.value <= highestRate) {
			return fmt.Errorf("--%s: must be 0 to %d requests/s, got %v", rate.flag, highestRate, rate.value)
		}
	}
	if !(w.speed > 0 && w.speed <= 1e6) {
		return fmt.Errorf("--speed: must be above 0 and at most 1000000, got %v", w.speed)
	}
	for _, d := range []struct {
		flag  string
		value time.Duration
	}{{"ramp-duration", w.rampDuration}, {"hold", w.hold}, {"duration", w.duration}} {
		if d.value < 0 {
			return fmt.Errorf("--%s: must be 0 or more, got %v", d.flag, scale.Duration(d.value))
		}
	}
	return nil
}

// String describes the plan in one line: what is played, for how long, and
// about how many requests that makes.
func (p Plan) String() string {
	length := p.Shape.Duration()
	if length == 0 {
		return p.Title + ", until interrupted"
	}
	requests := p.Shape.Expected(length)
	return fmt.Sprintf("%s, %v, about %.0f requests, mean %s/s, peak %s/s",
		p.Title, scale.Duration(length.Round(time.Millisecond)), requests,
		rate(requests/length.Seconds()), rate(workload.Peak(p.Shape)))
}

// rate writes requests per second with about three digits.
func rate(rps float64) string {
	switch {
	case rps < 10:
		return fmt.Sprintf("%.2f", rps)
	case rps < 100:
		return fmt.Sprintf("%.1f", rps)
	default:
		return fmt.Sprintf("%.0f", rps)
	}
}

// ListShapes lists the workload shapes, one a line with what it looks like.
func ListShapes() string {
	lines := []string{}
	for _, name := range workload.Names() {
		lines = append(lines, fmt.Sprintf("  %-14s %s", name, workload.About(name)))
	}
	return strings.Join(lines, "\n")
}
