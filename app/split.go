package app

import (
	"context"
	"log/slog"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/flyball-io/flyball/app/roles"
	"github.com/flyball-io/flyball/balancer"
	"github.com/flyball-io/flyball/bus"
	"github.com/flyball-io/flyball/control"
	"github.com/flyball-io/flyball/internal/containers"
	"github.com/flyball-io/flyball/record"
	"github.com/flyball-io/flyball/target"
)

// drainPatience is how much longer than its drainTimeout a replica waits for a
// balancer that has not heard that it is to leave it alone.
const drainPatience = 10 * time.Second

// Split says how the roles of a controller share its work over several
// processes.
type Split struct {
	// Roles are those of this process.
	Roles roles.Set
	// Far is the bus between the processes. That of Deps is a [roles.Bus] over it.
	Far bus.Bus
	// Lease returns what the planner of a target must hold for its decisions to
	// count.
	Lease func(target string) RunningLease
	// ExecutorLease returns what an executor must hold to look after a target;
	// nil: there is one.
	ExecutorLease func(target string) RunningLease
	// DryRun lets the executor acknowledge decisions and change nothing.
	DryRun bool

	mu     sync.Mutex // guards leases
	leases map[string]bus.Lease
}

// RunningLease is a lease that is tried for while it runs.
type RunningLease interface {
	bus.Lease
	Run(ctx context.Context) error
}

// roles are those of this process; none: all.
func (d *Deps) roles() roles.Set {
	if d.Split == nil {
		return nil
	}
	return d.Split.Roles
}

// has reports whether this process has one of the roles.
func (d *Deps) has(any ...roles.Role) bool { return d.roles().Has(any...) }

// lease returns that of a target; nil where there is one planner.
func (d *Deps) lease(name string) RunningLease {
	if d.Split == nil {
		return nil
	}
	l := d.Split.Lease(name)
	d.Split.mu.Lock()
	defer d.Split.mu.Unlock()
	if d.Split.leases == nil {
		d.Split.leases = map[string]bus.Lease{}
	}
	d.Split.leases[name] = l
	return l
}

// speaksFor reports whether this process tells what happens to a target: of
// several planners one does.
func (d *Deps) speaksFor(name string) bool {
	if d.Split == nil {
		return true
	}
	d.Split.mu.Lock()
	l := d.Split.leases[name]
	d.Split.mu.Unlock()
	if l == nil {
		return false
	}
	_, held := l.Term()
	return held
}

// elsewherePlane stands in for the balancer of another process.
func (s *Spec) elsewherePlane() balancer.Plane { return roles.Plane{Measure: s.front().Signals} }

// traffic is how the target of this process asks for drains: the balancer
// itself where that is here too.
func (d *Deps) traffic(s Spec, plane balancer.Plane) target.Traffic {
	if d.has(roles.Balancer) {
		return plane
	}
	patience := s.served().DrainTimeout.Std() + drainPatience
	return control.NewRemoteTraffic(s.Name, d.Split.Far, patience, d.Clock, d.Log)
}

// openTarget opens the target of a document, or what stands in for it where
// another process scales it.
func (d *Deps) openTarget(s Spec, traffic target.Traffic) (target.Managed, error) {
	if !d.has(roles.Executor) {
		return &roles.Target{Reports: control.Reports(d.Bus, s.Name), Clock: d.Clock, Measure: s.served().Signals}, nil
	}
	t, err := s.Target.Open(s.Name, d.forTarget(traffic))
	if err == nil && d.Split != nil && d.Split.DryRun {
		t = roles.Dry{Managed: t}
	}
	return t, err
}

// stages are what the loop of a service runs beside the monitor in a process
// with some of the roles.
func (s *Service) stages(ctx context.Context, g *errgroup.Group) {
	split, log, name := s.deps.Split, s.deps.Log, s.name
	g.Go(func() error {
		return (&control.Gatherer{Parts: control.Reports(split.Far, name), Whole: control.Reports(s.deps.Bus, name), Log: log}).Run(ctx)
	})
	if s.deps.has(roles.Balancer) {
		s.balance(ctx, g)
	}
	if s.deps.has(roles.Executor) {
		g.Go(func() error { return s.duty.whileHeld(ctx, s.execute) })
		s.callTheRoll(ctx, g)
	}
	if s.deps.has(roles.Planner) {
		lease := s.deps.lease(name)
		g.Go(func() error { return lease.Run(ctx) })
		g.Go(func() error { return s.planner(lease).Run(ctx) })
		g.Go(func() error { return s.takeHands(ctx) })
	}
}

