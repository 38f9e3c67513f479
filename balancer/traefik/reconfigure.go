package traefik

import (
	"context"

	"github.com/flyball-io/flyball/balancer"
)

var _ balancer.Reconfigurer = (*Plane)(nil)

// changeable are the fields that stand in the dynamic configuration, and those
// that only the plane reads.
var changeable = []string{
	"route", "health", "attempts", "rateLimit", "breakAbove", "responseTimeout", "idleTimeout",
	"settle", "pollInterval", "threshold",
}

// Reconfigure takes over a changed configuration, and returns once Traefik
// follows it. What says how Traefik is reached stays as it is.
func (p *Plane) Reconfigure(ctx context.Context, cfg balancer.Config) error {
	before := p.config()
	changed, err := balancer.Change("balancer.traefik", before, cfg, changeable...)
	if err != nil {
		return err
	}
	err = p.follow(ctx, changed)
	if err != nil {
		// Traefik gets the old one as soon as it takes anything.
		_, _ = p.take(before)
		_ = p.publish(ctx)
	}
	return err
}

// follow makes Traefik follow another configuration; without replicas known
// there is nothing to follow yet.
func (p *Plane) follow(ctx context.Context, cfg Config) error {
	goal, err := p.take(cfg)
	if err != nil || goal == 0 {
		return err
	}
	return p.apply(ctx, goal)
}

// take makes another configuration what is wanted, and returns which change
// that is.
func (p *Plane) take(cfg Config) (goal uint64, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cfg.Route, p.cfg.Health, p.cfg.Attempts, p.cfg.RateLimit, p.cfg.BreakAbove = cfg.Route, cfg.Health, cfg.Attempts, cfg.RateLimit, cfg.BreakAbove
	p.cfg.ResponseTimeout, p.cfg.IdleTimeout, p.cfg.Settle = cfg.ResponseTimeout, cfg.IdleTimeout, cfg.Settle
	p.cfg.PollInterval, p.cfg.Threshold = cfg.PollInterval, cfg.Threshold
	if p.wanted == 0 {
		return 0, nil
	}
	err = p.change()
	return p.wanted, err
}

// config is the configuration as it is now.
func (p *Plane) config() Config {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.cfg
}
