package traefik

import (
	"context"
	"time"

	"github.com/flyball-io/flyball/balancer"
)

// drainPoll is the most time between two looks at what requests take of late.
const drainPoll = 100 * time.Millisecond

// Leave takes a backend out of the configuration, and returns once Traefik
// follows.
func (p *Plane) Leave(ctx context.Context, id string) error {
	_, goal, err := p.leave(id)
	if err != nil {
		return err
	}
	return p.apply(ctx, goal)
}

// Drain takes a backend out of the configuration, and returns once Traefik
// follows and the requests in progress there had their time.
func (p *Plane) Drain(ctx context.Context, id string) error {
	b, goal, err := p.leave(id)
	if err != nil {
		return err
	}
	if err := p.apply(ctx, goal); err != nil {
		return err
	}
	for {
		p.mu.Lock()
		rest := p.rest(b, p.clk.Now())
		p.mu.Unlock()
		if rest <= 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-p.clk.After(min(rest, drainPoll)):
		}
	}
}

// leave finds a backend that drains, or makes it one that does, and the change
// that has it no more. One that is not known is in nothing that is wanted now;
// what Traefik was given by an earlier controller may have it.
func (p *Plane) leave(id string) (*backend, uint64, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.wanted == 0 {
		return nil, 0, balancer.ErrNothingSet
	}
	b := p.known[id]
	switch {
	case b == nil && p.gone[id] == nil:
		return nil, p.wanted, nil
	case b == nil:
		b = p.gone[id]
	case !b.draining:
		b.draining = true
		b.leave(p.wanted+1, p.clk.Now())
		if err := p.change(); err != nil {
			return nil, 0, err
		}
	}
	return b, b.without, nil
}

// rest is how long a backend that gets nothing new still has for what is in
// progress. Nobody counts that: it gets as long as the slowest request that
// ended of late, and as long as Traefik took to follow, for one that is starved
// keeps requests that it has chosen a replica for. One that is not known (nil) may
// have had its last request just before this controller's first configuration.
// The caller holds the lock.
func (p *Plane) rest(b *backend, now time.Time) time.Duration {
	if b == nil {
		b = &backend{leaves: p.began, left: p.began}
	}
	settle := max(p.cfg.Settle.Std(), b.left.Sub(b.leaves))
	if h := p.tally.window.Read(now).Latency; h != nil && h.Count() > 0 {
		settle = max(settle, time.Duration(h.Quantile(1)*float64(time.Second)))
	}
	return settle - now.Sub(b.left)
}
