package sqlite

import (
	"errors"
	"os"

	"golang.org/x/sys/windows"
)

// hold locks a byte far beyond the text, which others may then still read.
func hold(f *os.File) error {
	at := &windows.Overlapped{OffsetHigh: 1}
	err := windows.LockFileEx(windows.Handle(f.Fd()), windows.LOCKFILE_EXCLUSIVE_LOCK|windows.LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0, at)
	if errors.Is(err, windows.ERROR_LOCK_VIOLATION) {
		return errHeld
	}
	return err
}

func noSpace(err error) bool { return errors.Is(err, windows.ERROR_DISK_FULL) }
