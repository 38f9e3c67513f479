package control

import (
	"context"
	"log/slog"

	"github.com/flyball-io/flyball/balancer"
	"github.com/flyball-io/flyball/bus"
	"github.com/flyball-io/flyball/scale"
)

// Router keeps the balancer's backends equal to the replicas that take work.
type Router struct {
	Name     string
	Balancer balancer.Balancer
	Reports  bus.Topic[Report]
	Log      *slog.Logger
	// Leaving reports whether a backend is to be left out although a report
	// lists it; nil: none is.
	Leaving func(id string) bool

	failing bool
}

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
	err := r.Balancer.SetBackends(call, backends)
	switch failed := err != nil && ctx.Err() == nil; {
	case failed && !r.failing:
		r.Log.Warn("cannot update the balancer", slog.String("target", r.Name), slog.Any("error", err))
	case !failed && r.failing:
		r.Log.Info("balancer updated again", slog.String("target", r.Name))
	}
	r.failing = err != nil
}
