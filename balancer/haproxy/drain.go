package haproxy

import (
	"context"
	"errors"
	"time"

	"github.com/flyball-io/flyball/balancer"
)

// drainPoll is the time between two looks at a backend that drains.
const drainPoll = 20 * time.Millisecond

// Drain stops new requests to a backend and returns once none is in progress
// there. While HAProxy cannot be reached nobody knows, and it waits.
func (p *Plane) Drain(ctx context.Context, id string) error {
	p.mu.Lock()
	if b := p.known[id]; b != nil {
		b.draining, b.State = true, balancer.Draining
	}
	p.mu.Unlock()
	for {
		err := p.measure(ctx)
		if ctx.Err() != nil {
			return errors.Join(ctx.Err(), err)
		}
		if err == nil && !p.busy(id) {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-p.clk.After(drainPoll):
		}
	}
}

// busy reports whether requests of that ID are in progress, as of the last
// look.
func (p *Plane) busy(id string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, b := range p.slots {
		if b.ID == id && (b.InFlight > 0 || (b.serving && b.draining)) {
			return true
		}
	}
	return false
}

// Load returns the requests in progress on a backend that gets new ones, as of
// the last look.
func (p *Plane) Load(id string) (int, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	b := p.known[id]
	if b == nil || b.State != balancer.Active {
		return 0, false
	}
	return b.InFlight, true
}
