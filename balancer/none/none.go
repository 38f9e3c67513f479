// Package none is the balancer of a service whose requests somebody else
// spreads: the Service of a Kubernetes cluster, an ingress, a queue that
// replicas read from. It changes nothing and measures nothing, so signals come
// from elsewhere: the target, or entries below signals.
package none

import (
	"context"

	"github.com/flyball-io/flyball/balancer"
	"github.com/flyball-io/flyball/queueing"
	"github.com/flyball-io/flyball/scale"
)

// Config has nothing to say.
type Config struct{}

var _ balancer.Config = (*Config)(nil)

// Default is all there is.
func Default() Config { return Config{} }

// Validate finds no fault.
func (Config) Validate() error { return nil }

// Complete has nothing to fill in.
func (*Config) Complete(balancer.Service) {}

// Facts says how requests are spread by what most often does it: kube-proxy
// sends each connection to any pod, all alike.
func (*Config) Facts() balancer.Facts { return balancer.Facts{Topology: queueing.Random} }

// Check has nothing to look for.
func (*Config) Check() error { return nil }

// Open returns a plane that does nothing.
func (*Config) Open(context.Context, string, balancer.Options) (balancer.Plane, error) {
	return Plane{}, nil
}

// Plane is the balancer that is not there.
type Plane struct{}

var (
	_ balancer.Plane        = Plane{}
	_ balancer.Reconfigurer = Plane{}
)

// SetBackends leaves it to whoever spreads the requests to know the replicas.
func (Plane) SetBackends(context.Context, []balancer.Backend) error { return nil }

// Leave asks nobody: whoever spreads the requests learns by itself, from
// readiness, that a replica goes.
func (Plane) Leave(context.Context, string) error { return nil }

// Drain waits for nothing: nobody here knows what is in progress. What ends a
// replica must let it finish, by a grace period and by readiness.
func (Plane) Drain(context.Context, string) error { return nil }

// Backends are none that are known here.
func (Plane) Backends(context.Context) ([]balancer.BackendStatus, error) { return nil, nil }

// Load is of no replica known.
func (Plane) Load(string) (int, bool) { return 0, false }

// Signals are none.
func (Plane) Signals() []string { return nil }

// Collect measures nothing.
func (Plane) Collect(context.Context) ([]scale.Sample, error) { return nil, nil }

// Run has nothing to do until ctx is done.
func (Plane) Run(ctx context.Context) error {
	<-ctx.Done()
	return nil
}

// Reconfigure has nothing to change.
func (Plane) Reconfigure(context.Context, balancer.Config) error { return nil }
