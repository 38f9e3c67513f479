package app

import (
	"fmt"
	"slices"

	"github.com/flyball-io/flyball/capacity"
	"github.com/flyball-io/flyball/decide"
	"github.com/flyball-io/flyball/guard"
	"github.com/flyball-io/flyball/policy"
	"github.com/flyball-io/flyball/scale"
)

// decider puts a policy behind the guards, in the order of the design: its
// rules, envelope, budget, bounds.
func (s *Spec) decider(spec PolicySpec) (*decide.Decider, error) {
	service := s.learner()
	p, err := s.build(spec, service)
	if err != nil {
		return nil, err
	}
	guards := s.rules(spec, p, service, func() []string { return policy.Essential(p) }).all()
	if spec.Envelope != nil {
		envelope, err := s.envelope(spec.Envelope, p)
		if err != nil {
			return nil, fmt.Errorf("envelope: expert %s: %w", spec.Envelope.Expert.Kind, err)
		}
		guards = append(guards, envelope)
	}
	if s.Cost != nil && s.Cost.BudgetPerDay > 0 {
		budget, err := s.budget()
		if err != nil {
			return nil, err
		}
		guards = append(guards, budget)
	}
	guards = append(guards, guard.Bounds{Min: s.Min, Max: s.Max})
	return decide.New(spec.Name, p, guards...), nil
}

// learner is what a policy and its rules learn of the service together; nil
// without an objective, which nothing is then learned for.
func (s *Spec) learner() *capacity.Learner {
	if s.Objective == nil {
		return nil
	}
	return capacity.NewLearner(capacity.Config{}, *s.Objective, s.topology, 2*s.Max, s.curves)
}

// build makes a policy. Its rules learn of the service what it may share; nil:
// nothing.
func (s *Spec) build(spec PolicySpec, service *capacity.Learner) (policy.Policy, error) {
	env := s.env()
	env.Service = service
	env.ScaleUpTolerance, env.ScaleDownTolerance = spec.Rules.Up.Tolerance, spec.Rules.Down.Tolerance
	return spec.build(env)
}

// rules are those between a policy and its envelope. They hold for the policy and
// for the expert of the envelope: those of pace on the counts that each decided,
// the others on what is really there.
type rules struct {
	trouble []guard.Guard // health, rollout, data
	pace    []guard.Guard // behaviour, cooldown: how fast the count may move
	need    []guard.Guard // objective floor, wake
}

// rules makes them anew, with memories of their own, but for what they learn of
// the service where that is shared. deciding names the signals without which
// nothing is taken away; operated says when the operator wants none.
func (s *Spec) rules(spec PolicySpec, operated policy.Policy, service *capacity.Learner, deciding func() []string) rules {
	health := guard.Health{Grace: max(guard.DefaultGrace, s.served().StartTimeout)}
	behavior := guard.NewBehavior(spec.Rules)
	behavior.Sync = s.Sync.Std()
	r := rules{
		trouble: []guard.Guard{health, &guard.Rollout{Config: s.Rollout, Objective: s.Objective}, s.data(health, deciding)},
		pace:    []guard.Guard{behavior, guard.NewCooldown(spec.Cooldown)},
	}
	if s.Objective != nil {
		r.need = append(r.need, &guard.ObjectiveFloor{Objective: *s.Objective, Topology: s.topology, Curves: s.curves, Service: service})
	}
	r.need = append(r.need, guard.Wake{Closed: func(obs scale.Observation) bool { return policy.Closed(operated, obs) }})
	return r
}

// all are the rules in the order of the design: health, rollout, data,
// behaviour, cooldown, objective floor, wake.
func (r rules) all() []guard.Guard { return slices.Concat(r.trouble, r.pace, r.need) }
