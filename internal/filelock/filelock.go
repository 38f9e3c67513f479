// Package filelock is the lock of a file that the system gives back however
// its holder ends, so that a crash leaves nothing to clean up.
package filelock

import "errors"

// ErrLocked is returned when somebody else has the lock.
var ErrLocked = errors.New("locked")
