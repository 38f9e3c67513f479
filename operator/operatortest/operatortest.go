// Package operatortest is what an operator scales in tests: services that have a
// count and a load, and nothing else. The targets of clusters have tests of their
// own.
package operatortest

import (
	"context"
	"fmt"
	"sync"

	"github.com/flyball-io/flyball/balancer"
	balancermemory "github.com/flyball-io/flyball/balancer/memory"
	"github.com/flyball-io/flyball/builtin"
	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/target"
)

// Kinds of the target and of the balancer.
const (
	Target   = "fake"
	Balancer = "nobody"
)

// World holds services by name, each with one replica at first. They are somebody
// else's: they outlive whoever scales them. Its methods may be called from several
// goroutines.
type World struct {
	mu       sync.Mutex // guards what follows
	services map[string]*state
}

type state struct {
	count  int
	rate   float64 // requests a second
	unread error   // why the count cannot be read
	broken error   // why it cannot be looked after
}

// New returns a world without services; each is there once it is named.
func New() *World { return &World{services: map[string]*state{}} }

func (w *World) with(name string, do func(*state)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.services[name]
	if s == nil {
		s = &state{count: 1, rate: 10}
		w.services[name] = s
	}
	do(s)
}

// Count is how many replicas a service has.
func (w *World) Count(name string) (n int) {
	w.with(name, func(s *state) { n = s.count })
	return n
}

// Set gives a service so many replicas.
func (w *World) Set(name string, n int) { w.with(name, func(s *state) { s.count = n }) }

// Load sends a service requests/s from now on; it begins with 10.
func (w *World) Load(name string, rate float64) { w.with(name, func(s *state) { s.rate = rate }) }

// Hide has nobody read a service; nil shows it again.
func (w *World) Hide(name string, why error) { w.with(name, func(s *state) { s.unread = why }) }

// Break ends whoever begins to look after a service; nil mends it.
func (w *World) Break(name string, why error) { w.with(name, func(s *state) { s.broken = why }) }

// Plugins are those that ship, and those of the world.
func (w *World) Plugins() *builtin.Registry {
	r := builtin.New()
	builtin.RegisterConfig(&r.Targets, Target, func() config { return config{world: w} })
	builtin.RegisterConfig(&r.Balancers, Balancer, func() nobody { return nobody{} })
	return r
}

// config is the configuration of a target.
type config struct {
	Name      string `json:"name" jsonschema:"required,description=Name of the service"`
	Namespace string `json:"namespace,omitempty" jsonschema:"description=Namespace of the service"`
	Refuse    bool   `json:"refuse,omitempty" jsonschema:"description=It cannot be opened"`
	Missing   bool   `json:"missing,omitempty" jsonschema:"description=What it needs is not there yet"`
	world     *World
}

func (config) Validate() error { return nil }
func (c *config) Facts() target.Facts {
	return target.Facts{Description: "fake " + c.Name, Claims: []string{"scales " + c.Name}, Signals: []string{scale.RequestRate}}
}
func (c *config) Check() error {
	if c.Missing {
		return fmt.Errorf("%s is not there yet", c.Name)
	}
	return nil
}
func (c *config) Open(string, target.Options) (target.Managed, error) {
	if c.Refuse {
		return nil, fmt.Errorf("there is no %s", c.Name)
	}
	return service{c.Name, c.world}, nil
}

// service is one of the world under a controller.
type service struct {
	name  string
	world *World
}

func (s service) Status(context.Context) (status target.Status, err error) {
	s.world.with(s.name, func(is *state) {
		status, err = target.Status{At: clock.System.Now(), SpecReplicas: is.count}, is.unread
	})
	for i := range status.SpecReplicas {
		status.Replicas = append(status.Replicas, scale.Replica{ID: fmt.Sprintf("%s-%03d", s.name, i), Phase: scale.Running, Readiness: scale.Readiness{Known: true, Ready: true}})
	}
	return status, err
}

func (s service) SetReplicas(_ context.Context, n int) error {
	s.world.Set(s.name, n)
	return nil
}

func (s service) Collect(context.Context) (samples []scale.Sample, err error) {
	s.world.with(s.name, func(is *state) {
		samples = []scale.Sample{{Signal: scale.RequestRate, Value: is.rate, At: clock.System.Now()}}
	})
	return samples, nil
}

func (s service) Run(ctx context.Context) (err error) {
	s.world.with(s.name, func(is *state) { err = is.broken })
	if err == nil {
		<-ctx.Done()
	}
	return err
}

func (service) Changes() <-chan struct{}                    { return nil }
func (service) Update(context.Context, target.Config) error { return nil }
func (service) Signals() []string                           { return []string{scale.RequestRate} }

// nobody balances.
type nobody struct{}

func (nobody) Validate() error            { return nil }
func (*nobody) Complete(balancer.Service) {}
func (*nobody) Facts() balancer.Facts     { return balancer.Facts{} }
func (*nobody) Check() error              { return nil }
func (*nobody) Open(context.Context, string, balancer.Options) (balancer.Plane, error) {
	return idle{&balancermemory.Balancer{}}, nil
}

type idle struct{ *balancermemory.Balancer }

func (idle) Signals() []string                               { return nil }
func (idle) Collect(context.Context) ([]scale.Sample, error) { return nil, nil }
func (idle) Run(ctx context.Context) error {
	<-ctx.Done()
	return nil
}
