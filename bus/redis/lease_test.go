package redis_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/flyball-io/flyball/bus/redis"
	"github.com/flyball-io/flyball/internal/redistest"
)

// holder runs a lease until it is ended.
type holder struct {
	*redis.Lease
	end func()
}

func hold(t *testing.T, b *redis.Bus, ttl time.Duration) *holder {
	ctx, cancel := context.WithCancel(context.Background())
	l := b.NewLease("shop", ttl)
	var running sync.WaitGroup
	running.Go(func() { _ = l.Run(ctx) })
	end := func() { cancel(); running.Wait() }
	t.Cleanup(end)
	return &holder{l, end}
}

func (h *holder) until(t *testing.T, want bool) (term int64) {
	t.Helper()
	eventually(t, "the lease changes hands", func() bool {
		var held bool
		term, held = h.Term()
		return held == want
	})
	return term
}

func TestOneHoldsTheLease(t *testing.T) {
	server := redistest.Start(t)
	first := hold(t, open(t, options(t, server)), time.Second)
	before := first.until(t, true)
	second := hold(t, open(t, options(t, server)), time.Second)
	for range 20 {
		time.Sleep(100 * time.Millisecond)
		if _, held := second.Term(); held {
			t.Fatal("both hold it")
		}
	}
	if term, held := first.Term(); !held || term != before {
		t.Errorf("after renewals: term %d, held %v; want %d still", term, held, before)
	}
	began := time.Now()
	first.end()
	after := second.until(t, true)
	if after <= before {
		t.Errorf("term %d after %d, want a higher one", after, before)
	}
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("taken over after %s, want at once: it was given up", took)
	}
}

// Who cannot reach the server holds nothing once its time is over, and a server
// that has lost its data repeats no term.
func TestALeaseWithoutAServer(t *testing.T) {
	server := redistest.Start(t)
	h := hold(t, open(t, options(t, server)), time.Second)
	before := h.until(t, true)
	server.Kill()
	h.until(t, false)
	server.Forget()
	server.Run()
	if after := h.until(t, true); after <= before {
		t.Errorf("term %d after %d, want a higher one", after, before)
	}
}
