package sqlite

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/flyball-io/flyball/internal/diskfull"
	"github.com/flyball-io/flyball/internal/filelock"
	"github.com/flyball-io/flyball/record"
)

// lock keeps other processes from the record. Its file says who has it, and
// afterwards whether the end was clean. The file is never removed: two
// processes could then lock different ones.
type lock struct {
	file  *os.File
	clean bool // the last holder ended as it should
	known bool // there was a holder before
}

const closedCleanly = "closed"

func acquire(path string, now time.Time) (_ *lock, err error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	switch {
	case diskfull.Is(err):
		return nil, err
	case err != nil:
		return nil, fmt.Errorf("%w: %w; let this user write in its folder, or name another path", errRefused, err)
	}
	defer func() {
		if err != nil {
			f.Close()
		}
	}()
	was := said(f)
	if err := filelock.Lock(f); errors.Is(err, filelock.ErrLocked) {
		return nil, fmt.Errorf("%w by %s; stop that one, or name another path", record.ErrInUse, holder(was))
	} else if err != nil {
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	was = said(f) // it may have changed before the lock was ours
	l := &lock{file: f, clean: strings.HasPrefix(was, closedCleanly)}
	l.known = l.clean || strings.HasPrefix(was, "process ")
	if err := l.say(fmt.Sprintf("process %d since %s", os.Getpid(), now.UTC().Format(time.RFC3339))); err != nil {
		return nil, err
	}
	return l, nil
}

// said is the first line of the file.
func said(f *os.File) string {
	text, _ := io.ReadAll(io.NewSectionReader(f, 0, 1000))
	line, _, _ := strings.Cut(string(text), "\n")
	return line
}

func holder(said string) string {
	if strings.HasPrefix(said, "process ") {
		return said
	}
	return "another process"
}

// say replaces the text without giving its space away first: on a full disk
// somebody else would take it.
func (l *lock) say(text string) error {
	text += "\n"
	if _, err := l.file.WriteAt([]byte(text), 0); err != nil {
		return err
	}
	return l.file.Truncate(int64(len(text)))
}

// release lets others have the record.
func (l *lock) release(clean bool) {
	if clean {
		// If this cannot be said the next one looks closer, no more.
		_ = l.say(closedCleanly)
	}
	l.file.Close()
}
