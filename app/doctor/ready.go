package doctor

import (
	"context"
	"fmt"
	"slices"

	"github.com/flyball-io/flyball/app"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/target"
)

// ready sees whether replicas that run take requests. Those that have just been
// started are given time.
func (p *patient) ready(ctx context.Context) {
	for i := range p.specs {
		s := &p.specs[i]
		status, err := p.status(ctx, s)
		if err != nil || len(status.Replicas) == 0 {
			continue // said by other checks, or nothing runs
		}
		if c := slices.IndexFunc(status.Conditions, func(c scale.Condition) bool { return c.Type == scale.NotReady }); c >= 0 {
			p.fail(s.Name, status.Conditions[c].Message, unready(s, p.StateDir))
			continue
		}
		ready := 0
		for _, r := range status.Replicas {
			if r.TakesWork() {
				ready++
			}
		}
		p.ok(s.Name, fmt.Sprintf("%d of %s ready", ready, scale.Count(len(status.Replicas), "replica")))
	}
}

// status is what runs now.
func (p *patient) status(ctx context.Context, spec *app.Spec) (target.Status, error) {
	t, err := spec.Look(app.Deps{Clock: p.Clock, StateDir: p.StateDir})
	if err != nil {
		return target.Status{}, err
	}
	return t.Status(ctx)
}
