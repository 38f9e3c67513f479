package app

import (
	"fmt"

	"github.com/flyball-io/flyball/api/v1alpha1"
	"github.com/flyball-io/flyball/builtin"
	"github.com/flyball-io/flyball/guard"
	"github.com/flyball-io/flyball/policy"
	"github.com/flyball-io/flyball/scale"
)

// PolicySpec is a policy chosen and configured, with the rules that limit it.
type PolicySpec struct {
	Name   string // unique within the document
	Kind   string
	Config any // pointer to the decoded configuration
	Rules  guard.BehaviorRules
	// Cooldown is the document's, else the policy's own.
	Cooldown guard.CooldownConfig
	// Envelope keeps it within what another one would cost; nil: none does.
	Envelope *EnvelopeSpec
	build    func(policy.Env) (policy.Policy, error)
	// venture is what may be said about an envelope where the document says nothing.
	venture policy.Ventured
}

// CustomPolicy is a policy made by hand, outside the registry, under the given
// rules.
func CustomPolicy(name string, rules guard.BehaviorRules, build func(policy.Env) (policy.Policy, error)) PolicySpec {
	return PolicySpec{Name: name, Kind: name, Config: &struct{}{}, Rules: rules, build: build}
}

func newPolicySpec(p scale.Plugin, in v1alpha1.Spec, plugins *builtin.Registry) (PolicySpec, error) {
	cfg, err := plugins.Policies.Decode(p)
	if err != nil {
		return PolicySpec{}, err
	}
	cooldown := in.Cooldown
	if cooldown == (guard.CooldownConfig{}) {
		cooldown = builtin.CooldownOf(cfg)
	}
	venture, _ := cfg.(policy.Ventured)
	return PolicySpec{
		Name: p.Kind, Kind: p.Kind, Config: cfg, venture: venture, Rules: in.Behavior.Over(plugins.Policies.RulesOf(p.Kind, cfg)),
		Cooldown: cooldown,
		build:    func(env policy.Env) (policy.Policy, error) { return plugins.Policies.Build(p.Kind, cfg, env) },
	}, nil
}

// compress divides every time constant.
func (p *PolicySpec) compress(factor float64) {
	builtin.Compress(&p.Cooldown, factor)
	builtin.Compress(&p.Rules, factor)
	builtin.Compress(p.Config, factor)
}

// nameShadows tells policies of one kind apart by what they aim at, and those
// that aim at the same by a number.
func (s *Spec) nameShadows() {
	taken := map[string]bool{s.Policy.Name: true}
	for i := range s.Shadows {
		p := &s.Shadows[i]
		if taken[p.Name] {
			p.Name = p.Description()
		}
		for n := 2; taken[p.Name]; n++ {
			p.Name = fmt.Sprintf("%s #%d", p.Description(), n)
		}
		taken[p.Name] = true
	}
}
