package main

import (
	"context"

	"github.com/flyball-io/flyball/app"
)

// newPlane makes the balancer of a service.
func newPlane(deps app.Deps, _ bool) func(context.Context, app.Spec) (app.DataPlane, error) {
	return func(ctx context.Context, s app.Spec) (app.DataPlane, error) {
		return app.NewLocalPlane(ctx, s.Balancer, deps.Clock, deps.Log)
	}
}

// runningPlane is the balancer that runs already for a service, or nil.
func runningPlane(context.Context, string, string) app.DataPlane { return nil }
