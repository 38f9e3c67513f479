// Package memory is the bus within one process: bounded buffers, no copies.
package memory

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/flyball-io/flyball/bus"
)

// buffered is how many messages who listens to one target may fall behind: two
// minutes at one report a second.
const buffered = 128

// bufferedForAll is the same for who hears of every target: a thousand of them
// may decide at the same moment.
const bufferedForAll = 8192

var _ bus.Bus = (*Bus)(nil)

// Bus delivers messages between goroutines of one process.
type Bus struct {
	mu          sync.Mutex // guards subscribers and groups, and each channel against use after close
	subscribers map[string]map[*subscriber]struct{}
	groups      map[string]map[string]*group // by subject and consumer
	dropped     atomic.Uint64
}

type subscriber struct{ messages chan any }

// New returns an empty bus.
func New() *Bus {
	return &Bus{subscribers: map[string]map[*subscriber]struct{}{}, groups: map[string]map[string]*group{}}
}

// Dropped returns how many messages were lost to slow subscribers.
func (b *Bus) Dropped() uint64 { return b.dropped.Load() }

// Publish hands message to every subscriber of subject without waiting.
func (b *Bus) Publish(ctx context.Context, subject string, message any) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	about, whom, _ := strings.Cut(subject, ".")
	if whom == bus.Any {
		return fmt.Errorf("publish to %q: %s is for subscribers", subject, bus.Any)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for s := range b.subscribers[subject] {
		b.offer(s, message)
	}
	for s := range b.subscribers[about+"."+bus.Any] {
		b.offer(s, message)
	}
	for _, g := range b.groups[subject] {
		b.keep(g, message)
	}
	return nil
}

// offer makes room by dropping the oldest message. Only publishers send and
// they hold the lock, so the second send always finds room.
func (b *Bus) offer(s *subscriber, message any) {
	select {
	case s.messages <- message:
		return
	default:
	}
	select {
	case <-s.messages:
		b.dropped.Add(1)
	default:
	}
	s.messages <- message
}

// Subscribe returns the messages of subject from now until ctx is done.
func (b *Bus) Subscribe(ctx context.Context, subject string) (<-chan any, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	size := buffered
	if _, whom, _ := strings.Cut(subject, "."); whom == bus.Any {
		size = bufferedForAll
	}
	s := &subscriber{messages: make(chan any, size)}
	b.mu.Lock()
	if b.subscribers[subject] == nil {
		b.subscribers[subject] = map[*subscriber]struct{}{}
	}
	b.subscribers[subject][s] = struct{}{}
	b.mu.Unlock()
	context.AfterFunc(ctx, func() { b.remove(subject, s) })
	return s.messages, nil
}

func (b *Bus) remove(subject string, s *subscriber) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.subscribers[subject], s)
	close(s.messages)
}
