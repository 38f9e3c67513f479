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
	g.Go(func() error {
		chronicler := &control.Chronicler{Bus: deps.Bus, Log: deps.Log, SpeaksFor: deps.speaksFor}
		return unlessDone(ctx, chronicler.Run(ctx)) // the end may come before it listens
	})
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
	was, err := recall(ctx, s.deps.Store, s.name, plan)
	if errors.Is(err, record.ErrFull) { // it is not open yet
		s.deps.Log.Error("what the record remembers is unknown: policies and guards start without memory, in the mode of the document even where another was set by hand",
			slog.String("target", s.name), slog.String("mode", string(s.spec.Mode)), slog.Any("error", err))
		return nil
	}
	if err != nil {
		return err
	}
	if len(was.Afresh) > 0 {
		s.deps.Log.Info("changed parts start without memory", slog.String("target", s.name), slog.String("parts", strings.Join(was.Afresh, ", ")))
	}
	if was.override != nil {
		s.override = was.override
		replace(s.hands, s.override)
	}
	return nil
}

// Remembered is the part of a store that tells what deciders remember.
type Remembered interface {
	Read(ctx context.Context, q record.Query) ([]record.Entry, error)
	Value(ctx context.Context, target, key string) ([]byte, error)
}

// Recalled is what a plan has taken over.
type Recalled struct {
	// Found says that there was anything, Afresh which parts it did not fit.
	Found  bool     `json:"found"`
	Afresh []string `json:"afresh,omitempty"`
	// Decided is when the newest decision was made that is remembered.
	Decided  time.Time `json:"decided,omitzero"`
	override *record.Override
}

// recall gives a plan what is remembered of a service, and returns what was set
// by hand.
func recall(ctx context.Context, from Remembered, name string, plan *control.Plan) (Recalled, error) {
	var was Recalled
	data, err := from.Value(ctx, name, record.DeciderKey)
	if err == nil {
		was.Found, was.Afresh = true, plan.Recall(data)
		was.Decided = plan.Decided
		err = catchUp(ctx, from, name, plan)
	} else if !errors.Is(err, record.ErrNotFound) {
		err = fmt.Errorf("recall the memory of %s: %w", name, err)
	}
	if err != nil && !errors.Is(err, record.ErrNotFound) {
		return was, err
	}
	was.override, err = recallOverride(ctx, from, name)
	if errors.Is(err, record.ErrNotFound) {
		err = nil
	}
	return was, err
}

// catchUp tells the deciders of changes that were made after their memory was
// written, as when the last controller ended in between.
func catchUp(ctx context.Context, from Remembered, name string, plan *control.Plan) error {
	done := plan.Done
	changes, err := from.Read(ctx, record.Query{Target: name, Kind: record.AppliedKind, From: done, OldestFirst: true})
	if err != nil {
		return fmt.Errorf("recall the changes of %s: %w", name, err)
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
func recallOverride(ctx context.Context, store Remembered, target string) (*record.Override, error) {
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
	if err := s.keepMode(ctx, o); err != nil {
		return err
	}
	if err := s.handOver(ctx, o); err != nil {
		return fmt.Errorf("tell the planner the mode of %s: %w", s.name, err)
	}
	s.override = o
	return nil
}

// keepMode writes what is set by hand, where there is a store.
func (s *Service) keepMode(ctx context.Context, o *record.Override) error {
	if s.deps.Store == nil {
		return nil
	}
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
	return nil
}
