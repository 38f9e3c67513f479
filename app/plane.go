package app

import (
	"context"
	"log/slog"
	"net"

	proxy "github.com/flyball-io/flyball/balancer/builtin"
	"github.com/flyball-io/flyball/internal/clock"
)

var _ DataPlane = (*LocalPlane)(nil)

// LocalPlane is the built-in balancer within this process: traffic ends with
// the controller.
type LocalPlane struct {
	*proxy.Proxy
	listener net.Listener
}

// NewLocalPlane opens the balancer's address at once, so that a port in use
// is known before anything else starts.
func NewLocalPlane(ctx context.Context, cfg proxy.Config, clk clock.Clock, log *slog.Logger) (*LocalPlane, error) {
	p, err := proxy.New(cfg, clk, log)
	if err != nil {
		return nil, err
	}
	l, err := proxy.Listen(ctx, cfg)
	if err != nil {
		return nil, err
	}
	return &LocalPlane{Proxy: p, listener: l}, nil
}

// Address is where requests are taken, host:port.
func (p *LocalPlane) Address() string { return p.listener.Addr().String() }

// Run serves until ctx is done.
func (p *LocalPlane) Run(ctx context.Context) error { return p.Serve(ctx, p.listener) }

// Close gives the address back; for a plane that never ran.
func (p *LocalPlane) Close() error { return p.listener.Close() }
