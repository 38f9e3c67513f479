package evaluate

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/flyball-io/flyball/queueing"
	"github.com/flyball-io/flyball/sim"
	"github.com/flyball-io/flyball/workload"
)

// ground is what all runs of a case share. What takes long is worked out once,
// by whoever needs it first.
type ground struct {
	Case
	scored     []workload.Span
	lowerBound float64 // replica-hours with all slots always busy
	demand     *Demand
	curve      *queueing.Curve
	oracle     func() *Oracle
	digest     func() string
	oracleOnce bool // its schedules are played with the first seed alone
}

// newGround checks a case. Without an initial count everybody starts with what
// the first moment demands.
func newGround(c Case, known *curves) (*ground, error) {
	g := &ground{Case: c}
	s := &g.Scenario
	if s.Name == "" {
		s.Name = c.Trace
	}
	if err := s.Validate(); err != nil {
		return nil, fmt.Errorf("trace %s: %w", c.Trace, err)
	}
	var err error
	if g.demand, g.curve, err = newDemand(s, known); err != nil {
		return nil, fmt.Errorf("trace %s: %w", c.Trace, err)
	}
	if s.Replicas.Initial == 0 {
		s.Replicas.Initial = g.demand.Replicas[0]
	}
	s.Replicas.Initial = min(max(s.Replicas.Initial, s.Replicas.Min), s.Replicas.Max)
	g.scored = scoredSpans(s)
	g.demand.know(g.scored)
	g.lowerBound = expectedRequests(s) / s.Service.CapacityPerReplica() / 3600
	g.oracle = sync.OnceValue(func() *Oracle { return newOracle(s, g.demand, g.curve) })
	g.digest = sync.OnceValue(func() string { return digestCase(g.Case) })
	return g, nil
}

// world returns the world of the case for a seed, at its beginning.
func (g *ground) world(seed uint64) (*sim.Scenario, sim.World, error) {
	s := g.Scenario
	s.Seed = seed
	if g.Fluid {
		w, err := sim.NewFluid(&s, g.curve)
		return &s, w, err
	}
	return &s, sim.NewEvents(&s), nil
}

// Play plays one contestant on a case with a seed, and scores it. What only the
// oracle can tell is left to Judge. A contestant that panics is an error.
func Play(c Case, who Contestant, seed uint64) (Run, *sim.Result, error) {
	g, err := newGround(c, &curves{})
	if err != nil {
		return Run{}, nil, err
	}
	return g.play(context.Background(), who, seed)
}

func (g *ground) play(ctx context.Context, who Contestant, seed uint64) (run Run, result *sim.Result, err error) {
	defer g.rescue(who.Name(), seed, &err)
	s, w, err := g.world(seed)
	if err != nil {
		return Run{}, nil, err
	}
	w = &stoppable{World: w, ctx: ctx}
	if who.Plan != nil {
		schedule, err := who.Plan(g.oracle())
		if err != nil {
			return Run{}, nil, err
		}
		result = schedule.Play(s, w)
	} else {
		d, err := who.New(s)
		if err != nil {
			return Run{}, nil, err
		}
		result = sim.Run(s, w, d, sim.Options{})
		if f, may := d.(Fallible); may && f.Err() != nil {
			return Run{}, nil, f.Err()
		}
	}
	if err := ctx.Err(); err != nil {
		return Run{}, nil, err
	}
	return g.row(who, seed, result), result, nil
}

// rescue turns a panic into an error, and says of an error whose it is.
func (g *ground) rescue(name string, seed uint64, err *error) {
	if fault := recover(); fault != nil {
		*err = fmt.Errorf("panic: %v", fault)
	}
	if *err != nil {
		*err = fmt.Errorf("%s on %s, seed %d: %w", name, g.Trace, seed, *err)
	}
}

// row sums up a run.
func (g *ground) row(who Contestant, seed uint64, r *sim.Result) Run {
	run := Run{
		Trace: g.Trace, Policy: who.Name(), Knob: who.Knob, Seed: seed, Fluid: g.Fluid,
		Requests: r.Requests, FailedRequests: r.Failed,
		ViolationRatio: r.ViolationRatio(), IntrinsicViolationRatio: r.IntrinsicRatio(), AvoidableViolationRatio: r.AvoidableRatio(),
		LatencyMean: r.Latencies.Mean(), LatencyP50: r.Latencies.Quantile(0.5), LatencyP90: r.Latencies.Quantile(0.9),
		LatencyP95: r.Latencies.Quantile(0.95), LatencyP99: r.Latencies.Quantile(0.99),
		ReplicaHours: r.ReplicaHours(), LowerBoundReplicaHours: g.lowerBound,
	}
	run.score(g.scored, g.demand, r.Changes)
	return run
}

// certify plays a schedule of the oracle and returns what it really is.
func (g *ground) certify(ctx context.Context, p Plan, seed uint64) (c Certified, err error) {
	defer g.rescue("oracle", seed, &err)
	s, w, err := g.world(seed)
	if err != nil {
		return Certified{}, err
	}
	r := p.Schedule.Play(s, &stoppable{World: w, ctx: ctx})
	if err := ctx.Err(); err != nil {
		return Certified{}, err
	}
	return Certified{
		ReplicaHours: r.ReplicaHours(), AvoidableRatio: r.AvoidableRatio(),
		ModelHours: p.ReplicaHours, ModelRatio: p.Violations / max(1, p.Requests),
		Theta: p.theta, Bound: p.bound, Requests: p.Requests,
	}, nil
}

// stoppable is a world that stands still once nobody wants to know any more.
type stoppable struct {
	sim.World
	ctx context.Context
	at  time.Duration
}

// Advance implements [sim.World]. Request by request it goes by seconds, which
// changes nothing: between two decisions there may be millions of requests.
func (w *stoppable) Advance(to time.Duration) {
	if _, single := w.World.(*sim.Events); single {
		for at := w.at + time.Second; at < to && w.ctx.Err() == nil; at += time.Second {
			w.World.Advance(at)
		}
	}
	if w.ctx.Err() == nil {
		w.World.Advance(to)
		w.at = to
	}
}
