package bus

import (
	"context"
	"fmt"
)

// Durable is a bus that hands messages over instead of showing them: what a
// consumer has not acknowledged comes again, at the latest when it, or the next
// one of its name, consumes anew.
//
// A consumer's name is known from its first Consume on: what is published
// meanwhile waits for it, the oldest of too many excepted. Of several consumers
// of one name each message goes to one. Everything that is waiting comes in one
// batch, oldest first, so that who acts on the newest alone knows it. The
// channel is closed when ctx is done.
type Durable interface {
	Consume(ctx context.Context, subject, consumer string) (<-chan []Delivery, error)
}

// Delivery is a message to be acknowledged.
type Delivery struct {
	Message any
	// Ack says that the message has been dealt with and need not come again.
	Ack func(ctx context.Context) error
}

// Handed is a message of a topic to be acknowledged.
type Handed[T any] struct {
	Message T
	Ack     func(ctx context.Context) error
}

// Consume returns the messages handed to consumer until ctx is done, in batches
// that are never empty. The bus must be [Durable].
func (t Topic[T]) Consume(ctx context.Context, consumer string) (<-chan []Handed[T], error) {
	durable, ok := t.Bus.(Durable)
	if !ok {
		return nil, fmt.Errorf("consume %s: a bus of type %T keeps no messages", t.Subject, t.Bus)
	}
	raw, err := durable.Consume(ctx, t.Subject, consumer)
	if err != nil {
		return nil, err
	}
	out := make(chan []Handed[T])
	go func() {
		defer close(out)
		for batch := range raw {
			handed := understood[T](ctx, batch)
			if len(handed) == 0 {
				continue
			}
			select {
			case out <- handed:
			case <-ctx.Done():
				return
			}
		}
	}()
	return out, nil
}

// understood decodes a batch. What is of another version is acknowledged: it
// would never be understood.
func understood[T any](ctx context.Context, batch []Delivery) []Handed[T] {
	handed := make([]Handed[T], 0, len(batch))
	for _, d := range batch {
		v, err := decode[T](d.Message)
		if err != nil {
			_ = d.Ack(ctx) // it comes once more, and is left out once more
			continue
		}
		handed = append(handed, Handed[T]{v, d.Ack})
	}
	return handed
}
