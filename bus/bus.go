// Package bus carries messages between the stages of the pipeline: monitor,
// planner, executor, dashboard. The in-process bus below is the default; a
// remote one lets the stages run on several machines without changing them.
// bustest holds the promises as tests.
package bus

import (
	"context"
	"encoding/json"
	"fmt"
	"time"
)

// Any stands, as the last part of a subject, for all values of that part: who
// subscribes to "reports.*" hears "reports.shop" and "reports.cart". Nothing
// can be published to it.
const Any = "*"

// Bus delivers each message to everyone who subscribed to its subject before
// it was published, in the order of publishing. A subject is two words joined
// by a dot, what it is about and whom.
//
// A subscriber that falls behind loses its oldest messages, never the newest:
// every message carries the whole state it speaks of, so the newest replaces
// what was lost. For the same reason a bus that outlives its users may hand a
// new subscriber of one subject its newest message first. Subscribe's channel is
// closed when its ctx is done.
type Bus interface {
	Publish(ctx context.Context, subject string, message any) error
	Subscribe(ctx context.Context, subject string) (<-chan any, error)
}

// Watched is a bus between processes, which may be out of reach.
type Watched interface {
	// Away returns why the bus cannot be reached and since when; a nil error: it
	// can. What was heard before is as old as that.
	Away() (since time.Time, why error)
}

// Topic is a subject whose messages are all of type T. In one process values
// pass as they are, and receivers must not change them; from a remote bus
// they arrive as JSON and are decoded here.
type Topic[T any] struct {
	Bus     Bus
	Subject string
}

// Publish sends message to all subscribers.
func (t Topic[T]) Publish(ctx context.Context, message T) error {
	return t.Bus.Publish(ctx, t.Subject, message)
}

// Subscribe returns the messages from now on, until ctx is done.
func (t Topic[T]) Subscribe(ctx context.Context) (<-chan T, error) {
	raw, err := t.Bus.Subscribe(ctx, t.Subject)
	if err != nil {
		return nil, err
	}
	out := make(chan T)
	go func() {
		defer close(out)
		for m := range raw {
			v, err := decode[T](m)
			if err != nil {
				continue // a message of another version: the next one replaces it
			}
			select {
			case out <- v:
			case <-ctx.Done():
				return
			}
		}
	}()
	return out, nil
}

// SubscribeLatest is Subscribe for a receiver that acts on the newest message
// alone: while it is busy, each message replaces the one before. Messages that
// wanted refuses are left out.
func (t Topic[T]) SubscribeLatest(ctx context.Context, wanted func(T) bool) (<-chan T, error) {
	all, err := t.Subscribe(ctx)
	if err != nil {
		return nil, err
	}
	latest := make(chan T)
	go func() {
		defer close(latest)
		var newest T
		var out chan T // nil while there is nothing to send
		for {
			select {
			case v, open := <-all:
				if !open {
					return
				}
				if wanted(v) {
					newest, out = v, latest
				}
			case out <- newest:
				out = nil
			}
		}
	}()
	return latest, nil
}

func decode[T any](message any) (T, error) {
	if v, ok := message.(T); ok {
		return v, nil
	}
	var v T
	data, ok := message.([]byte)
	if !ok {
		return v, fmt.Errorf("message of type %T, want %T", message, v)
	}
	return v, json.Unmarshal(data, &v)
}
