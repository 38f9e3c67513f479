package doctor

import (
	"context"
	"fmt"
	"log/slog"
	"slices"

	"github.com/flyball-io/flyball/app"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/target"
	"github.com/flyball-io/flyball/target/process"
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
			p.fail(s.Name, status.Conditions[c].Message, "have the command listen on $PORT ({port} in an argument is replaced by it) and answer readiness.path, or give a service that starts slowly a longer startTimeout; what it says is in "+p.StateDir)
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
	t, err := process.New(spec.Name, spec.Process, process.Options{Clock: p.Clock, Log: slog.New(slog.DiscardHandler), StateDir: p.StateDir})
	if err != nil {
		return target.Status{}, err
	}
	return t.Status(ctx)
}
