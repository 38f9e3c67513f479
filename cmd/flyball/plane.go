package main

import (
	"context"

	"github.com/flyball-io/flyball/app"
)

// newPlane finds or starts the balancer process of a service.
func newPlane(deps app.Deps) func(context.Context, app.Spec) (app.DataPlane, error) {
	return func(ctx context.Context, s app.Spec) (app.DataPlane, error) {
		plane, err := app.OpenRemotePlane(ctx, s, deps, programVersion())
		if err != nil {
			return nil, err // a nil plane in the interface would not be nil
		}
		return plane, nil
	}
}
