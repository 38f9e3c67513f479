// Package bustest holds the promises of bus.Bus as tests that every bus runs.
package bustest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/flyball-io/flyball/bus"
)

// patience is how long a test waits for a message that must come.
const patience = 10 * time.Second

// Run checks the bus that newBus returns.
func Run(t *testing.T, newBus func(t *testing.T) bus.Bus) {
	t.Run("every subscriber gets every message in order", func(t *testing.T) {
		topic := bus.Topic[string]{Bus: newBus(t), Subject: "a.x"}
		first, second := Subscribe(t, topic), Subscribe(t, topic)
		for i := range 5 {
			Publish(t, topic, fmt.Sprint(i))
		}
		for i := range 5 {
			for _, ch := range []<-chan string{first, second} {
				if got := Receive(t, ch); got != fmt.Sprint(i) {
					t.Errorf("message %d: got %q, want %q", i, got, fmt.Sprint(i))
				}
			}
		}
	})
	t.Run("subjects are kept apart", func(t *testing.T) {
		b := newBus(t)
		mine := bus.Topic[string]{Bus: b, Subject: "a.mine"}
		ch := Subscribe(t, mine)
		Publish(t, bus.Topic[string]{Bus: b, Subject: "a.other"}, "not for me")
		Publish(t, mine, "for me")
		if got := Receive(t, ch); got != "for me" {
			t.Errorf("got %q, want the message of my subject", got)
		}
	})
	t.Run("a subscriber to all hears everyone of its kind", func(t *testing.T) {
		b := newBus(t)
		all := Subscribe(t, bus.Topic[string]{Bus: b, Subject: "reports." + bus.Any})
		Publish(t, bus.Topic[string]{Bus: b, Subject: "decisions.shop"}, "another kind")
		for _, whom := range []string{"shop", "cart"} {
			Publish(t, bus.Topic[string]{Bus: b, Subject: "reports." + whom}, whom)
			if got := Receive(t, all); got != whom {
				t.Errorf("got %q, want the message of %s", got, whom)
			}
		}
		if err := b.Publish(t.Context(), "reports."+bus.Any, "x"); err == nil {
			t.Error("publishing to all was accepted")
		}
	})
	t.Run("a slow subscriber keeps the newest", func(t *testing.T) {
		topic := bus.Topic[int]{Bus: newBus(t), Subject: "a.x"}
		ch := Subscribe(t, topic)
		const last = 20_000 // more than any buffer has room for
		for i := range last + 1 {
			Publish(t, topic, i)
		}
		previous := -1
		for previous != last {
			got := Receive(t, ch)
			if got <= previous {
				t.Fatalf("got %d after %d, want rising numbers", got, previous)
			}
			previous = got
		}
	})
	t.Run("who wants the newest alone gets it", func(t *testing.T) {
		topic := bus.Topic[int]{Bus: newBus(t), Subject: "a.x"}
		even, err := topic.SubscribeLatest(t.Context(), func(n int) bool { return n%2 == 0 })
		if err != nil {
			t.Fatal(err)
		}
		const last = 1001
		for i := range last + 1 {
			Publish(t, topic, i)
		}
		received := 0
		for got := -1; got != last-1; received++ {
			if got = Receive(t, even); got%2 != 0 {
				t.Fatalf("got %d, which was not wanted", got)
			}
			time.Sleep(20 * time.Millisecond) // busy: meanwhile the newest replaces the others
		}
		if received > 10 {
			t.Errorf("%d messages were worked off, want the newest alone", received)
		}
	})
	t.Run("the channel closes with its context", func(t *testing.T) {
		topic := bus.Topic[int]{Bus: newBus(t), Subject: "a.x"}
		ctx, cancel := context.WithCancel(t.Context())
		ch, err := topic.Subscribe(ctx)
		if err != nil {
			t.Fatal(err)
		}
		cancel()
		select {
		case _, open := <-ch:
			if open {
				t.Error("got a message nobody sent")
			}
		case <-time.After(patience):
			t.Error("channel still open after its context was cancelled")
		}
		Publish(t, topic, 1) // must not panic or block
	})
}

// Subscribe fails the test where it cannot.
func Subscribe[T any](t *testing.T, topic bus.Topic[T]) <-chan T {
	t.Helper()
	ch, err := topic.Subscribe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return ch
}

// Publish fails the test where it cannot.
func Publish[T any](t *testing.T, topic bus.Topic[T], message T) {
	t.Helper()
	if err := topic.Publish(t.Context(), message); err != nil {
		t.Fatal(err)
	}
}

// Receive returns the next message, which must come in time.
func Receive[T any](t *testing.T, ch <-chan T) T {
	t.Helper()
	select {
	case m, open := <-ch:
		if !open {
			t.Fatal("channel closed, want a message")
		}
		return m
	case <-time.After(patience):
		t.Fatal("no message")
		panic("unreachable")
	}
}
