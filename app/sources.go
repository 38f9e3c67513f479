package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/flyball-io/flyball/api/v1alpha1"
	"github.com/flyball-io/flyball/app/roles"
	"github.com/flyball-io/flyball/builtin"
	"github.com/flyball-io/flyball/control"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/source"
)

// SourceSpec is a source that the document names for a signal.
type SourceSpec struct {
	Signal  string
	Plugin  scale.Plugin
	Signals []string // what it may deliver
	// Interval is the time between two measurements; 0 for a source whose own
	// configuration says so.
	Interval scale.Duration `json:"interval"`
	// MaxAge is how old its signals may be before they are stale; 0 leaves it
	// to how often they come.
	MaxAge scale.Duration `json:"maxAge"`

	build func(source.Env) (source.Source, error)
	pace  scale.Duration // what its own configuration says; 0: nothing
	// independent: it may measure while there is no replica.
	independent bool
}

// name of the source in reports and logs.
func (s SourceSpec) name() string { return s.Plugin.Kind + " " + s.Signal }

func newSourceSpec(in v1alpha1.Signal, sync scale.Duration, plugins *builtin.Registry) (SourceSpec, error) {
	s := SourceSpec{Signal: in.Name, Plugin: in.Source, Interval: in.Interval, MaxAge: in.MaxAge}
	if s.Interval == 0 {
		s.Interval = usualInterval(sync)
	}
	s.build = func(env source.Env) (source.Source, error) { return plugins.Sources.New(in.Name, in.Source, env) }
	built, err := s.build(source.Env{})
	if err != nil {
		return s, err
	}
	s.Signals = built.Signals()
	if free, ok := built.(source.Independent); ok {
		s.independent = free.Independent()
	}
	if own, ok := built.(source.Paced); ok {
		s.Interval, s.pace = 0, scale.Duration(own.Interval())
		if in.Interval != 0 {
			return s, fmt.Errorf("interval: %s has one of its own: state it here, and not beside name", in.Source.Kind)
		}
	}
	return s, nil
}

// usualInterval is a third of the time between two decisions: each has a new
// value although one measurement failed. A server is asked at most once a
// second, and at least four times a minute.
func usualInterval(sync scale.Duration) scale.Duration {
	return min(max(sync/3, scale.Duration(time.Second)), scale.Duration(15*time.Second))
}

// ageFault reports a signal that would be stale before its next value.
func (s SourceSpec) ageFault() error {
	if every := max(s.Interval, s.pace); s.MaxAge != 0 && s.MaxAge < every {
		return fmt.Errorf("maxAge: must be at least the interval (%v), got %v", every, s.MaxAge)
	}
	return nil
}

// same reports whether a running source of one spec will do for the other.
func (s SourceSpec) same(other SourceSpec) bool {
	return s.Signal == other.Signal && s.Interval == other.Interval && reflect.DeepEqual(s.Plugin, other.Plugin)
}

// same reports whether two lists of sources are the same.
func same(a, b []SourceSpec) bool { return slices.EqualFunc(a, b, SourceSpec.same) }

// MaxAge is how old a signal may be before it is stale, as long as nothing is
// known of how often it comes.
func (s *Spec) MaxAge(signal string) time.Duration {
	if stated, ok := s.maxAges()[signal]; ok {
		return stated
	}
	return s.maxAge()
}

// maxAges are those that the document states, by signal.
func (s *Spec) maxAges() map[string]time.Duration {
	ages := map[string]time.Duration{}
	for _, src := range s.Sources {
		for _, name := range src.Signals {
			if src.MaxAge > 0 {
				ages[name] = src.MaxAge.Std()
			}
		}
	}
	return ages
}

// spacings are how far apart the values of the target's signals are at most,
// where it says so.
func (s *Spec) spacings() map[string]time.Duration {
	apart, facts := map[string]time.Duration{}, s.served()
	if facts.Spacing > 0 {
		for _, name := range facts.Signals {
			apart[name] = facts.Spacing.Std()
		}
	}
	return apart
}

// named are the signals that the document's sources deliver.
func (s *Spec) named() []string {
	var names []string
	for _, src := range s.Sources {
		names = append(names, src.Signals...)
	}
	return names
}

// measured reports the signals that a policy decides on and nobody measures:
// it would hold for ever without saying why.
func (s *Spec) measured(spec PolicySpec) error {
	if spec.build == nil || s.Target == nil || s.Balancer == nil {
		return nil // at fault already
	}
	p, err := spec.build(s.env())
	if err != nil {
		return err
	}
	facts := s.Target.Facts()
	known := slices.DeleteFunc(slices.Clone(facts.Signals), func(name string) bool { return facts.Unreliable[name] != "" })
	known = slices.Concat(known, s.Balancer.Facts().Signals, s.named())
	slices.Sort(known)
	known = slices.Compact(known)
	var errs []error
	for _, name := range p.Signals() {
		switch {
		case slices.Contains(known, name):
		case facts.Unreliable[name] != "":
			errs = append(errs, fmt.Errorf("%s: the signal %q is not to be relied on: %s; name a source for it below signals, or another signal: %s", spec.Kind, name, facts.Unreliable[name], strings.Join(known, ", ")))
		default:
			errs = append(errs, fmt.Errorf("%s: nobody measures the signal %q; measured here: %s; others come from an entry below signals", spec.Kind, name, strings.Join(known, ", ")))
		}
	}
	return errors.Join(errs...)
}

// without is a source some of whose signals come from elsewhere: those that
// the document names a source for.
type without struct {
	source.Source
	names []string
}

