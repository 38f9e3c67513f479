package scaling

import (
	"context"
	"fmt"

	"github.com/flyball-io/flyball/neural"
	"github.com/flyball-io/flyball/policy/learned"
	"github.com/flyball-io/flyball/rl"
)

// Demonstrate plays episodes as a net does (without one, as the base) and notes in
// each state what one would do who knows the future: the action whose count is
// nearest to what the oracle has at most until replicas that are asked for now
// serve. States are the student's and labels the teacher's, as rounds of DAgger
// want them (Ross, Gordon and Bagnell, AISTATS 2011).
//
// The teacher sees what no student does: where two futures look the same, the
// student learns the likelier one. It is a place to begin, not to end.
func Demonstrate(ctx context.Context, workloads []*Workload, cfg Config, net *neural.Net, rows int) (*rl.Demonstrations, error) {
	env, err := New(workloads, cfg)
	if err != nil {
		return nil, err
	}
	if net != nil && (net.Inputs() != learned.Width || net.Outputs() != len(cfg.Actions)) {
		return nil, fmt.Errorf("demonstrate: the net leads from %d numbers to %d, want from %d to %d", net.Inputs(), net.Outputs(), learned.Width, len(cfg.Actions))
	}
	d := &rl.Demonstrations{Width: env.Width(), Actions: env.Actions()}
	choose := best(cfg.Actions, net)
	step, actions := rl.NewStep(env), make([]int, env.Copies())
	env.Reset(step)
	for len(d.Chosen) < rows {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		for i := range actions {
			row, allowed := step.Observations[i*d.Width:][:d.Width], step.Allowed[i*d.Actions:][:d.Actions]
			d.Add(row, allowed, env.teach(&env.copies[i], allowed))
			actions[i] = choose(row, allowed)
		}
		env.Act(actions, step)
	}
	return d, nil
}

// teach is the allowed action nearest to what the oracle wants; of two that are
// as near, the one nearer to doing as the base.
func (e *Environment) teach(c *instance, allowed []bool) int {
	w := c.workload
	want := int32(0)
	for t := int(c.at); t < len(w.Oracle) && float32(t-int(c.at)) <= w.startup/w.seconds+1; t++ {
		want = max(want, int32(w.Oracle[t]))
	}
	best, off := e.neutral, distance(want, c.base)
	for a, ok := range allowed {
		if n := int32(e.cfg.Actions.Count(a, e.neutral, int(c.base))); ok && distance(want, n) < off {
			best, off = a, distance(want, n)
		}
	}
	return best
}

func distance(a, b int32) int32 { return max(a-b, b-a) }
