package redis

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gomodule/redigo/redis"

	"github.com/flyball-io/flyball/bus"
)

// consuming hands one subject's messages to one consumer, over a connection of
// its own.
//
//	connect ─► what I have not acknowledged, and what is new ─► what is new ─► ...
//	                                         every ClaimAfter: what others left lying
type consuming struct {
	bus     *Bus
	key     string
	group   string
	out     chan []bus.Delivery
	claimed time.Time
}

// Consume hands out what is published to subject, and first what consumers of
// this name have not acknowledged.
func (b *Bus) Consume(ctx context.Context, subject, consumer string) (<-chan []bus.Delivery, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if _, whom, _ := strings.Cut(subject, "."); whom == bus.Any {
		return nil, fmt.Errorf("consume %q: name one subject", subject)
	}
	c := &consuming{bus: b, key: b.queueKey(subject), group: consumer, out: make(chan []bus.Delivery)}
	// Known at once, where the server can be reached: nothing that is published
	// from now on is missed.
	if err := c.introduce(ctx); refused(err) {
		return nil, fmt.Errorf("consume %q: %w", subject, err)
	}
	b.work.Go(func() { c.run(ctx) })
	return c.out, nil
}

// introduce makes the group of the consumer where there is none: that of a
// server that has lost its data too.
func (c *consuming) introduce(ctx context.Context) error {
	_, err := c.bus.do(ctx, "XGROUP", "CREATE", c.key, c.group, "0", "MKSTREAM")
	if says(err, "BUSYGROUP") {
		return nil
	}
	return err
}

// says reports whether the server answered with an error of a kind.
func says(err error, kind string) bool {
	var said redis.Error
	return errors.As(err, &said) && strings.HasPrefix(string(said), kind)
}

func (c *consuming) run(ctx context.Context) {
	defer close(c.out)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(c.bus.ctx, cancel)()
	for ctx.Err() == nil {
		c.follow(ctx)
		if !c.bus.link.pause(ctx) {
			return
		}
	}
}

// follow consumes over one connection until it is lost.
func (c *consuming) follow(ctx context.Context) {
	conn, err := c.bus.link.connect(ctx)
	if err != nil {
		return // it was noted
	}
	defer func() { _ = conn.Close() }()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	if err = c.introduce(ctx); err == nil {
		err = c.pass(ctx, conn)
	}
	if ctx.Err() == nil && !says(err, "NOGROUP") { // that is of a server that has lost its data
		c.bus.link.note(err)
	}
}

// pass hands over what comes.
func (c *consuming) pass(ctx context.Context, conn redis.Conn) error {
	mine, err := c.read(conn, "0", 0)
	if err != nil {
		return err
	}
	fresh, err := c.read(conn, ">", 0)
	for err == nil {
		var left []entry
		if left, err = c.left(ctx); err == nil && c.hand(ctx, slices.Concat(mine, left, fresh)) {
			mine = nil
			fresh, err = c.read(conn, ">", int(block.Milliseconds()))
			continue
		}
		return errors.Join(err, ctx.Err())
	}
	return err
}

// read returns entries from a place on: "0" for those this consumer has not
// acknowledged, ">" for new ones.
func (c *consuming) read(conn redis.Conn, from string, milliseconds int) ([]entry, error) {
	args := []any{"GROUP", c.group, c.bus.opts.Instance, "COUNT", 10 * queueLength}
	if milliseconds > 0 {
		args = append(args, "BLOCK", milliseconds)
	}
	return ofOneStream(redis.DoWithTimeout(conn, block+callTimeout, "XREADGROUP", append(args, "STREAMS", c.key, from)...))
}

// left takes over what somebody of the same name has left lying, once in a
// while.
func (c *consuming) left(ctx context.Context) ([]entry, error) {
	now, after := c.bus.opts.Clock.Now(), c.bus.opts.ClaimAfter
	if since := now.Sub(c.claimed); since >= 0 && since < after {
		return nil, nil
	}
	reply, err := redis.Values(c.bus.do(ctx, "XAUTOCLAIM", c.key, c.group, c.bus.opts.Instance, after.Milliseconds(), "0", "COUNT", 10*queueLength))
	if err != nil || len(reply) < 2 {
		return nil, err
	}
	c.claimed = now
	return entriesOf(reply[1], nil)
}

// hand delivers entries in one batch; false when ctx is done before. What was
// deleted, there being too many, is acknowledged unseen.
func (c *consuming) hand(ctx context.Context, entries []entry) bool {
	slices.SortFunc(entries, func(a, b entry) int {
		if a.id == b.id {
			return 0
		}
		if a.id.after(b.id) {
			return 1
		}
		return -1
	})
	entries = slices.CompactFunc(entries, func(a, b entry) bool { return a.id == b.id })
	batch := make([]bus.Delivery, 0, len(entries))
	for _, e := range entries {
		ack := func(ctx context.Context) error { return c.acknowledge(ctx, e.id) }
		data, err := message(e.event)
		if err != nil {
			_ = ack(ctx)
			continue
		}
		batch = append(batch, bus.Delivery{Message: data, Ack: ack})
	}
	if len(batch) == 0 {
		return ctx.Err() == nil
	}
	select {
	case c.out <- batch:
		return true
	case <-ctx.Done():
		return false
	}
}

func (c *consuming) acknowledge(ctx context.Context, which id) error {
	if _, err := c.bus.do(ctx, "XACK", c.key, c.group, which.String()); err != nil {
		return fmt.Errorf("acknowledge: %w", err)
	}
	return nil
}
