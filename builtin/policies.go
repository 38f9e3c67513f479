package builtin

import (
	"errors"
	"fmt"

	"github.com/flyball-io/flyball/api/v1alpha1"
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

// RulesOf returns the scaling behaviour that comes with a configured policy.
// One that nests others and has none itself takes theirs: for going up the
// least strict, because requests wait for it, and for going down the
// strictest.
func (p *Policies) RulesOf(kind string, cfg any) guard.BehaviorRules {
	rules := p.Rules(kind)
	if _, own := p.rules[kind]; own || cfg == nil {
		return rules
	}
	first := true
	eachNested(cfg, func(nested *scale.Plugin, _ string, _ v1alpha1.Contract) {
		theirs := p.RulesOf(nested.Kind, nested.Config)
		if first || stricter(rules.Up, theirs.Up) {
			rules.Up = theirs.Up
		}
		if first || stricter(theirs.Down, rules.Down) {
			rules.Down = theirs.Down
		}
		first = false
	})
	return rules
}

// stricter reports whether a limits more than b: by a longer window, or else
// by having rates at all.
func stricter(a, b guard.Rules) bool {
	if a.StabilizationWindow != b.StabilizationWindow {
		return a.StabilizationWindow > b.StabilizationWindow
	}
	return len(a.Rates) > 0 && len(b.Rates) == 0
}

// cooler is a configuration that states how long to wait after a change,
// before going up and before going down, where a document says nothing.
type cooler interface {
	DefaultCooldown() (up, down scale.Duration)
}

// CooldownOf returns the cooldown that comes with a configured policy. One
// that nests others takes the shortest of theirs for going up and the longest
// for going down.
func CooldownOf(cfg any) guard.CooldownConfig {
	var cooldown guard.CooldownConfig
	if c, ok := cfg.(cooler); ok {
		cooldown.ScaleUp, cooldown.ScaleDown = c.DefaultCooldown()
		return cooldown
	}
	if cfg == nil {
		return cooldown
	}
	first := true
	eachNested(cfg, func(nested *scale.Plugin, _ string, _ v1alpha1.Contract) {
		theirs := CooldownOf(nested.Config)
		if first || theirs.ScaleUp < cooldown.ScaleUp {
			cooldown.ScaleUp = theirs.ScaleUp
		}
		cooldown.ScaleDown = max(cooldown.ScaleDown, theirs.ScaleDown)
		first = false
	})
	return cooldown
}

// Decode is that of [Kinds], and decodes the policies nested in the
// configuration as well: [scale.Plugin.Config] points to theirs.
func (p *Policies) Decode(plugin scale.Plugin) (any, error) {
	cfg, err := p.Kinds.Decode(plugin)
	if err != nil {
		return nil, err
	}
	var errs []error
	eachNested(cfg, func(nested *scale.Plugin, path string, _ v1alpha1.Contract) {
		decoded, err := p.Decode(*nested)
		errs = append(errs, below(path, nested.Kind, err))
		nested.Config = decoded
	})
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return cfg, nil
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

// New builds a policy, of its decoded configuration where there is one.
func (p *Policies) New(plugin scale.Plugin, env policy.Env) (policy.Policy, error) {
	if plugin.Config != nil {
		return p.Build(plugin.Kind, plugin.Config, env)
	}
	cfg, err := p.Decode(plugin)
	if err != nil {
		return nil, fmt.Errorf("policy %s: %w", plugin.Kind, err)
	}
	return p.Build(plugin.Kind, cfg, env)
}
