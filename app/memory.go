package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/flyball-io/flyball/control"
	"github.com/flyball-io/flyball/record"
)

// writeEvery is the time between two writes of the record: what the end of the
// process by force can lose.
const writeEvery = 250 * time.Millisecond

// Remember tells events and, where there is a store, records what all services
// do, until ctx is done. It should outlive the services and be listening before
// they start.
func Remember(ctx context.Context, deps Deps, listening func()) error {
	g := errgroup.Group{}
	g.Go(func() error { return (&control.Chronicler{Bus: deps.Bus, Log: deps.Log}).Run(ctx) })
	if deps.Store == nil {
		listening()
		return g.Wait()
	}
	g.Go(func() error {
		return (&control.Recorder{Bus: deps.Bus, Store: deps.Store, Clock: deps.wall(), Log: deps.Log, Every: writeEvery, Listening: listening}).Run(ctx)
	})
	return g.Wait()
}

// recall takes over what the store remembers of the service.
func (s *Service) recall(ctx context.Context, plan *control.Plan) error {
	if s.deps.Store == nil {
		return nil
	}
	data, err := s.deps.Store.Value(ctx, s.name, record.DeciderKey)
	switch {
	case errors.Is(err, record.ErrNotFound):
	case errors.Is(err, record.ErrFull): // it is not open yet
		s.deps.Log.Error("what the record remembers is unknown: policies and guards start without memory, in the mode of the document even where another was set by hand",
			slog.String("target", s.name), slog.String("mode", string(s.spec.Mode)), slog.Any("error", err))
		return nil
	case err != nil:
		return fmt.Errorf("recall the memory of %s: %w", s.name, err)
	default:
		if afresh := plan.Recall(data); len(afresh) > 0 {
			s.deps.Log.Info("changed parts start without memory", slog.String("target", s.name), slog.String("parts", strings.Join(afresh, ", ")))
		}
		if err := s.catchUp(ctx, plan); err != nil {
			return err
		}
	}
	s.override, err = recallOverride(ctx, s.deps.Store, s.name)
	if errors.Is(err, record.ErrNotFound) {
		return nil
	}
	replace(s.hands, s.override)
	return err
}

// catchUp tells the deciders of changes that were made after their memory was
// written, as when the last controller ended in between.
func (s *Service) catchUp(ctx context.Context, plan *control.Plan) error {
	done := plan.Done
	changes, err := s.deps.Store.Read(ctx, record.Query{Target: s.name, Kind: record.AppliedKind, From: done, OldestFirst: true})
	if err != nil {
		return fmt.Errorf("recall the changes of %s: %w", s.name, err)
	}
	for _, c := range changes {
		if c.At.After(done) && c.Applied.Error == "" {
			plan.Applied(*c.Applied)
		}
	}
	return nil
}

// recallOverride returns what an operator has set by hand, or
// [record.ErrNotFound].
func recallOverride(ctx context.Context, store record.Store, target string) (*record.Override, error) {
	data, err := store.Value(ctx, target, record.OverrideKey)
	var o record.Override
	if err == nil {
		err = json.Unmarshal(data, &o)
	}
	if err != nil {
		return nil, fmt.Errorf("recall the mode of %s: %w", target, err)
	}
	return &o, nil
}

// SetMode sets the mode by hand, or takes that back with nil. It is kept
// before it takes effect.
func (s *Service) SetMode(ctx context.Context, o *record.Override) error {
	if s.deps.Store != nil {
		var data []byte
		if o != nil {
			var err error
			if data, err = json.Marshal(o); err != nil {
				return err
			}
		}
		if err := s.deps.Store.Write(ctx, record.Batch{Values: []record.Value{{Target: s.name, Key: record.OverrideKey, Data: data}}}); err != nil {
			return fmt.Errorf("keep the mode of %s: %w", s.name, err)
		}
	}
	s.override = o
	replace(s.hands, o)
	return nil
}
