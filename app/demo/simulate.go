package demo

import (
	"fmt"
	"math"
	"time"

	"github.com/flyball-io/flyball/control"
	"github.com/flyball-io/flyball/load"
	"github.com/flyball-io/flyball/queueing"
	"github.com/flyball-io/flyball/record"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/sim"
)

// Simulate plays the demonstration in the simulator: the same service, load,
// policies and rules, on a virtual clock. What comes of it is what [Run] should
// come to; docs/validation.md compares them.
func Simulate(o Options) (Result, error) {
	policies := []scale.Plugin{o.Policy}
	if o.Compare != nil {
		policies = append(policies, *o.Compare)
	}
	var cards []Scorecard
	for _, policy := range policies {
		card, err := simulateSide(policy, o)
		if err != nil {
			return Result{}, err
		}
		cards = append(cards, card)
	}
	r := Result{
		Scorecard: cards[0], Workload: o.Workload, DurationSeconds: o.Duration.Seconds(), TimeCompression: o.Speed,
		ThresholdSeconds: threshold.Seconds(), ObjectiveTarget: share, Seed: o.Seed, Simulated: true, Warnings: []string{},
	}
	if len(cards) > 1 {
		r.Compare = &cards[1]
	}
	return r, nil
}

func simulateSide(policy scale.Plugin, o Options) (Scorecard, error) {
	s, _, err := spec("shop", policy, o)
	if err != nil {
		return Scorecard{}, err
	}
	plan, err := s.Plan()
	if err != nil {
		return Scorecard{}, err
	}
	world := sim.Default()
	world.Name, world.Load, world.Seed = s.Name, o.Shape, o.Seed
	world.Service = queueing.Service{Law: queueing.Lognormal(serviceMean.Seconds(), serviceCV), Slots: slots}
	world.Objective = *s.Objective
	world.Replicas = sim.Replicas{Min: s.Min, Max: s.Max, Initial: s.Initial, Startup: compress(startupDelay, o.Speed), Drain: world.Replicas.Drain}
	world.Sync = s.Sync.Std()
	window := s.Balancer.Facts().Window.Std()
	interval := window / time.Duration(math.Ceil(window.Seconds()/min(1, world.Sync.Seconds()/2)))
	world.Metrics = sim.Metrics{Scrape: interval, Window: s.Target.Facts().Window.Std(), BalancerInterval: interval, BalancerWindow: window}
	if err := world.Validate(); err != nil {
		return Scorecard{}, fmt.Errorf("simulate the demonstration: %w", err)
	}
	t := newTally(s.Name)
	r := sim.Run(&world, sim.NewEvents(&world), plan.Decider, sim.Options{Decided: watch(plan, t)})
	return simulated(newScorecard(s.Policy.Kind, s.Policy.Description(), answers(r), t), r), nil
}

// watch lets the shadows of a plan see what the decider sees.
func watch(plan control.Plan, t *tally) func(scale.Observation, scale.Decision) {
	return func(obs scale.Observation, d scale.Decision) {
		decided := record.Decided{Decision: d}
		for _, shadow := range plan.Shadows {
			decided.Shadows = append(decided.Shadows, shadow.Decide(obs).Clone())
		}
		t.decided(decided)
	}
}

// answers are what a load generator would have measured.
func answers(r *sim.Result) load.Result {
	return load.Result{
		Requests: int64(r.Requests), FailedRequests: int64(r.Failed), ViolationRatio: r.ViolationRatio(),
		Latency: load.Latency{
			Mean: r.Latencies.Mean(), P50: r.Latencies.Quantile(0.5), P90: r.Latencies.Quantile(0.9),
			P95: r.Latencies.Quantile(0.95), P99: r.Latencies.Quantile(0.99),
		},
	}
}

// simulated fills in what the tally of a live service would have counted.
func simulated(card Scorecard, r *sim.Result) Scorecard {
	card.ReplicaHours = r.ReplicaHours()
	if hours := r.Scored.Hours(); hours > 0 {
		card.MeanReplicas = card.ReplicaHours / hours
	}
	for i, c := range r.Changes {
		card.MaxReplicas = max(card.MaxReplicas, c.Desired)
		if i > 0 && c.Desired != r.Changes[i-1].Desired {
			card.ScalingActions++
		}
	}
	return card
}
