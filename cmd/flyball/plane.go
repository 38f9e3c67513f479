package main

import (
	"context"

	"github.com/flyball-io/flyball/app"
)

// openProcesses finds or starts the balancer process of a service, for the
// processes behind it.
func openProcesses(deps app.Deps) func(context.Context, app.Spec) (app.Parts, error) {
	return app.OpenProcesses(deps, func(ctx context.Context, s app.Spec) (app.DataPlane, error) {
		plane, err := app.OpenRemotePlane(ctx, s, deps, programVersion())
		if err != nil {
			return nil, err // a nil plane in the interface would not be nil
		}
		return plane, nil
	})
}
