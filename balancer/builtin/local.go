package builtin

import (
	"context"
	"log/slog"
	"net"

	"github.com/flyball-io/flyball/balancer"
	"github.com/flyball-io/flyball/internal/clock"
)

var _ balancer.Plane = (*Local)(nil)

// Local is the proxy within this process, with its listener: traffic ends with
// the controller.
type Local struct {
	*Proxy
	listener net.Listener
}

// OpenLocal opens the address at once, so that a port in use is known before
// anything else starts.
func OpenLocal(ctx context.Context, cfg Config, clk clock.Clock, log *slog.Logger) (*Local, error) {
	p, err := New(cfg, clk, log)
	if err != nil {
		return nil, err
	}
	l, err := Listen(ctx, cfg)
	if err != nil {
		return nil, err
	}
	return &Local{Proxy: p, listener: l}, nil
}

// Address is where requests are taken, host:port.
func (l *Local) Address() string { return l.listener.Addr().String() }

// Run serves until ctx is done.
func (l *Local) Run(ctx context.Context) error { return l.Serve(ctx, l.listener) }

// Close gives the address back; for a proxy that never ran.
func (l *Local) Close() error { return l.listener.Close() }
