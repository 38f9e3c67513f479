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

// newEnvelopeSpec decodes the expert of a complete envelope, with the rules that come
// with it. Without an envelope there is none.
func newEnvelopeSpec(in *v1alpha1.Envelope, plugins *builtin.Registry) (*EnvelopeSpec, error) {
	if in == nil {
		return nil, nil
	}
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
	expert, err := s.build(spec.Expert, nil)
	if err != nil {
		return nil, err
	}
	priced := s.priced()
	its := s.rules(spec.Expert, p, nil, func() []string { return with(policy.Essential(expert), priced) })
	cfg := guard.EnvelopeConfig{
		Lambda: spec.Lambda, Min: s.Min, Max: s.Max, Objective: *s.Objective, Sync: s.Sync.Std(), Name: spec.Expert.Name,
		Expert: decide.New(spec.Expert.Name, expert, append(its.pace, guard.Bounds{Min: s.Min, Max: s.Max})...),
		Safety: slices.Concat(its.trouble, its.need),
	}
	var hints capacity.Config
	if own, is := spec.Expert.Config.(*lcp.Config); is { // one cost for both
		hints, cfg.Risk, cfg.RestartCost = own.Service, own.Risk, own.RestartCost.Std()
	}
	cfg.Service = capacity.NewLearner(hints, *s.Objective, s.topology, 2*max(1, s.Max), s.curves)
	return guard.NewEnvelope(cfg), nil
}

// priced names the signal that costs are counted by: the rate of requests, but where
// nobody counts those and the CPU is measured.
func (s *Spec) priced() string {
	who := s.measurers()
	if s.unmeasured || who[scale.RequestRate] == "" && who[scale.CPUUtilization] != "" {
		return scale.CPUUtilization
	}
	return scale.RequestRate
}

// with adds a signal to those of the expert: costs are counted by it.
func with(names []string, priced string) []string {
	if slices.Contains(names, priced) {
		return names
	}
	return append(slices.Clone(names), priced)
}

// envelopeOr is the envelope that a document states, else the one that comes with
// a policy that nobody has proved; complete. Without an objective such a policy brings none: what a
// violation costs comes from it.
func (p *PolicySpec) envelopeOr(stated *v1alpha1.Envelope, objective *scale.Objective) *v1alpha1.Envelope {
	if stated == nil && (p.venture == nil || objective == nil) {
		return nil
	}
	var e v1alpha1.Envelope
	if stated != nil {
		e = *stated
	}
	var usual *scale.Plugin
	if p.venture != nil {
		expert := p.venture.UsualExpert()
		usual = &expert
	}
	e.CompleteFor(usual)
	return &e
}
