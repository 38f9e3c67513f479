package app

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/flyball-io/flyball/balancer"
	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/scale"
)

// reach watches whether a balancer reaches any of the replicas that it was told are
// ready. A network that only the target sees looks like a service that is well.
type reach struct {
	balancer balancer.Balancer
	clock    clock.Clock

	mu    sync.Mutex // guards since
	since time.Time  // zero: it reaches some, or knows none
}

// askReach is how long the balancer may take to say.
const askReach = time.Second

// conditions tells that none is reached. A balancer that does not answer says nothing.
func (r *reach) conditions() []scale.Condition {
	ctx, cancel := context.WithTimeout(context.Background(), askReach)
	defer cancel()
	all, err := r.balancer.Backends(ctx)
	if err != nil {
		return nil
	}
	all = slices.DeleteFunc(slices.Clone(all), func(b balancer.BackendStatus) bool { return b.State == balancer.Draining })
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(all) == 0 || slices.ContainsFunc(all, func(b balancer.BackendStatus) bool { return b.State != balancer.Unhealthy }) {
		r.since = time.Time{}
		return nil
	}
	if r.since.IsZero() {
		r.since = r.clock.Now()
	}
	why := ""
	if all[0].Fault != "" {
		why = ": " + all[0].Fault
	}
	return []scale.Condition{{Type: scale.BackendsUnreachable, Since: r.since,
		Message: fmt.Sprintf("the balancer reaches none of %d ready replicas%s", len(all), why)}}
}
