package builtin

import (
	"fmt"
	"reflect"

	"github.com/flyball-io/flyball/advisor"
	"github.com/flyball-io/flyball/advisor/remotepolicy"
	"github.com/flyball-io/flyball/api/v1alpha1"
	"github.com/flyball-io/flyball/policy"
	"github.com/flyball-io/flyball/policy/advised"
	"github.com/flyball-io/flyball/policy/remote"
	"github.com/flyball-io/flyball/scale"
)

// Advisors make who is asked for policies that need somebody slow, by the kind of
// the need. They have no documents of their own: a policy's configuration says
// what they take.
type Advisors map[string]func(cfg any, env advisor.Env) (advisor.Advisor, error)

// RegisterAdvisor adds a kind of need.
func RegisterAdvisor[C any](a Advisors, kind string, build func(C, advisor.Env) (advisor.Advisor, error)) {
	a[kind] = func(cfg any, env advisor.Env) (advisor.Advisor, error) {
		c, ok := cfg.(*C)
		if !ok {
			return nil, fmt.Errorf("advisor %s: configuration is %T, want %T", kind, cfg, c)
		}
		return build(*c, env)
	}
}

// New makes who is asked for a need.
func (a Advisors) New(need policy.Need, env advisor.Env) (advisor.Advisor, error) {
	build, ok := a[need.Kind]
	if !ok {
		return nil, fmt.Errorf("nobody knows how to ask a %q", need.Kind)
	}
	return build(need.Config, env)
}

// shippedAdvisors are those that ship: a line for each.
func shippedAdvisors() Advisors {
	all := Advisors{}
	RegisterAdvisor(all, advised.Kind, newLLMAdvisor)
	RegisterAdvisor(all, remote.Kind, func(cfg remote.Config, env advisor.Env) (advisor.Advisor, error) {
		return remotepolicy.New(cfg, env), nil
	})
	return all
}

// NeedsOf are those of a decoded configuration, given as a pointer, and of the
// policies nested in it. One name cannot stand for two that are asked differently.
func NeedsOf(cfg any) ([]policy.Need, error) {
	if cfg == nil {
		return nil, nil
	}
	var all []policy.Need
	if own, is := cfg.(policy.Needing); is {
		all = append(all, own.Needs()...)
	}
	var err error
	eachNested(cfg, func(nested *scale.Plugin, _ string, _ v1alpha1.Contract) {
		if theirs, fault := NeedsOf(nested.Config); fault != nil {
			err = fault
		} else {
			all = append(all, theirs...)
		}
	})
	if err != nil {
		return nil, err
	}
	return DistinctNeeds(all)
}

// DistinctNeeds leaves one of each name.
func DistinctNeeds(all []policy.Need) ([]policy.Need, error) {
	var distinct []policy.Need
	known := map[string]policy.Need{}
	for _, need := range all {
		other, twice := known[need.From]
		switch {
		case !twice:
			known[need.From] = need
			distinct = append(distinct, need)
		case !reflect.DeepEqual(need, other):
			return nil, fmt.Errorf("%s is asked with different headers: state the same, or another address", need.From)
		}
	}
	return distinct, nil
}
