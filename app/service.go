// Package app puts the parts together: a document becomes a running service,
// services and dashboard become a controller. It wires; it decides nothing.
package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"reflect"

	"golang.org/x/sync/errgroup"

	"github.com/flyball-io/flyball/advisor"
	"github.com/flyball-io/flyball/app/roles"
	"github.com/flyball-io/flyball/balancer"
	"github.com/flyball-io/flyball/bus"
	"github.com/flyball-io/flyball/control"
	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/record"
	"github.com/flyball-io/flyball/target"
)

// Deps is what services share.
type Deps struct {
	Bus   bus.Bus
	Clock clock.Clock
	// Wall is the clock of people, networks and disks where Clock is that of a
	// simulation; nil: Clock is.
	Wall     clock.Clock
	Log      *slog.Logger
	StateDir string
	// Store keeps what must be remembered; nil: nothing is.
	Store record.Store
	// DieWithController ends the replicas with this process, however it ends.
	DieWithController bool
	// Split says what of the work is this process's; nil: all of it.
	Split *Split
	// Commons is what the advisors of all services share; nil: nothing.
	Commons *advisor.Commons
}

func (d *Deps) wall() clock.Clock {
	if d.Wall != nil {
		return d.Wall
	}
	return d.Clock
}

// Service is one running autoscaler: its replicas, the balancer before them
// and the loop that decides.
type Service struct {
	name    string
	deps    Deps
	spec    Spec
	kind    string
	plane   balancer.Plane
	target  target.Managed
	traffic target.Runner    // asks another process for drains; nil: none is asked
	accept  func(Spec) error // nil: any document
	// What the stages are given anew when it changes: the planner its plan and
	// what is set by hand, the monitor what it reads.
	plans        chan control.Plan
	hands        chan *record.Override
	specs        chan Spec
	counsel      *counsel        // who is asked beside the loop
	router       *control.Router // nil: the balancer is another process's
	initialCount int             // 0: as it was left
	// duty is the executor's, where there may be several.
	duty duty
	// override is what an operator set by hand; nil: nothing.
	override *record.Override
}

// NewService is [NewServiceOf] the document's target behind plane.
func NewService(ctx context.Context, spec Spec, plane balancer.Plane, deps Deps) (*Service, error) {
	parts, err := behind(spec, plane, deps)
	if err != nil {
		return nil, err
	}
	return NewServiceOf(ctx, spec, parts, deps)
}

// NewServiceOf checks everything that can be checked without starting
// anything.
//
// What the store remembers of the service is taken over: its deciders go on
// where those of the last controller stopped.
func NewServiceOf(ctx context.Context, spec Spec, parts Parts, deps Deps) (*Service, error) {
	plan, err := spec.Plan()
	if err != nil {
		return nil, err
	}
	s := &Service{name: spec.Name, deps: deps, spec: spec, kind: parts.Kind, plane: parts.Plane, target: parts.Target, accept: parts.Accept, traffic: parts.Traffic, initialCount: spec.Initial,
		plans: make(chan control.Plan, 1), hands: make(chan *record.Override, 1), specs: make(chan Spec, 1)}
	if _, err := s.sources(spec); err != nil {
		return nil, err
	}
	s.counsel = newCounsel(s.name, &s.deps)
	all, err := s.counsel.prepare(&spec)
	if err != nil {
		return nil, err
	}
	if err := s.recall(ctx, &plan); err != nil {
		return nil, err
	}
	s.counsel.remind(ctx, all)
	if deps.has(roles.Balancer) {
		s.router = &control.Router{Name: s.name, Balancer: s.plane, Reports: control.Reports(deps.Bus, s.name), Clock: deps.Clock, Log: deps.Log}
	}
	s.duty = deps.dutyOf(s.name)
	s.counsel.adopt(all)
	replace(s.plans, plan)
	replace(s.specs, spec)
	return s, nil
}

// Ending says how a service ends when its ctx is done.
type Ending struct {
	// StopReplicas ends the replicas too; otherwise they go on and the next
	// controller adopts them.
	StopReplicas bool
	// Hurry, once done, turns a graceful end into an immediate one.
	Hurry context.Context
}

// Run drives the service until ctx is done or a part fails, and returns when
// all of its work has ended. How the end goes is asked when it has come.
//
// First the loop ends. Where the replicas are to end too, the balancer comes
// next: it takes no more requests while those in progress finish, for after
// the replicas nobody could answer them.
func (s *Service) Run(ctx context.Context, ending func() Ending) error {
	parts, failed := context.WithCancelCause(context.WithoutCancel(ctx))
	defer failed(nil)
	plane := start(parts, "balancer", s.plane.Run, failed)
	turns := start(parts, "lease of the executor", s.duty.run, failed)
	sole := start(parts, "who else may have the target", func(ctx context.Context) error { return s.duty.alone(ctx, s.target) }, failed)
	drains := start(parts, "drains", func(ctx context.Context) error { return s.duty.while(ctx, s.runTraffic) }, failed)
	replicas := start(parts, "target", func(ctx context.Context) error { return s.duty.while(ctx, s.target.Run) }, failed)

	loop, stopLoop := context.WithCancel(ctx)
	defer stopLoop()
	context.AfterFunc(parts, stopLoop) // a part that fails ends the loop
	err := s.initial(loop)
	if err == nil {
		err = s.loop(loop)
	}
	if last := ending(); last.StopReplicas && context.Cause(parts) == nil {
		err = errors.Join(err, s.seeOff(last.Hurry))
		plane.finish(last.Hurry)
		err = errors.Join(err, s.stopPlane(last.Hurry), s.stopReplicas(last.Hurry))
	}
	return errors.Join(err, replicas.end(), drains.end(), sole.end(), turns.end(), plane.end())
}

