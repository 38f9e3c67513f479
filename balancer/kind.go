package balancer

import (
	"context"
	"io"
	"log/slog"

	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/queueing"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/source"
	"github.com/flyball-io/flyball/target"
)

// Config is what a document says of a balancer. Each kind has a type of its
// own, and is known to the rest of the program by this alone.
type Config interface {
	// Complete fills in what the rest of the document says.
	Complete(s Service)
	// Facts says what others must know of the balancer.
	Facts() Facts
	// Check reports what can only be seen where the balancer is to run, such as a
	// certificate that is not there. It starts and changes nothing. Each message
	// starts with the path of its field.
	Check() error
	// Open returns the balancer of a service, ready to be run. What it takes to
	// itself before, such as an address, it gives back when it is closed (io.Closer).
	Open(ctx context.Context, name string, o Options) (Plane, error)
}

// Service is what a document says beside the balancer and the balancer must know.
type Service struct {
	// Port is where the target wants the service to be reached; 0: anywhere.
	Port int
	// ReadinessPath is that of an HTTP GET that ready replicas answer; "": none.
	ReadinessPath string
	// Threshold is the longest time of a good request; 0: nobody says.
	Threshold scale.Duration
	// DrainTimeout is the longest wait for requests in progress before a replica
	// ends; 0: nobody says.
	DrainTimeout scale.Duration
	// States reports whether the document states a field of the balancer itself.
	States func(field string) bool
	// MaxReplicas bounds the backends.
	MaxReplicas int
}

// Facts are what others must know of a balancer, whatever it is.
type Facts struct {
	// Listen is where it takes requests, host:port; "" where that is said
	// elsewhere.
	Listen string
	// Claims are what no other service may do, in words that are the same for
	// everybody: "writes /etc/nginx/upstream.conf".
	Claims []string
	// Topology is how it spreads requests.
	Topology queueing.Topology
	// Holds says that requests wait while there is no replica, and are counted:
	// without that a service at zero is never woken.
	Holds bool
	// Window is what its measurements average over, in the configuration itself:
	// what is written to it holds from Open on.
	Window *scale.Duration
	// Threshold is the longest time of a good request; 0: nobody says.
	Threshold scale.Duration
	// Signals are those that it measures.
	Signals []string
}

// Shipped is a configuration of a balancer that is a program of its own, started
// by somebody else.
type Shipped interface {
	// Ship writes what the program is to be configured with, so that it takes
	// requests at listen (host:port) and can be steered and measured.
	Ship(ctx context.Context, w io.Writer, listen string, s Service) error
}

// Options is what a balancer is given by who opens it.
type Options struct {
	Clock clock.Clock
	Log   *slog.Logger
	// StateDir holds what must outlive the controller.
	StateDir string
}

// Measured is what carries the requests of one service and measures them.
type Measured interface {
	Balancer
	source.Source
	target.Traffic
}

// Plane is a balancer that a controller looks after.
type Plane interface {
	Measured
	// Run serves until ctx is done. Where traffic ends with the controller it
	// then takes no more requests and returns once those in progress have
	// finished.
	Run(ctx context.Context) error
}

// Stopper is a plane that goes on after Run, until it is stopped: it takes no
// more requests, and returns once those in progress have finished or ctx is
// done.
type Stopper interface {
	Stop(ctx context.Context) error
}

// Reconfigurer is a plane whose configuration can be changed while it serves,
// to another of the same kind.
type Reconfigurer interface {
	Reconfigure(ctx context.Context, cfg Config) error
}
