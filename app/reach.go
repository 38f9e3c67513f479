package app

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/flyball-io/flyball/balancer"
	"github.com/flyball-io/flyball/control"
	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/scale"
)

// reach watches whether a balancer reaches any of the replicas that it was told are
// ready. A network that only the target sees looks like a service that is well.
type reach struct {
	balancer balancer.Balancer
	clock    clock.Clock

	mu      sync.Mutex // guards what follows
	since   time.Time  // zero: it reaches some, or knows none
	tally   tally
	carried *control.Carried // nil: it did not answer
}

// carriedNow is what the balancer carried when it was last asked.
func (r *reach) carriedNow() *control.Carried {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.carried
}

// look asks the balancer and counts what it carries.
func (r *reach) look(ctx context.Context) ([]balancer.BackendStatus, error) {
	all, err := r.balancer.Backends(ctx)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.carried = nil; err == nil {
		r.carried = r.tally.take(all)
	}
	return all, err
}

// tally adds up what backends have answered: each counts since it was added, and
// goes with what it has counted.
type tally struct {
	last               map[string]balancer.BackendStatus // nil: nobody was asked yet
	requests, failures uint64
}

// take counts what was answered since it was last called. What was before the
// first time is not counted: the balancer may be older than the controller.
func (t *tally) take(all []balancer.BackendStatus) *control.Carried {
	now, c := make(map[string]balancer.BackendStatus, len(all)), control.Carried{}
	for _, b := range all {
		now[b.ID] = b
		switch c.InFlight += b.InFlight; b.State {
		case balancer.Unhealthy:
			c.Unhealthy++
		case balancer.Draining:
			c.Draining++
		default:
			c.Active++
		}
		if before := t.last[b.ID]; t.last != nil {
			t.requests += since(before.Requests, b.Requests)
			t.failures += since(before.Failures, b.Failures)
		}
	}
	t.last, c.Requests, c.Failures = now, t.requests, t.failures
	return &c
}

// since is how much a count has grown; one that fell began anew.
func since(before, now uint64) uint64 {
	if now < before {
		return now
	}
	return now - before
}

// askReach is how long the balancer may take to say.
const askReach = time.Second

// conditions tells that none is reached. A balancer that does not answer says nothing.
func (r *reach) conditions() []scale.Condition {
	ctx, cancel := context.WithTimeout(context.Background(), askReach)
	defer cancel()
	all, err := r.look(ctx)
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
