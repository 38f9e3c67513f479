package web

import (
	"context"
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
func (s *Server) reading(r *http.Request) (ctx context.Context, done func(), err error) {
	ctx, cancel := context.WithTimeoutCause(r.Context(), readTimeout, fmt.Errorf("reading took longer than %v: ask for less", readTimeout))
	select {
	case s.reads <- struct{}{}:
		return ctx, func() { <-s.reads; cancel() }, nil
	case <-ctx.Done():
		cancel()
		return nil, nil, context.Cause(ctx)
	}
}

func (s *Server) refuseRecord(w http.ResponseWriter, err error) {
	s.log.Warn("cannot read the record", slog.Any("error", err))
	refuse(w, http.StatusServiceUnavailable, "the record cannot be read: %v", err)
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
	err := s.walk(ctx, q, func(e record.Entry) bool { s.remember(past, e); return true })
	s.withHistory(name, func(h *history) { h.precede(past) })
	return err
}

// remember adds one entry to what is known of the past.
func (s *Server) remember(past *history, e record.Entry) {
	switch {
	case e.Decided != nil:
		past.recall(e.Decided)
	case e.Applied != nil:
		past.addApplied(*e.Applied)
	case e.Event != nil:
		s.mu.Lock()
		s.chronicle.add(*e.Event)
		s.mu.Unlock()
	}
}
