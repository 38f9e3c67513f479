package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/flyball-io/flyball/app"
	"github.com/flyball-io/flyball/evaluate"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/sim"
	"github.com/flyball-io/flyball/workload"
)

// job is what is to be judged.
type job struct {
	cases       []evaluate.Case
	contestants []evaluate.Contestant
	seeds       []uint64
	families    evaluate.Families
	// knobs say what a family was swept over, in words.
	knobs map[string]string
	about map[string]string // traces in words
	same  map[string]string // contestants by what they play
	// cluster names what the traces of one source have in common.
	cluster func(trace string) string
}

func newJob() job {
	return job{families: evaluate.Families{}, knobs: map[string]string{}, about: map[string]string{}, same: map[string]string{}, cluster: func(trace string) string { return trace }}
}

// seedsFrom are n seeds in a row.
func seedsFrom(first uint64, n int) []uint64 {
	seeds := make([]uint64, max(0, n))
	for i := range seeds {
		seeds[i] = first + uint64(i)
	}
	return seeds
}

// job checks every flag before anything is played, and tells all faults.
func (f *evaluateFlags) job() (job, error) {
	j := newJob()
	var errs []error
	if f.seeds < 1 || f.seeds > mostSeeds {
		errs = append(errs, fmt.Errorf("--seeds: must be 1 to %d, got %d", mostSeeds, f.seeds))
	}
	if !(f.perReplicaHour > 0 && f.perReplicaHour <= 1e9) {
		errs = append(errs, fmt.Errorf("--cost-per-replica-hour: must be above 0, got %v", f.perReplicaHour))
	}
	if f.variants {
		errs = append(errs, errors.New("--variants: goes with --protocol"))
	}
	if f.folder != "" {
		errs = append(errs, errors.New("--traces: goes with --protocol, --forecasts or --vertical"))
	}
	j.seeds = seedsFrom(f.scenario.seed, min(f.seeds, mostSeeds))
	texts := f.policies
	if len(texts) == 0 {
		texts = bundledPolicies()
	}
	errs = append(errs, j.add(f.contestants, texts, f.sweep), f.addCases(&j))
	return j, errors.Join(errs...)
}

// add makes the contestants, of a sweep all positions of their knobs.
func (j *job) add(contestants app.Contestants, texts []string, sweep bool) error {
	var errs []error
	for _, text := range texts {
		one, err := contestants.Parse(text)
		if err != nil {
			errs = append(errs, fmt.Errorf("--policy %s: %w", text, err))
			continue
		}
		if !sweep || text == evaluate.OracleFamily {
			errs = append(errs, j.addOther(contestants, one, text))
			continue
		}
		s, err := contestants.Sweep(text)
		if err != nil {
			errs = append(errs, fmt.Errorf("--sweep: %w", err))
			continue
		}
		if _, twice := j.knobs[s.Family]; twice {
			errs = append(errs, fmt.Errorf("--policy: %s is given twice: with --sweep its knob is played at all positions", s.Family))
			continue
		}
		j.knobs[s.Family] = s.About
		for _, c := range s.Contestants {
			j.families[c.Name()] = s.Family
			errs = append(errs, j.addOne(c))
		}
	}
	return errors.Join(errs...)
}

// addOther adds one that does not play as another does.
func (j *job) addOther(contestants app.Contestants, c evaluate.Contestant, text string) error {
	key, err := contestants.Key(text)
	if err != nil {
		return fmt.Errorf("--policy %s: %w", text, err)
	}
	if same, twice := j.same[key]; twice && same != c.Name() {
		return fmt.Errorf("--policy: %s is the same as %s: each may be given once", c.Name(), same)
	}
	j.same[key] = c.Name()
	return j.addOne(c)
}

func (j *job) addOne(c evaluate.Contestant) error {
	if slices.ContainsFunc(j.contestants, func(other evaluate.Contestant) bool { return other.Name() == c.Name() }) {
		return fmt.Errorf("--policy: %s is given twice: each may be given once", c.Name())
	}
	j.contestants = append(j.contestants, c)
	return nil
}

// addCases reads the traces.
func (f *evaluateFlags) addCases(j *job) error {
	if !f.flags.Changed("p99-rps") && !f.flags.Changed("peak-rps") {
		f.trace.p99 = p99RPS
	}
	f.trace.warmup, f.trace.shapeWarmup = f.scenario.warmup, 0
	if !f.flags.Changed("warmup") {
		f.trace.shapeWarmup = warmupOfShapes
	}
	base, err := f.scenario.scenario()
	if err == nil {
		err = checkService(base)
	}
	if err != nil {
		return err
	}
	window, err := f.trace.part()
	switch {
	case err != nil:
		return err
	case f.trace.checkScale() != nil:
		return f.trace.checkScale()
	case f.trace.window != "" && window.From < f.trace.warmup:
		return fmt.Errorf("--warmup: needs %v of the load before the window, which begins at %v", scale.Duration(f.trace.warmup), scale.Duration(window.From))
	}
	sources := f.traces
	if !f.flags.Changed("trace") {
		sources = bundledShapes()
	}
	if len(sources) == 0 {
		return errors.New("--trace: must not be empty")
	}
	var errs []error
	for _, source := range sources {
		if source == "" {
			errs = append(errs, errors.New("--trace: must not be empty"))
			continue
		}
		load, err := f.trace.open(source)
		if err != nil {
			errs = append(errs, fmt.Errorf("--trace %s: %w", source, err))
			continue
		}
		c := evaluate.Case{Trace: load.Name, Scenario: base, Fluid: f.fluid}
		c.Scenario.Name, c.Scenario.Load, c.Scenario.Gaps = load.Name, load.Shape, load.Gaps
		c.Scenario.Warmup = load.Warmup
		if f.timeline {
			c.Scenario.Timeline = timelineStep(c.Scenario.Length())
		}
		if slices.ContainsFunc(j.cases, func(other evaluate.Case) bool { return other.Trace == c.Trace }) {
			errs = append(errs, fmt.Errorf("--trace: %s is given twice", load.Name))
			continue
		}
		if err := c.Scenario.Validate(); err != nil {
			errs = append(errs, fmt.Errorf("--trace %s: %w", source, err))
			continue
		}
		j.cases, j.about[c.Trace] = append(j.cases, c), load.Title
	}
	return errors.Join(errs...)
}

// checkService reports what is wrong whatever the load, in the words of flags.
func checkService(s sim.Scenario) error {
	s.Load, s.Warmup = workload.Constant{RPS: 1, For: time.Hour}, 0
	if err := s.Validate(); err != nil {
		words := strings.NewReplacer("objective: threshold", "--slo", "objective: target", "--target", "objective: ", "--slo, --target, --service-…: ",
			"replicas.min", "--min", "replicas.max", "--max", "replicas.initial", "--initial", "sync: ", "--sync: ")
		return errors.New(words.Replace(err.Error()))
	}
	return nil
}

// timelineStep keeps a timeline at a few thousand points.
func timelineStep(length time.Duration) time.Duration {
	return max(secondsOfLine, (length / 2000).Round(secondsOfLine))
}
