package roles

import (
	"context"
	"strings"
	"time"

	"github.com/flyball-io/flyball/bus"
)

var (
	_ bus.Bus     = (*Bus)(nil)
	_ bus.Durable = (*Bus)(nil)
	_ bus.Watched = (*Bus)(nil)
)

// Bus is that of a process with some of the roles: what all roles must hear
// goes over Far, the rest stays in the process.
//
// Reports are put together here of those that come over Far, and what deciders
// remember is written by the process that they are in.
type Bus struct {
	Far  bus.Bus
	Near bus.Bus
}

func (b *Bus) of(subject string) bus.Bus {
	switch kind, _, _ := strings.Cut(subject, "."); kind {
	case "reports", "memory":
		return b.Near
	default:
		return b.Far
	}
}

// Publish implements [bus.Bus].
func (b *Bus) Publish(ctx context.Context, subject string, message any) error {
	return b.of(subject).Publish(ctx, subject, message)
}

// Subscribe implements [bus.Bus].
func (b *Bus) Subscribe(ctx context.Context, subject string) (<-chan any, error) {
	return b.of(subject).Subscribe(ctx, subject)
}

// Consume implements [bus.Durable].
func (b *Bus) Consume(ctx context.Context, subject, consumer string) (<-chan []bus.Delivery, error) {
	return b.of(subject).(bus.Durable).Consume(ctx, subject, consumer)
}

// Away implements [bus.Watched]: only what is between the processes can be.
func (b *Bus) Away() (since time.Time, why error) {
	if far, watched := b.Far.(bus.Watched); watched {
		return far.Away()
	}
	return time.Time{}, nil
}
