//go:generate go test . ../operator/crd -run IsTheGeneratedOne -update

// Package builtin lists the plug-ins that ship with Flyball. Registration is
// explicit and into a value: one line for each, no init and no globals.
package builtin

import (
	"errors"

	"github.com/flyball-io/flyball/api/v1alpha1"
	balancerbuiltin "github.com/flyball-io/flyball/balancer/builtin"
	"github.com/flyball-io/flyball/balancer/haproxy"
	"github.com/flyball-io/flyball/balancer/nginx"
	"github.com/flyball-io/flyball/balancer/none"
	"github.com/flyball-io/flyball/balancer/traefik"
	"github.com/flyball-io/flyball/queueing"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/target/compose"
	"github.com/flyball-io/flyball/target/docker"
	"github.com/flyball-io/flyball/target/kubernetes"
	"github.com/flyball-io/flyball/target/process"
	"github.com/flyball-io/flyball/target/swarm"
)

var _ v1alpha1.Plugins = (*Registry)(nil)

// Registry knows the plug-ins of every contract.
type Registry struct {
	Targets   Kinds
	Policies  Policies
	Balancers Kinds
	Sources   Sources
	// Advisors make who is asked for policies that need somebody slow.
	Advisors Advisors
	// Curves are what the queueing models of all policies and guards share.
	Curves *queueing.Library
}

// Empty returns a registry without plug-ins.
func Empty() *Registry {
	return &Registry{
		Targets:   Kinds{Contract: string(v1alpha1.TargetContract)},
		Policies:  Policies{Kinds: Kinds{Contract: string(v1alpha1.PolicyContract)}},
		Balancers: Kinds{Contract: string(v1alpha1.BalancerContract)},
		Sources:   Sources{Kinds: Kinds{Contract: string(v1alpha1.SourceContract)}},
		Curves:    queueing.NewLibrary(queueing.DefaultLibrary),
	}
}

// New returns a registry of all that ships.
func New() *Registry {
	r := Empty()
	RegisterConfig(&r.Targets, "compose", compose.Default)
	RegisterConfig(&r.Targets, "docker", docker.Default)
	RegisterConfig(&r.Targets, "kubernetes", kubernetes.Default)
	RegisterConfig(&r.Targets, "process", process.Default)
	RegisterConfig(&r.Targets, "swarm", swarm.Default)
	registerPolicies(&r.Policies)
	registerSources(&r.Sources)
	r.Advisors = shippedAdvisors()
	RegisterConfig(&r.Balancers, "builtin", balancerbuiltin.Default)
	RegisterConfig(&r.Balancers, "haproxy", haproxy.Default)
	RegisterConfig(&r.Balancers, "nginx", nginx.Default)
	RegisterConfig(&r.Balancers, "none", none.Default)
	RegisterConfig(&r.Balancers, "traefik", traefik.Default)
	return r
}

func (r *Registry) kinds(c v1alpha1.Contract) *Kinds {
	switch c {
	case v1alpha1.TargetContract:
		return &r.Targets
	case v1alpha1.PolicyContract:
		return &r.Policies.Kinds
	case v1alpha1.BalancerContract:
		return &r.Balancers
	default:
		return &r.Sources.Kinds
	}
}

// Defaults returns the default configuration of each kind of a contract.
func (r *Registry) Defaults(c v1alpha1.Contract) map[string]any { return r.kinds(c).Defaults() }

// Check decodes and validates the body of a plug-in and of those nested in it.
func (r *Registry) Check(c v1alpha1.Contract, p scale.Plugin) error {
	cfg, err := r.kinds(c).Decode(p)
	if cfg == nil {
		return err
	}
	return errors.Join(err, r.checkNested(cfg)) // faults of both at once
}
