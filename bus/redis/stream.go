package redis

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/gomodule/redigo/redis"

	"github.com/flyball-io/flyball/bus"
)

// perRead is how many entries one read brings at most.
const perRead = 256

// stream reads the messages of one kind, over one connection, for all who
// subscribed.
//
//	connect ─► where is the stream now? ─► catch up ─► wait for entries ─► ...
//	   ▲                                                    │
//	   └───────────────── wait, twice as long ◄─── lost ────┘
type stream struct {
	bus  *Bus
	kind string

	begin       sync.Once
	mu          sync.Mutex // guards subscribers
	subscribers map[*subscriber]struct{}

	// The reader alone uses these once it runs.
	last  id
	known bool // last is
	gap   bool // something may have been missed
}

// add lets a subscriber hear what is published from now on, and the newest
// message before that.
func (s *stream) add(ctx context.Context, sub *subscriber) error {
	s.mu.Lock()
	s.subscribers[sub] = struct{}{}
	s.mu.Unlock()
	s.begin.Do(func() {
		if last, err := s.end(ctx); err == nil {
			s.last, s.known = last, true
		}
		s.bus.work.Go(s.run)
	})
	forget := func() {
		s.mu.Lock()
		delete(s.subscribers, sub)
		s.mu.Unlock()
		sub.close()
	}
	// The bus outlives its subscribers, and must not keep those that have ended.
	stop := context.AfterFunc(s.bus.ctx, forget)
	context.AfterFunc(ctx, func() {
		stop()
		forget()
	})
	newest, err := s.newest(ctx, sub)
	if err != nil {
		newest = nil // the server cannot be reached: it comes when that is back
	}
	sub.begin(newest)
	return nil
}

// end is the id of the newest entry of the stream, zero of an empty one.
func (s *stream) end(ctx context.Context) (id, error) {
	entries, err := entriesOf(s.bus.do(ctx, "XREVRANGE", s.bus.kindKey(s.kind), "+", "-", "COUNT", 1))
	if err != nil || len(entries) == 0 {
		return id{}, err
	}
	return entries[0].id, nil
}

// newest is the newest entry of the subject of a subscriber; nil: there is
// none, or it hears of more than one.
func (s *stream) newest(ctx context.Context, sub *subscriber) (*entry, error) {
	if sub.whom == bus.Any {
		return nil, nil //nolint:nilnil // none is an answer
	}
	kept, err := redis.Bytes(s.bus.do(ctx, "GET", s.bus.newestKey(s.kind+"."+sub.whom)))
	if errors.Is(err, redis.ErrNil) {
		return nil, nil //nolint:nilnil // none is an answer
	}
	if err != nil {
		return nil, err
	}
	text, event, _ := bytes.Cut(kept, []byte(" "))
	at, err := parseID(string(text))
	if err != nil {
		return nil, err
	}
	return &entry{id: at, whom: sub.whom, event: event}, nil
}

// run reads until the bus is closed.
func (s *stream) run() {
	ctx := s.bus.ctx
	for ctx.Err() == nil {
		s.follow(ctx)
		s.gap = true
		if !s.bus.link.pause(ctx) {
			return
		}
	}
}

// follow reads over one connection until it is lost.
func (s *stream) follow(ctx context.Context) {
	c, err := s.bus.link.connect(ctx)
	if err != nil {
		return // it was noted
	}
	defer func() { _ = c.Close() }()
	defer context.AfterFunc(ctx, func() { _ = c.Close() })()
	if s.gap || !s.known {
		err = s.catchUp(ctx, c)
	}
	if err == nil {
		err = s.pass(c)
	}
	if ctx.Err() == nil {
		s.bus.link.note(err)
	}
}

// pass delivers what comes.
func (s *stream) pass(c redis.Conn) error {
	for {
		entries, err := s.read(c, int(block.Milliseconds()))
		if err != nil {
			return err
		}
		for _, e := range entries {
			s.offer(e, func(*subscriber) bool { return true })
		}
	}
}

// read returns what came after the last entry. It waits for as many
// milliseconds, 0: not at all.
func (s *stream) read(c redis.Conn, milliseconds int) ([]entry, error) {
	args := []any{"COUNT", perRead}
	if milliseconds > 0 {
		args = append(args, "BLOCK", milliseconds)
	}
	entries, err := ofOneStream(redis.DoWithTimeout(c, block+callTimeout, "XREAD", append(args, "STREAMS", s.bus.kindKey(s.kind), s.last.String())...))
	if len(entries) > 0 {
		s.last = entries[len(entries)-1].id
	}
	return entries, err
}

// catchUp delivers what was missed while there was no connection: to who hears
// of everything all that is still there, to who follows one subject its newest
// message alone.
func (s *stream) catchUp(ctx context.Context, c redis.Conn) error {
	end, err := s.end(ctx)
	if err != nil {
		return err
	}
	switch {
	case !s.known:
		s.last, s.known = end, true
	case s.last.after(end): // the server has lost its data, or its clock was set back
		s.last = id{}
		for _, sub := range s.all() {
			sub.again()
		}
	}
	for {
		entries, err := s.read(c, 0)
		if err != nil {
			return err
		}
		for _, e := range entries {
			s.offer(e, func(sub *subscriber) bool { return sub.whom == bus.Any })
		}
		if len(entries) < perRead {
			return s.renew(ctx)
		}
	}
}

// renew delivers the newest message of each subject that is followed.
func (s *stream) renew(ctx context.Context) error {
	for _, sub := range s.all() {
		e, err := s.newest(ctx, sub)
		if err != nil {
			return err
		}
		if e != nil {
			sub.take(*e)
		}
	}
	return nil
}

func (s *stream) offer(e entry, to func(*subscriber) bool) {
	for _, sub := range s.all() {
		if sub.wants(e) && to(sub) {
			sub.take(e)
		}
	}
}

func (s *stream) all() []*subscriber {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]*subscriber, 0, len(s.subscribers))
	for sub := range s.subscribers {
		all = append(all, sub)
	}
	return slices.Clip(all)
}
