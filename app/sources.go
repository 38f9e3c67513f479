package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/flyball-io/flyball/api/v1alpha1"
	proxy "github.com/flyball-io/flyball/balancer/builtin"
	"github.com/flyball-io/flyball/builtin"
	"github.com/flyball-io/flyball/control"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/source"
	"github.com/flyball-io/flyball/target/process"
)

// SourceSpec is a source that the document names for a signal.
type SourceSpec struct {
	Signal  string
	Plugin  scale.Plugin
	Signals []string // what it may deliver
	build   func(source.Env) (source.Source, error)
}

// name of the source in reports and logs.
func (s SourceSpec) name() string { return s.Plugin.Kind + " " + s.Signal }

func newSourceSpec(in v1alpha1.Signal, plugins *builtin.Registry) (SourceSpec, error) {
	s := SourceSpec{Signal: in.Name, Plugin: in.Source}
	s.build = func(env source.Env) (source.Source, error) { return plugins.Sources.New(in.Name, in.Source, env) }
	built, err := s.build(source.Env{})
	if err != nil {
		return s, err
	}
	s.Signals = built.Signals()
	return s, nil
}

// same reports whether two lists of sources are the same.
func same(a, b []SourceSpec) bool {
	return slices.EqualFunc(a, b, func(x, y SourceSpec) bool {
		return x.Signal == y.Signal && reflect.DeepEqual(x.Plugin, y.Plugin)
	})
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
	if spec.build == nil {
		return nil // at fault already
	}
	p, err := spec.build(s.env())
	if err != nil {
		return err
	}
	known := slices.Concat(proxy.Signals(), process.Signals(), s.named())
	slices.Sort(known)
	known = slices.Compact(known)
	var errs []error
	for _, name := range p.Signals() {
		if !slices.Contains(known, name) {
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

// sources builds everything that measures the service.
func (s *Service) sources(spec Spec) (map[string]source.Source, error) {
	named := spec.named()
	all := map[string]source.Source{
		"balancer":  without{s.plane, named},
		"processes": without{s.target, named},
	}
	for _, src := range spec.Sources {
		built, err := src.build(source.Env{
			Target: s.name, Clock: s.deps.Clock, Log: s.deps.Log, Interval: spec.interval(), Replicas: s.replicas,
		})
		if err != nil {
			return nil, fmt.Errorf("%s: %w", src.name(), err)
		}
		all[src.name()] = built
	}
	return all, nil
}

func (s *Service) replicas(ctx context.Context) ([]scale.Replica, error) {
	status, err := s.target.Status(ctx)
	return status.Replicas, err
}

// measure looks until ctx is done, anew each time the document names other
// sources or another interval.
func (s *Service) measure(ctx context.Context) error {
	for spec, again := <-s.specs, true; again; {
		looking, stop := context.WithCancel(ctx)
		ended := make(chan error, 1)
		go func(spec Spec) { ended <- s.look(looking, spec) }(spec)
		var err error
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

// look runs the monitor and the sources until ctx is done.
func (s *Service) look(ctx context.Context, spec Spec) error {
	sources, err := s.sources(spec)
	if err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	for name, src := range sources {
		if runner, ok := src.(source.Runner); ok {
			g.Go(func() error {
				if err := runner.Run(ctx); err != nil && ctx.Err() == nil {
					// Its signals grow stale, which the guards know how to take.
					s.deps.Log.Error("source ended", slog.String("target", s.name), slog.String("source", name), slog.Any("error", err))
				}
				return nil
			})
		}
	}
	g.Go(func() error {
		return (&control.Monitor{Name: s.name, Target: s.target, Sources: sources, Interval: spec.interval(),
			Reports: control.Reports(s.deps.Bus, s.name), Clock: s.deps.Clock, Log: s.deps.Log}).Run(ctx)
	})
	return unlessDone(ctx, g.Wait())
}
