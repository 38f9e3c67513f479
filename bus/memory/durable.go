package memory

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/flyball-io/flyball/bus"
)

var _ bus.Durable = (*Bus)(nil)

// group keeps what one consumer of a subject has not acknowledged. Like the bus
// it lives as long as the process.
type group struct {
	waiting []*kept       // oldest first; guarded by the bus's mu
	changed chan struct{} // receives, coalesced, when something waits
}

type kept struct {
	message any
	out     bool // handed over and not acknowledged
}

// Consume hands out what is published to subject, and first what an earlier
// consumer of the name did not acknowledge. One of a name may consume at a time.
func (b *Bus) Consume(ctx context.Context, subject, consumer string) (<-chan []bus.Delivery, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if _, whom, _ := strings.Cut(subject, "."); whom == bus.Any {
		return nil, fmt.Errorf("consume %q: name one subject", subject)
	}
	g := b.group(subject, consumer)
	out := make(chan []bus.Delivery)
	go func() {
		defer close(out)
		for {
			batch := b.handOver(g)
			if len(batch) > 0 {
				select {
				case out <- batch:
				case <-ctx.Done():
					return
				}
			}
			select {
			case <-g.changed:
			case <-ctx.Done():
				return
			}
		}
	}()
	return out, nil
}

// group returns that of a consumer, with everything it holds to be handed out
// anew.
func (b *Bus) group(subject, consumer string) *group {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.groups[subject] == nil {
		b.groups[subject] = map[string]*group{}
	}
	g := b.groups[subject][consumer]
	if g == nil {
		g = &group{changed: make(chan struct{}, 1)}
		b.groups[subject][consumer] = g
	}
	for _, k := range g.waiting {
		k.out = false
	}
	return g
}

// handOver takes everything that waits.
func (b *Bus) handOver(g *group) []bus.Delivery {
	b.mu.Lock()
	defer b.mu.Unlock()
	var batch []bus.Delivery
	for _, k := range g.waiting {
		if !k.out {
			k.out = true
			batch = append(batch, bus.Delivery{Message: k.message, Ack: func(context.Context) error { b.forget(g, k); return nil }})
		}
	}
	return batch
}

func (b *Bus) forget(g *group, k *kept) {
	b.mu.Lock()
	defer b.mu.Unlock()
	g.waiting = slices.DeleteFunc(g.waiting, func(other *kept) bool { return other == k })
}

// keep adds a message for a consumer; the oldest goes when there is no room.
// The caller holds mu.
func (b *Bus) keep(g *group, message any) {
	if len(g.waiting) == buffered {
		g.waiting = slices.Delete(g.waiting, 0, 1)
		b.dropped.Add(1)
	}
	g.waiting = append(g.waiting, &kept{message: message})
	select {
	case g.changed <- struct{}{}:
	default: // it knows
	}
}
