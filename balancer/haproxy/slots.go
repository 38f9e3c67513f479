package haproxy

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"time"

	"github.com/flyball-io/flyball/balancer"
	"github.com/flyball-io/flyball/internal/latency"
)

// A slot's life:
//
//	free (maint) ── assign ──► ready ──► drain ──► maint, nothing in progress ── free
//
// addressOf is where a backend is reached. HAProxy takes addresses at run
// time, and names only with a resolver of its own.
func addressOf(b balancer.Backend) (netip.AddrPort, error) {
	a, err := netip.ParseAddrPort(b.Address)
	if err != nil {
		return a, addressFault(b, err)
	}
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port()), nil
}

// observe reads what a slot says of its backend. The caller holds the lock.
func (p *Plane) observe(seen snapshot) {
	for _, s := range seen.slots {
		b := p.slots[s.name]
		if b == nil {
			continue
		}
		d := s.since(b.before)
		b.before = s.counts
		b.window.Add(seen.at, latency.Counts{
			Arrived: d.arrived, Ended: d.answered, Failed: d.failed + d.refused + d.broken,
			Busy: time.Duration(s.inProgress) * max(0, seen.at.Sub(p.last.at)),
		})
		b.InFlight = s.inProgress
		b.Requests += d.answered + d.refused + d.broken
		b.Failures += d.failed + d.refused + d.broken
		b.serving = b.at(s) && !s.maint && !s.drain
		switch {
		case b.draining:
			b.State = balancer.Draining
		case b.serving && s.up:
			b.State = balancer.Active
		default:
			b.State = balancer.Unhealthy
		}
		if b.leaving && s.maint && s.inProgress == 0 {
			delete(p.slots, s.name)
		}
	}
}

// at reports whether the slot points to the backend.
func (b *backend) at(s slot) bool {
	a, err := addressOf(b.Backend)
	return err == nil && a == s.address
}

// assign gives every backend a slot: one that points to it already, as another
// controller left it, or a free one. The caller holds the lock.
func (p *Plane) assign(seen snapshot) error {
	missing := 0
	for _, id := range slices.Sorted(maps.Keys(p.known)) {
		b := p.known[id]
		if b.slot != "" && slices.ContainsFunc(seen.slots, func(s slot) bool { return s.name == b.slot }) {
			continue
		}
		best := p.slotFor(b, seen)
		if best == nil {
			missing++
			continue
		}
		b.slot, b.before = best.name, best.counts
		p.slots[best.name] = b
	}
	if missing > 0 {
		return fmt.Errorf("%d of %d backends have no server: haproxy.cfg has %d slots in %s, some may still drain; render it with more", missing, len(p.known), len(seen.slots), p.cfg.Backend)
	}
	return nil
}

func (p *Plane) slotFor(b *backend, seen snapshot) *slot {
	var free *slot
	for i := range seen.slots {
		s := &seen.slots[i]
		switch {
		case p.slots[s.name] != nil:
		case b.at(*s) && (!s.maint || s.inProgress > 0):
			return s
		case free == nil && s.maint && s.inProgress == 0:
			free = s
		}
	}
	return free
}

// change is one slot that is not as it should be.
type change struct {
	slot    string
	moveTo  *netip.AddrPort
	state   string // ready, drain, maint
	urgency int    // what serves comes before what goes
}

// changes are what makes HAProxy as it should be. The caller holds the lock.
func (p *Plane) changes(seen snapshot) []change {
	var out []change
	if !p.set {
		return nil // a controller that does not know yet disturbs nothing
	}
	for _, s := range seen.slots {
		b := p.slots[s.name]
		switch {
		case b == nil || b.leaving:
			if !s.maint {
				out = append(out, change{slot: s.name, state: "maint", urgency: 2})
			}
		case b.draining:
			if !s.drain && !s.maint {
				out = append(out, change{slot: s.name, state: "drain", urgency: 1})
			}
		case !b.serving && (s.maint || s.drain || !b.at(s)):
			c := change{slot: s.name, state: "ready"}
			if a, err := addressOf(b.Backend); err == nil && !b.at(s) {
				c.moveTo = &a
			}
			out = append(out, c)
		}
	}
	slices.SortStableFunc(out, func(a, b change) int { return cmp.Compare(a.urgency, b.urgency) })
	return out
}

func (c change) make(ctx context.Context, to socket, backend string) error {
	server := backend + "/" + c.slot
	if c.moveTo != nil {
		if err := to.move(ctx, server, c.moveTo.Addr().String(), c.moveTo.Port()); err != nil {
			return err
		}
	}
	if c.state == "ready" {
		if err := to.tell(ctx, "enable health "+server); err != nil {
			return err
		}
	}
	return to.tell(ctx, "set server "+server+" state "+c.state)
}
