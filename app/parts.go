package app

import (
	"context"
	"io"
	"log/slog"

	"github.com/flyball-io/flyball/app/roles"
	"github.com/flyball-io/flyball/balancer"
	proxy "github.com/flyball-io/flyball/balancer/builtin"
	"github.com/flyball-io/flyball/target"
)

// Parts is what the loop of a service drives; a service knows no kind.
type Parts struct {
	// Kind says in words what is scaled.
	Kind   string
	Target target.Managed
	Plane  balancer.Plane
	// Traffic asks another process for drains; nil: Plane is asked.
	Traffic target.Runner
	// Accept says whether a changed document can be taken over, before anything
	// is changed; nil: any can.
	Accept func(s Spec) error
}

// Opener returns the function that opens what a document names: any target
// behind any balancer. The built-in balancer is opened by front, which decides
// whose process it is part of; nil: of this one.
func Opener(deps Deps, front func(ctx context.Context, name string, cfg proxy.Config) (balancer.Plane, error)) func(context.Context, Spec) (Parts, error) {
	return func(ctx context.Context, s Spec) (Parts, error) {
		// A balancer would take orders from a second controller too.
		if own, ok := s.Target.(target.Exclusive); ok && deps.has(roles.Executor) {
			if err := own.Unattended(ctx, s.Name, deps.forTarget(nil)); err != nil {
				return Parts{}, err
			}
		}
		plane, err := openPlane(ctx, s, deps, front)
		if err != nil {
			return Parts{}, err
		}
		parts, err := behind(s, plane, deps)
		if err != nil {
			closePlane(plane)
		}
		return parts, err
	}
}

func openPlane(ctx context.Context, s Spec, deps Deps, front func(context.Context, string, proxy.Config) (balancer.Plane, error)) (balancer.Plane, error) {
	if !deps.has(roles.Balancer) {
		return s.elsewherePlane(), nil
	}
	if own := s.proxy(); own != nil && front != nil {
		return front(ctx, s.Name, *own)
	}
	return s.Balancer.Open(ctx, s.Name, balancer.Options{Clock: deps.Clock, Log: deps.Log, StateDir: deps.StateDir})
}

// behind is the target of a document behind a balancer that is open.
func behind(s Spec, plane balancer.Plane, deps Deps) (Parts, error) {
	traffic := deps.traffic(s, plane)
	t, err := deps.openTarget(s, traffic)
	if err != nil {
		return Parts{}, err
	}
	parts := Parts{Kind: s.Target.Facts().Description, Target: t, Plane: plane}
	if own, ok := traffic.(target.Runner); ok && deps.Split != nil && !deps.has(roles.Balancer) && deps.has(roles.Executor) {
		parts.Traffic = own
	}
	return parts, nil
}

// forTarget is what a target is given; traffic is nil when nobody balances.
func (d *Deps) forTarget(traffic target.Traffic) target.Options {
	return target.Options{Clock: d.Clock, Log: d.Log, Traffic: traffic, StateDir: d.StateDir, DieWithController: d.DieWithController}
}

// Look opens the target of a document to see what runs; nothing is started or
// changed.
func (s *Spec) Look(deps Deps) (target.Managed, error) {
	o := deps.forTarget(nil)
	o.Log = slog.New(slog.DiscardHandler)
	return s.Target.Open(s.Name, o)
}

func closePlane(p balancer.Plane) {
	if closer, ok := p.(io.Closer); ok {
		_ = closer.Close() // it never served
	}
}
