package builtin

import (
	"fmt"

	"github.com/flyball-io/flyball/guard"
	"github.com/flyball-io/flyball/policy"
	"github.com/flyball-io/flyball/scale"
)

// Policies are the policies, by name, with what builds them.
type Policies struct {
	Kinds
	build map[string]func(cfg any, env policy.Env) (policy.Policy, error)
	rules map[string]guard.BehaviorRules
}

// SetRules states the scaling behaviour that comes with a policy where a
// document says nothing. A policy without any is not limited.
func (p *Policies) SetRules(name string, rules guard.BehaviorRules) {
	if p.rules == nil {
		p.rules = map[string]guard.BehaviorRules{}
	}
	p.rules[name] = rules
}

// Rules returns the scaling behaviour that comes with a policy.
func (p *Policies) Rules(name string) guard.BehaviorRules {
	if rules, ok := p.rules[name]; ok {
		return rules
	}
	return guard.NoRules()
}

// Register adds a policy: its defaults and its constructor. A policy that
// nests others has fields of type [scale.Plugin] and is registered with a
// constructor that closes over [Policies.New].
func Register[C Config, P policy.Policy](p *Policies, name string, defaults func() C, build func(C, policy.Env) (P, error)) {
	RegisterConfig(&p.Kinds, name, defaults)
	if p.build == nil {
		p.build = map[string]func(any, policy.Env) (policy.Policy, error){}
	}
	p.build[name] = func(cfg any, env policy.Env) (policy.Policy, error) {
		c, ok := cfg.(*C)
		if !ok {
			return nil, fmt.Errorf("policy %s: configuration is %T, want %T", name, cfg, c)
		}
		built, err := build(*c, env)
		if err != nil {
			return nil, err // not built: a nil P in the interface would not be nil
		}
		return built, nil
	}
}

// Build makes a policy of a configuration that Decode returned.
func (p *Policies) Build(kind string, cfg any, env policy.Env) (policy.Policy, error) {
	build, ok := p.build[kind]
	if !ok {
		return nil, fmt.Errorf("unknown policy %q", kind)
	}
	return build(cfg, env)
}

// New decodes, validates and builds a policy in one go.
func (p *Policies) New(plugin scale.Plugin, env policy.Env) (policy.Policy, error) {
	cfg, err := p.Decode(plugin)
	if err != nil {
		return nil, fmt.Errorf("policy %s: %w", plugin.Kind, err)
	}
	return p.Build(plugin.Kind, cfg, env)
}
