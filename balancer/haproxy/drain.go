package haproxy

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/flyball-io/flyball/balancer"
)

// drainPoll is the time between two looks at a backend that drains.
const drainPoll = 20 * time.Millisecond

// Leave stops new requests to a backend and returns once HAProxy says that it
// sends none there. One that is not known is left once no slot serves somebody
// who is not: what an earlier controller set is gone then.
func (p *Plane) Leave(ctx context.Context, id string) error {
	p.mark(id)
	err := p.measure(ctx)
	switch {
	case ctx.Err() != nil:
		return &balancer.Behind{Why: "HAProxy does not answer at " + p.cfg.Socket, Err: ctx.Err()}
	case err != nil:
		return fmt.Errorf("HAProxy cannot be told: %w", err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case !p.set:
		return balancer.ErrNothingSet
	case p.sends(id):
		return fmt.Errorf("HAProxy at %s was told and still sends there", p.cfg.Socket)
	}
	return nil
}

// mark makes a backend one that drains.
func (p *Plane) mark(id string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if b := p.known[id]; b != nil {
		b.draining, b.State = true, balancer.Draining
	}
}

// sends reports whether new requests may go to that ID, as of the last look.
// The caller holds the lock.
func (p *Plane) sends(id string) bool {
	return slices.ContainsFunc(p.last.slots, func(s slot) bool {
		b := p.slots[s.name]
		return !s.maint && !s.drain && (b == nil || b.ID == id)
	})
}

// Drain stops new requests to a backend and returns once none is in progress
// there. While HAProxy cannot be reached nobody knows, and it waits.
func (p *Plane) Drain(ctx context.Context, id string) error {
	p.mark(id)
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
// look. Strange ones may be of whoever was not listed here.
func (p *Plane) busy(id string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, b := range p.slots {
		if b.ID == id && (b.InFlight > 0 || (b.serving && b.draining)) {
			return true
		}
	}
	return p.known[id] == nil && !p.met[id] && slices.ContainsFunc(p.last.slots, p.strange)
}

// strange reports whether a slot has requests that it got before this controller
// began, or still gets some. The caller holds the lock.
func (p *Plane) strange(s slot) bool {
	return p.slots[s.name] == nil && (s.inProgress > 0 || !s.maint && !s.drain)
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
