package nginx

import (
	"context"
	"fmt"

	"github.com/flyball-io/flyball/balancer"
)

var _ balancer.Reconfigurer = (*Plane)(nil)

// Reconfigure takes over a changed configuration, and returns once nginx
// follows it. What says where nginx and its log are stays as it is.
func (p *Plane) Reconfigure(ctx context.Context, cfg balancer.Config) error {
	p.mu.Lock()
	before := p.cfg
	p.mu.Unlock()
	changed, err := balancer.Change("balancer.nginx", before, cfg, "keepAlive", "reload", "threshold")
	if err != nil {
		return err
	}
	p.take(changed)
	if changed.KeepAlive == before.KeepAlive {
		return nil
	}
	if err := p.apply(ctx); err != nil {
		p.take(before) // its file is back, or the next try writes it
		return fmt.Errorf("balancer.nginx.keepAlive: %w", err)
	}
	return nil
}

// take makes what may change that of another configuration.
func (p *Plane) take(cfg Config) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cfg.KeepAlive, p.cfg.Reload, p.cfg.Threshold = cfg.KeepAlive, cfg.Reload, cfg.Threshold
}
