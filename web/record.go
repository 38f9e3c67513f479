package web

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/flyball-io/flyball/record"
)

// portion is how many entries are read from the record at once.
const portion = 1000

// maxReads is how many requests read the record at the same time, so that
// pages that look at the past leave the machine to the loop.
const maxReads = 2

// readTimeout is how long one request may read the record.
const readTimeout = 30 * time.Second

// walk hands every entry of a query to take, in portions, until it returns
// false.
func (s *Server) walk(ctx context.Context, q record.Query, take func(record.Entry) bool) error {
	q.Limit = portion
	for {
		entries, err := s.opts.Store.Read(ctx, q)
		if err != nil {
			return err
		}
		for _, e := range entries {
			if !take(e) {
				return nil
			}
		}
		if len(entries) < portion {
			return nil
		}
		if last := entries[len(entries)-1].ID; q.OldestFirst {
			q.After = last
		} else {
			q.Before = last
		}
	}
}

// reading waits for its turn to read the record; done ends it.
func (s *Server) reading(ctx context.Context) (reading context.Context, done func(), err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, readTimeout, fmt.Errorf("reading took longer than %v: ask for less", readTimeout))
	select {
	case s.reads <- struct{}{}:
		return ctx, func() { <-s.reads; cancel() }, nil
	case <-ctx.Done():
		cancel()
		return nil, nil, context.Cause(ctx)
	}
}

func (s *Server) refuseRecord(w http.ResponseWriter, err error) {
	refuse(w, http.StatusServiceUnavailable, "%s", s.unreadable(err))
}

// unreadable says why an answer lacks what only the record knows.
func (s *Server) unreadable(err error) string {
	s.log.Warn("cannot read the record", slog.Any("error", err))
	return fmt.Sprintf("the record cannot be read: %v", err)
}

// load adds to every target that is new what the record knows of the last
// hours, so that a restart does not empty the dashboard. It returns when ctx
// is done.
func (s *Server) load(ctx context.Context) {
	for {
		added := false
		for name := s.unloaded(); name != nil && ctx.Err() == nil; name = s.unloaded() {
			if err := s.loadTarget(ctx, *name); err != nil && ctx.Err() == nil {
				s.log.Warn("cannot read the record: the dashboard starts empty", slog.String("target", *name), slog.Any("error", err))
			}
			added = true
		}
		if added {
			s.events.add(eventReset, "", struct{}{}) // pages ask again for everything
		}
		select {
		case <-ctx.Done():
			return
		case <-s.wanted:
		}
	}
}

// unloaded names a target whose past was not asked for yet, and marks it; nil
// when there is none.
func (s *Server) unloaded() *string {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, name := range s.order {
		if h := s.targets[name]; !h.loaded {
			h.loaded = true
			return &name
		}
	}
	return nil
}

func (s *Server) loadTarget(ctx context.Context, name string) error {
	now := s.opts.Clock.Now()
	past := newHistory(name)
	s.withHistory(name, func(h *history) { past.room = h.room; past.configure(h.info, now) })
	from := now.Add(-past.room.span())
	q := record.Query{Target: name, From: from, OldestFirst: true}
	err := s.walk(ctx, q, func(e record.Entry) bool { remember(past, e); return true })
	s.withHistory(name, func(h *history) { h.precede(past) })
	return errors.Join(err, s.loadAdvice(ctx, name))
}

// settling is how long after the start the record certainly has what happened
// before the server heard.
const settling = 5 * time.Second

// loadEvents adds what the record knows of events, of all targets and of the
// controller itself. Until then, and where it cannot be read, every question
// for events asks the record.
func (s *Server) loadEvents(ctx context.Context) {
	select {
	case <-ctx.Done():
		return
	case <-s.opts.Wall.After(settling):
	}
	from := s.opts.Clock.Now().Add(-roomFor(1).span())
	read := 0
	err := s.walk(ctx, record.Query{Kind: record.EventKind, From: from}, func(e record.Entry) bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.chronicle.add(*e.Event)
		if read++; read == maxChronicle {
			from = e.At.Add(lateness) // what was written before it happened before that
		}
		return read < maxChronicle
	})
	if err != nil {
		if ctx.Err() == nil {
			s.log.Warn("cannot read the record: events are not kept in memory", slog.Any("error", err))
		}
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.chronicle.since = from.UnixMilli() * eventSlots
}

// remember adds one entry to what is known of the past.
func remember(past *history, e record.Entry) {
	switch {
	case e.Decided != nil:
		past.recall(e.Decided)
	case e.Applied != nil:
		past.addApplied(*e.Applied)
	}
}
