//go:build unix

package diskfull

import (
	"errors"
	"syscall"
)

// Is reports whether an error is about space: of the disk, or of a quota.
func Is(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}
