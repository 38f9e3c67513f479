package diskfull

import (
	"errors"

	"golang.org/x/sys/windows"
)

// Is reports whether an error is about space on the disk.
func Is(err error) bool {
	return errors.Is(err, windows.ERROR_DISK_FULL) || errors.Is(err, windows.ERROR_HANDLE_DISK_FULL)
}
