package app_test

import (
	"strings"
	"testing"

	"github.com/flyball-io/flyball/app"
	"github.com/flyball-io/flyball/builtin"
	"github.com/flyball-io/flyball/guard"
	"github.com/flyball-io/flyball/policy"
	"github.com/flyball-io/flyball/policy/example"
	"github.com/flyball-io/flyball/queueing"
	"github.com/flyball-io/flyball/sim"
	"github.com/flyball-io/flyball/workload"
)

// Live, policies are told how the built-in balancer spreads requests; contestants
// how the scenario's does.
func TestPoliciesAreToldTheTopology(t *testing.T) {
	var told policy.Env
	build := func(cfg example.Config, env policy.Env) (policy.Policy, error) {
		told = env
		return example.New(cfg, env)
	}
	for algorithm, want := range map[string]queueing.Topology{"leastconn": queueing.LeastConn, "p2c": queueing.PowerOfTwo} {
		spec := load(t, strings.Replace(shop, "  policy:", "  balancer: {builtin: {algorithm: "+algorithm+"}}\n  policy:", 1))
		spec.Policy = app.CustomPolicy("told", guard.NoRules(), func(env policy.Env) (policy.Policy, error) { return build(example.Config{PerReplica: 1}, env) })
		if _, err := spec.Plan(); err != nil {
			t.Fatal(err)
		}
		if told.Topology != want || told.Curves == nil {
			t.Errorf("%s: told %v and curves %p, want %v and some", algorithm, told.Topology, told.Curves, want)
		}
		if got := spec.Scenario(sim.Default()).Service.Topology; got != want {
			t.Errorf("%s: simulated as %v", algorithm, got)
		}
	}
	plugins := builtin.New()
	builtin.Register(&plugins.Policies, "told", func() example.Config { return example.Config{PerReplica: 1} }, build)
	c, err := app.Contestants{Plugins: plugins}.Parse("told")
	if err != nil {
		t.Fatal(err)
	}
	s := sim.Default()
	s.Load, s.Service.Topology = workload.Constant{RPS: 1, For: 1}, queueing.RoundRobin
	if _, err := c.New(&s); err != nil {
		t.Fatal(err)
	}
	if told.Topology != queueing.RoundRobin || told.Curves != plugins.Curves {
		t.Errorf("contestant: told %v, want round robin and the curves of the program", told.Topology)
	}
}
