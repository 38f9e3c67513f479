package main

import (
	"context"

	"github.com/flyball-io/flyball/app"
	"github.com/flyball-io/flyball/balancer"
	proxy "github.com/flyball-io/flyball/balancer/builtin"
)

// openerOf opens what documents name. The built-in balancer is a process of its
// own, which is found or started.
func openerOf(deps app.Deps) func(context.Context, app.Spec) (app.Parts, error) {
	return app.Opener(deps, func(ctx context.Context, name string, cfg proxy.Config) (balancer.Plane, error) {
		plane, err := app.OpenRemotePlane(ctx, name, cfg, deps, programVersion())
		if err != nil {
			return nil, err // a nil plane in the interface would not be nil
		}
		return plane, nil
	})
}
