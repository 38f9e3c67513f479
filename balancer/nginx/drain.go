package nginx

import (
	"context"
	"time"
)

// drainPoll is the time between two looks at workers that leave.
const drainPoll = 20 * time.Millisecond

// Drain marks a backend down and returns once the workers are gone that may
// have requests of it.
func (p *Plane) Drain(ctx context.Context, id string) error {
	p.mu.Lock()
	if b := p.known[id]; b != nil && !b.draining {
		p.wanted++
		b.draining, b.since = true, p.wanted
	}
	p.mu.Unlock()
	if err := p.apply(ctx); err != nil {
		return err
	}
	for {
		if !alive(p.left(id)) {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-p.clk.After(drainPoll):
		}
	}
}

// left are the workers that may have requests of that ID.
func (p *Plane) left(id string) []process {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := append([]process(nil), p.leaving[id]...)
	if b := p.known[id]; b != nil {
		out = append(out, b.left...)
	}
	return out
}
