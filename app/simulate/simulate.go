// Package simulate puts simulated services behind the documents of flyball
// run: everything is live, the clock, the load and the services excepted.
package simulate

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"sync"

	"github.com/flyball-io/flyball/app"
	"github.com/flyball-io/flyball/balancer"
	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/queueing"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/sim"
	"github.com/flyball-io/flyball/sim/live"
	"github.com/flyball-io/flyball/target"
	"github.com/flyball-io/flyball/workload"
)

// Options are what the documents do not say.
type Options struct {
	// Scenario is the service: its requests, start-up and seed. What documents
	// say is set for each of them ([app.Spec.Scenario]).
	Scenario sim.Scenario
	// Load makes the load of a service with at most so many replicas.
	Load  func(max int) (workload.Shape, error)
	Clock *clock.Fast
	// Log is told of objectives that no number of replicas keeps; nil: nobody is.
	Log *slog.Logger
}

// Services are the simulated services, one for each document.
type Services struct {
	options Options

	mu  sync.Mutex // guards all
	all []*service // in order of their beginning, those that have ended included
}

type service struct {
	spec  app.Spec
	world *live.World
}

// New returns no services yet.
func New(o Options) *Services { return &Services{options: o} }

// Prepare readies specs and returns what must be said of each. Its error lists
// every fault.
func Prepare(specs []app.Spec) (notes []string, err error) {
	var errs []error
	for i := range specs {
		said, err := specs[i].Simulated(live.Signals())
		for _, note := range said {
			notes = append(notes, specs[i].Name+": "+note)
		}
		errs = append(errs, err)
	}
	return notes, errors.Join(errs...)
}

// Open makes the parts of a service, whose load begins at once.
func (s *Services) Open(_ context.Context, spec app.Spec) (app.Parts, error) {
	scenario, err := s.scenario(spec)
	if err != nil {
		return app.Parts{}, err
	}
	world, err := live.New(scenario, s.options.Clock)
	if err != nil {
		return app.Parts{}, err
	}
	if err := scenario.Feasible(); err != nil && spec.Objective != nil && s.options.Log != nil {
		s.options.Log.Warn("the simulated service cannot keep the objective, however many replicas there are: raise spec.objective.latency.threshold, or make the service faster with --service-mean and --service-cv",
			slog.String("target", spec.Name), slog.Any("error", err))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = append(s.all, &service{spec: spec, world: world})
	return app.Parts{Kind: inWords(scenario), Target: scaled{world.Target()}, Plane: plane{world.Balancer()},
		Accept: fixed{s.options.Scenario, scenario}.accept}, nil
}

// scenario is that of one service, as the clock now is.
func (s *Services) scenario(spec app.Spec) (sim.Scenario, error) {
	scenario := spec.Scenario(s.options.Scenario)
	scenario.Start = s.options.Clock.Now()
	var err error
	if scenario.Load, err = s.options.Load(spec.Max); err != nil {
		return sim.Scenario{}, err
	}
	if scenario.Replicas.Initial == 0 {
		scenario.Replicas.Initial = demanded(scenario.Load.Rate(0), scenario.Service)
	}
	return scenario, nil
}

// usual is the share of its capacity that a service should use.
const usual = 0.7

// demanded is about how many replicas a rate needs.
func demanded(rate float64, s queueing.Service) int {
	return int(math.Ceil(rate / (usual * s.CapacityPerReplica())))
}

// LargestRate is what so many replicas carry well.
func LargestRate(replicas int, s queueing.Service) float64 {
	return usual * float64(replicas) * s.CapacityPerReplica()
}

func inWords(s sim.Scenario) string {
	return fmt.Sprintf("simulated service: %v, %d at a time, ready after %v", s.Service.Law, s.Service.Slots, scale.Duration(s.Replicas.Startup))
}

// errFixed refuses a reload that would change the simulated service: its
// scorecard would be of neither.
var errFixed = errors.New("threshold, windows and drainTimeout of a simulated service, and its balancer, can only be changed by a restart")

// fixed is a simulated service, which stays as it is: what is made of a document
// and what plays.
type fixed struct{ base, plays sim.Scenario }

// accept takes a document that says the same of the service.
func (f fixed) accept(spec app.Spec) error {
	next := spec.Scenario(f.base)
	if next.Metrics != f.plays.Metrics || next.Objective.Threshold != f.plays.Objective.Threshold || next.Replicas.Drain != f.plays.Replicas.Drain {
		return errFixed
	}
	return nil
}

// scaled is a target that stays as it is.
type scaled struct{ *live.Target }

var _ target.Managed = scaled{}

// Update has nothing to take over that was not accepted.
func (scaled) Update(context.Context, target.Config) error { return nil }

// plane is a balancer that stays as it is.
type plane struct{ *live.Balancer }

var _ balancer.Reconfigurer = plane{}

// Reconfigure implements [balancer.Reconfigurer].
func (plane) Reconfigure(context.Context, balancer.Config) error { return errFixed }
