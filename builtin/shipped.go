package builtin

import (
	"github.com/flyball-io/flyball/guard"
	"github.com/flyball-io/flyball/internal/boundedfile"
	"github.com/flyball-io/flyball/policy"
	"github.com/flyball-io/flyball/policy/advised"
	"github.com/flyball-io/flyball/policy/baseline"
	"github.com/flyball-io/flyball/policy/combine"
	"github.com/flyball-io/flyball/policy/hpa"
	"github.com/flyball-io/flyball/policy/inference"
	"github.com/flyball-io/flyball/policy/kpa"
	"github.com/flyball-io/flyball/policy/lcp"
	"github.com/flyball-io/flyball/policy/learned"
	"github.com/flyball-io/flyball/policy/predictive"
	"github.com/flyball-io/flyball/policy/remote"
	"github.com/flyball-io/flyball/policy/schedule"
	"github.com/flyball-io/flyball/policy/threshold"
)

// registerPolicies adds the policies that ship: a line for each.
func registerPolicies(p *Policies) {
	Register(p, advised.Kind, advised.Default, func(cfg advised.Config, env policy.Env) (*advised.Policy, error) {
		return advised.New(cfg, env, p.New)
	})
	Register(p, "baseline", baseline.Default, baseline.New)
	Register(p, "combine", combine.Default, func(cfg combine.Config, env policy.Env) (*combine.Policy, error) {
		return combine.New(cfg, env, p.New)
	})
	Register(p, "hpa", hpa.Default, hpa.New)
	Register(p, "inference", inference.Default, inference.New)
	Register(p, "kpa", kpa.Default, kpa.New)
	Register(p, "lcp", lcp.Default, lcp.New)
	Register(p, "learned", learned.Default, func(cfg learned.Config, env policy.Env) (*learned.Policy, error) {
		return learned.New(cfg, env, p.New, modelFile)
	})
	Register(p, "predictive", predictive.Default, predictive.New)
	Register(p, remote.Kind, remote.Default, func(cfg remote.Config, env policy.Env) (*remote.Policy, error) {
		return remote.New(cfg, env, p.New)
	})
	Register(p, "schedule", schedule.Default, func(cfg schedule.Config, env policy.Env) (*schedule.Policy, error) {
		return schedule.New(cfg, env, p.New)
	})
	Register(p, "threshold", threshold.Default, threshold.New)
	p.SetRules("hpa", guard.HPADefaults())
}

// modelFile is what the file of a model holds.
func modelFile(name string) ([]byte, error) { return boundedfile.Read(name, learned.MostBytes) }