func (w without) Signals() []string {
	return slices.DeleteFunc(w.Source.Signals(), func(name string) bool { return slices.Contains(w.names, name) })
}

func (w without) Collect(ctx context.Context) ([]scale.Sample, error) {
	samples, err := w.Source.Collect(ctx)
	return slices.DeleteFunc(samples, func(s scale.Sample) bool { return slices.Contains(w.names, s.Signal) }), err
}

// reader is a source of the document that runs, or is to.
type reader struct {
	spec   SourceSpec
	source source.Source
	part   *part // nil: it has not been started
}

// sources builds what the document names, by name; nothing is started.
func (s *Service) sources(spec Spec) (map[string]*reader, error) {
	all := map[string]*reader{}
	if !s.deps.has(roles.Monitor) {
		return all, nil
	}
	for _, src := range spec.Sources {
		env := source.Env{Target: s.name, Namespace: spec.namespace(), Clock: s.deps.Clock, Log: s.deps.Log, Interval: src.Interval.Std(), Replicas: s.replicas}
		if s.deps.Bus != nil {
			env.Subscribe = s.deps.Bus.Subscribe
		}
		built, err := src.build(env)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", src.name(), err)
		}
		if _, runs := built.(source.Runner); !runs {
			built = newPolled(built, src.Interval.Std(), s.deps.Clock)
		}
		all[src.name()] = &reader{spec: src, source: built}
	}
	return all, nil
}

// namespace is that of the target, else of the document: where sources look
// that are told of no other.
func (s *Spec) namespace() string {
	if placed, ok := s.Target.(interface{ Where() string }); ok {
		return cmp.Or(placed.Where(), s.doc.Metadata.Namespace)
	}
	return s.doc.Metadata.Namespace
}

func (s *Service) replicas(ctx context.Context) ([]scale.Replica, error) {
	status, err := s.target.Status(ctx)
	return status.Replicas, err
}

// measure looks until ctx is done, anew each time the document names other
// sources or another interval. A source that is named as before runs on: what
// it has counted since it started is not lost.
func (s *Service) measure(ctx context.Context) error {
	running := map[string]*reader{}
	defer func() { end(running) }()
	for spec, again := <-s.specs, true; again; {
		next, err := s.sources(spec)
		if err != nil {
			return err
		}
		s.takeOver(ctx, running, next)
		running = next
		looking, stop := context.WithCancel(ctx)
		ended := make(chan error, 1)
		go func(spec Spec) { ended <- s.look(looking, spec, next) }(spec)
		select {
		case spec = <-s.specs:
			stop()
			err = <-ended
		case err = <-ended:
			again = false
		}
		stop()
		if err != nil {
			return err
		}
	}
	return nil
}

// takeOver puts what runs already in the place of what is to run and is the
// same, ends the rest and starts what is new.
func (s *Service) takeOver(ctx context.Context, running, next map[string]*reader) {
	for name, r := range next {
		if old, ok := running[name]; ok && old.spec.same(r.spec) && old.runs() {
			next[name] = old
			delete(running, name)
		}
	}
	end(running)
	for name, r := range next {
		if r.part == nil {
			r.part = s.startReader(ctx, name, r.source)
		}
	}
}

// startReader runs a source. When it ends its signals grow stale, which the
// guards know how to take.
func (s *Service) startReader(ctx context.Context, name string, src source.Source) *part {
	run := func(ctx context.Context) error {
		err := src.(source.Runner).Run(ctx)
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	return start(ctx, name, run, func(err error) {
		s.deps.Log.Error("source ended", slog.String("target", s.name), slog.String("source", name), slog.Any("error", err))
	})
}

// runs reports whether the source has not ended by itself.
func (r *reader) runs() bool {
	select {
	case <-r.part.done:
		return false
	default:
		return true
	}
}

// end stops sources, all at the same time, and waits for them.
func end(running map[string]*reader) {
	for _, r := range running {
		r.part.cancel()
	}
	for _, r := range running {
		_ = r.part.end() // was logged
	}
}

// look runs the monitor until ctx is done. Only the executor that looks after
// the target says what is: another one knows other replicas, or none.
func (s *Service) look(ctx context.Context, spec Spec, readers map[string]*reader) error {
	return s.duty.during(ctx, s.duty.held, func(ctx context.Context, held bool) error {
		return s.lookAs(ctx, spec, readers, held && s.deps.has(roles.Executor))
	})
}

func (s *Service) lookAs(ctx context.Context, spec Spec, readers map[string]*reader, executor bool) error {
	named := spec.named()
	all := map[string]source.Source{}
	if s.deps.has(roles.Balancer) {
		all["balancer"] = without{s.plane, named}
	}
	if executor {
		all["target usage"] = without{s.target, named} // "target" is its status
	}
	for name, r := range readers {
		all[name] = r.source
	}
	m := &control.Monitor{Name: s.name, Target: s.target, Sources: all, Interval: spec.interval(),
		Reports: control.Reports(s.deps.Bus, s.name), Clock: s.deps.Clock, Log: s.deps.Log}
	if s.router != nil {
		reach := &reach{balancer: s.plane, clock: s.deps.Clock}
		m.Conditions = func() []scale.Condition { return append(s.router.Conditions(), reach.conditions()...) }
		m.Carried = reach.carriedNow
	}
	if split := s.deps.Split; split != nil {
		m.By, m.Reports = split.Roles.String(), control.Reports(split.Far, s.name)
		if !executor {
			m.Target = nil
		}
		if m.Target == nil && len(all) == 0 {
			<-ctx.Done() // there is nothing to say
			return nil
		}
	}
	return unlessDone(ctx, m.Run(ctx))
}
