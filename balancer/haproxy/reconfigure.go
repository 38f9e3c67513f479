package haproxy

import (
	"context"
	"fmt"

	"github.com/flyball-io/flyball/balancer"
)

var _ balancer.Reconfigurer = (*Plane)(nil)

// Reconfigure takes over a changed configuration. HAProxy counts for one
// threshold: another one is taken over once it does for that.
func (p *Plane) Reconfigure(ctx context.Context, cfg balancer.Config) error {
	select {
	case p.turn <- struct{}{}:
		defer func() { <-p.turn }()
	case <-ctx.Done():
		return ctx.Err()
	}
	changed, err := balancer.Change("balancer.haproxy", p.cfg, cfg, "pollInterval", "threshold")
	if err != nil {
		return err
	}
	if changed.Threshold != p.cfg.Threshold {
		if err := p.countFor(ctx, changed); err != nil {
			return err
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cfg.PollInterval = changed.PollInterval
	return nil
}

// countFor takes over another threshold, if HAProxy counts for it. The caller
// has the turn.
func (p *Plane) countFor(ctx context.Context, cfg Config) error {
	name, around := table(cfg.Backend, cfg.Threshold), edges(cfg.Threshold)
	answer, err := p.socket.ask(ctx, "show table "+name)
	if err != nil {
		return err
	}
	counted, err := histOf(answer, around)
	if err != nil {
		return fmt.Errorf("balancer.haproxy.threshold: HAProxy does not count for %v (table %s: %w): write haproxy.cfg anew (flyball balancer-config) and reload HAProxy before the document", cfg.Threshold, name, err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cfg.Threshold, p.edges, p.last.hist, p.last.noHist = cfg.Threshold, around, counted, nil
	return nil
}
