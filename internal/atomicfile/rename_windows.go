package atomicfile

import (
	"errors"
	"os"
	"time"

	"golang.org/x/sys/windows"

	"github.com/flyball-io/flyball/internal/clock"
)

// A file that somebody reads cannot be replaced: virus scanners and a flyball
// that only looks do so for a moment.
const (
	renameTries = 50
	renamePause = 10 * time.Millisecond
)

// rename puts a file in the place of another.
func rename(from, to string) error {
	for try := 1; ; try++ {
		err := os.Rename(from, to)
		busy := errors.Is(err, windows.ERROR_ACCESS_DENIED) || errors.Is(err, windows.ERROR_SHARING_VIOLATION)
		if !busy || try == renameTries {
			return err
		}
		<-clock.System.After(renamePause)
	}
}

// syncDir does nothing: directories cannot be synced here.
func syncDir(string) error { return nil }
