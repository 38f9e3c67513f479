package bustest

import (
	"context"
	"testing"
	"time"

	"github.com/flyball-io/flyball/bus"
)

// RunDurable checks that the buses newBus returns are [bus.Durable]: all of
// them are users of one and the same, as after a restart of its users.
func RunDurable(t *testing.T, newBus func(t *testing.T) bus.Bus) {
	t.Run("what was not acknowledged comes again", func(t *testing.T) {
		c := open(t, newBus, "decisions.again")
		c.publish(1, 2, 3)
		first := c.upTo(3)
		acknowledge(t, first[:2])
		c.reopen()
		if again := c.upTo(3); len(again) != 1 || again[0].Message != 3 {
			t.Errorf("after a restart: got %v, want the 3 that was not acknowledged", numbers(again))
		}
	})
	t.Run("what is published meanwhile waits, in one batch", func(t *testing.T) {
		c := open(t, newBus, "decisions.meanwhile")
		c.publish(1)
		acknowledge(t, c.upTo(1))
		c.close()
		c.publish(2, 3, 4)
		c.reopen()
		batch := Receive(t, c.handed)
		if len(batch) != 3 || batch[0].Message != 2 || batch[2].Message != 4 {
			t.Errorf("got %v first, want 2, 3 and 4 at once", numbers(batch))
		}
	})
	t.Run("what was acknowledged does not come again", func(t *testing.T) {
		c := open(t, newBus, "decisions.done")
		c.publish(1, 2)
		acknowledge(t, c.upTo(2))
		c.reopen()
		c.publish(3)
		if got := c.upTo(3); len(got) != 1 {
			t.Errorf("got %v, want 3 alone", numbers(got))
		}
	})
	t.Run("consumers of other names and subjects get their own", func(t *testing.T) {
		c := open(t, newBus, "decisions.own")
		other, err := c.topic.Consume(t.Context(), "other")
		if err != nil {
			t.Fatal(err)
		}
		elsewhere := bus.Topic[int]{Bus: c.topic.Bus, Subject: "decisions.elsewhere"}
		Publish(t, elsewhere, 7)
		c.publish(1)
		acknowledge(t, c.upTo(1))
		if got := Receive(t, other); got[0].Message != 1 {
			t.Errorf("the other consumer got %v, want 1 too", numbers(got))
		}
	})
	t.Run("subscribers hear what is consumed", func(t *testing.T) {
		c := open(t, newBus, "decisions.heard")
		heard := Subscribe(t, c.topic)
		c.publish(5)
		if got := Receive(t, heard); got != 5 {
			t.Errorf("heard %d, want 5", got)
		}
		acknowledge(t, c.upTo(5))
	})
	t.Run("nobody consumes a whole kind", func(t *testing.T) {
		if _, err := (bus.Topic[int]{Bus: newBus(t), Subject: "decisions." + bus.Any}).Consume(t.Context(), "c"); err == nil {
			t.Error("want it refused")
		}
	})
}

// consumer is one with a name, which can be ended and come back.
type consumer struct {
	t      *testing.T
	newBus func(t *testing.T) bus.Bus
	topic  bus.Topic[int]
	handed <-chan []bus.Handed[int]
	stop   context.CancelFunc
}

func open(t *testing.T, newBus func(t *testing.T) bus.Bus, subject string) *consumer {
	c := &consumer{t: t, newBus: newBus, topic: bus.Topic[int]{Bus: newBus(t), Subject: subject}}
	c.consume()
	return c
}

func (c *consumer) consume() {
	c.t.Helper()
	ctx, stop := context.WithCancel(c.t.Context())
	c.stop = stop
	var err error
	if c.handed, err = c.topic.Consume(ctx, "one"); err != nil {
		c.t.Fatal(err)
	}
}

// close ends the consumer and waits until it has.
func (c *consumer) close() {
	c.t.Helper()
	c.stop()
	for {
		select {
		case _, open := <-c.handed:
			if !open {
				return
			}
		case <-time.After(patience):
			c.t.Fatal("channel still open after its context was cancelled")
		}
	}
}

// reopen ends it, if it runs, and lets it come back as another user of the bus.
func (c *consumer) reopen() {
	c.t.Helper()
	c.close()
	c.topic.Bus = c.newBus(c.t)
	c.consume()
}

func (c *consumer) publish(values ...int) {
	c.t.Helper()
	for _, v := range values {
		Publish(c.t, c.topic, v)
	}
}

// upTo receives until a value has come.
func (c *consumer) upTo(last int) (all []bus.Handed[int]) {
	c.t.Helper()
	for len(all) == 0 || all[len(all)-1].Message != last {
		all = append(all, Receive(c.t, c.handed)...)
	}
	return all
}

func acknowledge(t *testing.T, all []bus.Handed[int]) {
	t.Helper()
	for _, h := range all {
		if err := h.Ack(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

func numbers(all []bus.Handed[int]) (values []int) {
	for _, h := range all {
		values = append(values, h.Message)
	}
	return values
}
