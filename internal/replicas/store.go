package replicas

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/flyball-io/flyball/internal/atomicfile"
	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/internal/filelock"
)

// ErrInUse is returned when another controller looks after the target.
var ErrInUse = errors.New("in use by another controller")

// The lock of a controller that was just killed may be held for a moment by
// what it was starting, so it is asked for a few times.
const (
	lockTries = 10
	lockPause = 50 * time.Millisecond
)

// Store is what outlives the controller of a target: <path>.json, a state S,
// and <path>.lock, which says that a controller looks after the target. One
// goroutine uses it at a time.
type Store[S any] struct {
	path     string
	damaged  string // what an operator should know of a damaged state
	lockFile *os.File
	written  []byte // what Write wrote last
}

// NewStore is the store of a name in a directory, which is created where
// missing. An error that calls the state damaged adds what is said of that.
func NewStore[S any](dir, name, damaged string) *Store[S] {
	return &Store[S]{path: filepath.Join(dir, name), damaged: damaged}
}

// Held is true between Lock and Unlock.
func (s *Store[S]) Held() bool { return s.lockFile != nil }

// LockPatiently takes the lock, also one that is just being given back.
func (s *Store[S]) LockPatiently(ctx context.Context, clk clock.Clock) error {
	for try := 1; ; try++ {
		err := s.Lock()
		if !errors.Is(err, ErrInUse) || try == lockTries {
			return err
		}
		select {
		case <-clk.After(lockPause):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Lock takes the lock, or says who may have it.
func (s *Store[S]) Lock() error {
	if err := os.MkdirAll(filepath.Dir(s.path), 0o755); err != nil {
		return fmt.Errorf("state directory: %w", err)
	}
	path := s.path + ".lock"
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return fmt.Errorf("lock: %w", err)
	}
	if err := filelock.Lock(file); err != nil {
		holder, _ := os.ReadFile(path)
		file.Close()
		if errors.Is(err, filelock.ErrLocked) {
			return fmt.Errorf("%w: %s is locked by process %s", ErrInUse, path, strings.TrimSpace(string(holder)))
		}
		return fmt.Errorf("lock %s: %w", path, err)
	}
	s.lockFile = file
	// Only for the message above: who cannot write it down has the lock all
	// the same.
	if file.Truncate(0) == nil {
		fmt.Fprintf(file, "%d\n", os.Getpid())
	}
	return nil
}

// Unlock gives the lock back. The file stays: removing it would let two
// controllers lock two files of the same name.
func (s *Store[S]) Unlock() {
	s.lockFile.Close()
	s.lockFile, s.written = nil, nil
}

// Unattended returns ErrInUse when a controller looks after the target, or why
// what an earlier one left cannot be read.
func (s *Store[S]) Unattended(ctx context.Context, clk clock.Clock) error {
	if err := s.LockPatiently(ctx, clk); err != nil {
		return err
	}
	defer s.Unlock()
	_, _, err := s.Read()
	return err
}

// Read returns what was written last; false when nothing was.
func (s *Store[S]) Read() (state S, found bool, err error) {
	raw, err := os.ReadFile(s.path + ".json")
	if errors.Is(err, os.ErrNotExist) {
		return state, false, nil
	}
	if err != nil {
		return state, false, fmt.Errorf("read state: %w", err)
	}
	if err := json.Unmarshal(raw, &state); err != nil {
		var none S
		return none, false, fmt.Errorf("state %s is damaged (%s): %w", s.path+".json", s.damaged, err)
	}
	return state, true, nil
}

// Write replaces the state as a whole: after a crash at any moment either
// the old or the new one is there.
func (s *Store[S]) Write(state S) error {
	raw, err := json.MarshalIndent(state, "", "  ")
	if err == nil && !bytes.Equal(raw, s.written) {
		err = atomicfile.Write(s.path+".json", raw, 0o644)
	}
	if err != nil {
		return fmt.Errorf("write state: %w", err)
	}
	s.written = raw
	return nil
}
