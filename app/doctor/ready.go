package doctor

import (
	"context"
	"fmt"
	"net"
	"slices"
	"time"

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
		if front(s) != nil && processes(s) == nil {
			p.reached(ctx, s, status.Replicas)
		}
	}
}

// reached connects to replicas that an engine calls ready, as our balancer would
// from this machine: an engine asks them where they are.
func (p *patient) reached(ctx context.Context, s *app.Spec, replicas []scale.Replica) {
	asked, why := unreached(ctx, replicas)
	switch {
	case len(why) > 0:
		p.fail(s.Name, fmt.Sprintf("%d of %s cannot be reached from here, so the balancer will answer 502: %s", len(why), scale.Count(asked, "ready replica"), why[0]),
			"correct network and port in the document; else run Flyball in the same network as they (flyball deploy does), or publish their port and say address: published")
	case asked > 0:
		p.ok(s.Name, fmt.Sprintf("%s can be reached from here", scale.Count(asked, "ready replica")))
	}
}

// Enough replicas to see whether a network leads to them, and the longest time
// for one.
const (
	enoughReplicas = 8
	dialTimeout    = 2 * time.Second
)

// unreached connects to some of the ready replicas and says why it could not.
func unreached(ctx context.Context, replicas []scale.Replica) (asked int, why []string) {
	for _, r := range replicas {
		if !r.TakesWork() || asked == enoughReplicas {
			continue
		}
		asked++
		if r.Address == "" {
			why = append(why, r.ID+" has no address: it is not in the network that the document names, or no port is named")
			continue
		}
		c, err := (&net.Dialer{Timeout: dialTimeout}).DialContext(ctx, "tcp", r.Address)
		if err != nil {
			why = append(why, r.ID+": "+err.Error())
			continue
		}
		_ = c.Close() // it was only tried
	}
	return asked, why
}

// status is what runs now.
func (p *patient) status(ctx context.Context, spec *app.Spec) (target.Status, error) {
	t, err := spec.Look(app.Deps{Clock: p.Clock, StateDir: p.StateDir})
	if err != nil {
		return target.Status{}, err
	}
	return t.Status(ctx)
}
