package app

import (
	"slices"

	"github.com/flyball-io/flyball/api/v1alpha1"
	"github.com/flyball-io/flyball/builtin"
	"github.com/flyball-io/flyball/capacity"
	"github.com/flyball-io/flyball/decide"
	"github.com/flyball-io/flyball/guard"
	"github.com/flyball-io/flyball/policy"
	"github.com/flyball-io/flyball/policy/lcp"
	"github.com/flyball-io/flyball/scale"
)

// EnvelopeSpec keeps a policy within what another one would cost.
type EnvelopeSpec struct {
	Lambda float64
	Expert PolicySpec
}

// newEnvelopeSpec decodes the expert, with the rules that come with it. Without an
// envelope there is none.
func newEnvelopeSpec(in *v1alpha1.Envelope, plugins *builtin.Registry) (*EnvelopeSpec, error) {
	if in == nil {
		return nil, nil
	}
	in.Complete()
	expert, err := newPolicySpec(*in.Expert, v1alpha1.Spec{}, plugins)
	if err != nil {
		return nil, err
	}
	return &EnvelopeSpec{Lambda: in.Lambda, Expert: expert}, nil
}

// envelope is the guard around the policy p. Its expert is a decider of its own:
// behind the rules that look at its own past, on counts of its own. The rules
// that look at what is really there hold for its answer as they do for p.
func (s *Spec) envelope(spec *EnvelopeSpec, p policy.Policy) (*guard.Envelope, error) {
	expert, err := s.build(spec.Expert)
	if err != nil {
		return nil, err
	}
	cfg := guard.EnvelopeConfig{
		Lambda: spec.Lambda, Min: s.Min, Max: s.Max, Objective: *s.Objective, Sync: s.Sync.Std(), Name: spec.Expert.Name,
		Expert: decide.New(spec.Expert.Name, expert, s.behavior(spec.Expert), guard.NewCooldown(spec.Expert.Cooldown), guard.Bounds{Min: s.Min, Max: s.Max}),
	}
	cfg.Safety = append(s.safety(expert), s.wake(p))
	var hints capacity.Config
	if own, is := spec.Expert.Config.(*lcp.Config); is { // one cost for both
		hints, cfg.Risk, cfg.RestartCost = own.Service, own.Risk, own.RestartCost.Std()
	}
	cfg.Service = capacity.NewLearner(hints, *s.Objective, s.topology, 2*max(1, s.Max), s.curves)
	return guard.NewEnvelope(cfg), nil
}

// build makes a policy.
func (s *Spec) build(spec PolicySpec) (policy.Policy, error) {
	env := s.env()
	env.ScaleUpTolerance, env.ScaleDownTolerance = spec.Rules.Up.Tolerance, spec.Rules.Down.Tolerance
	return spec.build(env)
}

// behavior is how fast the count of a policy may move.
func (s *Spec) behavior(spec PolicySpec) *guard.Behavior {
	b := guard.NewBehavior(spec.Rules)
	b.Sync = s.Sync.Std()
	return b
}

// safety are the rules that look at what is really there. Data, the last but
// the objective's, holds for the signals of the expert and for the rate, by which
// costs are counted.
func (s *Spec) safety(expert policy.Policy) []guard.Guard {
	deciding := func() []string {
		names := policy.Essential(expert)
		if !slices.Contains(names, scale.RequestRate) {
			names = append(slices.Clone(names), scale.RequestRate)
		}
		return names
	}
	health := guard.Health{Grace: max(guard.DefaultGrace, s.Process.StartTimeout)}
	rules := []guard.Guard{
		health,
		&guard.Rollout{Config: s.Rollout, Objective: s.Objective},
		s.data(health, deciding),
	}
	if s.Objective != nil {
		rules = append(rules, &guard.ObjectiveFloor{Objective: *s.Objective, Topology: s.topology, Curves: s.curves})
	}
	return rules
}

// wake keeps a replica for requests that wait, unless p says that the operator
// wants none.
func (s *Spec) wake(p policy.Policy) guard.Wake {
	return guard.Wake{Closed: func(obs scale.Observation) bool { return policy.Closed(p, obs) }}
}
