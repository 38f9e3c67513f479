package sqlite

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

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

var errHeld = errors.New("held")

func acquire(path string, now time.Time) (*lock, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("%w: %w; let this user write in its folder, or name another path", errRefused, err)
	}
	said, _ := io.ReadAll(io.LimitReader(f, 1000))
	if err := hold(f); errors.Is(err, errHeld) {
		f.Close()
		return nil, fmt.Errorf("%w by %s; stop that one, or name another path", record.ErrInUse, holder(said))
	} else if err != nil {
		f.Close()
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	said, _ = io.ReadAll(io.NewSectionReader(f, 0, 1000)) // it may have changed before the lock was ours
	l := &lock{file: f, clean: strings.HasPrefix(string(said), closedCleanly)}
	l.known = l.clean || strings.HasPrefix(string(said), "process ")
	return l, l.say(fmt.Sprintf("process %d since %s", os.Getpid(), now.UTC().Format(time.RFC3339)))
}

func holder(said []byte) string {
	if text := strings.TrimSpace(string(said)); strings.HasPrefix(text, "process ") {
		return text
	}
	return "another process"
}

func (l *lock) say(text string) error {
	if err := l.file.Truncate(0); err != nil {
		return err
	}
	_, err := l.file.WriteAt([]byte(text+"\n"), 0)
	return err
}

// release lets others have the record.
func (l *lock) release(clean bool) {
	if clean {
		// If this cannot be said the next one looks closer, no more.
		_ = l.say(closedCleanly)
	}
	l.file.Close()
}
