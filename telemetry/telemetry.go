// Package telemetry is Flyball's word about itself for Prometheus. It hears of
// everything on the bus, as the dashboard does, so no stage knows of it. Names
// are constants, labels take few values, and what was said of a target goes
// with it.
package telemetry

import (
	"context"
	"errors"
	"net/http"
	"runtime"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/flyball-io/flyball/bus"
	"github.com/flyball-io/flyball/control"
	"github.com/flyball-io/flyball/internal/calls"
	"github.com/flyball-io/flyball/internal/clock"
)

// Options say what is measured.
type Options struct {
	Bus     bus.Bus
	Clock   clock.Clock
	Version string   // of the program
	Targets []Target // others are another instance's
}

// Metrics counts what it hears. Its methods may be called from several
// goroutines.
type Metrics struct {
	opts     Options
	registry *prometheus.Registry

	counters   map[string]*prometheus.CounterVec
	histograms map[string]*prometheus.HistogramVec

	mu      sync.Mutex // guards what follows, and that nothing is counted of a target after it went
	targets map[string]*target
	judge   Judge
	record  progress
	stale   bool // the newest documents were refused
}

// Kept says how far the objective of a target is kept.
type Kept struct {
	// Violations is the share of the requests of its window that were not good, NaN
	// without requests.
	Violations float64
	Met        bool
	// Requests were judged since it is stated, Bad of them were not good.
	Requests, Bad float64
}

// Judge says how far the objective of a target is kept; false when none is
// stated.
type Judge func(target string) (kept Kept, stated bool)

// New returns metrics that know their targets but have heard nothing yet.
func New(o Options) *Metrics {
	m := &Metrics{
		opts: o, registry: prometheus.NewRegistry(), targets: map[string]*target{},
		counters: map[string]*prometheus.CounterVec{}, histograms: map[string]*prometheus.HistogramVec{},
	}
	m.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), calls.Process(), newScraped(m))
	m.register()
	m.zero()
	m.SetTargets(o.Targets)
	return m
}

// JudgedBy says who judges objectives.
func (m *Metrics) JudgedBy(by Judge) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.judge = by
}

// SetTargets replaces the targets, as after a reload. What was said of those
// that are gone is gone too.
func (m *Metrics) SetTargets(all []Target) {
	m.mu.Lock()
	defer m.mu.Unlock()
	kept := make(map[string]*target, len(all))
	for _, is := range all {
		t := m.targets[is.Name]
		if t == nil {
			t = newTarget(is, m.opts.Clock.Now())
		}
		t.is, kept[is.Name] = is, t
	}
	m.targets = kept
}

// Handler serves the metrics as text.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4, EnableOpenMetrics: true, ErrorHandling: promhttp.ContinueOnError})
}

// Run listens on the bus until ctx is done.
func (m *Metrics) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var hearing sync.WaitGroup
	defer hearing.Wait()
	ended := make(chan struct{}, 5)
	errs := []error{
		hear(ctx, &hearing, ended, control.Reports(m.opts.Bus, control.All), m.report),
		hear(ctx, &hearing, ended, control.Decisions(m.opts.Bus, control.All), m.decided),
		hear(ctx, &hearing, ended, control.Changes(m.opts.Bus, control.All), m.applied),
		hear(ctx, &hearing, ended, control.Events(m.opts.Bus, control.All), m.happened),
		hear(ctx, &hearing, ended, control.Exchanges(m.opts.Bus, control.All), m.exchanged),
	}
	if err := errors.Join(errs...); err != nil {
		cancel()
		return err
	}
	select {
	case <-ctx.Done():
		return nil
	case <-ended:
		if ctx.Err() != nil {
			return nil
		}
		return errors.New("telemetry: the bus ended the subscription")
	}
}

// hear hands every message of a topic to take, until ctx is done.
func hear[T any](ctx context.Context, hearing *sync.WaitGroup, ended chan<- struct{}, topic bus.Topic[T], take func(T)) error {
	messages, err := topic.Subscribe(ctx)
	if err != nil {
		return err
	}
	hearing.Go(func() {
		for m := range messages {
			take(m)
		}
		ended <- struct{}{}
	})
	return nil
}

func goVersion() string { return runtime.Version() }

// of calls do with what is remembered of a target, unless it is another
// instance's or a reload removed it.
func (m *Metrics) of(name string, do func(*target)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if t := m.targets[name]; t != nil {
		do(t)
	}
}
