package redis

import (
	"sync"
	"sync/atomic"

	"github.com/flyball-io/flyball/bus"
)

// buffered is how many messages who listens to one target may fall behind,
// bufferedForAll the same for who hears of every target.
const (
	buffered       = 128
	bufferedForAll = 8192
)

// subscriber hears of one target, or of all.
//
// Between its joining and its first message, the newest of its subject, what
// the reader of the stream has read already is held back.
type subscriber struct {
	whom     string
	messages chan any
	dropped  *atomic.Uint64

	mu     sync.Mutex // guards what follows, and messages against use after close
	last   id         // of what was delivered
	held   []entry
	holds  bool
	closed bool
}

func newSubscriber(whom string, dropped *atomic.Uint64) *subscriber {
	size := buffered
	if whom == bus.Any {
		size = bufferedForAll
	}
	return &subscriber{whom: whom, messages: make(chan any, size), dropped: dropped, holds: true}
}

func (s *subscriber) wants(e entry) bool { return s.whom == bus.Any || s.whom == e.whom }

// take delivers an entry, or holds it back.
func (s *subscriber) take(e entry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.holds {
		s.held = append(s.held, e)
		return
	}
	s.deliver(e)
}

// begin delivers the newest entry, if any, and then what was held back.
func (s *subscriber) begin(newest *entry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if newest != nil {
		s.deliver(*newest)
	}
	for _, e := range s.held {
		s.deliver(e)
	}
	s.held, s.holds = nil, false
}

// again forgets what was delivered: the stream began anew.
func (s *subscriber) again() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last = id{}
}

// deliver makes room by dropping the oldest message. Only this sends, under the
// lock, so the second send always finds room.
func (s *subscriber) deliver(e entry) {
	if s.closed || !e.id.after(s.last) {
		return
	}
	data, err := message(e.event)
	if err != nil {
		return // somebody else's: no event at all
	}
	s.last = e.id
	select {
	case s.messages <- data:
		return
	default:
	}
	select {
	case <-s.messages:
		s.dropped.Add(1)
	default:
	}
	s.messages <- data
}

func (s *subscriber) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.closed = true
		close(s.messages)
	}
}
