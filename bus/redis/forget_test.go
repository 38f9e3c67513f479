package redis

import (
	"context"
	"log/slog"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/flyball-io/flyball/internal/clock"
)

// counting is a context that knows who waits for its end.
type counting struct {
	context.Context
	waiting atomic.Int64
}

// Value hides the context within, so that package context asks AfterFunc.
func (*counting) Value(any) any { return nil }

func (c *counting) AfterFunc(f func()) (stop func() bool) {
	c.waiting.Add(1)
	stopped := context.AfterFunc(c.Context, f)
	return func() bool {
		if stopped() {
			c.waiting.Add(-1)
			return true
		}
		return false
	}
}

// A subscription that has ended leaves nothing behind: a bus lives as long as
// its process, and subscriptions come and go with each turn of an executor.
func TestASubscriptionThatEndedIsForgotten(t *testing.T) {
	b, err := Open(t.Context(), Options{Server: Server{Network: "unix", Address: filepath.Join(t.TempDir(), "none")}, Namespace: "test", Instance: "here",
		Clock: clock.System, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	open := &counting{Context: b.ctx}
	b.ctx = open
	for range 20 {
		ctx, end := context.WithCancel(t.Context())
		messages, err := b.Subscribe(ctx, "reports.shop")
		if err != nil {
			t.Fatal(err)
		}
		end()
		for range messages { //nolint:revive // until it is closed
		}
	}
	if n := open.waiting.Load(); n != 0 {
		t.Errorf("%d of 20 subscriptions are still known to the bus, want none", n)
	}
	ctx, end := context.WithCancel(t.Context())
	defer end()
	messages, err := b.Subscribe(ctx, "reports.shop")
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Close(); err != nil {
		t.Error(err)
	}
	for range messages { //nolint:revive // the bus ends it too
	}
}
