// Package late is a record that cannot be opened for want of space. The
// controller must not wait for that: it runs without, and the record is opened
// once there is room.
package late

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/record"
)

// DefaultEvery is the time between two attempts to open.
const DefaultEvery = 10 * time.Second

// RecordOpened is the type of the event that stands in a record that was
// opened late: what is before it may have a gap.
const RecordOpened = "RecordOpened"

// Options of a store.
type Options struct {
	// Open opens the record itself.
	Open  func(ctx context.Context) (record.Store, error)
	Every time.Duration // between two attempts; 0: DefaultEvery
	Clock clock.Clock
	Log   *slog.Logger
}

// Store is a record that may not be open yet: until then every call fails with
// [record.ErrFull].
type Store struct {
	o     Options
	stop  context.CancelFunc
	ended chan struct{} // closed when no more attempt is made

	mu     sync.RWMutex // guards what follows
	record record.Store // nil: not open yet
	why    error        // of the last attempt
}

var _ record.Store = (*Store)(nil)

// Open opens the record. Where there is no room for it, it returns a [Store]
// that goes on trying until it is closed; any other error is returned.
func Open(ctx context.Context, o Options) (record.Store, error) {
	if o.Every == 0 {
		o.Every = DefaultEvery
	}
	opened, err := o.Open(ctx)
	switch {
	case err == nil:
		return opened, nil
	case !errors.Is(err, record.ErrFull):
		return nil, err
	}
	o.Log.Error("no space left for the record: what it remembers, also pauses and modes set by hand, is unknown until there is room",
		slog.Duration("triedAgainEvery", o.Every), slog.Any("error", err))
	trying, stop := context.WithCancel(context.WithoutCancel(ctx))
	s := &Store{o: o, stop: stop, ended: make(chan struct{}), why: err}
	go s.try(trying)
	return s, nil
}

// try opens the record until that succeeds or ctx is done.
func (s *Store) try(ctx context.Context) {
	defer close(s.ended)
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.o.Clock.After(s.o.Every):
		}
		opened, err := s.open(ctx)
		if err == nil {
			s.mu.Lock()
			s.record = opened
			s.mu.Unlock()
			s.o.Log.Info("the record is open: it can be written again")
			return
		}
		s.note(ctx, err)
	}
}

// open opens the record and leaves an event in it: it is of use only if that
// can be written.
func (s *Store) open(ctx context.Context) (record.Store, error) {
	opened, err := s.o.Open(ctx)
	if err != nil {
		return nil, err
	}
	now := s.o.Clock.Now()
	err = opened.Write(ctx, record.Batch{Entries: []record.Entry{{At: now, Event: &record.Event{
		Type: RecordOpened, At: now, Message: "the record can be written again: there was no space left for it when the controller started"}}}})
	if err != nil {
		return nil, errors.Join(err, opened.Close())
	}
	return opened, nil
}

// note keeps why the record is not open, and logs it when it is another reason
// than want of space.
func (s *Store) note(ctx context.Context, err error) {
	s.mu.Lock()
	known := s.why.Error() == err.Error()
	s.why = err
	s.mu.Unlock()
	if ctx.Err() == nil && !known && !errors.Is(err, record.ErrFull) {
		s.o.Log.Error("the record cannot be opened, though not for want of space", slog.Any("error", err))
	}
}

// now returns the record, or why there is none yet. That is always
// [record.ErrFull]: there was no room when the controller started.
func (s *Store) now() (record.Store, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	switch {
	case s.record != nil:
		return s.record, nil
	case errors.Is(s.why, record.ErrFull):
		return nil, fmt.Errorf("the record is not open yet: %w", s.why)
	default:
		return nil, fmt.Errorf("the record is not open yet: %w; lately: %w", record.ErrFull, s.why)
	}
}

// Write writes to the record.
func (s *Store) Write(ctx context.Context, b record.Batch) error {
	r, err := s.now()
	if err != nil {
		return err
	}
	return r.Write(ctx, b)
}

// Read reads from the record.
func (s *Store) Read(ctx context.Context, q record.Query) ([]record.Entry, error) {
	r, err := s.now()
	if err != nil {
		return nil, err
	}
	return r.Read(ctx, q)
}

// Value returns a value of the record.
func (s *Store) Value(ctx context.Context, target, key string) ([]byte, error) {
	r, err := s.now()
	if err != nil {
		return nil, err
	}
	return r.Value(ctx, target, key)
}

// Close ends the attempts, and closes the record if it is open.
func (s *Store) Close() error {
	s.stop()
	<-s.ended
	if r, err := s.now(); err == nil {
		return r.Close()
	}
	return nil
}
