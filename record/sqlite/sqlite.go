// Package sqlite keeps a record in one file, so that decisions, memory and
// operators' wishes outlive the controller. What Write has acknowledged
// survives an end of the process and, if the disk keeps its promises, a loss
// of power. A damaged file is repaired when it is opened or when the damage
// shows: what can be read goes into a fresh file, the damaged one is put aside.
package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/record"
)

// Defaults of options.
const (
	DefaultRetention = 30 * 24 * time.Hour
	DefaultMaxBytes  = 1 << 30
	// MinMaxBytes is the smallest bound of a file.
	MinMaxBytes = 1 << 20
)

// Options of a store.
type Options struct {
	// Path of the file; its folder is made when missing.
	Path string
	// Retention is how long entries are kept; 0: DefaultRetention.
	Retention time.Duration
	// MaxBytes bounds the file and its write-ahead log; 0: DefaultMaxBytes.
	MaxBytes int64
	Clock    clock.Clock  // nil: the machine's
	Log      *slog.Logger // nil: nothing is logged
}

func (o Options) withDefaults() (Options, error) {
	if o.Retention == 0 {
		o.Retention = DefaultRetention
	}
	if o.MaxBytes == 0 {
		o.MaxBytes = DefaultMaxBytes
	}
	if o.Clock == nil {
		o.Clock = clock.System
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	switch {
	case o.Path == "":
		return o, errors.New("path of the record: must be set")
	case o.Retention < 0:
		return o, fmt.Errorf("retention: must be above 0, got %s", o.Retention)
	case o.MaxBytes < MinMaxBytes:
		return o, fmt.Errorf("maxBytes: must be at least %d, got %d", MinMaxBytes, o.MaxBytes)
	}
	var err error
	o.Path, err = filepath.Abs(o.Path)
	return o, err
}

var (
	_ record.Store = (*Store)(nil)

	errClosed = errors.New("the record is closed")
)

// Store is a record in a file. One process has it open at a time.
type Store struct {
	Options
	lock *lock

	// life is held for writing while the files are replaced or closed.
	life   sync.RWMutex
	closed bool
	*files
	repairs int   // how often files were replaced: many see the same damage at once
	broken  error // why there are no files

	garbled atomic.Int64 // entries left out because they are damaged
}

// files are the open files and what is known of them.
type files struct {
	write, read *sql.DB
	book        *book

	writing    chan struct{} // holds one token: who has it may use what follows
	age        age
	largestLog int64 // bytes of the write-ahead log
	insert     inserts
}

// Open opens the record, makes it when it is not there, and repairs it when
// it is damaged.
func Open(ctx context.Context, o Options) (*Store, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	if err := prepare(o.Path); err != nil {
		return nil, fmt.Errorf("open record %s: %w", o.Path, classify(err))
	}
	l, err := acquire(o.Path+".lock", o.Clock.Now())
	if err != nil {
		return nil, fmt.Errorf("open record %s: %w", o.Path, classify(err))
	}
	s := &Store{Options: o, lock: l}
	if err := s.open(ctx); err != nil {
		l.release(false)
		return nil, fmt.Errorf("open record %s: %w", o.Path, err)
	}
	return s, nil
}

// open opens the files and repairs them if need be.
func (s *Store) open(ctx context.Context) error {
	if err := finishRepair(s.Path, s.Clock.Now()); err != nil {
		return err
	}
	if emptied(s.Path) {
		if err := s.salvage(ctx, fmt.Errorf("%w: the file is empty but its log is not", errDamage)); err != nil {
			return err
		}
	}
	f, err := openFiles(ctx, s.Options, !s.lock.clean)
	if damage(err) && !errors.Is(err, record.ErrDamaged) {
		if err = s.salvage(ctx, err); err != nil {
			return err
		}
		f, err = openFiles(ctx, s.Options, true)
	}
	s.files = f
	return classify(err)
}

// Close ends the use of the store. Everything acknowledged is in the file.
func (s *Store) Close() error {
	s.life.Lock()
	defer s.life.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	if s.files == nil {
		s.lock.release(false)
		return nil
	}
	err := s.close()
	s.lock.release(err == nil)
	return classify(err)
}

func (f *files) close() error {
	err := errors.Join(f.insert.close(), f.read.Close())
	return errors.Join(err, f.write.Close()) // last: it takes the write-ahead log in
}

// use calls do with the files open. When they turn out to be damaged they are
// repaired and do is called once more.
func (s *Store) use(ctx context.Context, what string, do func(context.Context, *files) error) error {
	err := s.once(ctx, do)
	if damage(err) {
		if err = s.repair(ctx, err); err == nil {
			err = s.once(ctx, do)
		}
	}
	if err != nil {
		return fmt.Errorf("%s: %w", what, classify(err))
	}
	return nil
}

func (s *Store) once(ctx context.Context, do func(context.Context, *files) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.life.RLock()
	defer s.life.RUnlock()
	switch {
	case s.closed:
		return errClosed
	case s.files == nil:
		return &damaged{s.broken, s.repairs}
	}
	err := do(ctx, s.files)
	if damage(err) {
		return &damaged{err, s.repairs}
	}
	if ctx.Err() != nil && err != nil {
		return ctx.Err() // what SQLite says about being interrupted helps nobody
	}
	return err
}

// repair replaces damaged files, unless somebody else has done so meanwhile.
// When it fails, for want of space perhaps, the next use tries again.
func (s *Store) repair(ctx context.Context, cause error) error {
	s.life.Lock()
	defer s.life.Unlock()
	var d *damaged
	if s.closed || errors.As(cause, &d) && d.repairs != s.repairs {
		return nil
	}
	if s.files != nil {
		_ = s.close() // of no use any more, whatever it says
		s.files, s.broken = nil, cause
	}
	ctx = context.WithoutCancel(ctx)
	err := s.salvage(ctx, s.broken)
	if err != nil {
		return err
	}
	s.repairs++
	s.files, err = openFiles(ctx, s.Options, false)
	return err
}
