package nginx

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/flyball-io/flyball/balancer"
)

// drainPoll is the time between two looks at workers that leave.
const drainPoll = 20 * time.Millisecond

// quietLooks are the looks in a row that must find no connection, and all workers
// asleep: a request may be between two tries.
const quietLooks = 3

// Leave marks a backend down and returns once nginx follows: all workers that
// take requests then began after it.
func (p *Plane) Leave(ctx context.Context, id string) error {
	p.mu.Lock()
	if b := p.known[id]; b != nil && !b.draining {
		p.wanted++
		b.draining, b.since = true, p.wanted
	}
	unset := p.wanted == 0
	p.mu.Unlock()
	if unset {
		return balancer.ErrNothingSet
	}
	err := p.apply(ctx)
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return &balancer.Behind{Why: "nginx has not taken over its configuration yet: its error log may say why", Err: ctx.Err()}
	}
	return fmt.Errorf("nginx does not take over its configuration: %w", err)
}

// Drain marks a backend down and returns once no worker from before has a
// request of it in progress.
func (p *Plane) Drain(ctx context.Context, id string) error {
	if err := p.Leave(ctx, id); err != nil {
		return err
	}
	for quiet := 0; ; {
		gone, idle := p.quiet(id)
		if quiet++; !idle {
			quiet = 0
		}
		if gone || quiet >= quietLooks {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-p.clk.After(drainPoll):
		}
	}
}

// quiet looks at the workers that may have requests of that ID: whether all
// are gone, and whether none has a connection to it nor is about to. One that
// waits for a processor may have read a request, or have one to read.
func (p *Plane) quiet(id string) (gone, idle bool) {
	left, at := p.remains(id)
	left = slices.DeleteFunc(left, func(one process) bool { return !alive([]process{one}) })
	if slices.ContainsFunc(left, awake) {
		return false, false
	}
	for _, text := range at {
		address, err := netip.ParseAddrPort(text)
		if err != nil {
			return len(left) == 0, false // a name, or nowhere: nobody knows which connections are its own
		}
		address = netip.AddrPortFrom(address.Addr().Unmap(), address.Port())
		if slices.ContainsFunc(left, func(one process) bool { return connected(one, address) }) {
			return false, false
		}
	}
	return len(left) == 0, true
}

// nowhere is the address of a backend that an earlier controller may have had.
const nowhere = ""

// remains are the workers that may have requests of that ID, and its addresses.
func (p *Plane) remains(id string) (left []process, at []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	b, gone := p.known[id], p.leaving[id]
	switch {
	case b != nil:
		return slices.Concat(gone.left, b.left), append(slices.Clone(gone.at), b.Address)
	case len(gone.at) == 0:
		return slices.Clone(p.before), []string{nowhere}
	}
	return slices.Clone(gone.left), gone.at
}