// runTraffic keeps up what asks another process for drains.
func (s *Service) runTraffic(ctx context.Context) error {
	if s.traffic != nil {
		return s.traffic.Run(ctx)
	}
	<-ctx.Done()
	return nil
}

// initial sets the count to start with. Of several executors the one that
// carries out does.
func (s *Service) initial(ctx context.Context) error {
	if s.deps.Split != nil {
		return nil
	}
	return s.setInitial(ctx)
}

func (s *Service) setInitial(ctx context.Context) error {
	if s.initialCount == 0 || !s.deps.has(roles.Executor) {
		return nil
	}
	if err := s.target.SetReplicas(ctx, s.initialCount); err != nil && ctx.Err() == nil {
		return err
	}
	return nil
}

// stopPlane ends a data plane that goes on by itself.
func (s *Service) stopPlane(hurry context.Context) error {
	if stopper, ok := s.plane.(balancer.Stopper); ok {
		return stopper.Stop(hurry)
	}
	return nil
}

// stopReplicas drains and ends every replica; by force when hurried, which is
// no failure: to leave one behind is. Replicas that are somebody else's stay.
func (s *Service) stopReplicas(hurry context.Context) error {
	stopper, ours := s.target.(target.Stopper)
	if !ours {
		s.deps.Log.Info("the replicas go on: they are not the controller's", slog.String("target", s.name))
		return nil
	}
	err := stopper.Stop(hurry)
	if err != nil && hurry.Err() != nil && errors.Is(err, hurry.Err()) {
		return nil
	}
	return err
}

// loop runs the stages until ctx is done.
func (s *Service) loop(ctx context.Context) error {
	g, running := errgroup.WithContext(ctx)
	if s.deps.Split != nil {
		s.stages(running, g)
	} else {
		s.balance(running, g)
		g.Go(func() error { return s.executor().Run(running) })
		g.Go(func() error { return s.planner(nil).Run(running) })
	}
	g.Go(func() error { return s.measure(running) })
	g.Go(func() error { return s.counsel.run(running) })
	return unlessDone(ctx, g.Wait())
}

func (s *Service) executor() *control.Executor {
	b := s.deps.Bus
	return &control.Executor{Name: s.name, Target: s.target, Decisions: control.Decisions(b, s.name), Changes: control.Changes(b, s.name), Log: s.deps.Log,
		Clock: s.deps.Clock}
}

func (s *Service) planner(lease bus.Lease) *control.Planner {
	b := s.deps.Bus
	return &control.Planner{Name: s.name, Reports: control.Reports(b, s.name), Decisions: control.Decisions(b, s.name),
		Changes: control.Changes(b, s.name), Memories: control.Memories(b, s.name), Clock: s.deps.Clock, Log: s.deps.Log,
		Plans: s.plans, Overrides: s.hands, Lease: lease, Counsel: s.counsel}
}

// unlessDone is err, unless it only says that ctx is done.
func unlessDone(ctx context.Context, err error) error {
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// part is a component that runs beside the loop.
type part struct {
	cancel context.CancelFunc
	done   chan struct{} // closed when it has ended
	err    error         // why; valid then
}

// start runs a component; should it end by itself, failed is told why.
func start(ctx context.Context, name string, run func(context.Context) error, failed context.CancelCauseFunc) *part {
	ctx, cancel := context.WithCancel(ctx)
	p := &part{cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(p.done)
		p.err = run(ctx)
		if p.err == nil && ctx.Err() == nil {
			p.err = fmt.Errorf("%s ended by itself", name)
		}
		if p.err != nil {
			failed(p.err)
		}
	}()
	return p
}

// finish stops the component and waits for it, but not when hurried.
func (p *part) finish(hurry context.Context) {
	p.cancel()
	select {
	case <-p.done:
	case <-hurry.Done():
	}
}

// end stops the component and waits for it.
func (p *part) end() error {
	p.cancel()
	<-p.done
	return p.err
}

// Update takes over a changed document while the service runs. A changed
// command is rolled out replica by replica.
func (s *Service) Update(ctx context.Context, spec Spec) error {
	plan, err := spec.Plan()
	if err != nil {
		return err
	}
	asked, err := s.counsel.prepare(&spec)
	if err != nil {
		return err
	}
	if s.accept != nil {
		if err := s.accept(spec); err != nil {
			return err
		}
	}
	if err := s.reconfigure(ctx, spec.Balancer); err != nil {
		return err
	}
	if err := s.target.Update(ctx, spec.Target); err != nil {
		return err
	}
	plan.Since = s.deps.Clock.Now()
	before := s.spec
	s.spec = spec
	replace(s.plans, plan)
	s.counsel.adopt(asked)
	if !same(before.Sources, spec.Sources) || before.interval() != spec.interval() {
		replace(s.specs, spec)
	}
	return nil
}

// replace gives a stage something new in the place of what it has not taken
// yet. Nobody waits: one goroutine gives, into a channel with room for one.
func replace[T any](to chan T, what T) {
	select {
	case <-to:
	default:
	}
	to <- what
}

// reconfigure changes the balancer, if its configuration differs.
func (s *Service) reconfigure(ctx context.Context, cfg balancer.Config) error {
	if reflect.DeepEqual(s.spec.Balancer, cfg) {
		return nil
	}
	r, ok := s.plane.(balancer.Reconfigurer)
	if !ok {
		return errors.New("balancer: its configuration can only be changed by a restart")
	}
	if err := r.Reconfigure(ctx, cfg); err != nil {
		return err
	}
	s.spec.Balancer = cfg
	return nil
}
