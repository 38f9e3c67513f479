package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"

	"github.com/flyball-io/flyball/record"
)

// comeBack writes a record anew whose file was removed while it was open: it
// lives on without a name, and would be gone with the process. A lock that was
// removed with it is taken again, unless another process has it by now.
func (s *Store) comeBack(ctx context.Context) error {
	if !missing(s.Path) {
		return nil
	}
	s.life.Lock()
	defer s.life.Unlock()
	if s.closed || s.files == nil || !missing(s.Path) {
		return nil
	}
	if err := s.lockAnew(); err != nil {
		return err
	}
	ctx = context.WithoutCancel(ctx) // what is half done is worse
	fresh := s.Path + ".fresh"
	_ = os.Remove(fresh) // left by one that did not come to its end
	if _, err := s.write.ExecContext(ctx, "VACUUM INTO ?", fresh); err != nil {
		return err
	}
	_ = s.close() // of what has no name any more
	for _, suffix := range []string{"-wal", "-shm"} {
		_ = os.Remove(s.Path + suffix) // of the old file, whose content is in the fresh one
	}
	if err := os.Rename(fresh, s.Path); err != nil {
		s.files, s.broken = nil, err
		return err
	}
	f, err := openFiles(ctx, s.Options, false)
	if err != nil {
		s.files, s.broken = nil, err
		return err
	}
	s.files = f
	s.Log.Warn("the record was removed while it was in use, and is written anew", slog.String("file", s.Path))
	return nil
}

func missing(path string) bool {
	_, err := os.Stat(path)
	return errors.Is(err, fs.ErrNotExist)
}

// lockAnew takes the lock of the name again, where it was removed too.
func (s *Store) lockAnew() error {
	if err := prepare(s.Path); err != nil {
		return err
	}
	if !missing(s.Path + ".lock") {
		return nil
	}
	l, err := acquire(s.Path+".lock", s.Clock.Now())
	if errors.Is(err, record.ErrInUse) {
		return fmt.Errorf("the record was removed while it was in use: %w", err)
	}
	if err != nil {
		return err
	}
	s.lock.release(false)
	s.lock = l
	return nil
}