func (s *Service) balance(ctx context.Context, g *errgroup.Group) {
	router := s.router
	if !s.deps.has(roles.Executor) {
		drainer := s.drainer()
		router.Leaving = drainer.Leaving
		g.Go(func() error { return drainer.Run(ctx) })
	}
	g.Go(func() error { return router.Run(ctx) })
}

// drainer drains what the executor of another process ends.
func (s *Service) drainer() *control.Drainer {
	far := s.deps.Split.Far
	return &control.Drainer{Name: s.name, Balancer: s.plane, Wanted: control.WantedDrains(far, s.name), Done: control.DoneDrains(far, s.name),
		Clock: s.deps.Clock, Log: s.deps.Log}
}

// drained is how long an executor wants nothing drained before it is believed
// to have ended everything: it begins all drains at about the same time.
const drained = 2 * time.Second

// seeOff drains what the executor of another process ends with the document,
// until that wants nothing drained any more or is not heard of. Only then may
// the balancer end: requests in progress would be lost with it.
func (s *Service) seeOff(hurry context.Context) error {
	if s.deps.Split == nil || !s.deps.has(roles.Balancer) || s.deps.has(roles.Executor) {
		return nil
	}
	ctx, cancel := context.WithCancel(hurry)
	g, ctx := errgroup.WithContext(ctx)
	wanted, err := control.WantedDrains(s.deps.Split.Far, s.name).Subscribe(ctx)
	if err != nil {
		cancel()
		return unlessDone(ctx, err)
	}
	g.Go(func() error { return s.drainer().Run(ctx) })
	s.untilDrained(ctx, wanted)
	cancel()
	return unlessDone(ctx, g.Wait())
}

func (s *Service) untilDrained(ctx context.Context, wanted <-chan control.Drains) {
	patience := drainPatience
	for begun := false; ; {
		select {
		case <-ctx.Done():
			return
		case <-s.deps.Clock.After(patience):
			return
		case w, open := <-wanted:
			if !open {
				return
			}
			begun = begun || len(w.IDs) > 0
			if patience = drainPatience; begun && len(w.IDs) == 0 {
				patience = drained
			}
		}
	}
}

// callTheRoll tells those who measure without an engine which container each
// replica is.
func (s *Service) callTheRoll(ctx context.Context, g *errgroup.Group) {
	made, ofContainers := s.target.(containers.Roller)
	if !ofContainers {
		return
	}
	rolls := bus.Topic[containers.Roll]{Bus: s.deps.Bus, Subject: containers.RollSubject(s.name)}
	g.Go(func() error {
		return s.duty.whileHeld(ctx, func(ctx context.Context) error { return containers.Announce(ctx, s.deps.Clock, rolls.Publish, made) })
	})
}

func (s *Service) execute(ctx context.Context) error {
	fence, err := control.OpenFence(filepath.Join(s.deps.StateDir, s.name+".fence.json"))
	if err != nil {
		return err
	}
	if err := s.setInitial(ctx); err != nil {
		return err
	}
	executor := s.executor()
	executor.Fence = fence
	if s.duty.lease != nil {
		executor.Lease = s.duty.lease
	}
	return executor.Run(ctx)
}

// takeHands takes over what is set by hand at the dashboard, wherever that is,
// and keeps it.
func (s *Service) takeHands(ctx context.Context) error {
	hands, err := control.Hands(s.deps.Bus, s.name).Subscribe(ctx)
	if err != nil {
		return err
	}
	for hand := range hands {
		if err := s.keepMode(ctx, hand.Override); err != nil {
			s.deps.Log.Error("what was set by hand is forgotten by a restart", slog.String("target", s.name), slog.Any("error", err))
		}
		replace(s.hands, hand.Override)
	}
	return nil
}

// handOver tells the planner, wherever it is, what is set by hand.
func (s *Service) handOver(ctx context.Context, o *record.Override) error {
	if s.deps.Split == nil {
		replace(s.hands, o)
		return nil
	}
	return control.Hands(s.deps.Bus, s.name).Publish(ctx, control.Hand{Target: s.name, Override: o})
}
