package control

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/flyball-io/flyball/balancer"
	"github.com/flyball-io/flyball/bus"
	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/scale"
)

// Router keeps the balancer's backends equal to the replicas that take work.
type Router struct {
	Name     string
	Balancer balancer.Balancer
	Reports  bus.Topic[Report]
	Clock    clock.Clock
	Log      *slog.Logger
	// Leaving reports whether a backend is to be left out although a report
	// lists it; nil: none is.
	Leaving func(id string) bool

	mu      sync.Mutex          // guards what follows
	follows map[string]struct{} // the backends of the newest change that was taken over
	refused refusal
}

// refusal is a change that the balancer does not take over; without an error
// there is none.
type refusal struct {
	err   error
	since time.Time
	fresh []string // IDs that it does not send requests to because of that
}

// refusedAfter is how long a change may be refused before that is more than a
// balancer that is just being started.
const refusedAfter = 3 * time.Second

// Run follows the reports until ctx is done. Every report with a status sets
// the backends anew, so a balancer that was restarted is mended by the next.
func (r *Router) Run(ctx context.Context) error {
	reports, err := r.Reports.SubscribeLatest(ctx, func(r Report) bool { return r.Status != nil })
	if err != nil {
		return err
	}
	for report := range reports {
		r.route(ctx, report.Status.Replicas)
	}
	return nil
}

func (r *Router) route(ctx context.Context, replicas []scale.Replica) {
	backends := make([]balancer.Backend, 0, len(replicas))
	for i := range replicas {
		if replicas[i].TakesWork() && replicas[i].Address != "" && (r.Leaving == nil || !r.Leaving(replicas[i].ID)) {
			backends = append(backends, balancer.Backend{ID: replicas[i].ID, Address: replicas[i].Address})
		}
	}
	call, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	if err := r.Balancer.SetBackends(call, backends); ctx.Err() == nil {
		r.note(backends, err)
	}
}

// note takes what became of a change, and logs when that is new.
func (r *Router) note(backends []balancer.Backend, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	before := r.refused.err
	if err == nil {
		r.refused, r.follows = refusal{}, make(map[string]struct{}, len(backends))
		for _, b := range backends {
			r.follows[b.ID] = struct{}{}
		}
		if before != nil {
			r.Log.Info("balancer updated again", slog.String("target", r.Name))
		}
		return
	}
	if before == nil {
		r.refused.since = r.Clock.Now()
		r.Log.Warn("cannot update the balancer", slog.String("target", r.Name), slog.Any("error", err))
	}
	r.refused.err, r.refused.fresh = err, nil
	for _, b := range backends {
		if _, gets := r.follows[b.ID]; !gets {
			r.refused.fresh = append(r.refused.fresh, b.ID)
		}
	}
}

// Conditions are what an operator should know of the balancer: that it does not
// take over which replicas there are.
func (r *Router) Conditions() []scale.Condition {
	r.mu.Lock()
	defer r.mu.Unlock()
	no := r.refused
	if no.err == nil || r.Clock.Now().Sub(no.since) < refusedAfter {
		return nil
	}
	what := "the replicas are as it knows them"
	if n := len(no.fresh); n > 0 {
		what = fmt.Sprintf("%s gets no requests until it does", no.fresh[0])
		if n > 1 {
			what = fmt.Sprintf("%s and %d more get no requests until it does", no.fresh[0], n-1)
		}
	}
	return []scale.Condition{{Type: scale.BalancerRefuses, Since: no.since,
		Message: fmt.Sprintf("the balancer refuses a change; %s: %s", what, strings.TrimSpace(no.err.Error()))}}
}
